package reader

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/textfile"
	"github.com/genbatch/genbatch/reader/internal/columnname"
)

// This file reads the header of a CSV or TSV file, and names its columns.

// quotedField matches a field that is in quotes, in a TSV file that is read without them.
var quotedField = regexp.MustCompile(`(^|[\t\n])"[^\t\n]*"(\t|\r?\n|$)`)

// readHeader reads the header's fields and refuses what cannot be one.
func (f *file) readHeader(r *textfile.Records) ([]string, error) {
	names, err := r.Next()
	var bad *textfile.BadRecord
	switch {
	case err == io.EOF:
		return nil, errors.New("is empty: the first line must name the columns")
	case errors.Is(err, textfile.ErrTooLong):
		return nil, &Error{File: f.path, Line: 1, Err: tooLong(f.max)}
	case errors.As(err, &bad):
		cause, _, _ := strings.Cut(bad.Error(), ";") // no row follows the header
		return nil, &Error{File: f.path, Line: r.Line(), Column: bad.Column, Err: errors.New(cause)}
	case err != nil:
		return nil, &Error{File: f.path, Line: 1, Err: err}
	}
	for i, name := range names {
		fail := func(err error) ([]string, error) {
			line, column := r.Place(i)
			return nil, &Error{File: f.path, Line: line, Column: column, Err: err}
		}
		switch {
		case !utf8.ValidString(name):
			return fail(f.notText(fmt.Sprintf("the name of column %d", i+1)))
		case strings.ContainsRune(name, 0):
			return fail(fmt.Errorf("the name of column %d has a NUL byte; is this UTF-16 without a byte order mark?", i+1))
		case strings.ContainsRune(name, '\r') && !r.Quoted(i):
			return fail(errors.New("the lines end in a bare carriage return; convert them, for example with: tr '\\r' '\\n'"))
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return name != "" }) {
		return nil, &Error{File: f.path, Line: r.Line(), Err: errors.New("the header names no column; the first line must name them")}
	}
	return slices.Clone(names), nil
}

// nameColumns returns the columns for the header, all of which have a name of their own,
// and notes what it had to change. It reads the first record, which shows what a comma at
// the end of header or rows stands for. Other programs write an index without a name,
// names that come twice, and a comma at each line's end.
func (f *file) nameColumns(r *textfile.Records) []batch.Column {
	names := f.header
	n := len(names)
	first, err := r.Next()
	switch {
	case err != nil:
	case n > 1 && names[n-1] == "" && len(first) == n-1:
		names, f.spare = names[:n-1], true
		f.note("the header ends in a separator and the rows do not: it is read as having %d columns", n-1)
	case len(first) == n+1 && first[n] == "":
		f.spare = true
		f.note("the rows end in a separator and the header does not: an empty field there is no column")
	}
	unique, said := columnname.Unique(names)
	if said != "" {
		f.note("in the header, %s", said)
	}
	columns := make([]batch.Column, len(unique))
	for i, name := range unique {
		columns[i] = batch.Column{Name: name, Type: batch.String}
	}
	return columns
}
