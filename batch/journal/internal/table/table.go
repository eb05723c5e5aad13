// Package table holds the index of a journal in memory, where it may have tens of millions
// of rows: a [Table] has a [Slot] for each of them.
package table

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/genbatch/genbatch/batch"
)

// A Slot is what the index of a journal holds for one row.
type Slot struct {
	Offset  uint32
	Length  uint32
	Seen    uint32 // how often pass has met the fingerprint; kept in the slot of occurrence 0
	Segment uint16
	Status  uint8 // below 16, and 0 if there is no result
	Pass    uint8 // the last pass that has met the row; below 16, and 0 if none has
}

// A Packed is a Slot as it stands in memory, where there may be tens of millions.
type Packed [15]byte

// Pack returns the slot as a Packed.
func (s Slot) Pack() (p Packed) {
	binary.LittleEndian.PutUint32(p[0:], s.Offset)
	binary.LittleEndian.PutUint32(p[4:], s.Length)
	binary.LittleEndian.PutUint32(p[8:], s.Seen)
	binary.LittleEndian.PutUint16(p[12:], s.Segment)
	p[14] = s.Pass<<4 | s.Status
	return p
}

// Slot returns what p holds.
func (p Packed) Slot() Slot {
	return Slot{
		Offset:  binary.LittleEndian.Uint32(p[0:]),
		Length:  binary.LittleEndian.Uint32(p[4:]),
		Seen:    binary.LittleEndian.Uint32(p[8:]),
		Segment: binary.LittleEndian.Uint16(p[12:]),
		Status:  p[14] & 15,
		Pass:    p[14] >> 4,
	}
}

// A Table is a hash table that holds a slot for each key. Keys are digests and therefore
// spread evenly, so that a table needs less memory than a Go map: 35 to 44 bytes per slot,
// where a map takes 40 to 67 (BenchmarkPass). Its parts grow one at a time, so that no row
// waits until all others have been moved. The zero value is an empty table.
type Table struct {
	parts [256]part
}

// A part is a hash table with open addressing. A key stands at its home, or in the first
// place after it that was free. A free place holds the zero record.
type part struct {
	records []record
	n       int // how many keys it has
}

// A record has neither pointers nor gaps, and takes 31 bytes.
type record struct {
	key batch.Fingerprint
	Packed
}

// Get returns the slot of a key, or the zero slot if there is none.
func (t *Table) Get(key batch.Fingerprint) Slot {
	p := &t.parts[key[0]]
	if p.n == 0 {
		return Slot{}
	}
	return p.find(&key).Slot()
}

// Put returns the slot of a key, and makes one if there is none. The pointer is valid until
// the next Put. The caller must not leave the slot zero.
func (t *Table) Put(key batch.Fingerprint) *Packed {
	p := &t.parts[key[0]]
	if p.n >= len(p.records)-len(p.records)/8 {
		p.grow()
	}
	r := p.find(&key)
	if *r == (record{}) {
		p.n++
		r.key = key
	}
	return &r.Packed
}

// find returns the record of a key, or the free record where the key belongs.
func (p *part) find(key *batch.Fingerprint) *record {
	first := binary.LittleEndian.Uint64(key[:8])
	home, _ := bits.Mul64(first, uint64(len(p.records)))
	for i := int(home); ; {
		r := &p.records[i]
		// The first eight bytes of a digest nearly always settle the comparison.
		if other := binary.LittleEndian.Uint64(r.key[:8]); other == first && r.key == *key || other == 0 && *r == (record{}) {
			return r
		}
		if i++; i == len(p.records) {
			i = 0
		}
	}
}

// grow makes the part a quarter larger.
func (p *part) grow() {
	old := p.records
	p.records = make([]record, len(old)+len(old)/4+8)
	for i := range old {
		if old[i] != (record{}) {
			*p.find(&old[i].key) = old[i]
		}
	}
}

// All yields every slot in no particular order. Meanwhile slots may be changed, but none
// may be added.
func (t *Table) All() iter.Seq[*Packed] {
	return func(yield func(*Packed) bool) {
		for i := range t.parts {
			records := t.parts[i].records
			for i := range records {
				if r := &records[i]; *r != (record{}) && !yield(&r.Packed) {
					return
				}
			}
		}
	}
}
