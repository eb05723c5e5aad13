package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A recorder answers each prompt, by the model that was asked, and keeps the
// bodies.
type recorder struct {
	*httptest.Server
	answer func(prompt string) string // the body of an answer; nil: the prompt again

	mu     sync.Mutex
	bodies map[string]string // by prompt: model and body
}

func newRecorder(t *testing.T) *recorder {
	e := &recorder{bodies: map[string]string{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req struct {
			Contents []struct{ Parts []struct{ Text string } }
		}
		json.Unmarshal(body, &req)
		prompt := req.Contents[0].Parts[0].Text
		model, method, _ := strings.Cut(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ":")
		e.mu.Lock()
		e.bodies[prompt] = model + " " + string(body)
		e.mu.Unlock()
		text := fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":%q}]},"finishReason":"STOP"}],`+
			`"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":100,"totalTokenCount":1100},"modelVersion":%q}`, prompt, model)
		if e.answer != nil {
			text = e.answer(prompt)
		}
		if method == "streamGenerateContent" {
			w.Header().Set("Content-Type", "text/event-stream")
			text = "data: " + text + "\r\n\r\n"
		}
		io.WriteString(w, text)
	}))
	t.Cleanup(e.Close)
	return e
}

// body returns what was sent for a prompt, without its contents.
func (e *recorder) body(prompt string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	sent, ok := e.bodies[prompt]
	if !ok {
		return "nothing"
	}
	model, body, _ := strings.Cut(sent, " ")
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		return err.Error()
	}
	delete(members, "contents")
	text, _ := json.Marshal(members)
	return model + " " + string(text)
}

func TestSet(t *testing.T) {
	f := newFixture(t)
	e := newRecorder(t)
	f.spec.Endpoint, f.spec.System = e.URL, "Be kind."
	f.spec.Request = map[string]any{"generationConfig": map[string]any{"temperature": 0.5, "seed": 7}}
	f.spec.Set = map[string]string{
		"model": "{{.model}}", "system": "{{.system}}", "generation_config.temperature": "{{.t}}",
		"request.generationConfig.thinkingConfig.thinkingBudget": "{{.budget}}", "labels.batch_id": "{{.b}}",
		"generationConfig.stopSequences": "{{with .stop}}{{json .}}{{end}}", "cachedContent": "{{.cache}}",
	}
	row := func(more string) string {
		all := map[string]any{"model": "", "system": "", "t": "", "budget": "", "b": "", "stop": "", "cache": nil}
		if err := json.Unmarshal([]byte(more), &all); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(all)
		return string(text)
	}
	f.input(
		row(`{"q":"none"}`),
		row(`{"q":"all","model":" gemini-2.5-flash ","system":"Be rude.","t":1.50,"budget":-1,"b":7,"stop":["a","b"]}`),
		row(`{"q":"null","t":"null","system":"null"}`),
		row(`{"q":"quoted","b":"\"007\"","stop":["x"]}`),
		row(`{"q":"cache","cache":"cachedContents/x y","system":" "}`),
		row(`{"q":"too hot","t":9}`),
		row(`{"q":"too deep","model":"gemini-2.5-pro","budget":0}`),
		row(`{"q":"no model","model":"a b"}`),
		`{"q":"no column"}`,
	)
	f.mustRun()
	const kind = `"systemInstruction":{"parts":[{"text":"Be kind."}]}`
	for prompt, want := range map[string]string{
		"none":     `gemini-2.5-flash-lite {"generationConfig":{"seed":7,"temperature":0.5},` + kind + `}`,
		"all":      `gemini-2.5-flash {"generationConfig":{"seed":7,"stopSequences":["a","b"],"temperature":1.5,"thinkingConfig":{"thinkingBudget":-1}},"labels":{"batch_id":"7"},"systemInstruction":{"parts":[{"text":"Be rude."}]}}`,
		"null":     `gemini-2.5-flash-lite {"generationConfig":{"seed":7},"systemInstruction":{"parts":[{"text":"null"}]}}`,
		"quoted":   `gemini-2.5-flash-lite {"generationConfig":{"seed":7,"stopSequences":["x"],"temperature":0.5},"labels":{"batch_id":"007"},` + kind + `}`,
		"cache":    `nothing`, // it excludes the job's system instruction
		"too hot":  `nothing`,
		"too deep": `nothing`,
		"no model": `nothing`,
	} {
		if got := e.body(prompt); got != want {
			t.Errorf("%s:\n%s, want\n%s", prompt, got, want)
		}
	}
	out := f.output("status", "model_version", "cost_usd", "error")
	// 1000 * 0.10 + 100 * 0.40 = 140 per million, and for 2.5 Flash 1000 * 0.30 + 100 * 2.50 = 550
	for i, want := range []string{
		"ok gemini-2.5-flash-lite 0.00014", "ok gemini-2.5-flash 0.00055", "ok gemini-2.5-flash-lite 0.00014", "ok",
		"no systemInstruction beside it", "in.jsonl:6: generationConfig.temperature is 9", "gemini-2.5-pro takes 128 to 32768",
		`set model makes "a b" of the row`, `no column "model"`,
	} {
		if !strings.Contains(out[i], want) || strings.HasPrefix(out[i], "skipped") != (i > 3) {
			t.Errorf("row %d: %s, want %s", i+1, out[i], want)
		}
	}

	// The same job finds its answers again; what a row sets is a part of what it is.
	e.bodies = map[string]string{}
	f.spec.RawResponse = true
	f.mustRun()
	if len(e.bodies) != 0 {
		t.Errorf("%q were asked again", e.bodies)
	}
	f.input(row(`{"q":"none","model":"gemini-2.5-flash"}`), row(`{"q":"null","t":"null","system":"null"}`))
	f.mustRun()
	if len(e.bodies) != 1 || e.body("none") == "nothing" {
		t.Errorf("%q were asked, and only one row asks another model", e.bodies)
	}
}

// The kinds' own instructions stay, and the row's comes after them.
func TestSetSystemOfKinds(t *testing.T) {
	f := newFixture(t)
	e := newRecorder(t)
	f.spec.Endpoint, f.spec.Prompt = e.URL, ""
	f.spec.Summarize = &spec.Summarize{Text: "{{.q}}"}
	f.spec.Set = map[string]string{"system": "{{.s}}"}
	for _, own := range []string{"", "For experts."} {
		f.spec.System = own
		f.input(`{"q":"a`+own+`","s":"For children."}`, `{"q":"b`+own+`","s":null}`)
		f.mustRun()
		a, b := e.body("a"+own), e.body("b"+own)
		if !strings.Contains(a, "Summarize the text") || !strings.HasSuffix(a, `{"text":"For children."}]}}`) || strings.Contains(a, "experts") {
			t.Errorf("system %q: %s", own, a)
		}
		if own != "" && !strings.HasSuffix(b, `{"text":"For experts."}]}}`) || strings.Count(b, `"text"`) != len(strings.Fields("one "+own))/2+1 {
			t.Errorf("system %q, and none of the row's: %s", own, b)
		}
	}
}

// Whole requests can be overridden too, and name the model that the row names.
func TestSetOfRaw(t *testing.T) {
	f := newFixture(t)
	e := newRecorder(t)
	f.spec.Endpoint, f.spec.Prompt, f.spec.Raw = e.URL, "", &spec.Raw{}
	f.spec.Set = map[string]string{"model": "{{.m}}", "generationConfig.topK": "{{.k}}", "system": "{{.s}}"}
	f.input(
		`{"request":{"contents":[{"parts":[{"text":"a"}]}],"generation_config":{"top_k":3,"seed":1}},"m":"","k":5,"s":"Hi"}`,
		`{"request":{"contents":[{"parts":[{"text":"b"}]}],"model":"models/gemini-2.5-pro"},"m":"gemini-2.5-pro","k":"","s":""}`,
		`{"request":{"contents":[{"parts":[{"text":"c"}]}],"model":"models/gemini-2.5-pro"},"m":"","k":"","s":""}`,
	)
	f.mustRun()
	for prompt, want := range map[string]string{
		"a": `gemini-2.5-flash-lite {"generationConfig":{"seed":1,"topK":5},"systemInstruction":{"parts":[{"text":"Hi"}]}}`,
		"b": `gemini-2.5-pro {}`,
		"c": `nothing`,
	} {
		if got := e.body(prompt); got != want {
			t.Errorf("%s:\n%s, want\n%s", prompt, got, want)
		}
	}
}

func TestSetMistakesOfRows(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.spec.Set = map[string]string{"generationConfig.seed": "{{.sead}}"}
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), `set generationConfig.seed names the column "sead"`) {
		t.Errorf("a missing column: %v", err)
	}
	// A value that is no object on the way is the row's fault, or the job's.
	f.spec.Set = map[string]string{"toolConfig.functionCallingConfig.mode": "{{if .q}}NONE{{end}}"}
	f.spec.Request = map[string]any{"toolConfig": map[string]any{"functionCallingConfig": "x"}}
	f.spec.NoPreflight = true
	s := f.mustRun()
	if s.Job.Status["skipped"] != 1 || !strings.Contains(f.output("error")[0], "functionCallingConfig is no object") {
		t.Errorf("%q", f.output("status", "error"))
	}
	f.spec.Set = map[string]string{"toolConfig.functionCallingConfig.mode": "NONE"}
	var spec *spec.Error
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "functionCallingConfig is no object") {
		t.Errorf("the same for every row: %v", err)
	}
}

// The plan prices each row by its own model, and bounds it by its own limit.
func TestPlanOfSet(t *testing.T) {
	f := newFixture(t)
	f.spec.Set = map[string]string{"model": "{{.m}}", "generationConfig.maxOutputTokens": "{{.n}}"}
	f.input(`{"q":"a","m":"gemini-2.5-flash","n":1000}`, `{"q":"b","m":"gemini-2.5-pro","n":100}`, `{"q":"c","m":"","n":10}`)
	plan := f.plan
	p := plan()
	// 12 * 0.30 + 12 * 1.25 + 11 * 0.10 = 19.7 per million. Out: 1000 * 2.50 + 100 * 10 + 10 * 0.40 = 3504 per million.
	if p.InputTokens != 35 || p.InputCost != 19_700_000 || p.MaxOutputTokens != 1110 || p.MaxOutputCost != 3504*price.USD(1e6) || !p.Priced || p.FirstModel != "gemini-2.5-flash" {
		t.Errorf("plan %+v", p)
	}
	f.input(`{"q":"a","m":"house","n":""}`, `{"q":"b","m":"gemini-2.5-pro","n":100}`)
	if p = plan(); p.Priced || p.MaxOutputTokens != 0 || p.MaxOutputCost != 0 {
		t.Errorf("nothing bounds one row, and its price is not known: %+v", p)
	}
}

// job.json keeps what rows set, and reads back as it was.
func TestSetInJobFile(t *testing.T) {
	s, err := jobtest.LoadText(t, "input: a.jsonl\noutput: b.jsonl\nmodel: m\nprompt: hi\nset:\n  generationConfig.temperature: '{{.t}}'\n  model: \"{{.m}}\"\nno_preflight: true\n")
	if err != nil || len(s.Set) != 2 || s.Set["model"] != "{{.m}}" || !s.NoPreflight {
		t.Fatalf("%+v, %v", s, err)
	}
	a, _ := json.Marshal(s)
	b, _ := json.Marshal(s)
	if string(a) != string(b) || !strings.Contains(string(a), `"set":{"generationConfig.temperature":"{{.t}}","model":"{{.m}}"}`) {
		t.Errorf("saved as %s", a)
	}
	// Columns come with what a row may ask for.
	s.Set = map[string]string{"generationConfig.thinkingConfig.includeThoughts": "{{.x}}"}
	found := false
	columns, err := output.NewColumns(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns.Names() {
		found = found || c.Name == "thoughts"
	}
	if !found {
		t.Error("thoughts are asked for row by row, and there is no column of them")
	}
}
