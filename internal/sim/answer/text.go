package answer

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// echoLimit is the most of a text that an answer repeats, in bytes.
const echoLimit = 400

// text returns the text of the answer to a prompt, and what was chosen in it.
func (t *Turn) text(p wire.Prompt) (text string, choices []tokens.Choice) {
	q, sets := t.Request, t.Classifiers
	switch {
	case q.MIME == "text/x.enum":
		g := newGenerator(q.Schema, p, sets)
		o, _ := q.Schema.(map[string]any)
		text = g.label(o)
		return text, []tokens.Choice{{P: g.confidence}}
	case q.Schema != nil:
		g := newGenerator(q.Schema, p, sets)
		g.whole(q.Schema)
		return string(g.buf), g.choices
	case q.MIME == "application/json":
		g := newGenerator(nil, p, sets)
		g.buf = append(g.buf, `{"answer":`...)
		g.literal(wire.Clip(p.User, echoLimit))
		return string(append(g.buf, '}')), tokens.Plain()
	}
	return prose(p), tokens.Plain()
}

// prose answers a prompt in plain text: with a summary where it asks for one, or else with its
// own text.
func prose(p wire.Prompt) string {
	if summaryAsked(p) {
		if s := summarize(subjectOf(p), sentencesAsked(p)); s != "" {
			return s
		}
	}
	return strings.TrimSpace(wire.Clip(strings.TrimSpace(p.User), echoLimit))
}
