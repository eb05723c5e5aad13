package jobs

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Rows that failed are asked again by the same run, once each, and count once. Others that
// were asked are not, whatever --retry says of their status.
func TestRetryInTheRun(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxAttempts, f.spec.Retry = 1, List{"blocked"}
	blocked := `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":100,"totalTokenCount":100},"modelVersion":"gemini-2.5-flash-lite"}`
	f.e.Reply = func(prompt string, n int) (int, string) {
		switch {
		case prompt == "block":
			return 200, blocked
		case prompt == "fail" && n <= 2, prompt == "fail once" && n == 1:
			return 500, `{"error":{"code":500,"message":"broken","status":"INTERNAL"}}`
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "fail", "block", "fail once", "b", "c", "d")
	j, err := Open(f.spec, f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Control().RetryFailed(); err != nil {
		t.Fatal(err)
	}
	s, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Run.Status); got != "map[blocked:1 failed:1 ok:5]" || s.Run.Rows != 7 || s.Job.Rows != 7 {
		t.Errorf("the run comes to %s of %d rows", got, s.Run.Rows)
	}
	if p := j.Progress(); p.Done() != 7 || len(p.Run.Problems) != 2 || p.Run.Problems["failed: HTTP 500: INTERNAL: broken"] != 1 {
		t.Errorf("%d rows are done, with the problems %v", p.Done(), p.Run.Problems)
	}
	if got := strings.Join(f.e.Requests(), ", "); got != "a, b, block, c, d, fail, fail, fail once, fail once" {
		t.Errorf("asked are %s", got)
	}
	failures := j.Control().Failures()
	if len(failures) != 4 || failures[3].Row != 2 || failures[3].Status != "failed" {
		t.Errorf("the failures are %+v", failures)
	}
	if err := j.Control().RetryFailed(); err == nil {
		t.Error("a run that has ended asks rows again")
	}
	f.verified("after it")
}

// A run that is paused, sped up, made dearer and asked to try again costs what its journal
// says, and keeps the cap that it has by then.
func TestSteeredRunKeepsTheCap(t *testing.T) {
	f := newFixture(t)
	f.inBubble(func(t *testing.T) {
		faults, err := sim.ParseFaults("500=0.2,502=0.1,429bare=0.05")
		if err != nil {
			t.Fatal(err)
		}
		server := f.simulated(sim.Config{Faults: faults, CountAnswers: true})
		f.handler, f.spec.Auth = server, "x-goog-api-key"
		f.spec.MaxAttempts, f.spec.MaxOutputTokens, f.spec.MaxCost, f.spec.RPM = 2, 50, "1", 30
		f.input(lines(150)...)
		j, err := Open(f.spec, f.options())
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		c := j.Control()
		var end error
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, end = j.Run(t.Context())
		}()
		time.Sleep(time.Minute)
		c.Pause()
		time.Sleep(30 * time.Second)
		asked := server.Stats().Requests
		time.Sleep(3 * time.Hour)
		if n := server.Stats().Requests; n != asked || asked < 20 {
			t.Errorf("%d requests before the pause, and %d in it", asked, n-asked)
		}
		if p := j.Progress(); p.PausedSince.IsZero() {
			t.Error("progress does not say that it is paused")
		}
		if err := c.Set(Limits{RPM: new(600), Concurrency: new(100)}); err != nil {
			t.Fatal(err)
		}
		c.Resume()
		if err := c.RetryFailed(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		state := c.State()
		if state.Spent == 0 || state.MaxCost != price.Dollar || state.RPM != (InForce{Value: 600, Source: "control"}) {
			t.Errorf("%+v", state)
		}
		if err := c.Set(Limits{MaxCost: new("0.0001")}); err != nil { // less than is spent by now
			t.Fatal(err)
		}
		<-done
		if e, ok := errors.AsType[*BudgetError](end); !ok || e.Cap != price.Dollar/10_000 {
			t.Fatalf("the run ends with %v", end)
		}
		// Another run of the same Job has what was set.
		if err := c.Set(Limits{MaxCost: new("2")}); err != nil {
			t.Fatal(err)
		}
		if err := c.RetryFailed(); err == nil {
			t.Error("a run that has ended asks rows again")
		}
		s, err := j.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.agrees(s)
	})
	f.verified("in the end")
}

// Stop ends a run as an interrupt does.
func TestStop(t *testing.T) {
	f := newFixture(t)
	f.inBubble(func(t *testing.T) {
		f.handler, f.spec.Auth = f.simulated(sim.Config{Latency: 10 * time.Second}), "x-goog-api-key"
		f.spec.Concurrency = 2
		f.input(lines(20)...)
		j, err := Open(f.spec, f.options())
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		time.AfterFunc(25*time.Second, j.Control().Stop)
		begin := time.Now()
		s, err := j.Run(t.Context())
		if !errors.Is(err, batch.ErrInterrupted) || !strings.Contains(err.Error(), "stopped on request, by genbatch ctl or the live page") {
			t.Errorf("the run ends with %v", err)
		}
		if took := time.Since(begin); took < 30*time.Second || took > 31*time.Second || s.Run.Status[batch.OK] != 6 {
			t.Errorf("the run ends after %v with %v; want 6 rows, of which 2 were in flight", took, s.Run.Status)
		}
		if s, err := j.Run(t.Context()); err != nil || s.Job.Status[batch.OK] != 20 {
			t.Errorf("the next run: %v", err)
		}
	})
}

// How long the rest takes is told by the limits that hold now.
func TestLeastBySetLimits(t *testing.T) {
	f := newFixture(t)
	f.input(lines(20)...)
	f.spec.RPM = 60
	j, err := Open(f.spec, f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, tt := range []struct {
		set  *int
		want time.Duration
	}{{nil, 10 * time.Minute}, {new(600), time.Minute}, {new(0), 0}} {
		if err := j.Control().Set(Limits{RPM: tt.set}); err != nil {
			t.Fatal(err)
		}
		if got := j.Least(600); got != tt.want {
			t.Errorf("600 rows take at least %v, want %v", got, tt.want)
		}
	}
}

// A run that does not wait for its batch jobs waits for the end of a pause all the same: it
// has rows to hand in.
func TestPauseOfDetached(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.input(lines(12)...)
		o := w.options()
		o.Detach, o.batchRows = true, 6
		var j *Job
		var first sync.Once // job that is there
		o.ShowBatch = func(b Batch) {
			if b.Name != "" {
				first.Do(j.Control().Pause)
			}
		}
		var err error
		j, err = Open(w.spec, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		time.AfterFunc(5*time.Minute, func() {
			if n := w.count("create"); n != 1 {
				t.Errorf("%d jobs are created in the pause", n)
			}
			j.Control().Resume()
		})
		_, err = j.Run(t.Context())
		if _, away := errors.AsType[*DetachedError](err); !away || w.count("create") != 2 {
			t.Errorf("the run ends with %v and %d jobs", err, w.count("create"))
		}
	})
}

// In a pause no batch job is created, those at work are collected, and the run goes on when
// the pause ends.
func TestPauseOfBatches(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Set = map[string]string{"model": "{{.m}}"}
		var rows []string
		for i := range 20 {
			rows = append(rows, fmt.Sprintf(`{"q":"row %d","m":%q}`, i, []string{"gemini-2.5-flash-lite", "gemini-2.5-flash"}[i%2]))
		}
		w.input(rows...)
		j, err := Open(w.spec, w.options())
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		j.Control().Pause()
		var end error
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, end = j.Run(t.Context())
		}()
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if n := w.count("create") + w.count("upload") + w.count("call"); n > 0 {
			t.Errorf("%d jobs are created in the pause", n)
		}
		resumed := time.Now()
		j.Control().Resume()
		time.Sleep(5 * time.Second)
		created := w.count("create")
		j.Control().Pause()
		time.Sleep(time.Hour) // in which the jobs that are at work are collected
		synctest.Wait()
		if p := j.Progress(); created == 0 || p.Done() == 0 || p.Batches > 0 {
			t.Errorf("%d jobs are created soon after the pause; in the next one %d rows are done, and %d jobs at work", created, p.Done(), p.Batches)
		}
		j.Control().Resume()
		<-done
		if end != nil {
			t.Fatal(end)
		}
		if p := j.Progress(); p.Done() != 20 || len(p.BatchJobs) != 2 || p.BatchJobs[0].Created.Sub(resumed) > time.Minute {
			t.Errorf("%d rows are done by %+v", p.Done(), p.BatchJobs)
		}
		w.bills("in the end", "2 20 0 0")
	})
}
