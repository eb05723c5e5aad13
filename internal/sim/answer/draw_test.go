package answer

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// blobOf returns the answer's only image or sound.
func blobOf(t *testing.T, r Response) *blob {
	t.Helper()
	var found *blob
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
		model, config string
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
		r := answerTo(t, new(Classifiers), tt.model, ask("A red balloon", `"generationConfig":{`+tt.config+`}`))
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
	r := answerTo(t, new(Classifiers), imageModel, body)
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
