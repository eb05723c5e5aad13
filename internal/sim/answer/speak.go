package answer

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// Speech has the form that the API gives it: 16-bit little-endian samples of one
// channel, without a header.
// https://ai.google.dev/gemini-api/docs/speech-generation
const (
	speechType  = "audio/L16;codec=pcm;rate=24000"
	sampleRate  = 24000
	audioTokens = 25 // a second
)

// A word takes wordTime seconds, and a speech at most speechLimit seconds. Nobody speaks
// so fast, but it keeps tests small.
const (
	wordTime    = 0.05
	speechLimit = 20.0
)

// speak answers with a tone for each line of the text. It is as high as the speaker's
// voice, and as long as the line has words.
func (t *Turn) speak(ex *extras) {
	speakers, _ := t.Request.Speakers() // checked before
	var pcm []byte
	left := speechLimit
	for line := range strings.Lines(t.Prompt.User) {
		text, voice := strings.TrimSpace(line), speakers[0].Voice
		for _, s := range speakers {
			if said, ok := strings.CutPrefix(text, s.Name+":"); ok && s.Name != "" {
				text, voice = said, s.Voice
			}
		}
		length := min(wordTime*float64(len(strings.Fields(text))), left)
		left -= length
		pcm = tone(pcm, 180+float64(chance.Hash(strings.ToLower(voice))%240), length)
	}
	if len(pcm) == 0 {
		pcm = tone(pcm, 220, wordTime)
	}
	ex.noText = true
	ex.after = []part{{Blob: &blob{speechType, pcm}}}
	ex.media = []wire.TokensDetail{{Modality: "AUDIO", Tokens: int(math.Ceil(float64(len(pcm)) / (2 * sampleRate) * audioTokens))}}
}

// tone appends a sine wave of some seconds. It rises and falls softly.
func tone(pcm []byte, hertz, length float64) []byte {
	n := int(length * sampleRate)
	const edge = sampleRate / 100
	for i := range n {
		volume := 6000 * min(1, float64(i)/edge, float64(n-1-i)/edge)
		sample := int16(volume * math.Sin(2*math.Pi*hertz*float64(i)/sampleRate))
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(sample))
	}
	return pcm
}
