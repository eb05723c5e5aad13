package wire

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
)

func TestMediaTokens(t *testing.T) {
	var big bytes.Buffer
	if err := png.Encode(&big, image.NewGray(image.Rect(0, 0, 960, 540))); err != nil {
		t.Fatal(err)
	}
	picture := base64.StdEncoding.EncodeToString(big.Bytes())
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 <</Type /Pages>> <</Type /Page>> <</Type/Page>> <</Type /Page>>"))
	wav := make([]byte, 44+64000) // 2 seconds at 32 kB/s
	copy(wav, "RIFF    WAVEfmt ")
	wav[29] = 0x7d // 32000
	sound := base64.StdEncoding.EncodeToString(wav)
	film := base64.StdEncoding.EncodeToString(make([]byte, 2_400_000)) // 10 seconds by its size
	tests := []struct {
		name, model, mime, data, part, config, want string
	}{
		{"tiles", flash, "image/png", picture, "", "", "IMAGE 1548"},
		{"low on 2.5", flash, "image/png", picture, "", "LOW", "IMAGE 64"},
		{"3.5", flash3, "image/png", picture, "", "", "IMAGE 1120"},
		{"low", flash3, "image/png", picture, "", "LOW", "IMAGE 280"},
		{"of the part", flash3, "image/png", picture, `,"mediaResolution":{"level":"MEDIA_RESOLUTION_ULTRA_HIGH"}`, "LOW", "IMAGE 2240"},
		{"pages", flash, "application/pdf", pdf, "", "", "DOCUMENT 774"},
		{"pages on 3.5", flash3, "application/pdf", pdf, "", "", "DOCUMENT 1680"},
		{"sound", flash, "audio/wav", sound, "", "", "AUDIO 96"}, // 44 bytes into the third second
		{"film", flash, "video/mp4", film, "", "", "AUDIO 320 VIDEO 2580"},
		{"film on 3.5", flash3, "video/mp4", film, "", "", "AUDIO 320 VIDEO 700"},
		{"clip", flash3, "video/mp4", film, `,"videoMetadata":{"startOffset":"2s","endOffset":"6s","fps":2}`, "", "AUDIO 128 VIDEO 560"},
		{"words", flash, "text/plain", base64.StdEncoding.EncodeToString([]byte("12345678")), "", "", "TEXT 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := ""
			if tt.config != "" {
				config = `,"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_` + tt.config + `"}`
			}
			q, e := check(t, Google, tt.model, `{"contents":[{"parts":[{"inlineData":{"mimeType":"`+tt.mime+`","data":"`+tt.data+`"}`+tt.part+`}]}]`+config+`}`)
			if e != nil {
				t.Fatal(e.message)
			}
			m, _ := FindModel(Google, tt.model)
			var got []string
			for _, d := range q.CountPrompt(&m) {
				got = append(got, fmt.Sprintf("%s %d", d.Modality, d.Tokens))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}
