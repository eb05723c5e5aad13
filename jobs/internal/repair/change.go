// Package repair has the models around the endpoint's client that change something
// where the same call would fail again, and that keep made-up answers from real ones.
package repair

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
)

// What calls for a change, see [batch.Change].
const (
	whyMaxTokens  = "MAX_TOKENS"
	whyRecitation = "RECITATION"
	whyTimeout    = "timeout"
	whyNoStream   = "no stream"
)

const (
	// Sampling that strays from a passage; beyond, answers lose their sense.
	temperatureStep = 0.3
	maxTemperature  = 1.5
	// maxRecitations is how often the temperature is raised for one row.
	maxRecitations = 2
)

// changingModel changes something about the request where the same call must, or
// would most likely, fail again. The changed request keeps the row's fingerprint:
// it is the same question.
type changingModel struct {
	batch.Model
	prices *price.Table
	stream bool // every call is a stream already
}

// Change returns the model m with changed calls, where stream says that every
// call is a stream already.
func Change(m batch.Model, prices *price.Table, stream bool) batch.Model {
	return changingModel{m, prices, stream}
}

func (m changingModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if len(r.Changes) > 0 {
		last := &r.Changes[len(r.Changes)-1]
		switch {
		case refusesChange(&o) && last.Instead != nil:
			return fallback(last, &o)
		case refusesStream(&o) && last.Why == whyTimeout:
			// The row goes on as it began. The refusal is no reason to stop the run: no
			// row was meant to be streamed.
			o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
			o.Next = &batch.Change{Why: whyNoStream, Note: "the endpoint does not stream"}
			return o
		}
	}
	switch {
	case o.Consequence == batch.Settled && o.Status == batch.Truncated && o.FinishReason == "MAX_TOKENS":
		if changes(r, whyMaxTokens) == 0 {
			if body, what := m.widen(r, &o); what != "" {
				settled := o
				o.Consequence = batch.Retry
				o.Next = &batch.Change{
					Why: whyMaxTokens, Note: "asked again after an empty MAX_TOKENS answer, with " + what,
					Body: body, Stream: r.Stream, Instead: &settled,
				}
			}
		}
	case o.Consequence == batch.Retry && o.FinishReason == "RECITATION":
		if changes(r, whyRecitation) < maxRecitations {
			if body, t := raiseTemperature(r, &o); t != "" {
				settled := o
				settled.Consequence = batch.Settled
				o.Next = &batch.Change{
					Why: whyRecitation, Note: "asked again after RECITATION, at temperature " + t,
					Body: body, Stream: r.Stream, Instead: &settled,
				}
			}
		}
	case cutWhileIdle(&o) && !m.stream && !r.Stream && changes(r, whyTimeout) == 0:
		o.Next = &batch.Change{
			Why: whyTimeout, Stream: true,
			Note: fmt.Sprintf("asked again after HTTP %d, as a stream", statusOf(o.Err)),
		}
	}
	return o
}

// changes counts the changes that a request has had for one reason.
func changes(r *batch.Request, why string) (n int) {
	for i := range r.Changes {
		if r.Changes[i].Why == why {
			n++
		}
	}
	return n
}

// cutWhileIdle reports whether a server or gateway ended the call because the
// answer took too long: 504, and 524 by Cloudflare after 100 s in which nothing
// came. A stream brings its first bytes earlier. Our own deadlines have no
// status of 500 or more.
func cutWhileIdle(o *batch.Outcome) bool {
	return o.Consequence == batch.Retry && o.Err != nil && o.Err.Kind == batch.KindTimeout && statusOf(o.Err) >= 500
}

// statusOf returns the status that an error has, which a gateway may wrap in an HTTP 200.
func statusOf(e *batch.Error) int { return cmp.Or(e.InBody, e.HTTPStatus) }

// refusesChange reports whether the API does not take the request.
func refusesChange(o *batch.Outcome) bool {
	return o.Consequence == batch.Settled && o.Status == batch.Rejected && o.Err != nil && statusOf(o.Err) == http.StatusBadRequest
}

// refusesStream reports whether the endpoint has no streamGenerateContent. It has
// let the row through to the model before, so that no other path, method or model
// is at fault.
func refusesStream(o *batch.Outcome) bool {
	if o.Err == nil {
		return false
	}
	switch statusOf(o.Err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return refusesChange(o)
}

// fallback is what a row comes to whose changed request was refused: what it had
// come to before, and why no more was to be had.
func fallback(c *batch.Change, refused *batch.Outcome) batch.Outcome {
	o := *c.Instead
	o.Usage, o.MaybeBilled = nil, false // of the attempt before, and counted there
	e := *o.Err
	e.Hint = strings.TrimPrefix(e.Hint+"; the changed request was refused: "+refused.Err.Message, "; ")
	o.Err = &e
	return o
}

// widen returns the body with less thinking or a higher limit, so that an
// answer fits under the limit that thinking alone has reached; what is empty when
// nothing can be done.
func (m changingModel) widen(r *batch.Request, o *batch.Outcome) (body json.RawMessage, what string) {
	b, err := apijson.ParseBody(r.Body)
	if err != nil {
		return nil, ""
	}
	var done []string
	thinking := apijson.Object(b.Config["thinkingConfig"])
	thought := o.Usage == nil || o.Usage.Thoughts() > 0
	c, _ := controls(r, o)
	own := thinking["thinkingBudget"] != nil || thinking["thinkingLevel"] != nil
	lowered := c.Field != "" && thought && !own
	if lowered {
		thinking[c.Field] = json.RawMessage(c.Least)
		b.Config["thinkingConfig"], _ = apijson.Marshal(thinking) // made of JSON
		done = append(done, c.Field+" "+strings.Trim(c.Least, `"`))
	}
	// The user's limit stands where thinking can be turned off. Where it can only be
	// lowered it may fill the limit again, and there is but one attempt.
	if !lowered || !c.Off {
		if limit, raised := m.raise(r.Model, b.Config["maxOutputTokens"]); raised {
			b.Config["maxOutputTokens"] = strconv.AppendInt(nil, limit, 10)
			done = append(done, fmt.Sprintf("maxOutputTokens %d", limit))
		}
	}
	if len(done) == 0 {
		return nil, ""
	}
	return b.Marshal(), strings.Join(done, " and ")
}

// raise returns a higher maxOutputTokens than the request's own.
func (m changingModel) raise(model string, own json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(string(bytes.Trim(own, `"`)), 10, 32)
	if err != nil || n <= 0 {
		return 0, false
	}
	limit := min(max(4*n, n+1024), cost.OutputLimit(m.prices, model, time.Now()))
	return limit, limit > n
}

// raiseTemperature returns the body with a higher temperature, and that; empty when there
// is none that the model would heed. A temperature is given to a model that may
// not know it only where the request does so itself.
func raiseTemperature(r *batch.Request, o *batch.Outcome) (body json.RawMessage, temperature string) {
	b, err := apijson.ParseBody(r.Body)
	if err != nil {
		return nil, ""
	}
	t := 1.0 // every model's default
	own := b.Config["temperature"]
	if own != nil {
		if t, err = strconv.ParseFloat(string(bytes.Trim(own, `"`)), 64); err != nil {
			return nil, ""
		}
	}
	c, known := controls(r, o)
	warmer := min(math.Round(100*(t+temperatureStep))/100, maxTemperature)
	if warmer <= t || !c.Temperature && (known || own == nil) {
		return nil, ""
	}
	temperature = strconv.FormatFloat(warmer, 'g', -1, 64)
	b.Config["temperature"] = json.RawMessage(temperature)
	return b.Marshal(), temperature
}

// controls returns what the model takes: the one that answered, which is another
// than the one that was asked behind "-latest" and after a model's retirement.
// What a gateway's alias says about thinking in its name is the user's own word.
func controls(r *batch.Request, o *batch.Outcome) (c gemini.Controls, known bool) {
	if c, known = gemini.ControlsOf(o.ModelVersion); !known {
		c, known = gemini.ControlsOf(r.Model)
	}
	if strings.HasSuffix(r.Model, "thinking") {
		c.Field = ""
	}
	return c, known
}
