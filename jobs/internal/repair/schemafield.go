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

// whyOldSchema is the reason for a change, as [batch.Change] has it.
const whyOldSchema = "responseSchema"

// A SchemaConfig says how a job sends its schema.
type SchemaConfig struct {
	EveryRow bool // all rows have the job's schema, so that one that cannot be sent ends the run
	OpenAPI  bool // send responseSchema from the first row on
	Log      *slog.Logger
}

// A schemaModel sends schemas in the form that the endpoint knows.
type schemaModel struct {
	batch.Model
	everyRow bool
	log      *slog.Logger

	openAPI *atomic.Bool                // responseJsonSchema is not known, or not wanted
	latest  *atomic.Pointer[conversion] // mostly the only one; nil if there was none
}

// A conversion is a schema in both forms.
type conversion struct{ from, to json.RawMessage }

// SchemaField returns m with schemas sent in the form that the endpoint knows. Once the
// endpoint has refused responseJsonSchema, they are sent as responseSchema, which has the
// form of OpenAPI. The refused row is asked again at no cost to its attempts.
func SchemaField(m batch.Model, c SchemaConfig) batch.Model {
	sm := schemaModel{m, c.EveryRow, c.Log, new(atomic.Bool), new(atomic.Pointer[conversion])}
	sm.openAPI.Store(c.OpenAPI)
	return sm
}

func (m schemaModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	openAPI := m.openAPI.Load()
	if openAPI {
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
	if openAPI || !refusesJSONSchema(&o) {
		return o
	}
	body, found, err := m.asResponseSchema(r.Body)
	switch {
	case !found && err == nil:
		return o
	case err != nil:
		return m.unsendable(err)
	}
	if m.openAPI.CompareAndSwap(false, true) {
		m.log.Warn("the endpoint does not know responseJsonSchema: it is asked with responseSchema (schema_field: responseSchema spares it the question)")
	}
	// The refusal is about the endpoint, and is no failure of the row.
	o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
	o.Next = &batch.Change{
		Why: whyOldSchema, Note: "asked again with responseSchema, since the endpoint does not know responseJsonSchema",
		Body: body, Stream: r.Stream, Free: true,
	}
	return o
}

// unsendable returns the outcome for a schema that has no older form. It ends the run if
// every row has this schema, and otherwise the row.
func (m schemaModel) unsendable(err error) batch.Outcome {
	o := batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: &batch.Error{
		Kind:    batch.KindRequest,
		Message: fmt.Sprintf("the endpoint does not know responseJsonSchema, and the schema cannot be written as responseSchema: %v", err),
		Hint:    "simplify the schema there, or use another endpoint",
	}}
	if m.everyRow {
		o.Consequence, o.Status = batch.Stop, ""
	}
	return o
}

var (
	// jsonSchemaField matches the name of the field, in either spelling.
	jsonSchemaField = regexp.MustCompile(`(?i)response_?json_?schema`)
	// notKnown matches what Google says of a field that it does not know, and what the JSON
	// readers say that gateways are made with.
	notKnown = regexp.MustCompile(`(?i)unknown name|cannot find field|(?:unknown|unrecogni[sz]ed|unexpected|unsupported|invalid|extra) (?:name|field|key|property|parameter|argument|input)|` +
		`not (?:supported|permitted|allowed|recogni[sz]ed|known)|no such field|(?:isn't|is not) (?:supported|known)|不支持|未知`)
)

// refusesJSONSchema reports whether the endpoint does not know the field. A refusal of the
// schema in the field is another matter.
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
// responseSchema. found is false if the body has no responseJsonSchema.
func (m schemaModel) asResponseSchema(body []byte) (changed json.RawMessage, found bool, err error) {
	b, err := apijson.Parse(body)
	if err != nil {
		return nil, false, nil // the endpoint says what is wrong with it
	}
	config := b.Object("generationConfig")
	text, found := config["responseJsonSchema"]
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
	delete(config, "responseJsonSchema")
	config["responseSchema"] = c.to
	changed, err = withConfig(b, config)
	return changed, true, err
}
