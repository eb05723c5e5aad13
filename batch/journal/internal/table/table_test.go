package table

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/genbatch/genbatch/batch"
)

// A table holds the same as a map, however often it grows, even if its keys are spread
// unevenly.
func TestTable(t *testing.T) {
	for name, key := range map[string]func(n uint32) batch.Fingerprint{
		"digests": func(n uint32) batch.Fingerprint {
			sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, n))
			return batch.Fingerprint(sum[:16])
		},
		"numbers": func(n uint32) (f batch.Fingerprint) { binary.BigEndian.PutUint32(f[12:], n); return f },
		"ends":    func(n uint32) (f batch.Fingerprint) { binary.BigEndian.PutUint32(f[0:], n); return f },
	} {
		var x Table
		const most = 3000
		for n := range uint32(most) {
			if x.Get(key(n)) != (Slot{}) {
				t.Fatalf("%s: key %d is there before it is put", name, n)
			}
			*x.Put(key(n)) = Slot{Offset: n, Status: 1}.Pack()
			for _, back := range []uint32{0, n / 2, n} { // earlier keys, which may have moved
				if got := x.Get(key(back)); got != (Slot{Offset: back, Status: 1}) {
					t.Fatalf("%s: of %d keys, that of %d has %+v", name, n+1, back, got)
				}
			}
		}
		*x.Put(key(7)) = Slot{Offset: 7, Length: 7, Status: 2}.Pack()
		if got := x.Get(key(7)); got.Length != 7 {
			t.Errorf("%s: after a second Put it has %+v", name, got)
		}
		seen := make(map[uint32]bool)
		for p := range x.All() {
			seen[p.Slot().Offset] = true
		}
		if len(seen) != most {
			t.Errorf("%s: All yields %d of %d keys", name, len(seen), most)
		}
	}
	if size := unsafe.Sizeof(record{}); size != 31 {
		t.Errorf("a record has %d bytes", size)
	}
}
