package quota

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/pacific"
)

// A disk that hangs holds up the requests of its model for a moment, once, and
// nothing else.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, text := store(t.TempDir())
		hang := make(chan struct{})
		s.FS.Hook = func(durable.Op, string) (bool, error) {
			<-hang
			return true, nil
		}
		l := New(Config{RPM: 600, RPD: 10_000, Store: s})
		start := time.Now()
		first := request(1)
		if err := l.Acquire(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != storePatience {
			t.Errorf("the first request waited %v, want %v", d, storePatience)
		}
		start = time.Now()
		l.Release(first, &answer)
		if l.State(); time.Since(start) != 0 {
			t.Error("Release or State waits for the disk")
		}
		sends := drive(t, l, 5*time.Minute, time.Second, 50, func(int) int64 { return 1 }, exact)
		if len(sends) < 600*5*97/100 {
			t.Errorf("%d calls while the disk hangs", len(sends))
		}
		start = time.Now()
		l.Close()
		if d := time.Since(start); d > storePatience {
			t.Errorf("Close took %v", d)
		}
		if got := strings.Count(text.String(), "level=WARN"); got != 1 || !strings.Contains(text.String(), "does not answer") {
			t.Errorf("%d warnings, want one that says why: %s", got, text)
		}
		close(hang)
		synctest.Wait()
	})
}

// While one model waits for the disk, another one does not.
func TestStoreHangsForOneModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		s.FS.Hook = func(_ durable.Op, path string) (bool, error) {
			if strings.Contains(path, "slow") {
				time.Sleep(time.Second)
			}
			return true, nil
		}
		if err := s.FS.MkdirAll(s.Dir); err != nil {
			t.Fatal(err)
		}
		l := New(Config{RPM: 600, Store: s})
		var wg sync.WaitGroup
		wg.Go(func() { _ = l.Acquire(t.Context(), &batch.Request{Model: "slow"}) })
		synctest.Wait()
		start := time.Now()
		if err := l.Acquire(t.Context(), request(1)); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		wg.Wait()
		l.Close()
	})
}

// A slow disk costs little: more is booked ahead.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	for _, rpm := range []int{5, 600} {
		synctest.Test(t, func(t *testing.T) {
			const minutes = 5
			dir := t.TempDir()
			var all [][]send
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 2 {
				s, text := store(dir)
				s.FS.Hook = func(durable.Op, string) (bool, error) {
					time.Sleep(200 * time.Millisecond)
					return true, nil
				}
				l := New(Config{RPM: rpm, Store: s})
				wg.Go(func() {
					sends := drive(t, l, minutes*time.Minute, time.Second, 100, func(int) int64 { return 1 }, exact)
					l.Close()
					mu.Lock()
					all = append(all, sends)
					mu.Unlock()
					if text.Len() > 0 {
						t.Errorf("%s", text)
					}
				})
			}
			wg.Wait()
			sends := joined(all)
			if calls, _ := most(sends, 0); calls > rpm {
				t.Errorf("%d calls within a minute, the limit is %d", calls, rpm)
			}
			if len(sends) < rpm*minutes*93/100 {
				t.Errorf("%d calls in %d minutes at %d rpm", len(sends), minutes, rpm)
			}
			t.Logf("%d calls of %d", len(sends), rpm*minutes)
		})
	}
}

// serve makes calls against a server that has so many requests a day, and returns
// how many it answered and refused until the limiter says that the day is over.
func serve(t *testing.T, l *Limiter, left *int, most int) (answers, refusals int) {
	t.Helper()
	for range most {
		r := request(1)
		if err := l.Acquire(t.Context(), r); err != nil {
			if _, ok := errors.AsType[*DayError](err); !ok {
				t.Fatal(err)
			}
			break
		}
		if *left--; *left >= 0 {
			answers++
			l.Release(r, &answer)
			continue
		}
		refusals++
		l.Release(r, &batch.Outcome{Consequence: batch.Park, Limits: []batch.Limit{{Value: 250, Per: 24 * time.Hour}}})
	}
	return answers, refusals
}

// What a server names as its requests a day is kept to from the next day on, so that
// the day is used to its last request and none is refused.
func TestLearnedRequestsPerDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T22:00:00Z")
		s, text := store(t.TempDir())
		day := func(left, most, wantAnswers, wantRefusals int) *Limiter {
			t.Helper()
			l := New(Config{Store: s})
			answers, refusals := serve(t, l, &left, most)
			if answers != wantAnswers || refusals != wantRefusals {
				t.Errorf("%v: %d answered and %d refused, want %d and %d", time.Now(), answers, refusals, wantAnswers, wantRefusals)
			}
			l.Close()
			return l
		}
		l := day(250, 999, 250, 1)
		if got := l.Learned(); len(got) != 1 || got[0].String() != "250 requests a day from the server's refusal" {
			t.Errorf("learned %v", got)
		}
		day(0, 999, 0, 1) // the probe of another run

		at(t, "2000-07-16T07:00:00Z")
		day(250, 100, 100, 0)
		if !strings.Contains(text.String(), "learned: 250 requests a day from the server's refusal, 9h") {
			t.Errorf("log: %s", text)
		}
		l = day(150, 999, 150, 0)
		e, ok := errors.AsType[*DayError](l.Acquire(t.Context(), request(1)))
		if !ok || e.PerDay != 250 || e.RPD != 0 || !strings.Contains(e.Error(), "the quota of 250 requests a day is used up") {
			t.Errorf("%+v, %v", e, e)
		}
		// The next run still asks once, and what is answered then is believed.
		day(0, 999, 0, 1)
		day(700, 700, 700, 0)
		if r := readRecord(t, s); slices.ContainsFunc(r.Learned, func(l Learned) bool { return l.Limit == LimitRPD }) {
			t.Errorf("%v", r.Learned)
		}
	})
}

// A limit of the day is not believed for longer than the others.
func TestLearnedRequestsPerDayEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, _ := store(t.TempDir())
		l := New(Config{Store: s})
		left := 250
		serve(t, l, &left, 999)
		l.Close()
		at(t, "2000-07-16T12:00:01Z")
		l = New(Config{Store: s})
		left = 500
		if answers, refusals := serve(t, l, &left, 999); answers != 500 || refusals != 1 {
			t.Errorf("%d answered and %d refused, want 500 and 1", answers, refusals)
		}
		// What the user gives counts where it is less.
		at(t, "2000-07-17T07:00:00Z")
		l = New(Config{RPD: 100, Store: s})
		left = 500
		if answers, _ := serve(t, l, &left, 999); answers != 100 {
			t.Errorf("%d answered, want 100", answers)
		}
		if e, _ := errors.AsType[*DayError](l.Acquire(t.Context(), request(1))); e == nil || e.RPD != 100 {
			t.Errorf("%v", e)
		}
	})
}

func TestMerge(t *testing.T) {
	now := time.Now()
	named := func(limit string, value int64, age time.Duration) Learned {
		return Learned{Limit: limit, Value: value, At: now.Add(-age)}
	}
	estimated := func(value int64, age time.Duration) Learned {
		return Learned{Limit: LimitRPM, Value: value, At: now.Add(-age), Estimated: true}
	}
	for name, tt := range map[string]struct{ ours, theirs, want Learned }{
		"newer":                     {named(LimitRPM, 1, time.Hour), named(LimitRPM, 2, time.Minute), named(LimitRPM, 2, time.Minute)},
		"older":                     {named(LimitRPM, 1, time.Minute), named(LimitRPM, 2, time.Hour), named(LimitRPM, 1, time.Minute)},
		"estimated since":           {estimated(1, time.Minute), named(LimitRPM, 2, time.Hour), named(LimitRPM, 2, time.Hour)},
		"estimated before":          {named(LimitRPM, 1, time.Hour), estimated(2, time.Minute), named(LimitRPM, 1, time.Hour)},
		"not valid any more":        {estimated(1, time.Minute), named(LimitRPM, 2, learnedFor), estimated(1, time.Minute)},
		"of another version":        {estimated(1, time.Minute), named("rph", 2, 0), estimated(1, time.Minute)},
		"estimated later by them":   {estimated(1, time.Hour), estimated(2, time.Minute), estimated(2, time.Minute)},
		"estimated earlier by them": {estimated(1, time.Minute), estimated(2, time.Hour), estimated(1, time.Minute)},
	} {
		if got := merge([]Learned{tt.ours}, []Learned{tt.theirs}, now); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if got := merge([]Learned{estimated(1, 0)}, []Learned{named(LimitTPM, 2, 0)}, now); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

// Two processes at a server that names nothing find their shares, and keep them.
func TestEstimatedByTwo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const warm, measured = 5, 20
		dir := t.TempDir()
		s := &server{rpm: 600, since: time.Now().Add(warm * time.Minute)}
		var wg sync.WaitGroup
		for range 2 {
			own, _ := store(dir)
			l := New(Config{Store: own})
			wg.Go(func() { s.load(t, l, (warm+measured)*time.Minute); l.Close() })
		}
		wg.Wait()
		used := float64(s.answered) / float64(s.rpm) / measured
		refused := float64(s.refused) / float64(s.answered+s.refused)
		t.Logf("%.3f of the limit used, %.4f refused", used, refused)
		if used < 0.8 || refused > 0.05 {
			t.Errorf("%.3f of the limit used, %.4f refused", used, refused)
		}
	})
}

// What was estimated is kept too, but the next run goes on asking for more, and does not
// bind other processes to it.
func TestEstimateIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		hidden := &server{rpm: 60}
		l := New(Config{Store: s})
		hidden.load(t, l, 5*time.Minute)
		l.Close()
		r := readRecord(t, s)
		if len(r.Learned) == 0 || r.Learned[0].Limit != LimitRPM || r.Learned[0].Value < 55 || r.Learned[0].Value > 60 {
			t.Fatalf("kept %+v", r.Learned)
		}
		for _, learned := range r.Learned { // also of tokens, since each row has one
			if !learned.Estimated {
				t.Errorf("kept %+v, want an estimate", learned)
			}
		}
		time.Sleep(time.Minute)
		hidden.rpm = 6000
		hidden.answered = 0
		l = New(Config{Store: s})
		hidden.load(t, l, 30*time.Minute)
		l.Close()
		if hidden.answered < 2*30*60 {
			t.Errorf("%d calls in half an hour after the limit was raised", hidden.answered)
		}
	})
}

// An estimate of an earlier run says that there is more to get than a few calls at a time,
// and nothing else: the next run is no slower for it, however low it is.
func TestEstimateSlowsNothing(t *testing.T) {
	t.Parallel()
	for _, value := range []int64{1, 60, 600, 1_000_000} {
		for _, limit := range []string{LimitRPM, LimitTPM} {
			for _, rpm := range []int{0, 60, 600} {
				calls := func(learned ...Learned) (n int) {
					synctest.Test(t, func(t *testing.T) {
						s, _ := store(t.TempDir())
						for i := range learned {
							learned[i].At = time.Now()
						}
						if _, err := s.update(testModel, func(r *dayRecord) { r.Learned = learned }); err != nil {
							t.Fatal(err)
						}
						l := New(Config{Store: s})
						server := &server{rpm: rpm}
						server.load(t, l, 3*time.Minute)
						l.Close()
						n = server.answered
					})
					return n
				}
				fresh := calls()
				if got := calls(Learned{Limit: limit, Value: value, Estimated: true}); got < fresh*97/100 {
					t.Errorf("a server of %d rpm answers %d calls of a run that has estimated %d %s, and %d of a new one", rpm, got, value, limit, fresh)
				}
			}
		}
	}
}

// It opens the window at once, and no estimate is taken over.
func TestEstimateOpensWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		_, err := s.update(testModel, func(r *dayRecord) {
			r.Learned = []Learned{{Limit: LimitRPM, Value: 5, At: time.Now(), Estimated: true}}
		})
		if err != nil {
			t.Fatal(err)
		}
		l := New(Config{Store: s})
		first, _ := acquire(t, l)
		if n := 1 + len(fill(t, l)); n != DefaultConcurrency {
			t.Errorf("%d calls go out at once, want %d", n, DefaultConcurrency)
		}
		if got := l.Learned(); len(got) > 0 {
			t.Errorf("learned %v, want nothing", got)
		}
		l.Release(first, &answer)
		l.Close()
		if r := readRecord(t, s); len(r.Learned) != 1 || !r.Learned[0].Estimated {
			t.Errorf("kept %+v, want the estimate", r.Learned)
		}
	})
}

// With the store and with limits of the minute, one who waits for the day goes on
// after midnight, whoever said how long the day is.
func TestWaitForDayWithStore(t *testing.T) {
	for _, given := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			at(t, "2000-07-15T12:00:00Z")
			s, _ := store(t.TempDir())
			c := Config{RPM: 60, OnDailyQuota: DayWait, Store: s}
			if given {
				c.RPD = 3
			}
			l := New(c)
			used, refused := map[string]int{}, 0
			for range 9 {
				for {
					r := request(1)
					if err := l.Acquire(t.Context(), r); err != nil {
						t.Fatal(err)
					}
					day := pacific.DayName(time.Now(), pacific.Location())
					if used[day] < 3 {
						used[day]++
						l.Release(r, &answer)
						break
					}
					refused++
					l.Release(r, &batch.Outcome{Consequence: batch.Park, Limits: []batch.Limit{{Value: 3, Per: 24 * time.Hour}}})
				}
			}
			l.Close()
			if got, want := pacific.DayName(time.Now(), pacific.Location()), "2000-07-17"; got != want {
				t.Errorf("given %v: the ninth request went out on %s, want %s", given, got, want)
			}
			want := 1 // of the first day, which nobody had said anything about
			if given {
				want = 0
			}
			if refused != want {
				t.Errorf("given %v: %d refusals, want %d", given, refused, want)
			}
			if r := readRecord(t, s); r.Used != 3 {
				t.Errorf("given %v: %+v", given, r)
			}
		})
	}
}

// A clock that is set back over midnight costs at most another day's requests.
func TestDaySetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, _ := store(t.TempDir())
		l := New(Config{RPD: 5, Store: s})
		m := l.model(testModel)
		l.mu.Lock()
		m.day.end, m.day.name = pacific.NextMidnight(m.day.end, l.zone), "2000-07-16" // as before the clock was set back
		l.mu.Unlock()
		if got := spend(t, l, 9); got != 5 {
			t.Errorf("%d requests, want 5", got)
		}
		l.Close()
		// After Close a limiter is of use still, by itself.
		at(t, "2000-07-16T12:00:00Z")
		l = New(Config{RPM: 60, RPD: 5, Store: s})
		spend(t, l, 1)
		l.Close()
		if got := spend(t, l, 9); got != 4 {
			t.Errorf("%d requests after Close, want 4", got)
		}
	})
}

// A number that a refusal named is given up, here and in the store, when the server accepts
// more.
func TestNamedLimitIsGivenUp(t *testing.T) {
	t.Parallel()
	var calls [2]int
	for i := range calls {
		synctest.Test(t, func(t *testing.T) {
			var c Config
			if i == 1 {
				c.Store, _ = store(t.TempDir())
			}
			l := New(c)
			teach(t, l, 60, false)
			s := &server{}
			s.load(t, l, 5*time.Minute)
			l.Close()
			calls[i] = s.answered
			if i == 1 {
				for _, known := range c.Store.Peek(testModel).Learned {
					if !known.Estimated {
						t.Errorf("the store has %v", known)
					}
				}
			}
		})
	}
	if calls[1] < calls[0]*9/10 {
		t.Errorf("%d calls with a store, %d without", calls[1], calls[0])
	}
}

// A later run that knows a limit from the store does not exceed it more often than one that
// was told of it itself.
func TestStoredLimitIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		l := New(Config{Store: s})
		teach(t, l, 60, false)
		l.Close()
		time.Sleep(2 * time.Minute)
		l = New(Config{Store: s})
		sv := &server{rpm: 60}
		sv.load(t, l, 5*time.Minute)
		l.Close()
		if sv.refused > 10 || sv.answered < 280 {
			t.Errorf("%d calls are refused and %d answered, want about 4 and 294", sv.refused, sv.answered)
		}
	})
}
