package sim

import (
	"bytes"
	"net/http"
	"time"
)

// An exchange is one request on its way to its answer. One goroutine owns it.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	route route
	model model
	key   string

	stream, sse bool

	body []byte
	sum  [32]byte // of the body
	hash uint64   // the sum's first bytes

	q             *apiRequest
	promptTokens  int
	promptDetails []tokensDetail

	edits edits
}

// generate answers generateContent and streamGenerateContent.
func (x *exchange) generate() {
	s, d := x.s, x.s.config.Dialect
	known := []message{requestFields}
	if d.vertexShaped() {
		known = append(known, vertexFields)
	}
	root, e := decode(x.body, known...)
	if e == nil && s.config.OldSchemas {
		if o, _ := root["generationConfig"].(map[string]any); o["responseJsonSchema"] != nil {
			e = errUnknownName("responseJsonSchema", "generation_config")
		}
	}
	if e == nil {
		x.q, e = parse(root)
	}
	if e != nil {
		x.refuse("invalid", e)
		return
	}
	missing := x.resolveFiles(x.q)
	x.promptDetails = x.q.countPrompt(&x.model)
	x.promptTokens = sumTokens(x.promptDetails)

	// What is invalid counts against the quota too, so the quota comes first.
	if e := s.admit(d, &x.model, x.promptTokens); e != nil {
		x.refuse("quota", e)
		return
	}
	if e := x.q.validate(d, &x.model, x.stream); e != nil {
		x.refuse("invalid", e)
		return
	}
	if missing != nil {
		x.refuse("file", missing)
		return
	}
	if limit := x.model.inputLimit(); x.promptTokens > limit {
		x.refuse("invalid", invalid("The input token count (%d) exceeds the maximum number of tokens allowed (%d).", x.promptTokens, limit))
		return
	}

	n := s.stats.enter()
	defer s.stats.inFlight.Add(-1)
	if s.config.Concurrency > 0 && n > int64(s.config.Concurrency) {
		x.refuse("overload", errOverloaded())
		return
	}
	wait := s.config.Latency
	if s.config.Jitter > 0 {
		wait += time.Duration(unit(mix(x.hash^s.config.Seed)) * float64(s.config.Jitter))
	}
	if !x.sleep(wait) || x.fault() {
		return
	}

	frames, err := x.frames(x.responses(x.compose()))
	if err != nil { // a value that JSON cannot hold would be a bug here
		x.refuse("internal", errInternal())
		return
	}
	if !x.send(frames) || x.edits.failed {
		return
	}
	x.answered()
	if !x.edits.passing { // an answer that such a fault has spoiled must not begin its count again
		s.tries.forget(triesKey(x.sum, x.body))
	}
}

// countTokens answers countTokens.
func (x *exchange) countTokens() {
	root, e := decode(x.body, countFields)
	if e != nil {
		x.refuse("invalid", e)
		return
	}
	if inner, ok := root["generateContentRequest"].(map[string]any); ok {
		if root["contents"] != nil {
			x.refuse("invalid", invalid("* CountTokensRequest: only one of contents and generate_content_request may be set.\n"))
			return
		}
		root = inner
	}
	q, e := parse(root)
	if e == nil && len(q.contents) == 0 {
		e = invalid("* CountTokensRequest.contents: contents is not specified\n")
	}
	if e != nil {
		x.refuse("invalid", e)
		return
	}
	if e := x.resolveFiles(q); e != nil {
		x.refuse("file", e)
		return
	}
	details := q.countPrompt(&x.model)
	x.writeJSON(http.StatusOK, struct {
		Total   int            `json:"totalTokens"`
		Details []tokensDetail `json:"promptTokensDetails,omitempty"`
	}{sumTokens(details), details})
}

// sleep waits, and reports whether the caller is still there.
func (x *exchange) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// refuse counts and sends an error.
func (x *exchange) refuse(reason string, e *apiError) {
	x.s.stats.refused.add(reason)
	x.fail(e)
}

// fail sends an error in the shape of the dialect and of the call: a stream
// without alt=sse is an array, of one error here.
func (x *exchange) fail(e *apiError) {
	body := any(e.body(x.s.config.Dialect, x.id()))
	if x.stream && !x.sse {
		body = []any{body}
	}
	x.writeJSON(e.http, body)
}

func (x *exchange) writeJSON(status int, v any) {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}`)
	}
	x.writeBody(status, "application/json; charset=UTF-8", b.Bytes())
}

func (x *exchange) writeBody(status int, contentType string, body []byte) {
	x.w.Header().Set("Content-Type", contentType)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // a caller who left needs no answer
}

// unknownPath answers a path that is not part of the API: a page for Google, an
// error for gateways.
func (x *exchange) unknownPath() {
	x.s.stats.refused.add("path")
	if x.s.config.Dialect.gateway() {
		x.writeJSON(http.StatusNotFound, errorBody{newAPIError{
			"Invalid URL (" + x.r.Method + " " + x.r.URL.Path + ")", "invalid_request_error", "", ""}})
		return
	}
	x.writeBody(http.StatusNotFound, "text/html; charset=UTF-8", []byte(htmlPage(http.StatusNotFound, "Error 404 (Not Found)!!1")))
}
