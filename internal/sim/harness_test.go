package sim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/answer"
)

const flash = "/v1beta/models/gemini-2.5-flash:generateContent"

// call posts a body to a handler, without a network, and returns what came back.
func call(s *Server, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("X-Goog-Api-Key", "k")
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// ask wraps a text in a request body; more is further JSON members.
func ask(text, more string) string {
	t, _ := json.Marshal(text)
	if more != "" {
		more = "," + more
	}
	return `{"contents":[{"role":"user","parts":[{"text":` + string(t) + `}]}]` + more + `}`
}

// read unmarshals an answer.
func read(t *testing.T, w *httptest.ResponseRecorder) answer.Response {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var r answer.Response
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return r
}

// textOf joins the answer's text without thoughts.
func textOf(r answer.Response) string {
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

// do sends a request to the handler. The header is a list of names and values.
func do(s *Server, method, url string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
