package pacific

import (
	"testing"
	"time"
)

// The zone has summer time, so it is not the fixed one that stands in for it.
func TestLocation(t *testing.T) {
	for _, tt := range []struct{ utc, want string }{
		{"2026-01-15T08:00:00Z", "2026-01-15 00:00 PST"},
		{"2026-07-15T07:00:00Z", "2026-07-15 00:00 PDT"},
	} {
		at, err := time.Parse(time.RFC3339, tt.utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := at.In(Location()).Format("2006-01-02 15:04 MST"); got != tt.want {
			t.Errorf("%s is %s in Los Angeles, want %s", tt.utc, got, tt.want)
		}
	}
}
