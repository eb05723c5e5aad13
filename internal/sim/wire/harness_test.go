package wire

import (
	"encoding/json"
	"testing"
)

const (
	flash      = "gemini-2.5-flash"
	flash3     = "gemini-3.5-flash"
	imageModel = "gemini-3.1-flash-image"
	ttsModel   = "gemini-2.5-flash-preview-tts"
)

// ask wraps a text in a request body; more is further JSON members.
func ask(text, more string) string {
	t, _ := json.Marshal(text)
	if more != "" {
		more = "," + more
	}
	return `{"contents":[{"role":"user","parts":[{"text":` + string(t) + `}]}]` + more + `}`
}

// check reads a request and validates it.
func check(t *testing.T, d Dialect, model, body string) (*Request, *Error) {
	t.Helper()
	m, ok := FindModel(d, model)
	if !ok {
		t.Fatalf("no model %s", model)
	}
	q, e := ParseRequest([]byte(body), d, false)
	if e == nil {
		e = q.Validate(d, &m, false)
	}
	return q, e
}
