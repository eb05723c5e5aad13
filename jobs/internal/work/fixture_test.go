package work

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A fixture is a job that shows a row's q to the model, with its journal.
type fixture struct {
	t       *testing.T
	path    string
	journal *journal.Journal
	config  Config // of the lists that the fixture makes
}

func newFixture(t *testing.T, rows ...string) *fixture {
	t.Helper()
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "in.jsonl")}
	p, err := prompt.New(&spec.Spec{Model: "m", Prompt: "{{.q}}"}, prompt.Wording)
	if err != nil {
		t.Fatal(err)
	}
	f.config = Config{Prompt: p, Refuse: func(*batch.Request) error { return nil }}
	if f.journal, err = journal.Open(journal.Config{Dir: t.TempDir(), FS: jobtest.Unsynced}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	f.input(rows...)
	return f
}

// input writes the rows: each is a value of q, or a whole line if it begins with a brace.
func (f *fixture) input(rows ...string) {
	f.t.Helper()
	var b strings.Builder
	for _, row := range rows {
		if !strings.HasPrefix(row, "{") {
			row = fmt.Sprintf(`{"q":%q}`, row)
		}
		b.WriteString(row + "\n")
	}
	f.write(b.String())
}

// write writes the input's bytes and opens it.
func (f *fixture) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	var err error
	if f.config.Input, err = reader.Open(reader.Config{Paths: []string{f.path}}); err != nil {
		f.t.Fatal(err)
	}
}

// list returns the list of all rows, with the journal in use.
func (f *fixture) list() *List {
	f.t.Helper()
	l, err := NewList(f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	l.Use(f.journal)
	return l
}

// fingerprint returns that of the request to which a value of q renders.
func (f *fixture) fingerprint(q string) batch.Fingerprint {
	f.t.Helper()
	_, body, err := f.config.Prompt.Render(&batch.Row{Columns: []batch.Column{{Name: "q"}}, Values: []any{q}})
	if err != nil {
		f.t.Fatal(err)
	}
	print, err := batch.FingerprintOf("m", body)
	if err != nil {
		f.t.Fatal(err)
	}
	return print
}

// answer writes a result of a row to the journal.
func (f *fixture) answer(q string, occurrence int, status batch.Status) {
	f.t.Helper()
	r := &batch.Result{Fingerprint: f.fingerprint(q), Occurrence: occurrence, Row: 1, Status: status}
	if err := f.journal.Write([]*batch.Result{r}); err != nil {
		f.t.Fatal(err)
	}
}

// names are the fates as the tests write them.
var names = map[Fate]string{Bad: "bad", Copied: "copied", Settled: "settled", Again: "again", New: "new"}

// items returns the rows of a list as "q/occurrence fate status", and what is wrong with
// bad ones as "bad: error".
func (f *fixture) items(l *List) (items []string) {
	f.t.Helper()
	for it, err := range l.Items() {
		if err != nil {
			f.t.Fatal(err)
		}
		items = append(items, f.show(&it))
	}
	return items
}

func (f *fixture) show(it *Item) string {
	f.t.Helper()
	if (it.Request == nil) != (it.Fate == Bad) || (it.Err == nil) != (it.Fate != Bad) {
		f.t.Errorf("%s: fate %s, request %v, error %v", it.Row.Place(), names[it.Fate], it.Request, it.Err)
	}
	if it.Fate == Bad {
		return "bad: " + strings.ReplaceAll(it.Err.Error(), f.path, "in.jsonl")
	}
	q, _ := it.Row.Value("q")
	return strings.TrimRight(fmt.Sprintf("%v/%d %s %s", q, it.Request.Occurrence, names[it.Fate], it.Entry.Status), " ")
}

// breakInput makes the input break after its rows, as a file that was cut does.
func (f *fixture) breakInput() {
	f.t.Helper()
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.path += ".gz"
	packed := gzipped(f.t, text)
	f.write(string(packed[:len(packed)-4]))
}
