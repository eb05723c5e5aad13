package quota

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A process is a limiter of its own, as in a process of its own, with its load.
type process struct {
	config  Config
	workers int
	start   time.Duration
	stop    time.Duration // 0 = at the end
}

// together drives processes that share a folder, and returns what each sent.
func together(t *testing.T, dir string, d time.Duration, latency time.Duration, row func(int) int64, list ...process) [][]send {
	t.Helper()
	sends := make([][]send, len(list))
	var wg sync.WaitGroup
	for i, p := range list {
		s, text := store(dir)
		p.config.Store = s
		l := New(p.config)
		wg.Go(func() {
			time.Sleep(p.start)
			stop := d
			if p.stop > 0 {
				stop = p.stop
			}
			sends[i] = drive(t, l, stop-p.start, latency, p.workers, row, exact)
			if p.stop == 0 { // the others die
				l.Close()
			}
			if text.Len() > 0 {
				t.Errorf("process %d says %s", i, text)
			}
		})
	}
	wg.Wait()
	time.Sleep(storePatience) // what those that died had begun ends as well
	return sends
}

func joined(sends [][]send) []send {
	all := slices.Concat(sends...)
	slices.SortStableFunc(all, func(a, b send) int { return a.at.Compare(b.at) })
	return all
}

func tokensOf(sends []send) (sum int64) {
	for _, s := range sends {
		sum += s.tokens
	}
	return sum
}

// Processes of equal demand get equal shares of one limit, which holds for all of
// them together in every minute.
func TestProcessesShareMinute(t *testing.T) {
	t.Parallel()
	const tpm = 1_000_000
	mixed := func(i int) int64 { return []int64{10_000, 200, 5_000, 9_999, 1}[i%5] }
	for _, tt := range []struct {
		name      string
		processes int
		config    Config
		row       func(int) int64
		minutes   int
		use       float64 // of the limit, together, at least
		unequal   float64 // difference of two shares, at most, as a part of a share
	}{
		{"alone, 5 rpm", 1, Config{RPM: 5}, mixed, 60, 0.97, 0},
		{"alone, 600 rpm", 1, Config{RPM: 600}, mixed, 10, 0.97, 0},
		{"alone, 30000 rpm", 1, Config{RPM: 30000, Concurrency: 2000}, mixed, 2, 0.97, 0},
		{"alone, tokens", 1, Config{TPM: tpm}, mixed, 10, 0.97, 0},
		{"two, 1 rpm", 2, Config{RPM: 1}, mixed, 60, 0.97, 0.1},
		{"two, 5 rpm", 2, Config{RPM: 5}, mixed, 60, 0.97, 0.1},
		{"two, 600 rpm", 2, Config{RPM: 600}, mixed, 10, 0.97, 0.05},
		{"five, 60 rpm", 5, Config{RPM: 60}, mixed, 20, 0.97, 0.1},
		{"five, 4000 rpm", 5, Config{RPM: 4000, Concurrency: 500}, mixed, 3, 0.97, 0.05},
		{"two, tokens", 2, Config{TPM: tpm}, mixed, 10, 0.97, 0.1},
		{"five, tokens", 5, Config{TPM: tpm}, mixed, 10, 0.97, 0.1},
		{"two, both limits", 2, Config{RPM: 4000, TPM: tpm}, func(int) int64 { return 1_000 }, 5, 0.97, 0.05},
		{"alone, both limits at once", 1, Config{RPM: 1000, TPM: tpm}, func(i int) int64 { return 200 + int64(i*611%1600) }, 5, 0.97, 0},
		{"two, both limits at once", 2, Config{RPM: 1000, TPM: tpm}, func(i int) int64 { return 200 + int64(i*611%1600) }, 5, 0.97, 0.05},
		{"two, rows of 40 %", 2, Config{TPM: tpm}, func(int) int64 { return 400_000 }, 20, 0.77, 0.2},
		{"two, rows of 120 %", 2, Config{TPM: tpm}, func(int) int64 { return 1_200_000 }, 20, 1.1, 0.2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				list := make([]process, tt.processes)
				for i := range list {
					list[i] = process{config: tt.config, workers: 600 / tt.processes}
				}
				sends := together(t, t.TempDir(), time.Duration(tt.minutes)*time.Minute, time.Second, tt.row, list...)
				all := joined(sends)
				calls, tokens := most(all, int64(tt.config.TPM))
				if rpm := tt.config.RPM; rpm > 0 && calls > rpm {
					t.Errorf("%d calls within a minute, the limit is %d", calls, rpm)
				}
				if tt.config.TPM > 0 && tokens > tpm {
					t.Errorf("%d tokens within a minute, the limit is %d", tokens, tpm)
				}
				used := float64(len(all)) / float64(tt.config.RPM*tt.minutes)
				if tt.config.TPM > 0 {
					used = float64(tokensOf(all)) / tpm / float64(tt.minutes)
				}
				if used < tt.use {
					t.Errorf("%.4f of the limit used, want at least %.4f", used, tt.use)
				}
				low, high := len(all), 0
				for _, s := range sends {
					low, high = min(low, len(s)), max(high, len(s))
				}
				if float64(high-low) > tt.unequal*float64(high)+1 {
					t.Errorf("one has %d calls and another %d", high, low)
				}
				t.Logf("%.4f used, shares %d to %d", used, low, high)
			})
		})
	}
}

// What one does not use the others get: of one that asks seldom, of one that comes
// later, and of one that dies.
func TestUnequalDemand(t *testing.T) {
	t.Parallel()
	const rpm, minutes = 600, 10
	config := Config{RPM: rpm}
	for _, tt := range []struct {
		name   string
		other  process
		wanted [2]int // calls of the other, at least and at most
	}{
		{"asks seldom", process{config: config, workers: 1}, [2]int{250, 600}}, // one call at a time
		{"comes later", process{config: config, workers: 100, start: 5 * time.Minute}, [2]int{1400, 1520}},
		{"dies", process{config: config, workers: 100, stop: 5 * time.Minute}, [2]int{1400, 1520}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sends := together(t, t.TempDir(), minutes*time.Minute, time.Second, func(int) int64 { return 1 },
					process{config: config, workers: 200}, tt.other)
				all := joined(sends)
				if calls, _ := most(all, 0); calls > rpm {
					t.Errorf("%d calls within a minute, the limit is %d", calls, rpm)
				}
				if len(all) < rpm*minutes*97/100 {
					t.Errorf("%d calls, want at least 97 %% of %d", len(all), rpm*minutes)
				}
				if n := len(sends[1]); n < tt.wanted[0] || n > tt.wanted[1] {
					t.Errorf("the other has %d calls, want %d to %d", n, tt.wanted[0], tt.wanted[1])
				}
				t.Logf("%d and %d calls", len(sends[0]), len(sends[1]))
			})
		})
	}
}

// The tokens of all processes are corrected by what usage says.
func TestSharedEstimates(t *testing.T) {
	t.Parallel()
	const tpm, minutes = 1_000_000, 20
	mixed := func(i int) int64 { return []int64{10_000, 200, 5_000, 9_999, 1}[i%5] }
	for name, estimate := range map[string]func(int64) int{
		"too low":  func(n int64) int { return int(n / 3) },
		"too high": func(n int64) int { return int(n * 4) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				sends := make([][]send, 2)
				var wg sync.WaitGroup
				for i := range sends {
					s, _ := store(dir)
					l := New(Config{TPM: tpm, Store: s})
					wg.Go(func() { sends[i] = drive(t, l, minutes*time.Minute, time.Second, 300, mixed, estimate); l.Close() })
				}
				wg.Wait()
				all := joined(sends)
				if _, tokens := most(all[128:], tpm); tokens > tpm {
					t.Errorf("%d tokens within a minute, the limit is %d", tokens, tpm)
				}
				if used := float64(tokensOf(all)) / tpm / minutes; used < 0.96 {
					t.Errorf("%.4f of the limit used", used)
				}
			})
		})
	}
}

// A booking as another process would make it, of requests.
func bookOne(r *minute, now time.Time, rpm int64) time.Duration {
	b := &booking{requests: pace{limit: rpm}, wants: []slot{{}}}
	b.book(r, now)
	return b.wants[0].at.Sub(now)
}

func TestClockSetBack(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var r minute
	for i := range 5 { // one second apart, but for the share
		if got, want := bookOne(&r, now, 60), time.Duration(i)*1020408164; got != want {
			t.Fatalf("booking %d is for %v from now, want %v", i, got, want)
		}
	}
	for _, back := range []time.Duration{time.Second, time.Hour, 24 * 365 * time.Hour} {
		copied := r
		if got, want := bookOne(&copied, now.Add(-back), 60), time.Duration(5*1020408164); got != want {
			t.Errorf("%v back: the next is for %v from now, want %v", back, got, want)
		}
	}
	if got := bookOne(&r, now.Add(time.Hour), 60); got != 0 {
		t.Errorf("an hour later: %v", got)
	}
	damaged := minute{Written: now.UnixNano(), Requests: 1 << 62}
	if got := bookOne(&damaged, now, 60); got > time.Hour {
		t.Errorf("the next slot is %v ahead", got)
	}
}

// What was learned by one bounds the others within seconds, whatever they knew.
func TestLearnedByAnother(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config Config
	}{{"nothing", Config{}}, {"a higher limit", Config{RPM: 6000}}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				one, _ := store(dir)
				two, _ := store(dir)
				learner := New(Config{Store: one})
				other := New(Config{RPM: tt.config.RPM, Store: two})
				for range 8 { // it asks for little, and may send many at once
					release(other, fill(t, other), &answer)
				}
				time.Sleep(time.Minute)
				teach(t, learner, 60, false)
				spare, _ := acquire(t, other) // it looks at the store
				other.Release(spare, nil)
				synctest.Wait()
				s := &server{rpm: 60}
				s.load(t, other, 2*time.Minute)
				if s.answered < 110 || s.answered > 120 {
					t.Errorf("%d calls are answered in the two minutes after 60 rpm were learned", s.answered)
				}
				if got := fmt.Sprint(other.Learned()); got != "[60 rpm from the server's refusal]" {
					t.Errorf("learned %s", got)
				}
				// A newer number counts, and both keep to it.
				teach(t, learner, 90, false)
				drive(t, other, 5*time.Second, time.Second, 1, func(int) int64 { return 1 }, exact)
				teach(t, other, 80, false)
				drive(t, learner, 5*time.Second, time.Second, 1, func(int) int64 { return 1 }, exact)
				for _, l := range []*Limiter{learner, other} {
					l.Close()
					if got := l.models[testModel].rates.requests.limit; got != 80 {
						t.Errorf("%d rpm, want the 80 that were named last", got)
					}
				}
			})
		})
	}
}

// teach has one call refused that names a limit.
func teach(t *testing.T, l *Limiter, value int64, tokens bool) {
	t.Helper()
	time.Sleep(time.Second) // what is learned is known to the second
	r := request(1)
	if err := l.Acquire(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	l.Release(r, &batch.Outcome{Consequence: batch.SlowDown, Limits: []batch.Limit{{Value: value, Tokens: tokens, Per: time.Minute}}})
	synctest.Wait()
}
