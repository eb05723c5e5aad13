package sim

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/answer"
)

const streamFlash = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"

const longText = "A stream brings its answer in pieces, each of them an event of its own, and says at the end why it has ended; “quotes” and 日本語 stay whole. "

func readSSE(t *testing.T, body string) []answer.Response {
	t.Helper()
	var events []answer.Response
	for event := range strings.SplitSeq(strings.TrimSuffix(body, "\r\n\r\n"), "\r\n\r\n") {
		data, ok := strings.CutPrefix(event, "data: ")
		var r answer.Response
		if err := json.Unmarshal([]byte(data), &r); !ok || err != nil {
			t.Fatalf("event %q: %v", event, err)
		}
		events = append(events, r)
	}
	return events
}

func TestStream(t *testing.T) {
	s := httptest.NewServer(New(Config{}))
	defer s.Close()
	body := ask(longText+longText, `"generationConfig":{"thinkingConfig":{"includeThoughts":true}}`)

	_, unaryText, err := send(t, s, t.Context(), flash, body)
	if err != nil {
		t.Fatal(err)
	}
	var unary answer.Response
	if err := json.Unmarshal([]byte(unaryText), &unary); err != nil {
		t.Fatal(err)
	}
	resp, sse, err := send(t, s, t.Context(), streamFlash+"?alt=sse", body)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v %v", err, resp)
	}
	_, array, err := send(t, s, t.Context(), streamFlash, body)
	if err != nil {
		t.Fatal(err)
	}
	var fromArray []answer.Response
	if err := json.Unmarshal([]byte(array), &fromArray); err != nil {
		t.Fatalf("%v in %s", err, array)
	}

	for name, events := range map[string][]answer.Response{"sse": readSSE(t, sse), "array": fromArray} {
		var text strings.Builder
		for i, e := range events {
			text.WriteString(textOf(e))
			last := i == len(events)-1
			if finish := e.Candidates[0].Finish; (finish == "STOP") != last {
				t.Errorf("%s: event %d of %d has finish reason %q", name, i, len(events), finish)
			}
			if e.ID != events[0].ID || e.Version != unary.Version {
				t.Errorf("%s: event %d: %s %s", name, i, e.ID, e.Version)
			}
			if i > 0 && e.Usage.Candidates < events[i-1].Usage.Candidates {
				t.Errorf("%s: usage shrinks at event %d", name, i)
			}
			if u := e.Usage; u.Total != u.Prompt+u.Candidates+u.Thoughts {
				t.Errorf("%s: event %d: %+v", name, i, u)
			}
		}
		if len(events) < 4 || text.String() != textOf(unary) {
			t.Errorf("%s: %d events say %q, unary %q", name, len(events), &text, textOf(unary))
		}
		if !events[0].Candidates[0].Content.Parts[0].Thought {
			t.Errorf("%s: the thought does not come first", name)
		}
		a, _ := json.Marshal(events[len(events)-1].Usage)
		b, _ := json.Marshal(unary.Usage)
		if string(a) != string(b) {
			t.Errorf("%s: usage at the end %s, unary %s", name, a, b)
		}
	}
}

func TestShortStreams(t *testing.T) {
	s := New(Config{})
	for directive, want := range map[string]string{
		"x":          `"finishReason":"STOP"`,
		"block":      `"blockReason":"PROHIBITED_CONTENT"`,
		"safety":     `"finishReason":"SAFETY"`,
		"maxtokens":  `"finishReason":"MAX_TOKENS"`,
		"answer=":    `"finishReason":"STOP"`,
		"answer=日本語": `"text":"日本語"`,
	} {
		w := call(s, streamFlash+"?alt=sse", ask("hi [[sim:"+directive+"]]", ""))
		if events := readSSE(t, w.Body.String()); len(events) != 1 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s", directive, w.Body)
		}
	}
	w := call(s, streamFlash+"?alt=sse", ask(longText+"[[sim:errorbody]]", ""))
	if b := w.Body.String(); strings.Count(b, "data: ") != 2 || !strings.Contains(b, "\r\n\r\ndata: {\"error\":{\"code\":503") {
		t.Errorf("an error in mid-stream: %s", b)
	}
	var parts []map[string]any
	w = call(s, streamFlash, ask(longText+"[[sim:errorbody]]", ""))
	if err := json.Unmarshal(w.Body.Bytes(), &parts); err != nil || len(parts) != 2 || parts[1]["error"] == nil {
		t.Errorf("an error in mid-array: %v %s", err, w.Body)
	}
}

// Gateways of the new-api family stream whatever is asked with alt=sse, and never
// answer with an array.
func TestGatewayStreams(t *testing.T) {
	s := New(Config{Dialect: YEScale})
	for _, path := range []string{flash + "?alt=sse", streamFlash, streamFlash + "?alt=sse"} {
		if w := call(s, path, ask(longText, "")); len(readSSE(t, w.Body.String())) < 2 {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	if w := call(New(Config{}), flash+"?alt=sse", ask("hi", "")); !json.Valid(w.Body.Bytes()) {
		t.Errorf("Google: %s", w.Body)
	}
}
