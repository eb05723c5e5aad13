package work

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A row's fate follows from what it renders to and from the status of its result.
func TestFates(t *testing.T) {
	f := newFixture(t, "fresh", "ok", "blocked", "truncated", "failed", "pending", `{"r":1}`, `{"q":`)
	for _, status := range []batch.Status{batch.OK, batch.Blocked, batch.Truncated, batch.Failed, batch.Pending} {
		f.answer(string(status), 0, status)
	}
	f.config.Retry = map[batch.Status]bool{batch.Truncated: true}
	got := f.items(f.list())
	jobtest.Equal(t, "items", got[:6],
		"fresh/0 new", "ok/0 settled ok", "blocked/0 settled blocked", "truncated/0 again truncated", "failed/0 again failed", "pending/0 again pending")
	for i, want := range map[int]string{6: "bad: in.jsonl:7: ", 7: "bad: "} {
		if !strings.HasPrefix(got[i], want) || !strings.Contains(got[i], fmt.Sprintf("in.jsonl:%d", i+1)) {
			t.Errorf("row %d is %q, want %q and its place", i+1, got[i], want)
		}
	}
	for fate := range names {
		if fate.Ask() != (fate == New || fate == Again) {
			t.Errorf("a row that is %s is asked: %v", names[fate], fate.Ask())
		}
	}
}

// A request that is known to be refused makes its row bad, unless the row has a result of
// any kind. That stays, and Refuse is not asked.
func TestRefuse(t *testing.T) {
	f := newFixture(t, "a", "refused", "answered", "failed", "refused")
	f.answer("answered", 0, batch.OK)
	f.answer("failed", 0, batch.Failed)
	f.config.Dedupe = true
	asked := 0
	f.config.Refuse = func(r *batch.Request) error {
		if asked++; bytes.Contains(r.Body, []byte(`"a"`)) {
			return nil
		}
		return errors.New("too long")
	}
	jobtest.Equal(t, "items", f.items(f.list()),
		"a/0 new", "bad: in.jsonl:2: too long", "answered/0 settled ok", "failed/0 again failed", "bad: in.jsonl:5: too long")
	if asked != 3 {
		t.Errorf("Refuse was asked about %d rows, want the three without a result", asked)
	}
	asked = 0
	for range f.list().All() {
	}
	if asked != 0 {
		t.Error("All asks Refuse")
	}
}

// With Dedupe, rows with the same request share the call of the first one, but keep a
// result that they have themselves.
func TestDedupe(t *testing.T) {
	f := newFixture(t, "a", "a", "b", "a")
	jobtest.Equal(t, "without", f.items(f.list()), "a/0 new", "a/1 new", "b/0 new", "a/2 new")
	f.config.Dedupe = true
	jobtest.Equal(t, "before the first answer", f.items(f.list()), "a/0 new", "a/1 copied", "b/0 new", "a/2 copied")
	f.answer("a", 0, batch.Failed)
	jobtest.Equal(t, "after a failure", f.items(f.list()), "a/0 again failed", "a/1 copied failed", "b/0 new", "a/2 copied failed")
	f.answer("a", 0, batch.OK)
	f.answer("a", 2, batch.Blocked)
	jobtest.Equal(t, "with a result of its own", f.items(f.list()), "a/0 settled ok", "a/1 copied ok", "b/0 new", "a/2 settled blocked")
}

// Identical rows are numbered from the first row on in each pass, whatever an earlier
// pass has seen of them, and while results are written.
func TestEachPassNumbersAnew(t *testing.T) {
	f := newFixture(t, "a", "b", "a", "a")
	l := f.list()
	for range l.Items() {
		break // a pass that ends early
	}
	want := []string{"a/0 new", "b/0 new", "a/1 new", "a/2 new"}
	for range 20 { // more passes than the journal tells apart
		jobtest.Equal(t, "items", f.items(l), want...)
	}
	n := 0
	for it, err := range l.Items() {
		if err != nil || it.Fate != New {
			t.Fatalf("%s, %v", f.show(&it), err)
		}
		if n++; n == 2 {
			f.answer("a", 0, batch.OK) // as the run does meanwhile
			f.answer("a", 2, batch.Pending)
			break
		}
	}
	jobtest.Equal(t, "the next pass", f.items(l), "a/0 settled ok", "b/0 new", "a/1 new", "a/2 again pending")
}

// The rows past the limit are no part of the job. All goes over them too, so that the
// journal knows what nobody asks for.
func TestLimit(t *testing.T) {
	f := newFixture(t, "a", "b", "c")
	f.config.Limit = 2
	f.answer("c", 0, batch.OK)
	f.answer("gone", 0, batch.OK)
	l := f.list()
	orphans := func() (n int) {
		for range f.journal.Orphans() {
			n++
		}
		return n
	}
	jobtest.Equal(t, "items", f.items(l), "a/0 new", "b/0 new")
	if n := orphans(); n != 2 {
		t.Errorf("after the rows of the job %d results are orphaned, want 2", n)
	}
	var all []string
	for it, err := range l.All() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.show(&it))
	}
	jobtest.Equal(t, "all", all, "a/0 new", "b/0 new", "c/0 settled ok")
	if n := orphans(); n != 1 {
		t.Errorf("after all rows %d results are orphaned, want 1", n)
	}
	if n, err := l.Count(t.Context()); n != 2 || err != nil {
		t.Errorf("the job has %d rows, %v, want 2", n, err)
	}
}

// The fingerprint of a body that is canonical as it was rendered is the one that any
// reader of the body computes. What else a request says comes from its row.
func TestRequest(t *testing.T) {
	f := newFixture(t, "x", `{"q":"é \" \\ < \u0007","id":12}`)
	f.config.Key = "id"
	for it, err := range f.list().Items() {
		if err != nil {
			t.Fatal(err)
		}
		r := it.Request
		want, err := batch.FingerprintOf(r.Model, r.Body)
		if err != nil || r.Fingerprint != want {
			t.Errorf("row %d has the fingerprint %v, want %v (%v)", r.Row, r.Fingerprint, want, err)
		}
		key := map[int64]string{1: "", 2: "12"}[it.Row.Number]
		if r.Row != it.Row.Number || r.Model != "m" || r.Key != key || r.InputTokens <= 0 || r.Media != nil {
			t.Errorf("row %d has the request %+v", it.Row.Number, r)
		}
		if it.Bytes() < len(it.Row.Raw)+len(r.Body) {
			t.Errorf("row %d takes %d bytes", it.Row.Number, it.Bytes())
		}
	}
}

// The models of rows come once each, in the order of the rows. If all rows ask one model,
// only the rows up to the first request are read.
func TestModels(t *testing.T) {
	rows := []string{`{"r":1}`, `{"q":1,"m":"x"}`, `{"q":2,"m":"y"}`, `{"q":3,"m":"x"}`, `{"q":4}`, `{"q":5,"m":"z"}`}
	f := newFixture(t, rows...)
	for _, tt := range []struct {
		set  map[string]string
		want []string
	}{
		{nil, []string{"m"}},
		{map[string]string{"model": "n"}, []string{"n"}},
		{map[string]string{"model": "{{.m}}"}, []string{"x", "y", "z"}},
	} {
		var err error
		if f.config.Prompt, err = prompt.New(&spec.Spec{Model: "m", Prompt: "{{.q}}", Set: tt.set}, prompt.Wording); err != nil {
			t.Fatal(err)
		}
		asked := 0
		f.config.Refuse = func(*batch.Request) error { asked++; return nil }
		var models []string
		for model, err := range f.list().Models() {
			if err != nil {
				t.Fatal(err)
			}
			models = append(models, model)
		}
		jobtest.Equal(t, fmt.Sprint(tt.set), models, tt.want...)
		if len(tt.want) == 1 && asked != 1 {
			t.Errorf("%v: %d rows were looked at", tt.set, asked)
		}
	}
}

// An input that breaks ends each pass with its error, as the last thing.
func TestBrokenInput(t *testing.T) {
	f := newFixture(t, strings.Fields(strings.Repeat("a ", 3000))...)
	f.breakInput()
	l := f.list()
	broken := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), f.path) {
			t.Errorf("%s: %v, want the input's error", what, err)
		}
	}
	for name, all := range map[string]func(func(Item, error) bool){"Items": l.Items(), "All": l.All()} {
		n, last := 0, error(nil)
		for _, err := range all {
			if last != nil {
				t.Errorf("%s goes on after the error", name)
			}
			n, last = n+1, err
		}
		if broken(name, last); n < 1000 {
			t.Errorf("%s ends after %d items", name, n)
		}
	}
	var err error
	if f.config.Prompt, err = prompt.New(&spec.Spec{Model: "m", Prompt: "{{.q}}", Set: map[string]string{"model": "{{.q}}"}}, prompt.Wording); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, last = range f.list().Models() {
	}
	broken("Models", last)
	_, err = l.Sample(1)
	broken("Sample", err)
	_, err = l.Pilot(1)
	broken("Pilot", err)
	_, err = l.Count(t.Context())
	broken("Count", err)
	jobtest.IsSpecError(t, "Check", l.Check(), f.path)
	jobtest.IsSpecError(t, "CheckKeys", l.CheckKeys(), f.path)
	if s, _ := l.Status(time.Now().Add(time.Hour)); s != nil {
		t.Errorf("the status is %+v", s)
	}
}

// Count stops when it is no longer wanted.
func TestCountStops(t *testing.T) {
	f := newFixture(t, strings.Fields(strings.Repeat("a ", 3000))...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := f.list().Count(ctx); !errors.Is(err, context.Canceled) || n != 1024 {
		t.Errorf("%d rows, %v", n, err)
	}
	if n, err := f.list().Count(t.Context()); n != 3000 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// Check finds the first row that cannot be asked, in the order of the input, and needs no
// journal.
func TestCheckFindsTheFirstBadRow(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows []string
		want string // empty if all are fine
	}{
		{"fine", []string{"a", "b"}, ""},
		{"unreadable", []string{"a", `{"q":`, `{"r":1}`}, "in.jsonl:2"},
		{"without its column", []string{"a", `{"r":1}`, `{"q":`}, "in.jsonl:2: "},
		{"refused", []string{"a", "refused", `{"q":`}, "in.jsonl:2: too long"},
		{"like a result column", []string{"a", `{"q":"b","status":1}`}, `the row has a column "status"`},
		{"past the limit", []string{"a", "b", "c", `{"q":`}, ""},
	} {
		f := newFixture(t, tt.rows...)
		f.config.Limit, f.config.Reserved = 3, []batch.Column{{Name: "status"}}
		f.config.Refuse = func(r *batch.Request) error {
			if bytes.Contains(r.Body, []byte("refused")) {
				return errors.New("too long")
			}
			return nil
		}
		l, err := NewList(f.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Check(); tt.want != "" {
			jobtest.IsSpecError(t, tt.name, err, tt.want)
		} else if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A key names one row. Rows without a key, and those past the limit, do not count.
func TestCheckKeys(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		rows      []string
		want      string // empty if all are fine
	}{
		{"one each", "id", []string{`{"id":1}`, `{"id":2}`}, ""},
		{"none", "id", []string{`{"id":null}`, `{"id":""}`, `{}`, `{}`}, ""},
		{"one twice", "id", []string{`{"id":1}`, `{"id":2}`, `{"id":"1"}`}, `the id "1" stands at `},
		{"past the limit", "id", []string{`{"id":1}`, `{"id":2}`, `{"id":3}`, `{"id":4}`, `{"id":1}`}, ""},
		{"no key", "", []string{`{"id":1}`, `{"id":1}`}, ""},
	} {
		f := newFixture(t, tt.rows...)
		f.config.Key, f.config.Limit = tt.key, 4
		if err := f.list().CheckKeys(); tt.want != "" {
			jobtest.IsSpecError(t, tt.name, err, tt.want)
		} else if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The columns of an input without a header are those of its first rows. A row that has
// the name of a result column is bad, wherever it stands, and the rows beside it are not.
func TestColumns(t *testing.T) {
	rows := strings.Fields(strings.Repeat("a ", peekRows))
	rows[0], rows[1] = `{"q":"a","x":1}`, `{"y":1,"q":"a"}`
	rows = append(rows, `{"q":"a","late":1}`, `{"q":"a","ai_status":1}`, `{"q":"a","late":1}`)
	f := newFixture(t, rows...)
	f.config.Reserved = []batch.Column{{Name: "ai_status"}}
	l := f.list()
	jobtest.Equal(t, "names", l.Names(), "q", "x", "y")
	for pass := range 2 {
		for i, item := range f.items(l) {
			if bad := strings.HasPrefix(item, `bad: in.jsonl:1002: the row has a column "ai_status"`); bad != (i == peekRows+1) {
				t.Errorf("pass %d, row %d: %s", pass, i+1, item)
			}
		}
	}

	f = newFixture(t)
	jobtest.Equal(t, "names of an empty input", f.list().Names())
	f.path = strings.TrimSuffix(f.path, "jsonl") + "csv"
	f.write("q,x\n1,2\n")
	f.config.Reserved = []batch.Column{{Name: "x"}} // which the job has refused by the header
	jobtest.Equal(t, "names of a header", f.list().Names(), "q", "x")
	jobtest.Equal(t, "items below a header", f.items(f.list()), "1/0 new")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.path = strings.TrimSuffix(f.path, "csv") + "jsonl"
	f.input("a")
	f.breakInput()
	if l, err := NewList(f.config); l != nil {
		t.Errorf("an input that breaks at once has the columns %q", l.Names())
	} else {
		jobtest.IsSpecError(t, "an input that breaks at once", err, f.path)
	}
}
