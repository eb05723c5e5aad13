package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/genbatch/genbatch/batch"
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

// Bytes returns the length of the result's line in bytes, without an answer in a blob.
func (e Entry) Bytes() int { return int(e.length) }

// A slot is what the index holds for one row.
type slot struct {
	offset  uint32
	length  uint32
	seen    uint32 // how often pass has met the fingerprint; kept in the slot of occurrence 0
	segment uint16
	status  uint8 // see statusCode; below 16
	pass    uint8 // the last pass that has met the row; below 16, and 0 if none has
}

// entry returns the slot as an Entry.
func (s slot) entry() Entry {
	if s.status == 0 {
		return Entry{}
	}
	return Entry{Status: batch.Statuses[s.status-1], segment: s.segment, offset: s.offset, length: s.length}
}

// A packed is a slot as it stands in memory, where there may be tens of millions.
type packed [15]byte

func (s slot) pack() (p packed) {
	binary.LittleEndian.PutUint32(p[0:], s.offset)
	binary.LittleEndian.PutUint32(p[4:], s.length)
	binary.LittleEndian.PutUint32(p[8:], s.seen)
	binary.LittleEndian.PutUint16(p[12:], s.segment)
	p[14] = s.pass<<4 | s.status
	return p
}

func (p packed) slot() slot {
	return slot{
		offset:  binary.LittleEndian.Uint32(p[0:]),
		length:  binary.LittleEndian.Uint32(p[4:]),
		seen:    binary.LittleEndian.Uint32(p[8:]),
		segment: binary.LittleEndian.Uint16(p[12:]),
		status:  p[14] & 15,
		pass:    p[14] >> 4,
	}
}

// statusCode returns 1 + the place of s in batch.Statuses, or 0 if s is not there. In a
// slot 0 means that there is no result.
func statusCode(s string) uint8 {
	return uint8(1 + slices.Index(batch.Statuses, batch.Status(s)))
}

// An index finds the result of a row.
type index struct {
	slots table
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
	p := x.slots.put(key)
	s := p.slot()
	if s.status != 0 {
		late := slot{segment: segment, offset: offset, length: length, status: h.status}.entry()
		counts := late.Status.Settled() || !s.entry().Status.Settled()
		if counts {
			late = s.entry()
		}
		if x.earlier == nil {
			x.earlier = make(map[batch.Fingerprint][]Entry)
		}
		x.earlier[key] = append(x.earlier[key], late)
		if !counts {
			return
		}
	}
	s.segment, s.offset, s.length, s.status = segment, offset, length, h.status
	*p = s.pack()
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
		for p := range j.index.slots.all() {
			s := p.slot()
			s.pass = 0
			*p = s.pack()
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
	slot := x.slots.put(f)
	s := slot.slot()
	if s.pass != x.pass {
		s.pass, s.seen = x.pass, 0
	}
	occurrence = int(s.seen)
	s.seen++
	*slot = s.pack()
	if occurrence > 0 {
		key := keyOf(f, occurrence)
		if s = x.slots.get(key); s.status != 0 {
			s.pass = x.pass
			*x.slots.put(key) = s.pack()
		}
	}
	return occurrence, s.entry(), s.status != 0
}
