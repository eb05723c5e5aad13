package journal

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// middle is a result without the fields that appendMiddle leaves out.
type middle struct {
	*batch.Result
	Seq         *struct{} `json:"seq,omitempty"`
	Fingerprint *struct{} `json:"fingerprint,omitempty"`
	Occurrence  *struct{} `json:"occurrence,omitempty"`
	Status      *struct{} `json:"status,omitempty"`
	Response    *struct{} `json:"response,omitempty"`
}

func encodeMiddle(r *batch.Result) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(middle{Result: r})
	return bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte("{")), []byte("}\n")), err
}

// A new field of batch.Result makes this fail until append.go and plain.go know it.
func TestAppendMiddle(t *testing.T) {
	var full batch.Result
	var n int64
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	odd := batch.Result{Error: "<a> & \"b\" \\ \t \x01 \x7f \u2028 \u00e9 \xff half a character", Row: -1, LatencyMS: -5}
	for _, r := range []*batch.Result{
		{}, &full, &odd,
		{Spent: []batch.Spend{{}, {Usage: &batch.Usage{}}, {Most: &batch.Usage{Searches: 2, PromptTokensDetails: []batch.ModalityTokens{{}}}}}},
		{At: time.Date(2026, 5, 6, 7, 8, 9, 120, time.FixedZone("", -5400))},
	} {
		want, err := encodeMiddle(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendMiddle([]byte("before "), r)
		if string(got) != "before "+string(want) || err != nil {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
	for _, r := range []*batch.Result{{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, {Spent: []batch.Spend{{At: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}}}} {
		if text, err := appendMiddle(nil, r); err == nil {
			t.Errorf("a time that JSON cannot hold is written: %s", text)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	r := &batch.Result{
		Row: 12, Endpoint: "google", Model: "gemini-2.5-flash", ModelVersion: "gemini-2.5-flash", ResponseID: "kq3xaLDoHcTY1PIPrtnKoAE",
		FinishReason: "STOP", At: time.Now(), LatencyMS: 1200, Attempts: 1,
		Spent: []batch.Spend{{At: time.Now(), Model: "gemini-2.5-flash", Usage: &batch.Usage{PromptTokenCount: 312, CandidatesTokenCount: 187,
			TotalTokenCount: 499, PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT", TokenCount: 312}}}}},
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var text []byte
		for b.Loop() {
			text, _ = appendMiddle(text[:0], r)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeMiddle(r)
		}
	})
}
