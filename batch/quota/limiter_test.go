package quota

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const testModel = "gemini-2.5-flash"

var answer = batch.Outcome{Consequence: batch.Answered}

func request(tokens int) *batch.Request {
	return &batch.Request{Model: testModel, InputTokens: tokens}
}

func usage(tokens int64) *batch.Outcome {
	return &batch.Outcome{Consequence: batch.Answered, Usage: &batch.Usage{PromptTokenCount: tokens}}
}

// A send is a call as the server sees it.
type send struct {
	at     time.Time
	tokens int64
}

// most returns the highest number of calls, and of tokens, in any 60 seconds. A
// row above the limit counts as all of it.
func most(sends []send, tpm int64) (calls int, tokens int64) {
	first, sum := 0, int64(0)
	count := func(s send) int64 {
		if tpm > 0 {
			return min(s.tokens, tpm)
		}
		return s.tokens
	}
	for i, s := range sends {
		for s.at.Sub(sends[first].at) >= time.Minute {
			sum -= count(sends[first])
			first++
		}
		sum += count(s)
		calls, tokens = max(calls, i-first+1), max(tokens, sum)
	}
	return calls, tokens
}

// drive sends for d of the bubble's time with so many workers, each call taking
// latency and the next row's tokens, and returns the sends in order. The limiter
// is told estimate(tokens).
func drive(t *testing.T, l *Limiter, d, latency time.Duration, workers int, row func(i int) int64, estimate func(int64) int) []send {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var sends []send
	next := 0
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				tokens := row(next)
				next++
				mu.Unlock()
				r := request(estimate(tokens))
				if err := l.Acquire(ctx, r); err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Acquire: %v", err)
					}
					return
				}
				mu.Lock()
				sends = append(sends, send{time.Now(), tokens})
				mu.Unlock()
				time.Sleep(latency)
				l.Release(r, usage(tokens))
			}
		})
	}
	wg.Wait()
	slices.SortStableFunc(sends, func(a, b send) int { return a.at.Compare(b.at) })
	return sends
}

func exact(tokens int64) int { return int(tokens) }

func TestConcurrency(t *testing.T) {
	for _, tt := range []struct {
		config Config
		want   int
	}{
		{Config{}, 4}, // slow start
		{Config{Concurrency: 3}, 3},
		{Config{Proven: 20}, 20}, // by another Limiter
		{Config{Proven: 20, Concurrency: 12}, 12},
		{Config{Proven: 2}, 4},
		{Config{RPM: 1_000_000_000_000}, DefaultConcurrency},
		{Config{TPM: 1_000_000_000_000, Concurrency: 7}, 7},
		{Config{RPM: -1, TPM: -1, RPD: -1, Concurrency: -1}, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(tt.config)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			n := 0
			for l.Acquire(ctx, request(1)) == nil {
				n++
			}
			if n != tt.want {
				t.Errorf("%+v: %d in flight, want %d", tt.config, n, tt.want)
			}
		})
	}
}

func TestFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		l := New(Config{RPM: 6000, Concurrency: 1})
		var got []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				r := request(1)
				if err := l.Acquire(t.Context(), r); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got = append(got, i)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				l.Release(r, &answer)
			})
			synctest.Wait() // this one waits before the next one comes
		}
		wg.Wait()
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("%d served, in order: %v", len(got), slices.IsSorted(got))
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 1})
		if err := l.Acquire(t.Context(), request(1)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if err := l.Acquire(ctx, request(1)); !errors.Is(err, context.Canceled) {
					t.Errorf("Acquire: %v", err)
				}
				if d := time.Since(start); d != time.Second {
					t.Errorf("returned after %v, want 1 s", d)
				}
			})
		}
		synctest.Wait()
		var second time.Duration // one that stays gets the slot of those that left
		wg.Go(func() {
			if err := l.Acquire(t.Context(), request(1)); err != nil {
				t.Error(err)
			}
			second = time.Since(start)
		})
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		if want := 61224489796 * time.Nanosecond; second != want {
			t.Errorf("the one that stayed was served after %v, want %v", second, want)
		}
		if err := l.Acquire(ctx, request(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("Acquire with an ended context: %v", err)
		}
		if s := l.State(); s.InFlight != 2 || s.Waiting != 0 {
			t.Errorf("state %+v, want 2 in flight and none waiting", s)
		}
	})
}

// A slot given in the moment of the cancellation is good; one that is given back
// unused counts as nothing, and the next waiter goes.
func TestCancelInTheMomentOfTheGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Concurrency: 1, TPM: 1_000_000})
		first := request(1)
		if err := l.Acquire(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			r := request(900_000)
			if err := l.Acquire(ctx, r); err != nil {
				t.Error(err)
			}
			l.Release(r, nil)
		})
		synctest.Wait()
		second := request(1)
		var err2 error
		wg.Go(func() { err2 = l.Acquire(t.Context(), second) })
		synctest.Wait()
		l.mu.Lock() // both happen before the waiter can look
		cancel()
		m := l.models[testModel]
		delete(m.flight.grants, first)
		m.dispatch(time.Now().Add(time.Second))
		l.mu.Unlock()
		wg.Wait()
		if err2 != nil {
			t.Error(err2)
		}
		if s := l.State(); s.InFlight != 1 || s.Waiting != 0 {
			t.Errorf("state %+v, want 1 in flight and none waiting", s)
		}
	})
}

func TestModelsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 1})
		for _, name := range []string{"a", "b", "c"} {
			if err := l.Acquire(t.Context(), &batch.Request{Model: name}); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(l.started); d != 0 {
			t.Errorf("three models took %v", d)
		}
		l.Release(&batch.Request{Model: "a"}, &answer) // never acquired: no harm
		l.Release(&batch.Request{Model: "d"}, &answer)
		if s := l.State(); s.Model != "a" || s.InFlight != 1 {
			t.Errorf("state %+v", s)
		}
	})
}

// Real time and all cores: meant for -race.
func TestParallel(t *testing.T) {
	l := New(Config{Concurrency: 8})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := range 300 {
				r := request(n)
				c := ctx
				if i%4 == 0 {
					short, stop := context.WithTimeout(ctx, time.Duration(n)*time.Microsecond)
					defer stop()
					c = short
				}
				if l.Acquire(c, r) == nil {
					l.Release(r, usage(int64(n)))
				}
				if n%100 == 0 {
					_ = l.State().String()
				}
			}
		})
	}
	wg.Wait()
	cancel()
	if s := l.State(); s.InFlight != 0 || s.Waiting != 0 {
		t.Errorf("state at the end: %+v", s)
	}
}
