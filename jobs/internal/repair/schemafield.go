package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/schema"
)

// The reasons for a change, as [batch.Change] has them.
const (
	whyOldSchema = "responseSchema"
	whyNoSchema  = "no schema"
)

// maxIgnored is how many rows may be answered regardless of the schema, while no row is
// answered by it, before the run stops.
const maxIgnored = 3

// A SchemaConfig says how a job sends its schema.
type SchemaConfig struct {
	EveryRow bool // all rows have the job's schema, so that one that cannot be sent ends the run
	OpenAPI  bool // send responseSchema from the first row on
	Log      *slog.Logger

	// Checked says that answers are checked, so that a schema that the endpoint refuses can
	// be left out. Described says that the request tells in words what the schema says.
	Checked, Described bool

	// Ignores reports whether the text of an answer was written without knowledge of the job's
	// schema. It is nil if the job has none.
	Ignores func(r *batch.Request, text string) bool
}

// A schemaModel sends schemas in the form that the endpoint knows.
type schemaModel struct {
	batch.Model
	SchemaConfig

	openAPI *atomic.Bool                     // responseJsonSchema is not known, not heeded, or not wanted
	latest  *atomic.Pointer[conversion]      // mostly the only one; nil if there was none
	refused *atomic.Pointer[json.RawMessage] // the latest schema that the endpoint refused; nil if there was none

	heeded  *atomic.Bool  // an answer followed the schema
	ignored *atomic.Int32 // the rows that were answered regardless of it
}

// A conversion is a schema in both forms.
type conversion struct{ from, to json.RawMessage }

// SchemaField returns m with schemas sent in the form that the endpoint knows. Once the
// endpoint has refused responseJsonSchema, or has answered regardless of it, they are sent as
// responseSchema, which has the form of OpenAPI. A schema that is refused for what it says,
// such as one with too many labels, is left out where answers are checked. The row that finds
// out is asked again at no cost to its attempts.
func SchemaField(m batch.Model, c SchemaConfig) batch.Model {
	sm := schemaModel{m, c, new(atomic.Bool), new(atomic.Pointer[conversion]), new(atomic.Pointer[json.RawMessage]), new(atomic.Bool), new(atomic.Int32)}
	sm.openAPI.Store(c.OpenAPI)
	return sm
}

func (m schemaModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	openAPI := m.openAPI.Load()
	changed := *r
	if openAPI {
		body, found, err := m.asResponseSchema(r.Body)
		if err != nil {
			return m.unsendable(err)
		}
		if found {
			changed.Body = body
		}
	}
	if refused := m.refused.Load(); refused != nil {
		if body, own := m.withoutSchema(changed.Body); own != nil && bytes.Equal(own, *refused) {
			changed.Body = body
		}
	}
	o := m.Model.Attempt(ctx, &changed)
	switch {
	case !openAPI && refusesJSONSchema(&o):
		return m.older(r, o)
	case m.Checked && refusesSchema(&o):
		return m.without(&changed, o)
	case m.Ignores != nil && o.Consequence == batch.Answered && o.Status == batch.OK && (!m.heeded.Load() || openAPI != m.openAPI.Load()):
		return m.heeds(&changed, o)
	}
	return o
}

// older has a row asked again in the older form, which responseJsonSchema was refused for.
func (m schemaModel) older(r *batch.Request, o batch.Outcome) batch.Outcome {
	body, found, err := m.asResponseSchema(r.Body)
	switch {
	case !found && err == nil:
		return o
	case err != nil:
		return m.unsendable(err)
	}
	if m.openAPI.CompareAndSwap(false, true) {
		m.Log.Warn("the endpoint does not know responseJsonSchema: it is asked with responseSchema (schema_field: responseSchema spares it the question)")
	}
	// The refusal is about the endpoint, and is no failure of the row.
	o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
	o.Next = &batch.Change{
		Why: whyOldSchema, Note: "asked again with responseSchema, since the endpoint does not know responseJsonSchema",
		Body: body, Stream: r.Stream, Free: true,
	}
	return o
}

// without has a row asked again without the schema, which the endpoint refused.
func (m schemaModel) without(r *batch.Request, o batch.Outcome) batch.Outcome {
	body, own := m.withoutSchema(r.Body)
	if own == nil {
		return o
	}
	if old := m.refused.Swap(&own); old == nil || m.EveryRow && !bytes.Equal(*old, own) {
		m.Log.Warn("the endpoint refuses the schema, and is asked without it; answers are checked all the same. To have it heeded, give it fewer or shorter names and values, and fewer bounds. It said: " + o.Err.Message)
	}
	instead := asSettled(&o)
	o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
	o.Next = &batch.Change{
		Why: whyNoSchema, Note: "asked again without the schema, which the endpoint refuses",
		Body: body, Stream: r.Stream, Free: true, Instead: instead,
	}
	return o
}

// heeds looks whether an answer follows the schema. Some relays drop the field that they do
// not know: then the older one is tried. If neither is heeded, the run stops, since all rows
// would be paid for, and be invalid.
func (m schemaModel) heeds(r *batch.Request, o batch.Outcome) batch.Outcome {
	a, err := gemini.Parse(o.Response)
	if err != nil || len(a.FunctionCalls) > 0 {
		return o
	}
	if !m.Ignores(r, a.Text) {
		m.heeded.Store(true)
		return o
	}
	if body, found, err := m.asResponseSchema(r.Body); found && err == nil {
		// The other rows follow at once. All endpoints know the older field, so nothing is
		// lost if this answer was an accident; waiting for the proof would pay rows twice.
		if m.openAPI.CompareAndSwap(false, true) {
			m.Log.Warn("the endpoint answers regardless of responseJsonSchema: it is asked with responseSchema from here on (schema_field: responseSchema spares it the question)")
		}
		o.Consequence, o.Status = batch.Retry, batch.Invalid
		o.Err = &batch.Error{Kind: batch.KindValidation, HTTPStatus: http.StatusOK, Message: fmt.Sprintf("the answer does not follow the schema: %q", message.OneLine(a.Text, 60))}
		o.Next = &batch.Change{
			Why: whyOldSchema, Note: "asked again with responseSchema, since the answer did not heed responseJsonSchema",
			Body: body, Stream: r.Stream, Free: true, Instead: asSettled(&o),
		}
		return o
	}
	// A model that answers in JSON, by a schema of its own, may be put right when it is told what
	// is wrong: it counts if it is not. One that answers in prose counts at once.
	isJSON, corrected := json.Valid([]byte(a.Text)), changes(r, whyCheck) > 0
	if isJSON != corrected || m.heeded.Load() || m.ignored.Add(1) < maxIgnored {
		return o
	}
	where := "as it is sent"
	if m.openAPI.Load() && !m.OpenAPI {
		where = "neither as responseJsonSchema nor as responseSchema"
	}
	return batch.Outcome{Consequence: batch.Stop, Usage: o.Usage, MaybeBilled: o.MaybeBilled, Tier: o.Tier, ModelVersion: o.ModelVersion, Err: &batch.Error{
		Kind: batch.KindConfig, HTTPStatus: http.StatusOK,
		Message: fmt.Sprintf("the endpoint does not heed the schema, %s: %d rows were answered regardless of it, such as %q", where, maxIgnored, message.OneLine(a.Text, 60)),
		Hint:    "use an endpoint that passes the schema on, or leave it out and describe the answer in the prompt",
	}}
}

// unsendable returns the outcome for a schema that has no older form. It ends the run if
// every row has this schema, and otherwise the row.
func (m schemaModel) unsendable(err error) batch.Outcome {
	o := batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: &batch.Error{
		Kind:    batch.KindRequest,
		Message: fmt.Sprintf("the endpoint does not know responseJsonSchema, and the schema cannot be written as responseSchema: %v", err),
		Hint:    "simplify the schema there, or use another endpoint",
	}}
	if m.EveryRow {
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

// aboutSchema matches what is said of a schema, and not of the request's other parts.
var aboutSchema = regexp.MustCompile(`(?i)too many states|response_?(?:json_?)?schema|\bschemas?\b`)

// refusesSchema reports whether the endpoint refuses a request for its schema: it is too
// large, too deep, or has a word that the endpoint does not know.
func refusesSchema(o *batch.Outcome) bool {
	return refusesRequest(o) && aboutSchema.MatchString(o.Err.Message)
}

// withoutSchema returns a body without its schema, and that schema, which is nil if there is
// none. Unless the request describes it already, it is told to the model in words.
func (m schemaModel) withoutSchema(body []byte) (changed, own json.RawMessage) {
	b, err := apijson.Parse(body)
	if err != nil {
		return nil, nil
	}
	config := b.Object("generationConfig")
	for _, name := range []string{"responseSchema", "responseJsonSchema"} {
		if text, ok := config[name]; ok {
			own = text
			delete(config, name)
		}
	}
	if own == nil {
		return nil, nil
	}
	if string(config["responseMimeType"]) == `"text/x.enum"` {
		delete(config, "responseMimeType") // it wants a schema
	}
	if !m.Described {
		if err := addText(b, "Answer with JSON alone, by this JSON Schema:\n"+string(own)); err != nil {
			return nil, nil
		}
	}
	if changed, err = withConfig(b, config); err != nil {
		return nil, nil
	}
	return changed, own
}

// addText adds a text to the last turn of a body.
func addText(body apijson.Object, text string) error {
	var contents []apijson.Object
	if err := json.Unmarshal(body["contents"], &contents); err != nil {
		return err
	}
	if len(contents) == 0 {
		return errors.New("the request has no contents")
	}
	last := contents[len(contents)-1]
	var parts []json.RawMessage
	if err := json.Unmarshal(last["parts"], &parts); err != nil {
		return err
	}
	part, err := apijson.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	if err := last.Put("parts", append(parts, part)); err != nil {
		return err
	}
	return body.Put("contents", contents)
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
