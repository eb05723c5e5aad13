package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// While a run goes, its samples are at hand, and afterwards they are in the file. Their last
// one agrees with the summary.
func TestHistoryOfRun(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c", "d", "e", "f")
	f.spec.Concurrency, f.spec.RPM = 1, 600
	f.e.Reply = func(prompt string, n int) (int, string) {
		time.Sleep(time.Second)
		if prompt == "b" && n == 1 {
			return 503, `{"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}}`
		}
		if prompt == "c" && n == 1 {
			return 500, `{"error":{"code":500,"status":"INTERNAL","message":"An internal error has occurred."}}`
		}
		return 200, jobtest.AnswerBody("re " + prompt)
	}
	f.inBubble(func(t *testing.T) {
		j, err := Open(f.spec, f.options())
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if s := j.Samples(0); s != nil {
			t.Errorf("before the run: %v", s)
		}
		begin, done := time.Now(), make(chan *Summary)
		go func() {
			s, err := j.Run(t.Context())
			if err != nil {
				t.Error(err)
			}
			done <- s
		}()
		time.Sleep(3500 * time.Millisecond)
		if s := j.Samples(1); len(s) != 2 || s[1].Seq != 3 || s[1].Elapsed != 3 || s[1].InFlight != 1 || s[1].Queued != 0 {
			t.Errorf("after 3.5 s: %+v", s)
		}
		s := <-done
		runs, err := ReadHistory(f.spec.StateDir())
		if err != nil || len(runs) != 1 {
			t.Fatalf("%+v, %v", runs, err)
		}
		r := runs[0]
		if !r.Begin.Equal(begin) || r.Model != f.spec.Model || r.Endpoint != f.spec.Endpoint {
			t.Errorf("run %+v", r)
		}
		last := r.Samples[len(r.Samples)-1]
		cost, _ := s.Run.CostUSD()
		if last.Rows != 6 || last.OK != 6 || last.Failed != 0 || last.Attempts != 8 || last.Refused != 1 || last.Faults != 1 ||
			last.InputTokens != 600 || last.OutputTokens != 60 || last.CostPicoUSD != int64(cost) || cost == 0 ||
			last.RPM == nil || *last.RPM != 600 || last.TPM != nil || last.Concurrency == nil || *last.Concurrency != 1 {
			t.Errorf("last sample %+v, cost %v", last, cost)
		}
		if !slices.IsSortedFunc(r.Samples, func(a, b Sample) int { return int(a.Rows - b.Rows) }) {
			t.Errorf("rows become fewer: %+v", r.Samples)
		}
		if s := j.Samples(0); fmt.Sprint(len(s), s[len(s)-1].Seq) != fmt.Sprint(len(r.Samples), last.Seq) {
			t.Errorf("%d samples in memory, %d in the file", len(s), len(r.Samples))
		}
	})
}

// A run is kept beside the ones before.
func TestHistoryOfRuns(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.mustRun()
	f.input("a", "b")
	f.mustRun()
	runs, err := ReadHistory(f.spec.StateDir())
	if err != nil || len(runs) != 2 {
		t.Fatalf("%+v, %v", runs, err)
	}
	for _, r := range runs {
		if len(r.Samples) != 1 || r.Samples[0].Rows != 1 {
			t.Errorf("run %+v", r)
		}
	}
}

// A run does not need the file: that it cannot be written is a warning.
func TestHistoryCannotBeWritten(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	path := filepath.Join(f.spec.StateDir(), "history.jsonl")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, log, err := f.runLogged()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log, "how the run goes is not recorded"); n != 1 || !strings.Contains(log, path) {
		t.Errorf("log is\n%s", log)
	}
	if _, err := ReadHistory(f.spec.StateDir()); err == nil {
		t.Error("a folder was read")
	}
}
