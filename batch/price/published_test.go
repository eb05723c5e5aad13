package price

import (
	"testing"
)

// TestPublishedPrices holds the table to prices as they were published, in USD for a million
// tokens. They are written here by hand, so that a slip in prices.json shows.
func TestPublishedPrices(t *testing.T) {
	const none = -1
	for _, tt := range []struct {
		model, day         string
		service            Service
		in, out, cachedIn  float64
		image, audio, film float64 // output; none if there is no price
	}{
		{"gemini-4-carbon", "2026-11-10", Standard, 2, 10, .1, none, none, none},
		{"gemini-4-carbon", "2026-11-30", Batch, 1, 5, .05, none, none, none},
		{"gemini-4-carbon", "2026-11-30", Flex, 1, 5, .05, none, none, none},
		{"gemini-4-carbon", "2026-11-30", Priority, 3.6, 18, .18, none, none, none},
		{"gemini-4-carbon", "2026-12-01", Standard, 4, 20, .2, none, none, none},
		{"gemini-4-carbon", "2026-12-01", Flex, 2, 10, .1, none, none, none},
		{"gemini-4-carbon", "2026-12-01", Priority, 7.2, 36, .36, none, none, none},
		{"gemini-4-hydrogen", "2026-11-12", Standard, 1.5, 7.5, .075, none, none, none},
		{"gemini-4-hydrogen", "2027-02-01", Batch, .75, 3.75, .0375, none, none, none},
		{"gemini-4-hydrogen", "2027-02-01", Priority, 2.7, 13.5, .135, none, none, none},
		{"gemini-4-neon", "2026-11-18", Standard, 3, 15, .15, none, none, none},
		{"gemini-4-neon", "2027-02-01", Flex, 1.5, 7.5, .075, none, none, none},
		{"gemini-4-neon", "2027-02-01", Priority, 5.4, 27, .27, none, none, none},
		{"gemini-4-argon", "2026-11-30", Standard, 2, 10, .1, none, none, none},
		{"gemini-4-argon", "2026-11-30", Flex, 1, 5, .05, none, none, none},
		{"gemini-4-argon", "2026-11-30", Priority, 3.6, 18, .18, none, none, none},
		{"gemini-4-argon", "2026-12-01", Standard, 4, 20, .2, none, none, none},
		{"gemini-4-argon", "2026-12-01", Flex, 2, 10, .1, none, none, none},
		{"gemini-4-argon", "2026-12-01", Priority, 7.2, 36, .36, none, none, none},
		{"gemini-nano-banana-2.1", "2026-10-06", Standard, 1.5, 7.5, none, 30, none, none},
		{"gemini-nano-banana-2.1", "2026-12-01", Batch, .75, 3.75, none, 15, none, none},
		{"gemini-3.5-transcribe", "2026-11-20", Standard, 2, 12, none, none, none, none},
		{"gemini-3.5-transcribe-preview", "2026-11-20", Standard, 2, 12, none, none, none, none},

		// The Gemini API serves and bills another model from a day on.
		{"gemini-3.5-flash", "2026-10-07", Standard, 1.5, 9, .15, none, none, none},
		{"gemini-3.5-flash", "2026-10-08", Standard, .75, 3.75, .075, none, none, none},
		{"gemini-3.5-flash", "2026-10-08", Batch, .375, 1.875, .0375, none, none, none},
		{"gemini-3.5-flash", "2027-01-01", Standard, 1.5, 7.5, .15, none, none, none},
		{"gemini-3.7-flash", "2026-10-08", Standard, .75, 3.75, .075, none, none, none},
		{"gemini-3.7-flash", "2027-01-01", Standard, 1.5, 7.5, .15, none, none, none},
		{"gemini-2.5-pro", "2026-11-30", Standard, 1.25, 10, .125, none, none, none},
		{"gemini-2.5-pro", "2026-12-01", Standard, .75, 3.75, .075, none, none, none},
		{"gemini-2.5-flash", "2026-11-30", Standard, .3, 2.5, .03, none, none, none},
		{"gemini-2.5-flash", "2026-12-01", Standard, .3, 2.5, .03, none, none, none},
		{"gemini-3-pro-preview", "2026-11-20", Standard, 2, 12, .2, none, none, none},

		{"gemini-3.6-flash", "2026-12-01", Standard, .75, 3.75, .075, none, none, none},
		{"gemini-3.8-flash", "2026-12-31", Standard, .75, 3.75, .075, none, none, none},
		{"gemini-3.8-flash", "2027-01-01", Standard, 1.5, 7.5, .15, none, none, none},
		{"gemini-3.5-flash-lite", "2026-12-01", Standard, .3, 2.5, .03, none, none, none},
		{"gemini-3.1-flash-lite", "2026-12-01", Standard, .25, 1.5, .025, none, none, none},
		{"gemini-2.5-flash-lite", "2026-12-01", Standard, .1, .4, .01, none, none, none},
		{"gemini-3-pro-image", "2026-12-01", Standard, 2, 12, none, 120, none, none},
		{"gemini-3.1-flash-lite-image", "2026-06-30", Standard, .25, 1.5, none, 30, none, none},
		{"gemini-3.8-flash-tts", "2026-12-31", Standard, .5, none, none, none, 9, none},
		{"gemini-3.8-flash-tts", "2027-01-01", Standard, 1, none, none, none, 18, none},
		{"gemini-3.8-flash-lite-tts", "2027-01-01", Standard, 1, none, none, none, 12, none},
	} {
		e, _ := Default().Lookup(tt.model, on(tt.day))
		if !e.Period.Priced() || e.Period.Tiers[0].Rates[tt.service] == nil {
			t.Errorf("%s on %s has no %s price", tt.model, tt.day, tt.service)
			continue
		}
		r := e.Period.Tiers[0].Rates[tt.service]
		for k, want := range map[Kind]float64{InputText: tt.in, OutputText: tt.out, CachedInput: tt.cachedIn, OutputImage: tt.image, OutputAudio: tt.audio, OutputVideo: tt.film} {
			got, known := r.PerMillion(k)
			if known != (want != none) || known && got != USD(want*1e6+.5)*1e6 {
				t.Errorf("%s on %s, %s: %s is %s (known: %t), want %g", tt.model, tt.day, tt.service, k, got, known, want)
			}
		}
	}
	for _, tt := range []struct{ model, day string }{ // the first days without a price
		{"gemini-3.1-flash-image", "2026-10-30"}, {"gemini-3.1-flash-image-preview", "2026-10-30"}, {"gemini-3.1-flash-tts-preview", "2026-11-18"},
		{"gemini-omni-flash-preview", "2026-10-01"}, {"gemini-robotics-er-1.6-preview", "2026-09-01"}, {"gemini-3.1-flash-lite-image", "2026-06-29"},
		{"gemini-4-carbon", "2026-11-09"}, {"gemini-4-hydrogen", "2026-11-11"}, {"gemini-4-neon", "2026-11-17"}, {"gemini-nano-banana-2.1", "2026-10-05"},
		{"gemini-omni-1.1-flash", "2026-12-01"}, {"gemini-omni-1.2-flash", "2026-12-01"},
	} {
		if e, ok := Default().Lookup(tt.model, on(tt.day)); !ok || e.Period.Priced() {
			t.Errorf("%s on %s: known %t, priced %t", tt.model, tt.day, ok, e.Period.Priced())
		}
	}
}
