package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal/internal/table"
)

// This file finds the result of a row by its fingerprint and occurrence.

// An Entry says what the journal has for one row, and where. The zero value stands for a
// row without a result.
type Entry struct {
	Status batch.Status // empty in the zero value

	segment uint16 // index into Journal.segments
	offset  uint32
	length  uint32 // without the line end
}

// Bytes returns the length of the result's line in bytes, without an answer that stands in a
// blob or is shared.
func (e Entry) Bytes() int { return int(e.length) }

// entryOf returns a slot as an Entry.
func entryOf(s table.Slot) Entry {
	if s.Status == 0 {
		return Entry{}
	}
	return Entry{Status: batch.Statuses[s.Status-1], segment: s.Segment, offset: s.Offset, length: s.Length}
}

// statusCode returns 1 + the place of s in batch.Statuses, or 0 if s is not there. In a
// slot 0 means that there is no result.
func statusCode(s string) uint8 {
	return uint8(1 + slices.Index(batch.Statuses, batch.Status(s)))
}

// An index finds the result of a row.
type index struct {
	slots table.Table
	pass  uint8 // the current pass, 1 to 15; 0 before the first

	// earlier holds the results that do not count, of the few rows that have more than
	// one. Their attempts still count as money spent.
	earlier map[batch.Fingerprint][]Entry
}

// keyOf returns the key of a row in the index. For occurrence 0, which nearly every row
// has, it is the fingerprint itself; otherwise it is a digest of both.
func keyOf(f batch.Fingerprint, occurrence int) batch.Fingerprint {
	if occurrence == 0 {
		return f
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(f[:], uint64(occurrence)))
	return batch.Fingerprint(sum[:len(f)])
}

// put adds a result. The result replaces an earlier one of its row, unless the earlier
// one is settled and the new one is not.
func (x *index) put(h head, segment uint16, offset, length uint32) {
	key := keyOf(h.fingerprint, h.occurrence)
	p := x.slots.Put(key)
	s := p.Slot()
	if s.Status != 0 {
		late := entryOf(table.Slot{Segment: segment, Offset: offset, Length: length, Status: h.status})
		counts := late.Status.Settled() || !entryOf(s).Status.Settled()
		if counts {
			late = entryOf(s)
		}
		if x.earlier == nil {
			x.earlier = make(map[batch.Fingerprint][]Entry)
		}
		x.earlier[key] = append(x.earlier[key], late)
		if !counts {
			return
		}
	}
	s.Segment, s.Offset, s.Length, s.Status = segment, offset, length, h.status
	*p = s.Pack()
}

// A Pass numbers the rows in one pass over the input: the n-th row with the same
// fingerprint is occurrence n-1. A Pass is for one goroutine, and ends when the next one
// begins. Results may be written during a pass.
type Pass struct {
	j *Journal
}

// Pass begins a pass over the input.
func (j *Journal) Pass() *Pass {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.index.pass++
	if j.index.pass == 16 { // the number 1 comes again: slots must not keep it from an old pass
		for p := range j.index.slots.All() {
			s := p.Slot()
			s.Pass = 0
			*p = s.Pack()
		}
		j.index.pass = 1
	}
	return &Pass{j: j}
}

// Next takes the next row of the input. It returns the row's occurrence and what the
// journal has for it; known is false if there is no result. Next uses the memory of one
// index entry for each new fingerprint.
func (p *Pass) Next(f batch.Fingerprint) (occurrence int, e Entry, known bool) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	x := &p.j.index
	slot := x.slots.Put(f)
	s := slot.Slot()
	if s.Pass != x.pass {
		s.Pass, s.Seen = x.pass, 0
	}
	occurrence = int(s.Seen)
	s.Seen++
	*slot = s.Pack()
	if occurrence > 0 {
		key := keyOf(f, occurrence)
		if s = x.slots.Get(key); s.Status != 0 {
			s.Pass = x.pass
			*x.slots.Put(key) = s.Pack()
		}
	}
	return occurrence, entryOf(s), s.Status != 0
}

// Meet returns what the journal has for a row that the pass numbers under another fingerprint.
// From then on it is no orphan.
func (p *Pass) Meet(f batch.Fingerprint, occurrence int) (e Entry, known bool) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	x := &p.j.index
	key := keyOf(f, occurrence)
	s := x.slots.Get(key)
	if s.Status == 0 {
		return Entry{}, false
	}
	if s.Pass != x.pass {
		s.Pass, s.Seen = x.pass, 0
		*x.slots.Put(key) = s.Pack()
	}
	return entryOf(s), true
}
