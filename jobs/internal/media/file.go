package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
)

// file returns the medium in a file or an object below the media root, or else below the folder
// of the row's input.
func (m *Parts) file(row *batch.Row, c column, name string) (medium, error) {
	root := m.rootOf(row)
	if root == "" {
		return medium{}, fmt.Errorf("%q: rows from stdin have no folder to find files in: say it with --media-root", message.OneLine(name, 80))
	}
	find := below
	if store.IsAddress(root) || store.IsAddress(name) {
		find = belowAddress
	}
	local, err := find(root, name)
	if err != nil {
		return medium{}, err
	}
	return m.inRoot(c, root, local)
}

// rootOf returns the folder that names in a row are relative to. It is empty if there is none.
func (m *Parts) rootOf(row *batch.Row) string {
	switch {
	case m.root != "":
		return m.root
	case m.stdin:
		return ""
	}
	return folderOf(row.Source)
}

// rowFile returns the file that the row is. Who names a file, or a folder with a link to it,
// means that it is sent.
func (m *Parts) rowFile(row *batch.Row, c column) (medium, error) {
	if store.IsAddress(row.Source) {
		root := folderOf(row.Source)
		return m.inRoot(c, root, strings.TrimPrefix(row.Source, root))
	}
	path, err := filepath.EvalSymlinks(row.Source)
	if err != nil || store.IsAddress(row.Source) {
		path = row.Source // opening it says what is wrong
	}
	return m.inRoot(c, folderOf(path), filepath.Base(path))
}

// inRoot returns the medium in a file or an object, whose path is relative to a root.
func (m *Parts) inRoot(c column, root, local string) (medium, error) {
	k, err := m.files.look(root, local, c)
	if err != nil {
		return medium{}, err
	}
	kind := k.kind
	if c.MIMEType != "" {
		kind = c.MIMEType
	} else if err := supported(kind); err != nil {
		return medium{}, fmt.Errorf("%s: %w", local, err)
	}
	if err := checkSize(c, kind, k.size, k.extent); err != nil {
		return medium{}, fmt.Errorf("%s: %w", local, err)
	}
	return medium{
		media:  batch.Media{SHA256: k.sum, Size: k.size, MIMEType: kind, Root: root, Path: local},
		tokens: m.estimate.tokens(c.level, kind, k.size, k.extent),
	}, nil
}

// below returns a path relative to the root, and refuses one that leads out of it. Where
// links lead is checked when the file is opened. Hidden files are refused as well, because
// settings and keys are kept in them.
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

// openMedia opens a regular file or an object below a root. It follows links that stay there.
func openMedia(root, local string) (store.File, store.Info, error) {
	if store.IsAddress(root) {
		return openObject(root, local)
	}
	fail := func(err error) (store.File, store.Info, error) {
		var at *fs.PathError
		cause := err
		if errors.As(err, &at) {
			cause = at.Err
		}
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "; paths are relative to that folder, which --media-root can say"
		}
		return nil, store.Info{}, fmt.Errorf("%s cannot be read in %s: %w%s", message.OneLine(local, 200), root, cause, hint)
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	info, err := r.Stat(local) // before it is opened, because a pipe waits for its other end
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
	return f, store.Info{Size: info.Size(), ModTime: info.ModTime()}, nil
}

// errChanged says that a file is not what it was when its row was rendered.
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
	if info.Size != m.Size {
		f.Close()
		return nil, fmt.Errorf("%s: %w", m.Path, errChanged)
	}
	return f, nil
}

// inMemory is the content of a medium that a cell holds.
type inMemory struct{ io.ReaderAt }

func (inMemory) Close() error { return nil }
