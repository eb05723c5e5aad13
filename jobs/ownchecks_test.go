package jobs

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// An answer that fails a check of the job's own is asked for once more, with the reason, and
// is invalid if it fails again. A check that only flags asks nothing again.
func TestOwnChecks(t *testing.T) {
	f := newFixture(t)
	f.spec.Checks = spec.Checks{
		{Name: "echo", Expr: `response != "wrong"`, Message: "say what the user says"},
		{Expr: `answer.text == row.q`, Flag: true},
		{Name: "length", Expr: `len(response) < 20`, Flag: true},
	}
	stubborn := false
	f.e.Reply = func(prompt string, n int) (int, string) {
		corrected := strings.Contains(prompt, "is not valid")
		switch {
		case corrected && !strings.Contains(prompt, "That is not valid: the check echo does not hold: say what the user says. Answer again, and correctly."):
			t.Errorf("the model is told %q", prompt)
		case prompt == "stubborn", prompt == "hazy", corrected && stubborn:
			return 200, jobtest.AnswerBody("wrong")
		case corrected:
			return 200, jobtest.AnswerBody("hazy")
		case prompt == "other":
			return 200, jobtest.AnswerBody("something else that is long")
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.inBubble(func(t *testing.T) {
		f.input("clear", "hazy", "other")
		f.mustRun()
		stubborn = true
		f.input("clear", "hazy", "other", "stubborn")
		s := f.mustRun()
		want := []string{
			"clear ok <nil> <nil> 1",
			"hazy ok <nil> <nil> 2",
			"other ok <nil> [answer.text == row.q length] 1",
			"stubborn invalid the check echo does not hold: say what the user says [echo answer.text == row.q] 2",
		}
		if got := f.output("q", "status", "error", "failed_checks", "attempts"); !slices.Equal(got, want) {
			t.Errorf("the output is\n%s\nand want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if s.Job.Status[batch.Invalid] != 1 || s.Run.Attempts != 2 {
			t.Errorf("%+v, %d attempts", s.Job.Status, s.Run.Attempts)
		}
		f.proven("with checks", 0)
	})
}

// Checks are no part of what is sent. Other checks give the answers that were paid for another
// status, both ways, and ask nothing again but with --retry invalid.
func TestOwnChecksChange(t *testing.T) {
	f := newFixture(t)
	f.input("a", "bb", "ccc")
	run := func(what string, want []string, asked ...string) {
		t.Helper()
		f.e.Requests() // forgets them
		f.mustRun()
		if got := f.output("q", "status"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, and want %q", what, got, want)
		}
		jobtest.Equal(t, "asked "+what, f.e.Requests(), asked...)
		f.proven(what, 0)
	}
	f.inBubble(func(t *testing.T) {
		run("without checks", []string{"a ok", "bb ok", "ccc ok"}, "a", "bb", "ccc")
		f.spec.Checks = spec.Checks{{Expr: "len(response) < 3"}}
		run("with a check", []string{"a ok", "bb ok", "ccc invalid"})
		f.spec.Retry = spec.List{"invalid"}
		f.e.Reply = func(string, int) (int, string) { return 200, jobtest.AnswerBody("long again") }
		f.mustRun()
		if got := f.output("q", "status"); !slices.Equal(got, []string{"a ok", "bb ok", "ccc invalid"}) {
			t.Errorf("asked again: %q", got)
		}
		jobtest.Equal(t, "asked with --retry invalid", f.e.Requests(), "That is not valid: the check len(response) < 3 does not hold. Answer again, and correctly.", "ccc")
		f.spec.Checks = spec.Checks{{Expr: "len(response) < 20"}}
		run("with a looser check, although invalid rows are to be asked again", []string{"a ok", "bb ok", "ccc ok"})
		f.spec.Checks, f.spec.Retry = nil, nil
		run("without checks again", []string{"a ok", "bb ok", "ccc ok"})
		f.spec.Checks = spec.Checks{{Expr: `row.q != "a"`, Flag: true}}
		run("flagged alone", []string{"a ok", "bb ok", "ccc ok"})
		if got := f.output("failed_checks"); !slices.Equal(got, []string{`[row.q != "a"]`, "<nil>", "<nil>"}) {
			t.Errorf("flagged: %q", got)
		}
	})
}

// Members of schemas are known by name and type, and what a row has by itself is compared with
// its answer.
func TestOwnChecksOfFields(t *testing.T) {
	f, e := newExtractFixture(t, `{"q":"good","limit":20}`, `{"q":"dear","limit":1}`)
	f.spec.Checks = spec.Checks{{Expr: "answer.total <= row.limit"}}
	f.mustRun()
	if got, want := f.output("q", "status", "error", "total"), []string{"good ok <nil> 12.5", "dear invalid the check answer.total <= row.limit does not hold <nil>"}; !slices.Equal(got, want) {
		t.Errorf("%q, and want %q", got, want)
	}
	if len(e.sent) != 3 {
		t.Errorf("%d requests", len(e.sent))
	}
	for expr, want := range map[string]string{
		"answer.totl > 0":   `did you mean "total"?`,
		`answer.vendor > 0`: "mismatched types",
		"row.limt > 0":      `did you mean "limit"?`,
	} {
		f.spec.Checks = spec.Checks{{Expr: expr}}
		_, err := f.run()
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	f.spec.Checks = spec.Checks{{Expr: "true"}, {Expr: "true"}}
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), `there are two checks "true"`) {
		t.Errorf("two checks of one name: %v", err)
	}
}

// Cells of a CSV file are texts, unless something stands for null or another file lacks the
// column: then they may be null, and nothing is known of them beforehand.
func TestOwnChecksOfCells(t *testing.T) {
	f := newFixture(t)
	f.input("unused")
	a, b := filepath.Join(f.dir, "a.csv"), filepath.Join(f.dir, "b.csv")
	for path, text := range map[string]string{a: "q,n\nx,3\n", b: "q\ny\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, tt := range []struct {
		expr  string
		input spec.List
		null  spec.List
		want  string // of the error; empty if there is none
	}{
		{`row.n > 2`, spec.List{a}, nil, "a cell of CSV and TSV is a text: float(row.NAME)"},
		{`float(row.n) > 2`, spec.List{a}, nil, ""},
		{`row.n == nil or row.n == "3"`, spec.List{a, b}, nil, ""},
		{`row.n == "3"`, spec.List{a}, spec.List{"NULL"}, ""},
		{`row.m == "3"`, spec.List{a}, nil, "unknown field m, at character 5, \"m == \\\"3\\\"\"; the input has q, n"},
	} {
		f.spec.Checks, f.spec.Input, f.spec.Null, f.spec.Output = spec.Checks{{Expr: tt.expr}}, tt.input, tt.null, filepath.Join(f.dir, fmt.Sprint(i)+".jsonl")
		s, err := f.run()
		switch {
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, and want %s", tt.expr, err, tt.want)
		case tt.want == "" && (err != nil || s.Job.Status[batch.OK] != s.Job.Rows):
			t.Errorf("%s: %v, %+v", tt.expr, err, s)
		}
	}
}

// The answers of batches are held to the same checks, and to the same rows, of which batches
// keep the requests alone.
func TestOwnChecksOfBatches(t *testing.T) {
	inBatchWorld(t, "shuffled", func(t *testing.T, w *batchWorld) {
		w.spec.Checks = spec.Checks{{Name: "allowed", Expr: `row.secret != "no"`}, {Name: "flagged", Expr: `row.q != "a"`, Flag: true}}
		w.input(`{"q":"a","secret":"yes"}`, `{"q":"b","secret":"no"}`, `{"q":"twin","secret":"yes"}`, `{"q":"twin","secret":"no"}`)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.mustRun()
		want := []string{"a ok [flagged] 1", "b invalid [allowed] 2", "twin ok <nil> 1", "twin invalid [allowed] 2"}
		if got := w.output("q", "status", "failed_checks", "attempts"); !slices.Equal(got, want) {
			t.Errorf("%q, and want %q", got, want)
		}
		w.verified("of the checked rows")
	})
}

// A classification is checked by its columns, and the simulator's answers are, too.
func TestOwnChecksOfLabels(t *testing.T) {
	f := newFixture(t)
	server := f.simulated(sim.Config{})
	f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth = "sim", "http://127.0.0.1:1", ""
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := r.Clone(r.Context()) // the client's requests share their header
		own.Header.Set("X-Goog-Api-Key", "key")
		server.ServeHTTP(w, own)
	})
	f.spec.Prompt, f.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "refund"}, {Name: "parcel"}}}
	f.spec.Checks = spec.Checks{{Expr: `answer.label == row.known`}}
	f.input(`{"q":"I want a refund","known":"refund"}`, `{"q":"my parcel is late","known":"neither"}`)
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		if s.Job.Status[batch.Invalid] != 1 || s.Run.Attempts != 3 {
			t.Errorf("%+v in %d attempts: %q", s.Job.Status, s.Run.Attempts, f.output("q", "label", "status", "error"))
		}
	})
}
