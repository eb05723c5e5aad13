package sim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

const (
	imageModel = "/v1beta/models/gemini-3.1-flash-image:generateContent"
	ttsModel   = "/v1beta/models/gemini-2.5-flash-preview-tts:generateContent"
)

// blobOf returns the answer's only image or sound.
func blobOf(t *testing.T, r answer.Response) *answer.OutBlob {
	t.Helper()
	var found *answer.OutBlob
	for _, p := range r.Candidates[0].Content.Parts {
		if p.Blob == nil {
			continue
		}
		if found != nil {
			t.Fatal("two blobs")
		}
		found = p.Blob
	}
	if found == nil {
		t.Fatalf("no blob in %+v", r.Candidates[0])
	}
	return found
}

func TestImages(t *testing.T) {
	tests := []struct {
		path, config  string
		width, height int
		tokens        int
		text          bool
	}{
		{imageModel, ``, 64, 64, 1120, true},
		{imageModel, `"responseModalities":["IMAGE"]`, 64, 64, 1120, false},
		{imageModel, `"responseModalities":["TEXT","IMAGE"],"imageConfig":{"aspectRatio":"16:9","imageSize":"4K"}`, 64, 36, 2520, true},
		{imageModel, `"imageConfig":{"aspectRatio":"1:8","imageSize":"512"}`, 8, 64, 747, true},
		{strings.Replace(imageModel, "3.1", "2.5", 1), `"imageConfig":{"aspectRatio":"9:16"}`, 36, 64, 1290, true},
	}
	for _, tt := range tests {
		r := read(t, call(New(Config{}), tt.path, ask("A red balloon", `"generationConfig":{`+tt.config+`}`)))
		b := blobOf(t, r)
		img, err := png.Decode(bytes.NewReader(b.Data))
		if err != nil || b.MIME != "image/png" {
			t.Fatalf("%v %s", err, b.MIME)
		}
		if size := img.Bounds().Size(); size.X != tt.width || size.Y != tt.height {
			t.Errorf("%s: %v, want %dx%d", tt.config, size, tt.width, tt.height)
		}
		if red, green, _, _ := img.At(tt.width/2, tt.height/2).RGBA(); red < 3*green {
			t.Errorf("%s: the balloon is not red", tt.config)
		}
		if d := r.Usage.CandidatesDetails; len(d) != 1 || d[0] != (wire.TokensDetail{Modality: "IMAGE", Tokens: tt.tokens}) || r.Usage.Candidates < tt.tokens {
			t.Errorf("%s: usage %+v", tt.config, r.Usage)
		}
		if (textOf(r) != "") != tt.text {
			t.Errorf("%s: text %q", tt.config, textOf(r))
		}
	}
}

func TestImageEditing(t *testing.T) {
	given := image.NewRGBA(image.Rect(0, 0, 10, 10))
	for i := range 100 {
		given.Set(i%10, i/10, color.RGBA{0, 0, 255, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, given); err != nil {
		t.Fatal(err)
	}
	body := `{"contents":[{"role":"user","parts":[{"text":"Put a red frame around it"},{"inlineData":{"mimeType":"image/png","data":"` + base64.StdEncoding.EncodeToString(b.Bytes()) + `"}}]}]}`
	r := read(t, call(New(Config{}), imageModel, body))
	img, err := png.Decode(bytes.NewReader(blobOf(t, r).Data))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, blue, _ := img.At(32, 32).RGBA(); blue != 0xffff {
		t.Error("the middle is not the given image's")
	}
	if red, _, blue, _ := img.At(0, 0).RGBA(); red < 3*blue {
		t.Error("the frame is not red")
	}
}

func TestSpeech(t *testing.T) {
	voice := func(name string) string {
		return `{"prebuiltVoiceConfig":{"voiceName":"` + name + `"}}`
	}
	config := func(speech string) string {
		return `"generationConfig":{"responseModalities":["AUDIO"],"speechConfig":` + speech + `}`
	}
	s := New(Config{})
	r := read(t, call(s, ttsModel, ask(strings.Repeat("word ", 40), config(`{"voiceConfig":`+voice("kore")+`}`))))
	b := blobOf(t, r)
	if b.MIME != "audio/L16;codec=pcm;rate=24000" || len(b.Data) != 2*2*24000 || len(r.Candidates[0].Content.Parts) != 1 {
		t.Errorf("%s, %d bytes", b.MIME, len(b.Data))
	}
	if u := r.Usage; u.Candidates != 50 || u.CandidatesDetails[0] != (wire.TokensDetail{Modality: "AUDIO", Tokens: 50}) {
		t.Errorf("2 seconds: %+v", u)
	}
	other := blobOf(t, read(t, call(s, ttsModel, ask(strings.Repeat("word ", 40), config(`{"voiceConfig":`+voice("Puck")+`}`)))))
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
	r = read(t, call(s, ttsModel, ask("Ann: Good morning Bob.\nBob: Good morning.", speakers("Ann", "Bob"))))
	if n := len(blobOf(t, r).Data); n != 5*2*24000/20 {
		t.Errorf("5 words: %d bytes", n)
	}
	for name, body := range map[string]string{
		"speakers must be 2":               ask("x", speakers("Ann")),
		"Voice name Nobody":                ask("x", config(`{"voiceConfig":`+voice("Nobody")+`}`)),
		"Developer instruction":            ask("x", `"systemInstruction":{"parts":[{"text":"sing"}]}`),
		"modalities (TEXT)":                ask("x", `"generationConfig":{"responseModalities":["TEXT"]}`),
		"only one of voice_config":         ask("x", config(`{"voiceConfig":`+voice("Kore")+`,"multiSpeakerVoiceConfig":{}}`)),
		`Unknown name \"loud\" at 'gener`:  ask("x", config(`{"loud":true}`)),
		"Multiple candidates":              ask("x", `"generationConfig":{"candidateCount":2}`),
		"Tool use is not supported":        ask("x", `"tools":[{"googleSearch":{}}]`),
		"Thinking is not enabled":          ask("x", `"generationConfig":{"thinkingConfig":{"thinkingBudget":5}}`),
		"JSON mode is not enabled":         ask("x", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"STRING"}}`),
		"Image generation is not enabled":  ask("x", `"generationConfig":{"imageConfig":{"imageSize":"1K"}}`),
		"Invalid value at 'generation_con": ask("x", `"generationConfig":{"responseModalities":["SMELL"]}`),
	} {
		if w := call(s, ttsModel, body); w.Code != 400 || !strings.Contains(w.Body.String(), name) {
			t.Errorf("%d %s, want %q", w.Code, w.Body, name)
		}
	}
	if w := call(s, flash, ask("x", `"generationConfig":{"responseModalities":["TEXT","IMAGE"]}`)); w.Code != 400 || !strings.Contains(w.Body.String(), "* TEXT") {
		t.Errorf("an image of a text model: %d %s", w.Code, w.Body)
	}
}

func TestImageSizeSpelling(t *testing.T) {
	for _, d := range wire.Dialects {
		path := imageModel
		if d == Vertex {
			path = "/v1beta1/publishers/google/models/gemini-3.1-flash-image:generateContent"
		}
		want := 400
		if d == GPTProto {
			want = 200
		}
		w := call(New(Config{Dialect: d}), path, ask("x", `"generationConfig":{"imageConfig":{"imageSize":"1k"}}`), "Authorization", authFor(d), "X-Goog-Api-Key", keyFor(d))
		if w.Code != want {
			t.Errorf("%s: 1k: %d %s, want %d", d, w.Code, w.Body, want)
		}
	}
}

func TestMediaFaults(t *testing.T) {
	s := New(Config{})
	for fault, parts := range map[string]string{"finish=NO_IMAGE": "1 text", "finish=IMAGE_SAFETY": "1 text", "empty": "0", "safety": "0", "answer=no": "1 text"} {
		r := read(t, call(s, imageModel, ask("A cat [[sim:"+fault+"]]", "")))
		got := "0"
		if c := r.Candidates[0].Content; c != nil && len(c.Parts) > 0 {
			got = fmt.Sprintf("%d text", len(c.Parts))
			for _, p := range c.Parts {
				if p.Blob != nil {
					got = "data"
				}
			}
		}
		if got != parts {
			t.Errorf("%s: %s, want %s", fault, got, parts)
		}
	}
	r := read(t, call(s, imageModel, ask("A cat", `"generationConfig":{"maxOutputTokens":100}`)))
	if c := r.Candidates[0]; c.Finish != "MAX_TOKENS" || r.Usage.CandidatesDetails != nil {
		t.Errorf("%+v %+v", c, r.Usage)
	}
}
