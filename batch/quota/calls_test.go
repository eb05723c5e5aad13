package quota

import (
	"testing"
	"time"
)

// A callLog forgets calls that are too old, and finds the others by grant and by time,
// also where its blocks begin and end.
func TestCallLog(t *testing.T) {
	var l callLog
	begin := time.Now()
	const n = 10 * blockCalls
	every := memory / (2*blockCalls + blockCalls/2) // so that two and a half blocks are kept
	for i := range n {
		now := begin.Add(time.Duration(i) * every)
		l.add(now, uint64(100+i), int64(i), i)
		kept := min(i+1, int(memory/every)+1)
		if l.len() != kept {
			t.Fatalf("after call %d there are %d, want %d", i, l.len(), kept)
		}
		if c := l.get(uint64(100 + i)); c == nil || c.tokens != int32(i) || !l.time(c).Equal(now) {
			t.Fatalf("call %d is %+v", i, c)
		}
		oldest := i + 1 - kept
		if c := l.get(uint64(100 + oldest)); c == nil || c.tokens != int32(oldest) {
			t.Fatalf("the oldest of call %d is %+v, want %d", i, c, oldest)
		}
		if l.get(uint64(99+oldest)) != nil || l.get(uint64(101+i)) != nil {
			t.Fatalf("after call %d there are calls that are gone, or were never made", i)
		}
		if k := min(kept, 7); l.since(now.Add(-time.Duration(k-1)*every)) != k {
			t.Fatalf("%d calls since the %d-th last", l.since(now.Add(-time.Duration(k-1)*every)), k)
		}
	}
	if len(l.blocks) > 4 {
		t.Errorf("%d blocks for two and a half", len(l.blocks))
	}
	// A long pause forgets all.
	l.add(begin.Add(time.Hour), 5000+n, 1, 0)
	if l.len() != 1 || l.get(5000+n) == nil || l.get(100+n-1) != nil {
		t.Errorf("after an hour there are %d calls", l.len())
	}
}
