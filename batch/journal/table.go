package journal

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/genbatch/genbatch/batch"
)

// A table holds a slot for each key. Keys are digests, and so spread evenly, which lets
// it do with less memory than a Go map: 35 to 44 bytes a slot, where a map takes 40 to 67
// for the same (BenchmarkPass). Its parts grow one by one, so that no row waits for all
// others to be moved. The zero value is empty.
type table struct {
	parts [256]part
}

// A part is a hash table with open addressing: a key stands at its home, or in the first
// place after it that was free. Where there is no key, the record is zero.
type part struct {
	records []record
	n       int // keys
}

// A record has no pointers and no gaps: 31 bytes.
type record struct {
	key batch.Fingerprint
	packed
}

// get returns the slot of a key, the zero value if there is none.
func (t *table) get(key batch.Fingerprint) slot {
	p := &t.parts[key[0]]
	if p.n == 0 {
		return slot{}
	}
	return p.find(&key).slot()
}

// put returns the slot of a key, made if there is none. It is valid until the next put,
// and must not be left zero.
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

// find returns the record of a key, or the free one where it belongs.
func (p *part) find(key *batch.Fingerprint) *record {
	first := binary.LittleEndian.Uint64(key[:8])
	home, _ := bits.Mul64(first, uint64(len(p.records)))
	for i := int(home); ; {
		r := &p.records[i]
		// Eight bytes of a digest tell nearly always.
		if other := binary.LittleEndian.Uint64(r.key[:8]); other == first && r.key == *key || other == 0 && *r == (record{}) {
			return r
		}
		if i++; i == len(p.records) {
			i = 0
		}
	}
}

func (p *part) grow() {
	old := p.records
	p.records = make([]record, len(old)+len(old)/4+8)
	for i := range old {
		if old[i] != (record{}) {
			*p.find(&old[i].key) = old[i]
		}
	}
}

// all yields every slot, in no order. Slots may be changed meanwhile, and none put.
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
