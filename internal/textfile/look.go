package textfile

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A Source is a text file as its user describes it.
type Source struct {
	Path        string
	Compression string   // "gz", "zst" or empty
	Encoding    Encoding // unless a byte order mark says another one
}

// A Look is what the beginning of a text file tells.
type Look struct {
	Start []byte // the first bytes, decompressed and not decoded
	Head  []byte // the beginning of the text in UTF-8, up to Buffer bytes
	Whole bool   // nothing follows Head

	Encoding Encoding // in which the text is read

	// Guess is the encoding that the text is likely in, if it is not in the one that it is
	// read in; else it is empty.
	Guess string
	Notes []string // what the user should know of the encoding
}

// Look looks at the beginning of the file. The error is that of opening it, or says
// that it cannot be in its encoding. What is found damaged is left to whoever reads the
// rows, and can say in which line.
func (s Source) Look() (l Look, err error) {
	t, err := s.Open()
	if err != nil {
		return l, err
	}
	defer t.Close()
	l.Start, l.Encoding = t.start, t.Encoding
	head, err := t.Peek(Buffer)
	l.Head, l.Whole = bytes.Clone(head), err == io.EOF
	switch {
	case t.Marked && s.Encoding.name != "" && s.Encoding.name != "utf-16" && t.Encoding.name != s.Encoding.name:
		l.note("it begins with the byte order mark of %s, which counts before --encoding %s", t.Encoding.Name(), s.Encoding.Name())
	case t.Marked:
	case t.Encoding.utf16 != notUTF16 && len(l.Start) > 1 && bytes.IndexByte(l.Start, 0) < 0 && validStart(l.Start):
		return l, fmt.Errorf("is no text in %s, of which every other byte or so is zero; leave out --encoding, or say another one", t.Encoding.Name())
	case t.Encoding.name == "":
		l.guess()
	default:
		l.doubt(s)
	}
	return l, nil
}

func (l *Look) note(format string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(format, args...))
}

// guess looks for the encoding of a text that is not UTF-8.
func (l *Look) guess() {
	guesses := GuessEncoding(l.Head)
	if len(guesses) == 0 {
		return
	}
	l.Guess = guesses[0].Encoding
	if strings.HasPrefix(l.Guess, "utf-") {
		return // nothing of it can be read, which is an error and no note
	}
	var like []string
	for _, g := range guesses {
		like = append(like, fmt.Sprintf("%s (%q)", g.Encoding, g.Sample))
	}
	line := 1 + bytes.Count(l.Head[:FirstInvalid(l.Head)], []byte("\n"))
	l.note("line %d is not UTF-8; it looks like %s: read the file with --encoding %s. Without that, rows with such bytes are skipped", line, strings.Join(like, " or "), l.Guess)
}

// doubt says what speaks against the encoding that the user gives.
func (l *Look) doubt(s Source) {
	plain := s
	plain.Encoding = Encoding{}
	t, err := plain.Open()
	if err != nil {
		return
	}
	defer t.Close()
	raw, err := t.Peek(Buffer)
	isUTF8 := utf8.Valid(raw) || err != io.EOF && validStart(raw)
	isASCII := !bytes.ContainsFunc(raw, func(r rune) bool { return r >= utf8.RuneSelf })
	switch at := bytes.IndexFunc(l.Head, func(r rune) bool { return r >= 0x80 && r < 0xA0 }); {
	case !isASCII && s.Encoding.table != nil && isUTF8:
		l.note("its beginning is UTF-8, and it is read as %s all the same, by --encoding: %q becomes %q", s.Encoding.Name(), sampleOf(string(raw)), sampleOf(string(l.Head)))
	case at >= 0 && strings.HasPrefix(s.Encoding.name, "iso-8859"):
		line := 1 + bytes.Count(l.Head[:at], []byte("\n"))
		l.note("line %d has control characters that stand for quotes and dashes in windows-1252: read the file with --encoding windows-1252, unless %s is certain", line, s.Encoding.Name())
	}
}

// FirstInvalid returns the place of the first byte of a text that is not UTF-8.
func FirstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(text)
}
