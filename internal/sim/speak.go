package sim

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// The sound is what the API's speech is: 16-bit little-endian samples of one
// channel, without a header.
// https://ai.google.dev/gemini-api/docs/speech-generation
const (
	speechType  = "audio/L16;codec=pcm;rate=24000"
	sampleRate  = 24000
	audioTokens = 25 // a second
)

// A word takes wordTime seconds of sound, which is faster than anyone speaks, so
// that tests stay small; speechLimit bounds it, in seconds.
const (
	wordTime    = 0.05
	speechLimit = 20.0
)

// voices are the prebuilt ones.
var voices = strings.Fields(`Achernar Achird Algenib Algieba Alnilam Aoede Autonoe Callirrhoe Charon Despina Enceladus
	Erinome Fenrir Gacrux Iapetus Kore Laomedeia Leda Orus Puck Pulcherrima Rasalgethi Sadachbia Sadaltager Schedar
	Sulafat Umbriel Vindemiatrix Zephyr Zubenelgenubi`)

// speaks reports whether the model answers with speech.
func (m *model) speaks() bool { return strings.Contains(m.name, "-tts") }

// speechFields: https://ai.google.dev/api/generate-content#SpeechConfig
var (
	voiceFields  = message{"prebuiltVoiceConfig": {"voiceName": nil}, "replicatedVoiceConfig": nil}
	speechFields = message{
		"voiceConfig": voiceFields, "languageCode": nil,
		"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": {"speaker": nil, "voiceConfig": voiceFields}},
	}
)

// A speaker is a name in the script, and the voice for it.
type speaker struct{ name, voice string }

// speakers returns the request's voices: one without a name, or two with.
func (q *apiRequest) speakers() ([]speaker, *apiError) {
	const at = "* GenerateContentRequest.generation_config.speech_config"
	o, _ := q.config["speechConfig"].(map[string]any)
	voice := func(o map[string]any) (string, *apiError) {
		config, _ := o["voiceConfig"].(map[string]any)
		prebuilt, _ := config["prebuiltVoiceConfig"].(map[string]any)
		name, _ := prebuilt["voiceName"].(string)
		if name != "" && !slices.ContainsFunc(voices, func(v string) bool { return strings.EqualFold(v, name) }) {
			return "", invalid("Voice name %s is not supported. Allowed voice names are: %s", name, strings.ToLower(strings.Join(voices, ", ")))
		}
		return name, nil
	}
	multi, _ := o["multiSpeakerVoiceConfig"].(map[string]any)
	if multi == nil {
		name, e := voice(o)
		return []speaker{{"", name}}, e
	}
	if o["voiceConfig"] != nil {
		return nil, invalid("%s: only one of voice_config and multi_speaker_voice_config may be set.\n", at)
	}
	var found []speaker
	for _, v := range list(multi["speakerVoiceConfigs"]) {
		o, _ := v.(map[string]any)
		s := speaker{}
		s.name, _ = o["speaker"].(string)
		var e *apiError
		if s.voice, e = voice(o); e != nil {
			return nil, e
		}
		if s.name == "" || s.voice == "" {
			return nil, invalid("%s.multi_speaker_voice_config: each speaker needs a name and a voice.\n", at)
		}
		found = append(found, s)
	}
	if len(found) != 2 {
		return nil, invalid("%s.multi_speaker_voice_config.speaker_voice_configs: the number of speakers must be 2, and is %d.\n", at, len(found))
	}
	return found, nil
}

func (q *apiRequest) checkSpeech(_ Dialect, m *model) *apiError {
	if m.speaks() && len(q.system.parts) > 0 {
		return invalid("Developer instruction is not enabled for models/%s", m.name)
	}
	if m.speaks() && q.schema != nil {
		return invalid("JSON mode is not enabled for models/%s", m.name)
	}
	if q.config["speechConfig"] == nil {
		return nil
	}
	if !m.speaks() {
		return invalid("Speech config is not supported for models/%s.", m.name)
	}
	_, e := q.speakers()
	return e
}

// speak answers with a tone for each line of the text, as high as the voice of who
// says it and as long as there are words.
func (t *turn) speak(ex *extras) {
	speakers, _ := t.request.speakers() // checked before
	var pcm []byte
	left := speechLimit
	for line := range strings.Lines(t.prompt.user) {
		text, voice := strings.TrimSpace(line), speakers[0].voice
		for _, s := range speakers {
			if said, ok := strings.CutPrefix(text, s.name+":"); ok && s.name != "" {
				text, voice = said, s.voice
			}
		}
		length := min(wordTime*float64(len(strings.Fields(text))), left)
		left -= length
		pcm = tone(pcm, 180+float64(hashText(strings.ToLower(voice))%240), length)
	}
	if len(pcm) == 0 {
		pcm = tone(pcm, 220, wordTime)
	}
	ex.noText = true
	ex.after = []outPart{{Blob: &outBlob{speechType, pcm}}}
	ex.media = []tokensDetail{{"AUDIO", int(math.Ceil(float64(len(pcm)) / (2 * sampleRate) * audioTokens))}}
}

// tone appends a sine of some seconds, with a short rise and fall.
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
