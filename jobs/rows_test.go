package jobs

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Identical requests are asked and paid for once, and every row has the answer.
func TestIdenticalRowsAreAskedOnce(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		return 200, jobtest.AnswerBody(fmt.Sprintf("%s/%d", prompt, n))
	}
	f.spec.Dedupe = true
	f.input("a", "b", `{"q":"a","more":1}`, "a", "c", "b")
	p := f.plan()
	if p.Ask() != 3 || p.Copied != 3 {
		t.Errorf("the plan asks %d rows and copies %d, want 3 and 3", p.Ask(), p.Copied)
	}
	s := f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b", "c")
	jobtest.Equal(t, "rows", f.output("q", "status", "response", "attempts", "total_tokens"),
		"a ok a/1 1 110", "b ok b/1 1 110", "a ok a/1 0 0", "a ok a/1 0 0", "c ok c/1 1 110", "b ok b/1 0 0")
	cost, _ := s.Job.CostUSD()
	if s.Copied != 3 || s.Left(6) != 0 || s.Job.Copied != 3 || s.Job.Rows != 6 || s.Job.Attempts != 3 || s.Job.Saved != cost {
		t.Errorf("the summary is %+v of the job %+v, want 3 copied rows that saved what the others cost, %s", s, s.Job, cost)
	}
	f.proven("deduplicated", 0)

	// Again, nothing is asked; without it each row has an answer of its own.
	f.mustRun()
	jobtest.Equal(t, "asked again", f.e.Requests())
	f.spec.Dedupe = false
	f.mustRun()
	jobtest.Equal(t, "asked without --dedupe", f.e.Requests(), "a", "a", "b")
	f.spec.Dedupe = true
	if s = f.mustRun(); s.Job.Copied != 0 {
		t.Errorf("%d rows are copied although they have answers of their own", s.Job.Copied)
	}
	jobtest.Equal(t, "asked with it again", f.e.Requests())
}

// A row whose call failed leaves its copies pending, not lost, and they follow it.
func TestCopiesFollowTheirCall(t *testing.T) {
	f := newFixture(t)
	f.spec.Dedupe, f.spec.MaxAttempts = true, 1
	f.input("a", "a", "b")
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "a" && n == 1 {
			return 500, `{"error":{"code":500,"message":"broken","status":"INTERNAL"}}`
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.mustRun()
	jobtest.Equal(t, "rows", f.output("q", "status"), "a failed", "a failed", "b ok")
	f.mustRun()
	jobtest.Equal(t, "rows of the second run", f.output("q", "status"), "a ok", "a ok", "b ok")
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "a", "b")
}

// A sample never picks a row without the one that is asked for it.
func TestSampleHoldsNoCopies(t *testing.T) {
	f := newFixture(t)
	f.spec.Dedupe, f.spec.Sample = true, 2
	f.input("a", "a", "a", "b", "b", "c")
	if s := f.mustRun(); s.Job.Rows != 2 || s.Job.Status["ok"] != 2 {
		t.Errorf("the sample of 2 is %+v", s.Job)
	}
	if asked := f.e.Requests(); len(asked) != 2 || asked[0] == asked[1] {
		t.Errorf("the sample asked %q", asked)
	}
}

// Rows are told apart by what they ask: whatever happens to the file, each keeps
// its answer, and only what is new is asked.
func TestRowsAreToldApartByWhatTheyAsk(t *testing.T) {
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

func TestSampleAndLimitAskNothingTwice(t *testing.T) {
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

// Columns of JSONL are not known beforehand: a row with the name of a result
// column is skipped, wherever it stands, and the others are written.
func TestRowWithAResultColumnIsSkipped(t *testing.T) {
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
