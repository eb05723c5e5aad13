package journal

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/genbatch/genbatch/batch"
)

// A table is a hash table that holds a slot for each key. Keys are digests and therefore
// spread evenly, so that a table needs less memory than a Go map: 35 to 44 bytes per slot,
// where a map takes 40 to 67 (BenchmarkPass). Its parts grow one at a time, so that no row
// waits until all others have been moved. The zero value is an empty table.
type table struct {
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
	packed
}

// get returns the slot of a key, or the zero slot if there is none.
func (t *table) get(key batch.Fingerprint) slot {
	p := &t.parts[key[0]]
	if p.n == 0 {
		return slot{}
	}
	return p.find(&key).slot()
}

// put returns the slot of a key, and makes one if there is none. The pointer is valid until
// the next put. The caller must not leave the slot zero.
func (t *table) put(key batch.Fingerprint) *packed {
	p := &t.parts[key[0]]
	if p.n >= len(p.records)-len(p.records)/8 {
		p.grow()
	}
	r := p.find(&key)
	if *r == (record{}) {
		p.n++
		r.key = key
	}
	return &r.packed
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

// all yields every slot in no particular order. Meanwhile slots may be changed, but none
// may be put.
func (t *table) all() iter.Seq[*packed] {
	return func(yield func(*packed) bool) {
		for i := range t.parts {
			records := t.parts[i].records
			for i := range records {
				if r := &records[i]; *r != (record{}) && !yield(&r.packed) {
					return
				}
			}
		}
	}
}
