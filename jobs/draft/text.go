package draft

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/internal/textfile"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file finds out how text files are to be read, where their user does not say it: in
// which encoding they are, what separates their fields, and what escapes quotes. A run decodes
// nothing by a guess. A draft may, since it writes the guess down for a person to read.

// textSources returns the text files of an input, and the format of each.
func textSources(s *spec.Spec) (sources []textfile.Source, formats []string) {
	encoding, err := textfile.FindEncoding(s.Encoding)
	if err != nil {
		return nil, nil // opening the input says so
	}
	for i, path := range s.InputFiles() {
		if i == maxFiles && s.FilesAsRows() {
			break
		}
		info, err := store.Stat(path)
		if err != nil || !info.Mode.IsRegular() {
			continue
		}
		kind, err := fileformat.Of(path, s.InputFormat, "--input-format")
		if err != nil && s.Delimiter != "" {
			kind, err = fileformat.Of(path, fileformat.CSV, "--input-format")
		}
		if err == nil && kind.Format != fileformat.Parquet {
			sources = append(sources, textfile.Source{Path: path, Compression: kind.Compression, Encoding: encoding})
			formats = append(formats, kind.Format)
		}
	}
	return sources, formats
}

// guessEncoding sets the encoding that the files are likely in, if they are not in UTF-8. It
// sets none if the files differ, since a job reads all of them in one.
func (s *Sample) guessEncoding() {
	if s.Reads.Encoding != "" {
		return
	}
	var guess, reason string
	inUTF8 := false
	sources, _ := textSources(&s.Reads)
	for _, source := range sources {
		l, err := source.Look()
		if err != nil {
			return
		}
		if s.Reads.FilesAsRows() && (bytes.IndexByte(l.Head, 0) >= 0 || bytes.HasPrefix(l.Head, []byte("%PDF-"))) {
			continue // no text
		}
		if l.Guess == "" {
			inUTF8 = inUTF8 || l.Encoding.Name() == "utf-8" && !isASCII(l.Head)
			continue
		}
		if guess != "" && guess != l.Guess {
			return
		}
		if guess == "" {
			var like []string
			for _, g := range textfile.GuessEncoding(l.Head) {
				like = append(like, fmt.Sprintf("%s (%q)", g.Encoding, g.Sample))
			}
			guess, reason = l.Guess, fmt.Sprintf("%s is not UTF-8, and looks like %s", terminal.Name(filepath.Base(source.Path)), strings.Join(like, " or "))
		}
	}
	if guess != "" && !inUTF8 {
		s.Reads.Encoding = guess
		s.found("encoding", reason)
	}
}

func isASCII(text []byte) bool {
	return !slices.ContainsFunc(text, func(b byte) bool { return b >= 0x80 })
}

// findDelimiter sets what separates the fields, if the files show another character than their
// format's own. It sets none if the files differ.
func (s *Sample) findDelimiter() {
	if s.Reads.FilesAsRows() {
		return
	}
	wish, err := textfile.NewWish(s.Reads.Delimiter, s.Reads.Escape, s.Reads.Quotes, s.Reads.NoQuotes)
	if err != nil || wish.Comma != 0 {
		return
	}
	var comma byte
	var reason string
	sources, formats := textSources(&s.Reads)
	for i, source := range sources {
		if formats[i] == fileformat.JSONL {
			continue
		}
		l, err := source.Look()
		if err != nil {
			return
		}
		wish.TSV = formats[i] == fileformat.TSV
		f, err := textfile.Find(l.Head, l.Whole, wish)
		if err != nil || comma != 0 && f.Comma != comma {
			return
		}
		comma = f.Comma
		if len(f.Notes) > 0 && reason == "" {
			reason, _, _ = strings.Cut(f.Notes[0], ", and the file is read so")
			reason = terminal.Name(filepath.Base(source.Path)) + ": " + reason
		}
	}
	if reason != "" {
		s.Reads.Delimiter = delimiterText(comma)
		s.found("delimiter", reason)
	}
}

// delimiterText returns a separator as a job file has it: by itself if it is plain to see.
func delimiterText(c byte) string {
	if c > ' ' && c != '\\' {
		return string(c)
	}
	return textfile.CharacterName(c)
}

// tryEscape looks again with a backslash as escape, if rows cannot be read without one, and
// keeps that if more of them can be read so.
func (s *Sample) tryEscape() *Sample {
	if s.Bad == 0 || s.Reads.Escape != "" || !strings.Contains(s.badRow, "--escape backslash") {
		return s
	}
	again := s.Reads
	again.Escape = "backslash"
	other, err := look(again)
	if err != nil || other.Bad >= s.Bad {
		return s
	}
	other.finds = slices.Clone(s.finds)
	other.found("escape", fmt.Sprintf(`a backslash stands before quotes, and %s would be skipped without it`, message.Plural(s.Bad-other.Bad, "row")))
	return other
}

// A find is a setting that the draft takes from the files themselves.
type find struct{ key, reason string }

func (s *Sample) found(key, reason string) { s.finds = append(s.finds, find{key, reason}) }

// reason says why the draft has a setting, if it takes it from the files.
func (s *Sample) reason(key string) string {
	for _, f := range s.finds {
		if f.key == key {
			return "Found: " + f.reason + "."
		}
	}
	return ""
}

// GuessedEncoding returns the encoding that the draft takes the input to be in, and why. It is
// empty if the input is UTF-8, or if its user says what it is.
func (s *Sample) GuessedEncoding() (name, reason string) {
	for _, f := range s.finds {
		if f.key == "encoding" {
			return s.Reads.Encoding, f.reason
		}
	}
	return "", ""
}

// textKeys are the keys of a job file that say how text files are read.
var textKeys = []string{"encoding", "delimiter", "escape", "no_quotes", "quotes", "null"}

// textSetting returns the value of one of textKeys as YAML. It is empty if nothing is said.
func (s *Sample) textSetting(key string) string {
	r := &s.Reads
	text := map[string]string{"encoding": r.Encoding, "delimiter": r.Delimiter, "escape": r.Escape}[key]
	switch {
	case text != "":
		return quote(text)
	case key == "no_quotes" && r.NoQuotes, key == "quotes" && r.Quotes:
		return "true"
	case key == "null" && len(r.Null) > 0:
		var texts []string
		for _, null := range r.Null {
			texts = append(texts, quote(null))
		}
		if len(texts) == 1 {
			return texts[0]
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return ""
}

// readAs says in one line how text files are read, where a setting says so.
func (s *Sample) readAs() string {
	var words []string
	for _, key := range textKeys {
		if value := s.textSetting(key); value != "" {
			words = append(words, key+" "+value)
		}
	}
	return strings.Join(words, ", ")
}
