package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A dropper is a Model that answers in prose, unless the request has a text that it heeds.
type dropper struct {
	heeds string
	calls *atomic.Int64
}

func (d dropper) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	d.calls.Add(1)
	text := "The vendor is ACME."
	if d.heeds != "" && strings.Contains(string(r.Body), d.heeds) {
		text = `{"vendor":"ACME","total":2}`
	}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, FinishReason: "STOP", ModelVersion: r.Model, Response: json.RawMessage(jobtest.AnswerBody(text)),
		Usage: &batch.Usage{PromptTokenCount: 100, CandidatesTokenCount: 10, TotalTokenCount: 110},
	}
}

// A relay that drops the schema in silence costs a few calls, and not one for each row.
func TestRelayThatDropsTheSchema(t *testing.T) {
	for heeds, ok := range map[string]bool{`"responseSchema"`: true, "": false} {
		f := modelFixture(t, 100)
		f.spec.Prompt, f.spec.Concurrency = "{{.q}}", 4
		f.spec.Schema = spec.Schema(`{"type":"OBJECT","properties":{"vendor":{"type":"STRING"},"total":{"type":"NUMBER"}}}`)
		calls := new(atomic.Int64)
		f.inBubble(func(t *testing.T) {
			j, err := Open(f.spec, Options{Env: noEnv, Model: dropper{heeds, calls}})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			_, err = j.Run(t.Context())
			if ok {
				if n := calls.Load(); err != nil || n > 104 {
					t.Errorf("%d calls for 100 rows, %v", n, err)
				}
				return
			}
			var stop *batch.StopError
			if n := calls.Load(); !errors.As(err, &stop) || !strings.Contains(err.Error(), "neither as responseJsonSchema nor as responseSchema") || n > 16 {
				t.Errorf("after %d calls: %v", n, err)
			}
		})
		if ok {
			for i, got := range f.output("vendor", "total", "status") {
				if got != "ACME 2 ok" {
					t.Errorf("row %d is %q", i+1, got)
				}
			}
		}
	}
}
