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

// A relay answers with prose to what it does not heed. It keeps the bodies that it is sent.
type relay struct {
	heeds, refuses string // the fields of the body that it heeds, and refuses; none if empty
	bodies         []string
}

func (e *relay) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	body := string(r.Body)
	e.bodies = append(e.bodies, body)
	if e.refuses != "" && strings.Contains(body, e.refuses) {
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Refusal: "400", Err: &batch.Error{
			Kind: batch.KindRequest, HTTPStatus: http.StatusBadRequest,
			Message: "The specified schema produces a constraint that has too many states for serving.",
		}}
	}
	text := `The answer is \"a\".`
	if e.heeds != "" && strings.Contains(body, e.heeds) {
		text = `{\"a\":\"x\"}`
	}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Usage: new(batch.Usage),
		Response: json.RawMessage(`{"candidates":[{"content":{"parts":[{"text":"` + text + `"}]},"finishReason":"STOP"}]}`),
	}
}

func isProse(text string) bool { return !strings.HasPrefix(text, "{") }

// asked asks rows one after the other, each again as long as its request is to be changed,
// and returns the last outcome and how many rows were asked.
func asked(m batch.Model, rows int, body string) (o batch.Outcome, n int) {
	for n = range rows {
		r := &batch.Request{Body: json.RawMessage(body)}
		for o = m.Attempt(context.Background(), r); o.Next != nil; o = m.Attempt(context.Background(), r) {
			r.Changes = append(r.Changes, *o.Next)
			if o.Next.Body != nil {
				r.Body = o.Next.Body
			}
		}
		if o.Consequence == batch.Stop {
			return o, n + 1
		}
	}
	return o, rows
}

// A relay that drops the field costs one call more. One that drops both stops the run after
// three rows; what stands in the field that it heeds is never asked twice.
func TestSchemaThatIsNotHeeded(t *testing.T) {
	for name, c := range map[string]struct {
		heeds       string
		openAPI     bool
		rows, calls int
		stop        string
	}{
		"the new field": {heeds: "responseJsonSchema", rows: 20, calls: 20},
		"the older one": {heeds: "responseSchema", rows: 20, calls: 21},
		"asked for":     {heeds: "responseSchema", openAPI: true, rows: 20, calls: 20},
		"neither":       {rows: 3, calls: 4, stop: "neither as responseJsonSchema nor as responseSchema: 3 rows"},
		"only one":      {openAPI: true, rows: 3, calls: 3, stop: "does not heed the schema, as it is sent"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &relay{heeds: `"` + c.heeds + `"`}
			if c.heeds == "" {
				e.heeds = ""
			}
			var log strings.Builder
			m := SchemaField(e, SchemaConfig{Log: slog.New(slog.NewTextHandler(&log, nil)), OpenAPI: c.openAPI, Checked: true, Ignores: func(_ *batch.Request, text string) bool { return isProse(text) }})
			o, rows := asked(m, 20, newForm)
			if rows != c.rows || len(e.bodies) != c.calls {
				t.Errorf("%d calls for %d rows, want %d for %d", len(e.bodies), rows, c.calls, c.rows)
			}
			if c.stop == "" {
				if o.Consequence != batch.Answered {
					t.Errorf("the last row: %+v", o)
				}
			} else if o.Consequence != batch.Stop || !strings.Contains(o.Err.Error(), c.stop) || o.Usage == nil {
				t.Errorf("the run ends with %+v, want %q and the usage", o, c.stop)
			}
			if warned := strings.Contains(log.String(), "regardless of responseJsonSchema"); warned != (!c.openAPI && c.heeds != "responseJsonSchema") {
				t.Errorf("warned: %s", &log)
			}
		})
	}
}

// One answer that strays does not change how the others are asked.
func TestSchemaThatWasHeeded(t *testing.T) {
	e := &relay{heeds: "responseJsonSchema"}
	m := SchemaField(e, SchemaConfig{Log: slog.New(slog.DiscardHandler), Ignores: func(_ *batch.Request, text string) bool { return isProse(text) }})
	asked(m, 1, newForm)
	e.heeds = ""
	if o, rows := asked(m, 5, newForm); o.Consequence != batch.Answered || rows != 5 || len(e.bodies) != 6 {
		t.Errorf("%d calls, the last: %+v", len(e.bodies), o)
	}
}

// A schema that the endpoint refuses for what it says is left out, and told in words unless
// the request does so already.
func TestRefusedSchemaIsLeftOut(t *testing.T) {
	const (
		extract  = `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}`
		inWords  = `{"contents":[{"parts":[{"text":"hello"},{"text":"Answer with JSON alone, by this JSON Schema:\n{\"type\":\"object\"}"}],"role":"user"}],"generationConfig":{"responseMimeType":"application/json"}}`
		classify = `{"contents":[],"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"enum":["a","b"]}}}`
		bare     = `{"contents":[],"generationConfig":{}}`
	)
	for _, c := range []struct {
		body, want         string
		checked, described bool
		calls              int
	}{
		{extract, inWords, true, false, 4},
		{classify, bare, true, true, 4},
		{extract, extract, false, false, 3}, // nobody would notice what does not fit
	} {
		e := &relay{refuses: `Schema":`}
		var log strings.Builder
		m := SchemaField(e, SchemaConfig{Log: slog.New(slog.NewTextHandler(&log, nil)), Checked: c.checked, Described: c.described})
		o, _ := asked(m, 3, c.body)
		if len(e.bodies) != c.calls || (o.Consequence == batch.Answered) != c.checked {
			t.Errorf("%d calls, want %d; the last row: %+v", len(e.bodies), c.calls, o)
		}
		same(t, e.bodies[len(e.bodies)-1], c.want)
		if n := strings.Count(log.String(), "too many states"); c.checked && n != 1 || !c.checked && n != 0 {
			t.Errorf("warned %d times: %s", n, &log)
		}
	}
}

// If the refusal had another cause, the row keeps it.
func TestRefusedWithoutSchemaToo(t *testing.T) {
	e := &relay{refuses: "contents"}
	m := SchemaField(e, SchemaConfig{Log: slog.New(slog.DiscardHandler), Checked: true, Described: true})
	o, _ := asked(Change(m, nil, false), 1, `{"contents":[],"generationConfig":{"responseSchema":{"enum":["a","b"]}}}`)
	if o.Consequence != batch.Settled || o.Status != batch.Rejected || o.Refusal == "" || len(e.bodies) != 2 {
		t.Errorf("after %d calls: %+v", len(e.bodies), o)
	}
}

// ownKeys answers in JSON, by a schema of its own.
type ownKeys struct{ calls int }

func (m *ownKeys) Attempt(context.Context, *batch.Request) batch.Outcome {
	m.calls++
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Usage: new(batch.Usage),
		Response: json.RawMessage(`{"candidates":[{"content":{"parts":[{"text":"{\"other\":1}"}]},"finishReason":"STOP"}]}`),
	}
}

// JSON of other names may be put right by the correction, so that it stops the run only if
// corrected answers ignore the schema too.
func TestJSONThatIgnoresTheSchema(t *testing.T) {
	e := new(ownKeys)
	m := SchemaField(e, SchemaConfig{Log: slog.New(slog.DiscardHandler), OpenAPI: true, Ignores: func(*batch.Request, string) bool { return true }})
	if o, rows := asked(m, 20, newForm); o.Consequence != batch.Answered || rows != 20 {
		t.Errorf("%d rows before their correction: %+v", rows, o)
	}
	for i := range maxIgnored {
		o := m.Attempt(t.Context(), &batch.Request{Body: json.RawMessage(newForm), Changes: []batch.Change{{Why: whyCheck}}})
		if stopped := o.Consequence == batch.Stop; stopped != (i == maxIgnored-1) {
			t.Errorf("row %d after its correction: %+v", i+1, o)
		}
	}
}
