package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// Lookup returns what the journal has for a row. ok is false if there is no result.
func (j *Journal) Lookup(f batch.Fingerprint, occurrence int) (e Entry, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.index.slots.Get(keyOf(f, occurrence))
	return entryOf(s), s.Status != 0
}

// Superseded returns the results of a row that do not count. They are earlier than the one
// that counts, or they are later and not settled though that one is.
func (j *Journal) Superseded(f batch.Fingerprint, occurrence int) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.index.earlier[keyOf(f, occurrence)])
}

// Rows returns how many rows have a result, by the status of the one that counts.
func (j *Journal) Rows() map[batch.Status]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows := make(map[batch.Status]int64)
	for p := range j.index.slots.All() {
		if s := p.Slot(); s.Status != 0 {
			rows[entryOf(s).Status]++
		}
	}
	return rows
}

// segmentFile returns a segment's file, open for reading, and its name. The file stays
// open until Close, which takes one descriptor for each 256 MiB.
func (j *Journal) segmentFile(at int) (*os.File, string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, "", os.ErrClosed
	}
	seg := &j.segments[at]
	if seg.f == nil {
		f, err := j.openSegment(seg.name)
		if err != nil {
			return nil, "", err
		}
		seg.f = f
	}
	return seg.f, seg.name, nil
}

// decodeLine decodes the result in a line, with its answer, to r. The line's sum must have
// been checked. r shares memory with the line, and with last.
func (j *Journal) decodeLine(segment string, l line, r *batch.Result, last *lastAnswer) (*batch.Result, error) {
	shared, blob, err := decode(l.body, r)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %s, byte %d: %w", j.config.Dir, segment, l.offset, err)
	}
	if (shared != answerID{}) {
		if r.Response, err = readAnswer(j, segment, l, shared, last); err != nil {
			return nil, err
		}
	}
	if blob != "" {
		if r.Response, err = j.readBlob(blob); err != nil {
			return nil, blobDamage(segment, l, err)
		}
	}
	return r, nil
}

// snapshot returns the segments as they are now. A copy can be read while Write goes on.
func snapshot(j *Journal) []segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.segments)
}

// All returns a sequence of all results that are durable now, in the order in which they
// were written, including those that do not count. A damaged result yields a [*Damage] in
// its place, and the results after it follow. Any other error ends the sequence. It can be
// ranged over many times.
func (j *Journal) All() iter.Seq2[*batch.Result, error] {
	return func(yield func(*batch.Result, error) bool) {
		for _, seg := range snapshot(j) {
			if !j.yieldSegment(seg, yield) {
				return
			}
		}
	}
}

// Readable returns what [Journal.All] does, without the results that are damaged. Their rows
// are asked again, and what they have cost is not known. An error is the last thing yielded.
func Readable(j *Journal) iter.Seq2[*batch.Result, error] {
	return func(yield func(*batch.Result, error) bool) {
		for r, err := range j.All() {
			if _, damaged := errors.AsType[*Damage](err); damaged {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// yieldSegment yields the results of one segment. It returns false if All is to end.
func (j *Journal) yieldSegment(seg segment, yield func(*batch.Result, error) bool) bool {
	f, err := j.openSegment(seg.name)
	if err != nil {
		yield(nil, fmt.Errorf("journal %s: %w", j.config.Dir, err))
		return false
	}
	defer f.Close()
	var last lastAnswer
	for l, err := range lines(io.LimitReader(f, seg.size)) {
		if err != nil {
			yield(nil, fmt.Errorf("journal %s: %s: %w", j.config.Dir, seg.name, err))
			return false
		}
		if !l.ok && l.offset > 0 {
			if !yield(nil, corrupt(seg.name, l)) {
				return false
			}
			continue
		}
		if !l.ok || !bytes.HasPrefix(l.body, []byte(startRecord)) {
			continue // a header, damaged or not, a mark of pruned results, or an answer
		}
		l.body = bytes.Clone(l.body)
		r, err := j.decodeLine(seg.name, l, new(batch.Result), &last)
		if _, damaged := errors.AsType[*Damage](err); !yield(r, err) || err != nil && !damaged {
			return false
		}
	}
	return true
}
