package answer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

func TestSpeech(t *testing.T) {
	voice := func(name string) string {
		return `{"prebuiltVoiceConfig":{"voiceName":"` + name + `"}}`
	}
	config := func(speech string) string {
		return `"generationConfig":{"responseModalities":["AUDIO"],"speechConfig":` + speech + `}`
	}
	s := new(Classifiers)
	r := answerTo(t, s, ttsModel, ask(strings.Repeat("word ", 40), config(`{"voiceConfig":`+voice("kore")+`}`)))
	b := blobOf(t, r)
	if b.MIME != "audio/L16;codec=pcm;rate=24000" || len(b.Data) != 2*2*24000 || len(r.Candidates[0].Content.Parts) != 1 {
		t.Errorf("%s, %d bytes", b.MIME, len(b.Data))
	}
	if u := r.Usage; u.Candidates != 50 || u.CandidatesDetails[0] != (wire.TokensDetail{Modality: "AUDIO", Tokens: 50}) {
		t.Errorf("2 seconds: %+v", u)
	}
	other := blobOf(t, answerTo(t, s, ttsModel, ask(strings.Repeat("word ", 40), config(`{"voiceConfig":`+voice("Puck")+`}`))))
	if bytes.Equal(b.Data, other.Data) {
		t.Error("two voices sound the same")
	}

	speakers := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `{"speaker":"`+n+`","voiceConfig":`+voice("Kore")+`}`)
		}
		return config(`{"multiSpeakerVoiceConfig":{"speakerVoiceConfigs":[` + strings.Join(list, ",") + `]}}`)
	}
	r = answerTo(t, s, ttsModel, ask("Ann: Good morning Bob.\nBob: Good morning.", speakers("Ann", "Bob")))
	if n := len(blobOf(t, r).Data); n != 5*2*24000/20 {
		t.Errorf("5 words: %d bytes", n)
	}
}
