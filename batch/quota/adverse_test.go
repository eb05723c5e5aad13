package quota

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// Pauses that end the slots of waiters cost no more with the store than without it.
func TestPausesWithStore(t *testing.T) {
	for _, rpm := range []int{1, 5, 60, 600} {
		calls := func(s *Store) (n int) {
			synctest.Test(t, func(t *testing.T) {
				if s != nil {
					s.Dir = t.TempDir()
				}
				l := New(Config{RPM: rpm, Concurrency: 4, Store: s})
				ctx, cancel := context.WithTimeout(t.Context(), max(10*time.Minute, 100*time.Minute/time.Duration(rpm)))
				defer cancel()
				var mu sync.Mutex
				var wg sync.WaitGroup
				step := time.Minute / time.Duration(rpm)
				for range 20 {
					wg.Go(func() {
						for {
							r := request(1)
							if l.Acquire(ctx, r) != nil {
								return
							}
							mu.Lock()
							n++
							late := time.Duration(n%7) * 10 * time.Millisecond
							o := &answered
							if n%5 == 0 {
								o = &batch.Outcome{Consequence: batch.SlowDown, RetryAfter: step / 2}
							}
							mu.Unlock()
							time.Sleep(step - 60*time.Millisecond + late)
							l.Release(r, o)
						}
					})
				}
				wg.Wait()
				l.Close()
			})
			return n
		}
		s, _ := store("")
		alone, shared := calls(nil), calls(s)
		t.Logf("%d rpm: %d calls alone, %d with the store", rpm, alone, shared)
		if shared < alone*95/100 {
			t.Errorf("%d rpm: %d calls alone, %d with the store", rpm, alone, shared)
		}
	}
}

// those slots, and nothing stays behind.
func TestWaitersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		l := New(Config{RPM: 600, TPM: 100_000, Store: s})
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for n := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration((i*37+n*53)%400)*time.Millisecond)
					r := request(100)
					if l.Acquire(ctx, r) == nil {
						l.Release(r, usage(100))
					}
					cancel()
				}
			})
		}
		wg.Wait()
		begin := time.Now()
		sends := drive(t, l, time.Minute, time.Second, 50, func(int) int64 { return 100 }, exact)
		if len(sends) < 580 || len(sends) > 600 || sends[0].at.Sub(begin) > 3*time.Second {
			t.Errorf("%d calls, the first after %v", len(sends), sends[0].at.Sub(begin))
		}
		if st := l.State(); st.InFlight != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		l.Close()
	})
}
