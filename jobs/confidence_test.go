package jobs

import (
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
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A confidenceJob classifies rows at a simulator, and takes the confidence of their tokens. It
// has a folder for what runs remember.
type confidenceJob struct {
	*fixture
	home   string
	server *sim.Running
	log    strings.Builder
}

func newConfidenceJob(t *testing.T, model string, c sim.Config) *confidenceJob {
	t.Helper()
	f := newFixture(t)
	j := &confidenceJob{fixture: f, home: t.TempDir()}
	c.CountAnswers = true
	server, w := listening(t, f.dir, c)
	f.bill, j.server = w, server
	f.spec.Endpoint, f.spec.Auth, f.spec.Model, f.spec.Prompt = server.URL, "", model, ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "sport"}, {Name: "food"}, {Name: "travel"}}, Confidence: spec.Logprobs}
	return j
}

func (j *confidenceJob) options() Options {
	return Options{Log: slog.New(slog.NewTextHandler(&j.log, nil)), Env: func(name string) string {
		return map[string]string{"XDG_STATE_HOME": j.home, "GENBATCH_API_KEY": "key"}[name]
	}}
}

func (j *confidenceJob) run() (*Summary, error) {
	j.t.Helper()
	j.log.Reset()
	return j.runWith(j.options())
}

// kept counts the results in the journal by status.
func (j *confidenceJob) kept() string {
	j.t.Helper()
	counts := map[batch.Status]int{}
	view, err := state.ViewJournal(j.spec.StateDir())
	if err != nil {
		return err.Error()
	}
	defer view.Close()
	for r, err := range view.All() {
		if err != nil {
			j.t.Fatal(err)
		}
		counts[r.Status]++
	}
	return fmt.Sprint(counts)
}

// sentences returns rows of which some are about sport, and some about food.
func sentences(n int) (rows []string) {
	for i := range n {
		topic := []string{"The team scored a goal in match", "We ate pizza and soup in restaurant", "Nothing happened on day"}[i%3]
		known := []string{"sport", "food", "travel"}[i%3]
		rows = append(rows, fmt.Sprintf(`{"q":"%s %d","known":"%s"}`, topic, i, known))
	}
	return rows
}

// The confidence is the probability of the label's tokens. Known labels calibrate it, rows that
// it is too low for are marked, and none of that asks anything again.
func TestConfidenceOfTokens(t *testing.T) {
	j := newConfidenceJob(t, "gemini-2.5-flash", sim.Config{})
	j.input(sentences(120)...)
	if _, err := j.run(); err != nil {
		t.Fatal(err)
	}
	var confidence []string
	for _, row := range j.output("label", "confidence", "status", "review", "calibrated_confidence") {
		var label, status, review, calibrated string
		var p float64
		if _, err := fmt.Sscan(row, &label, &p, &status, &review, &calibrated); err != nil || p <= 0 || p > 1 || status != "ok" || review != "<nil>" || calibrated != "<nil>" {
			t.Fatalf("%q: %v", row, err)
		}
		confidence = append(confidence, fmt.Sprint(p))
	}
	if slices.Sort(confidence); len(slices.Compact(confidence)) < 2 {
		t.Errorf("all rows have the confidence %s", confidence[0])
	}
	sent := j.server.Stats().Answered

	j.spec.Expected, j.spec.ReviewBelow = spec.Expected{"": {Column: "known"}}, 0.8
	s, err := j.run()
	if err != nil || j.server.Stats().Answered != sent {
		t.Fatalf("%v after %d more answers", err, j.server.Stats().Answered-sent)
	}
	c, r := s.Job.Evaluations[0].Calibration, s.Job.Review
	if c == nil || c.Calibrated == nil || c.Calibrated.Rows != 120 || c.Calibrated.Brier >= *c.Brier || r == nil || !r.Calibrated || r.Rows+r.Kept != 120 || r.Kept == 0 || r.Rows == 0 || r.Compared != r.Kept {
		t.Fatalf("calibration %+v, review %+v", c, r)
	}
	marked := int64(0)
	correct := c.Calibrated.Corrector()
	for _, row := range j.output("confidence", "calibrated_confidence", "review") {
		var p, calibrated float64
		var review bool
		if _, err := fmt.Sscan(row, &p, &calibrated, &review); err != nil || calibrated != correct(p) || review != (calibrated < 0.8) {
			t.Errorf("%q: %v", row, err)
		}
		if review {
			marked++
		}
	}
	if marked != r.Rows {
		t.Errorf("%d rows are marked, and the summary says %d", marked, r.Rows)
	}
	if status, err := ReadStatus(j.spec.StateDir()); err != nil || status.Review == nil || status.Review.Rows != r.Rows {
		t.Errorf("the status says %+v, %v", status.Review, err)
	}
	view, err := View(j.spec, j.options())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	n := 0
	for row, err := range view.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(row.Columns, func(c batch.Column) bool { return c.Name == "review" })
		if row.Values[at] == true {
			n++
		}
	}
	if int64(n) != r.Rows {
		t.Errorf("of the rows for programs, %d are marked", n)
	}
	if v, err := view.Verify(); err != nil || len(v.Faults) > 0 {
		t.Errorf("verify says %v, %v", v, err)
	}
}

// Where log probabilities are not served, the first row finds out and the run ends. No row has
// failed for it, the answer is kept, and the next run says so before it sends anything.
func TestLogprobsNotServed(t *testing.T) {
	for _, tt := range []struct {
		name, model, faults string
		want, kept          string
		answered            int64
	}{
		{"refused", "gemini-3.5-flash", "", "serves no log probabilities: HTTP 400: INVALID_ARGUMENT: Logprobs is not enabled for models/gemini-3.5-flash", "map[]", 0},
		{"left out", "gemini-2.5-flash", "nologprobs=1", "serves no log probabilities: its answers come without them", "map[ok:1]", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			faults, err := sim.ParseFaults(tt.faults)
			if err != nil {
				t.Fatal(err)
			}
			j := newConfidenceJob(t, tt.model, sim.Config{Faults: faults})
			j.input(sentences(50)...)
			_, err = j.run()
			var stop *batch.StopError
			if !errors.As(err, &stop) || !strings.Contains(err.Error(), tt.model+" at "+j.server.URL) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(stop.Err.Hint, "confidence: said") {
				t.Fatalf("the run ends with %v", err)
			}
			requests := j.server.Stats().Requests
			if requests != 1 || j.server.Stats().Answered != tt.answered || j.kept() != tt.kept {
				t.Errorf("%d requests, %d answers, %s in the journal", requests, j.server.Stats().Answered, j.kept())
			}

			_, err = j.run()
			if e, ok := errors.AsType[*SpecError](err); !ok || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "as a run found out at ") || !strings.Contains(e.Hint, "--no-preflight") {
				t.Errorf("the next run says %v", err)
			}
			view, err := View(j.spec, j.options())
			if err != nil {
				t.Fatal(err)
			}
			defer view.Close()
			if _, err := view.Plan(); err != nil || !strings.Contains(j.log.String(), "run would refuse: "+tt.model) {
				t.Errorf("the plan says %v and %s", err, j.log.String())
			}
			if n := j.server.Stats().Requests; n != requests {
				t.Errorf("%d requests more", n-requests)
			}
			j.spec.NoPreflight = true
			if _, err = j.run(); !errors.As(err, &stop) || j.server.Stats().Requests != requests+1 {
				t.Errorf("with --no-preflight: %v", err)
			}

			j.spec.NoPreflight, j.spec.Classify.Confidence = false, spec.Said
			if _, err := j.run(); err != nil {
				t.Errorf("asked instead: %v", err)
			}
			if rows := j.output("confidence"); len(rows) != 50 || slices.Contains(rows, "<nil>") {
				t.Errorf("asked instead: %q", rows)
			}
		})
	}
}

// When no row is left that it could stop, the run finishes and warns. Rows of which the
// confidence is not known are marked.
func TestLogprobsLeftOutOfLastRow(t *testing.T) {
	j := newConfidenceJob(t, "gemini-2.5-flash", sim.Config{Faults: []sim.Fault{{Kind: "nologprobs", Probability: 1}}})
	j.spec.ReviewBelow = 0.5
	j.input("We ate pizza")
	if _, err := j.run(); err != nil {
		t.Fatal(err)
	}
	if rows := j.output("label", "confidence", "review"); !slices.Equal(rows, []string{"food <nil> true"}) {
		t.Errorf("%q", rows)
	}
	if !strings.Contains(j.log.String(), "its answers come without them; labels have no confidence") {
		t.Errorf("the log is %s", j.log.String())
	}
	if s, err := j.run(); err != nil || !s.Unchanged {
		t.Errorf("again: %v", err)
	}
}

// The Batch API is another place: what it does not serve is noticed when the first rows come
// back, and ends the run before more are sent.
func TestLogprobsInBatchJobs(t *testing.T) {
	for _, tt := range []struct {
		name, model, faults string
		rows                int
		want, kept          string
	}{
		{"served", "gemini-2.5-flash", "", 30, "", "map[ok:30]"},
		{"refused", "gemini-3.5-flash", "", 30, "in batch jobs: the batch answered: INVALID_ARGUMENT: Logprobs is not enabled", "map[]"},
		{"left out", "gemini-2.5-flash", "nologprobs=1", 300, "in batch jobs: its answers come without them", "map[ok:20]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			faults, err := sim.ParseFaults(tt.faults)
			if err != nil {
				t.Fatal(err)
			}
			j := newConfidenceJob(t, tt.model, sim.Config{Faults: faults, Batches: sim.Batches{Pending: 10 * time.Millisecond, Running: 20 * time.Millisecond}})
			j.spec.Tier = spec.List{"batch"}
			j.input(sentences(tt.rows)...)
			o := j.options()
			o.batchPace = 0.001
			_, err = j.runWith(o)
			if stop := (*batch.StopError)(nil); (tt.want == "") != (err == nil) || err != nil && (!errors.As(err, &stop) || !strings.HasPrefix(err.Error(), tt.model) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(stop.Err.Hint, "--tier standard")) {
				t.Fatalf("the run ends with %v", err)
			}
			if j.kept() != tt.kept {
				t.Errorf("%s in the journal", j.kept())
			}
			if _, err := j.runWith(o); tt.want != "" {
				if _, ok := errors.AsType[*SpecError](err); !ok || !strings.Contains(err.Error(), "as a run found out") {
					t.Errorf("the next run says %v", err)
				}
			}
		})
	}
}

// A state folder of an earlier version says that the confidence is asked for with true. Its
// rows, and its output, are what they were.
func TestConfidenceOfEarlierVersions(t *testing.T) {
	j := newConfidenceJob(t, "gemini-3.5-flash", sim.Config{})
	j.spec.Classify.Confidence = spec.Said
	j.input(sentences(5)...)
	if _, err := j.run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(j.spec.StateDir(), "job.json"))
	if err != nil {
		t.Fatal(err)
	}
	stored := string(text)
	if !strings.Contains(stored, `"confidence":true`) && !strings.Contains(stored, `"confidence": true`) {
		t.Errorf("it is stored as %s", stored)
	}
	s, err := LoadState(j.spec.StateDir())
	if err != nil || s.Classify.Confidence != spec.Said {
		t.Errorf("it is read as %+v, %v", s, err)
	}
	if s, err := j.run(); err != nil || !s.Unchanged {
		t.Errorf("run again: %+v, %v", s, err)
	}
}
