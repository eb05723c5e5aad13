package jobfile

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/spec"
)

// sections are the tables of keys in the documentation, by the key that each begins with.
var sections = []struct{ first, title string }{
	{"input", "Rows and output"}, {"model", "Model and endpoint"}, {"prompt", "What to ask"}, {"system", "What else is in a request"},
	{"concurrency", "Calls and limits"}, {"max_cost", "Cost and columns"}, {"on_finish", "At the end of a run"},
}

// below are the groups of keys, by the key that they stand under.
var below = []struct {
	group, path string
	keys        reflect.Type
}{
	{"classify", "classify", reflect.TypeFor[spec.Classify]()}, {"classify.questions.NAME", "questions", reflect.TypeFor[spec.Question]()}, {"summarize", "summarize", reflect.TypeFor[spec.Summarize]()}, {"extract", "extract", reflect.TypeFor[spec.Extract]()},
	{"raw", "raw", reflect.TypeFor[spec.Raw]()}, {"media", "media", reflect.TypeFor[spec.MediaColumn]()}, {"classify.examples", "examples", reflect.TypeFor[spec.Examples]()},
	{"expected.NAME", "expected", reflect.TypeFor[spec.ExpectedColumn]()}, {"webhook", "webhook", reflect.TypeFor[spec.Webhook]()},
}

// keyTables returns the tables of all keys, in Markdown.
func keyTables() string {
	var b strings.Builder
	rows := func(t reflect.Type, path string) {
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if !t.Field(i).IsExported() {
				continue
			}
			for _, s := range sections {
				if path == "" && s.first == name {
					fmt.Fprintf(&b, "\n### %s\n\n| key | what it is for | default |\n|---|---|---|\n", s.title)
				}
			}
			m := meanings[strings.TrimPrefix(path+"."+name, ".")]
			fallback := m.none
			if fallback == "" && m.fallback != nil {
				fallback = fmt.Sprintf("`%v`", m.fallback)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(m.text, "|", `\|`), fallback)
		}
	}
	rows(reflect.TypeFor[spec.Spec](), "")
	for _, g := range below {
		fmt.Fprintf(&b, "\n### Under %s\n\n| key | what it is for | default |\n|---|---|---|\n", "`"+g.group+":`")
		rows(g.keys, g.path)
	}
	return b.String()
}

// The documentation lists every key, with the words of the schema.
func TestKeysDocument(t *testing.T) {
	const begin, end = "<!-- keys:begin -->\n", "<!-- keys:end -->\n"
	path := filepath.Join("..", "..", "docs", "job-file.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the keys", path)
	}
	want := head + begin + keyTables() + "\n" + end + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s does not list the keys as they are now: go test ./jobs/jobfile -update writes them", path)
	}
}
