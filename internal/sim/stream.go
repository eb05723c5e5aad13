package sim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// pieces is how many events a streamed answer has at most, and pieceSize the
// least that one of them holds, in bytes.
const (
	pieces    = 8
	pieceSize = 24
)

// responses shapes a reply as the dialect does: one response, or the events of a
// stream, whose usage is cumulative.
func (x *exchange) responses(r *reply) []response {
	d := x.s.config.Dialect
	base := response{Version: r.version, ID: x.id(), Usage: r.usage}
	if d.vertexShaped() {
		base.CreateTime = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if r.block != "" {
		base.Feedback = &promptFeedback{BlockReason: r.block}
		if d == Vertex {
			base.Feedback.Message = "The prompt was blocked."
		}
		return []response{base}
	}
	ex := &r.extras
	c := candidate{Content: r.content(), Finish: r.finish, Message: r.message,
		Ratings: ex.ratings, Citations: ex.citations, Grounding: ex.grounding, URLs: ex.urls}
	if !d.vertexShaped() {
		c.Index = new(0)
	}
	if r.logprobs || d == Vertex {
		average, result := r.logprobsResult()
		if result != nil {
			c.Average = &average
		}
		if r.logprobs {
			c.Logprobs = result
		}
	}
	if !x.stream || r.noContent {
		base.Candidates = append([]candidate{c}, x.others(r)...)
		return []response{base}
	}
	events := split(base, c, r)
	for _, other := range x.others(r) {
		e := base
		e.Candidates = []candidate{other}
		events = append(events, e)
		// The usage is complete in the last event only.
		events[len(events)-2].Usage = nil
	}
	return events
}

// others are the candidates after the first.
func (x *exchange) others(r *reply) []candidate {
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
func split(base response, c candidate, r *reply) []response {
	var events []response
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
		p := clip(rest, size)
		if p == "" {
			p = rest // a size that ends inside the only character
		}
		rest = rest[len(p):]
		sent += p
		out := outPart{Text: p}
		if rest == "" && r.signature {
			out.Signature = thoughtSignature
		}
		add(out, countText(sent))
		if rest == "" {
			break
		}
	}
	for _, p := range r.lastParts() {
		add(p, countText(sent))
	}
	last := &events[len(events)-1]
	final := &last.Candidates[0]
	final.Finish, final.Message, final.Average, final.Logprobs = c.Finish, c.Message, c.Average, c.Logprobs
	final.Ratings, final.Citations, final.Grounding, final.URLs = c.Ratings, c.Citations, c.Grounding, c.URLs
	last.Usage = base.Usage
	return events
}

// frames renders responses as they go over the wire: one JSON object, events, or
// the pieces of an array.
func (x *exchange) frames(responses []response) ([][]byte, error) {
	var frames [][]byte
	for i, r := range responses {
		var b bytes.Buffer
		switch {
		case x.sse:
			b.WriteString("data: ")
		case x.stream && i == 0:
			b.WriteString("[")
		case x.stream:
			b.WriteString(",\r\n")
		}
		if err := encode(&b, r); err != nil {
			return nil, err
		}
		switch {
		case x.sse:
			b.WriteString("\r\n\r\n")
		case x.stream && i == len(responses)-1:
			b.WriteString("]\n")
		case x.stream:
			b.WriteString("\n")
		}
		frames = append(frames, b.Bytes())
	}
	return frames, nil
}

// encode appends v as JSON without a newline and without escaping HTML, as the
// API's own answers are.
func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

func (x *exchange) contentType() string {
	if x.sse {
		return "text/event-stream"
	}
	return "application/json; charset=UTF-8"
}

// send writes frames, slowly or cut short where a fault says so, and reports
// whether all of it was written.
func (x *exchange) send(frames [][]byte) bool {
	x.w.Header().Set("Content-Type", x.contentType())
	e := &x.edits
	switch {
	case e.cut:
		x.sendHalf(frames)
		panic(http.ErrAbortHandler) // the documented way to break a connection
	case e.short:
		x.sendHalf(frames)
		return true
	case e.drip > 0:
		return x.sendDrops(frames)
	}
	for _, f := range frames {
		if _, err := x.w.Write(f); err != nil {
			return false
		}
		if len(frames) > 1 {
			x.flush()
		}
	}
	return true
}

func (x *exchange) flush() {
	// A writer that cannot flush sends later, which is allowed.
	_ = http.NewResponseController(x.w).Flush()
}

func (x *exchange) sendHalf(frames [][]byte) {
	all := bytes.Join(frames, nil)
	n := len(all) / 2
	if x.stream && len(frames) > 1 {
		n = len(frames[0])
	}
	if _, err := x.w.Write(all[:n]); err == nil {
		x.flush()
	}
}

// drops is how many pieces a dripping answer comes in.
const drops = 20

func (x *exchange) sendDrops(frames [][]byte) bool {
	all := bytes.Join(frames, nil)
	size := len(all)/drops + 1
	for len(all) > 0 {
		n := min(size, len(all))
		if _, err := x.w.Write(all[:n]); err != nil {
			return false
		}
		x.flush()
		all = all[n:]
		if len(all) > 0 && !x.sleep(x.edits.drip) {
			return false
		}
	}
	return true
}
