package sim

import "strings"

// echoLimit is the longest echo, in bytes.
const echoLimit = 400

// answer computes the text that a model would give, and how sure it is.
func (t *turn) answer(p prompt) (text string, confidence float64) {
	q, sets := t.request, t.sets
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
	case summaryAsked(p):
		if s := summarize(subjectOf(p), sentencesOf(p)); s != "" {
			return s, 0.9
		}
	}
	return strings.TrimSpace(clip(strings.TrimSpace(p.user), echoLimit)), 0.9
}
