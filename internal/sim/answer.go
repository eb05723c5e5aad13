package sim

import (
	"math"
	"slices"
	"strings"
)

// A reply is what the model says, before it is put into a dialect's shape.
type reply struct {
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
}

// echoLimit is the longest echo, in bytes.
const echoLimit = 400

// answer computes the text that a model would give, and how sure it is.
func (q *apiRequest) answer(p prompt, sets *classifiers) (text string, confidence float64) {
	switch {
	case q.mime == "text/x.enum":
		g := newGenerator(q.schema, p, sets)
		o, _ := q.schema.(map[string]any)
		description, _ := o["description"].(string)
		text = g.label(enumOf(q.schema), description)
		return text, g.confidence
	case q.schema != nil:
		g := newGenerator(q.schema, p, sets)
		g.value(q.schema, "", 0)
		return string(g.buf), g.confidence
	case q.mime == "application/json":
		g := newGenerator(nil, p, sets)
		g.buf = append(g.buf, `{"answer":`...)
		g.literal(clip(p.user, echoLimit))
		return string(append(g.buf, '}')), 0.9
	case p.summaryAsked():
		if s := summarize(p.subject(), p.sentences()); s != "" {
			return s, 0.9
		}
	}
	return strings.TrimSpace(clip(strings.TrimSpace(p.user), echoLimit)), 0.9
}

// compose makes the reply to a request, with its usage.
func (x *exchange) compose() *reply {
	q, e := x.q, &x.edits
	p := q.prompt()
	if strings.Contains(p.user, directiveMark) || strings.Contains(p.system, directiveMark) {
		p.user, p.system = stripDirectives(p.user), stripDirectives(p.system)
	}
	r := &reply{finish: "STOP", version: x.model.name}
	if e.version != "" {
		r.version = e.version
	}
	r.version += simulated
	if e.block != "" {
		r.block = e.block
		r.usage = x.usage(0, 0, &r.extras)
		return r
	}

	x.produce(r, p)
	if e.answer != nil {
		r.text, r.message = *e.answer, ""
		r.extras = extras{}
	}
	if e.edit != nil {
		r.text = e.edit(r.text)
	}
	for _, s := range q.stop {
		r.text, _, _ = strings.Cut(r.text, s)
	}

	thoughts := q.thoughts(&x.model, x.hash)
	r.limit(q, &thoughts)
	if e.finish != "" {
		r.finish, r.message = e.finish, e.message
		if strings.HasPrefix(e.finish, "IMAGE_") || e.finish == "NO_IMAGE" {
			r.extras.dropMedia()
		}
	}
	if e.unfinished {
		r.finish = ""
	}
	x.annotate(r, p)
	if e.silent {
		r.text, r.noContent = "", true
	}
	if r.noContent {
		r.extras = extras{ratings: r.extras.ratings, toolTokens: r.extras.toolTokens}
	}
	if q.includeThoughts && thoughts > 0 {
		r.thought = "**Reading the request**\n\nThe answer follows from the text by a plain rule: " + clip(strings.Join(strings.Fields(p.user), " "), 120) + "\n"
	}
	candidates := countText(r.text) + r.extras.tokens()
	for _, other := range r.extras.others {
		candidates += countText(other)
	}
	if u := x.usage(candidates, thoughts, &r.extras); !e.unmeasured {
		r.usage = u
	}
	r.signature = thoughts > 0 && (x.s.config.Dialect == GPTProto || strings.HasPrefix(x.model.name, "gemini-3") || strings.HasPrefix(x.model.name, "gemini-4") || len(r.extras.after) > 0)
	r.logprobs, _ = q.config["responseLogprobs"].(bool)
	if n, ok := number(q.config["logprobs"]); ok {
		r.top = int(min(max(n, 0), 20))
	}
	return r
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

// usage reports a call's tokens as the dialect does.
func (x *exchange) usage(candidates, thoughts int, ex *extras) *usage {
	u := &usage{
		Prompt: x.promptTokens, PromptDetails: x.promptDetails,
		Candidates: candidates, Thoughts: thoughts, Total: x.promptTokens + candidates + thoughts + ex.toolTokens,
		ToolUse: ex.toolTokens, CandidatesDetails: ex.media,
	}
	if x.edits.cached {
		u.Cached = u.Prompt * 3 / 4
	}
	x.s.stats.cachedTokens.Add(int64(u.Cached))
	if ex.toolTokens > 0 && x.s.config.Dialect != Vertex {
		u.ToolUseDetails = []tokensDetail{{"TEXT", ex.toolTokens}}
	}
	x.s.stats.promptTokens.Add(int64(u.Prompt))
	x.s.stats.candidatesTokens.Add(int64(candidates))
	x.s.stats.thoughtsTokens.Add(int64(thoughts))
	switch x.s.config.Dialect {
	case YEScale:
		u.Thoughts = 0 // dropped; the total keeps them
	case Vertex, GPTProto:
		u.TrafficType = "ON_DEMAND"
		if t := strings.ToLower(x.r.Header.Get("X-Vertex-AI-LLM-Shared-Request-Type")); t == "flex" || t == "priority" {
			u.TrafficType += "_" + strings.ToUpper(t)
		}
		if text := candidates - sumTokens(ex.media); text > 0 {
			u.CandidatesDetails = append([]tokensDetail{{"TEXT", text}}, ex.media...)
		}
	default:
		u.ServiceTier = "standard"
		if t := x.q.tierName(); t == "flex" || t == "priority" {
			u.ServiceTier = t
		}
	}
	return u
}

// The answer's JSON: https://ai.google.dev/api/generate-content#generatecontentresponse
type (
	response struct {
		Candidates []candidate     `json:"candidates,omitempty"`
		Feedback   *promptFeedback `json:"promptFeedback,omitempty"`
		Usage      *usage          `json:"usageMetadata,omitempty"`
		Version    string          `json:"modelVersion"`
		CreateTime string          `json:"createTime,omitempty"`
		ID         string          `json:"responseId"`
	}
	candidate struct {
		Content  *outContent  `json:"content,omitempty"`
		Finish   string       `json:"finishReason,omitempty"`
		Message  string       `json:"finishMessage,omitempty"`
		Index    *int         `json:"index,omitempty"` // Google says 0, Vertex AI leaves it out
		Average  *float64     `json:"avgLogprobs,omitempty"`
		Logprobs *logprobsOut `json:"logprobsResult,omitempty"`

		Ratings   []safetyRating `json:"safetyRatings,omitempty"`
		Citations *citationOut   `json:"citationMetadata,omitempty"`
		Grounding *groundingOut  `json:"groundingMetadata,omitempty"`
		URLs      *urlContextOut `json:"urlContextMetadata,omitempty"`
	}
	outContent struct {
		Parts []outPart `json:"parts,omitempty"`
		Role  string    `json:"role"`
	}
	outPart struct {
		Text      string `json:"text"`
		Thought   bool   `json:"thought,omitempty"`
		Signature string `json:"thoughtSignature,omitempty"`

		// At most one of these, and no text then.
		Call   *functionCall   `json:"functionCall,omitempty"`
		Blob   *outBlob        `json:"inlineData,omitempty"`
		Code   *executableCode `json:"executableCode,omitempty"`
		Result *codeResult     `json:"codeExecutionResult,omitempty"`
	}
	promptFeedback struct {
		BlockReason string `json:"blockReason"`
		Message     string `json:"blockReasonMessage,omitempty"`
	}
	logprobsOut struct {
		Chosen []tokenLogprob `json:"chosenCandidates"`
		Top    []topLogprobs  `json:"topCandidates,omitempty"`
	}
	topLogprobs struct {
		Candidates []tokenLogprob `json:"candidates"`
	}
	tokenLogprob struct {
		Token string  `json:"token"`
		ID    int     `json:"tokenId"`
		Log   float64 `json:"logProbability"`
	}
)

// thoughtSignature stands where the API puts an opaque blob.
const thoughtSignature = "c2ltdWxhdGVk"

// content returns the candidate's content; nil when there is none at all.
func (r *reply) content() *outContent {
	if r.noContent && r.finish != "STOP" && r.finish != "MAX_TOKENS" {
		return nil
	}
	c := &outContent{Role: "model"}
	if r.thought != "" {
		c.Parts = append(c.Parts, outPart{Text: r.thought, Thought: true})
	}
	if !r.noContent {
		c.Parts = append(c.Parts, r.extras.before...)
		if !r.extras.noText {
			p := outPart{Text: r.text}
			if r.signature {
				p.Signature = thoughtSignature
			}
			c.Parts = append(c.Parts, p)
		}
		c.Parts = append(c.Parts, r.lastParts()...)
	}
	return c
}

// lastParts are the parts after the text. The first of them is signed where no
// text is.
func (r *reply) lastParts() []outPart {
	parts := slices.Clone(r.extras.after)
	if len(parts) > 0 && r.signature && r.extras.noText {
		parts[0].Signature = thoughtSignature
	}
	return parts
}

// logprobsResult gives the first token the answer's confidence and the others
// near certainty: that is where a label is decided.
func (r *reply) logprobsResult() (average float64, out *logprobsOut) {
	out = &logprobsOut{}
	sum := 0.0
	for rest := r.text; rest != "" && len(out.Chosen) < 256; {
		token := clip(rest, min(len(rest), 4))
		if token == "" {
			token = clip(rest, 8)
		}
		if token == "" {
			break
		}
		rest = rest[len(token):]
		p := 0.9999
		if len(out.Chosen) == 0 {
			p = r.confidence
		}
		chosen := tokenLogprob{token, int(hashText(token) % 262144), math.Log(p)}
		sum += chosen.Log
		out.Chosen = append(out.Chosen, chosen)
		if r.top == 0 {
			continue
		}
		top := topLogprobs{[]tokenLogprob{chosen}}
		for i := 1; i < r.top; i++ {
			other := tokenLogprob{" " + strings.Repeat("?", i), i, math.Log((1 - p) / float64(int(1)<<i))}
			top.Candidates = append(top.Candidates, other)
		}
		out.Top = append(out.Top, top)
	}
	if len(out.Chosen) == 0 {
		return 0, nil
	}
	return sum / float64(len(out.Chosen)), out
}
