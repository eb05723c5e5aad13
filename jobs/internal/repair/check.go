package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// A checkedModel checks answers on arrival.
type checkedModel struct {
	batch.Model
	check, whole func(*batch.Request, *gemini.Answer) error
}

// Check returns m with its answers checked. If check returns an error, the row is asked
// once more: the request then also holds the answer and the error, so that the model can
// correct itself. An answer that was cut at a limit is ok if whole returns no error, since
// models fill the room behind a whole answer with blanks at times.
func Check(m batch.Model, check, whole func(*batch.Request, *gemini.Answer) error) batch.Model {
	return checkedModel{m, check, whole}
}

func (m checkedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Parts != nil {
		return o // each row's part was checked when the answer was taken apart
	}
	if o.Status == batch.Truncated && o.Response != nil {
		if a, err := gemini.Parse(o.Response); err == nil && m.whole(r, a) == nil {
			o.Consequence, o.Status, o.Err, o.MaxRetries, o.Next = batch.Answered, batch.OK, nil, 0, nil
		}
		return o
	}
	if o.Consequence != batch.Answered || o.Status != batch.OK {
		return o
	}
	a, err := gemini.Parse(o.Response)
	if err == nil {
		err = m.check(r, a)
	}
	if err == nil {
		return o
	}
	o.Consequence, o.Status, o.MaxRetries = batch.Retry, batch.Invalid, 1
	o.Err = &batch.Error{Kind: batch.KindValidation, HTTPStatus: http.StatusOK, Message: err.Error()}
	if a != nil {
		if next, cerr := corrective(r.Body, a.Text, err); cerr == nil {
			o.Next = &batch.Change{Why: whyCheck, Body: next, Stream: r.Stream}
		}
	}
	return o
}

// corrective returns the body with two turns more: the model's answer, and what is wrong
// with it.
func corrective(body []byte, answer string, fault error) ([]byte, error) {
	b, err := apijson.ParseAsWritten(body)
	if err != nil {
		return nil, err
	}
	var contents []json.RawMessage
	if err := json.Unmarshal(b["contents"], &contents); err != nil {
		return nil, err
	}
	if answer == "" {
		return nil, errors.New("there is no answer to correct")
	}
	said, err := apijson.Marshal(apijson.TextContent("model", answer))
	if err != nil {
		return nil, err
	}
	reply, err := apijson.Marshal(apijson.TextContent("user", fmt.Sprintf("That is not valid: %v. Answer again, and correctly.", fault)))
	if err != nil {
		return nil, err
	}
	if err := b.Put("contents", append(contents, said, reply)); err != nil {
		return nil, err
	}
	return apijson.Marshal(b)
}
