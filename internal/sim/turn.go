package sim

import (
	"strings"
)

// A turn is a request with all that its answer depends on.
type turn struct {
	request *apiRequest
	prompt  prompt
	model   *model
	dialect Dialect
	hash    uint64         // of the request's body
	tokens  []tokensDetail // of the prompt
	shared  string         // the header by which a request chooses a tier on Vertex AI
	edits   edits
	sets    *classifiers
}

// edits are what is changed about a computed answer, to play what goes wrong.
type edits struct {
	text       *string             // instead of the computed one
	edit       func(string) string // applied to the text
	version    string              // modelVersion
	block      string              // blockReason
	finish     string              // finishReason
	message    string              // finishMessage
	silent     bool                // no text at all
	unmeasured bool                // no usageMetadata
	cached     bool                // most of the prompt was in a cache
	unfinished bool                // no finishReason
	downgraded bool                // the standard tier answers
}

// A reply is what the model says, before it is put into a dialect's shape.
type reply struct {
	dialect Dialect
	text    string
	thought string
	finish  string // finishReason
	message string // finishMessage
	block   string // promptFeedback.blockReason; there is no candidate then
	usage   *usage // nil: not reported
	version string // modelVersion

	noContent  bool    // the candidate has no text, not even an empty one
	confidence float64 // of the answer, for log probabilities
	logprobs   bool
	top        int // topCandidates
	signature  bool
	extras     extras

	spent spent
}

// spent is the tokens that an answer has cost, whatever its usage says of them.
type spent struct{ prompt, cached, candidates, thoughts int }

// simulated ends the modelVersion of every answer.
const simulated = "-simulated"

// reply makes the answer, with its usage.
func (t *turn) reply() *reply {
	q, p, e := t.request, t.prompt, &t.edits
	r := &reply{dialect: t.dialect, finish: "STOP", version: t.model.name}
	if e.version != "" {
		r.version = e.version
	}
	r.version += simulated
	if e.block != "" {
		r.block = e.block
		r.spent = t.spend(0, 0)
		r.usage = t.usage(r.spent, &r.extras)
		return r
	}

	t.produce(r)
	if e.text != nil {
		r.text, r.message = *e.text, ""
		r.extras = extras{}
	}
	if e.edit != nil {
		r.text = e.edit(r.text)
	}
	for _, s := range q.stop {
		r.text, _, _ = strings.Cut(r.text, s)
	}

	thinking := thoughts(q, t.model, t.hash)
	r.limit(q, &thinking)
	if e.finish != "" {
		r.finish, r.message = e.finish, e.message
		if strings.HasPrefix(e.finish, "IMAGE_") || e.finish == "NO_IMAGE" {
			r.extras.dropMedia()
		}
	}
	if e.unfinished {
		r.finish = ""
	}
	t.annotate(r)
	if e.silent {
		r.text, r.noContent = "", true
	}
	if r.noContent {
		r.extras = extras{ratings: r.extras.ratings, toolTokens: r.extras.toolTokens}
	}
	if q.thinking.include && thinking > 0 {
		r.thought = "**Reading the request**\n\nThe answer follows from the text by a plain rule: " + clip(strings.Join(strings.Fields(p.user), " "), 120) + "\n"
	}
	candidates := countText(r.text) + r.extras.tokens()
	for _, other := range r.extras.others {
		candidates += countText(other)
	}
	r.spent = t.spend(candidates, thinking)
	if !e.unmeasured {
		r.usage = t.usage(r.spent, &r.extras)
	}
	r.signature = thinking > 0 && (t.dialect == GPTProto || strings.HasPrefix(t.model.name, "gemini-3") || strings.HasPrefix(t.model.name, "gemini-4") || len(r.extras.after) > 0)
	r.logprobs, r.top = q.logprobs()
	return r
}

// produce makes the answer's text and everything that comes with it.
func (t *turn) produce(r *reply) {
	q, ex := t.request, &r.extras
	switch {
	case t.model.speaks():
		t.speak(ex)
		return
	case t.model.draws() && q.wants("IMAGE"):
		t.draw(r)
		return
	}
	if calls := t.calls(); len(calls) > 0 {
		ex.after, ex.noText = calls, true
		if !t.dialect.vertexShaped() {
			r.message = "Model generated function call(s)."
		}
		return
	}
	if said := functionsSaid(q); said != "" && q.schema == nil {
		r.text, r.confidence = said, 0.9
	} else {
		r.text, r.confidence = t.answer(t.prompt)
	}
	if q.tools.code {
		t.runCode(r)
	}
	for i := 1; i < q.candidates(); i++ {
		other := t.prompt
		other.seed = mix(other.seed + uint64(i))
		text, _ := t.answer(other)
		if q.schema == nil {
			text = otherWords[(i-1)%len(otherWords)] + text
		}
		ex.others = append(ex.others, text)
	}
}

// otherWords begin the further candidates of an answer that is free text.
var otherWords = []string{"In other words: ", "Put differently: ", "Or: ", "Again: ", "That is: ", "Differently said: ", "Once more: "}

// annotate adds what refers to the final text: sources, citations, ratings.
func (t *turn) annotate(r *reply) {
	q, ex := t.request, &r.extras
	if q.tools.search {
		t.search(r)
	}
	if q.tools.urls {
		t.fetch(r)
	}
	if q.schema == nil && r.text != "" && quotes(t.prompt) {
		ex.citations = citationsOf(r.text, t.dialect)
	}
	if len(q.settings) > 0 {
		blocked := false
		if ex.ratings, blocked = t.ratings(); blocked {
			r.finish, r.noContent, r.text = "SAFETY", true, ""
		}
	}
}

// limit applies maxOutputTokens, which counts the thinking too: it may leave
// nothing for the answer.
func (r *reply) limit(q *apiRequest, thoughts *int) {
	if q.maxOutput == 0 || *thoughts+countText(r.text)+r.extras.tokens() <= q.maxOutput {
		return
	}
	r.finish, r.message = "MAX_TOKENS", ""
	r.extras = extras{toolTokens: r.extras.toolTokens} // an image or a call is there as a whole or not at all
	*thoughts = min(*thoughts, q.maxOutput)
	left := q.maxOutput - *thoughts
	text := clip(r.text, 4*left)
	for countText(text) > left {
		text = clip(text, len(text)-1)
	}
	r.text, r.noContent = text, text == ""
}

// spend returns what so much of output costs, with the prompt.
func (t *turn) spend(candidates, thoughts int) spent {
	n := spent{prompt: sumTokens(t.tokens), candidates: candidates, thoughts: thoughts}
	if t.edits.cached {
		n.cached = n.prompt * 3 / 4
	}
	return n
}

// usage reports a call's tokens as the dialect does.
func (t *turn) usage(n spent, ex *extras) *usage {
	u := &usage{
		Prompt: n.prompt, PromptDetails: t.tokens, Cached: n.cached,
		Candidates: n.candidates, Thoughts: n.thoughts, Total: n.prompt + n.candidates + n.thoughts + ex.toolTokens,
		ToolUse: ex.toolTokens, CandidatesDetails: ex.media,
	}
	if ex.toolTokens > 0 && t.dialect != Vertex {
		u.ToolUseDetails = []tokensDetail{{"TEXT", ex.toolTokens}}
	}
	switch t.dialect {
	case YEScale:
		u.Thoughts = 0 // dropped; the total keeps them
	case Vertex, GPTProto:
		u.TrafficType = "ON_DEMAND"
		if s := strings.ToLower(t.shared); s == "flex" || s == "priority" {
			u.TrafficType += "_" + strings.ToUpper(s)
		}
		if text := n.candidates - sumTokens(ex.media); text > 0 {
			u.CandidatesDetails = append([]tokensDetail{{"TEXT", text}}, ex.media...)
		}
	default:
		u.ServiceTier = "standard"
		if s := t.request.tierName(); !t.edits.downgraded && (s == "flex" || s == "priority") {
			u.ServiceTier = s
		}
	}
	return u
}
