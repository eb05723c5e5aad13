package journal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// A Candidate is a result that [Journal.Prune] may remove.
type Candidate struct {
	Superseded bool // another result of its row counts
	Orphaned   bool // the last [Pass] has not met its row
	Status     batch.Status
	Bytes      int64 // its size in the segment, without a blob and without an answer that rows share

	body []byte // valid until the next candidate
}

// Result returns the result, without its Response.
func (c *Candidate) Result() (*batch.Result, error) {
	r := new(batch.Result)
	if _, _, err := decode(bytes.Clone(c.body), r); err != nil {
		return nil, err
	}
	r.Response = nil
	return r, nil
}

// Candidates returns a sequence of all results that are not damaged, in the order of the
// journal. A Candidate is valid until the next one.
func (j *Journal) Candidates() iter.Seq2[*Candidate, error] {
	return func(yield func(*Candidate, error) bool) {
		for l, err := range j.allLines() {
			if err != nil {
				yield(nil, err)
				return
			}
			if c := j.candidate(l); c != nil && !yield(c, nil) {
				return
			}
		}
	}
}

// A segmentLine is a line with the segment that it stands in.
type segmentLine struct {
	line
	segment int
}

// allLines yields every line of every segment, good or bad, except the headers.
func (j *Journal) allLines() iter.Seq2[segmentLine, error] {
	return func(yield func(segmentLine, error) bool) {
		for i, seg := range snapshot(j) {
			if !j.segmentLines(i, seg, yield) {
				return
			}
		}
	}
}

// segmentLines does so for one segment. It returns false if no more is to be yielded.
func (j *Journal) segmentLines(at int, seg segment, yield func(segmentLine, error) bool) bool {
	f, err := j.openSegment(seg.name)
	if err != nil {
		yield(segmentLine{}, err)
		return false
	}
	defer f.Close()
	for l, err := range lines(io.LimitReader(f, seg.size)) {
		if err == nil && l.offset == 0 && (!l.ok || bytes.HasPrefix(l.body, []byte(startHeader))) {
			continue
		}
		if !yield(segmentLine{l, at}, err) || err != nil {
			return false
		}
	}
	return true
}

// candidate returns the result in a line, or nil if there is none.
func (j *Journal) candidate(l segmentLine) *Candidate {
	if !l.ok {
		return nil
	}
	h, ok := parseHead(l.body)
	if !ok {
		return nil
	}
	c := &Candidate{Status: batch.Statuses[h.status-1], Bytes: int64(len(l.text)) + 1, body: l.body}
	j.mu.Lock()
	defer j.mu.Unlock()
	// A result whose blob is damaged is not in the index. As long as no other result of
	// the row counts, it is kept in case the blob is restored.
	if s := j.index.slots.Get(keyOf(h.fingerprint, h.occurrence)); s.Status != 0 {
		c.Orphaned = s.Pass != j.index.pass
		c.Superseded = int(s.Segment) != l.segment || int64(s.Offset) != l.offset
	}
	return c
}

// Orphans returns a sequence of the results that count for rows which the last [Pass] has
// not met, in no particular order. Until the sequence ends no pass may begin and nothing
// may be written.
func (j *Journal) Orphans() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for p := range j.index.slots.All() {
			if s := p.Slot(); s.Status != 0 && s.Pass != j.index.pass && !yield(entryOf(s)) {
				return
			}
		}
	}
}

// Prune rewrites the journal without the results for which remove returns true, and closes
// it. The caller then opens it again, which also removes the old files. If Prune, the
// process or the machine fails, the next Open finds the journal either as it was or
// pruned.
//
// A damaged line is copied as it is, and is reported in its new place.
func (j *Journal) Prune(remove func(*Candidate) bool) error {
	j.wmu.Lock()
	err := j.err
	if err == nil && j.config.ReadOnly {
		err = fmt.Errorf("journal %s is open for reading only", j.config.Dir)
	}
	if err == nil {
		if err = j.rewrite(remove); err != nil {
			err = fmt.Errorf("journal %s: %w", j.config.Dir, err)
		}
		// Even if the rewrite failed, the new generation may count. So no line may be
		// added to the old segments.
		j.err = fmt.Errorf("journal %s was pruned: %w", j.config.Dir, os.ErrClosed)
	}
	j.wmu.Unlock()
	if cerr := j.Close(); err == nil {
		err = cerr
	}
	return err
}

// rewrite writes the next generation. All its other segments are finished before the
// first one takes its name, with which the whole generation begins to count.
func (j *Journal) rewrite(remove func(*Candidate) bool) error {
	r := &rewriter{j: j, generation: j.generation + 1, max: j.config.SegmentBytes}
	defer r.abort()
	if err := r.next(); err != nil {
		return err
	}
	for l, err := range j.allLines() {
		if err != nil {
			return err
		}
		if err := r.take(l.line, j.candidate(l), remove); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	return r.commit()
}

// A rewriter writes the segments of a generation.
type rewriter struct {
	j          *Journal // which is rewritten
	generation int
	max        int64

	first  *durable.File // stays open until all other segments are finished
	out    *durable.File // the current segment
	buf    *bufio.Writer
	number int
	size   int64
	has    map[answerID]bool // the answers in the current segment

	seq    int64 // of the last result that has been written or marked as pruned
	pruned span  // the results that have been left out and not yet marked
}

// A span is a range of results that includes both ends. It is empty if to is 0.
type span struct{ from, to int64 }

// take copies a line, or notes that its result is left out.
func (r *rewriter) take(l line, c *Candidate, remove func(*Candidate) bool) error {
	switch {
	case c != nil:
		h, _ := parseHead(l.body)
		// A result that comes a second time leaves no gap if it is left out.
		if again := h.seq <= max(r.seq, r.pruned.to); remove(c) {
			if again {
				return nil
			}
			return r.leaveOut(span{h.seq, h.seq})
		} else if err := r.copyResult(l.text, h.shared); err != nil || again {
			return err
		}
		r.seq = h.seq
		return nil
	case l.ok && bytes.HasPrefix(l.body, []byte(startPruned)):
		if p, ok := parsePruned(l.body); ok && p.from > max(r.seq, r.pruned.to) {
			return r.leaveOut(p)
		}
		return nil
	case l.ok && bytes.HasPrefix(l.body, []byte(startHeader)):
		return nil // this one stands where no header belongs
	case l.ok && bytes.HasPrefix(l.body, []byte(startAnswer)):
		return nil // it comes with the first result that needs it, if one is kept
	}
	return r.copy(l.text) // damaged
}

// leaveOut notes that results are left out. One line marks all that follow each other.
func (r *rewriter) leaveOut(p span) error {
	if r.pruned.to != 0 && p.from == r.pruned.to+1 {
		r.pruned.to = p.to
		return nil
	}
	if err := r.flush(); err != nil {
		return err
	}
	r.pruned = p
	return nil
}

// flush writes the line that marks the results that have been left out.
func (r *rewriter) flush() error {
	if r.pruned.to == 0 {
		return nil
	}
	p := r.pruned
	r.pruned = span{}
	text := appendPruned(nil, p)
	if err := r.copy(text[:len(text)-1]); err != nil {
		return err
	}
	r.seq = p.to
	return nil
}

// copyResult copies the line of a result, and before it that of its answer, unless the segment
// has that already. A result whose answer is damaged stays so.
func (r *rewriter) copyResult(text []byte, shared answerID) error {
	if err := r.flush(); err != nil {
		return err
	}
	p, known := r.j.answers[shared]
	size := int64(len(text)) + 1
	if known && (!r.has[shared] || r.size+size > r.max) {
		if err := r.begin(int64(p.length) + 1 + size); err != nil {
			return err
		}
		_, answer, err := r.j.bytes(p.segment, int64(p.offset), p.end())
		if err != nil {
			return err
		}
		if _, ok := durable.VerifySum(answer); ok {
			r.has[shared] = true
			if err := r.copy(answer); err != nil {
				return err
			}
		}
	}
	return r.copy(text)
}

// copy writes a line unchanged.
func (r *rewriter) copy(text []byte) error {
	if err := r.begin(int64(len(text)) + 1); err != nil {
		return err
	}
	r.size += int64(len(text)) + 1
	if _, err := r.buf.Write(text); err != nil {
		return err
	}
	return r.buf.WriteByte('\n')
}

// begin makes a segment ready for so many bytes more, after the mark of what has been left out.
func (r *rewriter) begin(size int64) error {
	if err := r.flush(); err != nil {
		return err
	}
	if r.size > 0 && r.size+size > r.max {
		if err := r.finish(); err != nil {
			return err
		}
		if err := r.next(); err != nil {
			return err
		}
	}
	if r.size == 0 {
		n, err := r.buf.Write(appendHeader(nil, r.seq+1))
		r.size += int64(n)
		return err
	}
	return nil
}

// next begins a segment.
func (r *rewriter) next() error {
	r.number++
	if r.number > maxSegments {
		return fmt.Errorf("%d segments are as many as a journal can have", maxSegments)
	}
	var err error
	if r.out, err = r.j.config.FS.CreateFile(filepath.Join(r.j.config.Dir, segmentName(r.generation, r.number))); err != nil {
		return err
	}
	if r.number == 1 {
		r.first = r.out
	}
	r.buf = bufio.NewWriterSize(r.out, 256<<10)
	r.size, r.has = 0, make(map[answerID]bool)
	return nil
}

// finish ends a segment. The first one keeps its temporary name.
func (r *rewriter) finish() error {
	if err := r.buf.Flush(); err != nil || r.out == r.first {
		return err
	}
	return r.out.Commit()
}

// commit ends the last segment, and then switches by giving the first one its name.
func (r *rewriter) commit() error {
	if r.size == 0 { // the journal has neither a result nor a mark of pruned ones
		if _, err := r.buf.Write(appendHeader(nil, 1)); err != nil {
			return err
		}
	}
	if err := r.finish(); err != nil {
		return err
	}
	return r.first.Commit()
}

// abort removes the segments that have not got their names.
func (r *rewriter) abort() {
	for _, f := range []*durable.File{r.first, r.out} {
		if f != nil {
			f.Abort()
		}
	}
}

func appendPruned(buf []byte, p span) []byte {
	start := len(buf)
	buf = append(buf, startPruned...)
	buf = strconv.AppendInt(buf, p.from, 10)
	buf = append(buf, fieldPruned...)
	buf = strconv.AppendInt(buf, p.to, 10)
	return durable.AppendSum(buf, start)
}

func parsePruned(body []byte) (p span, ok bool) {
	p.from, body, ok = cutNumber(body, startPruned)
	if ok {
		p.to, _, ok = cutNumber(body, fieldPruned)
	}
	return p, ok && 0 < p.from && p.from <= p.to
}

// acceptPruned takes a line that marks pruned results.
func (j *Journal) acceptPruned(seg *segment, l line) error {
	p, ok := parsePruned(l.body)
	if !ok {
		return fmt.Errorf("a line with the right checksum that names no pruned results: use the genbatch that wrote it")
	}
	if p.from <= j.seq {
		j.report(&Damage{Kind: Repeat, Segment: seg.name, Line: l.number, Offset: l.offset, Length: int64(len(l.text)),
			Detail: fmt.Sprintf("the mark of the pruned results %d to %d comes after result %d", p.from, p.to, j.seq)})
		return nil
	}
	j.advance(seg.name, l, p.from-1)
	j.seq = p.to
	return nil
}

// indexed reports whether the index has the very result that has this head. It compares
// their seq.
func (j *Journal) indexed(h head) bool {
	key := keyOf(h.fingerprint, h.occurrence)
	s := j.index.slots.Get(key)
	if s.Status == 0 {
		return false
	}
	for _, e := range append([]Entry{entryOf(s)}, j.index.earlier[key]...) {
		if r, err := j.Read(e); err == nil && r.Seq == h.seq {
			return true
		}
	}
	return false
}
