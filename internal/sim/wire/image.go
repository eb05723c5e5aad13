package wire

import (
	"fmt"
	"slices"
	"strings"
)

// aspects are the aspect ratios, width before height. Models before 3.1 know the
// first oldAspects of them.
var aspects = [][2]int{{1, 1}, {2, 3}, {3, 2}, {3, 4}, {4, 3}, {4, 5}, {5, 4}, {9, 16}, {16, 9}, {21, 9}, {1, 4}, {4, 1}, {1, 8}, {8, 1}}

const oldAspects = 10

// Draws reports whether the model answers with images.
func (m *Model) Draws() bool { return strings.Contains(m.Name, "-image") }

// ImageTokens returns what an image of a size costs, such as "2K".
// https://ai.google.dev/gemini-api/docs/pricing
func (m *Model) ImageTokens(size string) int {
	pro := strings.Contains(m.Name, "-pro-")
	switch {
	case m.Before3():
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

// An ImageConfig is the shape of an image that a request asks for.
type ImageConfig struct {
	Ratio [2]int // width and height
	Size  string // "512", "1K", "2K" or "4K"
}

// ImageConfig returns the request's imageConfig, with its defaults, or why the model
// refuses it.
func (q *Request) ImageConfig(d Dialect, m *Model) (c ImageConfig, e *Error) {
	c = ImageConfig{Ratio: aspects[0], Size: "1K"}
	o, _ := q.config["imageConfig"].(map[string]any)
	if v, ok := o["aspectRatio"].(string); ok && v != "" {
		known := aspects
		if m.Before3() || strings.HasPrefix(m.Name, "gemini-3-") {
			known = aspects[:oldAspects]
		}
		at := slices.IndexFunc(known, func(a [2]int) bool { return fmt.Sprintf("%d:%d", a[0], a[1]) == v })
		if at < 0 {
			var names []string
			for _, a := range known {
				names = append(names, fmt.Sprintf("'%d:%d'", a[0], a[1]))
			}
			return c, Invalid("* GenerateContentRequest.generation_config.image_config.aspect_ratio: aspect_ratio must be one of %s.\n", strings.Join(names, ", "))
		}
		c.Ratio = known[at]
	}
	if v, ok := o["imageSize"].(string); ok && v != "" {
		c.Size = v
		if d == GPTProto { // whose own documents write 1k, 2k, 4k
			c.Size = strings.ToUpper(v)
		}
		if !slices.Contains([]string{"512", "1K", "2K", "4K"}, c.Size) {
			return c, Invalid("* GenerateContentRequest.generation_config.image_config.image_size: image_size must be one of '512', '1K', '2K', '4K'.\n")
		}
	}
	return c, nil
}

// checkModalities refuses what the model cannot answer with.
func (q *Request) checkModalities(d Dialect, m *Model) *Error {
	accepted := "TEXT"
	switch {
	case m.Draws():
		accepted = "IMAGE, TEXT"
	case m.Speaks():
		accepted = "AUDIO"
	}
	var asked []string
	for i, v := range List(q.config["responseModalities"]) {
		name, _ := v.(string)
		name = strings.ToUpper(name)
		if !slices.Contains([]string{"TEXT", "IMAGE", "AUDIO"}, name) {
			return invalidValue(fmt.Sprintf("generation_config.response_modalities[%d]", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality", v)
		}
		asked = append(asked, name)
	}
	for _, name := range asked {
		if !strings.Contains(accepted, name) {
			return Invalid("The requested combination of response modalities (%s) is not supported by the model. models/%s accepts the following combination of response modalities:\n* %s\n", strings.Join(asked, ", "), m.Name, accepted)
		}
	}
	if q.config["imageConfig"] != nil {
		if !m.Draws() {
			return Invalid("Image generation is not enabled for models/%s.", m.Name)
		}
		if _, e := q.ImageConfig(d, m); e != nil {
			return e
		}
	}
	if m.Draws() && q.Schema != nil {
		return Invalid("JSON mode is not enabled for models/%s", m.Name)
	}
	return nil
}
