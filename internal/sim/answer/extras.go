package answer

import (
	"slices"

	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// extras are what an answer has besides its text.
type extras struct {
	before []part // parts before the text: code and its output
	after  []part // parts after it: function calls, images, sound
	noText bool   // there is no text part

	grounding *groundingMetadata
	urls      *urlContextMetadata
	citations *citationMetadata
	ratings   []safetyRating

	toolTokens int                 // that tools have added to the prompt
	media      []wire.TokensDetail // of the output that is not text
	otherTexts []string            // of the candidates after the first
}

// tokens counts the extras as output.
func (e *extras) tokens() int {
	n := wire.Sum(e.media)
	for _, p := range append(e.before[:len(e.before):len(e.before)], e.after...) {
		switch {
		case p.Call != nil:
			n += wire.CountText(p.Call.Name) + wire.CountText(string(p.Call.Args)) + 2
		case p.Code != nil:
			n += wire.CountText(p.Code.Code) + 2
		case p.Result != nil:
			n += wire.CountText(p.Result.Output) + 2
		}
	}
	return n
}

// spend adds what the extras cost besides output tokens, and says what of those is no text.
func (e *extras) spend(n *bill.Item) {
	n.Tool = int64(e.toolTokens)
	for _, d := range e.media {
		n.SplitOutput(d.Modality, d.Tokens)
	}
	if e.grounding != nil && len(e.grounding.Queries) > 0 {
		n.Searches, n.Grounded = int64(len(e.grounding.Queries)), 1
	}
}

// dropMedia removes the images and the sound.
func (e *extras) dropMedia() {
	e.after = slices.DeleteFunc(e.after, func(p part) bool { return p.Blob != nil })
	e.media = nil
}
