package answer

import (
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// asksQuotation reports whether the prompt asks for a quotation. Only then does a model
// say what it has taken from elsewhere.
func asksQuotation(p wire.Prompt) bool {
	for w := range words(p.System + " " + wire.Clip(p.User, 300)) {
		switch w {
		case "quote", "quotation", "cite", "citation", "citations", "recite":
			return true
		}
	}
	return false
}

// citationsOf cites the first sentence of a text.
func citationsOf(text string, d wire.Dialect) *citationMetadata {
	end := len(text)
	for e := range sentenceEnds(text) {
		end = e
		break
	}
	found := []citation{{0, end, "https://example.com/source/" + chance.Name(chance.Hash(text[:end]), 8), "CC-BY-4.0"}}
	if d.VertexShaped() {
		return &citationMetadata{Citations: found}
	}
	return &citationMetadata{Sources: found}
}
