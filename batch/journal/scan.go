package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/genbatch/genbatch/internal/durable"
)

// This file reads segments line by line, and builds the index from them.

// A line is one line of a segment.
type line struct {
	number         int64  // from 1
	offset         int64  // where it begins
	text           []byte // without the line end; valid until the next line is read
	body           []byte // the part that the sum covers, if ok
	ok             bool   // the sum matches
	ended          bool   // it has a line end, which only the last line can lack
	lineEndDamaged bool   // that byte is damaged
}

// next returns where the line after l begins.
func (l line) next() int64 {
	n := l.offset + int64(len(l.text))
	if l.ended {
		n++
	}
	return n
}

// lines yields the lines of a segment, good and bad, and then the error that ended the
// reading, if any.
func lines(segment io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		r := bufio.NewReaderSize(segment, 256<<10)
		var long []byte // the beginning of a line that is longer than the reader's buffer
		var l line
		for {
			part, err := r.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				long = append(long, part...)
				continue
			}
			if err != nil && err != io.EOF {
				yield(line{}, err)
				return
			}
			if len(long) > 0 {
				long = append(long, part...)
				part = long
			}
			if len(part) > 0 {
				l.number++
				l.text, l.ended = bytes.CutSuffix(part, []byte("\n"))
				if !yieldParts(l, yield) {
					return
				}
				l.offset += int64(len(part))
			}
			if err == io.EOF {
				return
			}
			long = long[:0]
		}
	}
}

// yieldParts yields a line. If line ends inside of it seem to be damaged, it yields two or
// more lines, so that one bad byte does not cost two results.
func yieldParts(l line, yield func(line, error) bool) bool {
	for {
		l.body, l.ok = durable.VerifySum(l.text)
		i := -1
		if !l.ok {
			i = lostLineEnd(l.text)
		}
		if i < 0 {
			return yield(l, nil)
		}
		part := l
		part.text, part.ended, part.lineEndDamaged = l.text[:i], true, true
		part.body, part.ok = durable.VerifySum(part.text)
		if !yield(part, nil) {
			return false
		}
		l.text, l.offset = l.text[i+1:], l.offset+int64(i)+1
	}
}

// lostLineEnd returns the place of a byte that seems to have been a line end, or -1. Such
// a byte stands between what looks like the end of one line and the beginning of another,
// or before the last such beginning. The line on one of its sides must be whole.
func lostLineEnd(text []byte) int {
	for from := 1; from < len(text); {
		i := nextStart(text, from)
		if i < 0 {
			break
		}
		from = i + 1
		if !durable.HasSum(text[:i-1]) {
			continue
		}
		if _, ok := durable.VerifySum(text[:i-1]); ok {
			return i - 1
		}
		if _, ok := durable.VerifySum(text[i:]); ok {
			return i - 1
		}
	}
	if i := max(bytes.LastIndex(text, []byte(startRecord)), bytes.LastIndex(text, []byte(startAnswer))); i > 0 {
		if _, ok := durable.VerifySum(text[i:]); ok {
			return i - 1
		}
	}
	return -1
}

// nextStart returns the first place, not before from, at which text looks like the beginning
// of a result or an answer, or -1.
func nextStart(text []byte, from int) int {
	for {
		i := bytes.Index(text[from:], []byte(`{"`))
		if i < 0 {
			return -1
		}
		from += i
		if s := text[from:]; bytes.HasPrefix(s, []byte(startRecord)) || bytes.HasPrefix(s, []byte(startAnswer)) {
			return from
		}
		from++
	}
}

// scan reads the segment at place at of j.segments into the index. torn is the line after
// the last good one: from torn.offset on nothing in the segment is good. If all is good,
// torn.offset is the segment's size. torn.ended says that the last good line has its end.
func (j *Journal) scan(at int, last bool) (torn line, err error) {
	seg := &j.segments[at]
	f, err := j.openSegment(seg.name)
	if err != nil {
		return line{}, err
	}
	defer f.Close()
	known := len(j.damage) // how much of it is before the last good line
	for l, err := range lines(f) {
		if err != nil {
			return line{}, fmt.Errorf("%s, byte %d: %w", seg.name, seg.size, err)
		}
		if l.next() > maxSegment {
			return line{}, fmt.Errorf("%s is larger than any segment that genbatch writes", seg.name)
		}
		if !l.ok && !l.ended && last && j.config.ReadOnly {
			break // another process is probably writing this line now
		}
		if l.offset == 0 && !bytes.HasPrefix(l.body, []byte(startHeader)) {
			j.report(&Damage{Kind: Header, Segment: seg.name, Line: 1, Length: int64(len(l.text)),
				Detail: "the header line is missing or damaged; the lines after it are read"})
		}
		seg.size = l.next()
		if !l.ok {
			if l.offset > 0 {
				if !bytes.HasPrefix(l.text, []byte(startAnswer)) { // which has no seq
					j.unread++
				}
				j.report(corrupt(seg.name, l))
			}
			continue
		}
		if err := j.accept(at, l); err != nil {
			return line{}, fmt.Errorf("%s:%d: %w", seg.name, l.number, err)
		}
		if l.lineEndDamaged {
			j.report(&Damage{Kind: Corrupt, Segment: seg.name, Line: l.number, Offset: l.next() - 1, Length: 1,
				Detail: "the line end is damaged; the results on both sides of it are read"})
		}
		known = len(j.damage)
		torn = line{number: l.number + 1, offset: l.next(), ended: l.ended}
	}
	if last && !j.config.ReadOnly && torn.offset < seg.size {
		j.damage = j.damage[:known] // resume cuts the rest off and reports it as one
		j.unread = 0
	}
	return torn, nil
}

// accept takes a line whose sum matches.
func (j *Journal) accept(at int, l line) error {
	seg := &j.segments[at]
	if bytes.HasPrefix(l.body, []byte(startHeader)) {
		h, err := parseHeader(l.body)
		if err == nil && h.FirstSeq > j.seq {
			j.advance(seg.name, l, h.FirstSeq-1)
		}
		return err
	}
	if bytes.HasPrefix(l.body, []byte(startPruned)) {
		return j.acceptPruned(seg, l)
	}
	if bytes.HasPrefix(l.body, []byte(startAnswer)) {
		return acceptAnswer(j, at, l)
	}
	h, ok := parseHead(l.body)
	if !ok {
		return errors.New("a line with the right checksum that is no result: use the genbatch that wrote it")
	}
	if h.seq <= j.seq {
		j.report(&Damage{Kind: Repeat, Segment: seg.name, Line: l.number, Offset: l.offset, Length: int64(len(l.text)),
			Detail: fmt.Sprintf("result %d comes after result %d", h.seq, j.seq)})
		if j.indexed(h) {
			return nil // it is the same line again, whose attempts were paid for only once
		}
	} else {
		j.advance(seg.name, l, h.seq-1)
		j.seq = h.seq
	}
	if h.blob != "" {
		if err := j.checkBlob(h.blob); err != nil {
			j.report(blobDamage(seg.name, l, err))
			return nil
		}
	}
	if !hasAnswer(j, h.shared) {
		j.report(answerDamage(seg.name, l, lostAnswer(h.shared)))
		return nil
	}
	j.index.put(h, uint16(at), uint32(l.offset), uint32(len(l.text)))
	return nil
}

// advance notes that the last result before line l has the number seq. It reports how many
// results are missing up to there. Each damaged line stands for one of them.
func (j *Journal) advance(segment string, l line, seq int64) {
	if missing := seq - j.seq; missing > j.unread {
		j.report(&Damage{Kind: Gap, Segment: segment, Line: l.number, Offset: l.offset,
			Detail: fmt.Sprintf("of the results %d to %d before this line %d are missing; they count as not answered", j.seq+1, seq, missing-j.unread)})
	}
	j.seq, j.unread = seq, 0
}

// blobDamage returns the damage of a line whose blob cannot be read because of err.
func blobDamage(segment string, l line, err error) *Damage {
	return &Damage{Kind: Blob, Segment: segment, Line: l.number, Offset: l.offset, Length: int64(len(l.text)),
		Detail: fmt.Sprintf("%v; the result counts as not answered", err)}
}
