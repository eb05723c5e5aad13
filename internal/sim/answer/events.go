package answer

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// pieces is how many events a streamed answer has at most, and pieceSize the
// least that one of them holds, in bytes.
const (
	pieces    = 8
	pieceSize = 24
)

// Responses puts the reply into the shape of the dialect: one response, or the
// events of a stream, whose usage is cumulative.
func (r *reply) Responses(id string, stream bool) []Response {
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
	if r.logprobs || d == wire.Vertex {
		average, result := r.logprobsResult()
		if result != nil {
			c.Average = &average
		}
		if r.logprobs {
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

// others are the candidates after the first.
func (r *reply) others() []candidate {
	if r.noContent {
		return nil
	}
	var found []candidate
	for i, text := range r.extras.others {
		found = append(found, candidate{
			Content: &outContent{Role: "model", Parts: []outPart{{Text: text}}},
			Finish:  "STOP", Index: new(i + 1), Ratings: r.extras.ratings,
		})
	}
	return found
}

// split makes events of one response: the thought first, then the text in pieces;
// the last one says why it ended.
func split(base Response, c candidate, r *reply) []Response {
	var events []Response
	add := func(p outPart, candidates int) {
		e := base
		part := c
		part.Content = &outContent{Role: "model", Parts: []outPart{p}}
		part.Finish, part.Message, part.Average, part.Logprobs = "", "", nil, nil
		part.Ratings, part.Citations, part.Grounding, part.URLs = nil, nil, nil, nil
		e.Candidates = []candidate{part}
		if base.Usage != nil {
			u := *base.Usage
			u.Candidates, u.CandidatesDetails = candidates, nil
			u.Total -= base.Usage.Candidates - candidates
			e.Usage = &u
		}
		events = append(events, e)
	}
	if r.thought != "" {
		add(outPart{Text: r.thought, Thought: true}, 0)
	}
	for _, p := range r.extras.before {
		add(p, 0)
	}
	size := max(len(r.text)/pieces+1, pieceSize)
	sent := ""
	for rest := r.text; !r.extras.noText && (rest != "" || sent == ""); {
		p := wire.Clip(rest, size)
		if p == "" {
			p = rest // a size that ends inside the only character
		}
		rest = rest[len(p):]
		sent += p
		out := outPart{Text: p}
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
	final := &last.Candidates[0]
	final.Finish, final.Message, final.Average, final.Logprobs = c.Finish, c.Message, c.Average, c.Logprobs
	final.Ratings, final.Citations, final.Grounding, final.URLs = c.Ratings, c.Citations, c.Grounding, c.URLs
	last.Usage = base.Usage
	return events
}

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
		token := wire.Clip(rest, min(len(rest), 4))
		if token == "" {
			token = wire.Clip(rest, 8)
		}
		if token == "" {
			break
		}
		rest = rest[len(token):]
		p := 0.9999
		if len(out.Chosen) == 0 {
			p = r.confidence
		}
		chosen := tokenLogprob{token, int(chance.Hash(token) % 262144), math.Log(p)}
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
