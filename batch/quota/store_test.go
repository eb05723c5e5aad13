package quota

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// store is a Store as another process would make it, and what it logs.
func store(dir string) (*Store, *bytes.Buffer) {
	var text bytes.Buffer
	return &Store{Dir: dir, Endpoint: "google", KeyID: KeyID("secret"), Log: slog.New(slog.NewTextHandler(&text, nil))}, &text
}

// spend makes up to n calls that are answered, and returns how many the limiter let
// through before it said that the day is over.
func spend(t *testing.T, l *Limiter, n int) int {
	t.Helper()
	for i := range n {
		r := request(1)
		if err := l.Acquire(t.Context(), r); err != nil {
			if _, ok := errors.AsType[*DayError](err); !ok {
				t.Fatal(err)
			}
			return i
		}
		l.Release(r, &answer)
	}
	return n
}

// refuse has one call refused for the day.
func refuse(t *testing.T, l *Limiter) {
	t.Helper()
	r := request(1)
	if err := l.Acquire(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	l.Release(r, &batch.Outcome{Consequence: batch.Park, Limits: []batch.Limit{{Value: 20, Per: 24 * time.Hour}}})
	synctest.Wait() // until it is written
}

func readRecord(t *testing.T, s *Store) dayRecord {
	t.Helper()
	r, err := s.read(testModel)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDayAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, _ := store(filepath.Join(t.TempDir(), "made", "when needed"))
		for _, tt := range []struct{ ask, want int }{{2, 2}, {9, 3}, {9, 0}} {
			l := New(Config{RPD: 5, Store: s})
			if got := spend(t, l, tt.ask); got != tt.want {
				t.Fatalf("%d requests, want %d", got, tt.want)
			}
			l.Close()
		}
		if r := readRecord(t, s); r.Used != 5 || r.Day != "2000-07-15" {
			t.Errorf("%+v", r)
		}
		for _, other := range []*Store{
			{Dir: s.Dir, Endpoint: "vertex", KeyID: s.KeyID},
			{Dir: s.Dir, Endpoint: s.Endpoint, KeyID: KeyID("another")},
		} {
			if got := spend(t, New(Config{RPD: 5, Store: other}), 9); got != 5 {
				t.Errorf("another endpoint or key has %d requests, want 5", got)
			}
		}
		if err := New(Config{RPD: 5, Store: s}).Acquire(t.Context(), &batch.Request{Model: "other"}); err != nil {
			t.Errorf("another model: %v", err)
		}
	})
}

// The day is Los Angeles' own, of 23 and 25 hours twice a year.
func TestDayChange(t *testing.T) {
	for _, tt := range []struct{ name, before, after string }{
		{"winter", "2000-01-16T07:59:59Z", "2000-01-16T08:00:00Z"},
		{"summer", "2000-07-16T06:59:59Z", "2000-07-16T07:00:00Z"},
		{"into summer time", "2000-04-03T06:59:59Z", "2000-04-03T07:00:00Z"},
		{"out of summer time", "2000-10-30T07:59:59Z", "2000-10-30T08:00:00Z"},
		{"March, by the rules of today", "2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z"},
		{"November, by the rules of today", "2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := store(t.TempDir())
				at(t, tt.before)
				if got := spend(t, New(Config{RPD: 3, Store: s}), 9); got != 3 {
					t.Fatalf("%d requests before midnight, want 3", got)
				}
				if got := spend(t, New(Config{RPD: 3, Store: s}), 9); got != 0 {
					t.Fatalf("%d requests of a second run before midnight, want none", got)
				}
				running := New(Config{RPD: 3, Store: s})
				spend(t, running, 1)
				at(t, tt.after)
				if got := spend(t, running, 2) + spend(t, New(Config{RPD: 3, Store: s}), 9); got != 3 {
					t.Errorf("%d requests after midnight, want 3", got)
				}
			})
		})
	}
}

// A slice that is left over at midnight is yesterday's: it is neither used nor
// given back today.
func TestSliceEndsWithDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		at(t, "2000-07-16T06:59:00Z")
		old, new := New(Config{RPD: 1000, Store: s}), New(Config{RPD: 1000, Store: s})
		spend(t, old, 3)
		at(t, "2000-07-16T07:00:00Z")
		spend(t, new, 3)
		old.Close()
		if r := readRecord(t, s); r.Used != 10 {
			t.Errorf("%d requests used, want the one slice of today", r.Used)
		}
		new.Close()
		if r := readRecord(t, s); r.Used != 3 {
			t.Errorf("%d requests used after all is closed, want 3", r.Used)
		}
	})
}

// Whenever a run is killed, the file has at least what was sent, and at most a slice
// more.
func TestCrashCountsTooMuch(t *testing.T) {
	s, _ := store(t.TempDir())
	const rpd, slice = 500, 5
	sent := 0
	for crash := range 12 {
		l := New(Config{RPM: 1e9, RPD: rpd, Store: s})
		for range crash {
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			sent++
			if used := readRecord(t, s).Used; used < sent || used > sent+slice*(crash+1) {
				t.Fatalf("the file has %d requests, and %d were sent", used, sent)
			}
			l.Release(r, &answer)
		}
	}
	sent += spend(t, New(Config{RPM: 1e9, RPD: rpd, Store: s}), 2*rpd)
	if sent > rpd || sent < rpd-12*slice {
		t.Errorf("%d requests in all, want at most %d and not much less", sent, rpd)
	}
}

// Two processes at once share the day, to the last request.
func TestProcessesShareDay(t *testing.T) {
	dir := t.TempDir()
	const rpd = 40
	var mu sync.Mutex
	total := 0
	var wg sync.WaitGroup
	for range 4 {
		s, _ := store(dir)
		l := New(Config{RPM: 1e9, RPD: rpd, Store: s})
		wg.Go(func() {
			n := spend(t, l, rpd)
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	if total != rpd {
		t.Errorf("%d requests in all, want %d", total, rpd)
	}
}

// A run of the same day asks once whether a parked model is still parked.
func TestProbe(t *testing.T) {
	outcome := func(c batch.Consequence, status int) *batch.Outcome {
		o := &batch.Outcome{Consequence: c}
		if status != 0 {
			o.Err = &batch.Error{HTTPStatus: status}
		}
		return o
	}
	for _, tt := range []struct {
		name   string
		probe  *batch.Outcome
		lifted bool
		goOut  int // of three that wait, once the outcome is known
	}{
		{"answered", outcome(batch.Answered, 0), true, 3},
		{"blocked by a filter", outcome(batch.Settled, 200), true, 3},
		{"refused again", outcome(batch.Park, 429), false, 0},
		// These say nothing about the day: another request is the probe.
		{"never sent", nil, false, 1},
		{"broken server", outcome(batch.Retry, 503), false, 1},
		{"bad row", outcome(batch.Settled, 400), false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(t, "2000-07-15T12:00:00Z")
				s, _ := store(t.TempDir())
				first := New(Config{Store: s})
				refuse(t, first)
				first.Close()

				l := New(Config{Store: s})
				probe := request(1)
				if err := l.Acquire(t.Context(), probe); err != nil {
					t.Fatalf("the probe: %v", err)
				}
				errs := make(chan error, 3)
				for range cap(errs) {
					go func() { errs <- l.Acquire(t.Context(), request(1)) }()
				}
				synctest.Wait()
				if len(errs) != 0 {
					t.Fatal("a second request goes out beside the probe")
				}
				if got, want := l.State().String(), "waiting: quota of the day (learned 0 s ago), 1 in flight, oldest 0 s"; got != want {
					t.Errorf("state %q, want %q", got, want)
				}
				l.Release(probe, tt.probe)
				synctest.Wait()
				goOut := 0
				for range len(errs) {
					err := <-errs
					if err == nil {
						goOut++
					} else if day, ok := errors.AsType[*DayError](err); !ok || day.Until.UTC().Format(time.RFC3339) != "2000-07-16T07:00:00Z" {
						t.Errorf("a waiter got %v", err)
					}
				}
				if goOut != tt.goOut {
					t.Errorf("%d requests go out, want %d", goOut, tt.goOut)
				}
				if parked := readRecord(t, s).ParkedUntil.After(time.Now()); parked == tt.lifted {
					t.Errorf("the file says parked: %v", parked)
				}
				want := 1
				if tt.lifted {
					want = startWindow
				}
				if got := len(fill(t, New(Config{Store: s}))); got != want {
					t.Errorf("the next run sends %d requests at once, want %d", got, want)
				}
			})
		})
	}
}

// After midnight nothing is probed any more.
func TestParkEndsWithDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, _ := store(t.TempDir())
		refuse(t, New(Config{Store: s}))
		day, ok := errors.AsType[*DayError](func() error {
			l := New(Config{Store: s})
			refuse(t, l)
			return l.Acquire(t.Context(), request(1))
		}())
		if !ok || day.PerDay != 20 {
			t.Errorf("%+v, want the 20 requests a day that the refusal names", day)
		}
		at(t, "2000-07-16T07:00:00Z")
		l := New(Config{Store: s})
		if got := len(fill(t, l)); got != startWindow {
			t.Errorf("%d requests at once, want %d", got, startWindow)
		}
		// Since it was parked once, the day is counted, in slices of 1 % of what the
		// refusal named: four in flight, and the one of the call that waits.
		if r := readRecord(t, s); r.Used != startWindow+1 || r.Day != "2000-07-16" {
			t.Errorf("%+v", r)
		}
	})
}

func TestLearnedLimitsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, text := store(t.TempDir())
		l := New(Config{Store: s})
		learn := func(limits ...batch.Limit) {
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &batch.Outcome{Consequence: batch.SlowDown, Limits: limits})
		}
		learn(batch.Limit{Value: 600, Per: time.Minute})
		learn(batch.Limit{Value: 250_000, Tokens: true, Per: time.Minute}) // within a minute: written at the end
		l.Close()

		time.Sleep(23 * time.Hour)
		for _, tt := range []struct {
			config Config
			want   string
		}{
			{Config{Store: s}, "600 rpm from the server's refusal, 250000 tpm from the server's refusal"},
			{Config{Store: s, RPM: 1000}, "250000 tpm from the server's refusal"},
			{Config{}, ""},
		} {
			l := New(tt.config)
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, learned := range l.Learned() {
				got = append(got, learned.String())
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("learned %q, want %s", got, tt.want)
			}
			if tt.config.Store != nil && l.models[testModel].flight.window != DefaultConcurrency {
				t.Error("a run that knows the limits starts slowly")
			}
			l.Close()
		}
		if !strings.Contains(text.String(), "learned: 600 rpm from the server's refusal, 23h") {
			t.Errorf("log: %s", text)
		}
		time.Sleep(time.Hour + time.Second)
		l = New(Config{Store: s})
		if fill(t, l); len(l.Learned()) != 0 {
			t.Errorf("a day later still %v", l.Learned())
		}
	})
}

// A record that cannot be used may have held any number of today's requests: all of a
// given limit count as used. One of an earlier day has nothing of today.
func TestDamagedRecord(t *testing.T) {
	for _, content := range []string{"", "{", `{"version":1,"used":-5}`, `{"version":0,"used":3}`, "\x00\x00\x00\x00"} {
		for _, old := range []bool{false, true} {
			s, text := store(t.TempDir())
			if err := os.WriteFile(s.path(testModel), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			want := 0
			if old {
				want = 3
				then := time.Now().AddDate(0, 0, -2)
				if err := os.Chtimes(s.path(testModel), then, then); err != nil {
					t.Fatal(err)
				}
			}
			l := New(Config{RPM: 1e9, RPD: 3, Store: s})
			if got := spend(t, l, 9); got != want {
				t.Errorf("%q, old %v: %d requests, want %d", content, old, got, want)
			}
			l.Close()
			if got := strings.Count(text.String(), "level=WARN"); got != 1 || !strings.Contains(text.String(), "damaged") {
				t.Errorf("%q: %d warnings, want one: %s", content, got, text)
			}
			if r := readRecord(t, s); r.Used != want || r.Lost == old {
				t.Errorf("%q, old %v: %+v", content, old, r)
			}
			// A later run knows that the count was lost, though the file is sound by now.
			l = New(Config{RPM: 1e9, RPD: 3, Store: s})
			if got := spend(t, l, 9); got != 0 {
				t.Errorf("%q, old %v: a second run sends %d requests", content, old, got)
			}
			l.Close()
		}
	}
}

// A record that may not be read, or that a later version wrote, stays as it is. All of a
// given limit count as used.
func TestUnreadableRecord(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"a folder":        func(path string) error { return os.MkdirAll(path, 0o700) },
		"a later version": func(path string) error { return os.WriteFile(path, []byte(`{"version":99,"used":1}`), 0o600) },
	} {
		s, text := store(t.TempDir())
		path := s.path(testModel)
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		l := New(Config{RPM: 1e9, RPD: 3, Store: s})
		if got := spend(t, l, 9); got != 0 {
			t.Errorf("%s: %d requests, want none", name, got)
		}
		l.Close()
		if !strings.Contains(text.String(), "all 3 requests of --rpd count as used") {
			t.Errorf("%s: the log is %s", name, text)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the record has become %q", name, after)
		}
		l = New(Config{RPM: 1e9, Store: s}) // without a limit nothing has to be counted
		if got := spend(t, l, 9); got != 9 {
			t.Errorf("%s: without a limit %d requests, want 9", name, got)
		}
		l.Close()
	}
}

// A lock that cannot be had holds up nothing for long; what was counted meanwhile
// is added once it can be had.
func TestLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		s, text := store(t.TempDir())
		if got := spend(t, New(Config{RPD: 10, Store: s}), 2); got != 2 {
			t.Fatal(got)
		}
		lock, err := durable.FS{}.Lock(s.path(testModel) + ".lock")
		if err != nil {
			t.Fatal(err)
		}
		l := New(Config{RPD: 10, Store: s})
		start := time.Now()
		if got := spend(t, l, 3); got != 3 {
			t.Errorf("%d requests, want 3", got)
		}
		if d := time.Since(start); d < lockPatience || d > lockPatience+100*time.Millisecond {
			t.Errorf("three requests took %v, want one wait for the lock", d)
		}
		if got := strings.Count(text.String(), "level=WARN"); got != 1 || !strings.Contains(text.String(), "locked by") {
			t.Errorf("%d warnings, want one that says why: %s", got, text)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(storeBreak)
		if got := spend(t, l, 20); got != 5 {
			t.Errorf("%d more, want 5: the other run's two and these three count", got)
		}
		if r := readRecord(t, s); r.Used != 10 {
			t.Errorf("%+v", r)
		}
	})
}

// A run that had to count by itself says so at its end, when it can.
func TestLockHeldUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(t.TempDir())
		lock, err := durable.FS{}.Lock(s.path(testModel) + ".lock")
		if err != nil {
			t.Fatal(err)
		}
		l := New(Config{RPD: 1000, Store: s})
		spend(t, l, 3)
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if r := readRecord(t, s); r.Used != 3 {
			t.Errorf("%+v, want the 3 that were sent", r)
		}
	})
}

// Whatever step of a write fails, carried out or not, the run goes on by its own
// count, and the file never has less than before.
func TestStoreFaults(t *testing.T) {
	for step := range 5 {
		for _, apply := range []bool{false, true} {
			s, text := store(t.TempDir())
			spend(t, New(Config{RPM: 1e9, RPD: 8, Store: s}), 2)
			n := 0
			s.FS.Hook = func(op durable.Op, path string) (bool, error) {
				if strings.HasSuffix(path, ".lock") {
					return true, nil
				}
				if n++; n == step+1 {
					return apply, errors.New("no space left")
				}
				return true, nil
			}
			if got := spend(t, New(Config{RPM: 1e9, RPD: 8, Store: s}), 9); got < 5 || got > 6 {
				t.Errorf("step %d, applied %v: %d requests, want the 6 that are left, or one less", step, apply, got)
			}
			if !strings.Contains(text.String(), "no space left") {
				t.Errorf("step %d, applied %v: log %s", step, apply, text)
			}
			if r := readRecord(t, s); r.Used < 2 {
				t.Errorf("step %d, applied %v: %+v", step, apply, r)
			}
		}
	}
}

// The store holds no key, and nobody else may read it.
func TestStoreFile(t *testing.T) {
	s, _ := store(t.TempDir())
	spend(t, New(Config{RPD: 5, Store: s}), 1)
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		text, err := os.ReadFile(filepath.Join(s.Dir, e.Name()))
		if err != nil || bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s: %s, %v", e.Name(), text, err)
		}
		if filepath.Ext(e.Name()) == ".json" && !json.Valid(text) {
			t.Errorf("%s: %s", e.Name(), text)
		}
	}
	if len(names) != 2 || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "gemini-2.5-flash-") }) {
		t.Errorf("files %q", names)
	}
	if p := s.path("../../etc/passwd"); filepath.Dir(p) != s.Dir {
		t.Errorf("a model named like a path is kept in %s", p)
	}
	if KeyID("") != "" || KeyID("a") == KeyID("b") || strings.Contains(KeyID("secret"), "secret") {
		t.Error("KeyID")
	}
}
