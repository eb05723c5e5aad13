package wire

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// TestCounts checks that a usage is read exactly or not at all. What cannot be is unknown,
// and never 0.
func TestCounts(t *testing.T) {
	whole := &batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 6, TotalTokenCount: 46}
	for _, tt := range []struct {
		name, text string
		want       *batch.Usage // nil: unknown
	}{
		{"as the API writes it", `{"promptTokenCount":40,"candidatesTokenCount":6,"totalTokenCount":46}`, whole},
		{"as protobuf allows it", `{"promptTokenCount":"40","candidatesTokenCount":6.0,"totalTokenCount":4.6e1}`, whole},
		{"nulls are missing", `{"promptTokenCount":40,"candidatesTokenCount":6,"totalTokenCount":46,"thoughtsTokenCount":null,"promptTokensDetails":null}`, whole},
		{"no total", `{"promptTokenCount":40,"candidatesTokenCount":6}`, &batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 6}},
		{"zeros", `{"promptTokenCount":0,"totalTokenCount":0}`, &batch.Usage{}},
		{"the largest", `{"promptTokenCount":2147483647}`, &batch.Usage{PromptTokenCount: 1<<31 - 1}},
		{"divided otherwise than the whole", `{"promptTokenCount":40,"promptTokensDetails":[{"modality":"image","tokenCount":38},{"modality":1,"tokenCount":6}]}`,
			&batch.Usage{PromptTokenCount: 40, PromptTokensDetails: []batch.ModalityTokens{{Modality: "IMAGE", TokenCount: 38}, {Modality: "TEXT", TokenCount: 6}}}},

		{"nothing", `{}`, nil},
		{"null", `null`, nil},
		{"a list", `[1]`, nil},
		{"a text", `"40"`, nil},
		{"negative", `{"promptTokenCount":-40,"candidatesTokenCount":6,"totalTokenCount":46}`, nil},
		{"a negative part", `{"promptTokenCount":40,"candidatesTokenCount":6,"toolUsePromptTokenCount":-3,"totalTokenCount":46}`, nil},
		{"beyond 32 bits", `{"promptTokenCount":2147483648,"candidatesTokenCount":6}`, nil},
		{"beyond 53 bits", `{"promptTokenCount":9007199254740993,"candidatesTokenCount":6}`, nil},
		{"beyond 64 bits", `{"promptTokenCount":184467440737095516160,"candidatesTokenCount":6}`, nil},
		{"beyond a float", `{"promptTokenCount":1e999,"candidatesTokenCount":6}`, nil},
		{"a fraction", `{"promptTokenCount":40.5,"candidatesTokenCount":6}`, nil},
		{"a word", `{"promptTokenCount":"forty","candidatesTokenCount":6}`, nil},
		{"not a number", `{"promptTokenCount":"NaN","candidatesTokenCount":6}`, nil},
		{"an empty text", `{"promptTokenCount":"","candidatesTokenCount":6}`, nil},
		{"true", `{"promptTokenCount":true,"candidatesTokenCount":6}`, nil},
		{"an object", `{"promptTokenCount":{"n":40},"candidatesTokenCount":6}`, nil},
		{"a total below its parts", `{"promptTokenCount":40,"candidatesTokenCount":6,"totalTokenCount":45}`, nil},
		{"thinking beyond the total", `{"promptTokenCount":40,"candidatesTokenCount":6,"thoughtsTokenCount":9,"totalTokenCount":46}`, nil},
		{"more cached than sent", `{"promptTokenCount":40,"cachedContentTokenCount":41,"candidatesTokenCount":6,"totalTokenCount":46}`, nil},
		{"a negative modality", `{"promptTokenCount":40,"candidatesTokenCount":6,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":-1}]}`, nil},
		{"a modality beyond its whole", `{"promptTokenCount":40,"candidatesTokenCount":6,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":41}]}`, nil},
		{"a modality of nothing", `{"promptTokenCount":40,"candidatesTokenCount":6,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":4}]}`, nil},
	} {
		var u Usage
		if err := json.Unmarshal([]byte(tt.text), &u); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := u.Counts(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestMerge checks that the last report of a stream counts, whatever an earlier one said.
func TestMerge(t *testing.T) {
	var u Usage
	for _, text := range []string{
		`{"promptTokenCount":169,"totalTokenCount":169,"promptTokensDetails":[{"modality":"TEXT","tokenCount":169}]}`,
		`{"promptTokenCount":-1,"candidatesTokenCount":2}`,
		`{"promptTokenCount":79,"candidatesTokenCount":5,"totalTokenCount":84,"promptTokensDetails":[{"modality":"TEXT","tokenCount":79}],"serviceTier":"flex"}`,
		`{"trafficType":2}`,
	} {
		var later Usage
		if err := json.Unmarshal([]byte(text), &later); err != nil {
			t.Fatal(err)
		}
		u.Merge(&later)
	}
	got := u.Counts()
	if got == nil || got.PromptTokenCount != 79 || got.TotalTokenCount != 84 || got.PromptTokensDetails[0].TokenCount != 79 || got.TrafficType != "PROVISIONED_THROUGHPUT" {
		t.Errorf("%+v", got)
	}
	if u.Tier() != "flex" {
		t.Errorf("tier %q", u.Tier())
	}
}
