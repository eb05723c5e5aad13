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

// The reasons for a change, as [batch.Change] has them.
const (
	whyMaxTokens  = "MAX_TOKENS"
	whyRecitation = "RECITATION"
	whyTimeout    = "timeout"
	whyNoStream   = "no stream"
	whyCheck      = "check"
)

const (
	// temperatureStep is enough for sampling to stray from a passage. Beyond
	// maxTemperature answers lose their sense.
	temperatureStep = 0.3
	maxTemperature  = 1.5
	// maxRecitations is how often the temperature is raised for one row.
	maxRecitations = 2
)

// A changingModel changes requests that would most likely fail again as they are.
type changingModel struct {
	batch.Model
	prices *price.Table
	stream bool
}

// Change returns m with requests changed that would most likely fail again as they are.
// After an empty MAX_TOKENS answer there is more room for the next one, after RECITATION
// the temperature is higher, and a call that a server or gateway has cut goes on as a
// stream. prices has the output limits of models. stream says that every call is a stream
// already.
func Change(m batch.Model, prices *price.Table, stream bool) batch.Model {
	return changingModel{m, prices, stream}
}

func (m changingModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Parts != nil {
		return o // rows that shared the call are asked in other calls, if they have to be
	}
	if len(r.Changes) > 0 {
		last := &r.Changes[len(r.Changes)-1]
		switch {
		case refusesRequest(&o) && last.Instead != nil:
			return fallback(last, &o)
		case refusesStream(&o) && last.Why == whyTimeout:
			// The row goes on as it began. The refusal is no reason to stop the run: no
			// row was meant to be streamed.
			o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
			o.Next = &batch.Change{Why: whyNoStream, Note: "the endpoint does not stream"}
			return o
		}
	}
	if next := m.next(r, &o); next != nil {
		o.Consequence, o.Next = batch.Retry, next
	}
	return o
}

// next returns how the next attempt is to differ, or nil if it need not, or cannot.
func (m changingModel) next(r *batch.Request, o *batch.Outcome) *batch.Change {
	switch {
	case o.Consequence == batch.Settled && o.Status == batch.Truncated && o.FinishReason == "MAX_TOKENS" && changes(r, whyMaxTokens) == 0:
		if body, what := m.widen(r, o); what != "" {
			return &batch.Change{
				Why: whyMaxTokens, Note: "asked again after an empty MAX_TOKENS answer, with " + what,
				Body: body, Stream: r.Stream, Instead: asSettled(o),
			}
		}
	case o.Consequence == batch.Retry && o.FinishReason == "RECITATION" && changes(r, whyRecitation) < maxRecitations:
		if body, t := raiseTemperature(r, o); t != "" {
			return &batch.Change{
				Why: whyRecitation, Note: "asked again after RECITATION, at temperature " + t,
				Body: body, Stream: r.Stream, Instead: asSettled(o),
			}
		}
	case cutWhileIdle(o) && !m.stream && !r.Stream && changes(r, whyTimeout) == 0:
		return &batch.Change{
			Why: whyTimeout, Stream: true,
			Note: fmt.Sprintf("asked again after HTTP %d, as a stream", statusOf(o.Err)),
		}
	}
	return nil
}

// asSettled returns the outcome that the row comes to if the change is refused.
func asSettled(o *batch.Outcome) *batch.Outcome {
	settled := *o
	settled.Consequence = batch.Settled
	return &settled
}

// changes counts the changes that were made to a request for one reason.
func changes(r *batch.Request, why string) (n int) {
	for i := range r.Changes {
		if r.Changes[i].Why == why {
			n++
		}
	}
	return n
}

// cutWhileIdle reports whether a server or gateway ended the call because the answer took
// too long. That is 504, or 524 by Cloudflare after 100 s in which nothing came. A stream
// brings its first bytes earlier. Timeouts of our own have no status of 500 or more.
func cutWhileIdle(o *batch.Outcome) bool {
	return o.Consequence == batch.Retry && o.Err != nil && o.Err.Kind == batch.KindTimeout && statusOf(o.Err) >= 500
}

// statusOf returns the status of an error, which a gateway may wrap in an HTTP 200.
func statusOf(e *batch.Error) int { return cmp.Or(e.InBody, e.HTTPStatus) }

// refusesRequest reports whether the API refuses the request for what it says.
func refusesRequest(o *batch.Outcome) bool {
	return o.Consequence == batch.Settled && o.Status == batch.Rejected && o.Err != nil && statusOf(o.Err) == http.StatusBadRequest
}

// refusesStream reports whether the endpoint has no streamGenerateContent. The row has
// come through to the model before, without a stream, so nothing else in the address can
// be wrong.
func refusesStream(o *batch.Outcome) bool {
	if o.Err == nil {
		return false
	}
	switch statusOf(o.Err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return refusesRequest(o)
}

// fallback returns what a row comes to if its changed request is refused: the outcome
// before the change, with the refusal in its hint.
func fallback(c *batch.Change, refused *batch.Outcome) batch.Outcome {
	o := *c.Instead
	o.Usage, o.MaybeBilled = nil, false // the attempt before has counted them
	e := *o.Err
	e.Hint = strings.TrimPrefix(e.Hint+"; the changed request was refused: "+refused.Err.Message, "; ")
	o.Err = &e
	return o
}

// widen returns the body with less thinking or a higher limit, since thinking alone has
// reached the limit of before. what says which of them for people, and is empty if neither
// is possible.
func (m changingModel) widen(r *batch.Request, o *batch.Outcome) (body json.RawMessage, what string) {
	b, err := apijson.Parse(r.Body)
	if err != nil {
		return nil, ""
	}
	var done []string
	config := b.Object("generationConfig")
	thinking := config.Object("thinkingConfig")
	thought := o.Usage == nil || o.Usage.Thoughts() > 0
	c, _ := controls(r, o)
	own := thinking["thinkingBudget"] != nil || thinking["thinkingLevel"] != nil
	lowered := c.Field != "" && thought && !own
	if lowered {
		thinking[c.Field] = json.RawMessage(c.Least)
		if config.Put("thinkingConfig", thinking) != nil {
			return nil, ""
		}
		done = append(done, c.Field+" "+strings.Trim(c.Least, `"`))
	}
	// If thinking can be turned off, the user's limit stands. If it can only be lowered,
	// it may fill the limit again, and there is no second change.
	if !lowered || !c.Off {
		if limit, raised := m.raise(r.Model, config["maxOutputTokens"]); raised {
			config["maxOutputTokens"] = strconv.AppendInt(nil, limit, 10)
			done = append(done, fmt.Sprintf("maxOutputTokens %d", limit))
		}
	}
	if len(done) == 0 {
		return nil, ""
	}
	if body, err = withConfig(b, config); err != nil {
		return nil, ""
	}
	return body, strings.Join(done, " and ")
}

// raise returns a higher maxOutputTokens than the request's own. It returns false if the
// request has none, or if the model allows no more.
func (m changingModel) raise(model string, own json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(string(bytes.Trim(own, `"`)), 10, 32)
	if err != nil || n <= 0 {
		return 0, false
	}
	limit := min(max(4*n, n+1024), cost.OutputLimit(m.prices, model, time.Now()))
	return limit, limit > n
}

// raiseTemperature returns the body with a higher temperature, and that temperature. It is
// empty if the model ignores temperatures, or is at the highest that makes sense. A model
// of which nothing is known gets one only if the request itself has one.
func raiseTemperature(r *batch.Request, o *batch.Outcome) (body json.RawMessage, temperature string) {
	b, err := apijson.Parse(r.Body)
	if err != nil {
		return nil, ""
	}
	t := 1.0 // every model's default
	config := b.Object("generationConfig")
	own := config["temperature"]
	if own != nil {
		if t, err = strconv.ParseFloat(string(bytes.Trim(own, `"`)), 64); err != nil {
			return nil, ""
		}
	}
	c, known := controls(r, o)
	higher := min(math.Round(100*(t+temperatureStep))/100, maxTemperature)
	if higher <= t || !c.Temperature && (known || own == nil) {
		return nil, ""
	}
	temperature = strconv.FormatFloat(higher, 'g', -1, 64)
	config["temperature"] = json.RawMessage(temperature)
	if body, err = withConfig(b, config); err != nil {
		return nil, ""
	}
	return body, temperature
}

// withConfig returns a body with another generationConfig.
func withConfig(body, config apijson.Object) (json.RawMessage, error) {
	if err := body.Put("generationConfig", config); err != nil {
		return nil, err
	}
	return apijson.Marshal(body)
}

// controls returns which settings the model takes. The model that answered counts: it is
// another than the one that was asked behind "-latest", or after a retirement. If the name
// that was asked ends in "thinking", the user wants it, and thinking stays as it is.
func controls(r *batch.Request, o *batch.Outcome) (c gemini.Controls, known bool) {
	if c, known = gemini.ControlsOf(o.ModelVersion); !known {
		c, known = gemini.ControlsOf(r.Model)
	}
	if strings.HasSuffix(r.Model, "thinking") {
		c.Field = ""
	}
	return c, known
}
