package answer

import (
	"slices"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// extras are what an answer has besides its text.
type extras struct {
	before []outPart // code and its output
	after  []outPart // function calls, images, sound
	noText bool      // there is no text part

	grounding *groundingOut
	urls      *urlContextOut
	citations *citationOut
	ratings   []safetyRating

	toolTokens int                 // what tools have put into the prompt
	media      []wire.TokensDetail // the output that is not text
	others     []string            // the texts of the further candidates
}

// tokens counts what the answer's extras cost as output, in each candidate.
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

// dropMedia takes out the images and the sound.
func (e *extras) dropMedia() {
	e.after = slices.DeleteFunc(e.after, func(p outPart) bool { return p.Blob != nil })
	e.media = nil
}
