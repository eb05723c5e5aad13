package price

import (
	"strings"
	"testing"
	"time"
)

func TestOutputLimit(t *testing.T) {
	const own = `{"models": [
	  {"id": "house", "limits": {"output": 4096, "more": "of it"}, "periods": [{"tiers": []}]},
	  {"id": "odd", "limits": "none", "periods": [{"tiers": []}]}]}`
	table, err := Load(strings.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		"gemini-2.5-flash": 65536, "gemini-2.0-flash": 8192, "gemini-2.5-flash-image": 0,
		"gemini-4-argon": 32768, // for a unary answer; a stream may be twice as long
		"house":          4096, "odd": 0,
	} {
		e, ok := table.Lookup(name, time.Now())
		if !ok || e.OutputLimit != want {
			t.Errorf("%s: %d, %t, want %d", name, e.OutputLimit, ok, want)
		}
	}
}
