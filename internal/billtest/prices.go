package billtest

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/bill"
)

// A rate is what tokens of a model cost from a day on, in dollars for a million tokens. An
// amount that is empty has no price.
type rate struct {
	model, from, tier   string
	in, cached, out     string
	audioIn             string
	imageOut, spokenOut string
}

// published are the prices of the models that tests ask, by hand from
// https://ai.google.dev/gemini-api/docs/pricing; of a model and tier, the last rate counts
// that is in force. From 2026-12-01 on, some models are billed as those that answer for them.
var published = []rate{
	{"gemini-2.5-flash-lite", "2025-07-22", "standard", "0.10", "0.01", "0.40", "0.30", "", ""},
	{"gemini-2.5-flash-lite", "2025-07-22", "batch", "0.05", "0.01", "0.20", "0.15", "", ""},
	{"gemini-2.5-flash-lite", "2025-07-22", "flex", "0.05", "0.01", "0.20", "0.15", "", ""},
	{"gemini-2.5-flash-lite", "2025-07-22", "priority", "0.18", "0.018", "0.72", "0.54", "", ""},
	{"gemini-2.5-flash", "2025-06-17", "standard", "0.30", "0.03", "2.50", "1.00", "", ""},
	{"gemini-2.5-flash", "2025-06-17", "batch", "0.15", "0.03", "1.25", "0.50", "", ""},
	{"gemini-2.5-flash", "2026-12-01", "batch", "0.15", "0.02", "1.25", "0.15", "", ""},
	{"gemini-2.5-flash", "2026-12-01", "standard", "0.30", "0.03", "2.50", "0.30", "", ""},
	{"gemini-2.5-flash", "2025-06-17", "flex", "0.15", "0.03", "1.25", "0.50", "", ""},
	{"gemini-2.5-flash", "2026-12-01", "flex", "0.15", "0.02", "1.25", "0.15", "", ""},
	{"gemini-2.5-pro", "2025-06-17", "standard", "1.25", "0.125", "10.00", "1.25", "", ""},
	{"gemini-2.5-pro", "2025-06-17", "batch", "0.625", "0.125", "5.00", "0.625", "", ""},
	{"gemini-2.5-pro", "2026-12-01", "standard", "0.75", "0.075", "3.75", "0.75", "", ""},
	{"gemini-2.5-pro", "2027-01-01", "standard", "1.50", "0.15", "7.50", "1.50", "", ""},
	{"gemini-2.5-flash-image", "2025-10-02", "standard", "0.30", "", "2.50", "0.30", "30.00", ""},
	{"gemini-2.5-flash-preview-tts", "2025-05-20", "standard", "0.50", "", "", "", "", "10.00"},
	{"gemini-3-flash-preview", "2025-12-17", "standard", "0.50", "0.05", "3.00", "1.00", "", ""},
	{"gemini-3.1-flash-lite", "2026-05-07", "standard", "0.25", "0.025", "1.50", "0.50", "", ""},
	{"gemini-3.1-flash-lite", "2026-05-07", "batch", "0.125", "0.0125", "0.75", "0.25", "", ""},
	{"gemini-3.1-flash-lite-image", "2026-06-30", "standard", "0.25", "", "1.50", "0.25", "30.00", ""},
	{"gemini-3.5-flash", "2026-10-08", "standard", "0.75", "0.075", "3.75", "0.75", "", ""},
	{"gemini-3.5-flash", "2027-01-01", "standard", "1.50", "0.15", "7.50", "1.50", "", ""},
	{"gemini-3.5-flash-lite", "2026-07-21", "standard", "0.30", "0.03", "2.50", "0.30", "", ""},
	{"gemini-3.5-flash-lite", "2026-07-21", "batch", "0.15", "0.02", "1.25", "0.15", "", ""},
	{"gemini-3.5-flash-lite", "2026-07-21", "flex", "0.15", "0.02", "1.25", "0.15", "", ""},
}

// unpriced are models that tests ask though no price is published for their names, or none
// any more.
var unpriced = map[string]bool{"gemini-flash-latest": true, "gemini-3.1-flash-image": true}

// suffix is what may follow a model's name without changing its price.
var suffix = regexp.MustCompile(`(-\d{3})?(-nothinking)?(-simulated)?$`)

func bare(model string) string { return suffix.ReplaceAllString(model, "") }

// priceOf returns what a line comes to, in pico-dollars. A price of a dollar for a million
// tokens is a million pico-dollars a token.
func priceOf(l *bill.Line) (*big.Int, error) {
	model := bare(l.Model)
	if unpriced[model] {
		return new(big.Int), nil
	}
	var r *rate
	for i := range published {
		if p := &published[i]; p.model == model && p.tier == l.Tier && p.from <= l.Day {
			r = p
		}
	}
	if r == nil || l.Long {
		return nil, fmt.Errorf("internal/billtest/prices.go has no price for %+v", *l)
	}
	sum := new(big.Rat).SetInt64(searchFee(model, l))
	for _, part := range []struct {
		tokens int64
		price  string
	}{
		{l.Prompt - l.Cached - l.PromptAudio + l.Tool, r.in},
		{l.Cached, r.cached},
		{l.PromptAudio, r.audioIn},
		{l.Output - l.OutputImage - l.OutputAudio + l.Thoughts, r.out},
		{l.OutputImage, r.imageOut},
		{l.OutputAudio, r.spokenOut},
	} {
		if part.tokens == 0 {
			continue
		}
		perToken, ok := new(big.Rat).SetString(part.price)
		if !ok {
			return nil, fmt.Errorf("internal/billtest/prices.go has no price for all of %+v", *l)
		}
		perToken.Mul(perToken, big.NewRat(1_000_000, 1))
		sum.Add(sum, perToken.Mul(perToken, big.NewRat(part.tokens, 1)))
	}
	if !sum.IsInt() {
		return nil, fmt.Errorf("%v costs a part of a pico-dollar", l.Model)
	}
	return sum.Num(), nil
}

// searchFee returns what the searches of a line cost, in pico-dollars: $35 for a thousand
// prompts, and since Gemini 3 $14 for a thousand queries.
func searchFee(model string, l *bill.Line) int64 {
	if strings.HasPrefix(model, "gemini-2") {
		return l.Grounded * 35_000_000_000
	}
	return l.Searches * 14_000_000_000
}
