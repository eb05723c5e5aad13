package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/textfile"
	"github.com/genbatch/genbatch/reader"
)

// This file has the settings that say how text files are read and written.

// ReaderConfig returns what a Spec says of how files of its input are read.
func ReaderConfig(s *Spec, paths []string) reader.Config {
	shard, _ := s.ShardOf() // Check has looked at it
	return reader.Config{
		Paths: paths, Shard: shard, Format: s.InputFormat, MaxRowBytes: s.MaxRowBytes,
		Root: s.filesRoot(), Quotes: s.Quotes, NoQuotes: s.NoQuotes, Delimiter: s.Delimiter, Escape: s.Escape, Null: s.Null, Encoding: s.Encoding,
	}
}

// InputFiles returns the files that the input stands for. A path that stands for none is left
// out: opening the input says what is wrong with it.
func (s *Spec) InputFiles() (files []string) {
	for _, path := range s.Input {
		found, _ := reader.Expand(path, s.InputFormat)
		files = append(files, found...)
	}
	return files
}

// FilesAsRows reports whether each file of the input is a row.
func (s *Spec) FilesAsRows() bool { return strings.EqualFold(s.InputFormat, fileformat.Files) }

// filesRoot returns the folder that the paths of files as rows are relative to.
func (s *Spec) filesRoot() string {
	if !s.FilesAsRows() {
		return ""
	}
	return s.MediaRoot
}

// StdinFormat returns the format of stdin, or "" if its first bytes are to tell. What has
// separators between its fields is CSV.
func StdinFormat(s *Spec) string {
	if s.InputFormat == "" && s.Delimiter != "" {
		return fileformat.CSV
	}
	return s.InputFormat
}

// NullText returns what is written for null in CSV and TSV outputs; nil if nothing is said.
func NullText(s *Spec) *string {
	if len(s.Null) == 0 {
		return nil
	}
	return &s.Null[0]
}

// CheckText returns an [*Error] for the first setting of text files that is impossible.
func CheckText(s *Spec) error {
	for _, path := range s.Input {
		if way := fileformat.Download(path); way != "" && !store.IsAddress(path) {
			return Errorf("fetch it first, with: "+way, "the input %s is an address, and inputs are files, which are read twice and more", path)
		}
	}
	for name, path := range map[string]string{"api_key_file": s.APIKeyFile, "webhook.secret_file": s.Webhook.SecretFile} {
		if fileformat.IsAddress(path) {
			return Errorf("fetch it to a file that only you can read, or have it in the environment", "%s is the address %s, and secrets are read from files of this machine", name, path)
		}
	}
	if fileformat.IsAddress(s.Output) && !store.IsAddress(s.Output) {
		return Errorf("write a file or an object, such as s3://bucket/labels.csv, and send that there", "the output %s is an address of no object store", s.Output)
	}
	if s.FilesAsRows() {
		if slices.Contains(s.Input, "-") {
			return Errorf("name files, a folder or a glob", "stdin is no file, and with --input-format files each file is a row")
		}
		for flag, given := range map[string]bool{"--delimiter": s.Delimiter != "", "--escape": s.Escape != "", "--quotes": s.Quotes, "--no-quotes": s.NoQuotes} {
			if given {
				return Errorf("leave one of them out", "%s says how tables are read, and with --input-format files each file is a row", flag)
			}
		}
	}
	if _, err := textfile.NewWish(s.Delimiter, s.Escape, s.Quotes, s.NoQuotes); err != nil {
		return &Error{Err: err}
	}
	if _, err := textfile.ParseDelimiter(s.OutputDelimiter); err != nil {
		return &Error{Err: fmt.Errorf("output_delimiter: %w", err)}
	}
	if _, err := textfile.FindEncoding(s.Encoding); err != nil {
		hint := "write a name such as windows-1252, utf-16le, shift_jis or gbk; without --encoding, plan says what a file looks like"
		if near := message.Nearest(strings.ToLower(s.Encoding), textfile.Encodings()); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		} else if strings.EqualFold(s.Encoding, "ansi") {
			hint = "Windows calls so what is windows-1252 in western Europe and America, windows-1250 and 1251 in eastern Europe, shift_jis in Japan and gbk in China"
		}
		return Errorf(hint, "%w", err)
	}
	for _, null := range s.Null {
		if strings.ContainsAny(null, "\"\r\n") {
			return Errorf(`write the text alone, such as --null NULL or --null '\N'; a field in quotes is never null`, "null is %q, with quotes or a line end", message.OneLine(null, 80))
		}
	}
	return nil
}

// Reads names the settings by which two Specs read the same files differently, so that rows of
// one may be other rows for the other.
func Reads(a, b *Spec) (differ []string) {
	for _, s := range []struct {
		name string
		same bool
	}{
		{"input_format", strings.EqualFold(a.InputFormat, b.InputFormat)},
		{"delimiter", a.Delimiter == b.Delimiter},
		{"encoding", strings.EqualFold(a.Encoding, b.Encoding)},
		{"escape", a.Escape == b.Escape},
		{"quotes", a.Quotes == b.Quotes},
		{"no_quotes", a.NoQuotes == b.NoQuotes},
		{"null", slices.Equal(a.Null, b.Null)},
	} {
		if !s.same {
			differ = append(differ, s.name)
		}
	}
	return differ
}
