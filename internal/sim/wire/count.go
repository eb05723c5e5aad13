package wire

import (
	"bytes"
	"encoding/binary"
	"image"
	_ "image/gif" // for the size of an image
	_ "image/jpeg"
	_ "image/png"
	"math"
	"strings"
)

// CountPrompt counts the tokens of the request by modality. Media cost what is
// published. Where only a decoder could tell how long a sound or video is, its bytes
// decide: https://ai.google.dev/gemini-api/docs/tokens
func (q *Request) CountPrompt(m *Model) []TokensDetail {
	level, _ := q.config["mediaResolution"].(string)
	media := mediaCounter{old: m.Before3(), level: level, tokens: map[string]int{}}
	count := func(c Content) {
		for _, p := range c.Parts {
			if p.MIME == "" && p.URI == "" {
				media.tokens["TEXT"] += CountText(p.text)
			} else {
				media.add(p)
			}
		}
	}
	count(q.system)
	for _, c := range q.Contents {
		count(c)
	}
	var details []TokensDetail
	for _, modality := range [...]string{"TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT"} {
		if n := media.tokens[modality]; n > 0 {
			details = append(details, TokensDetail{modality, n})
		}
	}
	return details
}

// A mediaCounter counts the tokens of a prompt by modality.
type mediaCounter struct {
	old    bool   // a model before Gemini 3
	level  string // mediaResolution
	tokens map[string]int
}

// add counts a part that is no text. https://ai.google.dev/gemini-api/docs/tokens and
// https://ai.google.dev/gemini-api/docs/media-resolution
func (c *mediaCounter) add(p Part) {
	level := c.level
	if o, _ := p.options["mediaResolution"].(map[string]any); o != nil {
		if s, ok := o["level"].(string); ok {
			level = s
		}
	}
	level = strings.TrimPrefix(strings.ToUpper(level), "MEDIA_RESOLUTION_")
	kind := baseType(p.MIME)
	switch major, _, _ := strings.Cut(kind, "/"); {
	case major == "image":
		c.tokens["IMAGE"] += c.image(p.Data, level)
	case major == "audio":
		c.tokens["AUDIO"] += int(32 * soundSeconds(p))
	case major == "video":
		length := math.Ceil(float64(p.Size+1) / 250000) // at 2 Mbit/s
		fps := 1.0
		meta, _ := p.options["videoMetadata"].(map[string]any)
		if n, ok := Number(meta["fps"]); ok && n > 0 {
			fps = min(n, 24)
		}
		from, to := offset(meta["startOffset"], 0), offset(meta["endOffset"], length)
		length = max(min(to, length)-from, 1)
		c.tokens["VIDEO"] += int(math.Ceil(length*fps)) * c.frame(level)
		c.tokens["AUDIO"] += int(32 * length)
	case major == "text" && p.Data != nil:
		c.tokens["TEXT"] += CountText(string(p.Data)) * max(p.Size, 1) / max(len(p.Data), 1)
	default:
		c.tokens["DOCUMENT"] += pageCount(p) * c.page(level)
	}
}

// image counts an image. Models before Gemini 3 look at a large one in tiles.
func (c *mediaCounter) image(data []byte, level string) int {
	switch {
	case c.old && level == "LOW":
		return 64
	case c.old && level == "MEDIUM":
		return 256
	case c.old:
		return tiles(data) * 258
	case level == "LOW":
		return 280
	case level == "MEDIUM":
		return 560
	case level == "ULTRA_HIGH":
		return 2240
	}
	return 1120
}

// tiles returns in how many tiles an image is looked at. One that cannot be read, or
// is small, is a single tile.
func tiles(data []byte) int {
	info, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || info.Width <= 384 && info.Height <= 384 {
		return 1
	}
	side := float64(min(info.Width, info.Height)) / 1.5
	side = min(max(math.Floor(side), 256), 768)
	return int(math.Ceil(float64(info.Width)/side) * math.Ceil(float64(info.Height)/side))
}

// frame returns what a frame of a video costs.
func (c *mediaCounter) frame(level string) int {
	switch {
	case c.old && level == "LOW":
		return 66
	case c.old:
		return 258
	case level == "HIGH":
		return 280
	}
	return 70
}

// page returns what a page of a document costs.
func (c *mediaCounter) page(level string) int {
	switch {
	case c.old:
		return 258
	case level == "LOW":
		return 280
	case level == "HIGH":
		return 1120
	}
	return 560
}

// soundSeconds returns how long a sound is. A WAV file tells its rate; any other is
// taken to have 128 kbit/s.
func soundSeconds(p Part) float64 {
	rate := 16000.0
	if len(p.Data) > 44 && string(p.Data[:4]) == "RIFF" && string(p.Data[8:12]) == "WAVE" {
		if n := binary.LittleEndian.Uint32(p.Data[28:]); n > 0 {
			rate = float64(n)
		}
	}
	return math.Ceil(float64(max(p.Size, 1)) / rate)
}

// offset reads a duration as the API writes it: "10s".
func offset(v any, def float64) float64 {
	s, _ := v.(string)
	if n, ok := Number(strings.TrimSuffix(s, "s")); ok && n >= 0 {
		return n
	}
	return def
}

// pageCount counts the pages of a PDF by their objects. Where these are compressed it
// goes by the size.
func pageCount(p Part) int {
	n := bytes.Count(p.Data, []byte("/Type /Page")) + bytes.Count(p.Data, []byte("/Type/Page"))
	n -= bytes.Count(p.Data, []byte("/Type /Pages")) + bytes.Count(p.Data, []byte("/Type/Pages"))
	if n > 0 {
		return n
	}
	return 1 + p.Size/50000
}

// A Usage is the usageMetadata of an answer.
type Usage struct {
	Prompt            int            `json:"promptTokenCount,omitempty"`
	Candidates        int            `json:"candidatesTokenCount,omitempty"`
	Total             int            `json:"totalTokenCount,omitempty"`
	TrafficType       string         `json:"trafficType,omitempty"`
	PromptDetails     []TokensDetail `json:"promptTokensDetails,omitempty"`
	CandidatesDetails []TokensDetail `json:"candidatesTokensDetails,omitempty"`
	Thoughts          int            `json:"thoughtsTokenCount,omitempty"`
	ToolUse           int            `json:"toolUsePromptTokenCount,omitempty"`
	ToolUseDetails    []TokensDetail `json:"toolUsePromptTokensDetails,omitempty"`
	ServiceTier       string         `json:"serviceTier,omitempty"`
	Cached            int            `json:"cachedContentTokenCount,omitempty"`
}

// A TokensDetail counts the tokens of one modality.
type TokensDetail struct {
	Modality string `json:"modality"`
	Tokens   int    `json:"tokenCount"`
}

// Sum returns the tokens of all modalities.
func Sum(details []TokensDetail) int {
	n := 0
	for _, d := range details {
		n += d.Tokens
	}
	return n
}
