package answer

import (
	"slices"
	"time"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// The text of a streamed answer comes in at most so many pieces. Each but the last has
// at least pieceSize bytes.
const (
	pieces    = 8
	pieceSize = 24
)

// Responses puts the reply into the shape of its dialect: one response, or with stream
// the events of a stream. The usage of an event counts all that came before it too. id
// becomes the responseId.
func (r *Reply) Responses(id string, stream bool) []Response {
	d := r.dialect
	base := Response{Version: r.version, ID: id, Usage: r.usage}
	if d.VertexShaped() {
		base.CreateTime = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if r.block != "" {
		base.Feedback = &promptFeedback{BlockReason: r.block}
		if d == wire.Vertex {
			base.Feedback.Message = "The prompt was blocked."
		}
		return []Response{base}
	}
	ex := &r.extras
	c := candidate{Content: r.content(), Finish: r.finish, Message: r.message,
		Ratings: ex.ratings, Citations: ex.citations, Grounding: ex.grounding, URLs: ex.urls}
	if !d.VertexShaped() {
		c.Index = new(0)
	}
	if asked := r.logprobs.Asked; !r.noLogprobs && (asked || d == wire.Vertex) {
		average, result := r.logprobs.Of(r.text)
		if result != nil {
			c.Average = &average
		}
		if asked {
			c.Logprobs = result
		}
	}
	if !stream || r.noContent {
		base.Candidates = append([]candidate{c}, r.others()...)
		return []Response{base}
	}
	events := split(base, c, r)
	for _, other := range r.others() {
		e := base
		e.Candidates = []candidate{other}
		events = append(events, e)
		// The usage is complete in the last event only.
		events[len(events)-2].Usage = nil
	}
	return events
}

// Output returns how many tokens of output the usage reports.
func (r *Response) Output() int {
	if r.Usage == nil {
		return 0
	}
	return r.Usage.Candidates
}

// others returns the candidates after the first.
func (r *Reply) others() []candidate {
	if r.noContent {
		return nil
	}
	var found []candidate
	for i, text := range r.extras.otherTexts {
		found = append(found, candidate{
			Content: &content{Role: "model", Parts: []part{{Text: text}}},
			Finish:  "STOP", Index: new(i + 1), Ratings: r.extras.ratings,
		})
	}
	return found
}

// split makes the events of a stream out of one response. The thought comes first, then
// the text in pieces. What is about the whole answer comes with the last event.
func split(base Response, c candidate, r *Reply) []Response {
	var events []Response
	add := func(p part, candidates int) {
		e := base
		e.Candidates = []candidate{{Index: c.Index, Content: &content{Role: "model", Parts: []part{p}}}}
		if base.Usage != nil {
			u := *base.Usage
			u.Candidates, u.CandidatesDetails = candidates, nil
			u.Total -= base.Usage.Candidates - candidates
			e.Usage = &u
		}
		events = append(events, e)
	}
	if r.thought != "" {
		add(part{Text: r.thought, Thought: true}, 0)
	}
	for _, p := range r.extras.before {
		add(p, 0)
	}
	size := max(len(r.text)/pieces+1, pieceSize)
	sent := ""
	for rest := r.text; !r.extras.noText && (rest != "" || sent == ""); {
		p := wire.Clip(rest, size)
		if p == "" {
			p = rest // its only character is longer than a piece
		}
		rest = rest[len(p):]
		sent += p
		out := part{Text: p}
		if rest == "" && r.signature {
			out.Signature = thoughtSignature
		}
		add(out, wire.CountText(sent))
		if rest == "" {
			break
		}
	}
	for _, p := range r.lastParts() {
		add(p, wire.CountText(sent))
	}
	last := &events[len(events)-1]
	c.Content = last.Candidates[0].Content
	last.Candidates[0], last.Usage = c, base.Usage
	return events
}

// content returns the content of the candidate. It is nil where the API sends none,
// which it does for most finish reasons without text.
func (r *Reply) content() *content {
	if r.noContent && r.finish != "STOP" && r.finish != "MAX_TOKENS" {
		return nil
	}
	c := &content{Role: "model"}
	if r.thought != "" {
		c.Parts = append(c.Parts, part{Text: r.thought, Thought: true})
	}
	if !r.noContent {
		c.Parts = append(c.Parts, r.extras.before...)
		if !r.extras.noText {
			p := part{Text: r.text}
			if r.signature {
				p.Signature = thoughtSignature
			}
			c.Parts = append(c.Parts, p)
		}
		c.Parts = append(c.Parts, r.lastParts()...)
	}
	return c
}

// lastParts returns the parts after the text. Without a text, the first of them has the
// signature.
func (r *Reply) lastParts() []part {
	parts := slices.Clone(r.extras.after)
	if len(parts) > 0 && r.signature && r.extras.noText {
		parts[0].Signature = thoughtSignature
	}
	return parts
}
