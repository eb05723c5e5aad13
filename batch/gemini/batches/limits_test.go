package batches

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
)

// The limits are those that Google published, written here by hand from the page of
// 2026-08-18 and, for Vertex AI, of 2026-09-03, so that a slip in limits.json shows.
func TestPublishedLimits(t *testing.T) {
	const million = 1_000_000
	for _, tt := range []struct {
		dialect gemini.Dialect
		model   string
		tokens  [3]int64
	}{
		{gemini.GoogleDialect, "gemini-2.5-flash", [3]int64{3 * million, 400 * million, 1000 * million}},
		{gemini.GoogleDialect, "models/gemini-2.5-flash", [3]int64{3 * million, 400 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-2.5-flash-lite", [3]int64{10 * million, 500 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-2.5-flash-lite-preview-09-2025", [3]int64{10 * million, 500 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-3.1-pro-preview", [3]int64{5 * million, 500 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-3.1-pro-preview-customtools", [3]int64{5 * million, 500 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-3.8-flash", [3]int64{3 * million, 0, 0}},
		{gemini.GoogleDialect, "gemini-3.1-flash-image-preview", [3]int64{1 * million, 250 * million, 750 * million}},
		{gemini.GoogleDialect, "gemini-3-pro-image", [3]int64{2 * million, 270 * million, 1000 * million}},
		{gemini.GoogleDialect, "gemini-2.5-flash-preview-tts", [3]int64{100_000, 100_000, 4 * million}},
		{gemini.GoogleDialect, "gemini-2.5-pro-preview-tts", [3]int64{25_000, 100_000, 1 * million}},
		// Nothing is published of these, and another model's limit would be a guess.
		{gemini.GoogleDialect, "gemini-2.5-flash-image", [3]int64{}},
		{gemini.GoogleDialect, "gemini-4-neon", [3]int64{}},
		{gemini.GoogleDialect, "tunedModels/gemini-2.5-flash", [3]int64{}},
		{gemini.VertexDialect, "gemini-2.5-flash", [3]int64{}},
		{gemini.GatewayDialect, "gemini-2.5-flash", [3]int64{}},
	} {
		if l := LimitsOf(tt.dialect, tt.model); l.Tokens != tt.tokens[0] || l.Tiers != tt.tokens {
			t.Errorf("%s in dialect %d: %d tokens, by tier %d, want %d", tt.model, tt.dialect, l.Tokens, l.Tiers, tt.tokens)
		}
	}
	google, vertex, gateway := LimitsOf(gemini.GoogleDialect, ""), LimitsOf(gemini.VertexDialect, ""), LimitsOf(gemini.GatewayDialect, "")
	if google.Bytes > 2_000_000_000 || google.Jobs != 100 || google.Rows == 0 {
		t.Errorf("Google AI: %+v", google)
	}
	if vertex.Rows != 200_000 || vertex.Bytes != 1_000_000_000 || vertex.Jobs != 0 {
		t.Errorf("Vertex AI: %+v", vertex)
	}
	if gateway.Rows != google.Rows || gateway.Bytes != google.Bytes || gateway.Jobs != 0 {
		t.Errorf("a gateway: %+v", gateway)
	}
	for _, l := range []Limits{google, vertex, gateway} {
		if _, err := time.Parse(time.DateOnly, l.AsOf); err != nil {
			t.Errorf("as of %q: %v", l.AsOf, err)
		}
	}
}

// Every entry says where it is from and why, and no name is misspelt.
func TestLimitsFile(t *testing.T) {
	type endpoint struct {
		published
		Sources []string `json:"sources"`
		Why     string   `json:"why"`
	}
	var all map[string]endpoint
	d := json.NewDecoder(bytes.NewReader(limitsFile))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	for name, e := range all {
		if len(e.Sources) == 0 || e.Why == "" {
			t.Errorf("%s has no source or no reason", name)
		}
		seen := make(map[string]bool)
		for _, row := range e.Tokens {
			for _, model := range row.Models {
				if seen[model] {
					t.Errorf("%s: %s stands twice", name, model)
				}
				seen[model] = true
			}
			for i, n := range row.Tiers[1:] {
				if n > 0 && n < row.Tiers[i] {
					t.Errorf("%s: %q may have fewer tokens in tier %d than below: %d", name, row.Models, i+2, row.Tiers)
				}
			}
		}
	}
}

func TestJobsFor(t *testing.T) {
	l := Limits{Rows: 100, Bytes: 1000, Tokens: 500}
	for _, tt := range []struct {
		limits              Limits
		rows, bytes, tokens int64
		want                int64
	}{
		{l, 0, 0, 0, 0},
		{l, 1, 1, 1, 1},
		{l, 100, 1000, 500, 1},
		{l, 101, 1000, 500, 2},
		{l, 100, 2001, 500, 3},
		{l, 100, 1000, 1501, 4},
		{l, 2, 100_000, 0, 2}, // rows that are each too large for a job
		{Limits{}, 1_000_000, 1 << 40, 1 << 40, 1},
	} {
		if got := tt.limits.JobsFor(tt.rows, tt.bytes, tt.tokens); got != tt.want {
			t.Errorf("%d rows, %d bytes, %d tokens in %+v: %d jobs, want %d", tt.rows, tt.bytes, tt.tokens, tt.limits, got, tt.want)
		}
	}
}
