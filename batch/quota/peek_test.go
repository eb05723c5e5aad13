package quota

import (
	"os"
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
