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

// An answer that fails the check is asked for once more, with what is wrong with it. What
// is no complete answer is not checked.
func TestCheck(t *testing.T) {
	fault := errors.New("it is no label")
	check := func(_ *batch.Request, a *gemini.Answer) error {
		if a.Text == "cat" {
			return nil
		}
		return fault
	}
	answer := func(text string) oneOutcome {
		return oneOutcome{Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(jobtest.AnswerBody(text))}
	}
	cut := answer("ca")
	cut.Status = batch.Truncated
	whole := answer("cat")
	whole.Status = batch.Truncated
	unfinished := whole // for want of a finish reason
	unfinished.Consequence = batch.Retry
	const ok, asIs = "ok", "as it is"
	for _, tt := range []struct {
		name string
		o    oneOutcome
		is   string // ok, asIs, or empty if the check fails
		next string // what the next request ends with; empty: it is the same
	}{
		{"a label", answer("cat"), ok, ""},
		{"no label", answer("a fish"), "", `{"parts":[{"text":"a fish"}],"role":"model"},{"parts":[{"text":"That is not valid: it is no label. Answer again, and correctly."}],"role":"user"}]}`},
		{"no text", answer(""), "", ""},
		{"no answer that can be read", oneOutcome{Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(`[`)}, "", ""},
		{"cut", cut, asIs, ""},
		{"cut after its end", whole, ok, ""},
		{"without a finish reason", unfinished, ok, ""},
		{"refused", oneOutcome{Consequence: batch.Settled, Status: batch.Rejected}, asIs, ""},
	} {
		r := &batch.Request{Body: json.RawMessage(`{"contents":[{"role":"user","parts":[{"text":"q"}]}]}`), Stream: true}
		o := Check(tt.o, check, check).Attempt(t.Context(), r)
		if tt.is != "" {
			want := batch.Outcome(tt.o)
			if tt.is == ok {
				want.Consequence, want.Status = batch.Answered, batch.OK
			}
			if o.Consequence != want.Consequence || o.Status != want.Status || o.Err != nil || o.Next != nil {
				t.Errorf("%s: %+v", tt.name, o)
			}
			continue
		}
		if o.Consequence != batch.Retry || o.Status != batch.Invalid || o.MaxRetries != 1 || o.Err == nil || o.Err.Kind != batch.KindValidation {
			t.Errorf("%s: %+v", tt.name, o)
		}
		switch {
		case (o.Next == nil) != (tt.next == ""):
			t.Errorf("%s: the next request is changed to %+v", tt.name, o.Next)
		case o.Next != nil && (!strings.HasSuffix(string(o.Next.Body), tt.next) || !o.Next.Stream):
			t.Errorf("%s: the next request is %s, stream %t", tt.name, o.Next.Body, o.Next.Stream)
		}
	}
}

func TestCorrective(t *testing.T) {
	got, err := corrective([]byte(`{"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"temperature":0.10}}`), "maybe", errors.New(`"maybe" is no label`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), `"temperature":0.10`) {
		t.Errorf("a number was rewritten: %s", got)
	}
	jobtest.SameJSON(t, string(got), `{"generationConfig":{"temperature":0.10},"contents":[{"role":"user","parts":[{"text":"q"}]},
		{"role":"model","parts":[{"text":"maybe"}]},
		{"role":"user","parts":[{"text":"That is not valid: \"maybe\" is no label. Answer again, and correctly."}]}]}`)
}
