package repair

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// An oldEndpoint knows no responseJsonSchema. It keeps the bodies that it is sent.
type oldEndpoint struct{ bodies []string }

func (e *oldEndpoint) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	e.bodies = append(e.bodies, string(r.Body))
	if strings.Contains(string(r.Body), "responseJsonSchema") {
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Refusal: "400", Err: &batch.Error{
			Kind: batch.KindRequest, HTTPStatus: http.StatusBadRequest,
			Message: `Invalid JSON payload received. Unknown name "responseJsonSchema" at 'generation_config': Cannot find field.`,
		}}
	}
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK}
}

const (
	newForm = `{"generationConfig":{"responseJsonSchema":{"type":"object","properties":{"a":{"type":"string"}}}}}`
	oldForm = `{"generationConfig":{"responseSchema":{"properties":{"a":{"type":"STRING"}},"propertyOrdering":["a"],"type":"OBJECT"}}}`
)

// The first row finds out, and is asked again at no cost to its attempts. The others are
// sent in the older form at once.
func TestSchemaFieldOfAnOldEndpoint(t *testing.T) {
	var log strings.Builder
	e := new(oldEndpoint)
	m := SchemaField(e, SchemaConfig{Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := &batch.Request{Body: json.RawMessage(newForm), Stream: true}
	o := m.Attempt(t.Context(), r)
	if o.Consequence != batch.Retry || o.Status != "" || o.Refusal != "" || o.Next == nil || !o.Next.Free || !o.Next.Stream {
		t.Fatalf("the first row: %+v, %+v", o, o.Next)
	}
	same(t, string(o.Next.Body), oldForm)
	if o := m.Attempt(t.Context(), r); o.Consequence != batch.Answered {
		t.Errorf("the second row: %+v", o)
	}
	same(t, e.bodies[1], oldForm)
	if string(r.Body) != newForm {
		t.Errorf("the row's own body was changed to %s", r.Body)
	}
	if n := strings.Count(log.String(), "does not know responseJsonSchema"); n != 1 {
		t.Errorf("warned %d times: %s", n, &log)
	}
	if o := m.Attempt(t.Context(), &batch.Request{Body: json.RawMessage(`{"contents":[]}`)}); o.Consequence != batch.Answered || e.bodies[2] != `{"contents":[]}` {
		t.Errorf("a row without a schema is sent as %s: %+v", e.bodies[2], o)
	}
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("the body is\n%s, want\n%s", got, want)
	}
}

// A job can ask for the older form from the beginning.
func TestSchemaFieldAskedFor(t *testing.T) {
	e := new(oldEndpoint)
	m := SchemaField(e, SchemaConfig{OpenAPI: true, Log: slog.New(slog.DiscardHandler)})
	if o := m.Attempt(t.Context(), &batch.Request{Body: json.RawMessage(newForm)}); o.Consequence != batch.Answered || o.Next != nil {
		t.Errorf("%+v", o)
	}
	same(t, e.bodies[0], oldForm)
}

// A schema that the older form cannot express ends the run if all rows have it, and
// otherwise its row.
func TestSchemaWithoutAnOlderForm(t *testing.T) {
	body := json.RawMessage(`{"generationConfig":{"responseJsonSchema":{"type":"object","properties":{"a":{"not":{"type":"string"}}}}}}`)
	for _, everyRow := range []bool{false, true} {
		for _, openAPI := range []bool{false, true} {
			m := SchemaField(new(oldEndpoint), SchemaConfig{EveryRow: everyRow, OpenAPI: openAPI, Log: slog.New(slog.DiscardHandler)})
			o := m.Attempt(t.Context(), &batch.Request{Body: body})
			if o.Err == nil || !strings.Contains(o.Err.Message, "cannot be written as responseSchema") || (o.Consequence == batch.Stop) != everyRow || (o.Status == batch.Rejected) == everyRow {
				t.Errorf("every row %t: %+v", everyRow, o)
			}
		}
	}
}

// What a service says of the schema itself is no reason to write it in another form.
func TestRefusalsOfTheSchemaItself(t *testing.T) {
	for message, want := range map[string]bool{
		`Unknown name "responseJsonSchema" at 'generation_config': Cannot find field.`:   true,
		`unrecognized field: generationConfig.response_json_schema`:                      true,
		`GenerateContentRequest.generation_config.response_json_schema: type is missing`: false,
		`Unknown name "temperatur" at 'generation_config': Cannot find field.`:           false,
	} {
		o := batch.Outcome{Err: &batch.Error{HTTPStatus: http.StatusBadRequest, Message: message}}
		if got := refusesJSONSchema(&o); got != want {
			t.Errorf("%s: the field is unknown: %t, want %t", message, got, want)
		}
	}
}
