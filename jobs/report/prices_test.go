package report

import (
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
)

// The prices of a user's own file, in the table and by themselves.
func TestPrices(t *testing.T) {
	table, err := price.Load(strings.NewReader(`{"generated": "2026-11-02", "models": [
		{"id": "house-picture", "per_request": 0.02},
		{"id": "house-text", "aliases": ["house"], "notes": ["Cheap at night."], "grounding": {"search": {"usd_per_1000": 14, "unit": "search query", "free": "none"}},
			"periods": [
				{"until": "2026-12-31", "tiers": [
					{"max_prompt_tokens": 200000, "standard": {"input_text": 1, "input_audio": 3, "input_image": 1, "cached_input": 0.1, "output_text": 4}, "batch": {"input_text": 0.5, "output_text": 2}},
					{"standard": {"input_text": 2, "output_text": 8}}
				]},
				{"from": "2027-01-01", "tiers": [{"standard": {"input_text": 3, "output_text": 9}}]}
			]}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	text := squeeze(Prices{Table: table, At: at, File: "mine.json"}.String())
	for _, want := range []string{
		"Google's list prices in USD per million tokens on 2026-11-28, from the table of\n",
		"\nand those of mine.json\n\nMODEL INPUT CACHED OUTPUT BATCH IN BATCH OUT\n",
		"\nhouse-picture 0.02 a request\nyour prices of 2026-11-02\n",
		"\nhouse-text (to 200,000 prompt tokens)\n1 0.1 4 0.5 2\n",
		"\nhouse-text (above) 2 - 8 - -\nuntil 2026-12-31; your prices of 2026-11-02\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table has no %q:\n%s", want, text)
		}
	}
	e, ok := table.Lookup("house", at)
	if !ok {
		t.Fatal("the model is not found by its alias")
	}
	want := `house-text
also house
prices from your prices of 2026-11-02
note the price of house-text changes on 2027-01-01: input_text 1 to
3, output_text 4 to 9 USD per million tokens
any day to 2026-12-31, prompts to 200,000 tokens
standard input text 1, input audio 3, cached input 0.1, output text 4
batch input text 0.5, output text 2
any day to 2026-12-31, longer prompts
standard input text 2, output text 8
2027-01-01 to further notice
standard input text 3, output text 9
Google Search 14 USD per 1,000 search queries; free: none
note Cheap at night.
`
	if got := squeeze(ModelPrice{&e}.String()); got != want {
		t.Errorf("the prices of a model are\n%s\nwant\n%s", got, want)
	}
}

// squeeze makes one space of the several that align a column, whose width depends on the
// built-in prices.
func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
