package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/schema"
)

const whyOldSchema = "responseSchema"

// schemaModel sends the job's schema as the endpoint knows it: as responseSchema
// where that is asked for, and once the endpoint has refused responseJsonSchema. It
// stays the same question, and keeps its fingerprint.
type schemaModel struct {
	batch.Model
	old   *atomic.Bool // responseJsonSchema is not known, or not wanted
	every bool         // all rows have the job's schema
	log   *slog.Logger

	latest *atomic.Pointer[conversion] // mostly the only one
}

// A conversion is a schema in both forms.
type conversion struct{ from, to json.RawMessage }

// SchemaField returns the model m that sends schemas so. every says that all rows
// have the job's schema, and old that responseSchema is asked for.
func SchemaField(m batch.Model, every, old bool, log *slog.Logger) batch.Model {
	sm := schemaModel{m, new(atomic.Bool), every, log, new(atomic.Pointer[conversion])}
	sm.old.Store(old)
	return sm
}

func (m schemaModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	old := m.old.Load()
	if old {
		body, found, err := m.asResponseSchema(r.Body)
		if err != nil {
			return m.unsendable(err)
		}
		if found {
			changed := *r
			changed.Body = body
			return m.Model.Attempt(ctx, &changed)
		}
	}
	o := m.Model.Attempt(ctx, r)
	if old || !refusesJSONSchema(&o) {
		return o
	}
	body, found, err := m.asResponseSchema(r.Body)
	switch {
	case !found && err == nil:
		return o
	case err != nil:
		return m.unsendable(err)
	}
	if m.old.CompareAndSwap(false, true) {
		m.log.Warn("the endpoint does not know responseJsonSchema: it is asked with responseSchema (schema_field: responseSchema spares it the question)")
	}
	// The refusal is the endpoint's matter, and no failure of the row.
	o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
	o.Next = &batch.Change{
		Why: whyOldSchema, Note: "asked again with responseSchema, since the endpoint does not know responseJsonSchema",
		Body: body, Stream: r.Stream, Free: true,
	}
	return o
}

// unsendable ends the run where every row has the schema that cannot be sent, and
// else the row.
func (m schemaModel) unsendable(err error) batch.Outcome {
	o := batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: &batch.Error{
		Kind:    batch.KindRequest,
		Message: fmt.Sprintf("the endpoint does not know responseJsonSchema, and the schema cannot be written as responseSchema: %v", err),
		Hint:    "simplify the schema there, or use another endpoint",
	}}
	if m.every {
		o.Consequence, o.Status = batch.Stop, ""
	}
	return o
}

var (
	jsonSchemaField = regexp.MustCompile(`(?i)response_?json_?schema`)
	// Google's words, and those of the JSON readers that gateways are made with.
	notKnown = regexp.MustCompile(`(?i)unknown name|cannot find field|(?:unknown|unrecogni[sz]ed|unexpected|unsupported|invalid|extra) (?:name|field|key|property|parameter|argument|input)|` +
		`not (?:supported|permitted|allowed|recogni[sz]ed|known)|no such field|(?:isn't|is not) (?:supported|known)|不支持|未知`)
)

// refusesJSONSchema reports whether the endpoint does not know the field. What it
// says of the schema in it is another matter.
func refusesJSONSchema(o *batch.Outcome) bool {
	if o.Err == nil || o.Response != nil {
		return false
	}
	switch o.Err.HTTPStatus {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
	default:
		return false
	}
	text := o.Err.Message
	return jsonSchemaField.MatchString(text) && notKnown.MatchString(text)
}

// asResponseSchema returns a body whose responseJsonSchema is written as
// responseSchema; found is false when it has none.
func (m schemaModel) asResponseSchema(body []byte) (changed json.RawMessage, found bool, err error) {
	b, err := apijson.ParseBody(body)
	if err != nil {
		return nil, false, nil // the endpoint says what is wrong with it
	}
	text, found := b.Config["responseJsonSchema"]
	if !found {
		return nil, false, nil
	}
	c := m.latest.Load()
	if c == nil || !bytes.Equal(c.from, text) {
		c = &conversion{from: text}
		if c.to, err = schema.OpenAPI(text); err != nil {
			return nil, true, err
		}
		m.latest.Store(c)
	}
	delete(b.Config, "responseJsonSchema")
	b.Config["responseSchema"] = c.to
	return b.Marshal(), true, nil
}
