package answer

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Turn is a request with all that its answer depends on.
type Turn struct {
	Request      *wire.Request
	Prompt       wire.Prompt
	Model        *wire.Model
	Dialect      wire.Dialect
	Hash         uint64              // of the request's body
	PromptTokens []wire.TokensDetail // of the prompt
	SharedTier   string              // the header by which a request chooses a tier on Vertex AI
	Edits        Edits
	Classifiers  *Classifiers
}

// Edits are what is changed about a computed answer, to play what goes wrong.
type Edits struct {
	Text       *string             // instead of the computed one
	Edit       func(string) string // applied to the text
	Version    string              // modelVersion
	Block      string              // blockReason
	Finish     string              // finishReason
	Message    string              // finishMessage
	Silent     bool                // no text at all
	Unmeasured bool                // no usageMetadata
	Cached     bool                // most of the prompt was in a cache
	Unfinished bool                // no finishReason
	Downgraded bool                // the standard tier answers
}

// A reply is what the model says, before it is put into a dialect's shape.
type reply struct {
	dialect wire.Dialect
	text    string
	thought string
	finish  string      // finishReason
	message string      // finishMessage
	block   string      // promptFeedback.blockReason; there is no candidate then
	usage   *wire.Usage // nil: not reported
	version string      // modelVersion

	noContent  bool    // the candidate has no text, not even an empty one
	confidence float64 // of the answer, for log probabilities
	logprobs   bool
	top        int // topCandidates
	signature  bool
	extras     extras

	Spent Spent
}

// Spent is the tokens that an answer has cost, whatever its usage says of them.
type Spent struct{ Prompt, Cached, Candidates, Thoughts int }

// Simulated ends the modelVersion of every answer.
const Simulated = "-simulated"

// Reply makes the answer, with its usage.
func (t *Turn) Reply() *reply {
	q, p, e := t.Request, t.Prompt, &t.Edits
	r := &reply{dialect: t.Dialect, finish: "STOP", version: t.Model.Name}
	if e.Version != "" {
		r.version = e.Version
	}
	r.version += Simulated
	if e.Block != "" {
		r.block = e.Block
		r.Spent = t.Spend(0, 0)
		r.usage = t.usage(r.Spent, &r.extras)
		return r
	}

	t.produce(r)
	if e.Text != nil {
		r.text, r.message = *e.Text, ""
		r.extras = extras{}
	}
	if e.Edit != nil {
		r.text = e.Edit(r.text)
	}
	for _, s := range q.Stop {
		r.text, _, _ = strings.Cut(r.text, s)
	}

	thinking := thoughts(q, t.Model, t.Hash)
	r.limit(q, &thinking)
	if e.Finish != "" {
		r.finish, r.message = e.Finish, e.Message
		if strings.HasPrefix(e.Finish, "IMAGE_") || e.Finish == "NO_IMAGE" {
			r.extras.dropMedia()
		}
	}
	if e.Unfinished {
		r.finish = ""
	}
	t.annotate(r)
	if e.Silent {
		r.text, r.noContent = "", true
	}
	if r.noContent {
		r.extras = extras{ratings: r.extras.ratings, toolTokens: r.extras.toolTokens}
	}
	if q.Thinking.Include && thinking > 0 {
		r.thought = "**Reading the request**\n\nThe answer follows from the text by a plain rule: " + wire.Clip(strings.Join(strings.Fields(p.User), " "), 120) + "\n"
	}
	candidates := wire.CountText(r.text) + r.extras.tokens()
	for _, other := range r.extras.others {
		candidates += wire.CountText(other)
	}
	r.Spent = t.Spend(candidates, thinking)
	if !e.Unmeasured {
		r.usage = t.usage(r.Spent, &r.extras)
	}
	r.signature = thinking > 0 && (t.Dialect == wire.GPTProto || strings.HasPrefix(t.Model.Name, "gemini-3") || strings.HasPrefix(t.Model.Name, "gemini-4") || len(r.extras.after) > 0)
	r.logprobs, r.top = q.Logprobs()
	return r
}

// produce makes the answer's text and everything that comes with it.
func (t *Turn) produce(r *reply) {
	q, ex := t.Request, &r.extras
	switch {
	case t.Model.Speaks():
		t.speak(ex)
		return
	case t.Model.Draws() && q.Wants("IMAGE"):
		t.draw(r)
		return
	}
	if calls := t.calls(); len(calls) > 0 {
		ex.after, ex.noText = calls, true
		if !t.Dialect.VertexShaped() {
			r.message = "Model generated function call(s)."
		}
		return
	}
	if said := functionsSaid(q); said != "" && q.Schema == nil {
		r.text, r.confidence = said, 0.9
	} else {
		r.text, r.confidence = t.answer(t.Prompt)
	}
	if q.Tools.Code {
		t.runCode(r)
	}
	for i := 1; i < q.Candidates(); i++ {
		other := t.Prompt
		other.Seed = chance.Mix(other.Seed + uint64(i))
		text, _ := t.answer(other)
		if q.Schema == nil {
			text = otherWords[(i-1)%len(otherWords)] + text
		}
		ex.others = append(ex.others, text)
	}
}

// otherWords begin the further candidates of an answer that is free text.
var otherWords = []string{"In other words: ", "Put differently: ", "Or: ", "Again: ", "That is: ", "Differently said: ", "Once more: "}

// annotate adds what refers to the final text: sources, citations, ratings.
func (t *Turn) annotate(r *reply) {
	q, ex := t.Request, &r.extras
	if q.Tools.Search {
		t.search(r)
	}
	if q.Tools.URLs {
		t.fetch(r)
	}
	if q.Schema == nil && r.text != "" && quotes(t.Prompt) {
		ex.citations = citationsOf(r.text, t.Dialect)
	}
	if len(q.Settings) > 0 {
		blocked := false
		if ex.ratings, blocked = t.ratings(); blocked {
			r.finish, r.noContent, r.text = "SAFETY", true, ""
		}
	}
}

// limit applies maxOutputTokens, which counts the thinking too: it may leave
// nothing for the answer.
func (r *reply) limit(q *wire.Request, thoughts *int) {
	if q.MaxOutput == 0 || *thoughts+wire.CountText(r.text)+r.extras.tokens() <= q.MaxOutput {
		return
	}
	r.finish, r.message = "MAX_TOKENS", ""
	r.extras = extras{toolTokens: r.extras.toolTokens} // an image or a call is there as a whole or not at all
	*thoughts = min(*thoughts, q.MaxOutput)
	left := q.MaxOutput - *thoughts
	text := wire.Clip(r.text, 4*left)
	for wire.CountText(text) > left {
		text = wire.Clip(text, len(text)-1)
	}
	r.text, r.noContent = text, text == ""
}

// Spend returns what so much of output costs, with the prompt.
func (t *Turn) Spend(candidates, thoughts int) Spent {
	n := Spent{Prompt: wire.Sum(t.PromptTokens), Candidates: candidates, Thoughts: thoughts}
	if t.Edits.Cached {
		n.Cached = n.Prompt * 3 / 4
	}
	return n
}

// usage reports a call's tokens as the dialect does.
func (t *Turn) usage(n Spent, ex *extras) *wire.Usage {
	u := &wire.Usage{
		Prompt: n.Prompt, PromptDetails: t.PromptTokens, Cached: n.Cached,
		Candidates: n.Candidates, Thoughts: n.Thoughts, Total: n.Prompt + n.Candidates + n.Thoughts + ex.toolTokens,
		ToolUse: ex.toolTokens, CandidatesDetails: ex.media,
	}
	if ex.toolTokens > 0 && t.Dialect != wire.Vertex {
		u.ToolUseDetails = []wire.TokensDetail{{Modality: "TEXT", Tokens: ex.toolTokens}}
	}
	switch t.Dialect {
	case wire.YEScale:
		u.Thoughts = 0 // dropped; the total keeps them
	case wire.Vertex, wire.GPTProto:
		u.TrafficType = "ON_DEMAND"
		if s := strings.ToLower(t.SharedTier); s == "flex" || s == "priority" {
			u.TrafficType += "_" + strings.ToUpper(s)
		}
		if text := n.Candidates - wire.Sum(ex.media); text > 0 {
			u.CandidatesDetails = append([]wire.TokensDetail{{Modality: "TEXT", Tokens: text}}, ex.media...)
		}
	default:
		u.ServiceTier = "standard"
		if s := t.Request.Tier(); !t.Edits.Downgraded && (s == "flex" || s == "priority") {
			u.ServiceTier = s
		}
	}
	return u
}
