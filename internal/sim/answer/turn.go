package answer

import (
	"cmp"
	"crypto/sha256"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Turn is a request, with all that its answer depends on.
type Turn struct {
	Request *wire.Request
	Prompt  wire.Prompt // the text to answer, which may differ from the request's
	Pack    *wire.Pack  // likewise; nil unless the request is a pack
	Model   *wire.Model
	Dialect wire.Dialect

	Hash         uint64              // of the request's body; decides what looks random
	PromptTokens []wire.TokensDetail // as Request.CountPrompt returns them
	SharedTier   string              // the header that asks for a tier on Vertex AI
	Edits        Edits
	Packs        Packs
	Seed         uint64 // decides which rows Packs gets wrong
	Classifiers  *Classifiers
}

// Edits change an answer, to show what can be wrong with one. The zero value changes
// nothing.
type Edits struct {
	TextEdit              // of the whole text
	Version    string     // modelVersion
	Block      string     // blockReason; there is no answer then
	Finish     string     // finishReason
	Message    string     // finishMessage
	Silent     bool       // no text at all
	Unmeasured bool       // no usageMetadata
	NoLogprobs bool       // no log probabilities, asked for or not
	Cached     bool       // three quarters of the prompt were in a cache
	Unfinished bool       // no finishReason
	Downgraded bool       // the standard tier answers, whatever was asked
	Rows       []RowEdits // of the rows of a pack, in their order; nil for none
}

// A TextEdit changes a text. The zero value changes nothing.
type TextEdit struct {
	Text    *string             // instead of the computed one
	Rewrite func(string) string // changes the text, when not nil
}

func (e *TextEdit) apply(s string) string {
	if e.Text != nil {
		s = *e.Text
	}
	if e.Rewrite != nil {
		s = e.Rewrite(s)
	}
	return s
}

// A Reply is what the model says, before it has the shape of a dialect.
type Reply struct {
	Spent bill.Item // its usage may report less

	dialect wire.Dialect
	text    string
	thought string
	finish  string      // finishReason
	message string      // finishMessage
	block   string      // blockReason; there is no candidate then
	usage   *wire.Usage // nil when it is not reported
	version string      // modelVersion

	noContent  bool // the candidate has no text, not even an empty one
	logprobs   tokens.Logprobs
	noLogprobs bool // they are left out, asked for or not
	signature  bool // a part has a thoughtSignature
	extras     extras
	digest     *[32]byte // of a pack's answers, as long as the text has them all; nil for other texts
}

// VersionSuffix ends the modelVersion of every answer.
const VersionSuffix = "-simulated"

// Reply makes the answer of the turn.
func (t *Turn) Reply() *Reply {
	q, p, e := t.Request, t.Prompt, &t.Edits
	r := &Reply{dialect: t.Dialect, finish: "STOP", version: cmp.Or(e.Version, t.Model.Name) + VersionSuffix}
	if e.Block != "" {
		r.block = e.Block
		r.Spent = t.Spend(0, 0)
		r.usage = t.usage(&r.Spent, &r.extras)
		return r
	}

	t.produce(r)
	if e.Text != nil {
		r.message = ""
		r.extras = extras{}
	}
	r.text = e.apply(r.text)
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
	for _, other := range r.extras.otherTexts {
		candidates += wire.CountText(other)
	}
	r.Spent = t.Spend(candidates, thinking)
	r.Spent.Digest = sha256.Sum256([]byte(p.User + "\n" + r.text))
	if r.digest != nil && r.text == r.logprobs.Text {
		r.Spent.Digest = *r.digest
	}
	r.extras.spend(&r.Spent)
	if !e.Unmeasured {
		r.usage = t.usage(&r.Spent, &r.extras)
	}
	r.signature = thinking > 0 && (t.signs() || len(r.extras.after) > 0)
	r.logprobs.Asked, r.logprobs.Top = q.Logprobs()
	r.noLogprobs = e.NoLogprobs
	return r
}

// signs reports whether the thinking is signed even when the answer is just a text.
func (t *Turn) signs() bool {
	return t.Dialect == wire.GPTProto || strings.HasPrefix(t.Model.Name, "gemini-3") || strings.HasPrefix(t.Model.Name, "gemini-4")
}

// produce makes the text of the answer, and what comes with it.
func (t *Turn) produce(r *Reply) {
	q, ex := t.Request, &r.extras
	switch {
	case t.Model.Speaks():
		t.speak(ex)
		return
	case t.Model.Draws() && q.Wants("IMAGE"):
		t.draw(r)
		return
	}
	if calls := t.functionCalls(); len(calls) > 0 {
		ex.after, ex.noText = calls, true
		if !t.Dialect.VertexShaped() {
			r.message = "Model generated function call(s)."
		}
		return
	}
	said := functionResults(q)
	switch {
	case t.Pack != nil:
		a := t.packed(t.Prompt.Seed)
		r.text, r.logprobs.Made, r.digest = a.text, a.choices, &a.digest
	case said != "" && q.Schema == nil:
		r.text, r.logprobs.Made = said, tokens.Plain()
	default:
		r.text, r.logprobs.Made = t.text(t.Prompt)
	}
	r.logprobs.Text = r.text
	if q.Tools.Code {
		t.runCode(r)
	}
	for i := 1; i < q.Candidates(); i++ {
		other := t.Prompt
		other.Seed = chance.Mix(other.Seed + uint64(i))
		text, _ := t.text(other)
		if t.Pack != nil {
			text = t.packed(other.Seed).text
		} else if q.Schema == nil {
			text = otherWords[(i-1)%len(otherWords)] + text
		}
		ex.otherTexts = append(ex.otherTexts, text)
	}
}

// otherWords begin the candidates after the first, when the answer is free text.
var otherWords = []string{"In other words: ", "Put differently: ", "Or: ", "Again: ", "That is: ", "Differently said: ", "Once more: "}

// annotate adds what is about the final text: sources, citations and ratings.
func (t *Turn) annotate(r *Reply) {
	q, ex := t.Request, &r.extras
	if q.Tools.Search {
		t.search(r)
	}
	if q.Tools.URLs {
		t.fetch(r)
	}
	if q.Schema == nil && r.text != "" && asksQuotation(t.Prompt) {
		ex.citations = citationsOf(r.text, t.Dialect)
	}
	if len(q.Settings) > 0 {
		blocked := false
		if ex.ratings, blocked = t.ratings(); blocked {
			r.finish, r.noContent, r.text = "SAFETY", true, ""
		}
	}
}

// limit applies maxOutputTokens. Thinking counts too, and may leave nothing for the
// answer.
func (r *Reply) limit(q *wire.Request, thoughts *int) {
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

// Spend returns what an answer of so many tokens costs, without what its extras do.
func (t *Turn) Spend(candidates, thoughts int) bill.Item {
	n := bill.Item{Model: cmp.Or(t.Edits.Version, t.Model.Name) + VersionSuffix, Tier: t.tier()}
	n.Prompt, n.Output, n.Thoughts = int64(wire.Sum(t.PromptTokens)), int64(candidates), int64(thoughts)
	if t.Edits.Cached {
		n.Cached = n.Prompt * 3 / 4
	}
	for _, d := range t.PromptTokens {
		n.SplitPrompt(d.Modality, d.Tokens)
	}
	return n
}

// tier returns the tier that answers. Gateways know none of their own.
func (t *Turn) tier() string {
	asked := ""
	switch {
	case t.Dialect == wire.Vertex, t.Dialect == wire.GPTProto:
		asked = strings.ToLower(t.SharedTier)
	case t.Dialect == wire.Google && !t.Edits.Downgraded:
		asked = t.Request.Tier()
	}
	if asked == "flex" || asked == "priority" {
		return asked
	}
	return "standard"
}

// usage reports the tokens of an answer as the dialect does.
func (t *Turn) usage(n *bill.Item, ex *extras) *wire.Usage {
	u := &wire.Usage{
		Prompt: int(n.Prompt), PromptDetails: t.PromptTokens, Cached: int(n.Cached),
		Candidates: int(n.Output), Thoughts: int(n.Thoughts), Total: int(n.Prompt+n.Output+n.Thoughts) + ex.toolTokens,
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
		if n.Tier != "standard" {
			u.TrafficType += "_" + strings.ToUpper(n.Tier)
		}
		if text := int(n.Output) - wire.Sum(ex.media); text > 0 {
			u.CandidatesDetails = append([]wire.TokensDetail{{Modality: "TEXT", Tokens: text}}, ex.media...)
		}
	default:
		u.ServiceTier = n.Tier
	}
	return u
}
