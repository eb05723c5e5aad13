package cost_test

import (
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// at is a day on which all prices of these tests are in force.
var at = time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC)

// loadPrices reads a price file of these models.
func loadPrices(t *testing.T, models string) *price.Table {
	t.Helper()
	table, err := price.Load(strings.NewReader(`{"models": [` + models + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Price files state dollars per million tokens: a price of 1 is 1,000,000 pico-dollars a
// token.
const (
	own     = `{"id": "own-name", "periods": [{"tiers": [{"standard": {"input_text": 1, "input_audio": 3, "output_text": 10}}]}]}`
	answers = `{"id": "answering-name", "periods": [{"tiers": [{"standard": {"input_text": 2, "output_text": 20}}]}]}`
)

func TestBilledModel(t *testing.T) {
	multiplied, err := price.Load(strings.NewReader(`{"multiplier": 0.8}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name            string
		prices          *price.Table
		answered, asked string
		want            string
	}{
		{"the model that was asked answers", price.Default(), "gemini-2.5-pro", "gemini-2.5-pro", "gemini-2.5-pro"},
		{"another one answers", price.Default(), "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-pro"},
		{"a name that has no price", price.Default(), "someone's flash", "gemini-2.5-flash", "someone's flash"},
		{"and the file names what was asked", loadPrices(t, own), "someone's flash", "own-name", "own-name"},
		{"all prices are multiplied", multiplied, "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-pro"},
		{"and the name has no price", multiplied, "someone's flash", "gemini-2.5-flash", "someone's flash"},
		{"the user's prices name what was asked", loadPrices(t, own), "gemini-2.5-pro", "own-name", "own-name"},
		{"they name both", loadPrices(t, own+","+answers), "answering-name", "own-name", "answering-name"},
		{"they name what answered", loadPrices(t, answers), "answering-name", "gemini-2.5-pro", "answering-name"},
	} {
		if got := cost.BilledModel(tt.prices, tt.answered, tt.asked, at); got != tt.want {
			t.Errorf("%s: %s is billed, want %s", tt.name, got, tt.want)
		}
	}
}

// The most that an attempt can cost takes its output for the dearest kind, and everything
// else by what it is.
func TestMost(t *testing.T) {
	prices := loadPrices(t, own)
	sound := []batch.ModalityTokens{{Modality: "AUDIO", TokenCount: 40}}
	for _, tt := range []struct {
		name  string
		spend batch.Spend
		asked string
		want  price.USD
		known bool
	}{
		{"text", batch.Spend{Model: "own-name", Most: &batch.Usage{PromptTokenCount: 100, CandidatesTokenCount: 10}}, "own-name", 100*1_000_000 + 10*10_000_000, true},
		{"sound", batch.Spend{Model: "own-name", Most: &batch.Usage{PromptTokenCount: 100, PromptTokensDetails: sound}}, "own-name", 60*1_000_000 + 40*3_000_000, true},
		{"a model of another price answers", batch.Spend{Model: "gemini-2.5-flash-image", Most: &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: 1290}}, "gemini-2.5-flash", 10*300_000 + 1290*30_000_000, true},
		{"a model without a price answers", batch.Spend{Model: "nobody's", Most: &batch.Usage{PromptTokenCount: 100}}, "own-name", 100 * 1_000_000, true},
		{"a tier that nobody knows answers", batch.Spend{Model: "gemini-3.8-flash", Tier: "turbo", Most: &batch.Usage{PromptTokenCount: 100}}, "gemini-3.8-flash", 100 * 1_350_000, true},
		{"the tier has no price, the asked model neither", batch.Spend{Model: "own-name", Tier: "flex", Most: &batch.Usage{PromptTokenCount: 100}}, "own-name", 0, false},
		{"searches", batch.Spend{Model: "gemini-3-flash-preview", Most: &batch.Usage{Searches: 10}}, "gemini-3-flash-preview", 10 * 14 * price.Dollar / 1000, true},
		{"what was used is not known", batch.Spend{Model: "own-name"}, "own-name", 0, false},
	} {
		tt.spend.At = at
		got, known := cost.Most(prices, &tt.spend, tt.asked)
		if got != tt.want || known != tt.known {
			t.Errorf("%s: %d pico-dollars, %t; want %d, %t", tt.name, got, known, tt.want, tt.known)
		}
		// What the totals add for an attempt that was cut is the same.
		var all cost.Totals
		all.AddResult(&batch.Result{Model: tt.asked, Spent: []batch.Spend{tt.spend}}, prices)
		if all.UnreportedMost != tt.want || all.Unreported != 1 {
			t.Errorf("%s: the totals count %d attempts with %d pico-dollars at most, want %d", tt.name, all.Unreported, all.UnreportedMost, tt.want)
		}
	}
}

func TestKnown(t *testing.T) {
	prices := loadPrices(t, own)
	for _, tt := range []struct {
		model, tier string
		known       bool
		unknown     string // the error's text
	}{
		{"own-name", "", true, "the price of own-name is not known"},
		{"own-name", "standard", true, "the price of own-name in the standard tier is not known"},
		{"own-name", "flex", false, "the price of own-name in the flex tier is not known"},
		{"nobody's", "", false, "the price of nobody's is not known"},
	} {
		if got := cost.Known(prices, tt.model, tt.tier, at); got != tt.known {
			t.Errorf("the price of %s in the tier %q is known: %t, want %t", tt.model, tt.tier, got, tt.known)
		}
		if got := cost.UnknownPrice(tt.model, tt.tier).Error(); got != tt.unknown {
			t.Errorf("the error is %q, want %q", got, tt.unknown)
		}
	}
}

func TestOutputLimit(t *testing.T) {
	prices := loadPrices(t, `{"id": "short", "limits": {"output": 8192}, "periods": []},`+own)
	for model, want := range map[string]int64{"short": 8192, "own-name": 65536, "nobody's": 65536} {
		if got := cost.OutputLimit(prices, model, at); got != want {
			t.Errorf("%s puts out %d tokens at most, want %d", model, got, want)
		}
	}
}

// Batches cost what Google publishes for them, whatever tier the answer itself names: it says
// standard. Prices are of 2026-11-20 in dollars for a million tokens, written by hand from
// https://ai.google.dev/gemini-api/docs/pricing.
func TestBatchPrices(t *testing.T) {
	published := map[string]struct{ in, out float64 }{
		"gemini-4-neon": {1.5, 7.5}, "gemini-4-hydrogen": {.75, 3.75}, "gemini-4-carbon": {1, 5}, "gemini-4-argon": {1, 5},
		"gemini-3.8-flash": {.375, 1.875}, "gemini-3.7-flash": {.375, 1.875}, "gemini-3.6-flash": {.375, 1.875},
		"gemini-3.5-flash":      {.375, 1.875}, // which 3.6 Flash answers since 2026-10-08
		"gemini-3.5-flash-lite": {.15, 1.25}, "gemini-3.1-flash-lite": {.125, .75}, "gemini-3.1-pro-preview": {1, 6}, "gemini-3-flash-preview": {.25, 1.5},
		"gemini-3-pro-preview": {1, 6}, // which 3.1 Pro answers since 2026-03-09
		"gemini-2.5-pro":       {.625, 5}, "gemini-2.5-flash": {.15, 1.25}, "gemini-2.5-flash-lite": {.05, .2},
		"gemini-nano-banana-2.1": {.75, 3.75}, "gemini-3.1-flash-lite-image": {.125, .75}, "gemini-3-pro-image": {1, 6}, "gemini-2.5-flash-image": {.15, 1.25},
		"gemini-2.5-flash-preview-tts": {.25, 5}, "gemini-2.5-pro-preview-tts": {.5, 10},
		"gemini-embedding-001": {.075, 0}, "gemini-embedding-2": {.1, 0}, "gemini-robotics-er-2-preview": {1, 5},
	}
	const prompt, output, thoughts = 1000, 60, 40
	for _, m := range price.Default().Models() {
		model, kind := m.ID, "TEXT"
		if strings.HasSuffix(model, "tts") {
			kind = "AUDIO"
		}
		usage := &batch.Usage{PromptTokenCount: prompt, CandidatesTokenCount: output, ThoughtsTokenCount: thoughts, ServiceTier: "standard",
			CandidatesTokensDetails: []batch.ModalityTokens{{Modality: kind, TokenCount: output}}}
		s := batch.Spend{At: at, Model: model, Tier: "batch", Usage: usage, Most: usage}
		got, known := cost.Of(price.Default(), &s, model)
		p, ok := published[model]
		if !ok {
			if known {
				t.Errorf("%s has a price in the tier batch, and this test does not know it", model)
			}
			continue
		}
		delete(published, model)
		if want := price.USD(p.in*1e6+.5)*prompt + price.USD(p.out*1e6+.5)*(output+thoughts); got != want || !known {
			t.Errorf("%s: %d pico-dollars (known: %t), want %d", model, got, known, want)
		}
		if most, known := cost.Most(price.Default(), &s, model); !known || most < price.USD(p.in*1e6+.5)*prompt+price.USD(p.out*1e6+.5)*output {
			t.Errorf("%s: at most %d pico-dollars (known: %t), and %d are billed", model, most, known, got)
		}
	}
	for model := range published {
		t.Errorf("the price table does not name %s", model)
	}

	// Long prompts have another price, and a model without one in the tier has none.
	long := &batch.Usage{PromptTokenCount: 300_000, CandidatesTokenCount: 10}
	if got, known := cost.Of(price.Default(), &batch.Spend{At: at, Model: "gemini-2.5-pro", Tier: "batch", Usage: long}, "gemini-2.5-pro"); got != 300_000*1_250_000+10*7_500_000 || !known {
		t.Errorf("a long prompt costs %d pico-dollars (known: %t)", got, known)
	}
	if cost.Known(price.Default(), "gemini-3.8-flash-tts", "batch", at) {
		t.Error("gemini-3.8-flash-tts has a price in the tier batch, which Google has not published")
	}
}
