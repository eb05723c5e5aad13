package reader

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file knows text files as they come: in which encoding they are, and what separates
// their fields. Package textfile finds that out.

// textOptions are what a Config says of text files.
type textOptions struct {
	wish     textfile.Wish
	encoding textfile.Encoding
	null     []string
}

func newTextOptions(c Config) (o *textOptions, err error) {
	o = &textOptions{null: c.Null}
	if o.wish, err = textfile.NewWish(c.Delimiter, c.Escape, c.Quotes, c.NoQuotes); err != nil {
		return nil, err
	}
	o.encoding, err = textfile.FindEncoding(c.Encoding)
	return o, err
}

// kind returns the file's format and compression. A file whose name says no format has one if
// the user says what separates its fields.
func (f *file) kind(format string) (fileformat.File, error) {
	kind, err := fileformat.Of(f.path, format, "--input-format")
	if err != nil && format == "" && f.text.wish.Comma != 0 && !fileformat.IsForeign(f.path) {
		return fileformat.Of(f.path, fileformat.CSV, "--input-format")
	}
	return kind, err
}

// source returns the file as text.
func (f *file) source() textfile.Source {
	return textfile.Source{Path: f.path, Compression: f.compression, Encoding: f.text.encoding}
}

// openText opens the file as text. The caller must Close the result.
func (f *file) openText() (*textfile.File, error) { return f.source().Open() }

// look looks at the beginning of a text file, and refuses a file of another kind.
func (f *file) look() (textfile.Look, error) {
	l, err := f.source().Look()
	if err != nil {
		return l, err
	}
	if what := fileformat.OtherKind(l.Start, f.format); what != "" {
		return l, &Error{File: f.path, Line: 1, Column: 1, Err: errors.New(what)}
	}
	if strings.HasPrefix(l.Guess, "utf-") {
		return l, fmt.Errorf("is text in %s without a byte order mark; read it with --encoding %s", strings.ToUpper(l.Guess), l.Guess)
	}
	f.encoding, f.guess = l.Encoding, l.Guess
	f.notes = slices.Concat(f.notes, l.Notes)
	return l, nil
}

// notText says that something has bytes that are no text, and what to do.
func (f *file) notText(what string) error {
	switch {
	case f.encoding.Name() != "utf-8":
		return fmt.Errorf("%s has bytes that are no character of %s; mend them, or say another --encoding", what, f.encoding.Name())
	case f.guess != "":
		return fmt.Errorf("%s is not UTF-8; it looks like %s: read the file with --encoding %s", what, f.guess, f.guess)
	}
	return fmt.Errorf("%s is not UTF-8; say what it is with --encoding, such as windows-1252, or mend the bytes", what)
}
