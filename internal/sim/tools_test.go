package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

const flash3 = "/v1beta/models/gemini-3.5-flash:generateContent"

const weatherTools = `"tools":[{"functionDeclarations":[
	{"name":"get_weather","description":"Current weather at a place","parameters":{"type":"OBJECT","required":["city","days"],"properties":{"city":{"type":"STRING"},"unit":{"type":"STRING","enum":["celsius","fahrenheit"]},"days":{"type":"INTEGER"}}}},
	{"name":"book_flight","description":"Books a flight","parametersJsonSchema":{"type":"object","properties":{"to":{"type":"string"}},"required":["to"]}},
	{"name":"ping"}]}]`

func calling(mode, allowed string) string {
	if allowed != "" {
		allowed = `,"allowedFunctionNames":[` + allowed + `]`
	}
	return weatherTools + `,"toolConfig":{"functionCallingConfig":{"mode":"` + mode + `"` + allowed + `}}`
}

func callsOf(r answer.Response) (names []string) {
	for _, p := range r.Candidates[0].Content.Parts {
		if p.Call != nil {
			names = append(names, p.Call.Name)
		}
	}
	return names
}

func TestFunctionCalls(t *testing.T) {
	const weather, small = "What will the weather be in New York in 3 days?", "Good morning to everybody here."
	tests := []struct {
		name, path, text, tools string
		want                    []string
	}{
		{"auto", flash, weather, weatherTools, []string{"get_weather"}},
		{"auto, nothing to call", flash, small, weatherTools, nil},
		{"another function", flash, "Please book me a flight to Lisbon.", weatherTools, []string{"book_flight"}},
		{"none", flash, weather, calling("NONE", ""), nil},
		{"any", flash, small, calling("ANY", `"ping"`), []string{"ping"}},
		{"any but the best", flash, weather, calling("ANY", `"book_flight"`), []string{"book_flight"}},
		{"validated", flash3, weather, calling("VALIDATED", ""), []string{"get_weather"}},
		{"two by name", flash3, weather + " Then ping.", weatherTools, []string{"get_weather", "ping"}},
	}
	s := New(Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, call(s, tt.path, ask(tt.text, tt.tools)))
			if got := callsOf(r); !slices.Equal(got, tt.want) {
				t.Fatalf("calls %v, want %v", got, tt.want)
			}
			if len(tt.want) == 0 {
				if textOf(r) != tt.text {
					t.Errorf("text %q", textOf(r))
				}
				return
			}
			c := r.Candidates[0]
			first := c.Content.Parts[0]
			if first.Signature == "" || first.Text != "" || c.Finish != "STOP" || c.Message != "Model generated function call(s)." || r.Usage.Candidates == 0 {
				t.Errorf("%+v, usage %+v", c, r.Usage)
			}
			if (first.Call.ID == "") != (tt.path == flash) {
				t.Errorf("id %q for %s", first.Call.ID, tt.path)
			}
		})
	}

	var args struct {
		City string
		Unit string
		Days int
	}
	r := read(t, call(s, flash, ask(weather, weatherTools)))
	if err := json.Unmarshal(r.Candidates[0].Content.Parts[0].Call.Args, &args); err != nil || args.City != "New York" || args.Days != 3 || args.Unit == "" {
		t.Errorf("%v %+v", err, args)
	}
	body := call(s, flash, ask(weather, weatherTools)).Body.String()
	if strings.Contains(body, `"text"`) {
		t.Errorf("a call has no text: %s", body)
	}
}

func TestFunctionResponse(t *testing.T) {
	body := `{"contents":[{"role":"user","parts":[{"text":"What is the weather in Rome?"}]},
		{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Rome"}}}]},
		{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"sky":"clear"}}}]}],` + weatherTools + `}`
	r := read(t, call(New(Config{}), flash, body))
	if got := textOf(r); got != `get_weather answers {"sky":"clear"}.` {
		t.Errorf("%q", got)
	}
}

func TestToolRefusals(t *testing.T) {
	tests := []struct{ name, path, more, message string }{
		{"bad name", flash, `"tools":[{"functionDeclarations":[{"name":"get weather"}]}]`, "Invalid function name"},
		{"twice", flash, `"tools":[{"functionDeclarations":[{"name":"a"},{"name":"a"}]}]`, "Duplicate function declaration found: a"},
		{"two schemas", flash, `"tools":[{"functionDeclarations":[{"name":"a","parameters":{"type":"OBJECT"},"parametersJsonSchema":{}}]}]`, "only one of parameters"},
		{"unknown tool", flash, `"tools":[{"telepathy":{}}]`, `Unknown name "telepathy" at 'tools[0]'`},
		{"unknown mode", flash, calling("SOME", ""), "FunctionCallingConfig.Mode"},
		{"allowed in auto", flash, calling("AUTO", `"ping"`), "mode is ANY"},
		{"allowed but not declared", flash, calling("ANY", `"pong"`), "is not among the declared"},
		{"search and functions", flash, `"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"a"}]}]`, "Tool use with function calling is unsupported"},
		{"the same on 3", flash3, `"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"a"}]}]`, "include_server_side_tool_invocations"},
		{"old search", flash, `"tools":[{"googleSearchRetrieval":{}}]`, "use google_search tool instead"},
		{"JSON on 2.5", flash, `"tools":[{"googleSearch":{}}],"generationConfig":{"responseMimeType":"application/json"}`, "is unsupported"},
		{"too many URLs", flash, `"tools":[{"urlContext":{}}]`, "exceeds the limit (21 > 20)"},
		{"candidates", flash, `"generationConfig":{"candidateCount":9}`, "candidate_count must be in the range [1, 8]"},
		{"candidates of 3.8", "/v1beta/models/gemini-3.8-flash:generateContent", `"generationConfig":{"candidateCount":2}`, "Multiple candidates is not enabled"},
		{"logprobs alone", flash, `"generationConfig":{"logprobs":3}`, "response_logprobs is true"},
		{"logprobs out of range", flash, `"generationConfig":{"responseLogprobs":true,"logprobs":21}`, "range [0, 20]"},
	}
	urls := ""
	for i := range 21 {
		urls += " https://example.com/" + string(rune('a'+i))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{}), tt.path, ask("x"+urls, tt.more))
			var e struct{ Error wire.GoogleError }
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusBadRequest || e.Error.Status != "INVALID_ARGUMENT" || !strings.Contains(e.Error.Message, tt.message) {
				t.Errorf("%d %s, want %q", w.Code, w.Body, tt.message)
			}
		})
	}
}

func TestSearch(t *testing.T) {
	const text = "Über wen? Who won the final, and where was it played?"
	r := read(t, call(New(Config{}), flash, ask(text, `"tools":[{"googleSearch":{}}]`)))
	c := r.Candidates[0]
	g := c.Grounding
	if g == nil || len(g.Queries) != 2 || len(g.Chunks) < 2 || len(g.Supports) != 2 {
		t.Fatalf("grounding %+v", g)
	}
	if !strings.Contains(g.Entry.Rendered, g.Queries[0]) || g.Chunks[0].Web.Title == "" || !strings.HasPrefix(g.Chunks[0].Web.URI, "https://vertexaisearch") {
		t.Errorf("grounding %+v", g)
	}
	for _, s := range g.Supports {
		if seg := s.Segment; textOf(r)[seg.Start:seg.End] != seg.Text || slices.Max(s.Chunks) >= len(g.Chunks) {
			t.Errorf("support %+v of %q", s, textOf(r))
		}
	}
	u := r.Usage
	if u.ToolUse == 0 || u.Total != u.Prompt+u.Candidates+u.Thoughts+u.ToolUse || u.ToolUseDetails[0].Tokens != u.ToolUse {
		t.Errorf("usage %+v", u)
	}
}

func TestURLContext(t *testing.T) {
	const text = "Compare https://example.com/a, https://example.com/missing and https://shop.example/paywall."
	r := read(t, call(New(Config{}), flash, ask(text, `"tools":[{"urlContext":{}}]`)))
	c := r.Candidates[0]
	var got []string
	for _, u := range c.URLs.URLs {
		got = append(got, u.URL+" "+strings.TrimPrefix(u.Status, "URL_RETRIEVAL_STATUS_"))
	}
	if want := []string{"https://example.com/a SUCCESS", "https://example.com/missing ERROR", "https://shop.example/paywall PAYWALL"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(c.Grounding.Chunks) != 1 || c.Grounding.Chunks[0].Web.URI != "https://example.com/a" || r.Usage.ToolUse < 200 {
		t.Errorf("%+v, usage %+v", c.Grounding, r.Usage)
	}
	r = read(t, call(New(Config{}), flash, ask("no address", `"tools":[{"urlContext":{}}]`)))
	if c := r.Candidates[0]; c.URLs != nil || c.Grounding != nil || r.Usage.ToolUse != 0 {
		t.Errorf("nothing to fetch: %+v", c)
	}
}

func TestCodeExecution(t *testing.T) {
	tests := []struct{ text, code, output, outcome string }{
		{"How much is 3 * 12390?", "print(3 * 12390)\n", "37170\n", "OUTCOME_OK"},
		{"7 / 2 is what?", "print(7 / 2)\n", "3.5\n", "OUTCOME_OK"},
		{"7 / 0 is what?", "print(7 / 0)\n", "ZeroDivisionError: division by zero\n", "OUTCOME_FAILED"},
		{"Add up 10 20 30.", "values = [10, 20, 30]\nprint(sum(values))\n", "60\n", "OUTCOME_OK"},
	}
	for _, tt := range tests {
		r := read(t, call(New(Config{}), flash, ask(tt.text, `"tools":[{"codeExecution":{}}]`)))
		p := r.Candidates[0].Content.Parts
		if len(p) != 3 || p[0].Code == nil || p[0].Code.Code != tt.code || p[1].Result == nil || p[1].Result.Output != tt.output ||
			p[1].Result.Outcome != tt.outcome || !strings.Contains(p[2].Text, strings.TrimSpace(tt.output)) || r.Usage.ToolUse == 0 {
			t.Errorf("%s: %+v", tt.text, p)
		}
	}
}

func TestCandidates(t *testing.T) {
	s := New(Config{})
	body := ask("One two three.", `"generationConfig":{"candidateCount":3}`)
	r := read(t, call(s, flash, body))
	seen := map[string]bool{}
	for i, c := range r.Candidates {
		if c.Index == nil || *c.Index != i || c.Finish != "STOP" {
			t.Errorf("candidate %d: %+v", i, c)
		}
		seen[c.Content.Parts[0].Text] = true
	}
	if len(seen) != 3 {
		t.Errorf("candidates %v", seen)
	}
	one := read(t, call(s, flash, ask("One two three.", "")))
	if r.Usage.Candidates < 3*one.Usage.Candidates {
		t.Errorf("3 candidates of %d tokens, one of %d", r.Usage.Candidates, one.Usage.Candidates)
	}
	events := readSSE(t, call(s, strings.Replace(flash, "generateContent", "streamGenerateContent?alt=sse", 1), body).Body.String())
	streamed, last := map[int]string{}, events[len(events)-1]
	for _, e := range events {
		for _, c := range e.Candidates {
			streamed[*c.Index] += c.Content.Parts[0].Text
		}
	}
	if len(streamed) != 3 || !seen[streamed[0]] || !seen[streamed[2]] || last.Usage == nil || last.Usage.Total == 0 {
		t.Errorf("streamed %v, usage %+v", streamed, last.Usage)
	}
}

func TestSafetyRatingsAndCitations(t *testing.T) {
	settings := func(threshold string) string {
		return `"safetySettings":[{"category":"HARM_CATEGORY_DANGEROUS_CONTENT","threshold":"` + threshold + `"},{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`
	}
	const text = "A novel about a bomb and a weapon."
	s := New(Config{})
	c := read(t, call(s, flash, ask(text, settings("BLOCK_ONLY_HIGH")))).Candidates[0]
	if len(c.Ratings) != 2 || c.Ratings[0].Probability != "MEDIUM" || c.Ratings[1].Probability != "NEGLIGIBLE" || c.Finish != "STOP" {
		t.Errorf("%+v", c)
	}
	c = read(t, call(s, flash, ask(text, settings("BLOCK_MEDIUM_AND_ABOVE")))).Candidates[0]
	if !c.Ratings[0].Blocked || c.Finish != "SAFETY" || c.Content != nil {
		t.Errorf("%+v", c)
	}
	if c := read(t, call(s, flash, ask(text, ""))).Candidates[0]; c.Ratings != nil || c.Citations != nil {
		t.Errorf("%+v", c)
	}
	c = read(t, call(s, flash, ask("Please quote this. To be or not to be.", ""))).Candidates[0]
	if c.Citations == nil || len(c.Citations.Sources) != 1 || c.Citations.Sources[0].End != len("Please quote this.") {
		t.Errorf("%+v", c.Citations)
	}
}

// Parts of all kinds keep their order in a stream, and what refers to the whole
// text comes with the last event.
func TestStreamOfTools(t *testing.T) {
	s := New(Config{})
	stream := strings.Replace(flash, "generateContent", "streamGenerateContent?alt=sse", 1)
	events := readSSE(t, call(s, stream, ask("How much is 3 * 4?", `"tools":[{"codeExecution":{}},{"googleSearch":{}}]`)).Body.String())
	var kinds []string
	for i, e := range events {
		p := e.Candidates[0].Content.Parts[0]
		switch {
		case p.Code != nil:
			kinds = append(kinds, "code")
		case p.Result != nil:
			kinds = append(kinds, "result")
		default:
			kinds = append(kinds, "text")
		}
		if last := i == len(events)-1; last != (e.Candidates[0].Grounding != nil) {
			t.Errorf("event %d of %d: grounding %+v", i, len(events), e.Candidates[0].Grounding)
		}
	}
	if !slices.Equal(kinds, []string{"code", "result", "text"}) {
		t.Errorf("%v", kinds)
	}
	events = readSSE(t, call(s, stream, ask("What is the weather in Rome?", weatherTools)).Body.String())
	if len(events) != 1 || callsOf(events[0]) == nil || events[0].Candidates[0].Finish != "STOP" || events[0].Usage.Candidates == 0 {
		t.Errorf("%+v", events)
	}
}
