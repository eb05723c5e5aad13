package wire

import (
	"strings"
	"testing"
)

func TestSpeechRefusals(t *testing.T) {
	voice := func(name string) string {
		return `{"prebuiltVoiceConfig":{"voiceName":"` + name + `"}}`
	}
	config := func(speech string) string {
		return `"generationConfig":{"responseModalities":["AUDIO"],"speechConfig":` + speech + `}`
	}
	speakers := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `{"speaker":"`+n+`","voiceConfig":`+voice("Kore")+`}`)
		}
		return config(`{"multiSpeakerVoiceConfig":{"speakerVoiceConfigs":[` + strings.Join(list, ",") + `]}}`)
	}
	for name, body := range map[string]string{
		"speakers must be 2":               ask("x", speakers("Ann")),
		"Voice name Nobody":                ask("x", config(`{"voiceConfig":`+voice("Nobody")+`}`)),
		"Developer instruction":            ask("x", `"systemInstruction":{"parts":[{"text":"sing"}]}`),
		"modalities (TEXT)":                ask("x", `"generationConfig":{"responseModalities":["TEXT"]}`),
		"only one of voice_config":         ask("x", config(`{"voiceConfig":`+voice("Kore")+`,"multiSpeakerVoiceConfig":{}}`)),
		`Unknown name "loud" at 'gener`:    ask("x", config(`{"loud":true}`)),
		"Multiple candidates":              ask("x", `"generationConfig":{"candidateCount":2}`),
		"Tool use is not supported":        ask("x", `"tools":[{"googleSearch":{}}]`),
		"Thinking is not enabled":          ask("x", `"generationConfig":{"thinkingConfig":{"thinkingBudget":5}}`),
		"JSON mode is not enabled":         ask("x", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"STRING"}}`),
		"Image generation is not enabled":  ask("x", `"generationConfig":{"imageConfig":{"imageSize":"1K"}}`),
		"Invalid value at 'generation_con": ask("x", `"generationConfig":{"responseModalities":["SMELL"]}`),
	} {
		if _, e := check(t, Google, ttsModel, body); e == nil || e.HTTPStatus != 400 || !strings.Contains(e.message, name) {
			t.Errorf("%+v, want %q", e, name)
		}
	}
	if _, e := check(t, Google, flash, ask("x", `"generationConfig":{"responseModalities":["TEXT","IMAGE"]}`)); e == nil || e.HTTPStatus != 400 || !strings.Contains(e.message, "* TEXT") {
		t.Errorf("an image of a text model: %+v", e)
	}
}
