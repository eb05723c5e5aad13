package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// An Entry tells what the journal has of one row, and where. The zero value is that
// of a row it has nothing of.
type Entry struct {
	Status batch.Status // empty in the zero value

	segment uint16 // index into Journal.segments
	offset  uint32
	length  uint32 // without the line end
}

// Bytes returns the length of the result's line. An answer in a blob is not in it.
func (e Entry) Bytes() int { return int(e.length) }

// A slot is what the index holds of one row.
type slot struct {
	offset  uint32
	length  uint32
	seen    uint32 // in the slot of occurrence 0: rows with this fingerprint in pass
	segment uint16
	status  uint8 // see statusCode; below 16
	pass    uint8 // the last pass that came to the row, and that seen is of; below 16; 0: none
}

func (s slot) entry() Entry {
	if s.status == 0 {
		return Entry{}
	}
	return Entry{Status: batch.Statuses[s.status-1], segment: s.segment, offset: s.offset, length: s.length}
}

// A packed is a slot in the index, of which there may be tens of millions.
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

// statusCode returns 1 + the status's place in batch.Statuses, or 0 if it is not one:
// in a slot, that there is no result.
func statusCode(s string) uint8 {
	return uint8(1 + slices.Index(batch.Statuses, batch.Status(s)))
}

// An index finds the result of a row.
type index struct {
	slots table
	pass  uint8 // 1 to 15; 0 before the first

	// earlier holds the results, of the few rows that have more than one, that do
	// not count: what their attempts cost still does.
	earlier map[batch.Fingerprint][]Entry
}

// keyOf returns what stands in the index for a row: the fingerprint itself for the
// first one, which is nearly every row, else a digest of both.
func keyOf(f batch.Fingerprint, occurrence int) batch.Fingerprint {
	if occurrence == 0 {
		return f
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(f[:], uint64(occurrence)))
	return batch.Fingerprint(sum[:len(f)])
}

// put adds a result. It takes the place of an earlier one unless that would unsettle
// a row that is settled.
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

// A Pass numbers the rows of one reading of the input: the n-th row with the same
// fingerprint is its occurrence n-1. A Pass is for one goroutine, and ends when the
// next one begins; results may be written meanwhile.
type Pass struct {
	j *Journal
}

// Pass begins a pass over the input.
func (j *Journal) Pass() *Pass {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.index.pass++
	if j.index.pass == 16 { // the marks of old passes would look new
		for p := range j.index.slots.all() {
			s := p.slot()
			s.pass = 0
			*p = s.pack()
		}
		j.index.pass = 1
	}
	return &Pass{j: j}
}

// Next takes the next row of the input and returns its occurrence and what the
// journal has of it; known is false if that is nothing. The memory it takes is that
// of one index entry for each fingerprint that is new.
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
