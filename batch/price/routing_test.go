package price

import (
	"strings"
	"testing"
)

// TestRouting checks whose price counts, by the day, in each of the ways to say a price.
func TestRouting(t *testing.T) {
	load := func(text string) *Table {
		t.Helper()
		table, err := Load(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	const own = `"periods": [{"tiers": [{"standard": {"input_text": 7, "output_text": 70}}]}]`
	list, twice := Default(), load(`{"multiplier": 2}`)
	for _, tt := range []struct {
		name, model, day string
		table            *Table
		want             USD // of a million tokens in, and as many out
	}{
		{"before", "gemini-3.5-flash", "2026-10-07", list, 1_050 * Dollar / 100},
		{"after", "gemini-3.5-flash", "2026-10-08", list, 450 * Dollar / 100},
		{"by another name", "models/gemini-3.5-flash-simulated", "2026-10-08", list, 450 * Dollar / 100},
		{"the price of the other one changes", "gemini-3.5-flash", "2027-01-01", list, 900 * Dollar / 100},
		{"Vertex AI does not route", "gemini-3.5-flash", "2027-01-01", list.Vertex(), 1_050 * Dollar / 100},
		{"nor do its other models change", "gemini-3.8-flash", "2027-01-01", list.Vertex(), 900 * Dollar / 100},
		{"a model whose last period is empty", "gemini-2.5-flash", "2026-12-01", list.Vertex(), 280 * Dollar / 100},
		{"all prices multiplied", "gemini-3.5-flash", "2026-10-08", twice, 900 * Dollar / 100},
		{"and before", "gemini-3.5-flash", "2026-10-07", twice, 2_100 * Dollar / 100},
		{"and on Vertex AI", "gemini-3.5-flash", "2026-10-08", twice.Vertex(), 2_100 * Dollar / 100},
		{"a multiple of its own", "gemini-3.5-flash", "2026-10-08", load(`{"models": [{"id": "gemini-3.5-flash", "multiplier": 3}]}`), 1_350 * Dollar / 100},
		{"the same as a routed model", "house", "2026-10-08", load(`{"models": [{"id": "house", "same_as": "gemini-3.5-flash"}]}`), 450 * Dollar / 100},
		{"a price of its own", "gemini-3.5-flash", "2026-10-08", load(`{"models": [{"id": "gemini-3.5-flash", ` + own + `}]}`), 77 * Dollar},
		{"a price for the model that serves it", "gemini-3.5-flash", "2026-10-08", load(`{"models": [{"id": "gemini-3.6-flash", ` + own + `}]}`), 77 * Dollar},
		{"routed by the file", "house", "2026-10-08", load(`{"models": [{"id": "house", ` + own + `, "routed_to": {"model": "gemini-3.5-flash", "from": "2026-10-01"}}]}`), 450 * Dollar / 100},
		{"routed to each other", "b", "2026-10-08", load(`{"models": [
			{"id": "a", ` + own + `, "routed_to": {"model": "b", "from": "2026-10-01"}}, {"id": "b", ` + own + `, "routed_to": {"model": "a", "from": "2026-10-01"}}]}`), 77 * Dollar},
	} {
		got, _ := tt.table.Cost(Query{Model: tt.model, At: on(tt.day), Prompt: 1_000_000, Output: 1_000_000})
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}

	// Searches are paid as those of the model that serves.
	fee, ok := list.SearchFee(Query{Model: "gemini-2.5-pro", At: on("2026-12-01"), Searches: 2})
	if fee != 28*Dollar/1000 || !ok {
		t.Errorf("two searches cost %s, %t", fee, ok)
	}
	if _, err := Load(strings.NewReader(`{"models": [{"id": "a", ` + own + `, "routed_to": {"model": "nobody", "from": "2026-10-01"}}]}`)); err == nil || !strings.Contains(err.Error(), `there is no model "nobody"`) {
		t.Errorf("routed to nobody: %v", err)
	}
	if e, _ := list.Vertex().Lookup("gemini-3.5-flash", on("2026-11-21")); len(e.Warnings) > 0 {
		t.Errorf("on Vertex AI: %q", e.Warnings)
	}
}
