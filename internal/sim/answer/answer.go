package answer

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// echoLimit is the longest echo, in bytes.
const echoLimit = 400

// answer computes the text that a model would give, and how sure it is.
func (t *Turn) answer(p wire.Prompt) (text string, confidence float64) {
	q, sets := t.Request, t.Classifiers
	switch {
	case q.MIME == "text/x.enum":
		g := newGenerator(q.Schema, p, sets)
		o, _ := q.Schema.(map[string]any)
		description, _ := o["description"].(string)
		text = g.label(wire.EnumOf(q.Schema), description)
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
		if s := summarize(subjectOf(p), sentencesOf(p)); s != "" {
			return s, 0.9
		}
	}
	return strings.TrimSpace(wire.Clip(strings.TrimSpace(p.User), echoLimit)), 0.9
}
