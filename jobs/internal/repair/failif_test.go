package repair

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// A notice that comes as an answer is asked again, is not kept as the answer, and its cost is.
func TestFailIf(t *testing.T) {
	fails := func(_ *batch.Request, a *gemini.Answer) error {
		if strings.Contains(a.Text, "top up") {
			return errors.New(`the answer matches fail_if "top up": ` + a.Text)
		}
		return nil
	}
	answer := func(text string, s batch.Status) oneOutcome {
		return oneOutcome{Consequence: batch.Answered, Status: s, Response: json.RawMessage(jobtest.AnswerBody(text)), Usage: new(batch.Usage)}
	}
	for _, s := range []batch.Status{batch.OK, batch.Truncated} {
		o := FailIf(answer("Please top up: 3 left", s), fails).Attempt(t.Context(), new(batch.Request))
		if o.Consequence != batch.Retry || o.Status != batch.Failed || o.Response != nil || o.Usage == nil || o.Err == nil || o.Refusal == "" {
			t.Errorf("%s: %+v", s, o)
		}
		again := FailIf(answer("Please top up: 2 left", s), fails).Attempt(t.Context(), new(batch.Request))
		if again.Refusal != o.Refusal {
			t.Errorf("the same notice is %q and %q", o.Refusal, again.Refusal)
		}
	}
	if o := FailIf(answer("fine", batch.OK), fails).Attempt(t.Context(), new(batch.Request)); o.Consequence != batch.Answered || o.Refusal != "" {
		t.Errorf("an answer: %+v", o)
	}
}
