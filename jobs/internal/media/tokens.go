package media

import (
	"bytes"
	"encoding/binary"
	"image"
	_ "image/jpeg" // for the size of images
	_ "image/png"
	"io"
	"regexp"
	"strings"
)

// An extent is how large a medium is in the units that its tokens are counted by. A field
// is 0 if the content does not say.
type extent struct {
	width, height int // pixels
	seconds       int
	pages         int
}

// pdfPage matches what each page of a PDF has, unless the file packs its objects.
var pdfPage = regexp.MustCompile(`/Type\s*/Page[^s]`)

// measure returns the extent of a medium, as far as its content tells it at once.
func measure(kind string, content io.ReaderAt, size int64) (e extent) {
	r := io.NewSectionReader(content, 0, size)
	switch kind {
	case "image/png", "image/jpeg":
		if c, _, err := image.DecodeConfig(r); err == nil {
			e.width, e.height = c.Width, c.Height
		}
	case "audio/wav":
		head := make([]byte, 32)
		if _, err := io.ReadFull(r, head); err == nil && string(head[12:16]) == "fmt " {
			if rate := binary.LittleEndian.Uint32(head[28:]); rate > 0 {
				e.seconds = int(size / int64(rate))
			}
		}
	case "application/pdf":
		buf := make([]byte, 0, 64<<10)
		for {
			n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			e.pages += len(pdfPage.FindAllIndex(buf, -1))
			if err != nil {
				return e
			}
			// The end may be the beginning of another match, and is looked at again.
			const longest = 32
			at := len(buf) - longest
			if i := bytes.LastIndex(buf[at:], []byte("/Type")); i >= 0 && !pdfPage.Match(buf[at+i:]) {
				buf = append(buf[:0], buf[at+i:]...)
			} else {
				buf = buf[:0]
			}
		}
	}
	return e
}

// An estimator estimates the tokens of media for limits and plans. The first answers correct
// it. It takes the documented counts, and typical bit rates if the content does
// not say how long it plays.
// https://ai.google.dev/gemini-api/docs/tokens
// https://ai.google.dev/gemini-api/docs/media-resolution
type estimator struct {
	tiled bool   // the model cuts images into tiles, as those before Gemini 3 do
	level string // mediaResolution of the whole request
}

// newEstimator returns the estimator for a model and the mediaResolution of the request.
func newEstimator(model, level string) estimator {
	model = strings.TrimPrefix(model, "models/")
	return estimator{level: level, tiled: strings.HasPrefix(model, "gemini-2") || strings.HasPrefix(model, "gemini-1")}
}

// InlineTokens estimates the tokens of a medium whose bytes stand in a request to the
// model. level is the request's mediaResolution, and may be empty.
func InlineTokens(model, level, kind string, data []byte) int {
	size := int64(len(data))
	return newEstimator(model, level).tokens("", kind, size, measure(kind, bytes.NewReader(data), size))
}

// tokens estimates a medium's tokens. size is 0 if the medium is elsewhere. An estimate of
// more than a context holds only shows that the content lies about itself.
func (m estimator) tokens(level, kind string, size int64, e extent) int {
	const context = 1 << 20
	return min(m.unbounded(level, kind, size, e), context)
}

func (m estimator) unbounded(level, kind string, size int64, e extent) int {
	const (
		tile       = 258
		perAudio   = 32        // tokens a second
		audioBytes = 16_000    // a second, at 128 kbit/s
		videoBytes = 250_000   // a second, at 2 Mbit/s
		pageBytes  = 100 << 10 // of a page of a PDF
		unknown    = 60        // seconds, of what is elsewhere
		fewPages   = 10        // of a PDF that is elsewhere
	)
	if level == "" {
		level = m.level
	}
	level = strings.TrimPrefix(level, "MEDIA_RESOLUTION_")
	seconds := func(rate int64) int {
		switch {
		case e.seconds > 0:
			return e.seconds
		case size == 0:
			return unknown
		}
		return int(size/rate) + 1
	}
	family, _, _ := strings.Cut(kind, "/")
	switch {
	case family == "image" && m.tiled:
		switch {
		case level == "LOW":
			return 64
		case level == "MEDIUM", e.width <= 384 && e.height <= 384:
			return tile
		}
		// The tile's side follows from the shorter side, within 256 and 768 pixels.
		side := min(max(min(e.width, e.height)*2/3, 256), 768)
		return tile * ((e.width + side - 1) / side) * ((e.height + side - 1) / side)
	case family == "image":
		return byLevel(level, 280, 560, 1120, 2240, 1120)
	case family == "audio":
		return perAudio * seconds(audioBytes)
	case family == "video":
		perSecond := byLevel(level, 70, 70, 280, 280, 70) + perAudio
		if m.tiled {
			perSecond = byLevel(level, 100, 300, 300, 300, 300)
		}
		return perSecond * seconds(videoBytes)
	case kind == "application/pdf":
		pages := e.pages
		if pages == 0 {
			pages = int(size/pageBytes) + 1
			if size == 0 {
				pages = fewPages
			}
		}
		if m.tiled {
			return tile * pages
		}
		return byLevel(level, 280, 560, 1120, 1120, 560) * pages
	}
	return int(size/4) + 1 // text
}

// byLevel chooses by the level of mediaResolution. otherwise is for any other level, and
// for none.
func byLevel(level string, low, medium, high, ultra, otherwise int) int {
	switch level {
	case "LOW":
		return low
	case "MEDIUM":
		return medium
	case "HIGH":
		return high
	case "ULTRA_HIGH":
		return ultra
	}
	return otherwise
}
