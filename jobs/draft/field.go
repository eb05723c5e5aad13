package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/template"
)

// A Field is a column of the input, or what the objects in a column hold under some names.
type Field struct {
	Name string // of the column; below it, names with points between them
	path []string
	kind batch.Type

	filled  int // rows in which it is neither empty nor missing
	runes   int // of all values
	longest int // runes of the longest value
	words   int // of all values
	numbers int // values that are numbers
	dates   int
	bools   int
	objects int            // values that are objects or lists
	media   map[string]int // values that are media, by kind: image, audio, video, application

	counts  map[string]int // of the values; nil if there are too many of them
	unique  map[string]bool
	example string // the first value
}

// What is kept of a field's values.
const (
	maxCounts   = 60  // values that are labels
	maxLabel    = 60  // runes of a label
	maxKeyBytes = 200 // of a value that may name a row
	maxDepth    = 4   // of objects
)

func newField(name string, path []string, t batch.Type) *Field {
	return &Field{Name: name, path: path, kind: t, media: make(map[string]int), counts: make(map[string]int), unique: make(map[string]bool)}
}

// pathID returns a text that no other path has.
func pathID(path []string) string { return fmt.Sprintf("%q", path) }

// see notes a value at a path, and those below it. It returns how long the value is.
func (s *Sample) see(fields map[string]*Field, path []string, t batch.Type, v any) int {
	f := s.add(fields, strings.Join(path, "."), path, t)
	if f == nil {
		return 0
	}
	if raw, ok := v.(json.RawMessage); ok {
		raw = bytes.TrimSpace(raw)
		switch {
		case len(raw) == 0 || string(raw) == "null":
			return 4
		case raw[0] == '{' && len(path) < maxDepth:
			f.filled++
			f.objects++
			for name, member := range members(raw) {
				s.see(fields, append(path, name), batch.JSON, member)
			}
			return len(raw)
		case raw[0] == '[' || raw[0] == '{':
			f.filled++
			f.objects++
			var list []string
			if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
				f.seeMedia(list[0])
			}
			return len(raw)
		}
		v = jsonScalar(raw)
	}
	f.value(v)
	return len(batch.Text(v))
}

// members yields the members of an object in their order.
func members(raw json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		d := json.NewDecoder(bytes.NewReader(raw))
		if _, err := d.Token(); err != nil {
			return
		}
		for d.More() {
			name, err := d.Token()
			text, ok := name.(string)
			var value json.RawMessage
			if err != nil || !ok || d.Decode(&value) != nil || !yield(text, value) {
				return
			}
		}
	}
}

// jsonScalar returns a text, number or boolean of JSON.
func jsonScalar(raw json.RawMessage) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(raw)
	}
	return v
}

// value notes a value that is no list and no object.
func (f *Field) value(v any) {
	if content, ok := v.([]byte); ok {
		f.bytes(content)
		return
	}
	text := batch.Text(v)
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return
	}
	f.filled++
	if f.example == "" {
		f.example = text[:min(len(text), 400)]
	}
	n := utf8.RuneCountInString(text)
	f.runes += n
	f.longest = max(f.longest, n)
	f.words += len(strings.Fields(text))
	if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
		f.numbers++
	}
	if isDate.MatchString(trimmed) {
		f.dates++
	}
	if slices.Contains(boolWords, strings.ToLower(trimmed)) {
		f.bools++
	}
	f.seeMedia(trimmed)
	f.count(trimmed, n)
	f.identify(text)
}

// bytes notes a value that is no text.
func (f *Field) bytes(content []byte) {
	if len(content) == 0 {
		return
	}
	f.filled++
	f.unique, f.counts = nil, nil
	kind, _, _ := strings.Cut(http.DetectContentType(content), "/")
	if bytes.HasPrefix(content, []byte("%PDF-")) || kind == "image" || kind == "audio" || kind == "video" {
		f.media[kind]++
	}
}

// count counts a value that may be a label.
func (f *Field) count(text string, runes int) {
	if f.counts == nil {
		return
	}
	if f.counts[text]++; runes > maxLabel || strings.ContainsAny(text, "\r\n") || len(f.counts) > maxCounts {
		f.counts = nil
	}
}

// identify notes whether each value stands only once.
func (f *Field) identify(text string) {
	if f.unique == nil {
		return
	}
	if len(text) > maxKeyBytes || f.unique[text] {
		f.unique = nil
		return
	}
	f.unique[text] = true
}

var (
	isDate    = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$`)
	boolWords = []string{"true", "false", "yes", "no", "y", "n", "t", "f"}
)

// mediaOf are the kinds of files that the API takes, by extension.
var mediaOf = map[string]string{
	".png": "image", ".jpg": "image", ".jpeg": "image", ".webp": "image", ".heic": "image", ".heif": "image",
	".mp3": "audio", ".wav": "audio", ".flac": "audio", ".ogg": "audio", ".aac": "audio", ".aiff": "audio", ".m4a": "audio", ".opus": "audio",
	".mp4": "video", ".mov": "video", ".webm": "video", ".mpeg": "video", ".mpg": "video", ".avi": "video", ".wmv": "video", ".flv": "video",
	".pdf": "application",
}

// base64Of are the beginnings of files in base64.
var base64Of = map[string]string{"iVBORw0KGgo": "image", "/9j/": "image", "UklGR": "image", "JVBERi0": "application", "SUQz": "audio"}

// seeMedia notes whether a text names or holds a file that the API takes.
func (f *Field) seeMedia(text string) {
	if rest, ok := strings.CutPrefix(text, "data:"); ok {
		kind, format, _ := strings.Cut(rest, "/")
		if slices.Contains([]string{"image", "audio", "video"}, kind) || kind == "application" && strings.HasPrefix(format, "pdf") {
			f.media[kind]++
		}
		return
	}
	if len(text) < 1000 && !strings.ContainsAny(text, "\n\t") {
		name, _, _ := strings.Cut(text, "?")
		isPath := strings.Count(name, " ") <= 2 || strings.Contains(name, "/")
		if kind := mediaOf[strings.ToLower(path.Ext(name))]; kind != "" && isPath {
			f.media[kind]++
			return
		}
	}
	if len(text) < 100 || strings.ContainsRune(text, ' ') {
		return
	}
	for begin, kind := range base64Of {
		if strings.HasPrefix(text, begin) {
			f.media[kind]++
		}
	}
}

// MediaKind returns which kind of media the field has: image, audio, video or application
// (PDF). It is empty if it has none.
func (f *Field) MediaKind() string {
	for _, kind := range slices.Sorted(maps.Keys(f.media)) {
		if 10*f.media[kind] >= 8*f.filled && f.filled > 0 {
			return kind
		}
	}
	return ""
}

// Mean returns how many characters the values have on average.
func (f *Field) Mean() int { return f.runes / max(f.filled, 1) }

// mostly reports whether nearly all values are of a kind, of which there are n.
func (f *Field) mostly(n int) bool { return f.filled > 0 && 20*n >= 19*f.filled }

// isPlain reports whether the values are numbers, dates or booleans, which are no text to ask
// about and no labels.
func (f *Field) isPlain() bool {
	return f.kind == batch.Int || f.kind == batch.Float || f.kind == batch.Bool || f.mostly(f.numbers) || f.mostly(f.dates) || f.mostly(f.bools)
}

// isText reports whether the values are texts of any length.
func (f *Field) isText() bool {
	return f.filled > 0 && f.objects == 0 && f.kind != batch.Bytes && !f.isPlain() && f.MediaKind() == ""
}

// Template returns how a template writes the field.
func (f *Field) Template() string {
	if len(f.path) == 1 {
		return template.Reference(f.path[0])
	}
	simple := "."
	quoted := ""
	for i, name := range f.path {
		if template.Reference(name) != "{{."+name+"}}" {
			simple = ""
		}
		if simple != "" && i > 0 {
			simple += "."
		}
		if simple != "" {
			simple += name
		}
		quoted += " " + strconv.Quote(name)
	}
	if simple != "" {
		return "{{" + simple + "}}"
	}
	return "{{index ." + quoted + "}}"
}
