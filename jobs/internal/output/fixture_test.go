package output

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A fixture is a job with a journal that nobody has filled by asking.
type fixture struct {
	t       testing.TB
	dir     string
	spec    *spec.Spec
	journal *journal.Journal
	deriver *Deriver
}

// newFixture returns a job over rows. Each row is a value of q, or a whole line if it
// begins with a brace. job is the job file beside input, output and model.
func newFixture(t *testing.T, job string, rows ...string) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), spec: jobtest.Load(t, job)}
	if err := f.spec.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	f.spec.Model = "gemini-2.5-flash-lite"
	f.open()
	t.Cleanup(func() {
		if err := f.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	f.input("in.jsonl", rows...)
	return f
}

// open opens the journal.
func (f *fixture) open() {
	f.t.Helper()
	var err error
	if f.journal, err = journal.Open(journal.Config{Dir: f.state(), FS: jobtest.Unsynced}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) state() string           { return filepath.Join(f.dir, "out.jsonl.genbatch") }
func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

// input writes the input and makes the deriver over it.
func (f *fixture) input(name string, rows ...string) {
	f.t.Helper()
	var text strings.Builder
	for _, row := range rows {
		if strings.HasSuffix(name, ".jsonl") && !strings.HasPrefix(row, "{") {
			row = fmt.Sprintf(`{"q":%q}`, row)
		}
		text.WriteString(row + "\n")
	}
	if err := os.WriteFile(f.path(name), []byte(text.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	in, err := reader.Open(reader.Config{Paths: []string{f.path(name)}})
	if err != nil {
		f.t.Fatal(err)
	}
	p, err := prompt.New(f.spec, prompt.Wording)
	if err != nil {
		f.t.Fatal(err)
	}
	columns, err := NewColumns(f.spec, p)
	if err != nil {
		f.t.Fatal(err)
	}
	l, err := work.NewList(work.Config{
		Input: in, Prompt: p, Dedupe: f.spec.Dedupe, Limit: f.spec.Limit,
		Reserved: columns.Names(), Refuse: func(*batch.Request) error { return nil },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	l.Use(f.journal)
	f.deriver = &Deriver{Spec: f.spec, List: l, Journal: f.journal, Prompt: p, Columns: columns, Prices: price.Default(), FS: jobtest.Unsynced, StateDir: f.state()}
}

// An answer is what the journal gets of a row.
type answer struct {
	status   batch.Status // ok if empty
	response string       // an echo of the row if empty
	spent    []batch.Spend
}

// answer writes the result of each row for which of returns an answer.
func (f *fixture) answer(of func(q string, row int64) *answer) {
	f.t.Helper()
	var results []*batch.Result
	for it, err := range f.deriver.List.Items() {
		if err != nil {
			f.t.Fatal(err)
		}
		if it.Fate == work.Bad || it.Fate == work.Copied {
			continue
		}
		v, _ := it.Row.Value("q")
		q := batch.Text(v)
		a := of(q, it.Row.Number)
		if a == nil {
			continue
		}
		r := &batch.Result{
			Fingerprint: it.Request.Fingerprint, Occurrence: it.Request.Occurrence, Row: it.Row.Number,
			Status: batch.OK, Model: f.spec.Model, Attempts: 1, Spent: a.spent,
		}
		if a.status != "" {
			r.Status = a.status
		}
		switch {
		case a.response != "":
			r.Response = []byte(a.response)
		case r.Status == batch.OK:
			r.Response = []byte(jobtest.AnswerBody("re " + q))
		default:
			r.Error = "it is " + string(r.Status)
		}
		results = append(results, r)
	}
	for len(results) > 0 {
		n := min(len(results), 100)
		if err := f.journal.Write(results[:n]); err != nil {
			f.t.Fatal(err)
		}
		results = results[n:]
	}
}

// echo answers every row.
func echo(string, int64) *answer { return new(answer) }

// derived derives the output as JSONL and returns its lines.
func (f *fixture) derived(ctx context.Context) ([]string, error) {
	f.t.Helper()
	var b bytes.Buffer
	_, _, err := f.deriver.Derive(ctx, Target{To: &b, Path: f.path("out.jsonl")})
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"), err
}

// values returns the values of columns of an output's lines, with blanks between.
func (f *fixture) values(lines []string, columns ...string) (values []string) {
	f.t.Helper()
	for _, line := range lines {
		var row map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			f.t.Fatalf("%v in %s", err, line)
		}
		var texts []string
		for _, c := range columns {
			if row[c] == nil {
				texts = append(texts, "-")
				continue
			}
			texts = append(texts, strings.Trim(string(row[c]), `"`))
		}
		values = append(values, strings.Join(texts, " "))
	}
	return values
}

// mustDerive is derived and values, of a derivation that succeeds.
func (f *fixture) mustDerive(columns ...string) []string {
	f.t.Helper()
	lines, err := f.derived(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return f.values(lines, columns...)
}

// damage changes one byte of the answer "re <q>" in the journal.
func (f *fixture) damage(q string) {
	f.t.Helper()
	path := filepath.Join(f.state(), "results-000001.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	at := bytes.Index(text, []byte(`"re `+q+`"`))
	if at < 0 {
		f.t.Fatalf("the journal has no answer to %s", q)
	}
	text[at+1] = 'R'
	if err := os.WriteFile(path, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// tree returns the files below the fixture's folder, by path, without those of the state
// folder.
func (f *fixture) tree() map[string]string {
	f.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && path == f.state() {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(f.dir, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return files
}

// at is when the attempts of these tests were made: prices have dates.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
