package journal

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/genbatch/genbatch/batch"
)

// A table holds the same as a map, however often it grows, even if its keys are spread
// unevenly.
func TestTable(t *testing.T) {
	for name, key := range map[string]func(n uint32) batch.Fingerprint{
		"digests": func(n uint32) batch.Fingerprint { return keyOf(batch.Fingerprint{}, int(n)+1) },
		"numbers": func(n uint32) (f batch.Fingerprint) { binary.BigEndian.PutUint32(f[12:], n); return f },
		"ends":    func(n uint32) (f batch.Fingerprint) { binary.BigEndian.PutUint32(f[0:], n); return f },
	} {
		var x table
		const most = 3000
		for n := range uint32(most) {
			if x.get(key(n)) != (slot{}) {
				t.Fatalf("%s: key %d is there before it is put", name, n)
			}
			*x.put(key(n)) = slot{offset: n, status: 1}.pack()
			for _, back := range []uint32{0, n / 2, n} { // earlier keys, which may have moved
				if got := x.get(key(back)); got != (slot{offset: back, status: 1}) {
					t.Fatalf("%s: of %d keys, that of %d has %+v", name, n+1, back, got)
				}
			}
		}
		*x.put(key(7)) = slot{offset: 7, length: 7, status: 2}.pack()
		if got := x.get(key(7)); got.length != 7 {
			t.Errorf("%s: after a second put it has %+v", name, got)
		}
		seen := make(map[uint32]bool)
		for p := range x.all() {
			seen[p.slot().offset] = true
		}
		if len(seen) != most {
			t.Errorf("%s: all yields %d of %d keys", name, len(seen), most)
		}
	}
	if size := unsafe.Sizeof(record{}); size != 31 {
		t.Errorf("a record has %d bytes", size)
	}
}
