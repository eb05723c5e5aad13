package reader

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file reads the header of a CSV or TSV file, and names its columns.

// quotedHeader reports whether each name of a TSV file is in quotes. Such a file was
// written by a program that puts texts in quotes, as package writer does. TSV is otherwise
// read without them, since most programs write it so, and a quote is then a part of the
// text.
func (f *file) quotedHeader() (bool, error) {
	r, err := textfile.NewRecords(f.openText, '\t', true, f.max)
	if err != nil {
		return false, err
	}
	defer r.Close()
	names, err := r.Next()
	for i := range names {
		if !r.Quoted(i) {
			return false, nil
		}
	}
	return err == nil, nil // a header that cannot be read with quotes is read without
}

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
		fail := func(format string, args ...any) ([]string, error) {
			line, column := r.Place(i)
			return nil, &Error{File: f.path, Line: line, Column: column, Err: fmt.Errorf(format, args...)}
		}
		switch {
		case i == 0 && !r.Quoted(0) && otherKind(r.Text()) != "":
			return fail("%s", otherKind(r.Text()))
		case !utf8.ValidString(name):
			return fail("the name of column %d is not UTF-8; convert the file, for example with iconv", i+1)
		case strings.ContainsRune(name, 0):
			return fail("the name of column %d has a NUL byte; is this UTF-16 without a byte order mark?", i+1)
		case strings.ContainsRune(name, '\r') && !r.Quoted(i):
			return fail("the lines end in a bare carriage return; convert them, for example with: tr '\\r' '\\n'")
		case i == 0 && !r.Quoted(0) && strings.HasPrefix(strings.ToLower(name), "sep=") && (len(names) == 1 || len(names) == 2 && names[1] == ""):
			return fail("the first line tells Excel what separates the fields (%s), and does not name the columns; remove it, for example with: tail -n +2", name)
		}
		if sep := f.separatorIn(name); sep != "" && len(names) == 1 && !r.Quoted(0) {
			return fail("the header is one column, %q: the fields seem to be separated by %s, not by %s; %s", name, sep, f.separators(),
				"convert the file ("+f.otherFormat()+"), or name the column otherwise")
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return name != "" }) {
		return nil, &Error{File: f.path, Line: r.Line(), Err: errors.New("the header names no column; the first line must name them")}
	}
	return slices.Clone(names), nil
}

// otherKind says what a file is that begins with this line, if it is clearly no table of
// fields. Otherwise it returns "".
func otherKind(line []byte) string {
	begins := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool {
			return len(line) >= len(p) && (string(line[:len(p)]) == p || p[0] == '<' && strings.EqualFold(string(line[:len(p)]), p))
		})
	}
	switch {
	case begins("PK\x03\x04", "\xd0\xcf\x11\xe0"):
		return "is an Excel workbook or another archive, whatever its name says; save the table as CSV UTF-8 from the program that made it"
	case begins("\x1f\x8b"):
		return "is compressed with gzip; give it a name that ends in .gz"
	case begins("\x28\xb5\x2f\xfd"):
		return "is compressed with zstd; give it a name that ends in .zst"
	case begins("BZh", "\xfd7zXZ"):
		return "is compressed in a way that is not read here; unpack it first, for example with bunzip2 or unxz"
	case begins("PAR1"):
		return "is a Parquet file; read it with --input-format parquet"
	case begins(`{"`, `{ "`, `[{`):
		return "is JSON; read it with --input-format jsonl if it has one object a line"
	case begins("<!doctype", "<html", "<?xml"):
		return "is HTML or XML, not a table; perhaps a download that failed"
	}
	return ""
}

// separatorIn names the character in a header by which other programs separate fields,
// or returns "". A file with such a header would be read silently as one column.
func (f *file) separatorIn(header string) string {
	for _, s := range []struct{ char, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "vertical bars"}, {",", "commas"}} {
		if strings.Contains(header, s.char) && s.name != f.separators() && (s.char != "," || f.format == fileformat.TSV) {
			return s.name
		}
	}
	return ""
}

// separators names what separates the fields of the file.
func (f *file) separators() string {
	if f.format == fileformat.TSV {
		return "tabs"
	}
	return "commas"
}

func (f *file) otherFormat() string {
	if f.format == fileformat.TSV {
		return "one with commas is read with --input-format csv"
	}
	return "a tab-separated one is read with --input-format tsv"
}

// nameColumns returns the columns for the header, all of which have a name of their own,
// and notes what it had to change. It reads the first record, which shows what a comma at
// the end of header or rows stands for. Other programs write an index without a name,
// names that come twice, and a comma at each line's end.
func (f *file) nameColumns(r *textfile.Records) []batch.Column {
	names := slices.Clone(f.header)
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
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	var said []string
	columns := make([]batch.Column, len(names))
	used := make(map[string]bool, len(names))
	next := make(map[string]int) // the number to try next, by name
	for i, name := range names {
		if name == "" || used[name] {
			what, free := fmt.Sprintf("is another %q", name), name
			if name == "" {
				what, name = "has no name", "column_"+strconv.Itoa(i+1)
				free = name
			}
			for taken[free] {
				next[name] = max(2, next[name]+1)
				free = name + "_" + strconv.Itoa(next[name])
			}
			said = append(said, fmt.Sprintf("column %d %s and is called %q", i+1, what, free))
			name = free
		}
		taken[name], used[name] = true, true
		columns[i] = batch.Column{Name: name, Type: batch.String}
	}
	if len(said) > 0 {
		const most = 5
		if more := len(said) - most; more > 0 {
			said = append(said[:most], fmt.Sprintf("%d more likewise", more))
		}
		f.note("in the header, %s", strings.Join(said, "; "))
	}
	return columns
}

// checkQuotes notes that fields of a TSV file look as if they were in quotes, and are read
// without.
func (f *file) checkQuotes(r *textfile.Records) error {
	if r.Quotes() {
		return nil
	}
	t, err := f.openText()
	if err != nil {
		return err
	}
	defer t.Close()
	if head, _ := t.Peek(textfile.Buffer); quotedField.Match(head) {
		f.note("TSV is read without quotes, so that the quotes around fields count as text; if they are to be removed, use --quotes")
	}
	return nil
}
