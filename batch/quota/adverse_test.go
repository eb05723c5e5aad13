package quota

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// Pauses that end the slots of waiters cost no more with the store than without it.
func TestPausesWithStore(t *testing.T) {
	t.Parallel()
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
							o := &answer
							if n%5 == 0 {
								o = &batch.Outcome{Consequence: batch.SlowDown, RetryAfter: step / 2, Limits: []batch.Limit{{Value: int64(rpm), Per: time.Minute}}}
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

// What earlier runs left is taken over once the store can be read, if not at first.
func TestStoreReadLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		dir := t.TempDir()
		s, _ := store(dir)
		l := New(Config{Store: s})
		refuse(t, l)
		l.Close()
		// A folder in the place of the file: it cannot be read.
		path := s.path(testModel)
		if err := os.Rename(path, path+".aside"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		s, _ = store(dir)
		l = New(Config{Store: s})
		if n := spend(t, l, 3); n != 3 {
			t.Fatalf("%d calls without a store", n)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".aside", path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(storeBreak)
		probe := request(1)
		if err := l.Acquire(t.Context(), probe); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.Acquire(ctx, request(1)); err == nil {
			t.Error("the day that an earlier run found used up is not known")
		}
		l.Release(probe, nil)
		l.Close()
	})
}

// A minute's file that cannot be written takes nothing from the day.
func TestMinuteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, _ := store(t.TempDir())
		if err := os.MkdirAll(strings.TrimSuffix(s.path(testModel), ".json")+".minute", 0o700); err != nil {
			t.Fatal(err)
		}
		l := New(Config{RPM: 60, RPD: 1000, Store: s})
		for range 300 {
			if n := spend(t, l, 1); n != 1 {
				t.Fatal("no more requests")
			}
		}
		l.Close()
		if r := readRecord(t, s); r.Used != 300 {
			t.Errorf("%d requests are counted, want 300", r.Used)
		}
	})
}

// Close waits for a disk that hangs once, and not for each model.
func TestCloseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		var mu sync.Mutex
		var hang chan struct{}
		s.FS.Hook = func(durable.Op, string) (bool, error) {
			mu.Lock()
			h := hang
			mu.Unlock()
			if h != nil {
				<-h
			}
			return true, nil
		}
		l := New(Config{RPD: 10_000, Store: s})
		for i := range 100 {
			r := &batch.Request{Model: fmt.Sprint("m", i)}
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &answer)
		}
		synctest.Wait()
		mu.Lock()
		hang = make(chan struct{})
		mu.Unlock()
		start := time.Now()
		l.Close()
		if d := time.Since(start); d > 2*storePatience {
			t.Errorf("Close took %v", d)
		}
		close(hang)
		synctest.Wait()
	})
}

// Waiters that leave at any moment give back their slots, and nothing stays behind.
func TestWaitersLeave(t *testing.T) {
	t.Parallel()
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

// A damaged minute's file costs nothing but what it knew.
func TestDamagedMinute(t *testing.T) {
	t.Parallel()
	now := time.Now().UnixNano()
	for name, text := range map[string]string{
		"empty":        "",
		"cut":          `{"version":1,"written":17`,
		"zeros":        strings.Repeat("\x00", 4096),
		"other":        `[1,2]`,
		"far ahead":    fmt.Sprintf(`{"version":1,"written":%d,"requests":9223372036854775807,"tokens":9223372036854775807,"sent":[[9223372036854775807,100000]]}`, now),
		"far behind":   fmt.Sprintf(`{"version":1,"written":%d,"requests":-9223372036854775808,"tokens":-9223372036854775808,"sent":[[-9223372036854775808,-100000]]}`, now),
		"ahead":        fmt.Sprintf(`{"version":1,"written":%d,"requests":1,"tokens":1,"sent":[[%d,100000]]}`, int64(946684800e9), int64(946684800e9)+int64(24*time.Hour)),
		"written then": `{"version":1,"written":-9223372036854775808,"requests":1,"tokens":1}`,
		"written late": `{"version":1,"written":9223372036854775807,"requests":1,"tokens":1,"sent":[[1,100000]]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, warned := store(t.TempDir())
				path := strings.TrimSuffix(s.path(testModel), ".json") + ".minute"
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				l := New(Config{RPM: 600, TPM: 100_000, Store: s})
				sends := drive(t, l, 2*time.Minute, time.Second, 50, func(int) int64 { return 100 }, exact)
				if calls, tokens := most(sends, 100_000); len(sends) < 1170 || calls > 600 || tokens > 100_000 {
					t.Errorf("%d calls, %d and %d tokens in a minute", len(sends), calls, tokens)
				}
				l.Close()
				if warned.Len() > 0 {
					t.Errorf("%s", warned)
				}
			})
		})
	}
}

// Requests that were reserved without the store are forgotten at midnight, also if an
// exchange that reports them is under way.
func TestUnreportedOverMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T06:59:00Z") // a minute before midnight
		s, _ := store(t.TempDir())
		l := New(Config{RPD: 1000, Store: s})
		m := l.model(testModel)
		l.mu.Lock()
		now := time.Now()
		m.client.loaded, m.client.away = true, now.Add(30*time.Second)
		l.mu.Unlock()
		if n := spend(t, l, 10); n != 10 { // without the store
			t.Fatal("no more requests")
		}
		release := make(chan struct{})
		s.FS.Hook = func(durable.Op, string) (bool, error) {
			<-release
			return true, nil
		}
		time.Sleep(59*time.Second + 500*time.Millisecond)
		var wg sync.WaitGroup
		wg.Go(func() { spend(t, l, 1) }) // the exchange begins before midnight
		time.Sleep(time.Second)
		l.mu.Lock()
		m.day.roll(time.Now())
		l.mu.Unlock()
		close(release)
		wg.Wait()
		synctest.Wait()
		l.mu.Lock()
		if d := m.day.unreported; d != 0 {
			t.Errorf("%d requests are still unreported", d)
		}
		l.mu.Unlock()
		l.Close()
	})
}

// A long wait looks at the clock now and then, because timers stand still while a machine
// sleeps.
func TestWaitLooksAtTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T05:00:00Z")
		l := New(Config{RPD: 1, OnDailyQuota: DayWait})
		spend(t, l, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := l.Acquire(t.Context(), request(1)); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Hour + time.Second)
		l.mu.Lock()
		m := l.models[testModel]
		m.day.parked.until, m.day.end = time.Now(), time.Now() // as after the machine has slept over midnight
		l.mu.Unlock()
		start := time.Now()
		wg.Wait()
		if d := time.Since(start); d > time.Minute {
			t.Errorf("the clock was looked at after %v", d)
		}
	})
}
