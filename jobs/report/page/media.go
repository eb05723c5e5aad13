package page

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/store"
)

const (
	largestImage = 100 << 10 // in bytes, that is shown
	mostMedia    = 8         // of a row
	heldBudget   = 8 << 20   // bytes of images that are kept before it is known which rows are shown
)

// imageTypes are the types of images that are shown. SVG is not: it is a document, with links
// and scripts of its own.
var imageTypes = []string{"image/png", "image/jpeg", "image/webp", "image/gif"}

// errOther means that a file is not what was sent.
var errOther = errors.New("it has changed since it was sent")

// ofRequest describes a medium of a request.
func ofRequest(m *batch.Media) *medium {
	one := &medium{Name: short(filepath.Base(m.Path)), Type: short(m.MIMEType), Size: m.Size}
	if m.Path == "" {
		one.Name = "input"
	}
	from := *m
	if m.Data != nil {
		one.bytes = func() ([]byte, error) { return from.Data, nil }
		return one
	}
	one.bytes = func() ([]byte, error) {
		f, err := openMedium(from.Root, from.Path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, largestImage+1))
		if err == nil && sha256.Sum256(data) != from.SHA256 {
			err = errOther
		}
		return data, err
	}
	return one
}

// openMedium opens the file or the object of a medium.
func openMedium(root, path string) (io.ReadCloser, error) {
	if store.IsAddress(root) {
		f, _, err := store.Open(store.Join(root, path))
		return f, err
	}
	return os.OpenInRoot(root, path)
}

// ofAnswer describes a medium that the model made.
func ofAnswer(m *gemini.Media) *medium {
	one := &medium{Name: "answer", Type: short(m.MIMEType)}
	data, err := m.Bytes()
	one.Size = int64(len(data))
	one.bytes = func() ([]byte, error) { return data, err }
	return one
}

// addMedium adds a medium to a row. Its bytes are kept only if it can be shown.
func (b *builder) addMedium(r *row, m *medium) {
	if len(r.Media) == mostMedia {
		return
	}
	r.Media = append(r.Media, m)
	if m.Size > largestImage || !slices.Contains(imageTypes, m.Type) || b.held+m.Size > heldBudget {
		m.bytes = nil
		return
	}
	b.held += m.Size
}

// showMedia puts the images of rows into the page, as far as there is room.
func showMedia(rows []*row) {
	left := int64(mediaBudget)
	for _, r := range rows {
		for _, m := range r.Media {
			if m.bytes == nil {
				continue
			}
			data, err := m.bytes()
			kind := http.DetectContentType(data)
			length := int64(base64.StdEncoding.EncodedLen(len(data)))
			if err != nil || !slices.Contains(imageTypes, kind) || length > left {
				continue // its name, type and size are shown
			}
			left -= length
			m.URI = template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
		}
	}
}
