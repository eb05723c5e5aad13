package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// characters are the names by which separators and escapes can be given.
var characters = map[string]byte{
	"comma": ',', "semicolon": ';', "tab": '\t', "pipe": '|', "bar": '|', "colon": ':', "space": ' ', "caret": '^', "tilde": '~',
	"backslash": '\\', "slash": '/', "quote": '"', `\t`: '\t', `^a`: 1, `\\`: '\\', `\|`: '|', `\;`: ';',
}

// CharacterName names a separator or an escape, as the flags take it.
func CharacterName(c byte) string {
	switch c {
	case ',':
		return "comma"
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	case '|':
		return "pipe"
	case ' ':
		return "space"
	case '\\':
		return "backslash"
	}
	if c < ' ' {
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(c)
}

// character reads one character, by itself or by its name.
func character(text string) (byte, bool) {
	if c, ok := characters[strings.ToLower(text)]; ok {
		return c, true
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(text), `\x`); ok && len(hex) == 2 {
		n, err := strconv.ParseUint(hex, 16, 7)
		return byte(n), err == nil
	}
	if len(text) != 1 || text[0] >= 0x7F {
		return 0, false
	}
	return text[0], true
}

// ParseDelimiter returns the byte that separates fields, which text gives by itself or by a
// name: a comma, tab, semicolon. The empty text stands for none, 0. An error says what is
// wrong and, after a semicolon, what to do.
func ParseDelimiter(text string) (byte, error) {
	if text == "" {
		return 0, nil
	}
	c, ok := character(text)
	switch {
	case !ok && len([]rune(text)) == 1:
		return 0, fmt.Errorf("the delimiter %q is no character of ASCII; replace it in the file, for example with: sed 's/%s/\\t/g'", text, text)
	case !ok:
		return 0, fmt.Errorf("the delimiter %q has several characters; write one, such as ';' or tab, and replace longer ones in the file, for example with: sed 's/%s/\\t/g'", text, strings.ReplaceAll(text, "/", `\/`))
	case c == '"' || c == '\n' || c == '\r' || c == 0:
		return 0, fmt.Errorf("the delimiter cannot be %q, by which quotes and rows end; write ',' ';' tab or '|'", string(c))
	case c == 't':
		return 0, errors.New(`the delimiter is the letter t; write tab, or '\t' in quotes, for a tab`)
	case '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
		return 0, fmt.Errorf("the delimiter cannot be %q, which texts and numbers are made of; write ',' ';' tab or '|'", string(c))
	}
	return c, nil
}

// ParseEscape returns the byte that makes text of the character after it, which text gives by
// itself or by its name. The empty text, "none" and a quote stand for none, 0: quotes are
// then written twice. An error says what is wrong and, after a semicolon, what to do.
func ParseEscape(text string) (byte, error) {
	if text == "" || strings.EqualFold(text, "none") {
		return 0, nil
	}
	c, ok := character(text)
	switch {
	case ok && c == '"':
		return 0, nil
	case !ok || c <= ' ' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
		return 0, fmt.Errorf(`the escape %q is no single sign; write backslash, or '\' in quotes`, text)
	}
	return c, nil
}

// A Wish says how a CSV or TSV file is to be read, as far as its user does. The zero value
// leaves everything to the file.
type Wish struct {
	TSV      bool // the file's name says TSV, else CSV
	Comma    byte // 0 leaves it to the file
	Quotes   bool // also where tabs separate the fields
	NoQuotes bool
	Escape   byte // 0 for none
}

// NewWish returns the Wish of a user who says all but the file's name. An error says what is
// wrong and what to do.
func NewWish(delimiter, escape string, quotes, noQuotes bool) (w Wish, err error) {
	w = Wish{Quotes: quotes, NoQuotes: noQuotes}
	if w.Comma, err = ParseDelimiter(delimiter); err != nil {
		return w, err
	}
	if w.Escape, err = ParseEscape(escape); err != nil {
		return w, err
	}
	switch {
	case quotes && noQuotes:
		return w, errors.New("--quotes and --no-quotes contradict each other; keep one of them")
	case w.Escape != 0 && w.Escape == w.Comma:
		return w, fmt.Errorf("--delimiter and --escape are both %q, and one character cannot be both; change one of them", string(w.Escape))
	}
	return w, nil
}

// A Finding is how a file is read, with what its user should know of it.
type Finding struct {
	Dialect
	SepLine bool // the first line is Excel's sep=; and no header
	Notes   []string
}

// sepLine matches the first line by which Excel is told what separates the fields. Some
// programs fill it up with separators.
var sepLine = regexp.MustCompile(`^(?i:sep)=([^\r\n])([,;\t]*)\r?\n`)

// separators are what separates fields in files of other programs, in the order in which they
// are tried.
var separators = []struct {
	char byte
	name string
}{{',', "commas"}, {';', "semicolons"}, {'\t', "tabs"}, {'|', "vertical bars"}}

// separatorName names what separates fields, in the plural.
func separatorName(c byte) string {
	for _, s := range separators {
		if s.char == c {
			return s.name
		}
	}
	return fmt.Sprintf("%q", string(c))
}

// Find finds out how a table is to be read. head is the beginning of its text, and
// whole says that nothing follows. It changes nothing that the user has said. It finds another
// separator than the format's own only if the header and nearly all of the first rows agree on
// it, and only if they do not agree on the format's own; then it adds a note.
//
// An error says that the header seems to be separated by something else, which the rows do
// not confirm.
func Find(head []byte, whole bool, w Wish) (Finding, error) {
	f := Finding{Dialect: Dialect{Comma: ',', Quotes: true, Escape: w.Escape}}
	if w.TSV {
		f.Comma = '\t'
	}
	m := sepLine.FindSubmatch(head)
	if m != nil {
		f.SepLine = true
		head = head[len(m[0]):]
	}
	if !whole { // what is cut off is no row
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	switch {
	case w.Comma != 0:
		f.Comma = w.Comma
		if m != nil && m[1][0] != w.Comma {
			f.note("the first line, sep=%s, says what separates the fields, and --delimiter %s says otherwise and counts", m[1], CharacterName(w.Comma))
		}
	case m != nil:
		var err error
		if f.Comma, err = ParseDelimiter(string(m[1])); err != nil {
			return f, fmt.Errorf("the first line, sep=%s: %w", m[1], err)
		}
		f.note("the first line, sep=%s, says that %s separate the fields, and is no row", m[1], separatorName(f.Comma))
	default:
		if err := f.sniff(head, w); err != nil {
			return f, err
		}
	}
	if w.Escape == f.Comma { // NewWish has refused it where --delimiter says so
		return f, fmt.Errorf("%s separate the fields, and --escape %s cannot be the same; leave it out, or say --delimiter", separatorName(f.Comma), CharacterName(w.Escape))
	}
	f.Quotes = quotes(head, f.Comma, w)
	return f, nil
}

func (f *Finding) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

// quotes says whether the fields of a file may be in quotes. Where tabs separate them, they
// are so only if the header says so, by names that are all in quotes: such a file was written
// by a program that puts texts in quotes, as package writer does. Most programs write TSV
// without, and a quote is then a part of the text.
func quotes(head []byte, comma byte, w Wish) bool {
	if w.NoQuotes || w.Quotes || comma != '\t' {
		return !w.NoQuotes
	}
	r := recordsOf(head, Dialect{Comma: comma, Quotes: true, Escape: w.Escape})
	names, err := r.Next()
	for i := range names {
		if !r.Quoted(i) {
			return false
		}
	}
	return err == nil // a header that cannot be read with quotes is read without
}

// recordsOf reads the records of a text in memory.
func recordsOf(text []byte, d Dialect) *Records {
	open := func() (*File, error) { return &File{Reader: bufio.NewReader(bytes.NewReader(text))}, nil }
	r, _ := NewRecords(open, d, len(text)+1) // opening memory does not fail
	return r
}

// A fit says how well a separator divides the beginning of a table.
type fit struct {
	columns int // of the header; 0 if it is no record
	quoted  bool
	rows    int // that were looked at
	same    int // rows with as many fields as the header
	header  string
}

// share returns the share of rows that have as many fields as the header. Without any row,
// nothing speaks against the header.
func (f fit) share() float64 {
	if f.rows == 0 {
		return 1
	}
	return float64(f.same) / float64(f.rows)
}

// fitOf reads the first rows of a table.
func fitOf(head []byte, d Dialect) (f fit) {
	const most = 100 // rows
	r := recordsOf(head, d)
	names, err := r.Next()
	if err != nil {
		return f
	}
	f.columns, f.quoted, f.header = len(names), r.Quoted(0), names[0]
	spare := f.columns > 1 && names[f.columns-1] == "" // a separator at the end of the header alone
	for f.rows < most {
		record, err := r.Next()
		var bad *BadRecord
		if err != nil && !errors.As(err, &bad) {
			break
		}
		f.rows++
		n := len(record)
		if n == f.columns || n == f.columns+1 && record[n-1] == "" || spare && n == f.columns-1 {
			f.same++
		}
	}
	return f
}

// sniff changes the separator if the file clearly has another one than its format.
func (f *Finding) sniff(head []byte, w Wish) error {
	try := func(comma byte) fit {
		return fitOf(head, Dialect{Comma: comma, Quotes: quotes(head, comma, w), Escape: w.Escape})
	}
	own := try(f.Comma)
	const doubt, sure = 0.5, 0.9 // shares of rows
	if own.columns > 1 && own.share() >= doubt {
		return nil
	}
	best, chosen := own, f.Comma
	for _, s := range separators {
		if s.char == f.Comma {
			continue
		}
		t := try(s.char)
		if t.columns < 2 || t.share() < sure || own.columns > 1 && t.rows == 0 {
			continue
		}
		if chosen == f.Comma || t.share() > best.share() || t.share() == best.share() && t.columns > best.columns {
			best, chosen = t, s.char
		}
	}
	if chosen != f.Comma {
		show := fmt.Sprintf("the header and the first %d rows show", best.rows)
		switch best.rows {
		case 0:
			show = "the header shows"
		case 1:
			show = "the header and the first row show"
		}
		f.note("%s separate the fields, as %s, and the file is read so; --delimiter %s reads it otherwise", separatorName(chosen), show, CharacterName(f.Comma))
		f.Comma = chosen
		return nil
	}
	if own.columns == 1 && !own.quoted {
		for _, s := range separators {
			if s.char != f.Comma && strings.IndexByte(own.header, s.char) >= 0 {
				return fmt.Errorf("the header is one column, %q: its fields seem to be separated by %s, and the rows do not have as many; say --delimiter %s, or --delimiter %s if it is one column",
					own.header, separatorName(s.char), CharacterName(s.char), CharacterName(f.Comma))
			}
		}
	}
	return nil
}
