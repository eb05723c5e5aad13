package repair

import (
	"context"
	"net/http"
	"strings"
	"unicode"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// A failingModel takes some answers for failures.
type failingModel struct {
	batch.Model
	fails func(*batch.Request, *gemini.Answer) error
}

// FailIf returns m with an answer taken for a failure if fails returns an error for it. The
// row is asked again. Ten such answers in a row that say the same stop the run, as other
// refusals do.
func FailIf(m batch.Model, fails func(*batch.Request, *gemini.Answer) error) batch.Model {
	return failingModel{m, fails}
}

func (m failingModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Status != batch.OK && o.Status != batch.Truncated {
		return o
	}
	a, err := gemini.Parse(o.Response)
	if err != nil {
		return o
	}
	if err = m.fails(r, a); err == nil {
		return o
	}
	o.Consequence, o.Status, o.Response, o.Next, o.MaxRetries = batch.Retry, batch.Failed, nil, nil, 0
	o.Err = &batch.Error{Kind: batch.KindAnswer, HTTPStatus: http.StatusOK, Message: err.Error()}
	o.Refusal = strings.Map(func(c rune) rune { // numbers and times differ in one and the same notice
		if unicode.IsDigit(c) {
			return -1
		}
		return c
	}, err.Error())
	return o
}
