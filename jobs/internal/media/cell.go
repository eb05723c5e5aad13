package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
)

// cell returns the media that a cell names or holds: none, one, or a list of them.
func (m *Parts) cell(row *batch.Row, c column, v any) ([]medium, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		if len(v) == 0 {
			return nil, nil
		}
		return single(m.bytes(c, v, ""))
	case string:
		text := strings.TrimSpace(v)
		if strings.HasPrefix(text, "[") { // a list, as CSV has it
			var list []string
			if json.Unmarshal([]byte(text), &list) == nil {
				return m.list(row, c, len(list), func(i int) any { return list[i] })
			}
		}
		if text == "" {
			return nil, nil
		}
		return single(m.text(row, c, text))
	case json.RawMessage:
		var list []json.RawMessage
		if json.Unmarshal(v, &list) == nil {
			return m.list(row, c, len(list), func(i int) any { return fromJSON(list[i]) })
		}
		// The images of Hugging Face's data sets.
		var image struct {
			Bytes *string `json:"bytes"`
			Path  *string `json:"path"`
		}
		switch err := json.Unmarshal(v, &image); {
		case err != nil: // no object, or of another form
		case image.Bytes != nil && *image.Bytes != "":
			data, err := decodeBase64(*image.Bytes)
			if err != nil {
				return nil, fmt.Errorf("bytes: %w", err)
			}
			return single(m.bytes(c, data, ""))
		case image.Path != nil:
			return m.cell(row, c, *image.Path)
		}
	}
	return nil, errors.New("the cell holds no medium: write a path, an address, base64, or a list of these")
}

// single returns one medium as a list.
func single(x medium, err error) ([]medium, error) {
	if err != nil {
		return nil, err
	}
	return []medium{x}, nil
}

// fromJSON returns a JSON value as what a cell holds.
func fromJSON(raw json.RawMessage) any {
	var text string
	switch {
	case string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &text) == nil:
		return text
	}
	return raw
}

// list returns the media of a list of n items, each of which is what a cell can hold.
func (m *Parts) list(row *batch.Row, c column, n int, item func(i int) any) (all []medium, err error) {
	for i := range n {
		media, err := m.cell(row, c, item(i))
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		all = append(all, media...)
	}
	return all, nil
}

var (
	scheme     = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]+)://`)
	uploadName = regexp.MustCompile(`^files/[a-z0-9-]+$`) // a local file has an extension
	uploadPath = regexp.MustCompile(`^https://generativelanguage\.googleapis\.com/[a-z0-9]+/files/[a-z0-9-]+$`)
	youTube    = regexp.MustCompile(`^https://((www\.|m\.)?youtube\.com|youtu\.be)/`)
)

// text returns the medium that a text names or holds. It may be a data: URI, an address,
// base64, or else a path.
func (m *Parts) text(row *batch.Row, c column, text string) (medium, error) {
	if rest, ok := strings.CutPrefix(text, "data:"); ok {
		kind, data, err := parseDataURI(rest)
		if err != nil {
			return medium{}, err
		}
		return m.bytes(c, data, kind)
	}
	if uploadName.MatchString(text) {
		text = "https://generativelanguage.googleapis.com/v1beta/" + text
	}
	if s := scheme.FindStringSubmatch(text); s != nil {
		// The API reads gs:// addresses itself, as it reads https://.
		if s[1] != "gs" && store.IsAddress(text) {
			return m.file(row, c, text)
		}
		return m.address(c, strings.ToLower(s[1]), text)
	}
	if data := mediaFromBase64(text); data != nil {
		return m.bytes(c, data, "")
	}
	return m.file(row, c, text)
}

// address returns the medium at an address, which the API reads itself.
func (m *Parts) address(c column, scheme, text string) (medium, error) {
	switch scheme {
	case "https", "gs":
	case "http":
		return medium{}, fmt.Errorf("%q: the API reads https:// addresses only", message.OneLine(text, 80))
	case "file":
		return medium{}, fmt.Errorf("%q: write a path, without file://", message.OneLine(text, 80))
	default:
		return medium{}, fmt.Errorf("%q: the API reads https:// and gs:// addresses, and no %s://", message.OneLine(text, 80), message.OneLine(scheme, 20))
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return medium{}, fmt.Errorf("%q is no valid address", message.OneLine(text, 80))
	}
	kind := c.MIMEType
	if kind == "" {
		kind = typeOfExtension(path.Ext(u.Path))
	}
	video := youTube.MatchString(text)
	if kind == "" && !video && !uploadPath.MatchString(text) {
		return medium{}, fmt.Errorf("the type of %q is not known from its extension: give mime_type for this column", message.OneLine(text, 80))
	}
	if kind != "" && c.MIMEType == "" {
		if err := supported(kind); err != nil {
			return medium{}, fmt.Errorf("%q: %w", message.OneLine(text, 80), err)
		}
	}
	estimated := kind
	if video {
		estimated = "video/mp4"
	}
	return medium{uri: text, media: batch.Media{MIMEType: kind}, tokens: m.estimate.tokens(c.level, estimated, 0, extent{})}, nil
}

// bytes returns the medium that data is. kind is the type that the cell gives with it, and
// may be empty.
func (m *Parts) bytes(c column, data []byte, kind string) (medium, error) {
	sniffed, err := sniff(data)
	if err != nil {
		return medium{}, err
	}
	if kind == "" {
		kind = sniffed
	}
	if c.MIMEType != "" {
		kind = c.MIMEType
	} else if err := supported(kind); err != nil {
		return medium{}, err
	}
	e := measure(kind, bytes.NewReader(data), int64(len(data)))
	if err := checkSize(c, kind, int64(len(data)), e); err != nil {
		return medium{}, err
	}
	return medium{
		media:  batch.Media{SHA256: sha256.Sum256(data), Size: int64(len(data)), MIMEType: kind, Data: data},
		tokens: m.estimate.tokens(c.level, kind, int64(len(data)), e),
	}, nil
}

// checkSize refuses what is too large for the column or for every endpoint. What one
// endpoint takes in a request is checked when the request is sent.
func checkSize(c column, kind string, size int64, e extent) error {
	const maxPDF, maxPages = 50 << 20, 1000 // https://ai.google.dev/gemini-api/docs/document-processing
	switch {
	case c.MaxBytes > 0 && size > c.MaxBytes:
		return fmt.Errorf("it has %d bytes, and max_bytes is %d", size, c.MaxBytes)
	case size > gemini.MaxFileBytes:
		return fmt.Errorf("it has %d bytes, and the API takes 2 GiB of a file: cut it up", size)
	case kind == "application/pdf" && size > maxPDF:
		return fmt.Errorf("it has %d bytes, and the API takes 50 MB of a PDF: cut it up", size)
	case kind == "application/pdf" && e.pages > maxPages:
		return fmt.Errorf("it has %d pages, and the API takes 1000 of a PDF: cut it up", e.pages)
	}
	return nil
}

// parseDataURI reads what follows "data:", see RFC 2397. It takes base64 only.
func parseDataURI(text string) (kind string, data []byte, err error) {
	head, content, ok := strings.Cut(text, ",")
	head, is64 := strings.CutSuffix(head, ";base64")
	if !ok || !is64 {
		return "", nil, errors.New("the data: URI is not of the form data:image/png;base64,…")
	}
	kind, _, _ = strings.Cut(head, ";")
	if data, err = decodeBase64(content); err != nil {
		return "", nil, fmt.Errorf("the data: URI: %w", err)
	}
	return normalType(strings.ToLower(kind)), data, nil
}

// decodeBase64 decodes base64 of either alphabet, with or without padding and line
// ends.
func decodeBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "").Replace(text), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is not valid base64")
	}
	return data, nil
}

// notBase64 matches characters that base64 does not have. Each path to a file with an
// extension has one, the dot.
var notBase64 = regexp.MustCompile(`[^A-Za-z0-9+/_=\r\n -]`)

// mediaFromBase64 returns what a text is the base64 of, or nil if the text is not base64
// of a medium. Any short path may be valid base64, so the content has to be recognised.
func mediaFromBase64(text string) []byte {
	head := text[:min(len(text), 4096)]
	if len(text) < 16 || notBase64.MatchString(head) {
		return nil
	}
	start, err := decodeBase64(head[:len(head)&^3])
	if err != nil && len(head) == len(text) {
		start, err = decodeBase64(head)
	}
	if err != nil {
		return nil
	}
	if kind, err := sniff(start); err != nil || supported(kind) != nil {
		return nil
	}
	data, err := decodeBase64(text)
	if err != nil {
		return nil
	}
	return data
}
