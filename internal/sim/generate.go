package sim

import (
	"net/http"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// generate answers generateContent and streamGenerateContent.
func (x *exchange) generate() {
	if !x.readBody() {
		return
	}
	s, d := x.s, x.s.config.Dialect
	var e *wire.Error
	if x.q, e = wire.ParseRequest(x.body, d, s.config.OldSchemas); e != nil {
		x.refuse("invalid", e)
		return
	}
	missing := x.resolveFiles(x.q)
	x.promptTokens = x.q.CountPrompt(&x.model)
	tokens := wire.Sum(x.promptTokens)

	// What is invalid counts against the quota too, so the quota comes first.
	if e := s.quotas.admit(d, x.model.Name, tokens); e != nil {
		x.refuse("quota", e)
		return
	}
	if e := x.q.Validate(d, &x.model, x.stream); e != nil {
		x.refuse("invalid", e)
		return
	}
	if missing != nil {
		x.refuse("file", missing)
		return
	}
	if limit := x.model.InputLimit(); tokens > limit {
		x.refuse("invalid", wire.Invalid("The input token count (%d) exceeds the maximum number of tokens allowed (%d).", tokens, limit))
		return
	}

	n := s.stats.enter()
	defer s.stats.inFlight.Add(-1)
	if s.config.Concurrency > 0 && n > int64(s.config.Concurrency) {
		x.refuse("overload", wire.Overloaded())
		return
	}
	wait := s.config.Latency
	if s.config.Jitter > 0 {
		wait += time.Duration(chance.Unit(chance.Mix(x.hash^s.config.Seed)) * float64(s.config.Jitter))
	}
	if !x.sleep(wait) || x.fault() {
		return
	}

	frames, err := x.frames(x.compose())
	if err != nil { // a value that JSON cannot hold would be a bug here
		x.refuse("internal", wire.Internal())
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
func (x *exchange) compose() []answer.Response {
	r := x.turn().Reply()
	x.spend(r.Spent)
	return r.Responses(x.id(), x.stream)
}

// turn returns what the answer depends on. Directives are no part of it.
func (x *exchange) turn() *answer.Turn {
	p := x.q.Prompt()
	if strings.Contains(p.User, directiveMark) || strings.Contains(p.System, directiveMark) {
		p.User, p.System = stripDirectives(p.User), stripDirectives(p.System)
	}
	return &answer.Turn{
		Request: x.q, Prompt: p, Model: &x.model, Dialect: x.s.config.Dialect, Hash: x.hash,
		PromptTokens: x.promptTokens, SharedTier: x.r.Header.Get("X-Vertex-AI-LLM-Shared-Request-Type"),
		Edits: x.faults.edits, Classifiers: &x.s.sets,
	}
}

// spend counts the tokens of an answer.
func (x *exchange) spend(n answer.Spent) {
	c := &x.s.stats
	c.promptTokens.Add(int64(n.Prompt))
	c.cachedTokens.Add(int64(n.Cached))
	c.candidatesTokens.Add(int64(n.Candidates))
	c.thoughtsTokens.Add(int64(n.Thoughts))
}

// countTokens answers countTokens.
func (x *exchange) countTokens() {
	if !x.readBody() {
		return
	}
	q, e := wire.ParseCount(x.body)
	if e != nil {
		x.refuse("invalid", e)
		return
	}
	if e := x.resolveFiles(q); e != nil {
		x.refuse("file", e)
		return
	}
	details := q.CountPrompt(&x.model)
	x.writeJSON(http.StatusOK, struct {
		Total   int                 `json:"totalTokens"`
		Details []wire.TokensDetail `json:"promptTokensDetails,omitempty"`
	}{wire.Sum(details), details})
}
