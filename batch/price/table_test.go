package price

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDefault(t *testing.T) {
	table := Default()
	if table != Default() {
		t.Error("the table is read twice")
	}
	if table.Generated() == "" {
		t.Error("the table has no date")
	}
	models := table.Models()
	if len(models) < 30 || !slices.IsSortedFunc(models, func(a, b Model) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("%d models", len(models))
	}
	for _, m := range models {
		if len(m.Sources) == 0 && m.Type != "alias" {
			t.Errorf("%s has no source", m.ID)
		}
		for _, s := range m.Sources {
			if s.What == "" || s.Date == "" {
				t.Errorf("%s: source %q says nothing", m.ID, s.Key)
			}
		}
		for _, p := range m.Periods {
			for i, tier := range p.Tiers {
				if tier.Rates[Standard] == nil {
					t.Errorf("%s from %s: no standard price", m.ID, p.From)
				}
				if last := i == len(p.Tiers)-1; last != (tier.MaxPromptTokens == 0) {
					t.Errorf("%s from %s: tier %d ends at %d", m.ID, p.From, i, tier.MaxPromptTokens)
				}
			}
		}
		if m.RoutedTo != "" && table.byName[m.RoutedTo] == nil {
			t.Errorf("%s is routed to %s, which is not in the table", m.ID, m.RoutedTo)
		}
		if m.Custom != nil {
			t.Errorf("%s counts as the user's", m.ID)
		}
	}
}

// A slip of the pen finds the model that was meant, and another name none.
func TestNearest(t *testing.T) {
	for name, want := range map[string]string{"gemini-2.5-flahs": "gemini-2.5-flash", "Gemini-2.5-Flash-Lit": "gemini-2.5-flash-lite", "somebody's model": ""} {
		if got := Default().Nearest(name); got != want {
			t.Errorf("%s was meant to be %q, want %q", name, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	e, ok := Default().Lookup("gemini-3.1-pro-preview", on("2026-11-21"))
	if !ok || e.Period == nil || len(e.Period.Tiers) != 2 || e.Confidence != "high" || len(e.Notes) != 2 {
		t.Fatalf("%+v, %v", e, ok)
	}
	tier := e.Period.Tiers[0]
	if got, ok := tier.Rates[Batch].PerMillion(OutputText); tier.MaxPromptTokens != 200_000 || got != 6*Dollar || !ok {
		t.Errorf("the batch output price is %s, %v", got, ok)
	}
	if got, ok := tier.Rates[Standard].PerMillion(OutputImage); ok {
		t.Errorf("images cost %s", got)
	}
	if _, ok := tier.Rates[Standard].PerMillion(kinds); ok {
		t.Error("a kind that is none has a price")
	}
	free, _ := Default().Lookup("gemini-embedding-001", on("2026-11-21"))
	if got, ok := free.Period.Tiers[0].Rates[Standard].PerMillion(OutputText); got != 0 || !ok {
		t.Errorf("what is free: %s, %v", got, ok)
	}
	if _, ok := Default().Lookup("gemini-9", on("2026-11-21")); ok {
		t.Error("a model that is not there is found")
	}
	if len(Kinds) != int(kinds) {
		t.Errorf("%d of %d kinds are listed", len(Kinds), kinds)
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ model, day, want string }{
		{"gemini-3.5-flash-lite", "2026-11-21", ""},
		{"gemini-3.5-flash", "2026-09-30", "from 2026-10-08 on requests for gemini-3.5-flash are answered by, and billed as, gemini-3.6-flash"},
		{"gemini-3.5-flash", "2026-10-08", "since 2026-10-08 requests for gemini-3.5-flash are answered by, and billed as, gemini-3.6-flash"},
		{"gemini-3.5-flash", "2026-11-21", "since 2026-10-08 requests for gemini-3.5-flash are answered by, and billed as, gemini-3.6-flash|the price of gemini-3.5-flash changes on 2027-01-01: input_text 0.75 to 1.5, output_text 3.75 to 7.5 USD per million tokens"},
		{"gemini-4-carbon", "2026-11-21", "the price of gemini-4-carbon changes on 2026-12-01: input_text 2 to 4, output_text 10 to 20 USD per million tokens"},
		{"gemini-3.1-flash-image", "2026-11-21", "gemini-3.1-flash-image: shut down 2026-10-29; use gemini-nano-banana-2.1"},
		{"gemini-3.8-flash", "2026-10-21", ""}, // too early
		{"gemini-3.8-flash", "2026-11-21", "the price of gemini-3.8-flash changes on 2027-01-01: input_text 0.75 to 1.5, output_text 3.75 to 7.5 USD per million tokens"},
		{"gemini-3.8-flash", "2027-01-01", ""},
		{"gemini-3.8-flash-tts", "2026-12-31", "the price of gemini-3.8-flash-tts changes on 2027-01-01: input_text 0.5 to 1, output_audio 9 to 18 USD per million tokens"},
		{"gemini-2.5-flash", "2026-09-01", ""},
		{"gemini-2.5-flash", "2026-11-30", "from 2026-12-01 on requests for gemini-2.5-flash are answered by, and billed as, gemini-3.5-flash-lite"},
		{"gemini-2.5-flash", "2026-12-01", "since 2026-12-01 requests for gemini-2.5-flash are answered by, and billed as, gemini-3.5-flash-lite"},
		{"gemini-2.0-flash", "2026-11-21", "gemini-2.0-flash: shut down 2026-06-01 (404)"},
		{"gemini-3-pro-preview", "2026-03-01", "from 2026-03-09 on requests for gemini-3-pro-preview are answered by, and billed as, gemini-3.1-pro-preview"},
	} {
		e, _ := Default().Lookup(tt.model, on(tt.day))
		if got := strings.Join(e.Warnings, "|"); got != tt.want {
			t.Errorf("%s on %s:\ngot  %s\nwant %s", tt.model, tt.day, got, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	table, err := Load(strings.NewReader(`{"models": [
		{"id": "gemini-2.5-flash", "periods": [{"tiers": [
			{"max_prompt_tokens": null, "standard": {"input_text": 0.2, "output_text": 18e-1, "cached_input": null}},
			{"max_prompt_tokens": 1000, "standard": {"input_text": 0.1, "output_text": 0.000001}}]}]},
		{"id": "house-model", "aliases": ["house"], "periods": [{"from": "2026-01-01", "until": "2026-01-01", "tiers": [
			{"standard": {"input_text": 0, "output_text": 0}}]}]}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		model  string
		day    string
		prompt int64
		want   USD
		ok     bool
	}{
		{"gemini-2.5-flash", "2027-05-05", 1000, 100_000_000 + 1, true},            // 1000 * 0.1, and one token out
		{"gemini-2.5-flash", "2020-05-05", 1001, 200_200_000 + 1_800_000, true},    // 1001 * 0.2, and 1.8
		{"gemini-2.5-flash-preview-09-2025", "2027-05-05", 0, 1, true},             // the alias follows
		{"house", "2026-01-01", 1000, 0, true},                                     // free is not unknown
		{"house", "2026-01-02", 1000, 0, false},                                    //
		{"gemini-2.5-flash-lite", "2026-11-21", 1000, 100_000_000 + 400_000, true}, // as built in
	} {
		got, ok := table.Cost(Query{Model: tt.model, At: on(tt.day), Prompt: tt.prompt, Output: 1})
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s on %s: %d, %v; want %d, %v", tt.model, tt.day, got, ok, tt.want, tt.ok)
		}
	}
	if _, ok := table.Cost(Query{Model: "gemini-2.5-flash", At: on("2026-11-21"), Prompt: 10, Cached: 5}); ok {
		t.Error("null is a price")
	}
	e, _ := table.Lookup("gemini-2.5-flash", on("2026-12-24"))
	if e.Custom == nil || len(e.Warnings) > 0 || e.RoutedTo != "" {
		t.Errorf("%+v", e)
	}
	if got, want := len(table.Models()), len(Default().Models())+1; got != want {
		t.Errorf("%d models, want %d", got, want)
	}
	if e, _ := Default().Lookup("gemini-2.5-flash", on("2026-11-21")); e.Custom != nil || len(e.Aliases) != 1 {
		t.Error("the built-in table has changed")
	}
}

func TestLoadErrors(t *testing.T) {
	model := func(periods string) string { return `{"models": [{"id": "m", "periods": [` + periods + `]}]}` }
	tier := func(t string) string { return model(`{"tiers": [` + t + `]}`) }
	for _, tt := range []struct{ in, want string }{
		{"", "line 1: the file is empty: docs/prices.md describes the format"},
		{"{\n\n  \"models\": [}", `line 3: "}" is not valid JSON here`},
		{`{"models": [`, "line 1: the file ends in the middle of a value"},
		{`{"models": [{"id": "m", "per_request": NaN}]}`, `line 1: "NaN}]}" is not valid JSON here`},
		{"{\"generated\": \"models\", \"sources\": {\"a\": {}},\n\"models\": [\n{\"id\": \"a\", \"notes\": [\"[{\"], \"per_request\": 1},\n\n{\"id\": \"b\",\n\"per_request\": -1}]}", `line 5: model 2 ("b"): per_request: -1 is not between 0 and 1000 dollars for one request`},
		{"{\n\"models\": 5}", "line 2: the value of models cannot be of type number"},
		{`{"modles": []}`, `line 1: unknown key "modles": docs/prices.md describes the format`},
		{`{"models": []}`, "there are no models in it, and no multiplier of the list prices"},
		{model("") + "{}", "line 1: more follows after the closing brace"},
		{`{"schema_version": 2}`, "schema_version 2 is newer than this genbatch, which reads 1"},
		{`{"currency": "EUR"}`, `currency "EUR": prices must be in USD`},
		{`{"models": [{}]}`, `line 1: model 1 (""): it has no id: give the name by which the endpoint knows the model`},
		{`{"models": [{"id": "a"}, {"id": "b", "aliases": ["a"]}]}`, `line 1: model 2: the name "a" is there twice`},
		{`{"models": [{"id": "a", "routed_to": {"model": "b", "from": "soon"}}]}`, `line 1: model 1 ("a"): routed_to: "soon" is not a day like 2026-12-31`},
		{model(`{"from": "1.1.2026"}`), `line 1: model 1 ("m"): period 1: from: "1.1.2026" is not a day like 2026-12-31`},
		{model(`{"until": "2026-02-30"}`), `line 1: model 1 ("m"): period 1: until: "2026-02-30" is not a day like 2026-12-31`},
		{model(`{"from": "2026-02-02", "until": "2026-02-01"}`), `line 1: model 1 ("m"): period 1: until 2026-02-01 is before from 2026-02-02`},
		{
			model(`{"from": "2026-02-02"}, {"from": "2026-01-01", "until": "2026-02-02"}`),
			`line 1: model 1 ("m"): the period from "2026-02-02" overlaps the one from "2026-01-01": give that one an earlier until`,
		},
		{model(`{}, {}`), `line 1: model 1 ("m"): the period from "" overlaps the one from "": give that one an earlier until`},
		{tier(`{}, {}`), `line 1: model 1 ("m"): period 1: two tiers have the same max_prompt_tokens`},
		{tier(`{"max_prompt_tokens": 0}`), `line 1: model 1 ("m"): period 1: tier 1: max_prompt_tokens is 0: write null for any size`},
		{tier(`{"turbo": {}}`), `line 1: unknown key "turbo": docs/prices.md describes the format`},
		{tier(`{"batch": {"input_text": -1}}`), `line 1: model 1 ("m"): period 1: tier 1: batch: input_text: -1 is below 0: a price is in USD for a million tokens`},
		{tier(`{"flex": {"input_text": 0.0000001}}`), `line 1: model 1 ("m"): period 1: tier 1: flex: input_text: 0.0000001 per million tokens is finer than a pico-dollar a token (6 decimals)`},
		{tier(`{"standard": {"input_text": 1e999999999}}`), `line 1: model 1 ("m"): period 1: tier 1: standard: input_text: "1e999999999" is not a decimal number of dollars`},
		{tier(`{"standard": {"input_text": 1e9}}`), `line 1: model 1 ("m"): period 1: tier 1: standard: input_text: 1e9 dollars are too much: the largest amount is 9223372`},
	} {
		_, err := Load(strings.NewReader(tt.in))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\ngot  %v\nwant %s", tt.in, err, tt.want)
		}
	}
	_, err := Load(strings.NewReader(tier(`{"priority": {"input_txt": 1}}`)))
	if err == nil || !strings.Contains(err.Error(), `priority: unknown price "input_txt": the known ones are ["input_text"`) {
		t.Error(err)
	}
}

func TestLoadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "own.json")
	if _, err := LoadFile(name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(name, []byte(`{"models": [{"id": "m"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if table, err := LoadFile(name); err != nil || table.byName["m"] == nil {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(name, []byte(`[]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name); err == nil || !strings.HasPrefix(err.Error(), "price file "+name+": line 1: the value of the file cannot be of type array") {
		t.Errorf("a bad file: %v", err)
	}
}

func TestUSD(t *testing.T) {
	for _, tt := range []struct {
		usd    USD
		exact  string
		two    string
		six    string
		twelve string
	}{
		{0, "0", "0.00", "0.000000", "0.000000000000"},
		{1, "0.000000000001", "0.00", "0.000000", "0.000000000001"},
		{-1, "-0.000000000001", "0.00", "0.000000", "-0.000000000001"},
		{123_400_000, "0.0001234", "0.00", "0.000123", "0.000123400000"},
		{Dollar, "1", "1.00", "1.000000", "1.000000000000"},
		{10 * Dollar, "10", "10.00", "10.000000", "10.000000000000"},
		{12_345_000_000_000, "12.345", "12.35", "12.345000", "12.345000000000"},
		{-12_345_000_000_000, "-12.345", "-12.35", "-12.345000", "-12.345000000000"},
		{999_999_999_999, "0.999999999999", "1.00", "1.000000", "0.999999999999"},
		{math.MaxInt64, "9223372.036854775807", "9223372.04", "9223372.036855", "9223372.036854775807"},
		{math.MinInt64, "-9223372.036854775808", "-9223372.04", "-9223372.036855", "-9223372.036854775808"},
	} {
		if got := tt.usd.String(); got != tt.exact {
			t.Errorf("%d: %s, want %s", int64(tt.usd), got, tt.exact)
		}
		for decimals, want := range map[int]string{2: tt.two, 6: tt.six, 12: tt.twelve, 99: tt.twelve} {
			if got := tt.usd.Format(decimals); got != want {
				t.Errorf("%d with %d decimals: %s, want %s", int64(tt.usd), decimals, got, want)
			}
		}
		if got, err := ParseUSD(tt.exact); got != tt.usd || err != nil {
			t.Errorf("%s is read as %d, %v", tt.exact, int64(got), err)
		}
	}
	if got := (Dollar * 3 / 2).Format(-1); got != "2" {
		t.Errorf("without decimals: %s", got)
	}
}

func TestParseUSD(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want USD
	}{
		{"5", 5 * Dollar}, {"5.00", 5 * Dollar}, {"+0.5", Dollar / 2}, {"7.5e-2", 75_000_000_000}, {"1E2", 100 * Dollar}, {".5", Dollar / 2},
	} {
		if got, err := ParseUSD(tt.in); got != tt.want || err != nil {
			t.Errorf("%s: %s, %v", tt.in, got, err)
		}
	}
	for _, in := range []string{
		"", "-", ".", "e", "1e", "1/2", "0x10", "1_000", "1,5", "$5", "5 ", "NaN", "Inf", "1e65", "1e-65",
		"0.0000000000001", "9223373", "1.2.3", "--1", strings.Repeat("9", 100),
	} {
		if got, err := ParseUSD(in); err == nil {
			t.Errorf("%q is read as %s", in, got)
		}
	}
}
