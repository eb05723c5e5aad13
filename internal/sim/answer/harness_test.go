package answer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

const (
	flash      = "gemini-2.5-flash"
	flash3     = "gemini-3.5-flash"
	imageModel = "gemini-3.1-flash-image"
	ttsModel   = "gemini-2.5-flash-preview-tts"
)

// ask wraps a text in a request body; more is further JSON members.
func ask(text, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"contents":[{"role":"user","parts":[{"text":` + quote(text) + `}]}]` + more + `}`
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// answerTo returns Google's answer to a body, without a server.
func answerTo(t *testing.T, c *Classifiers, model, body string) Response {
	t.Helper()
	return responses(t, c, model, body, false)[0]
}

// eventsOf is the same for a stream.
func eventsOf(t *testing.T, c *Classifiers, model, body string) []Response {
	t.Helper()
	return responses(t, c, model, body, true)
}

// responses returns what a caller reads: the answer's JSON, unmarshalled.
func responses(t *testing.T, c *Classifiers, model, body string, stream bool) []Response {
	t.Helper()
	q, e := wire.ParseRequest([]byte(body), wire.Google, false)
	if e != nil {
		t.Fatalf("%v in %s", e.Body(wire.Google, ""), body)
	}
	m, ok := wire.FindModel(wire.Google, model)
	if !ok {
		t.Fatalf("no model %s", model)
	}
	if e := q.Validate(wire.Google, &m, stream); e != nil {
		t.Fatalf("%v in %s", e.Body(wire.Google, ""), body)
	}
	sum := sha256.Sum256([]byte(body))
	turn := Turn{
		Request: q, Prompt: q.Prompt(), Pack: q.Pack(), Model: &m, Dialect: wire.Google, Hash: binary.BigEndian.Uint64(sum[:]),
		PromptTokens: q.CountPrompt(&m), Classifiers: c,
	}
	made := turn.Reply().Responses("id", stream)
	read := make([]Response, len(made))
	for i := range made {
		if err := json.Unmarshal([]byte(jsonOf(t, made[i])), &read[i]); err != nil {
			t.Fatal(err)
		}
	}
	return read
}

func jsonOf(t *testing.T, r Response) string {
	t.Helper()
	var b bytes.Buffer
	if err := wire.Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// textOf joins the answer's text without thoughts.
func textOf(r Response) string {
	var b strings.Builder
	for _, c := range r.Candidates {
		if c.Content == nil {
			continue
		}
		for _, p := range c.Content.Parts {
			if !p.Thought {
				b.WriteString(p.Text)
			}
		}
	}
	return b.String()
}
