package wire

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestCamel(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"camelCase stays as it is", ` {"usageMetadata": {"totalTokenCount": 1e2}}`, ` {"usageMetadata": {"totalTokenCount": 1e2}}`},
		{"snake_case", `{"model_version":"m","candidates":[{"finish_reason":"STOP","content":{"parts":[{"inline_data":{"mime_type":"a/b"}}]}}],"usage_metadata":{"prompt_token_count":12345678901234567890}}`,
			`{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"a/b"}}]},"finishReason":"STOP"}],"modelVersion":"m","usageMetadata":{"promptTokenCount":12345678901234567890}}`},
		{"both spellings", `{"finish_reason":"OTHER","finishReason":"STOP"}`, `{"finishReason":"STOP"}`},
		{"arguments are the user's", `{"function_call":{"name":"f","args":{"order_id":1,"a":[{"b_c":2}]}}}`, `{"functionCall":{"args":{"order_id":1,"a":[{"b_c":2}]},"name":"f"}}`},
		{"a text about JSON", `{"text":"{\"finish_reason\": 1}"}`, `{"text":"{\"finish_reason\": 1}"}`},
		{"a list", `[{"finish_reason":"STOP"}]`, `[{"finishReason":"STOP"}]`},
		{"no JSON", `{"finish_reason":`, `{"finish_reason":`},
	} {
		if got := string(Camel(json.RawMessage(tt.text))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestBothSpellings(t *testing.T) {
	if got := BothSpellings("parts", "finishReason", "fileUri"); !slices.Equal(got, []string{"parts", "finishReason", "fileUri", "finish_reason", "file_uri"}) {
		t.Error(got)
	}
}

func TestName(t *testing.T) {
	table := []string{"UNSPECIFIED", "STOP"}
	for text, want := range map[string]string{
		`"STOP"`: "STOP", `"stop"`: "STOP", `"max_tokens"`: "MAX_TOKENS", `"FinishReason.MAX_TOKENS"`: "MAX_TOKENS",
		`1`: "STOP", `7`: "7", `-1`: "-1", `null`: "", `{}`: "", `"v1.2"`: "V1.2", `"end."`: "END.",
	} {
		var e Enum
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.Name(table) != want {
			t.Errorf("%s is %q, %v; want %q", text, e.Name(table), err, want)
		}
	}
}
