package gemini

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

func TestControlsOf(t *testing.T) {
	for name, want := range map[string]Controls{
		"gemini-2.5-pro":                          budgetLeast,
		"models/gemini-2.5-flash":                 budgetZero,
		"gemini-2.5-flash-preview-09-2025":        budgetZero,
		"gemini-2.5-flash-lite":                   asItIs,
		"gemini-3-flash-preview":                  levelMinimal,
		"gemini-3.1-pro-preview-customtools":      levelLow,
		"google/gemini-3.5-flash-001":             levelMinimal,
		"gemini-3.5-flash-lite":                   {},
		"gemini-3.8-flash-simulated":              ignoring(levelLow),
		"publishers/google/models/gemini-4-argon": ignoring(levelLow),
	} {
		if got, ok := ControlsOf(name); !ok || got != want {
			t.Errorf("%s: %+v, %t, want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{
		"", "gemini-2.5", "gemini-2.5-flash-image", "gemini-2.5-flash-nothinking", "gemini-2.5-flash-preview-tts",
		"gemini-3.8-flash-", "gemini-3.8-flashy", "gemini-9-flash", "gemini-flash-latest",
	} {
		if got, ok := ControlsOf(name); ok {
			t.Errorf("%s: %+v, want it unknown", name, got)
		}
	}
}

// A single request can ask for a stream although the client does not stream.
func TestStreamOfOneRequest(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ":streamGenerateContent") {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Write([]byte("data: " + stopAnswer + "\n\n"))
			return
		}
		w.WriteHeader(524)
	})
	for _, stream := range []bool{false, true, false} {
		o := c.Attempt(t.Context(), &batch.Request{Model: "m", Body: json.RawMessage(`{}`), Stream: stream})
		if (o.Status == batch.OK) != stream {
			t.Errorf("stream %t: %+v", stream, o)
		}
	}
}
