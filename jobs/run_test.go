package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// fixture is a job over one JSONL file.
type fixture struct {
	t    *testing.T
	dir  string
	e    *jobtest.Endpoint
	spec spec.Spec
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, dir: t.TempDir(), e: jobtest.NewEndpoint(t)}
	f.spec = spec.Spec{
		Input: spec.List{filepath.Join(f.dir, "in.jsonl")}, Output: filepath.Join(f.dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", Endpoint: f.e.URL, Auth: "none", Prompt: "{{.q}}",
	}
	return f
}

// input writes the input: each line a value of q, or a whole line where it begins
// with a brace.
func (f *fixture) input(lines ...string) {
	f.t.Helper()
	var b strings.Builder
	for _, l := range lines {
		if !strings.HasPrefix(l, "{") {
			l = fmt.Sprintf(`{"q":%q}`, l)
		}
		b.WriteString(l + "\n")
	}
	if err := os.WriteFile(f.spec.Input[0], []byte(b.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) run() (*Summary, error) {
	f.t.Helper()
	j, err := Open(f.spec, Options{Env: func(string) string { return "" }})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Run(f.t.Context())
}

func (f *fixture) mustRun() *Summary {
	f.t.Helper()
	s, err := f.run()
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// output returns the values of the output's columns, row by row, with blanks
// between.
func (f *fixture) output(columns ...string) []string {
	f.t.Helper()
	text, err := os.ReadFile(f.spec.Output)
	if err != nil {
		f.t.Fatal(err)
	}
	var rows []string
	for line := range bytes.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			f.t.Fatalf("%v in %s", err, line)
		}
		var values []string
		for _, c := range columns {
			values = append(values, fmt.Sprint(row[c]))
		}
		rows = append(rows, strings.Join(values, " "))
	}
	return rows
}

// Rows are told apart by what they ask: whatever happens to the file, each keeps
// its answer, and only what is new is asked.
func TestIdentity(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		return 200, jobtest.AnswerBody(fmt.Sprintf("%s/%d", prompt, n))
	}
	step := func(name string, asked []string, rows ...string) {
		t.Helper()
		f.mustRun()
		jobtest.Equal(t, name+": asked", f.e.Requests(), asked...)
		got := f.output("q", "response")
		for i, r := range rows { // answers of identical rows come in any order
			if i >= len(got) || !strings.HasPrefix(got[i], r) {
				t.Errorf("%s: row %d is %q, want %q", name, i+1, got, r)
				break
			}
		}
		if len(got) != len(rows) {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(rows))
		}
	}
	f.input("a", "b", "c")
	step("first run", []string{"a", "b", "c"}, "a a/1", "b b/1", "c c/1")
	step("again", nil, "a a/1", "b b/1", "c c/1")
	f.input("x", "a", "b", "c")
	step("inserted", []string{"x"}, "x x/1", "a a/1", "b b/1", "c c/1")
	f.input("c", "a", "x")
	step("deleted and reordered", nil, "c c/1", "a a/1", "x x/1")
	f.input("b", `{"more":1,"q":"a"}`)
	step("came back, and a column added", nil, "b b/1", "a a/1")
	f.input("a", "a", "a")
	step("duplicated", []string{"a", "a"}, "a a/1", "a a/", "a a/")
	if got := f.output("response"); got[1] == got[2] {
		t.Errorf("identical rows share an answer: %q", got)
	}
	before := f.output("response")
	step("duplicates again", nil, "a a/1", "a a/", "a a/")
	jobtest.Equal(t, "answers of duplicates", f.output("response"), before...)
	f.input("a2")
	step("edited", []string{"a2"}, "a2 a2/1")

	f.input("a", "b")
	f.spec.Prompt = "Q: {{.q}}"
	step("another prompt", []string{"Q: a", "Q: b"}, "a Q: a/1", "b Q: b/1")
	f.spec.Prompt = "{{.q}}"
	step("the first prompt again", nil, "a a/1", "b b/1")
	f.spec.RPM, f.spec.Concurrency, f.spec.MaxAttempts = 100000, 3, 2
	step("other limits", nil, "a a/1", "b b/1")
	other := jobtest.NewEndpoint(t)
	f.spec.Endpoint = other.URL + "/prefix/v1beta"
	step("another endpoint", nil, "a a/1", "b b/1")
	if len(other.Requests()) > 0 {
		t.Error("another endpoint was asked for rows that have an answer")
	}
	f.spec.Model = "gemini-2.5-pro"
	f.mustRun()
	jobtest.Equal(t, "another model asks", other.Requests(), "a", "b")
}

func TestUnchangedOutputIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.mustRun()
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(f.spec.Output, long, long); err != nil {
		t.Fatal(err)
	}
	s := f.mustRun()
	info, err := os.Stat(f.spec.Output)
	if err != nil || !info.ModTime().Equal(long) || !s.Unchanged || s.Job.Rows != 2 {
		t.Errorf("mtime %v (%v), summary %+v", info.ModTime(), err, s)
	}
	if err := os.Remove(f.spec.Output); err != nil {
		t.Fatal(err)
	}
	if f.mustRun(); len(f.output("q")) != 2 {
		t.Error("a removed output is not written again")
	}
	f.spec.Prefix = "ai_"
	f.mustRun()
	jobtest.Equal(t, "after a change of columns", f.output("ai_response"), "a", "b")
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
}

func TestForeignOutput(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	if err := os.WriteFile(f.spec.Output, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	var spec *spec.Error
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.StateDir()); err == nil {
		t.Error("a refused run leaves a state folder behind")
	}
	f.spec.Force = true
	f.mustRun()
	jobtest.Equal(t, "forced", f.output("response"), "a")

	// An output that was changed by hand is foreign too.
	f.spec.Force = false
	if err := os.WriteFile(f.spec.Output, []byte("my notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.run(); !errors.As(err, &spec) {
		t.Errorf("error %v", err)
	}
}

// Rows that cannot be read, rendered or answered are in the output all the same,
// each with its status.
func TestStatuses(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		switch prompt {
		case "blocked":
			return 200, `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}`
		case "rejected":
			return 400, `{"error":{"code":400,"message":"Unable to process input image","status":"INVALID_ARGUMENT"}}`
		case "cut":
			return 200, strings.Replace(jobtest.AnswerBody("half an ans"), "STOP", "MAX_TOKENS", 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("fine", "blocked", "{not json", "rejected", `{"other":1}`, "cut", "last")
	s := f.mustRun()
	jobtest.Equal(t, "rows", f.output("q", "status"), "fine ok", "blocked blocked", "<nil> skipped", "rejected rejected", "<nil> skipped", "cut truncated", "last ok")
	if s.Job.Rows != 7 || s.Job.Status[batch.Skipped] != 2 || s.Bad != 2 || s.Job.Status[batch.OK] != 2 {
		t.Errorf("summary %+v", s.Job)
	}
	errs := f.output("error")
	for i, want := range map[int]string{1: "SAFETY", 2: "in.jsonl:3", 3: "input image", 4: `in.jsonl:5: the row has no column "q"`} {
		if !strings.Contains(errs[i], want) {
			t.Errorf("row %d has the error %q, want %q", i+1, errs[i], want)
		}
	}
	jobtest.Equal(t, "tokens", f.output("prompt_tokens", "output_tokens")[:2], "100 10", "7 0")

	// Settled rows are not asked again, unless the user says so.
	f.e.Requests()
	f.mustRun()
	jobtest.Equal(t, "asked again", f.e.Requests())
	f.spec.Retry = spec.List{"blocked"}
	f.mustRun()
	jobtest.Equal(t, "asked with --retry blocked", f.e.Requests(), "blocked")
}

// A failed row is asked again by the next run, and what all its attempts cost is
// in its row: 100 and 10 tokens of gemini-2.5-flash-lite are 14 µ$.
func TestFailedRowsAreAskedAgain(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxAttempts = 2
	fail := true
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" && fail {
			// An answer that is billed, and that no one can use.
			return 200, strings.Replace(jobtest.AnswerBody(""), "STOP", "MALFORMED_RESPONSE", 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	s := f.mustRun()
	jobtest.Equal(t, "first run", f.output("q", "status", "attempts"), "a ok 1", "b failed 2")
	if cost, _ := s.Job.CostUSD(); cost.String() != "0.000042" {
		t.Errorf("cost %s, want 3 calls of 0.000014", cost)
	}
	fail = false
	f.e.Requests()
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "b")
	jobtest.Equal(t, "second run", f.output("q", "status", "response", "cost_usd"), "a ok a 1.4e-05", "b ok b 4.2e-05")
}

// A label that is none is corrected once; where that fails too, the row says so.
func TestLabelsAreChecked(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}}
	f.e.Reply = func(prompt string, n int) (int, string) {
		corrected := strings.Contains(prompt, "is not valid")
		switch {
		case strings.Contains(prompt, "stubborn") || corrected && strings.Contains(prompt, "whatever"):
			return 200, jobtest.AnswerBody("whatever")
		case prompt == "hazy":
			return 200, jobtest.AnswerBody("goodish")
		}
		return 200, jobtest.AnswerBody("good")
	}
	f.input("clear", "hazy", "stubborn")
	s := f.mustRun()
	jobtest.Equal(t, "rows", f.output("q", "label", "status", "attempts"), "clear good ok 1", "hazy good ok 2", "stubborn <nil> invalid 2")
	if s.Job.Labels["good"] != 2 || len(s.Job.Labels) != 1 {
		t.Errorf("labels %v", s.Job.Labels)
	}
	asked := f.e.Requests()
	if i := slices.IndexFunc(asked, func(p string) bool { return strings.Contains(p, `"goodish" is none of the labels good, bad`) }); i < 0 {
		t.Errorf("the model was not shown its error: %q", asked)
	}
}

func TestInterruptAndResume(t *testing.T) {
	f := newFixture(t)
	f.spec.Concurrency = 4
	ctx, cancel := context.WithCancel(t.Context())
	f.e.Reply = func(prompt string, n int) (int, string) {
		f.e.Mu.Lock()
		many := len(f.e.Asked) >= 20
		f.e.Mu.Unlock()
		if many {
			cancel()
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	var lines, want []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("row %d", i))
		want = append(want, fmt.Sprintf("row %d ok", i))
	}
	f.input(lines...)
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.Run(ctx)
	if !errors.Is(err, batch.ErrInterrupted) || s == nil || s.Job != nil {
		t.Fatalf("error %v, summary %+v", err, s)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.spec.Output); err == nil {
		t.Error("the output of an unfinished run is there")
	}
	answered := len(f.e.Requests())
	if int64(answered) != s.Run.Rows || answered >= 100 {
		t.Errorf("%d answers, of which %d were kept", answered, s.Run.Rows)
	}

	// What there is can be looked at.
	v, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(f.dir, "partial.jsonl")
	totals, err := v.Export(partial, "", nil, false)
	if err != nil || totals.Rows != 100 || totals.Status[batch.Pending] != int64(100-answered) {
		t.Errorf("export: %v, %+v", err, totals)
	}
	plan, err := v.Plan()
	if err != nil || plan.New != int64(100-answered) || plan.Settled != int64(answered) {
		t.Errorf("plan: %v, %+v", err, plan)
	}
	v.Close()

	f.e.Reply = nil
	f.mustRun()
	if again := f.e.Requests(); len(again) != 100-answered {
		t.Errorf("the second run asked %d rows, want %d", len(again), 100-answered)
	}
	jobtest.Equal(t, "rows", f.output("response", "status"), want...)
	v, err = View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if found, err := v.Verify(); err != nil || len(found.Faults) > 0 {
		t.Errorf("verify: %v, %v", err, found)
	}
	if err := os.WriteFile(f.spec.Output, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := v.Verify(); err != nil || len(found.Faults) != 1 {
		t.Errorf("verify of an altered output: %v, %v", err, found)
	}
}

func TestSampleAndLimit(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c", "d", "e", "f")
	f.spec.Sample = 2
	f.mustRun()
	first := f.e.Requests()
	if len(first) != 2 {
		t.Fatalf("asked %q, want 2 rows", first)
	}
	f.input("f", "e", "d", "c", "b", "a")
	f.mustRun()
	jobtest.Equal(t, "the sample of the reordered rows asks", f.e.Requests())
	f.spec.Sample, f.spec.Limit = 0, 3
	f.mustRun()
	jobtest.Equal(t, "limit", f.output("q"), "f", "e", "d")
	f.spec.Limit = 0
	f.mustRun()
	if n := len(f.e.Times); n != 6 {
		t.Errorf("%d different rows were asked, want 6", n)
	}
	for prompt, n := range f.e.Times {
		if n != 1 {
			t.Errorf("%s was asked %d times", prompt, n)
		}
	}
}

func TestMistakesLeaveNothingBehind(t *testing.T) {
	for want, change := range map[string]func(*fixture){
		`did you mean "q"?`:      func(f *fixture) { f.spec.Prompt = "{{.qq}}" },
		"no such file":           func(f *fixture) { f.spec.Input = spec.List{filepath.Join(f.dir, "none.jsonl")} },
		"prefix":                 func(f *fixture) { f.input(`{"q":"a","status":"mine"}`) },
		"does not exist":         func(f *fixture) { f.spec.Output = filepath.Join(f.dir, "no", "out.jsonl") },
		"says no format":         func(f *fixture) { f.spec.Output = filepath.Join(f.dir, "out.doc") },
		"is input and output":    func(f *fixture) { f.spec.Output = f.spec.Input[0] },
		`"a" stands at`:          func(f *fixture) { f.input("a", "b", "a"); f.spec.Key = "q" },
		`the column "id", which`: func(f *fixture) { f.spec.Key = "id" },
		"there is no API key":    func(f *fixture) { f.spec.Auth = "" },
		"unknown endpoint":       func(f *fixture) { f.spec.Endpoint = "gogle" },
		"max_failures":           func(f *fixture) { f.spec.MaxFailures = "some" },
		"NAME=VALUE":             func(f *fixture) { f.spec.Header = spec.List{"X-Secret: abc"} },
		"in.jsonl:2":             func(f *fixture) { f.input("a", "{bad", "c"); f.spec.Strict = true },
	} {
		f := newFixture(t)
		f.input("a", "b")
		change(f)
		_, err := f.run()
		var spec *spec.Error
		if !errors.As(err, &spec) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want a SpecError with %q", err, want)
		}
		if strings.Contains(fmt.Sprint(err), "abc") {
			t.Errorf("error %v shows a header's value", err)
		}
		if asked := f.e.Requests(); len(asked) > 0 {
			t.Errorf("%s: %q was sent", want, asked)
		}
		if _, err := os.Stat(f.spec.StateDir()); err == nil {
			t.Errorf("%s: a state folder was left behind", want)
		}
	}
}

func TestLocked(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var locked *durable.LockedError
	if _, err := f.run(); !errors.As(err, &locked) || locked.Owner.PID != os.Getpid() {
		t.Errorf("error %v", err)
	}
	s, err := ReadStatus(f.spec.StateDir())
	if err != nil || s.Running == nil || s.Running.PID != os.Getpid() {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f.mustRun()
	if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.Running != nil || !s.Finished || s.Totals.Status[batch.OK] != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestStdinIsKept(t *testing.T) {
	f := newFixture(t)
	f.spec.Input = spec.List{"-"}
	open := func(stdin string) error {
		j, err := Open(f.spec, Options{Stdin: strings.NewReader(stdin)})
		if err != nil {
			return err
		}
		defer j.Close()
		_, err = j.Run(t.Context())
		return err
	}
	if err := open(""); err == nil || !strings.Contains(err.Error(), "stdin is empty") {
		t.Errorf("error %v", err)
	}
	if err := open("q\na\n"); err == nil || !strings.Contains(err.Error(), "--input-format") {
		t.Errorf("error %v", err)
	}
	if err := open(`{"q":"a"}` + "\n" + `{"q":"b"}`); err != nil {
		t.Fatal(err)
	}
	if err := open(""); err != nil { // from cron, or a terminal
		t.Fatal(err)
	}
	f.spec.InputFormat = "csv"
	if err := open("q\nb\nc\n"); err != nil {
		t.Fatal(err)
	}
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b", "c")
	jobtest.Equal(t, "rows", f.output("q", "status"), "b ok", "c ok")
}

func TestWarnings(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		return 200, strings.Replace(jobtest.AnswerBody(prompt), "gemini-2.5-flash-lite", "gemini-3.5-flash-lite", 1)
	}
	f.input("a", "b", "c")
	warned := func() string {
		var log bytes.Buffer
		j, err := Open(f.spec, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if log := warned(); strings.Count(log, "gemini-3.5-flash-lite answers") != 1 {
		t.Errorf("log %q, want one warning of another model", log)
	}
	f.spec.Model = "house-model"
	if log := warned(); !strings.Contains(log, "the price of house-model is not known") {
		t.Errorf("log %q, want a warning of an unknown price", log)
	}
}

// A job that was tried with the simulator is not answered.
func TestSimulatedAnswersAreNotMixed(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	real := f.spec.Endpoint
	f.spec.Endpoint, f.spec.Auth = "sim", ""
	if s := f.mustRun(); !s.Simulated {
		t.Errorf("summary %+v does not say that it was simulated", s)
	}
	var spec *spec.Error
	f.spec.Endpoint, f.spec.Auth = "https://api.example.com", "none"
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "--fresh") {
		t.Errorf("error %v", err)
	}
	f.spec.Output = filepath.Join(f.dir, "real.jsonl")
	f.spec.Endpoint = real
	f.mustRun()
	f.spec.Endpoint, f.spec.Auth = "sim", ""
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "real answers") {
		t.Errorf("error %v", err)
	}
}

// Rows that appear while a run goes on have no answer yet, and the output is
// written only whole.
func TestInputChangesUnderTheRun(t *testing.T) {
	f := newFixture(t)
	f.spec.Concurrency = 1
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" {
			f.input("a", "b", "c")
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "1 rows have no answer; run again") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.Output); err == nil {
		t.Error("an output with a pending row was written")
	}
	f.e.Requests()
	f.e.Reply = nil
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "c")
	jobtest.Equal(t, "rows", f.output("response"), "a", "b", "c")
}

// Columns of JSONL are not known beforehand: a row with the name of a result
// column is skipped, wherever it stands, and the others are written.
func TestLateClash(t *testing.T) {
	f := newFixture(t)
	lines := make([]string, 1001) // a row beyond those that tell the columns
	for i := range lines {
		lines[i] = "x"
	}
	f.input(append(lines, `{"q":"y","status":"mine"}`)...)
	f.spec.Output = filepath.Join(f.dir, "out.csv")
	s := f.mustRun()
	if s.Job.Status[batch.OK] != int64(len(lines)) || s.Job.Status[batch.Skipped] != 1 {
		t.Errorf("statuses %v", s.Job.Status)
	}
}

// rendered returns the body that a job sends for a row.
func rendered(t *testing.T, s *spec.Spec, r *batch.Row) string {
	t.Helper()
	if err := s.ReadTexts(); err != nil {
		t.Fatal(err)
	}
	p, err := prompt.New(s)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := p.Render(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
