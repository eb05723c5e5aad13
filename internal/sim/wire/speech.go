package wire

import (
	"slices"
	"strings"
)

// voices are the names of the prebuilt voices.
var voices = strings.Fields(`Achernar Achird Algenib Algieba Alnilam Aoede Autonoe Callirrhoe Charon Despina Enceladus
	Erinome Fenrir Gacrux Iapetus Kore Laomedeia Leda Orus Puck Pulcherrima Rasalgethi Sadachbia Sadaltager Schedar
	Sulafat Umbriel Vindemiatrix Zephyr Zubenelgenubi`)

// Speaks reports whether the model answers with speech.
func (m *Model) Speaks() bool { return strings.Contains(m.Name, "-tts") }

// speechFields: https://ai.google.dev/api/generate-content#SpeechConfig
var (
	voiceFields  = message{"prebuiltVoiceConfig": {"voiceName": nil}, "replicatedVoiceConfig": nil}
	speechFields = message{
		"voiceConfig": voiceFields, "languageCode": nil,
		"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": {"speaker": nil, "voiceConfig": voiceFields}},
	}
)

// A Speaker is who speaks the lines of a script that begin with the name. An only
// speaker has no name.
type Speaker struct{ Name, Voice string }

// Speakers returns who speaks the answer: one without a name, or two with names. It
// fails for a speechConfig that the API refuses.
func (q *Request) Speakers() ([]Speaker, *Error) {
	const at = "* GenerateContentRequest.generation_config.speech_config"
	o, _ := q.config["speechConfig"].(map[string]any)
	voice := func(o map[string]any) (string, *Error) {
		config, _ := o["voiceConfig"].(map[string]any)
		prebuilt, _ := config["prebuiltVoiceConfig"].(map[string]any)
		name, _ := prebuilt["voiceName"].(string)
		if name != "" && !slices.ContainsFunc(voices, func(v string) bool { return strings.EqualFold(v, name) }) {
			return "", Invalid("Voice name %s is not supported. Allowed voice names are: %s", name, strings.ToLower(strings.Join(voices, ", ")))
		}
		return name, nil
	}
	multi, _ := o["multiSpeakerVoiceConfig"].(map[string]any)
	if multi == nil {
		name, e := voice(o)
		return []Speaker{{"", name}}, e
	}
	if o["voiceConfig"] != nil {
		return nil, Invalid("%s: only one of voice_config and multi_speaker_voice_config may be set.\n", at)
	}
	var found []Speaker
	for _, v := range List(multi["speakerVoiceConfigs"]) {
		o, _ := v.(map[string]any)
		s := Speaker{}
		s.Name, _ = o["speaker"].(string)
		var e *Error
		if s.Voice, e = voice(o); e != nil {
			return nil, e
		}
		if s.Name == "" || s.Voice == "" {
			return nil, Invalid("%s.multi_speaker_voice_config: each speaker needs a name and a voice.\n", at)
		}
		found = append(found, s)
	}
	if len(found) != 2 {
		return nil, Invalid("%s.multi_speaker_voice_config.speaker_voice_configs: the number of speakers must be 2, and is %d.\n", at, len(found))
	}
	return found, nil
}

func (q *Request) checkSpeech(_ Dialect, m *Model) *Error {
	if m.Speaks() && len(q.system.Parts) > 0 {
		return Invalid("Developer instruction is not enabled for models/%s", m.Name)
	}
	if m.Speaks() && q.Schema != nil {
		return Invalid("JSON mode is not enabled for models/%s", m.Name)
	}
	if q.config["speechConfig"] == nil {
		return nil
	}
	if !m.Speaks() {
		return Invalid("Speech config is not supported for models/%s.", m.Name)
	}
	_, e := q.Speakers()
	return e
}
