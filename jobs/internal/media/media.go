// Package media makes parts of a request out of cells that name or hold images, sounds,
// films and documents, estimates their tokens, and sends them, by upload if they are
// large.
package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Parts makes parts of what stands in a row's media columns. It is for one
// goroutine at a time, but for what it says of itself.
type Parts struct {
	columns []column
	root    string // empty: the folder of each row's input
	spooled bool   // the input is stdin, which has no folder
	files   fileCache
	weigh   weigher

	// seen sums up what the rows were in the last whole Pass: files can change
	// where the input does not.
	seen string
}

type column struct {
	spec.MediaColumn
	level string // of mediaResolution; empty: the request's
}

// New returns nil for a job without media.
func New(s *spec.Spec) (*Parts, error) {
	if len(s.Media) == 0 {
		if s.MediaRoot != "" {
			return nil, spec.Errorf("name the columns with --media COLUMN, or media: in the job file", "media_root is given, and no column with media")
		}
		return nil, nil
	}
	if s.Raw != nil {
		return nil, spec.Errorf("put inlineData or fileData parts into the requests themselves", "media does not go with raw:")
	}
	config, _ := apijson.Field(s.Request, "generationConfig").(map[string]any)
	level, _ := apijson.Field(config, "mediaResolution").(string)
	m := &Parts{root: s.MediaRoot, spooled: slices.Contains(s.Input, "-"), weigh: newWeigher(s.Model, level)}
	for _, c := range s.Media {
		switch {
		case c.Column == "":
			return nil, spec.Errorf("write column: and its name", "media has an entry without a column")
		case slices.Contains(m.Columns(), c.Column):
			return nil, spec.Errorf("name it once", "media names the column %q twice", c.Column)
		case c.MaxBytes < 0:
			return nil, spec.Errorf("", "media: max_bytes of %q is negative", c.Column)
		}
		if c.MIMEType != "" {
			t, _, err := mime.ParseMediaType(c.MIMEType)
			if err != nil || !strings.Contains(t, "/") {
				return nil, spec.Errorf("write it as image/png", "media: mime_type of %q is %q", c.Column, c.MIMEType)
			}
		}
		level, ok := resolutionLevel(c.Resolution)
		if !ok {
			return nil, spec.Errorf("use low, medium, high or ultra_high", "media: resolution of %q is %q", c.Column, c.Resolution)
		}
		m.columns = append(m.columns, column{c, level})
	}
	if m.root != "" && !durable.IsDir(m.root) {
		return nil, spec.Errorf("name a folder that exists", "media_root %s is no folder", m.root)
	}
	return m, nil
}

// names returns the columns that have media.
func (m *Parts) Columns() (list []string) {
	if m == nil {
		return nil
	}
	for _, c := range m.columns {
		list = append(list, c.Column)
	}
	return list
}

// resolutionLevel returns the API's name of a level.
func resolutionLevel(text string) (level string, ok bool) {
	if text == "" {
		return "", true
	}
	const prefix = "MEDIA_RESOLUTION_"
	level = prefix + strings.TrimPrefix(strings.ToUpper(strings.ReplaceAll(text, "-", "_")), prefix)
	return level, slices.Contains([]string{prefix + "LOW", prefix + "MEDIUM", prefix + "HIGH", prefix + "ULTRA_HIGH"}, level)
}

// A medium is one that a row names or holds.
type medium struct {
	media  batch.Media // of what is sent; its MIMEType alone counts for a fileURI
	uri    string      // of what is elsewhere; empty: it is here
	tokens int
}

// add puts the media of a row before the text of a body. It returns them, and an
// estimate of their tokens. An error is the row's.
func (m *Parts) Add(row *batch.Row, body []byte) ([]byte, []batch.Media, int, error) {
	var (
		parts []byte
		media []batch.Media
		total int
	)
	for _, c := range m.columns {
		v, _ := row.Value(c.Column) // a JSONL row that lacks it has none, as with null
		list, err := m.cell(row, c, v)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%s: %w", c.Column, err)
		}
		for _, x := range list {
			parts = append(parts, '{')
			if x.uri != "" {
				parts = append(parts, fileData(x.uri, x.media.MIMEType)...)
			} else {
				parts = append(parts, x.media.Reference()...)
				media = append(media, x.media)
			}
			if c.level != "" {
				parts = append(parts, `,"mediaResolution":{"level":"`+c.level+`"}`...)
			}
			parts = append(parts, "},"...)
			total += x.tokens
		}
	}
	body, err := withParts(body, parts)
	return body, media, total, err
}

// fileData is the member of a part that names a file elsewhere.
func fileData(uri, mimeType string) []byte {
	part := apijson.AppendString([]byte(`"fileData":{"fileUri":`), uri)
	if mimeType != "" {
		part = apijson.AppendString(append(part, `,"mimeType":`...), mimeType)
	}
	return append(part, '}')
}

// withParts puts parts, each of which ends in a comma, before those of the last
// content, which is the row's own. A text part that is empty beside them is left
// out: the API refuses it.
func withParts(body, parts []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	var contents []map[string]json.RawMessage
	if err := json.Unmarshal(members["contents"], &contents); err != nil || len(contents) == 0 {
		return nil, errors.New("the request has no contents to add media to")
	}
	last := contents[len(contents)-1]
	own := bytes.TrimSpace(last["parts"])
	var texts []map[string]json.RawMessage
	if err := json.Unmarshal(own, &texts); err != nil {
		return nil, err
	}
	kept := texts[:0]
	for _, t := range texts {
		if text, is := t["text"]; !is || len(t) > 1 || string(text) != `""` {
			kept = append(kept, t)
		}
	}
	switch {
	case len(kept) == 0 && len(parts) == 0:
		return nil, errors.New("the row has neither text nor media")
	case len(parts) == 0:
		return body, nil
	case len(kept) < len(texts):
		text, err := apijson.Marshal(kept)
		if err != nil {
			return nil, err
		}
		own = text
	}
	all := append(append([]byte("["), parts...), bytes.TrimPrefix(own, []byte("["))...)
	if len(kept) == 0 {
		all = append(bytes.TrimSuffix(append([]byte("["), parts...), []byte(",")), ']')
	}
	last["parts"] = all
	text, err := apijson.Marshal(contents)
	if err != nil {
		return nil, err
	}
	members["contents"] = text
	return apijson.Marshal(members)
}
