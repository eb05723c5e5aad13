package jobtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// An Endpoint answers generateContent with the prompt, or as Reply says. It keeps what it
// is asked.
type Endpoint struct {
	*httptest.Server

	// Reply, if not nil, returns the HTTP status and the body of the response to a
	// prompt. n says how often the prompt has been asked, from 1.
	Reply func(prompt string, n int) (status int, body string)

	Mu    sync.Mutex     // guards the fields below
	Asked []string       // the prompts since the last call of Requests
	Times map[string]int // how often each prompt was asked
}

// NewEndpoint starts an Endpoint, which ends with the test.
func NewEndpoint(t *testing.T) *Endpoint {
	e := &Endpoint{Times: map[string]int{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req struct {
			Contents []struct{ Parts []struct{ Text string } }
		}
		json.Unmarshal(body, &req)
		prompt := req.Contents[len(req.Contents)-1].Parts[0].Text
		e.Mu.Lock()
		e.Asked = append(e.Asked, prompt)
		e.Times[prompt]++
		n, reply := e.Times[prompt], e.Reply
		e.Mu.Unlock()
		status, text := 200, AnswerBody(prompt)
		if reply != nil {
			status, text = reply(prompt, n)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(e.Close)
	return e
}

// Answer takes Reply back. Unlike Reply itself it may be called after a run that ended early,
// whose last calls may still be served.
func (e *Endpoint) Answer() {
	e.Mu.Lock()
	defer e.Mu.Unlock()
	e.Reply = nil
}

// AnswerBody returns a response whose answer is text. It used 100 tokens of input and 10
// of output.
func AnswerBody(text string) string {
	return fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":%q}],"role":"model"},"finishReason":"STOP"}],`+
		`"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":110},"modelVersion":"gemini-2.5-flash-lite","responseId":"r"}`, text)
}

// Requests returns the prompts that were asked since the last call, sorted.
func (e *Endpoint) Requests() []string {
	e.Mu.Lock()
	defer e.Mu.Unlock()
	asked := e.Asked
	e.Asked = nil
	slices.Sort(asked)
	return asked
}
