package gemini

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

const plainAnswer = `{
  "candidates": [
    {
      "content": {
        "parts": [
          {"text": "Let me think.", "thought": true},
          {"text": "A short answer,\nin \"one\" sentence: \u00e9.", "thoughtSignature": "Q2h1Y2s="}
        ],
        "role": "model"
      },
      "finishReason": "STOP", "index": 0, "avgLogprobs": -0.5e-1,
      "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 42, "candidatesTokenCount": 11, "totalTokenCount": 60, "thoughtsTokenCount": 7,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 40}, {"modality": "IMAGE", "tokenCount": 2}], "serviceTier": "standard"
  },
  "modelVersion": "gemini-2.5-flash-lite",
  "responseId": "H2CGQ25z43LiM4rK"
}
`

// comparePlain fails if readPlain and encoding/json read an answer differently. It
// reports whether readPlain reads it at all.
func comparePlain(t *testing.T, body []byte) bool {
	t.Helper()
	got := readPlain(body)
	if got == nil {
		return false
	}
	var want chunk
	if err := json.Unmarshal(body, &want); err != nil {
		t.Errorf("%s: read, and encoding/json says: %v", body, err)
	} else if !reflect.DeepEqual(got.chunk, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", body, got.chunk, want)
	}
	var b bytes.Buffer
	if json.Compact(&b, body) != nil || !bytes.Equal(b.Bytes(), got.compact) {
		t.Errorf("%s: compact %s, want %s", body, got.compact, b.Bytes())
	}
	return true
}

func TestPlainAnswers(t *testing.T) {
	if !comparePlain(t, []byte(plainAnswer)) {
		t.Error("the plainest of answers is left to encoding/json")
	}
	for _, body := range []string{
		`{}`, `{"usageMetadata":{}}`, `{"candidates":[]}`, `{"candidates":[{}]}`, `{"candidates":[{"content":{"parts":[]}}],"usageMetadata":{"x":1}}`,
		`{"candidates":[{"content":{"parts":[{"text":""}]}}]}`, `{"candidates":[{"finishReason":1}]}`, `{"usageMetadata":{"promptTokenCount":"7"}}`,
		`{"candidates":[{"content":{"parts":[{"text":"a","inlineData":{"data":"eA=="}}]}}]}`, `{"candidates":null}`,
	} {
		comparePlain(t, []byte(body))
	}
	// Everything else that the package's tests use, answers or not.
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil {
			comparePlain(t, text)
		}
	}
}

func FuzzPlainAnswers(f *testing.F) {
	f.Add([]byte(plainAnswer))
	f.Add([]byte(`{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":1}],"usageMetadata":{"trafficType":"ON_DEMAND"}}`))
	f.Fuzz(func(t *testing.T, body []byte) { comparePlain(t, body) })
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"plain", plainAnswer},
		{"other", plainAnswer[:len(plainAnswer)-2] + `,"RESPONSEID":"x"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if a, err := Parse(json.RawMessage(c.text)); err != nil || a.Usage == nil {
					b.Fatal(a, err)
				}
			}
		})
	}
}
