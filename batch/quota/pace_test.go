package quota

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequestsPerMinute(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rpm     int
		minutes int
	}{{1, 60}, {2, 60}, {5, 60}, {60, 20}, {600, 10}, {4000, 3}, {30000, 2}} {
		t.Run(fmt.Sprint(tt.rpm), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{RPM: tt.rpm, Concurrency: 2000})
				d := time.Duration(tt.minutes) * time.Minute
				sends := drive(t, l, d, time.Second, 600, func(int) int64 { return 10 }, exact)
				if calls, _ := most(sends, 0); calls > tt.rpm {
					t.Errorf("%d calls within a minute, the limit is %d", calls, tt.rpm)
				}
				if want := tt.rpm * tt.minutes * 97 / 100; len(sends) < want {
					t.Errorf("%d calls in %v, want at least %d (97 %%)", len(sends), d, want)
				}
				// Even: no two slots closer than a minute over the limit.
				for i := 1; i < len(sends); i++ {
					if gap := sends[i].at.Sub(sends[i-1].at); gap < time.Minute/time.Duration(tt.rpm) {
						t.Fatalf("calls %d and %d are %v apart", i-1, i, gap)
					}
				}
			})
		})
	}
}

func TestSlotsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 49}) // 60 s / (49 * 0.98) = 1.249479... s
		start := time.Now()
		for i := range 5 {
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &answer)
			want := time.Duration(i) * 1249479384 * time.Nanosecond
			if got := time.Since(start); got != want {
				t.Errorf("slot %d came after %v, want %v", i, got, want)
			}
		}
	})
}

func TestTokensPerMinute(t *testing.T) {
	t.Parallel()
	const tpm = 1_000_000
	mixed := func(i int) int64 { return []int64{10_000, 200, 5_000, 9_999, 1}[i%5] }
	for _, tt := range []struct {
		name     string
		rpm      int
		row      func(i int) int64
		estimate func(int64) int
		latency  time.Duration
		use      float64 // of the token limit, at least
		settle   int     // sends before the estimate has settled
	}{
		{"rows of 1 %", 0, func(int) int64 { return 10_000 }, exact, time.Second, 0.97, 0},
		{"rows of 0.1 %", 0, func(int) int64 { return 1_000 }, exact, time.Second, 0.97, 0},
		{"mixed rows", 0, mixed, exact, time.Second, 0.97, 0},
		{"rows of 40 %", 0, func(int) int64 { return 400_000 }, exact, time.Second, 0.77, 0},
		{"rows of 50 %", 0, func(int) int64 { return 500_000 }, exact, time.Second, 0.97, 0},
		{"rows of 120 %", 0, func(int) int64 { return 1_200_000 }, exact, time.Second, 1.1, 0},
		{"estimate too low", 0, mixed, func(n int64) int { return int(n / 3) }, time.Second, 0.97, 64},
		{"estimate too high", 0, mixed, func(n int64) int { return int(n * 4) }, 20 * time.Second, 0.96, 0},
		{"both limits, tokens bind", 4000, func(int) int64 { return 1_000 }, exact, time.Second, 0.97, 0},
		{"both limits at once, rows of 0.02 % to 0.18 %", 1000, func(i int) int64 { return 200 + int64(i*611%1600) }, exact, time.Second, 0.97, 0},
		{"both limits at once, a hundred small rows, a hundred large ones", 1000, func(i int) int64 { return []int64{500, 1500}[i/100%2] }, exact, time.Second, 0.97, 0},
		{"both limits, requests bind", 500, func(int) int64 { return 1_000 }, exact, time.Second, 0.485, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{RPM: tt.rpm, TPM: tpm, Concurrency: 2000})
				const minutes = 20
				sends := drive(t, l, minutes*time.Minute, tt.latency, 600, tt.row, tt.estimate)
				calls, tokens := most(sends[min(tt.settle, len(sends)):], tpm)
				if tokens > tpm {
					t.Errorf("%d tokens within a minute, the limit is %d", tokens, tpm)
				}
				if tt.rpm > 0 && calls > tt.rpm {
					t.Errorf("%d calls within a minute, the limit is %d", calls, tt.rpm)
				}
				var sum int64
				for _, s := range sends {
					sum += s.tokens
				}
				if used := float64(sum) / tpm / minutes; used < tt.use {
					t.Errorf("%.4f of the limit used, want at least %.4f", used, tt.use)
				}
			})
		})
	}
}

// A row above the limit is sent, with nothing else in its minute.
func TestOversizeRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{TPM: 1000})
		start := time.Now()
		var got []time.Duration
		for _, tokens := range []int{10, 5000, 10} {
			r := request(tokens)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			got = append(got, time.Since(start))
			l.Release(r, usage(int64(tokens)))
		}
		// The second waits until the first has left the window, and the third for what
		// all of the limit costs, 60 s / 0.98 = 61.224489796 s, from the second's slot,
		// which counts as slack earlier since its pace was free long before.
		want := []time.Duration{0, window, window - slack + 61224489796*time.Nanosecond}
		if !slices.Equal(got, want) {
			t.Errorf("sent at %v, want %v", got, want)
		}
	})
}

// Time in which nobody asked is not made up for.
func TestNoBurstAfterIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 600, TPM: 600_000})
		one := drive(t, l, 2*time.Second, time.Second, 50, func(int) int64 { return 10 }, exact)
		time.Sleep(10 * time.Minute)
		two := drive(t, l, time.Minute, time.Second, 50, func(int) int64 { return 10 }, exact)
		if len(one) < 19 || len(two) < 580 {
			t.Fatalf("%d and %d calls", len(one), len(two))
		}
		for i := 1; i < len(two); i++ {
			if gap := two[i].at.Sub(two[i-1].at); gap < 100*time.Millisecond {
				t.Fatalf("calls %d and %d after the stall are %v apart", i-1, i, gap)
			}
		}
	})
}

// Calls that all hang, and then end together, leave no credit either.
func TestNoBurstAfterStalledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 6000, Concurrency: 100}) // slots 10.2 ms apart
		stall := time.Now().Add(10 * time.Second)
		var mu sync.Mutex
		var sends []send
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				for time.Since(stall) < 60*time.Second {
					r := request(1)
					if err := l.Acquire(t.Context(), r); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					sends = append(sends, send{time.Now(), 1})
					mu.Unlock()
					if time.Now().Before(stall) {
						time.Sleep(time.Until(stall)) // the server hangs
					}
					time.Sleep(time.Second / 2)
					l.Release(r, &answer)
				}
			})
		}
		wg.Wait()
		burst := 0
		for _, s := range sends {
			if d := s.at.Sub(stall); d >= 500*time.Millisecond && d < 700*time.Millisecond {
				burst++
			}
		}
		// 200 ms hold 20 slots; slack adds 100 ms worth.
		if burst < 20 || burst > 30 {
			t.Errorf("%d calls in the 200 ms after the stall, want 20 to 30", burst)
		}
		if calls, _ := most(sends, 0); calls > 6000 {
			t.Errorf("%d calls within a minute", calls)
		}
	})
}

// A timer that fires late costs no slot, as long as it is late by less than slack.
func TestLateTimer(t *testing.T) {
	for _, tt := range []struct {
		late time.Duration
		next time.Duration // from the late moment to the next slot
	}{
		{0, 1020408164},
		{60 * time.Millisecond, 1020408164 - 60*time.Millisecond},
		{100 * time.Millisecond, 1020408164 - 100*time.Millisecond},
		{5 * time.Second, 1020408164 - 100*time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{RPM: 60})
			m := l.model(testModel)
			now := time.Now()
			m.grant(now, now, request(1))
			for range 2 {
				m.queue.PushBack(&waiter{request: request(1), done: make(chan error, 1)})
			}
			now = m.rates.requests.free.Add(tt.late)
			m.dispatch(now)
			if len(m.flight.grants) != 2 || m.queue.Len() != 1 {
				t.Fatalf("%d in flight, %d wait; want 2 and 1", len(m.flight.grants), m.queue.Len())
			}
			if got := m.alarm.at.Sub(now); got != tt.next {
				t.Errorf("late by %v: next slot after %v, want %v", tt.late, got, tt.next)
			}
			m.alarm.timer.Stop()
		})
	}
}
