package sim

import (
	"net/http"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// generate answers generateContent and streamGenerateContent.
func (x *exchange) generate() {
	if !x.readBody() {
		return
	}
	s, d := x.server, x.server.config.Dialect
	missing, e := x.parse()
	if e != nil {
		x.refuse("invalid", e)
		return
	}
	// What is invalid counts against the quota too, so the quota comes first.
	if e := s.quotas.Admit(d, x.model.Name, wire.Sum(x.promptTokens)); e != nil {
		x.refuse("quota", e)
		return
	}
	if e := x.invalid(missing, x.stream); e != nil {
		reason := "invalid"
		if e == missing {
			reason = "file"
		}
		x.refuse(reason, e)
		return
	}

	n := s.stats.enter()
	defer s.stats.inFlight.Add(-1)
	defer func() { s.bill.Add(&x.bill) }() // however it ends, and while it is in flight
	if s.config.Concurrency > 0 && n > int64(s.config.Concurrency) {
		x.refuse("overload", wire.Overloaded())
		return
	}
	wait := s.config.Latency
	if s.config.Jitter > 0 {
		wait += time.Duration(chance.Unit(chance.Mix(x.bodyHash()^s.config.Seed)) * float64(s.config.Jitter))
	}
	if x.sleep(wait) {
		x.reply()
	}
}

// parse reads the request and counts its prompt. missing says which file it refers to that
// is not there.
func (x *exchange) parse() (missing, e *wire.Error) {
	if x.request, e = wire.ParseRequest(x.body, x.server.config.Dialect, x.server.config.OldSchemas); e != nil {
		return nil, e
	}
	missing = x.resolveFiles(x.request)
	x.promptTokens = x.request.CountPrompt(&x.model)
	return missing, nil
}

// invalid returns why the request that was read cannot be answered; nil if it can.
func (x *exchange) invalid(missing *wire.Error, stream bool) *wire.Error {
	if e := x.request.Validate(x.server.config.Dialect, &x.model, stream); e != nil {
		return e
	}
	if e := x.request.Unserved(x.server.config.Dialect, &x.model); e != nil {
		return e
	}
	if missing != nil {
		return missing
	}
	if tokens, limit := wire.Sum(x.promptTokens), x.model.InputLimit(); tokens > limit {
		return wire.Invalid("The input token count (%d) exceeds the maximum number of tokens allowed (%d).", tokens, limit)
	}
	return nil
}

// reply answers a request that is valid.
func (x *exchange) reply() {
	if x.fault() {
		return
	}
	responses := x.compose()
	frames, err := x.frames(responses)
	if err != nil { // cannot happen: JSON can hold every answer
		x.refuse("internal", wire.Internal())
		return
	}
	if !x.send(frames) {
		return
	}
	switch {
	case x.damage.short && len(frames) > 1:
		x.bill.BreakOff(responses[0].Output())
	case !x.damage.short && (x.inBatch() || x.r.Context().Err() == nil): // nobody waits for a row
		x.bill.Deliver(!x.damage.Unmeasured)
	}
	if x.damage.failed {
		return
	}
	if !x.inBatch() {
		x.answered()
	}
	for key, passing := range x.damage.tries {
		if !passing { // such a fault has spoiled the answer, so its count goes on
			x.server.tries.forget(key)
		}
	}
}

// compose makes the answer. What it costs is lost until it is sent.
func (x *exchange) compose() []answer.Response {
	r := x.turn().Reply()
	x.bill = bill.Charge{Item: r.Spent, Fate: bill.Lost}
	return r.Responses(x.id(), x.stream)
}

// turn returns what the answer depends on. The directives are left out.
func (x *exchange) turn() *answer.Turn {
	p := x.request.Prompt()
	if strings.Contains(p.User, directiveMark) || strings.Contains(p.System, directiveMark) {
		p.User, p.System = stripDirectives(p.User), stripDirectives(p.System)
	}
	pack := x.request.Pack()
	if pack != nil {
		pack.System = stripDirectives(pack.System)
		for i := range pack.Rows {
			pack.Rows[i].Text = stripDirectives(pack.Rows[i].Text)
		}
	}
	return &answer.Turn{
		Request: x.request, Prompt: p, Pack: pack, Model: &x.model, Dialect: x.server.config.Dialect, Hash: x.bodyHash(),
		PromptTokens: x.promptTokens, SharedTier: x.r.Header.Get("X-Vertex-AI-LLM-Shared-Request-Type"),
		Edits: x.damage.Edits, Packs: x.server.config.Packs, Seed: x.server.config.Seed, Classifiers: &x.server.classifiers,
	}
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
