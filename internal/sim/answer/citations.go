package answer

import (
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// quotes reports whether the prompt asks for a quotation, which is when a model
// says what it has taken from elsewhere.
func quotes(p wire.Prompt) bool {
	for w := range words(p.System + " " + wire.Clip(p.User, 300)) {
		switch w {
		case "quote", "quotation", "cite", "citation", "citations", "recite":
			return true
		}
	}
	return false
}

// citationsOf cites the first sentence of a text.
func citationsOf(text string, d wire.Dialect) *citationOut {
	end := len(text)
	for e := range sentenceEnds(text) {
		end = e
		break
	}
	found := []citation{{0, end, "https://example.com/source/" + chance.Name(chance.Hash(text[:end]), 8), "CC-BY-4.0"}}
	if d.VertexShaped() {
		return &citationOut{Citations: found}
	}
	return &citationOut{Sources: found}
}
