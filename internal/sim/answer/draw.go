package answer

import (
	"bytes"
	"image"
	"image/color"
	_ "image/gif" // for images that are to be edited
	_ "image/jpeg"
	"image/png"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// longSide is the longer side of an image, in pixels. It is enough to see something,
// and small enough for tests that draw thousands.
const longSide = 64

// draw answers with an image: an ellipse in the colour that the prompt names, or the
// image of the prompt in a frame of that colour.
func (t *Turn) draw(r *Reply) {
	p := t.Prompt
	c, _ := t.Request.ImageConfig(t.Dialect, t.Model) // checked before
	width, height := longSide, longSide
	if a := c.Ratio; a[0] > a[1] {
		height = max(longSide*a[1]/a[0], 1)
	} else {
		width = max(longSide*a[0]/a[1], 1)
	}
	given := lastImage(t.Request)
	var b bytes.Buffer
	_ = png.Encode(&b, paint(width, height, colorOf(p.User), given)) // does not fail into memory
	r.extras.after = append(r.extras.after, part{Blob: &blob{"image/png", b.Bytes()}})
	r.extras.media = []wire.TokensDetail{{Modality: "IMAGE", Tokens: t.Model.ImageTokens(c.Size)}}
	r.logprobs.Made = tokens.Plain()
	r.extras.noText = !t.Request.Wants("TEXT")
	if !r.extras.noText {
		r.text = "Here is the image: " + wire.Clip(strings.Join(strings.Fields(p.User), " "), 120)
		if given != nil {
			r.text = "Here is your image, edited: " + wire.Clip(strings.Join(strings.Fields(p.User), " "), 120)
		}
	}
}

// lastImage returns the last image of the conversation. It is nil when there is none,
// and when it cannot be read.
func lastImage(q *wire.Request) image.Image {
	for _, c := range slices.Backward(q.Contents) {
		for _, p := range slices.Backward(c.Parts) {
			if !strings.HasPrefix(p.MIME, "image/") || len(p.Data) == 0 {
				continue
			}
			// A small file may hold a huge picture.
			const pixels = 50e6
			info, _, err := image.DecodeConfig(bytes.NewReader(p.Data))
			if err != nil || float64(info.Width)*float64(info.Height) > pixels {
				return nil
			}
			img, _, err := image.Decode(bytes.NewReader(p.Data))
			if err != nil {
				return nil
			}
			return img
		}
	}
	return nil
}

// colors are the colours that a text can name.
var colors = map[string]color.RGBA{
	"red": {200, 30, 30, 255}, "green": {30, 150, 60, 255}, "blue": {30, 60, 200, 255}, "yellow": {240, 210, 40, 255},
	"orange": {240, 140, 20, 255}, "purple": {130, 40, 160, 255}, "pink": {240, 130, 180, 255}, "brown": {120, 70, 30, 255},
	"black": {0, 0, 0, 255}, "white": {255, 255, 255, 255}, "grey": {128, 128, 128, 255}, "gray": {128, 128, 128, 255},
}

// colorOf returns the first colour that a text names, or one by its hash.
func colorOf(s string) color.RGBA {
	for w := range words(wire.Clip(s, 4000)) {
		if c, ok := colors[w]; ok {
			return c
		}
	}
	h := chance.Hash(s)
	return color.RGBA{byte(h), byte(h >> 8), byte(h >> 16), 255}
}

// paint paints an ellipse, or a frame around the given image.
func paint(width, height int, c color.RGBA, given image.Image) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	background := color.RGBA{255 - c.R/4, 255 - c.G/4, 255 - c.B/4, 255}
	const frame = 4
	for y := range height {
		for x := range width {
			at := c
			inside := x >= frame && y >= frame && x < width-frame && y < height-frame
			switch {
			case given != nil && inside:
				b := given.Bounds()
				img.Set(x, y, given.At(b.Min.X+x*b.Dx()/width, b.Min.Y+y*b.Dy()/height))
				continue
			case given == nil:
				dx, dy := float64(2*x-width)/float64(width), float64(2*y-height)/float64(height)
				if dx*dx+dy*dy > 0.7 {
					at = background
				}
			}
			img.SetRGBA(x, y, at)
		}
	}
	return img
}
