package price

import (
	"math"
	"testing"
	"testing/quick"
	"time"

	"github.com/genbatch/genbatch/internal/pacific"
)

// on returns noon of a day in Los Angeles.
func on(day string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15", day+" 12", pacific.Location())
	if err != nil {
		panic(err)
	}
	return t
}

func TestCost(t *testing.T) {
	now := on("2026-11-21")
	for _, tt := range []struct {
		name string
		q    Query
		want USD // 0 means unknown; 1 USD per million tokens is 1e6 pico-dollars per token
	}{
		// 1000 * 0.10 + 50 * 0.40 USD per million = 120 / 1e6 = 0.00012 USD
		{"text", Query{Model: "gemini-2.5-flash-lite", Prompt: 1000, Output: 50}, 120_000_000},
		// The gateway's sample: 4 * 0.30 + (12 + 492) * 2.50 = 1.2 + 1260 = 1261.2
		{"thoughts", Query{Model: "gemini-2.5-flash-nothinking", Prompt: 4, Output: 12, Thoughts: 492}, 1_261_200_000},
		// (12013 - 11243) * 0.30 + 11243 * 0.03 + (15 + 73) * 2.50 = 231 + 337.29 + 220 = 788.29
		{"cached", Query{Model: "gemini-2.5-flash", Prompt: 12013, Cached: 11243, Output: 15, Thoughts: 73}, 788_290_000},
		// Code execution: 21 * 0.30 + 160 * 0.30 + (96 + 86) * 2.50 = 6.3 + 48 + 455 = 509.3
		{"tool", Query{Model: "gemini-2.5-flash", Prompt: 21, Tool: 160, Output: 96, Thoughts: 86}, 509_300_000},
		// The tool's 100 as audio: 100 * 1.00 = 100
		{"tool in audio", Query{Model: "gemini-2.5-flash", Tool: 100, ToolDetails: Split{Audio: 100}}, 100_000_000},
		// 900 audio * 1.00 + 100 text * 0.30 = 930
		{"audio", Query{Model: "gemini-2.5-flash", Prompt: 1000, PromptDetails: Split{Audio: 900, Text: 100}}, 930_000_000},
		{"the remainder is text", Query{Model: "gemini-2.5-flash", Prompt: 1000, PromptDetails: Split{Audio: 900}}, 930_000_000},
		// Details beyond the total: 1000 = 900 audio + 100 of the 200 text
		{"too many details", Query{Model: "gemini-2.5-flash", Prompt: 1000, PromptDetails: Split{Audio: 900, Text: 200}}, 930_000_000},
		// 700 * 1.00 + 200 cached * 0.10 + 60 text * 0.30 + 40 cached * 0.03 = 700 + 20 + 18 + 1.2
		{
			"cached audio",
			Query{
				Model: "gemini-2.5-flash", Prompt: 1000, PromptDetails: Split{Audio: 900, Text: 100},
				Cached: 240, CachedDetails: Split{Audio: 200, Text: 40},
			}, 739_200_000,
		},
		// Which 240 are cached is not said: all 100 text * 0.03, then 140 audio * 0.10, and 760 * 1.00 = 3 + 14 + 760
		{
			"cached, not said which",
			Query{Model: "gemini-2.5-flash", Prompt: 1000, PromptDetails: Split{Audio: 900, Text: 100}, Cached: 240},
			777_000_000,
		},
		// No more than the prompt can be cached: 10 * 0.03 = 0.3
		{"more cached than prompt", Query{Model: "gemini-2.5-flash", Prompt: 10, Cached: 99}, 300_000},
		// embedding-2: 100 text * 0.20 + 200 pages and pictures * 0.45 + 10 video * 12 = 20 + 90 + 120
		{
			"documents are images",
			Query{Model: "gemini-embedding-2", Prompt: 310, PromptDetails: Split{Document: 150, Image: 50, Video: 10, Text: 100}},
			230_000_000,
		},
		// 2.5-pro: 200000 * 1.25 + 10 * 10 = 250100; one more: 200001 * 2.50 + 10 * 15 = 500152.5
		{"at the tier's bound", Query{Model: "gemini-2.5-pro", Prompt: 200_000, Output: 10}, 250_100_000_000},
		{"above the tier's bound", Query{Model: "gemini-2.5-pro", Prompt: 200_001, Output: 10}, 500_152_500_000},
		// Cached tokens count for the bound: 100000 * 2.50 + 100001 * 0.25 = 275000.25
		{"the bound counts the cached part", Query{Model: "gemini-2.5-pro", Prompt: 200_001, Cached: 100_001}, 275_000_250_000},
		// The tool's tokens do not: (200000 + 50) * 1.25
		{"the bound leaves out the tool", Query{Model: "gemini-2.5-pro", Prompt: 200_000, Tool: 50}, 250_062_500_000},

		// 3.8-flash: 1000 * 0.75 + 100 * 3.75 = 1125; half; 1.8 times
		{"standard", Query{Model: "gemini-3.8-flash", Tier: "standard", Prompt: 1000, Output: 100}, 1_125_000_000},
		{"on demand", Query{Model: "gemini-3.8-flash", Tier: "ON_DEMAND", Prompt: 1000, Output: 100}, 1_125_000_000},
		{"unspecified", Query{Model: "gemini-3.8-flash", Tier: "TRAFFIC_TYPE_UNSPECIFIED", Prompt: 1000, Output: 100}, 1_125_000_000},
		{"batch", Query{Model: "gemini-3.8-flash", Tier: "batch", Prompt: 1000, Output: 100}, 562_500_000},
		{"flex", Query{Model: "gemini-3.8-flash", Tier: "FLEX", Prompt: 1000, Output: 100}, 562_500_000},
		{"flex on Vertex", Query{Model: "gemini-3.8-flash", Tier: "ON_DEMAND_FLEX", Prompt: 1000, Output: 100}, 562_500_000},
		{"priority", Query{Model: "gemini-3.8-flash", Tier: "priority", Prompt: 1000, Output: 100}, 2_025_000_000},
		{"priority on Vertex", Query{Model: "gemini-3.8-flash", Tier: "ON_DEMAND_PRIORITY", Prompt: 1000, Output: 100}, 2_025_000_000},
		{"provisioned", Query{Model: "gemini-3.8-flash", Tier: "PROVISIONED_THROUGHPUT", Prompt: 1000, Output: 100}, 0},
		{"provisioned, spillover", Query{Model: "gemini-3.8-flash", Tier: "PROVISIONED_THROUGHPUT_X", Prompt: 1}, 0},
		{"a service of tomorrow", Query{Model: "gemini-3.8-flash", Tier: "turbo", Prompt: 1}, 0},
		{"a service without a price", Query{Model: "gemini-nano-banana-2.1", Tier: "flex", Prompt: 1}, 0},

		// 3.1-flash-lite-image: 10 * 0.25 + 1120 image * 30 + 20 text * 1.50 = 2.5 + 33600 + 30
		{
			"image", Query{Model: "gemini-3.1-flash-lite-image", Prompt: 10, Output: 1140, OutputDetails: Split{Image: 1120}},
			33_632_500_000,
		},
		{"image, not said which", Query{Model: "gemini-3.1-flash-lite-image", Prompt: 10, Output: 1140}, 0},
		// 10 * 0.25 + 100 thoughts * 1.50
		{"image, thoughts only", Query{Model: "gemini-3.1-flash-lite-image", Prompt: 10, Thoughts: 100}, 152_500_000},
		// Speech has one price: 100 * 0.50 + 250 * 9 = 2300
		{"speech", Query{Model: "gemini-3.8-flash-tts", Prompt: 100, Output: 250, OutputDetails: Split{Audio: 250}}, 2_300_000_000},
		{"speech, not said which", Query{Model: "gemini-3.8-flash-tts", Prompt: 100, Output: 250}, 2_300_000_000},
		{"a picture for speech", Query{Model: "gemini-3.8-flash-tts", Prompt: 100, PromptDetails: Split{Image: 1}}, 0},
		{"speech from a text model", Query{Model: "gemini-3.8-flash", Output: 10, OutputDetails: Split{Audio: 10}}, 0},
		{"cached without a price", Query{Model: "gemini-3-pro-image", Prompt: 100, Cached: 10}, 0},

		{"no such model", Query{Model: "gemini-9-flash", Prompt: 1}, 0},
		{"floating alias", Query{Model: "gemini-flash-latest", Prompt: 1}, 0},
		{"no model", Query{Prompt: 1}, 0},
		{"negative", Query{Model: "gemini-2.5-flash", Prompt: -1}, 0},
		{"negative part", Query{Model: "gemini-2.5-flash", Prompt: 1, PromptDetails: Split{Audio: -5}}, 0},
		{"negative thoughts", Query{Model: "gemini-2.5-flash", Thoughts: -1}, 0},
		{"too many", Query{Model: "gemini-2.5-flash", Prompt: math.MaxInt64}, 0},
		{"product overflows", Query{Model: "gemini-2.5-flash", Thoughts: math.MaxInt64}, 0},
		// 4e12 * 2.50 is 10 million dollars, above what fits
		{"amount overflows", Query{Model: "gemini-2.5-flash", Thoughts: 4_000_000_000_000}, 0},
		// 2.4e12 * 2.50 is 6 million dollars: it fits once, not twice
		{"sum overflows", Query{Model: "gemini-2.5-flash", Output: 2_400_000_000_000, Thoughts: 2_400_000_000_000}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.At = now
			got, ok := Default().Cost(tt.q)
			if got != tt.want || ok != (tt.want != 0) {
				t.Errorf("got %s, %v; want %s", got, ok, tt.want)
			}
		})
	}
}

func TestCostByDay(t *testing.T) {
	la := pacific.Location()
	for _, tt := range []struct {
		model string
		at    time.Time
		want  USD // the cost of a million tokens in and as many out
	}{
		{"gemini-4-argon", on("2026-10-12"), 0},
		{"gemini-4-argon", on("2026-10-13"), 12 * Dollar},
		{"gemini-4-argon", on("2026-11-30"), 12 * Dollar},
		{"gemini-4-argon", on("2026-12-01"), 24 * Dollar},
		// The day begins at midnight in Los Angeles, eight hours after UTC in winter.
		{"gemini-3.8-flash", time.Date(2027, 1, 1, 7, 59, 59, 999999999, time.UTC), 45 * Dollar / 10}, // 0.75 + 3.75
		{"gemini-3.8-flash", time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC), 9 * Dollar},
		{"gemini-3.8-flash", time.Date(2026, 12, 31, 23, 59, 59, 0, la), 45 * Dollar / 10},
		{"gemini-3.6-flash", on("2026-07-20"), 0},
		{"gemini-3.6-flash", on("2026-07-21"), 9 * Dollar},
		{"gemini-3.6-flash", on("2026-08-12"), 9 * Dollar},
		{"gemini-3.6-flash", on("2026-08-13"), 45 * Dollar / 10},
		{"gemini-2.5-flash", on("2026-11-30"), 28 * Dollar / 10},
		{"gemini-2.5-flash", on("2026-12-01"), 28 * Dollar / 10}, // routed to gemini-3.5-flash-lite
		{"gemini-2.0-flash", on("2026-05-31"), Dollar / 2},
		{"gemini-2.0-flash", on("2026-06-01"), 0},
		{"gemini-2.5-flash-lite", time.Time{}, 0},
	} {
		got, ok := Default().Cost(Query{Model: tt.model, At: tt.at, Prompt: 1_000_000, Output: 1_000_000})
		if got != tt.want || ok != (tt.want != 0) {
			t.Errorf("%s at %s: %s, %v; want %s", tt.model, tt.at, got, ok, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"gemini-2.5-flash", "gemini-2.5-flash"},
		{"models/gemini-2.5-flash", "gemini-2.5-flash"},
		{"publishers/google/models/gemini-2.5-flash@001", "gemini-2.5-flash"},
		{"gemini-2.5-flash@default", "gemini-2.5-flash"},
		{"gemini-2.5-flash-nothinking", "gemini-2.5-flash"},
		{"gemini-2.5-flash-thinking", "gemini-2.5-flash"},
		{"gemini-2.5-flash-thinking-8192", "gemini-2.5-flash"},
		{"gemini-2.5-flash-nothinking-simulated", "gemini-2.5-flash"},
		{"models/gemini-3.8-flash-simulated", "gemini-3.8-flash"},
		{"gemini-2.5-flash-lite-001", "gemini-2.5-flash-lite"},
		{"gemini-2.0-flash-001", "gemini-2.0-flash"}, // an alias
		{"gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"},
		{"gemini-embedding-001", "gemini-embedding-001"}, // a name that ends like a version
		{"gemini-3.1-pro-preview-customtools", "gemini-3.1-pro-preview"},
		{"gemini-flash-latest", "gemini-flash-latest"},
		{"gemini-2.5-flash-latest", "gemini-2.5-flash"},
		{"gemini-2.5-flash-lite-06-17", "gemini-2.5-flash-lite"},
		{"gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite"},
		{"gemini-3.6-flash-2026-08-13", "gemini-3.6-flash"},
		{"gemini-3.6-flash-20260813", "gemini-3.6-flash"},
		{"gemini-3.6-flash-high", "gemini-3.6-flash"},
		{"google/gemini-3.6-flash", "gemini-3.6-flash"},
		{"vertex_ai/gemini-3.6-flash@001", "gemini-3.6-flash"},
		{"projects/p/locations/l/publishers/google/models/gemini-3.6-flash", "gemini-3.6-flash"},

		{"", ""},
		{"-", ""},
		{"@", ""},
		{"-simulated", ""},
		{"models/", ""},
		{"gemini", ""},
		{"gemini-2.5", ""},
		{"gemini-2.5-flash-", ""},
		{"gemini-2.5-flash-preview-05-2025", ""}, // not listed
		{"gemini-2.5-flash-2025", ""},
		{"gemini-2.5-flash-100", ""},
		{"gemini-2.5-flash-8b", ""},
		{"gemini-2.5-flash-preview-05-20", ""}, // had a price of its own
		{"gemini-4-carbon:batch", ""},          // has another price
		{"gemini-2.5-flash-thinking-x", ""},
		{"gemini-3.5-pro", ""},
		{"tunedModels/gemini-2.5-flash", ""},
		{"GEMINI-2.5-FLASH", ""},
	} {
		e, ok := Default().Lookup(tt.name, on("2026-11-21"))
		if e.ID != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.name, e.ID, ok, tt.want)
		}
	}
}

// The cost of a call is the sum of the costs of its parts, and every token counts.
func TestCostIsTheSumOfItsParts(t *testing.T) {
	table, at := Default(), on("2026-11-21")
	cost := func(q Query) USD {
		q.Model, q.At = "gemini-3.1-flash-lite", at
		c, ok := table.Cost(q)
		if !ok {
			t.Fatalf("%+v has no price", q)
		}
		return c
	}
	sums := func(text, audio, cachedText, cachedAudio, tool, output, thoughts uint16) bool {
		t64, a64, ct, ca := int64(text), int64(audio), int64(cachedText), int64(cachedAudio)
		whole := cost(Query{
			Prompt: t64 + a64 + ct + ca, PromptDetails: Split{Text: t64 + ct, Audio: a64 + ca},
			Cached: ct + ca, CachedDetails: Split{Text: ct, Audio: ca},
			Tool: int64(tool), Output: int64(output), Thoughts: int64(thoughts),
		})
		parts := cost(Query{Prompt: t64}) +
			cost(Query{Prompt: a64, PromptDetails: Split{Audio: a64}}) +
			cost(Query{Prompt: ct, Cached: ct}) +
			cost(Query{Prompt: ca, Cached: ca, PromptDetails: Split{Audio: ca}, CachedDetails: Split{Audio: ca}}) +
			cost(Query{Tool: int64(tool)}) + cost(Query{Output: int64(output)}) + cost(Query{Thoughts: int64(thoughts)})
		// By hand: 0.25, 0.50, 0.025, 0.05, 0.25, 1.50 and 1.50 USD per million.
		hand := USD(250_000*t64 + 500_000*a64 + 25_000*ct + 50_000*ca + 250_000*int64(tool) +
			1_500_000*(int64(output)+int64(thoughts)))
		return whole == parts && whole == hand
	}
	if err := quick.Check(sums, nil); err != nil {
		t.Error(err)
	}
}

func FuzzCost(f *testing.F) {
	f.Add("gemini-2.5-flash", "", int64(10), int64(5), int64(3), int64(2), int64(1))
	f.Add("gemini-3.1-flash-lite-image", "flex", int64(1)<<62, int64(1)<<62, int64(1)<<62, int64(-1), int64(math.MaxInt64))
	f.Add("models/-thinking-0@", "ON_DEMAND", int64(0), int64(0), int64(0), int64(0), int64(0))
	at := on("2026-11-21")
	f.Fuzz(func(t *testing.T, model, tier string, prompt, cached, audio, output, thoughts int64) {
		q := Query{
			Model: model, Tier: tier, At: at, Prompt: prompt, Cached: cached, Output: output, Thoughts: thoughts,
			PromptDetails: Split{Audio: audio}, OutputDetails: Split{Image: audio},
		}
		got, ok := Default().Cost(q)
		if got < 0 || !ok && got != 0 {
			t.Fatalf("%+v: %d, %v", q, got, ok)
		}
		if !ok {
			return
		}
		// A cache never makes a call dearer.
		q.Cached, q.CachedDetails = 0, Split{}
		if full, ok := Default().Cost(q); ok && full < got {
			t.Fatalf("%+v: %s, and %s with the cache", q, full, got)
		}
	})
}

func BenchmarkCost(b *testing.B) {
	q := Query{Model: "gemini-2.5-flash", At: on("2026-11-21"), Prompt: 1000, Output: 100, PromptDetails: Split{Text: 1000}}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Default().Cost(q); !ok {
			b.Fatal("no price")
		}
	}
}
