package quota

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{Dir: t.TempDir(), Endpoint: "google", KeyID: KeyID("secret")}
		if k := s.Peek("m"); len(k.Learned) > 0 || k.Used != 0 || !k.ParkedUntil.IsZero() || time.Until(k.Reset) != 8*time.Hour {
			t.Errorf("of a model that was never asked: %+v", k) // it is 16:00 in Los Angeles
		}
		end := time.Now().Add(8 * time.Hour)
		_, err := s.update("m", func(r *dayRecord) {
			r.Used, r.ParkedUntil = 7, end
			r.Learned = []Learned{{Limit: LimitRPM, Value: 600, At: time.Now()}, {Limit: LimitRPD, Value: 1000, At: time.Now().Add(-23 * time.Hour)}}
		})
		if err != nil {
			t.Fatal(err)
		}
		k := s.Peek("m")
		rpm, ok1 := k.Limit(LimitRPM)
		rpd, ok2 := k.Limit(LimitRPD)
		if _, ok := k.Limit(LimitTPM); ok || !ok1 || rpm.Value != 600 || !ok2 || rpd.Value != 1000 || k.Used != 7 || !k.ParkedUntil.Equal(end) {
			t.Errorf("%+v", k)
		}
		time.Sleep(2 * time.Hour) // what was learned a day ago counts no more
		if k = s.Peek("m"); len(k.Learned) != 1 || k.Used != 7 {
			t.Errorf("after 2 hours %+v", k)
		}
		time.Sleep(7 * time.Hour) // another day
		if k = s.Peek("m"); len(k.Learned) != 1 || k.Used != 0 || !k.ParkedUntil.IsZero() {
			t.Errorf("the next day %+v", k)
		}
		if k = s.Peek("other"); len(k.Learned) > 0 {
			t.Errorf("another model has %+v", k)
		}
		if err := os.WriteFile(s.path("m"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if k = s.Peek("m"); len(k.Learned) > 0 || k.Reset.IsZero() {
			t.Errorf("of a damaged record: %+v", k)
		}
	})
}

// Forget removes what was learned, and leaves what was counted.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(filepath.Join(t.TempDir(), "made", "when needed"))
		end := time.Now().Add(8 * time.Hour)
		for _, model := range []string{"m", "other"} {
			_, err := s.update(model, func(r *dayRecord) {
				r.Used, r.ParkedUntil = 7, end
				r.Learned = []Learned{
					{Limit: LimitRPM, Value: 600, At: time.Now()},
					{Limit: LimitTPM, Value: 9000, At: time.Now(), Estimated: true},
					{Limit: LimitRPD, Value: 1000, At: time.Now()},
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second time there is nothing left to forget
			if err := s.Forget("m"); err != nil {
				t.Fatal(err)
			}
			if k := s.Peek("m"); len(k.Learned) > 0 || k.Used != 7 || !k.ParkedUntil.Equal(end) {
				t.Errorf("kept %+v, want 7 requests, a day that is parked until %v, and no limits", k, end)
			}
		}
		if k := s.Peek("other"); len(k.Learned) != 3 {
			t.Errorf("of another model %+v is kept, want three limits", k)
		}
		if err := s.Forget("unknown"); err != nil {
			t.Errorf("a model that nothing is known of: %v", err)
		}
		if err := os.WriteFile(s.path("m"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Forget("m"); err != nil {
			t.Errorf("a damaged record: %v", err)
		}
		if _, err := s.read("m"); err != nil {
			t.Errorf("a damaged record is left as it was: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quota")
	if list, err := List(dir); len(list) > 0 || err != nil {
		t.Errorf("of a folder that does not exist: %v, %v", list, err)
	}
	type name struct{ endpoint, model, key string }
	want := []name{{"google", "a", KeyID("one")}, {"google", "a", KeyID("two")}, {"google", "b", ""}, {"vertex", "a", KeyID("one")}}
	slices.SortStableFunc(want[:2], func(a, b name) int { return strings.Compare(a.key, b.key) })
	for i, n := range slices.Backward(want) {
		s := &Store{Dir: dir, Endpoint: n.endpoint, KeyID: n.key}
		_, err := s.update(n.model, func(r *dayRecord) {
			r.Used = 1 + i
			r.Learned = []Learned{
				{Limit: LimitRPM, Value: 600, At: time.Now()},
				{Limit: LimitTPM, Value: 9000, At: time.Now().Add(-learnedFor)}, // counts no more
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"damaged.json": "{", "new.json": `{"version":99,"model":"m"}`, "other.txt": "x"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := List(dir)
	if err == nil || !strings.Contains(err.Error(), "damaged.json") || !strings.Contains(err.Error(), "new.json") || strings.Contains(err.Error(), "other.txt") {
		t.Errorf("the error is %v, want that two files cannot be used", err)
	}
	var got []name
	for i, k := range list {
		got = append(got, name{k.Endpoint, k.Model, k.Key})
		if rpm, ok := k.Limit(LimitRPM); k.Used != 1+i || len(k.Learned) != 1 || !ok || rpm.Value != 600 {
			t.Errorf("kept %+v, want %d requests and 600 rpm", k, 1+i)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept of %v, want %v", got, want)
	}
}

// The time that requests take follows from the limits that are given, and else from those
// that were learned.
func TestLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := time.Now().Add(8 * time.Hour)
		learned := []Learned{{Limit: LimitRPM, Value: 60}, {Limit: LimitRPD, Value: 1000}}
		for _, tt := range []struct {
			name               string
			known              Known
			requests, rpm, rpd int64
			want               time.Duration
		}{
			{"nothing is known", Known{Reset: reset}, 5000, 0, 0, 0},
			{"a given rate", Known{Reset: reset}, 5000, 500, 0, 10 * time.Minute},
			{"a learned rate", Known{Reset: reset, Learned: learned}, 300, 0, 0, 5 * time.Minute},
			{"a given rate counts first", Known{Reset: reset, Learned: learned}, 300, 600, 0, 30 * time.Second},
			{"all fit into today", Known{Reset: reset, Learned: learned, Used: 700}, 300, 0, 0, 5 * time.Minute},
			{"one is left for tomorrow", Known{Reset: reset, Learned: learned, Used: 700}, 301, 0, 0, 8 * time.Hour},
			{"three more days", Known{Reset: reset, Learned: learned, Used: 700}, 2301, 0, 0, 56 * time.Hour},
			{"nothing more today", Known{Reset: reset, Learned: learned, Used: 7, ParkedUntil: reset}, 1000, 0, 0, 8 * time.Hour},
			{"a given quota of the day", Known{Reset: reset}, 50, 0, 20, 32 * time.Hour},
			{"when the day ends is not known", Known{}, 50, 0, 20, 0},
		} {
			if got := tt.known.Least(tt.requests, tt.rpm, tt.rpd); got != tt.want {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}
