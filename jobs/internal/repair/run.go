package repair

import (
	"context"
	"net/http"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

func (m checkedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Consequence != batch.Answered || o.Status != batch.OK {
		return o
	}
	a, err := gemini.Parse(o.Response)
	if err == nil {
		err = m.check(a)
	}
	if err == nil {
		return o
	}
	o.Consequence, o.Status, o.MaxRetries = batch.Retry, batch.Invalid, 1
	o.Err = &batch.Error{Kind: batch.KindValidation, HTTPStatus: http.StatusOK, Message: err.Error()}
	if a != nil {
		if next, cerr := corrective(r.Body, a.Text, err); cerr == nil {
			o.Next = &batch.Change{Why: "check", Body: next, Stream: r.Stream}
		}
	}
	return o
}
