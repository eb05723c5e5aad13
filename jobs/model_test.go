package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// An echo is a Model that takes a while and answers with the prompt.
type echo struct {
	takes time.Duration
	begun func() // called by each attempt; may be nil
}

func (e echo) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	if e.begun != nil {
		e.begun()
	}
	select {
	case <-time.After(e.takes):
	case <-ctx.Done():
		return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "given up"}}
	}
	var body struct {
		Contents []struct{ Parts []struct{ Text string } }
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: &batch.Error{Kind: batch.KindRequest, Message: err.Error()}}
	}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, FinishReason: "STOP", ModelVersion: r.Model,
		Response: json.RawMessage(jobtest.AnswerBody(body.Contents[0].Parts[0].Text)),
		Usage:    &batch.Usage{PromptTokenCount: 100, CandidatesTokenCount: 10, TotalTokenCount: 110},
	}
}

// modelFixture is a job whose endpoint cannot be reached and has no key.
func modelFixture(t *testing.T, rows int) *fixture {
	f := newFixture(t)
	f.spec.Endpoint, f.spec.Auth = "google", ""
	f.input(lines(rows)...)
	return f
}

// A whole job runs with a Model in the place of the client: without network and key, at
// the pace of its limit, in exact time.
func TestModelInThePlaceOfTheClient(t *testing.T) {
	f := modelFixture(t, 100)
	f.spec.RPM, f.spec.Concurrency = 60, 4
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(bubbleBegin))
		j, err := Open(f.spec, Options{Env: noEnv, Model: echo{takes: 3 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		begin := time.Now()
		s, err := j.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// 98 % of 60 a minute are a call each 1.0204... s, and the last one takes 3 s.
		const slot = 1020408164 * time.Nanosecond
		if want := 99*slot + 3*time.Second; s.Elapsed != want || time.Since(begin) != want {
			t.Errorf("the run says that it took %v, and took %v, want %v", s.Elapsed, time.Since(begin), want)
		}
		// 100 tokens in and 10 out are 14 millionths of a dollar.
		if cost, unpriced := s.Job.CostUSD(); s.Job.Status[batch.OK] != 100 || cost.String() != "0.0014" || unpriced != 0 {
			t.Errorf("%v for %s, with %d unpriced", s.Job.Status, cost, unpriced)
		}
	})
	var want []string
	for _, line := range lines(100) {
		want = append(want, fmt.Sprintf("%s %s ok", line, line))
	}
	jobtest.Equal(t, "output", f.output("q", "response", "status"), want...)
	if asked := f.e.Requests(); len(asked) > 0 {
		t.Errorf("%q came by the network", asked)
	}
}

// A run begins with as many calls in flight as were proven, and else with 4, which each answer
// raises by one.
func TestProvenCalls(t *testing.T) {
	for _, tt := range []struct {
		proven int
		want   time.Duration
	}{
		{0, 18 * time.Second},  // 4, 8, 16, 32, 32 and 8 rows
		{32, 12 * time.Second}, // 32, 32, 32 and 4
		{64, 12 * time.Second}, // no more than may be
	} {
		f := modelFixture(t, 100)
		f.spec.Concurrency = 32
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(bubbleBegin))
			j, err := Open(f.spec, Options{Env: noEnv, Model: echo{takes: 3 * time.Second}, Shared: Shared{Proven: tt.proven}})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if s, err := j.Run(t.Context()); err != nil || s.Elapsed != tt.want {
				t.Errorf("with %d proven the run took %v, want %v; %v", tt.proven, s.Elapsed, tt.want, err)
			}
		})
	}
}

// Nothing of a Model's quota is kept for the jobs that ask the same endpoint. What is
// known of the quota of an endpoint's client is.
func TestNothingIsKeptOfAModelsQuota(t *testing.T) {
	for _, tt := range []struct {
		name  string
		model batch.Model
		kept  bool
	}{
		{"the endpoint's client", nil, true},
		{"a model", echo{}, false},
	} {
		home := t.TempDir()
		f := newFixture(t)
		f.input("a", "b")
		f.spec.RPD = 1000 // so that the day's count is kept
		j, err := Open(f.spec, Options{Model: tt.model, Env: func(name string) string {
			return map[string]string{"XDG_STATE_HOME": home}[name]
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(home); err != nil || (len(files) > 0) != tt.kept {
			t.Errorf("%s: %v is kept, want something: %v (%v)", tt.name, files, tt.kept, err)
		}
	}
}
