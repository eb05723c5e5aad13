package quota

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// Eight processes with an eighth of the limits each stay within them together, in any minute, and
// use nearly all of them. Some share a machine, and with it a store, and others do not.
func TestSharesAddUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		config  Config
		calls   int   // most in a minute
		tokens  int64 // likewise
		minutes int
	}{
		{"requests", Config{RPM: 1200}, 1200, 0, 3},
		{"tokens", Config{TPM: 240_000}, 0, 240_000, 3},
		{"requests that eight cannot divide", Config{RPM: 103}, 103, 0, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dirs := []string{t.TempDir(), t.TempDir()}
				var mu sync.Mutex
				var all []send
				var wg sync.WaitGroup
				for i := range 8 {
					c := tt.config
					c.Share = 1.0 / 8
					c.Store, _ = store(dirs[i%2])
					c.Store.Part = string(rune('a' + i))
					l := New(c)
					wg.Go(func() {
						sends := drive(t, l, time.Duration(tt.minutes)*time.Minute, time.Second, 40, func(int) int64 { return 200 }, exact)
						l.Close()
						mu.Lock()
						defer mu.Unlock()
						all = append(all, sends...)
					})
				}
				wg.Wait()
				slices.SortFunc(all, func(a, b send) int { return a.at.Compare(b.at) })
				calls, tokens := most(all, tt.tokens)
				if tt.calls > 0 && calls > tt.calls || tt.tokens > 0 && tokens > tt.tokens {
					t.Errorf("%d calls and %d tokens in a minute, of %d and %d", calls, tokens, tt.calls, tt.tokens)
				}
				limit := tt.calls
				if limit == 0 {
					limit = int(tt.tokens / 200)
				}
				if least := limit * tt.minutes * 9 / 10; len(all) < least {
					t.Errorf("%d calls in %d minutes, want %d", len(all), tt.minutes, least)
				}
			})
		})
	}
}

// A limit that a server names is that of all. A process with a share keeps its part of it, and leaves
// the whole to others, with a share or without.
func TestShareOfLearnedLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		part := func(name string, share float64) *Limiter {
			s, _ := store(dir)
			s.Part = name
			return New(Config{Share: share, Store: s})
		}
		inForce := func(l *Limiter) int64 {
			t.Helper()
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &answer)
			synctest.Wait()
			return l.Limits().RPM.Value
		}
		first := part("a", 0.125)
		r := request(1)
		if err := first.Acquire(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		first.Release(r, &batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindQuota, HTTPStatus: 429}, Limits: []batch.Limit{{Value: 1001, Per: time.Minute}}})
		synctest.Wait()
		if got := first.Limits().RPM; got.Value != 125 || !got.Learned {
			t.Errorf("an eighth of 1001 is %+v", got)
		}
		if got := first.Learned(); len(got) != 1 || got[0].Value != 1001 {
			t.Errorf("the server taught %v", got)
		}
		for _, other := range []struct {
			name  string
			share float64
			want  int64
		}{{"b", 0.5, 500}, {"", 0, 1001}, {"a", 0.125, 125}} {
			l := part(other.name, other.share)
			if got := inForce(l); got != other.want {
				t.Errorf("%q with a share of %v keeps to %d, want %d", other.name, other.share, got, other.want)
			}
			l.Close()
		}
		first.Close()
		kept, err := List(dir)
		if err != nil || len(kept) != 1 || len(kept[0].Learned) != 1 || kept[0].Learned[0].Value != 1001 {
			t.Errorf("the store keeps %+v, %v", kept, err)
		}
	})
}

// Each part has its own share of the day, also across runs. That the server has refused the day is
// known to all.
func TestShareOfDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		dir := t.TempDir()
		part := func(name string) *Limiter {
			s, _ := store(dir)
			s.Part = name
			return New(Config{RPD: 20, Share: 0.25, Store: s})
		}
		for _, tt := range []struct {
			name      string
			ask, want int
		}{{"a", 3, 3}, {"b", 9, 5}, {"a", 9, 2}, {"a", 9, 0}, {"c", 2, 2}} {
			l := part(tt.name)
			if got := spend(t, l, tt.ask); got != tt.want {
				t.Errorf("part %s may send %d, want %d", tt.name, got, tt.want)
			}
			l.Close()
		}
		l := part("d")
		refuse(t, l)
		l.Close()
		s, _ := store(dir)
		if r := readRecord(t, s); !r.ParkedUntil.After(time.Now()) || len(r.Learned) != 1 || r.Learned[0].Value != 20 {
			t.Errorf("all know of the day: %+v", r)
		}
	})
}

// The limits that a run is given while it goes on are divided, too.
func TestSetLimitsInShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 100, Share: 0.25})
		if got := l.Limits().RPM.Value; got != 25 {
			t.Errorf("a quarter of 100 is %d", got)
		}
		l.SetLimits(Config{RPM: 400, TPM: 10})
		if got := l.Limits(); got.RPM.Value != 100 || got.TPM.Value != 2 {
			t.Errorf("a quarter of 400 and of 10 is %+v", got)
		}
	})
}

func TestPortion(t *testing.T) {
	for _, tt := range []struct {
		limit int
		share float64
		want  int
	}{{100, 0, 100}, {100, 1, 100}, {0, 0.5, 0}, {1000, 1.0 / 8, 125}, {49, 1.0 / 49, 1}, {1001, 1.0 / 3, 333}, {3, 1.0 / 8, 1}, {1_000_000_000, 1.0 / 100_000, 10_000}} {
		if got := Part(tt.limit, tt.share); got != tt.want {
			t.Errorf("%v of %d is %d, want %d", tt.share, tt.limit, got, tt.want)
		}
	}
}
