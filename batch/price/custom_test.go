package price

import (
	"strings"
	"testing"
)

// costAt returns what 1,000 tokens in, 400 of them cached, and 200 out cost on a day.
func costAt(t *testing.T, table *Table, model, day string) string {
	t.Helper()
	usd, ok := table.Cost(Query{Model: model, At: on(day), Prompt: 1000, Cached: 400, Output: 150, Thoughts: 50})
	if !ok {
		return "unknown"
	}
	return usd.String()
}

func TestCustomPrices(t *testing.T) {
	// gemini-2.5-flash-lite: 0.10 in, 0.01 cached, 0.40 out for a million tokens, so
	// 600 x 0.1 + 400 x 0.01 + 200 x 0.4 = 144 millionths of a dollar.
	const list = "0.000144"
	for _, tt := range []struct {
		name, file, model, want string
	}{
		{"the list", `{"models": [{"id": "x", "per_request": 1}]}`, "gemini-2.5-flash-lite", list},
		{"a multiplier of all", `{"multiplier": 0.5}`, "gemini-2.5-flash-lite", "0.000072"},
		{"and under another name", `{"multiplier": 0.5}`, "models/gemini-2.5-flash-lite-thinking", "0.000072"},
		{"of one", `{"models": [{"id": "gemini-2.5-flash-lite", "multiplier": 1.2}]}`, "gemini-2.5-flash-lite", "0.0001728"},
		{"not of the others", `{"models": [{"id": "gemini-2.5-flash", "multiplier": 1.2}]}`, "gemini-2.5-flash-lite", list},
		{"of one instead of all", `{"multiplier": 0.5, "models": [{"id": "gemini-2.5-flash-lite", "multiplier": 2}]}`, "gemini-2.5-flash-lite", "0.000288"},
		{"own prices are not multiplied", `{"multiplier": 0.5, "models": [{"id": "gemini-2.5-flash-lite", "periods": [{"tiers": [{"standard":
			{"input_text": 1, "cached_input": 0.5, "output_text": 2}}]}]}]}`, "gemini-2.5-flash-lite", "0.0012"},
		{"another name", `{"models": [{"id": "house-lite", "same_as": "gemini-2.5-flash-lite"}]}`, "house-lite", list},
		{"another name, multiplied", `{"models": [{"id": "house-lite", "aliases": ["hl"], "same_as": "gemini-2.5-flash-lite", "multiplier": 3}]}`, "hl", "0.000432"},
		{"another name, by the multiplier of all", `{"multiplier": 0.25, "models": [{"id": "house-lite", "same_as": "gemini-2.5-flash-lite"}]}`, "house-lite", "0.000036"},
		{"for nothing", `{"models": [{"id": "gemini-2.5-flash-lite", "multiplier": 0}]}`, "gemini-2.5-flash-lite", "0"},
		{"a request", `{"models": [{"id": "flat", "per_request": 0.0123}]}`, "flat", "0.0123"},
		{"a request of a model that has a list price", `{"multiplier": 7, "models": [{"id": "gemini-2.5-flash-lite", "per_request": 0.01}]}`, "gemini-2.5-flash-lite", "0.01"},
		{"a request and its tokens", `{"models": [{"id": "m", "per_request": 0.01, "periods": [{"tiers": [{"standard":
			{"input_text": 1, "cached_input": 0.5, "output_text": 2}}]}]}]}`, "m", "0.0112"},
		{"a request until a day", `{"models": [{"id": "m", "periods": [{"until": "2026-11-20", "per_request": 0.01}, {"from": "2026-11-21", "per_request": 0.02}]}]}`, "m", "0.02"},
		{"a service without a price", `{"models": [{"id": "m", "periods": [{"tiers": [{"flex": {"input_text": 1, "output_text": 1, "cached_input": 1}}]}]}]}`, "m", "unknown"},
		// A third of 0.01 a million is 3333.3 pico-dollars a token, and of 0.4 133333.3.
		{"rounded to a pico-dollar a token", `{"models": [{"id": "gemini-2.5-flash-lite", "multiplier": 0.3333333333}]}`, "gemini-2.5-flash-lite", "0.0000479996"},
	} {
		table, err := Load(strings.NewReader(tt.file))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := costAt(t, table, tt.model, "2026-11-21"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := costAt(t, Default(), "gemini-2.5-flash-lite", "2026-11-21"); got != list {
		t.Errorf("the built-in table has changed: %s, want %s", got, list)
	}
}

// TestMultiplierKeeps checks that a multiplier keeps the days on which the list price
// changes, and the tiers, services and fees.
func TestMultiplierKeeps(t *testing.T) {
	table, err := Load(strings.NewReader(`{"generated": "2026-11-01", "multiplier": 0.5}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []Query{
		{Model: "gemini-4-argon", At: on("2026-11-30"), Prompt: 1e6, Output: 1e6},
		{Model: "gemini-4-argon", At: on("2026-12-01"), Prompt: 1e6, Output: 1e6},
		{Model: "gemini-3.1-pro-preview", At: on("2026-11-21"), Prompt: 200_000, Output: 100},
		{Model: "gemini-3.1-pro-preview", At: on("2026-11-21"), Prompt: 200_001, Output: 100},
		{Model: "gemini-2.5-flash", At: on("2026-11-21"), Prompt: 100, Output: 100, Tier: "batch"},
		{Model: "gemini-2.5-flash", At: on("2026-11-21"), Prompt: 100, Output: 100, Searches: 1},
		{Model: "gemini-2.5-flash", At: on("2026-11-21"), Prompt: 100, PromptDetails: Split{Audio: 100}, Output: 100},
	} {
		full, ok1 := Default().Cost(q)
		half, ok2 := table.Cost(q)
		if !ok1 || !ok2 || half*2 != full || full == 0 {
			t.Errorf("%+v: %s, want half of %s", q, half, full)
		}
		most, ok := table.Most(q)
		if !ok || most < half {
			t.Errorf("%+v costs at most %s, and costs %s", q, most, half)
		}
	}
	e, _ := table.Lookup("gemini-2.5-flash", on("2026-11-21"))
	if e.Custom == nil || e.Custom.Multiplier != "0.5" || e.Custom.Date != "2026-11-01" || len(e.Sources) == 0 {
		t.Errorf("it does not say where its prices come from: %+v", e.Custom)
	}
	if e, _ := Default().Lookup("gemini-2.5-flash", on("2026-11-21")); e.Custom != nil {
		t.Error("the built-in table has changed")
	}
}

// TestPerRequestSearches checks that a fixed price is the whole price, unless the file
// states what searches cost beside it.
func TestPerRequestSearches(t *testing.T) {
	table, err := Load(strings.NewReader(`{"models": [{"id": "all-in", "per_request": 0.02},
	  {"id": "apart", "per_request": 0.02, "grounding": {"search": {"usd_per_1000": 14, "unit": "search query"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]string{"all-in": "0.02", "apart": "0.048"} {
		q := Query{Model: model, At: on("2026-11-21"), Prompt: 10, Output: 10, Searches: 2}
		if usd, ok := table.Cost(q); !ok || usd.String() != want {
			t.Errorf("%s: %s, %t, want %s", model, usd, ok, want)
		}
		if most, ok := table.Most(q); !ok || most.String() != want {
			t.Errorf("%s at most: %s, %t, want %s", model, most, ok, want)
		}
	}
}

func TestCustomMistakes(t *testing.T) {
	for file, want := range map[string]string{
		`{"multiplier": "half"}`:                                           `line 1: multiplier: "half" is not a number: write 0.6`,
		`{"multiplier": -1}`:                                               "multiplier: -1 is not between 0 and 1000: write 0.6",
		`{"multiplier": 1e9}`:                                              "multiplier: 1e9 is not between",
		`{"multipler": 2}`:                                                 `line 1: unknown key "multipler": docs/prices.md`,
		`{"models": []}`:                                                   "no models in it, and no multiplier",
		`{"models": [{"multiplier": 1}]}`:                                  `line 1: model 1 (""): it has no id: give the name`,
		`{"models": [{"id": "house", "multiplier": 1}]}`:                   `line 1: model 1 ("house"): multiplier: there is no list price for "house": name the model that it is with same_as`,
		`{"models": [{"id": "house", "same_as": "gemini-x"}]}`:             `line 1: model 1 ("house"): same_as: there is no list price for "gemini-x": genbatch prices`,
		`{"models": [{"id": "house", "per_request": -2}]}`:                 `line 1: model 1 ("house"): per_request: -2 is not between 0 and 1000 dollars`,
		`{"models": [{"id": "house", "per_request": 0.0000000000001}]}`:    "finer than a pico-dollar",
		`{"models": [{"id": "house", "per_request": 1, "multiplier": 2}]}`: "give one or the other",
		`{"models": [{"id": "house", "periods": [{"per_request": "x"}]}]}`: "line 1: ",
	} {
		_, err := Load(strings.NewReader(file))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// TestDocumentedFile reads the example of docs/prices.md.
func TestDocumentedFile(t *testing.T) {
	table, err := LoadFile("../../docs/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]string{
		// 600 x 0.25 + 400 x 0.025 + 200 x 2
		"house-model": "0.00056",
		// (600 x 0.3 + 400 x 0.03 + 200 x 2.5) x 1.5, and x 0.8
		"fast-text-latest": "0.001038", "gemini-3.5-flash-lite": "0.0005536",
		// (600 x 0.75 + 400 x 0.075 + 200 x 3.75) x 0.65
		"gemini-3.8-flash":            "0.0007995",
		"gemini-3.1-flash-lite-image": "0.025",
	} {
		if got := costAt(t, table, model, "2026-11-21"); got != want {
			t.Errorf("%s: %s, want %s", model, got, want)
		}
	}
	if got := costAt(t, table, "house-model", "2027-01-01"); got != "unknown" { // of the cached part
		t.Errorf("house-model in 2027: %s", got)
	}
}

// A multiplied fee for the largest believed number of searches is more than USD can hold.
func TestMultipliedFeeOverflow(t *testing.T) {
	table, err := Load(strings.NewReader(`{"multiplier": 1000}`))
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Model: "gemini-3.8-flash", At: on("2026-11-21"), Searches: maxQueries}
	if fee, known := table.SearchFee(q); known || fee != 0 {
		t.Errorf("1,048,576 searches at 14 dollars cost %s", fee)
	}
	if cost, known := table.Cost(q); known || cost != 0 {
		t.Errorf("1,048,576 searches at 14 dollars cost %s", cost)
	}
	q.Searches = 1000
	if fee, known := table.SearchFee(q); !known || fee != 14_000*Dollar {
		t.Errorf("1,000 searches at 14 dollars cost %s, %t", fee, known)
	}
}

// Fees and limits that an entry states replace those of the model from which its prices
// are derived, and are not multiplied.
func TestDerivedStates(t *testing.T) {
	table, err := Load(strings.NewReader(`{"models": [
		{"id": "house", "same_as": "gemini-3.8-flash", "grounding": {"search": {"usd_per_1000": 2, "unit": "search query"}}, "limits": {"output": 1000}},
		{"id": "gemini-2.5-flash", "multiplier": 3, "grounding": {"search": {"usd_per_1000": 5, "unit": "grounded prompt"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]USD{"house": 3 * Dollar / 500, "gemini-2.5-flash": Dollar / 200, "gemini-3.8-flash": 3 * 14 * Dollar / 1000} {
		if fee, known := table.SearchFee(Query{Model: model, At: on("2026-11-21"), Searches: 3}); !known || fee != want {
			t.Errorf("three searches of %s cost %s, %t, want %s", model, fee, known, want)
		}
	}
	house, _ := table.Lookup("house", on("2026-11-21"))
	list, _ := table.Lookup("gemini-3.8-flash", on("2026-11-21"))
	if house.OutputLimit != 1000 || list.OutputLimit == 1000 {
		t.Errorf("limits of %d and %d tokens", house.OutputLimit, list.OutputLimit)
	}
	for day := range list.Periods {
		if list.Periods[day].Grounding != Default().byName["gemini-3.8-flash"].Periods[day].Grounding {
			t.Error("the list price has changed")
		}
	}
}
