package quota

import (
	"testing"
	"time"
)

// A record forgets what is too old, and finds the rest by its grant and by its time,
// also where blocks of it begin and end.
func TestRecord(t *testing.T) {
	var r record
	begin := time.Now()
	const n = 10 * blockCalls
	every := memory / (2*blockCalls + blockCalls/2) // so that two and a half blocks are kept
	for i := range n {
		now := begin.Add(time.Duration(i) * every)
		r.add(now, uint64(100+i), int64(i), i)
		kept := min(i+1, int(memory/every)+1)
		if r.len() != kept {
			t.Fatalf("after call %d there are %d, want %d", i, r.len(), kept)
		}
		if c := r.get(uint64(100 + i)); c == nil || c.tokens != int32(i) || !r.time(c).Equal(now) {
			t.Fatalf("call %d is %+v", i, c)
		}
		oldest := i + 1 - kept
		if c := r.get(uint64(100 + oldest)); c == nil || c.tokens != int32(oldest) {
			t.Fatalf("the oldest of call %d is %+v, want %d", i, c, oldest)
		}
		if r.get(uint64(99+oldest)) != nil || r.get(uint64(101+i)) != nil {
			t.Fatalf("after call %d there are calls that are gone, or were never made", i)
		}
		if k := min(kept, 7); r.since(now.Add(-time.Duration(k-1)*every)) != k {
			t.Fatalf("%d calls since the %d-th last", r.since(now.Add(-time.Duration(k-1)*every)), k)
		}
	}
	if len(r.blocks) > 4 {
		t.Errorf("%d blocks for two and a half", len(r.blocks))
	}
	// A long pause forgets all.
	r.add(begin.Add(time.Hour), 5000+n, 1, 0)
	if r.len() != 1 || r.get(5000+n) == nil || r.get(100+n-1) != nil {
		t.Errorf("after an hour there are %d calls", r.len())
	}
}
