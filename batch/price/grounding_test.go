package price

import (
	"strings"
	"testing"
)

func TestSearchFee(t *testing.T) {
	now := on("2026-11-21")
	for _, tt := range []struct {
		name  string
		q     Query
		fee   USD
		total USD // 0 means unknown
	}{
		// 14 USD per 1,000 queries = 0.014 each; 3 of them 0.042. Tokens: 1000 * 0.75 + 100 * 3.75 = 1125 per million.
		{"queries", Query{Model: "gemini-3.8-flash", Searches: 3, Prompt: 1000, Output: 100}, 42_000_000_000, 42_000_000_000 + 1_125_000_000},
		// 35 USD per 1,000 prompts, however many queries: 0.035. Tokens: 1000 * 0.30 + 50 * 2.50 = 425.
		{"a grounded prompt", Query{Model: "gemini-2.5-flash", Searches: 3, Prompt: 1000, Output: 50}, 35_000_000_000, 35_000_000_000 + 425_000_000},
		// Maps: 25 USD per 1,000 prompts
		{"maps of 2.5", Query{Model: "gemini-2.5-flash", MapSearches: 2, Prompt: 1000}, 25_000_000_000, 25_000_000_000 + 300_000_000},
		// 35 + 25 per 1,000
		{"both", Query{Model: "gemini-2.5-pro", Searches: 1, MapSearches: 1}, 60_000_000_000, 60_000_000_000},
		{"maps of 3.x, by query", Query{Model: "gemini-3.5-flash", MapSearches: 2}, 28_000_000_000, 28_000_000_000},
		{"flex does not halve it", Query{Model: "gemini-3.8-flash", Tier: "flex", Searches: 1}, 14_000_000_000, 14_000_000_000},
		{"none", Query{Model: "gemini-3.8-flash", Prompt: 1000}, 0, 750_000_000},
		{"maps, of which nothing is known", Query{Model: "gemini-4-argon", MapSearches: 1}, 0, 0},
		{"a model without searches", Query{Model: "gemini-2.5-flash-image", Searches: 1, Prompt: 10}, 0, 0},
		{"an unknown model", Query{Model: "house", Searches: 1}, 0, 0},
		{"counts that cannot be", Query{Model: "gemini-3.8-flash", Searches: -1}, 0, 0},
		{"counts that are not believed", Query{Model: "gemini-3.8-flash", Searches: 1 << 62}, 0, 0},
	} {
		tt.q.At = now
		fee, known := Default().SearchFee(tt.q)
		if fee != tt.fee || known != (tt.total > 0) {
			t.Errorf("%s: the fee is %s, %t, want %s", tt.name, fee, known, tt.fee)
		}
		if total, ok := Default().Cost(tt.q); total != tt.total || ok != (tt.total > 0) {
			t.Errorf("%s: the cost is %s, %t, want %s", tt.name, total, ok, tt.total)
		}
	}
}

// The most that a call can cost includes the fee of its searches.
func TestMostOfSearches(t *testing.T) {
	q := Query{Model: "gemini-3.8-flash", At: on("2026-11-21"), Prompt: 1000}
	without, ok1 := Default().Most(q)
	q.Searches, q.MapSearches = 10, 1
	with, ok2 := Default().Most(q)
	if !ok1 || !ok2 || with-without != 11*14_000_000_000 {
		t.Errorf("%s and %s with 11 searches at 0.014", without, with)
	}
	q.Model = "gemini-2.5-flash-image"
	if _, ok := Default().Most(q); ok {
		t.Error("a fee that is not known is no bound")
	}
}

func TestGroundingOfFiles(t *testing.T) {
	const own = `{"models": [{"id": "house",
	  "grounding": {"search": {"usd_per_1000": 10, "unit": "grounded prompt"}},
	  "periods": [
	    {"until": "2026-06-30", "tiers": [{"standard": {"input_text": 1}}]},
	    {"from": "2026-07-01", "tiers": [{"standard": {"input_text": 1}}], "grounding": {"search": {"usd_per_1000": 7.5, "unit": "search query"}}}
	  ]}]}`
	table, err := Load(strings.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]USD{"2026-06-30": Dollar / 100, "2026-07-01": 2 * 7_500_000_000} {
		if fee, ok := table.SearchFee(Query{Model: "house", At: on(day), Searches: 2}); fee != want || !ok {
			t.Errorf("on %s the fee is %s, %t, want %s", day, fee, ok, want)
		}
	}
	for text, want := range map[string]string{
		`{"search": {"usd_per_1000": 10, "unit": "click"}}`:                  "grounded prompt",
		`{"search": {"usd_per_1000": -1, "unit": "search query"}}`:           "between 0 and 1000",
		`{"maps": {"usd_per_1000": 1e9, "unit": "search query"}}`:            "maps: usd_per_1000",
		`{"search": {"usd_per_1000": 0.0000000001, "unit": "search query"}}`: "finer",
		`{"serach": {}}`: "serach",
	} {
		_, err := Load(strings.NewReader(`{"models": [{"id": "house", "grounding": ` + text + `, "periods": []}]}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, m := range Default().Models() {
		if m.Type == "text" && strings.HasPrefix(m.ID, "gemini-3") && (m.Grounding == nil || m.Grounding.Search == nil) {
			t.Errorf("%s: the table does not say what its searches cost", m.ID)
		}
	}
}
