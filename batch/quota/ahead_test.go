package quota

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// visits counts how often a store books in the minute's file.
func visits(s *Store) *atomic.Int64 {
	var n atomic.Int64
	s.FS.Hook = func(_ durable.Op, path string) (bool, error) {
		if strings.HasSuffix(path, ".minute.lock") {
			n.Add(1)
		}
		return true, nil
	}
	return &n
}

// Where a limit is shared, the file is visited for many rows at once: where the limit
// is far above what is asked for, and where it binds.
func TestFewVisits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		config  Config
		workers int
		latency time.Duration
		rows    [2]int // a second, at least and at most
		visits  int    // a second, at most
	}{
		{"far below the limit", Config{RPM: 1e9, TPM: 1e12}, 60, 20 * time.Millisecond, [2]int{2900, 3000}, 30},
		{"below the limit", Config{RPM: 30_000}, 30, 100 * time.Millisecond, [2]int{290, 300}, 50},
		{"one worker", Config{RPM: 1e9}, 1, time.Millisecond, [2]int{950, 1000}, 30},
		{"limit binds", Config{RPM: 60_000}, 64, 10 * time.Millisecond, [2]int{970, 1000}, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const seconds = 10
				s, _ := store(t.TempDir())
				n := visits(s)
				tt.config.Store, tt.config.Concurrency = s, tt.workers
				l := New(tt.config)
				sends := drive(t, l, seconds*time.Second, tt.latency, tt.workers, func(i int) int64 { return int64(50 + i%100) }, exact)
				l.Close()
				if rows := len(sends) / seconds; rows < tt.rows[0] || rows > tt.rows[1] {
					t.Errorf("%d rows a second, want %v", rows, tt.rows)
				}
				if got := int(n.Load()) / seconds; got > tt.visits {
					t.Errorf("%d visits a second, want at most %d", got, tt.visits)
				}
				t.Logf("%d rows in %d visits", len(sends), n.Load())
			})
		})
	}
}

// Slots that are booked ahead keep the limit of all processes together, and waste none
// of it, however sizes and demand change meanwhile.
func TestBookedAheadKeepsLimits(t *testing.T) {
	t.Parallel()
	const tpm, rpm = 15_000_000, 30_000
	for _, tt := range []struct {
		name      string
		config    Config
		processes []process
		row       func(int) int64
		use       float64 // of the limit, at least
	}{
		{"calls", Config{RPM: rpm}, []process{{workers: 40}, {workers: 40}},
			func(int) int64 { return 100 }, 0.97},
		{"calls, and one asks for less", Config{RPM: rpm}, []process{{workers: 80}, {workers: 10}},
			func(int) int64 { return 100 }, 0.97},
		{"calls, and one dies", Config{RPM: rpm}, []process{{workers: 80}, {workers: 40, stop: 20 * time.Second}},
			func(int) int64 { return 100 }, 0.97},
		{"tokens", Config{TPM: tpm}, []process{{workers: 80}, {workers: 80}},
			func(i int) int64 { return int64(1 + i*7919%1000) }, 0.97},
		{"small rows, and then large ones", Config{TPM: tpm}, []process{{workers: 80}, {workers: 80}},
			func(i int) int64 {
				if i%4000 < 3000 {
					return 300
				}
				return 3_000
			}, 0.97},
		{"small rows, and then a few of 0.9 %", Config{TPM: tpm}, []process{{workers: 200}},
			func(i int) int64 {
				if i%2000 < 1900 {
					return 100
				}
				return 135_000
			}, 0.9},
		{"small rows, and then many of 0.09 %", Config{TPM: tpm}, []process{{workers: 600}},
			func(i int) int64 {
				if i%3600 < 3000 {
					return 20
				}
				return 14_000
			}, 0.9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const d = 70 * time.Second
				for i := range tt.processes {
					tt.processes[i].config = tt.config
					tt.processes[i].config.Concurrency = tt.processes[i].workers
				}
				all := joined(together(t, t.TempDir(), d, 100*time.Millisecond, tt.row, tt.processes...))
				calls, tokens := most(all, int64(tt.config.TPM))
				if tt.config.RPM > 0 && calls > rpm {
					t.Errorf("%d calls within a minute, the limit is %d", calls, rpm)
				}
				if tt.config.TPM > 0 && tokens > tpm {
					t.Errorf("%d tokens within a minute, the limit is %d", tokens, tpm)
				}
				used := float64(len(all)) / (rpm * d.Minutes())
				if tt.config.TPM > 0 {
					used = float64(tokensOf(all)) / (tpm * d.Minutes())
				}
				if used < tt.use {
					t.Errorf("%.4f of the limit used, want at least %.2f", used, tt.use)
				}
				t.Logf("%d calls, %.4f used, most %d calls and %d tokens", len(all), used, calls, tokens)
			})
		})
	}
}

// A limit that a refusal names counts at once, whatever was booked ahead before.
func TestNamedLimitDropsBookedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		l := New(Config{RPM: 1e9, Store: s})
		defer l.Close()
		drive(t, l, time.Second, time.Millisecond, 60, func(int) int64 { return 1 }, exact)
		row := request(1)
		if err := l.Acquire(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		booked := len(l.models[testModel].client.slots)
		l.mu.Unlock()
		if booked < 100 {
			t.Fatalf("%d slots are booked ahead", booked)
		}
		l.Release(row, &batch.Outcome{Consequence: batch.SlowDown, Limits: []batch.Limit{{Value: 60, Per: time.Minute}}})
		if sends := drive(t, l, 10*time.Second, time.Millisecond, 60, func(int) int64 { return 1 }, exact); len(sends) > 11 {
			t.Errorf("%d calls in ten seconds at 60 rpm", len(sends))
		}
	})
}

// A limit that a refusal names counts for slots too that are being booked when it comes.
func TestNamedLimitDropsWhatIsBeingBooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		slow := false
		s.FS.Hook = func(_ durable.Op, path string) (bool, error) {
			if slow && strings.HasSuffix(path, ".minute.lock") {
				time.Sleep(5 * time.Millisecond)
			}
			return true, nil
		}
		l := New(Config{RPM: 1e9, Store: s})
		defer l.Close()
		drive(t, l, time.Second, time.Millisecond, 60, func(int) int64 { return 1 }, exact)
		row, other := request(1), request(1)
		if err := l.Acquire(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		slow = true
		l.models[testModel].client.drop()
		l.mu.Unlock()
		got := make(chan error)
		go func() { got <- l.Acquire(t.Context(), other) }()
		time.Sleep(2 * time.Millisecond)
		l.Release(row, &batch.Outcome{Consequence: batch.SlowDown, Limits: []batch.Limit{{Value: 60, Per: time.Minute}}})
		if sends := drive(t, l, 10*time.Second, time.Millisecond, 60, func(int) int64 { return 1 }, exact); len(sends) > 11 {
			t.Errorf("%d calls in ten seconds at 60 rpm", len(sends))
		}
		if err := <-got; err != nil {
			t.Error(err)
		}
		l.Release(other, nil)
	})
}
