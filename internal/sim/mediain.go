package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"net/http"
	"slices"
	"strings"
)

// mediaTypes are the types that the API reads.
// https://ai.google.dev/gemini-api/docs/file-input-methods
var mediaTypes = strings.Fields(`image/png image/jpeg image/jpg image/webp image/heic image/heif image/avif
	audio/wav audio/x-wav audio/wave audio/mp3 audio/mpeg audio/mpga audio/aiff audio/x-aiff audio/aac audio/ogg audio/opus audio/flac
	audio/x-flac audio/m4a audio/x-m4a audio/mp4 audio/webm audio/pcm audio/l16
	video/mp4 video/mpeg video/mov video/quicktime video/avi video/x-msvideo video/x-flv video/mpg video/mpegps video/webm video/wmv
	video/x-ms-wmv video/3gpp video/x-matroska
	application/pdf application/json application/rtf application/x-javascript application/x-python application/x-python-code application/xml`)

// baseType is a media type without its parameters.
func baseType(mime string) string {
	kind, _, _ := strings.Cut(strings.ToLower(mime), ";")
	return strings.TrimSpace(kind)
}

// decodeBase64 takes both alphabets, with and without padding, as Google's parser does.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "-_") {
		return base64.RawURLEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// checkMedia refuses data that is not what it is said to be.
func (q *apiRequest) checkMedia(Dialect, *model) *apiError {
	for i, c := range q.contents {
		for j, p := range c.parts {
			at := fmt.Sprintf("contents[%d].parts[%d]", i, j)
			blob, _ := p.options["inlineData"].(map[string]any)
			if blob != nil {
				text, isText := blob["data"].(string)
				switch {
				case !isText || p.data == nil && text != "":
					return errValue(at+".inline_data.data", "TYPE_BYTES", "Base64 decoding failed for "+clip(fmt.Sprintf("%q", text), 60))
				case p.mime == "":
					return invalid("* GenerateContentRequest.%s.inline_data.mime_type: mime_type must be specified\n", at)
				}
			}
			if blob == nil && p.uri == "" {
				continue
			}
			kind := baseType(p.mime)
			if kind != "" && !slices.Contains(mediaTypes, kind) && !strings.HasPrefix(kind, "text/") {
				return invalid("Unsupported MIME type: %s", p.mime)
			}
			if e := contradiction(kind, p.data, blob != nil); e != nil {
				return e
			}
		}
	}
	return nil
}

// contradiction compares a type with the beginning of the data. What is not
// recognized is believed.
func contradiction(kind string, data []byte, whole bool) *apiError {
	if len(data) == 0 && !whole {
		return nil // behind an address
	}
	sniffed := baseType(http.DetectContentType(data))
	major, _, _ := strings.Cut(sniffed, "/")
	unknown := sniffed == "application/octet-stream" && len(data) > 0
	switch {
	case strings.HasPrefix(kind, "image/"):
		if !unknown && major != "image" && !strings.HasPrefix(kind, "image/he") && kind != "image/avif" {
			return invalid("Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
		}
	case kind == "application/pdf":
		if !unknown && sniffed != kind {
			return invalid("The document has no pages.")
		}
	case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "video/"):
		if !unknown && major != "audio" && major != "video" && sniffed != "application/ogg" && kind != "audio/pcm" && kind != "audio/l16" {
			return invalid("Request contains an invalid argument.")
		}
	}
	return nil
}

// A meter of media counts a prompt's tokens by modality.
type mediaCount struct {
	old    bool // a model before Gemini 3
	level  string
	tokens map[string]int
}

// add counts one part. https://ai.google.dev/gemini-api/docs/tokens and
// https://ai.google.dev/gemini-api/docs/media-resolution
func (c *mediaCount) add(p part) {
	level := c.level
	if o, _ := p.options["mediaResolution"].(map[string]any); o != nil {
		if s, ok := o["level"].(string); ok {
			level = s
		}
	}
	level = strings.TrimPrefix(strings.ToUpper(level), "MEDIA_RESOLUTION_")
	kind := baseType(p.mime)
	switch major, _, _ := strings.Cut(kind, "/"); {
	case major == "image":
		c.tokens["IMAGE"] += c.image(p.data, level)
	case major == "audio":
		c.tokens["AUDIO"] += int(32 * seconds32(p))
	case major == "video":
		length := math.Ceil(float64(p.bytes+1) / 250000) // at 2 Mbit/s
		fps := 1.0
		meta, _ := p.options["videoMetadata"].(map[string]any)
		if n, ok := number(meta["fps"]); ok && n > 0 {
			fps = min(n, 24)
		}
		from, to := offset(meta["startOffset"], 0), offset(meta["endOffset"], length)
		length = max(min(to, length)-from, 1)
		c.tokens["VIDEO"] += int(math.Ceil(length*fps)) * c.frame(level)
		c.tokens["AUDIO"] += int(32 * length)
	case major == "text" && p.data != nil:
		c.tokens["TEXT"] += countText(string(p.data)) * max(p.bytes, 1) / max(len(p.data), 1)
	default:
		c.tokens["DOCUMENT"] += pages(p) * c.page(level)
	}
}

func (c *mediaCount) image(data []byte, level string) int {
	if !c.old {
		return map[string]int{"LOW": 280, "MEDIUM": 560, "ULTRA_HIGH": 2240}[level] + map[bool]int{true: 1120}[level != "LOW" && level != "MEDIUM" && level != "ULTRA_HIGH"]
	}
	switch level {
	case "LOW":
		return 64
	case "MEDIUM":
		return 256
	}
	info, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || info.Width <= 384 && info.Height <= 384 {
		return 258
	}
	side := float64(min(info.Width, info.Height)) / 1.5
	side = min(max(math.Floor(side), 256), 768)
	tiles := math.Ceil(float64(info.Width)/side) * math.Ceil(float64(info.Height)/side)
	return 258 * int(tiles)
}

func (c *mediaCount) frame(level string) int {
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

func (c *mediaCount) page(level string) int {
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

// seconds32 is how long a sound is: by a WAV file's own rate, else at 128 kbit/s.
func seconds32(p part) float64 {
	rate := 16000.0
	if len(p.data) > 44 && string(p.data[:4]) == "RIFF" && string(p.data[8:12]) == "WAVE" {
		if n := binary.LittleEndian.Uint32(p.data[28:]); n > 0 {
			rate = float64(n)
		}
	}
	return math.Ceil(float64(max(p.bytes, 1)) / rate)
}

// offset reads a duration as the API writes it: "10s".
func offset(v any, def float64) float64 {
	s, _ := v.(string)
	if n, ok := number(strings.TrimSuffix(s, "s")); ok && n >= 0 {
		return n
	}
	return def
}

// pages counts a PDF's pages by their objects, and guesses where these are
// compressed.
func pages(p part) int {
	n := bytes.Count(p.data, []byte("/Type /Page")) + bytes.Count(p.data, []byte("/Type/Page"))
	n -= bytes.Count(p.data, []byte("/Type /Pages")) + bytes.Count(p.data, []byte("/Type/Pages"))
	if n > 0 {
		return n
	}
	return 1 + p.bytes/50000
}
