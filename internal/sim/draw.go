package sim

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // for images that are to be edited
	_ "image/jpeg"
	"image/png"
	"slices"
	"strings"
)

// longSide is the longer side of a drawn image in pixels: enough to be looked at,
// and small enough for tests of thousands.
const longSide = 64

// aspects are the aspect ratios, width before height. The last four are for models
// since 3.1.
var aspects = [][2]int{{1, 1}, {2, 3}, {3, 2}, {3, 4}, {4, 3}, {4, 5}, {5, 4}, {9, 16}, {16, 9}, {21, 9}, {1, 4}, {4, 1}, {1, 8}, {8, 1}}

const oldAspects = 10

// draws reports whether the model answers with images.
func (m *model) draws() bool { return strings.Contains(m.name, "-image") }

// imageTokens is what an image of a size costs.
// https://ai.google.dev/gemini-api/docs/pricing
func (m *model) imageTokens(size string) int {
	pro := strings.Contains(m.name, "-pro-")
	switch {
	case strings.HasPrefix(m.name, "gemini-2"):
		return 1290
	case size == "512":
		return 747
	case size == "2K" && !pro:
		return 1680
	case size == "4K" && pro:
		return 2000
	case size == "4K":
		return 2520
	}
	return 1120
}

// An imageConfig is the request's, with its defaults.
type imageConfig struct {
	ratio [2]int
	size  string // upper case
}

func (q *apiRequest) imageConfig(d Dialect, m *model) (c imageConfig, e *apiError) {
	c = imageConfig{ratio: aspects[0], size: "1K"}
	o, _ := q.config["imageConfig"].(map[string]any)
	if v, ok := o["aspectRatio"].(string); ok && v != "" {
		known := aspects
		if strings.HasPrefix(m.name, "gemini-2") || strings.HasPrefix(m.name, "gemini-3-") {
			known = aspects[:oldAspects]
		}
		at := slices.IndexFunc(known, func(a [2]int) bool { return fmt.Sprintf("%d:%d", a[0], a[1]) == v })
		if at < 0 {
			var names []string
			for _, a := range known {
				names = append(names, fmt.Sprintf("'%d:%d'", a[0], a[1]))
			}
			return c, invalid("* GenerateContentRequest.generation_config.image_config.aspect_ratio: aspect_ratio must be one of %s.\n", strings.Join(names, ", "))
		}
		c.ratio = known[at]
	}
	if v, ok := o["imageSize"].(string); ok && v != "" {
		c.size = v
		if d == GPTProto { // whose own documents write 1k, 2k, 4k
			c.size = strings.ToUpper(v)
		}
		if !slices.Contains([]string{"512", "1K", "2K", "4K"}, c.size) {
			return c, invalid("* GenerateContentRequest.generation_config.image_config.image_size: image_size must be one of '512', '1K', '2K', '4K'.\n")
		}
	}
	return c, nil
}

// checkModalities refuses what the model cannot answer with.
func (q *apiRequest) checkModalities(d Dialect, m *model) *apiError {
	accepted := "TEXT"
	switch {
	case m.draws():
		accepted = "IMAGE, TEXT"
	case m.speaks():
		accepted = "AUDIO"
	}
	var asked []string
	for i, v := range list(q.config["responseModalities"]) {
		name, _ := v.(string)
		name = strings.ToUpper(name)
		if !slices.Contains([]string{"TEXT", "IMAGE", "AUDIO"}, name) {
			return errValue(fmt.Sprintf("generation_config.response_modalities[%d]", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality", v)
		}
		asked = append(asked, name)
	}
	for _, name := range asked {
		if !strings.Contains(accepted, name) {
			return invalid("The requested combination of response modalities (%s) is not supported by the model. models/%s accepts the following combination of response modalities:\n* %s\n", strings.Join(asked, ", "), m.name, accepted)
		}
	}
	if q.config["imageConfig"] != nil {
		if !m.draws() {
			return invalid("Image generation is not enabled for models/%s.", m.name)
		}
		if _, e := q.imageConfig(d, m); e != nil {
			return e
		}
	}
	if m.draws() && q.schema != nil {
		return invalid("JSON mode is not enabled for models/%s", m.name)
	}
	return nil
}

// draw answers with an image: an ellipse in the prompt's colours, or the prompt's
// own image in a frame of that colour.
func (t *turn) draw(r *reply) {
	p := t.prompt
	c, _ := t.request.imageConfig(t.dialect, t.model) // checked before
	width, height := longSide, longSide
	if a := c.ratio; a[0] > a[1] {
		height = max(longSide*a[1]/a[0], 1)
	} else {
		width = max(longSide*a[0]/a[1], 1)
	}
	given := lastImage(t.request)
	var b bytes.Buffer
	_ = png.Encode(&b, paint(width, height, colorOf(p.user), given)) // does not fail into memory
	r.extras.after = append(r.extras.after, outPart{Blob: &outBlob{"image/png", b.Bytes()}})
	r.extras.media = []tokensDetail{{"IMAGE", t.model.imageTokens(c.size)}}
	r.confidence = 0.9
	r.extras.noText = !t.request.wants("TEXT")
	if !r.extras.noText {
		r.text = "Here is the image: " + clip(strings.Join(strings.Fields(p.user), " "), 120)
		if given != nil {
			r.text = "Here is your image, edited: " + clip(strings.Join(strings.Fields(p.user), " "), 120)
		}
	}
}

// lastImage returns the image that the conversation ends with; nil for none, and
// for one in a format that is not read here.
func lastImage(q *apiRequest) image.Image {
	for _, c := range slices.Backward(q.contents) {
		for _, p := range slices.Backward(c.parts) {
			if !strings.HasPrefix(p.mime, "image/") || len(p.data) == 0 {
				continue
			}
			// A small file may hold a huge picture.
			const pixels = 50e6
			info, _, err := image.DecodeConfig(bytes.NewReader(p.data))
			if err != nil || float64(info.Width)*float64(info.Height) > pixels {
				return nil
			}
			img, _, err := image.Decode(bytes.NewReader(p.data))
			if err != nil {
				return nil
			}
			return img
		}
	}
	return nil
}

var colors = map[string]color.RGBA{
	"red": {200, 30, 30, 255}, "green": {30, 150, 60, 255}, "blue": {30, 60, 200, 255}, "yellow": {240, 210, 40, 255},
	"orange": {240, 140, 20, 255}, "purple": {130, 40, 160, 255}, "pink": {240, 130, 180, 255}, "brown": {120, 70, 30, 255},
	"black": {0, 0, 0, 255}, "white": {255, 255, 255, 255}, "grey": {128, 128, 128, 255}, "gray": {128, 128, 128, 255},
}

// colorOf is the first colour that a text names, or one by its hash.
func colorOf(s string) color.RGBA {
	for w := range words(clip(s, 4000)) {
		if c, ok := colors[w]; ok {
			return c
		}
	}
	h := hashText(s)
	return color.RGBA{byte(h), byte(h >> 8), byte(h >> 16), 255}
}

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
