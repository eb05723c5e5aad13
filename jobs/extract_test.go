package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A schemaServer is an endpoint that keeps what it was sent, and answers as reply
// says, or with a good answer.
type schemaServer struct {
	*httptest.Server
	reply func(b *sentBody) (status int, body string) // status 0: the good answer

	mu   sync.Mutex
	sent []sentBody
}

// A sentBody is what a test looks at in a request.
type sentBody struct {
	Contents         []struct{ Parts []struct{ Text string } }
	GenerationConfig map[string]json.RawMessage
}

func (b *sentBody) last() string { return b.Contents[len(b.Contents)-1].Parts[0].Text }

func newSchemaServer(t *testing.T) *schemaServer {
	e := &schemaServer{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var b sentBody
		json.Unmarshal(text, &b)
		e.mu.Lock()
		e.sent = append(e.sent, b)
		e.mu.Unlock()
		status, body := 0, ""
		if e.reply != nil {
			status, body = e.reply(&b)
		}
		if status == 0 {
			status, body = 200, jobtest.AnswerBody(jobtest.GoodAnswer)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(e.Close)
	return e
}

// count returns how many requests were sent with the field.
func (e *schemaServer) count(field string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.sent {
		if b.GenerationConfig[field] != nil {
			n++
		}
	}
	return n
}

func newExtractFixture(t *testing.T, rows ...string) (*fixture, *schemaServer) {
	e := newSchemaServer(t)
	f := newFixture(t)
	f.spec.Endpoint, f.handler, f.spec.Prompt = e.URL, e.Config.Handler, ""
	f.spec.Extract, f.spec.Schema = &spec.Extract{Text: "{{.q}}"}, spec.Schema(jobtest.InvoiceSchema)
	f.input(rows...)
	return f, e
}

// What is sent is the schema as it was written, and what comes is checked, typed,
// and the same in all formats and commands.
func TestExtract(t *testing.T) {
	f, e := newExtractFixture(t, "plain", "fenced", "wrong", "wrong forever", "cut", "big")
	e.reply = func(b *sentBody) (int, string) {
		first := b.Contents[0].Parts[0].Text
		switch {
		case first == "fenced":
			return 200, jobtest.AnswerBody("```json\n" + `{"vendor":"F", "items":[ {"price": 1.10} ]}` + "\n```")
		case first == "wrong" && len(b.Contents) == 1, first == "wrong forever":
			return 200, jobtest.AnswerBody(`{"vendor":"W","total":"12"}`)
		case first == "cut":
			return 200, strings.Replace(jobtest.AnswerBody(`{"vendor":"A","tot`), `"STOP"`, `"MAX_TOKENS"`, 1)
		case first == "big":
			return 200, jobtest.AnswerBody(`{"vendor":"B","count":9223372036854775808}`)
		}
		return 0, ""
	}
	f.spec.Columns = spec.List{"q", "response", "vendor", "total", "count", "paid", "items", "status", "error", "attempts", "note"}
	f.mustRun()
	text, err := os.ReadFile(f.spec.Output)
	if err != nil {
		t.Fatal(err)
	}
	const fault = "/total: got string, want number"
	for i, want := range []string{
		`{"q":"plain","response":"{\"vendor\":\"ACME\",\"total\":12.50,\"paid\":true}","vendor":"ACME","total":12.50,"count":null,"paid":true,"items":null,"status":"ok","error":null,"attempts":1,"note":null}`,
		`{"q":"fenced","response":"{\"vendor\":\"F\", \"items\":[ {\"price\": 1.10} ]}","vendor":"F","total":null,"count":null,"paid":null,"items":[{"price":1.10}],"status":"ok","error":null,"attempts":1,"note":"the JSON was taken out of its ` + "```" + ` fence"}`,
		`{"q":"wrong","response":"{\"vendor\":\"ACME\",\"total\":12.50,\"paid\":true}","vendor":"ACME","total":12.50,"count":null,"paid":true,"items":null,"status":"ok","error":null,"attempts":2,"note":null}`,
		`{"q":"wrong forever","response":"{\"vendor\":\"W\",\"total\":\"12\"}","vendor":null,"total":null,"count":null,"paid":null,"items":null,"status":"invalid","error":"` + fault + `","attempts":2,"note":null}`,
		`{"q":"cut","response":"{\"vendor\":\"A\",\"tot","vendor":null,"total":null,"count":null,"paid":null,"items":null,"status":"truncated","error":"the answer was cut at the token limit; raise maxOutputTokens","attempts":1,"note":null}`,
		`{"q":"big","response":"{\"vendor\":\"B\",\"count\":9223372036854775808}","vendor":"B","total":null,"count":9223372036854775808,"paid":null,"items":null,"status":"ok","error":null,"attempts":1,"note":"count is beyond 64 bits, and empty in Parquet"}`,
	} {
		if got := strings.Split(string(text), "\n")[i]; got != want {
			t.Errorf("row %d is\n%s, want\n%s", i+1, got, want)
		}
	}

	corrected := 0
	for _, b := range e.sent {
		if got := string(b.GenerationConfig["responseMimeType"]); got != `"application/json"` {
			t.Errorf("responseMimeType %s", got)
		}
		if got := string(b.GenerationConfig["responseJsonSchema"]); got != compacted(t, jobtest.InvoiceSchema) {
			t.Errorf("the schema was sent as %s", got)
		}
		if len(b.Contents) == 3 {
			corrected++
			if !strings.Contains(b.last(), fault) || b.Contents[1].Parts[0].Text != `{"vendor":"W","total":"12"}` {
				t.Errorf("the corrective attempt says %q", b.last())
			}
		}
	}
	if corrected != 2 || len(e.sent) != 8 {
		t.Errorf("%d requests, %d of them corrective; want 8 and 2", len(e.sent), corrected)
	}

	// Export and verify need neither the schema's file nor the endpoint.
	saved, err := LoadState(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	j, err := View(*saved, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if v, err := j.Verify(); err != nil || len(v.Faults) > 0 {
		t.Errorf("verify finds %v, %v", v.Faults, err)
	}
	table := f.dir + "/out.parquet"
	if _, err := j.Export(table, "", nil, false); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.ReadFile[struct {
		Vendor *string  `parquet:"vendor,optional"`
		Total  *float64 `parquet:"total,optional"`
		Count  *int64   `parquet:"count,optional"`
		Paid   *bool    `parquet:"paid,optional"`
		Items  *string  `parquet:"items,optional,json"`
	}](table)
	if err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; r.Total == nil || *r.Total != 12.5 || r.Paid == nil || !*r.Paid || *r.Vendor != "ACME" || r.Count != nil || r.Items != nil {
		t.Errorf("row 1 of the Parquet file is %+v", r)
	}
	if r := rows[1]; r.Items == nil || *r.Items != `[{"price":1.10}]` {
		t.Errorf("row 2 of the Parquet file is %+v", r)
	}
	if r := rows[5]; *r.Vendor != "B" || r.Count != nil {
		t.Errorf("row 6 of the Parquet file is %+v", r)
	}
	sheet := f.dir + "/out.csv"
	if _, err := j.Export(sheet, "", nil, false); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(sheet); !strings.Contains(string(text), `,F,,,,"[{""price"":1.10}]",ok,`) || !strings.Contains(string(text), ",B,,9223372036854775808,,,ok,") {
		t.Errorf("the CSV file is\n%s", text)
	}
}

// A changed schema is another question, and its order of properties only another
// order of columns.
func TestChangedSchema(t *testing.T) {
	f, e := newExtractFixture(t, "a")
	f.mustRun()
	f.input("a", "b")
	if s := f.mustRun(); s.Run.Attempts != 1 {
		t.Errorf("with one row more, a run makes %d attempts", s.Run.Attempts)
	}
	plan := f.plan
	f.spec.Schema = spec.Schema(strings.Replace(strings.Replace(jobtest.InvoiceSchema, `"vendor": {"type": "string"},`, "", 1), `"total"`, `"vendor": {"type": "string"}, "total"`, 1))
	f.spec.SchemaField = "responseSchema"
	if p := plan(); p.Settled != 2 || p.Ask() != 0 {
		t.Errorf("after a change of order, the plan is %+v", p)
	}
	f.spec.SchemaField = ""
	f.spec.Schema = spec.Schema(strings.Replace(jobtest.InvoiceSchema, `"vendor": {"type": "string"}`, `"vendor": {"type": "string", "description": "who sells"}`, 1))
	if p := plan(); p.Changed != 2 || p.Settled != 0 {
		t.Errorf("after a change of the schema, the plan is %+v", p)
	}
	f.mustRun()
	if len(e.sent) != 4 {
		t.Errorf("%d requests, want 4", len(e.sent))
	}
}

// An endpoint that knows only responseSchema is asked with it: after its refusal of
// the other field, which nobody counts.
func TestEndpointThatKnowsOnlyResponseSchema(t *testing.T) {
	for name, refusal := range map[string]string{
		"Google":  `{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config': Cannot find field.","status":"INVALID_ARGUMENT"}}`,
		"snake":   `{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"response_json_schema\" at 'generation_config': Cannot find field.","status":"INVALID_ARGUMENT"}}`,
		"gateway": `{"error":{"message":"json: unknown field \"responseJsonSchema\" (request id: 2026)","type":"invalid_request_error","code":"bad"}}`,
		"python":  `{"detail":"generationConfig.responseJsonSchema: Extra inputs are not permitted"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var rows []string
			for i := range 200 {
				rows = append(rows, fmt.Sprint("row ", i))
			}
			f, e := newExtractFixture(t, rows...)
			e.reply = func(b *sentBody) (int, string) {
				if b.GenerationConfig["responseJsonSchema"] != nil {
					return 400, refusal
				}
				return 0, ""
			}
			f.spec.Concurrency, f.spec.MaxAttempts, f.spec.MaxFailures = 16, 1, "1"
			f.inBubble(func(t *testing.T) {
				s := f.mustRun()
				if s.Job.Status[batch.OK] != 200 {
					t.Fatalf("%+v", s.Job.Status)
				}
				if n := e.count("responseJsonSchema"); n == 0 || n > 16 {
					t.Errorf("%d calls were refused, want those in flight", n)
				}
				if n := e.count("responseSchema"); n != 200 {
					t.Errorf("%d calls had responseSchema", n)
				}
				if got := string(e.sent[len(e.sent)-1].GenerationConfig["responseSchema"]); !strings.Contains(got, `"type":"OBJECT"`) || !strings.Contains(got, `"propertyOrdering":["vendor",`) {
					t.Errorf("responseSchema is %s", got)
				}
				if s := f.mustRun(); s.Run.Attempts != 0 {
					t.Errorf("the second run makes %d attempts", s.Run.Attempts)
				}
			})
		})
	}

	t.Run("by the job", func(t *testing.T) {
		f, e := newExtractFixture(t, "a", "b")
		f.spec.SchemaField = "responseSchema"
		f.mustRun()
		if e.count("responseSchema") != 2 || e.count("responseJsonSchema") != 0 {
			t.Errorf("sent %v", e.sent)
		}
	})

	t.Run("and cannot be told", func(t *testing.T) {
		f, e := newExtractFixture(t, "a", "b", "c")
		f.spec.Schema = spec.Schema(`{"type":"object","properties":{"prices":{"type":"object","additionalProperties":{"type":"number"}}}}`)
		e.reply = func(*sentBody) (int, string) {
			return 400, `{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"responseJsonSchema\": Cannot find field.","status":"INVALID_ARGUMENT"}}`
		}
		_, err := f.run()
		var stop *batch.StopError
		if !errors.As(err, &stop) || !strings.Contains(err.Error(), "/properties/prices is an object without properties") {
			t.Errorf("the run ends with %v", err)
		}
	})

	// What is wrong inside the schema is no reason to send it otherwise.
	t.Run("another refusal", func(t *testing.T) {
		f, e := newExtractFixture(t, "a")
		e.reply = func(*sentBody) (int, string) {
			return 400, `{"error":{"code":400,"message":"* GenerateContentRequest.generation_config.response_json_schema: schema is too deep","status":"INVALID_ARGUMENT"}}`
		}
		f.mustRun()
		jobtest.Equal(t, "status", f.output("status"), "rejected")
		if e.count("responseSchema") != 0 {
			t.Error("sent as responseSchema")
		}
	})
}

// A schema goes with every kind that has none of its own.
func TestSchemaOfOtherKinds(t *testing.T) {
	f, e := newExtractFixture(t, "a")
	f.spec.Extract, f.spec.Prompt = nil, "Who sells? {{.q}}"
	f.mustRun()
	jobtest.Equal(t, "prompt", f.output("vendor", "total", "status"), "ACME 12.5 ok")

	list, le := newExtractFixture(t, "a")
	list.spec.Schema = spec.Schema(`{"type":"array","items":{"type":"string"}}`)
	le.reply = func(*sentBody) (int, string) { return 200, jobtest.AnswerBody("```json\n[\"x\"]\n```") }
	list.mustRun()
	jobtest.Equal(t, "no object", list.output("response", "status"), `["x"] ok`)

	f.spec.Prompt, f.spec.Raw = "", &spec.Raw{}
	f.input(`{"request":{"contents":[{"parts":[{"text":"plain"}]}],"generationConfig":{"temperature":0}}}`,
		`{"request":{"contents":[{"parts":[{"text":"x"}]}],"generation_config":{"response_schema":{"type":"STRING"}}}}`,
		`{"request":{"contents":[{"parts":[{"text":"x"}]}],"generation_config":{"response_mime_type":"text/plain"}}}`)
	f.mustRun()
	jobtest.Equal(t, "raw", f.output("vendor", "status"), "ACME ok", "<nil> skipped", "<nil> skipped")
	if got := f.output("error"); !strings.Contains(got[1], "generationConfig.responseSchema, and the job a schema") || !strings.Contains(got[2], `"text/plain"`) {
		t.Errorf("errors %q", got)
	}
	last := e.sent[len(e.sent)-1].GenerationConfig
	if last["responseJsonSchema"] == nil || string(last["temperature"]) != "0" {
		t.Errorf("sent %v", last)
	}
}

// Properties may have the names of columns that only some jobs have; the output's
// own are refused, also behind a prefix.
func TestNamesOfProperties(t *testing.T) {
	f, e := newExtractFixture(t, "a")
	f.spec.Schema = spec.Schema(`{"type":"object","properties":{"sources":{"type":"string"}}}`)
	f.spec.Columns, f.spec.Prefix = spec.List{"q", "x_sources"}, "x_"
	e.reply = func(*sentBody) (int, string) { return 200, jobtest.AnswerBody(`{"sources":"two"}`) }
	f.mustRun()
	jobtest.Equal(t, "sources", f.output("q", "x_sources"), "a two")

	f.spec.Schema = spec.Schema(`{"type":"object","properties":{"q":{"type":"string"}}}`)
	f.spec.Columns, f.spec.Prefix = nil, ""
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), `the input has a column "q"`) {
		t.Errorf("a property that is a column of the input: %v", err)
	}
}

// compacted returns JSON without white space between its parts, as a schema is sent.
func compacted(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
