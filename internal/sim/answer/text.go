package answer

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// echoLimit is the most of a text that an answer repeats, in bytes.
const echoLimit = 400

// text returns the text of the answer to a prompt, and how sure the model is of it.
func (t *Turn) text(p wire.Prompt) (text string, confidence float64) {
	q, sets := t.Request, t.Classifiers
	switch {
	case q.MIME == "text/x.enum":
		g := newGenerator(q.Schema, p, sets)
		o, _ := q.Schema.(map[string]any)
		text = g.label(o)
		return text, g.confidence
	case q.Schema != nil:
		g := newGenerator(q.Schema, p, sets)
		g.value(q.Schema, "", 0)
		return string(g.buf), g.confidence
	case q.MIME == "application/json":
		g := newGenerator(nil, p, sets)
		g.buf = append(g.buf, `{"answer":`...)
		g.literal(wire.Clip(p.User, echoLimit))
		return string(append(g.buf, '}')), 0.9
	case summaryAsked(p):
		if s := summarize(subjectOf(p), sentencesAsked(p)); s != "" {
			return s, 0.9
		}
	}
	return strings.TrimSpace(wire.Clip(strings.TrimSpace(p.User), echoLimit)), 0.9
}
