package media

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
)

// file returns the medium in a file below the media root.
func (m *Parts) file(row *batch.Row, c column, name string) (medium, error) {
	root := m.root
	if root == "" {
		if m.spooled {
			return medium{}, fmt.Errorf("%q: rows from stdin have no folder to find files in: say it with --media-root", message.OneLine(name, 80))
		}
		root = filepath.Dir(row.Source)
	}
	local, err := below(root, name)
	if err != nil {
		return medium{}, err
	}
	k, err := m.files.look(root, local)
	if err != nil {
		return medium{}, err
	}
	kind := k.kind
	if c.MIMEType != "" {
		kind = c.MIMEType
	} else if err := supported(kind); err != nil {
		return medium{}, fmt.Errorf("%s: %w", local, err)
	}
	if err := checkSize(c, kind, k.size, k.facts); err != nil {
		return medium{}, fmt.Errorf("%s: %w", local, err)
	}
	return medium{
		media:  batch.Media{SHA256: k.sum, Size: k.size, MIMEType: kind, Root: root, Path: local},
		tokens: m.weigh.tokens(c.level, kind, k.size, k.facts),
	}, nil
}

// below returns a path relative to the root. Where links lead is checked when the
// file is opened. Hidden files hold settings and keys, and are never sent.
func below(root, name string) (string, error) {
	if strings.ContainsRune(name, 0) || len(name) > 4096 {
		return "", fmt.Errorf("%q is neither a path nor base64 of a medium", message.OneLine(name, 80))
	}
	local := filepath.FromSlash(name)
	if filepath.IsAbs(local) {
		rel, err := filepath.Rel(root, local)
		if real, rerr := filepath.EvalSymlinks(root); err == nil && !filepath.IsLocal(rel) && rerr == nil {
			rel, err = filepath.Rel(real, local)
		}
		if err != nil {
			rel = ".."
		}
		local = rel
	}
	local = filepath.Clean(local)
	if !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q does not lie below %s: choose another --media-root", message.OneLine(name, 80), root)
	}
	for element := range strings.SplitSeq(filepath.ToSlash(local), "/") {
		if strings.HasPrefix(element, ".") && element != "." {
			return "", fmt.Errorf("%q is hidden, and hidden files are not sent: rename it", message.OneLine(name, 80))
		}
	}
	return local, nil
}

// openMedia opens a regular file below a root, links followed as long as they stay
// there.
func openMedia(root, local string) (*os.File, fs.FileInfo, error) {
	fail := func(err error) (*os.File, fs.FileInfo, error) {
		var at *fs.PathError
		cause := err
		if errors.As(err, &at) {
			cause = at.Err
		}
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "; paths are relative to that folder, which --media-root can say"
		}
		return nil, nil, fmt.Errorf("%s cannot be read in %s: %w%s", message.OneLine(local, 200), root, cause, hint)
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	info, err := r.Stat(local) // before it is opened: a pipe would wait for its other end
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() {
		return fail(errors.New("it is no regular file"))
	}
	f, err := r.Open(local)
	if err != nil {
		return fail(err)
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return fail(err)
	}
	return f, info, nil
}

// fileFacts is what is known of a file's content.
type fileFacts struct {
	size  int64
	mtime time.Time
	sum   [sha256.Size]byte
	kind  string
	facts facts
}

// A fileCache spares reading a file for each of the passes over the rows, and for
// each of the rows that name it. It is safe for concurrent use.
type fileCache struct {
	mu    sync.Mutex
	files map[string]fileFacts
}

// maxKnown bounds the cache, at some 200 bytes a file.
const maxKnown = 500_000

func (c *fileCache) look(root, local string) (fileFacts, error) {
	f, info, err := openMedia(root, local)
	if err != nil {
		return fileFacts{}, err
	}
	defer f.Close()
	path := filepath.Join(root, local)
	c.mu.Lock()
	k, ok := c.files[path]
	c.mu.Unlock()
	if ok && k.size == info.Size() && k.mtime.Equal(info.ModTime()) {
		return k, nil
	}

	k = fileFacts{mtime: info.ModTime()}
	h := sha256.New()
	if k.size, err = io.Copy(h, f); err != nil {
		return fileFacts{}, fmt.Errorf("%s cannot be read: %w", local, err)
	}
	h.Sum(k.sum[:0])
	head := make([]byte, sniffBytes)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileFacts{}, fmt.Errorf("%s cannot be read: %w", local, err)
	}
	if k.kind, err = sniff(head[:n]); err != nil {
		return fileFacts{}, fmt.Errorf("%s: %w", local, err)
	}
	k.facts = factsOf(k.kind, f, k.size)
	// A file that was changed just now can be changed again without another time.
	if time.Since(k.mtime) > durable.ClockStep {
		c.mu.Lock()
		if c.files == nil {
			c.files = make(map[string]fileFacts)
		}
		if len(c.files) < maxKnown {
			c.files[path] = k
		}
		c.mu.Unlock()
	}
	return k, nil
}

// sniffBytes is how much of a medium tells its type.
const sniffBytes = 3072

// sniff returns the type of a medium by its content.
func sniff(head []byte) (string, error) {
	if len(head) == 0 {
		return "", errors.New("it is empty")
	}
	kind, _, _ := strings.Cut(mimetype.Detect(head[:min(len(head), sniffBytes)]).String(), ";")
	return normalType(kind), nil
}

// normalType returns the name under which the API's documentation has a type.
func normalType(kind string) string {
	if name, ok := typeNames[kind]; ok {
		return name
	}
	return kind
}

var typeNames = map[string]string{
	"image/jpg": "image/jpeg", "image/heic-sequence": "image/heic", "image/heif-sequence": "image/heif",
	"audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/vnd.wave": "audio/wav", "audio/x-aiff": "audio/aiff",
	"audio/x-m4a": "audio/m4a", "audio/mp4": "audio/m4a", "audio/x-flac": "audio/flac", "application/ogg": "audio/ogg",
	"video/mov": "video/quicktime", "video/x-m4v": "video/mp4", "video/x-msvideo": "video/avi",
	"video/x-ms-asf": "video/wmv", "video/x-ms-wmv": "video/wmv",
}

// mediaTypes are the types that Gemini models take, with the extensions that tell
// them. As of 2026-10: https://ai.google.dev/gemini-api/docs/image-understanding,
// audio, video-understanding, document-processing, and Vertex AI's pages for m4a
// and quicktime.
var mediaTypes = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg .jpeg", "image/webp": ".webp", "image/heic": ".heic", "image/heif": ".heif",
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/aiff": ".aiff .aif", "audio/aac": ".aac", "audio/ogg": ".ogg .oga .opus",
	"audio/flac": ".flac", "audio/m4a": ".m4a",
	"video/mp4": ".mp4 .m4v", "video/mpeg": ".mpeg .mpg", "video/quicktime": ".mov", "video/avi": ".avi", "video/x-flv": ".flv",
	"video/webm": ".webm", "video/wmv": ".wmv", "video/3gpp": ".3gp",
	"application/pdf": ".pdf",
}

// typeOfExtension returns the type of a file by its extension, or "".
func typeOfExtension(ext string) string {
	if ext == "" {
		return ""
	}
	for kind, exts := range mediaTypes {
		for e := range strings.FieldsSeq(exts) {
			if strings.EqualFold(e, ext) {
				return kind
			}
		}
	}
	return ""
}

// supported returns an error for a type that no model is known to take. A
// mime_type that the user gives is not looked at.
func supported(kind string) error {
	if _, ok := mediaTypes[kind]; ok {
		return nil
	}
	switch {
	case strings.HasPrefix(kind, "text/") || kind == "application/json":
		return fmt.Errorf("the content is %s, which belongs into the prompt; to send it as a document, give mime_type for this column", kind)
	case strings.HasPrefix(kind, "image/"):
		return fmt.Errorf("the API takes no %s: convert it to PNG or JPEG", kind)
	}
	return fmt.Errorf("the content is %s, which Gemini models do not take: convert it, or give mime_type for this column", kind)
}

// errChanged says that a file is not what it was when the row was rendered.
var errChanged = errors.New("the file has changed since the row was read; run again")

// openContent opens the content of a medium, which must be compared with the SHA-256:
// the file may have changed since its row was made.
func openContent(m *batch.Media) (interface {
	io.ReaderAt
	io.Closer
}, error) {
	if m.Data != nil {
		return inMemory{bytes.NewReader(m.Data)}, nil
	}
	f, info, err := openMedia(m.Root, m.Path)
	if err != nil {
		return nil, err
	}
	if info.Size() != m.Size {
		f.Close()
		return nil, fmt.Errorf("%s: %w", m.Path, errChanged)
	}
	return f, nil
}

// inMemory is the content of a medium that a cell holds.
type inMemory struct{ io.ReaderAt }

func (inMemory) Close() error { return nil }
