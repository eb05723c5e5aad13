package jobs

import (
	"fmt"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Identical requests are asked and paid for once, and every row has the answer.
func TestDedupe(t *testing.T) {
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
func TestDedupeFollowsTheCall(t *testing.T) {
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
func TestDedupeWithSample(t *testing.T) {
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
