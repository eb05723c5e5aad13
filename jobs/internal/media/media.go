// Package media turns cells that name or hold images, recordings, films and documents
// into parts of requests, and sends them.
//
// A medium is met twice, and much can happen in between:
//
//   - When its row is rendered, [Parts] reads the cell, checks the medium by its content
//     (cell.go, file.go, types.go), and estimates its tokens (tokens.go). The body gets a
//     reference, which holds the SHA-256 in the place of the bytes.
//   - When its row is sent, the model of [NewModel] replaces the references: by base64
//     (send.go), or by the addresses of uploads if the request would become too large
//     (uploads.go). It stands next to the client, inside all other models.
//
// So the bodies of rows that wait, are retried or are changed hold references alone. The
// bytes of a file are in memory only while a request is sent. They are compared with the
// SHA-256 first, because an answer about another picture must not be recorded as the answer
// to this row.
//
// Files can change while the input that names them stays as it is. For that a [Pass] digests
// the requests of all rows: an output belongs to the digest with which it was made.
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
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A Config says where media stand in rows, and for which requests they are.
type Config struct {
	Columns []spec.MediaColumn // at least one
	Root    string             // the folder that paths are relative to, or the beginning of addresses; the folder of each row's input if empty
	Stdin   bool               // an input is stdin, which has no folder
	Files   bool               // each file of the input is a row, and its column path names it

	// The estimate of tokens depends on these.
	Model      string // empty if each row names its own
	Resolution string // mediaResolution of the whole request; the model's default if empty
}

// Parts turns what stands in the media columns of rows into parts of their requests. A
// nil *Parts stands for a job without media. Add is safe for concurrent use; passes are
// for one goroutine at a time.
type Parts struct {
	columns  []column
	root     string
	stdin    bool
	areRows  bool // as Config.Files
	files    fileCache
	estimate estimator

	lastSeen string // the digest of the last whole Pass; empty if there was none
}

// A column is a media column whose resolution is written as the API has it.
type column struct {
	spec.MediaColumn
	level string // of mediaResolution; the request's if empty
}

// Of returns the Parts of the media that a job names; nil if it names none. What is wrong
// with s is a *spec.Error.
func Of(s *spec.Spec) (*Parts, error) {
	switch {
	case len(s.Media) == 0 && s.MediaRoot != "" && !s.FilesAsRows():
		return nil, spec.Errorf("name the columns with --media COLUMN, or media: in the job file", "media_root is given, and no column with media")
	case len(s.Media) == 0:
		return nil, nil
	case s.Raw != nil:
		return nil, spec.Errorf("put inlineData or fileData parts into the requests themselves", "media does not go with raw:")
	}
	config := apijson.Config(s.Request)
	resolution, _ := apijson.Field(config, "mediaResolution").(string)
	return New(Config{
		Columns: s.Media, Root: s.MediaRoot, Stdin: slices.Contains(s.Input, "-"), Files: s.FilesAsRows(),
		Model: s.Model, Resolution: resolution,
	})
}

// New returns the Parts of a job. What is wrong with c is a *spec.Error.
func New(c Config) (*Parts, error) {
	m := &Parts{root: c.Root, stdin: c.Stdin, areRows: c.Files, estimate: newEstimator(c.Model, c.Resolution)}
	for _, col := range c.Columns {
		switch {
		case col.Column == "":
			return nil, spec.Errorf("write column: and its name", "media has an entry without a column")
		case slices.Contains(m.Columns(), col.Column):
			return nil, spec.Errorf("name it once", "media names the column %q twice", col.Column)
		case col.MaxBytes < 0:
			return nil, spec.Errorf("", "media: max_bytes of %q is negative", col.Column)
		}
		if col.MIMEType != "" {
			t, _, err := mime.ParseMediaType(col.MIMEType)
			if err != nil || !strings.Contains(t, "/") {
				return nil, spec.Errorf("write it as image/png", "media: mime_type of %q is %q", col.Column, col.MIMEType)
			}
		}
		level, ok := resolutionLevel(col.Resolution)
		if !ok {
			return nil, spec.Errorf("use low, medium, high or ultra_high", "media: resolution of %q is %q", col.Column, col.Resolution)
		}
		m.columns = append(m.columns, column{col, level})
	}
	if m.root != "" && !store.IsAddress(m.root) && !durable.IsDir(m.root) {
		return nil, spec.Errorf("name a folder that exists", "media_root %s is no folder", m.root)
	}
	return m, nil
}

// Columns returns the names of the columns that have media, in their order.
func (m *Parts) Columns() (list []string) {
	if m == nil {
		return nil
	}
	for _, c := range m.columns {
		list = append(list, c.Column)
	}
	return list
}

// resolutionLevel returns a level as the API names it. ok is false if it is no level.
func resolutionLevel(text string) (level string, ok bool) {
	if text == "" {
		return "", true
	}
	const prefix = "MEDIA_RESOLUTION_"
	level = prefix + strings.TrimPrefix(strings.ToUpper(strings.ReplaceAll(text, "-", "_")), prefix)
	return level, slices.Contains([]string{prefix + "LOW", prefix + "MEDIUM", prefix + "HIGH", prefix + "ULTRA_HIGH"}, level)
}

// A medium is what an item of a cell names or holds.
type medium struct {
	media  batch.Media // what is to be sent; if uri is set, only its MIMEType
	uri    string      // where the API finds the medium itself; empty if it is sent
	tokens int         // an estimate
}

// Add puts the media of a row before the text of its body. It returns the new body, what
// the body refers to, and an estimate of the tokens of all media. An error is the row's.
func (m *Parts) Add(row *batch.Row, body []byte) ([]byte, []batch.Media, int, error) {
	var (
		parts []byte
		media []batch.Media
		total int
	)
	for _, c := range m.columns {
		v, _ := row.Value(c.Column) // a JSONL row that lacks it has none, as with null
		list, err := m.of(row, c, v)
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

// of returns the media of a cell. The path of a file that is the row needs no looking for, and is
// never anything else, whatever it is called. Of an object in Google's store the bytes are sent,
// too, and not its address, since the row is another one when they change.
func (m *Parts) of(row *batch.Row, c column, v any) ([]medium, error) {
	if m.areRows && c.Column == reader.PathColumn && v != nil {
		return single(m.rowFile(row, c))
	}
	return m.cell(row, c, v)
}

// fileData returns the member of a part that names a file which the API finds itself.
func fileData(uri, mimeType string) []byte {
	part := apijson.AppendString([]byte(`"fileData":{"fileUri":`), uri)
	if mimeType != "" {
		part = apijson.AppendString(append(part, `,"mimeType":`...), mimeType)
	}
	return append(part, '}')
}

// withParts puts parts, each of which ends in a comma, before those of the last content.
// That one is the row's own; others are examples. An empty text part is left out, because
// the API refuses it.
func withParts(body, parts []byte) ([]byte, error) {
	request, err := apijson.ParseAsWritten(body)
	if err != nil {
		return nil, err
	}
	var contents []apijson.Object
	if err := json.Unmarshal(request["contents"], &contents); err != nil || len(contents) == 0 {
		return nil, errors.New("the request has no contents to add media to")
	}
	last := contents[len(contents)-1]
	own := bytes.TrimSpace(last["parts"])
	var texts []apijson.Object
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
	if err := request.Put("contents", contents); err != nil {
		return nil, err
	}
	return apijson.Marshal(request)
}
