package reader

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file makes a row of each file.
//
// DuckDB's read_text gives filename, content, size and last_modified. Of these the time is left
// out: rows are to follow from what the files hold, and a copy of a folder has other times.

// PathColumn is the column of files as rows that has the file's path.
const PathColumn = "path"

const textColumn = "text"

// fileColumns are shared by all rows, and nobody changes them.
var fileColumns = []batch.Column{{Name: PathColumn, Type: batch.String}, {Name: textColumn, Type: batch.String}, {Name: "size", Type: batch.Int}}

// pathBelow returns a path as the column path has it: with forward slashes, and relative to the
// root if it is below that.
func pathBelow(root, path string) string {
	if store.IsAddress(path) {
		return strings.TrimPrefix(path, strings.TrimSuffix(root, "/")+"/")
	}
	if root != "" {
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			path = rel
		}
	}
	return filepath.ToSlash(path)
}

// rowsFiles yields the one row of the file. What is wrong with a file is wrong with its row
// alone, as long as the disk can be read.
func (f *file) rowsFiles(yield func(batch.Row) bool) error {
	row := batch.Row{Line: 1, Columns: f.columns, Values: []any{pathBelow(f.root, f.path), nil, f.info.Size}}
	text, isText, err := f.readText()
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return &Error{File: f.path, Err: plainPathError(err)}
	case err != nil:
		row.Err = &Error{File: f.path, Err: plainPathError(err)}
	case isText:
		row.Values[1] = text
	}
	yield(row)
	return nil
}

// readText returns the text of the file. ok is false if it holds none, as an image does. Of a
// text in another encoding than the one that was said, the error says which it looks like.
func (f *file) readText() (text string, ok bool, err error) {
	t, err := f.openText()
	if err != nil {
		return "", false, err
	}
	defer t.Close()
	head, err := t.Peek(textfile.Buffer)
	if err != nil && err != io.EOF {
		return "", false, err
	}
	as := *f // in its encoding
	as.encoding, as.guess = t.Encoding, ""
	if t.Encoding.Name() == "utf-8" && !t.Marked {
		as.guess = f.likelyEncoding(head)
	}
	switch {
	case as.guess != "":
		return "", false, as.notText("the file")
	case isBinary(string(head)):
		return "", false, nil
	}
	var b strings.Builder
	if f.compression == "" {
		b.Grow(int(min(f.info.Size, int64(f.max)) + 1))
	}
	if n, err := io.Copy(&b, io.LimitReader(t, int64(f.max)+1)); err != nil {
		return "", false, err
	} else if n > int64(f.max) {
		return "", false, tooLong(f.max)
	}
	switch text = b.String(); {
	case isBinary(text):
		return "", false, nil
	case !utf8.ValidString(text):
		if guesses := textfile.GuessEncoding([]byte(text)); len(guesses) > 0 && t.Encoding.Name() == "utf-8" {
			as.guess = guesses[0].Encoding
		}
		return "", false, as.notText("the file")
	}
	return text, true, nil
}

// likelyEncoding returns the encoding that a text is likely in of which head is the beginning,
// or "" if it is UTF-8, or no text.
func (f *file) likelyEncoding(head []byte) string {
	guesses := textfile.GuessEncoding(head)
	if len(guesses) == 0 || isBinary(string(head)) && !strings.HasPrefix(guesses[0].Encoding, "utf-") {
		return ""
	}
	source := f.source()
	source.Encoding, _ = textfile.FindEncoding(guesses[0].Encoding)
	t, err := source.Open()
	if err != nil {
		return ""
	}
	defer t.Close()
	if decoded, _ := t.Peek(textfile.Buffer); isBinary(string(decoded)) || bytes.IndexByte(decoded, 0xFF) >= 0 {
		return ""
	}
	return guesses[0].Encoding
}

// isBinary reports whether a file holds something else than text: whether it is a PDF, or has
// control characters that no text has. Which those are is what browsers go by:
// https://mimesniff.spec.whatwg.org/#binary-data-byte
func isBinary(text string) bool {
	if strings.HasPrefix(text, "%PDF-") {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != '\x1b' {
			return true
		}
	}
	return false
}
