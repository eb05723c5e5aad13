package sim

// quotes reports whether the prompt asks for a quotation, which is when a model
// says what it has taken from elsewhere.
func quotes(p prompt) bool {
	for w := range words(p.system + " " + clip(p.user, 300)) {
		switch w {
		case "quote", "quotation", "cite", "citation", "citations", "recite":
			return true
		}
	}
	return false
}

// citationsOf cites the first sentence of a text.
func citationsOf(text string, d Dialect) *citationOut {
	end := len(text)
	for e := range sentenceEnds(text) {
		end = e
		break
	}
	found := []citation{{0, end, "https://example.com/source/" + token(hashText(text[:end]), 8), "CC-BY-4.0"}}
	if d.vertexShaped() {
		return &citationOut{Citations: found}
	}
	return &citationOut{Sources: found}
}
