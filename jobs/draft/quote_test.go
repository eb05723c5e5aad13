package draft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/spec"
)

// written returns what a job file has where a text stands in a key, in a list and as a label.
func written(t *testing.T, text string) (key, item, label string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "job.yaml")
	q := quote(text)
	file := "key: " + q + "\ncolumns:\n  - " + q + "\nclassify:\n  labels:\n    " + q + ":\n    other: " + q + "\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := spec.Load(path)
	if err != nil {
		t.Fatalf("%q is written as %s, and that is read as: %v", text, q, err)
	}
	if len(s.Columns) != 1 || len(s.Classify.Labels) != 2 || s.Classify.Labels[1].Description != text {
		t.Fatalf("%q is written as %s, and that is read as %+v and %+v", text, q, s, s.Classify)
	}
	return s.Key, s.Columns[0], s.Classify.Labels[0].Name
}

// A text comes back from the file as it was, whatever YAML and terminals make of its
// characters.
func TestQuote(t *testing.T) {
	for _, text := range strings.Split("id|true|no|Yes|null|~|2.50|0x1F|1e3|12:30|2026-01-01|a b|a.b|a,b|a: b|a #b|#a|- a|-|?|: |%a|!a|&a|*a|{a}|[a]|\"a\"|'a'|a\"b|a\\b|`a`|a\nb|a\tb| a|a |é|日本|👍🏽|\u202eabc|\u200b|\x1b[31m|\x00|\u0085|\u2028|\U000e0041|\ufeff|a@b|<<|=|.inf|a{{b}}|'|\"|\\|---|...|"+strings.Repeat("long ", 60), "|") {
		if text == "" {
			continue
		}
		key, item, label := written(t, text)
		if key != text || item != text || label != text {
			t.Errorf("%q is written as %s, and read as %q, %q and %q", text, quote(text), key, item, label)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a\x1b\"\\\n: # é\U000e0041")
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || text[0] == '@' || !utf8.ValidString(text) { // a label that begins with an at sign names a file
			return
		}
		if q := quote(text); terminal.Safe(q) != q || strings.ContainsAny(q, "\n\t") {
			t.Errorf("%q is written as %q", text, q)
		}
		if key, item, label := written(t, text); key != text || item != text || label != text {
			t.Errorf("%q is written as %s, and read as %q, %q and %q", text, quote(text), key, item, label)
		}
	})
}
