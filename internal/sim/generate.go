package sim

import (
	"net/http"
	"strings"
	"time"
)

// generate answers generateContent and streamGenerateContent.
func (x *exchange) generate() {
	if !x.readBody() {
		return
	}
	s, d := x.s, x.s.config.Dialect
	var e *apiError
	if x.q, e = parseRequest(x.body, d, s.config.OldSchemas); e != nil {
		x.refuse("invalid", e)
		return
	}
	missing := x.resolveFiles(x.q)
	x.promptTokens = x.q.countPrompt(&x.model)
	tokens := sumTokens(x.promptTokens)

	// What is invalid counts against the quota too, so the quota comes first.
	if e := s.quotas.admit(d, x.model.name, tokens); e != nil {
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
	if limit := x.model.inputLimit(); tokens > limit {
		x.refuse("invalid", invalid("The input token count (%d) exceeds the maximum number of tokens allowed (%d).", tokens, limit))
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

	frames, err := x.frames(x.compose())
	if err != nil { // a value that JSON cannot hold would be a bug here
		x.refuse("internal", errInternal())
		return
	}
	if !x.send(frames) || x.faults.failed {
		return
	}
	x.answered()
	if !x.faults.passing { // an answer that such a fault has spoiled must not begin its count again
		s.tries.forget(triesKey(x.sum, x.body))
	}
}

// compose makes the answer, and counts what it has cost.
func (x *exchange) compose() []response {
	r := x.turn().reply()
	x.spend(r.spent)
	return r.responses(x.id(), x.stream)
}

// turn returns what the answer depends on. Directives are no part of it.
func (x *exchange) turn() *turn {
	p := x.q.prompt()
	if strings.Contains(p.user, directiveMark) || strings.Contains(p.system, directiveMark) {
		p.user, p.system = stripDirectives(p.user), stripDirectives(p.system)
	}
	return &turn{
		request: x.q, prompt: p, model: &x.model, dialect: x.s.config.Dialect, hash: x.hash,
		tokens: x.promptTokens, shared: x.r.Header.Get("X-Vertex-AI-LLM-Shared-Request-Type"),
		edits: x.faults.edits, sets: &x.s.sets,
	}
}

// spend counts the tokens of an answer.
func (x *exchange) spend(n spent) {
	c := &x.s.stats
	c.promptTokens.Add(int64(n.prompt))
	c.cachedTokens.Add(int64(n.cached))
	c.candidatesTokens.Add(int64(n.candidates))
	c.thoughtsTokens.Add(int64(n.thoughts))
}

// countTokens answers countTokens.
func (x *exchange) countTokens() {
	if !x.readBody() {
		return
	}
	q, e := parseCount(x.body)
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
