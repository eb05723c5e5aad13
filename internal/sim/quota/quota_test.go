package quota

import (
	"testing"
	"time"
)

// A shorter window lets through its share of the minute's limit, and refusals speak
// of the minute.
func TestQuotaWindow(t *testing.T) {
	var m meter
	q := Quota{RPM: 600, TPM: 6000, Window: 6 * time.Second}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i := range 60 {
		if broken, _ := m.admit(now.Add(time.Duration(i)*50*time.Millisecond), q, "m", 10); broken != nil {
			t.Fatalf("request %d of 60 in 6 s was refused: %v", i+1, broken)
		}
	}
	broken, wait := m.admit(now.Add(5*time.Second), q, "m", 10)
	if len(broken) != 2 || broken[0].Limit != "600" || broken[1].Limit != "6000" || wait != time.Second {
		t.Errorf("the 61st request broke %v, to wait %v, want 600 and 6000, and 1s", broken, wait)
	}
	if broken, _ := m.admit(now.Add(6*time.Second), q, "m", 10); broken != nil {
		t.Errorf("refused for %v after the first has left the window", broken)
	}
}
