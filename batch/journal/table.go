package journal

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/genbatch/genbatch/batch"
)

// A table holds a slot for each key. Keys are digests, and so evenly spread, which lets
// it do with less memory than a Go map: 31 bytes a slot and about 3 more, where a map of
// the same takes 50 to 67 (BenchmarkPass). It is a hash table that grows by one bucket at
// a time (linear hashing), so that no row waits for all others to be moved. The zero
// value is empty.
type table struct {
	buckets []bucket
	n       int
}

// A bucket holds records in no order. Its capacity is a little more than it has.
type bucket []record

// A record has no pointers and no gaps: 31 bytes.
type record struct {
	key batch.Fingerprint
	packed
}

// bucketSize is how many records a bucket has, on average. Larger ones take longer to
// insert into, and smaller ones more memory.
const bucketSize = 32

// home returns the number of the key's bucket. The buckets of the lower half that are
// not divided yet have the keys of two.
func (t *table) home(key *batch.Fingerprint) int {
	h := binary.LittleEndian.Uint64(key[:8]) ^ binary.BigEndian.Uint64(key[8:])
	span := 1 << bits.Len(uint(len(t.buckets)-1))
	i := int(h & uint64(span-1))
	if i >= len(t.buckets) {
		i -= span / 2
	}
	return i
}

// find returns where in the bucket the key is, or -1. It compares 8 bytes first, which
// in a digest tell nearly always.
func (b bucket) find(key *batch.Fingerprint) int {
	first := binary.LittleEndian.Uint64(key[:8])
	for i := range b {
		if binary.LittleEndian.Uint64(b[i].key[:8]) == first && b[i].key == *key {
			return i
		}
	}
	return -1
}

// get returns the slot of a key, the zero value if there is none.
func (t *table) get(key batch.Fingerprint) slot {
	if t.n == 0 {
		return slot{}
	}
	b := t.buckets[t.home(&key)]
	if i := b.find(&key); i >= 0 {
		return b[i].slot()
	}
	return slot{}
}

// put returns the slot of a key, made if there is none. It is valid until the next put.
func (t *table) put(key batch.Fingerprint) *packed {
	if t.n >= bucketSize*len(t.buckets) {
		t.divide()
	}
	b := &t.buckets[t.home(&key)]
	i := b.find(&key)
	if i < 0 {
		t.n++
		i = len(*b)
		*b = append(b.grow(), record{key: key})
	}
	return &(*b)[i].packed
}

// grow returns a bucket with room for one more. Go's append would double it.
func (b bucket) grow() bucket {
	if len(b) < cap(b) {
		return b
	}
	return append(make(bucket, 0, len(b)+1+len(b)/8), b...)
}

// divide adds a bucket, and moves to it those keys of another that belong there now.
func (t *table) divide() {
	n := len(t.buckets)
	t.buckets = append(t.buckets, nil)
	if n == 0 {
		return
	}
	from := n - 1<<(bits.Len(uint(n))-1) // n without its first bit
	whole, moved := t.buckets[from], 0
	for i := range whole {
		if t.home(&whole[i].key) == n {
			moved++
		}
	}
	stay, move := make(bucket, 0, len(whole)-moved), make(bucket, 0, moved)
	for _, r := range whole {
		if t.home(&r.key) == n {
			move = append(move, r)
		} else {
			stay = append(stay, r)
		}
	}
	t.buckets[from], t.buckets[n] = stay, move
}

// all yields every slot, in no order. Slots may be changed meanwhile, and none put.
func (t *table) all() iter.Seq[*packed] {
	return func(yield func(*packed) bool) {
		for _, b := range t.buckets {
			for i := range b {
				if !yield(&b[i].packed) {
					return
				}
			}
		}
	}
}
