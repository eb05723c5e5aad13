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

// facts are what a medium's content says about what it will cost; 0: not known.
type facts struct {
	width, height int
	seconds       int
	pages         int
}

// pdfPage is what each page of a PDF has, unless the file packs its objects.
var pdfPage = regexp.MustCompile(`/Type\s*/Page[^s]`)

// factsOf looks at a medium.
func factsOf(kind string, content io.ReaderAt, size int64) (f facts) {
	r := io.NewSectionReader(content, 0, size)
	switch kind {
	case "image/png", "image/jpeg":
		if c, _, err := image.DecodeConfig(r); err == nil {
			f.width, f.height = c.Width, c.Height
		}
	case "audio/wav":
		head := make([]byte, 32)
		if _, err := io.ReadFull(r, head); err == nil && string(head[12:16]) == "fmt " {
			if rate := binary.LittleEndian.Uint32(head[28:]); rate > 0 {
				f.seconds = int(size / int64(rate))
			}
		}
	case "application/pdf":
		buf := make([]byte, 0, 64<<10)
		for {
			n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			f.pages += len(pdfPage.FindAllIndex(buf, -1))
			if err != nil {
				return f
			}
			// What may be the beginning of another match is looked at again.
			const longest = 32
			at := len(buf) - longest
			if i := bytes.LastIndex(buf[at:], []byte("/Type")); i >= 0 && !pdfPage.Match(buf[at+i:]) {
				buf = append(buf[:0], buf[at+i:]...)
			} else {
				buf = buf[:0]
			}
		}
	}
	return f
}

// A weigher estimates the tokens of media, for limits and plans: the first answers
// correct it. It takes the documented counts, and typical bit rates where the
// content does not say how long it plays.
// https://ai.google.dev/gemini-api/docs/tokens
// https://ai.google.dev/gemini-api/docs/media-resolution
type weigher struct {
	tiled bool   // images are cut into tiles: models before Gemini 3
	level string // of the whole request
}

// newWeigher returns the weigher for a model and the mediaResolution of the request.
func newWeigher(model, level string) weigher {
	model = strings.TrimPrefix(model, "models/")
	return weigher{level: level, tiled: strings.HasPrefix(model, "gemini-2") || strings.HasPrefix(model, "gemini-1")}
}

// InlineTokens estimates the tokens of a medium that a request to the model itself holds, by
// its content; level is the request's mediaResolution, or empty.
func InlineTokens(model, level, kind string, data []byte) int {
	size := int64(len(data))
	return newWeigher(model, level).tokens("", kind, size, factsOf(kind, bytes.NewReader(data), size))
}

// tokens estimates a medium's tokens; size is 0 for one that is elsewhere. More than
// a context holds would only tell that the content lies about itself.
func (w weigher) tokens(level, kind string, size int64, f facts) int {
	const context = 1 << 20
	return min(w.estimate(level, kind, size, f), context)
}

func (w weigher) estimate(level, kind string, size int64, f facts) int {
	const (
		tile       = 258
		perAudio   = 32        // tokens a second
		audioBytes = 16_000    // a second, at 128 kbit/s
		videoBytes = 250_000   // a second, at 2 Mbit/s
		pageBytes  = 100 << 10 // of a page of a PDF
		unknown    = 60        // seconds
		fewPages   = 10
	)
	if level == "" {
		level = w.level
	}
	level = strings.TrimPrefix(level, "MEDIA_RESOLUTION_")
	seconds := func(rate int64) int {
		switch {
		case f.seconds > 0:
			return f.seconds
		case size == 0:
			return unknown
		}
		return int(size/rate) + 1
	}
	family, _, _ := strings.Cut(kind, "/")
	switch {
	case family == "image" && w.tiled:
		switch {
		case level == "LOW":
			return 64
		case level == "MEDIUM", f.width <= 384 && f.height <= 384:
			return tile
		}
		// The tile's side follows from the shorter side, within 256 and 768 pixels.
		side := min(max(min(f.width, f.height)*2/3, 256), 768)
		return tile * ((f.width + side - 1) / side) * ((f.height + side - 1) / side)
	case family == "image":
		return byLevel(level, 280, 560, 1120, 2240, 1120)
	case family == "audio":
		return perAudio * seconds(audioBytes)
	case family == "video":
		perSecond := byLevel(level, 70, 70, 280, 280, 70) + perAudio
		if w.tiled {
			perSecond = byLevel(level, 100, 300, 300, 300, 300)
		}
		return perSecond * seconds(videoBytes)
	case kind == "application/pdf":
		pages := f.pages
		if pages == 0 {
			pages = int(size/pageBytes) + 1
			if size == 0 {
				pages = fewPages
			}
		}
		if w.tiled {
			return tile * pages
		}
		return byLevel(level, 280, 560, 1120, 1120, 560) * pages
	}
	return int(size/4) + 1 // text
}

// byLevel chooses by the level of mediaResolution; otherwise is for none.
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
