package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClassifyWithoutAnyHit(t *testing.T) {
	config := `"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a1","b2","c3","d4"]}}`
	s, again := New(Config{}), New(Config{Seed: 7})
	counts := map[string]int{}
	for i := range 200 {
		body := ask(fmt.Sprintf("zzz %d", i), config)
		got := textOf(read(t, call(s, flash, body)))
		if other := textOf(read(t, call(again, flash, body))); other != got {
			t.Fatalf("%s, and the next time %s", got, other)
		}
		counts[got]++
	}
	if len(counts) != 4 || counts["a1"] < 25 || counts["d4"] < 25 {
		t.Errorf("200 texts that say nothing fall on %v", counts)
	}
}

func TestThinking(t *testing.T) {
	thinking := func(s string) string { return `"generationConfig":{"thinkingConfig":{` + s + `}}` }
	tests := []struct {
		model, more string
		least, most int // of the mean over many requests
	}{
		{"gemini-2.5-flash", "", 250, 600},
		{"gemini-2.5-flash", thinking(`"thinkingBudget":0`), 0, 0},
		{"gemini-2.5-flash", thinking(`"thinkingBudget":50`), 20, 50},
		{"gemini-2.5-pro", "", 700, 1500},
		{"gemini-2.5-flash-lite", "", 0, 0},
		{"gemini-2.5-flash-lite", thinking(`"thinkingBudget":-1`), 250, 600},
		{"gemini-3.5-flash-lite", "", 0, 0},
		{"gemini-3.8-flash", thinking(`"thinkingLevel":"LOW"`), 70, 180},
		{"gemma-4-31b-it", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.model+tt.more, func(t *testing.T) {
			s, sum := New(Config{}), 0
			const n = 300
			for i := range n {
				sum += read(t, call(s, "/v1beta/models/"+tt.model+":generateContent", ask(fmt.Sprint(i), tt.more))).Usage.Thoughts
			}
			if mean := sum / n; mean < tt.least || mean > tt.most {
				t.Errorf("%d thinking tokens on average, want %d to %d", mean, tt.least, tt.most)
			}
			if got := s.Stats().ThoughtsTokens; got != int64(sum) {
				t.Errorf("stats say %d thinking tokens, the answers %d", got, sum)
			}
		})
	}
}

// A schema that is broken at first is kept once the answer has been corrected, and
// the answer to a correction is about the text, not about the correction.
func TestBadSchemaUntilCorrected(t *testing.T) {
	s := New(Config{})
	const config = `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"label":{"type":"STRING","enum":["sport","food"]}}}}`
	first := ask("The striker scored. [[sim:badschema]]", config)
	if got := textOf(read(t, call(s, flash, first))); got != `{"label_":"sport"}` {
		t.Errorf("first answer %s", got)
	}
	turns := `{"role":"model","parts":[{"text":"{}"}]},{"role":"user","parts":[{"text":"That is not valid: food is missing. Answer again, and correctly."}]}]`
	second := strings.Replace(first, `"}]}]`, `"}]},`+turns, 1)
	if got := textOf(read(t, call(s, flash, second))); got != `{"label":"sport"}` {
		t.Errorf("corrected answer %s", got)
	}
}

func TestOldSchemas(t *testing.T) {
	s := New(Config{Dialect: YEScale, OldSchemas: true})
	for key, want := range map[string]int{"responseJsonSchema": 400, "response_json_schema": 400, "responseSchema": 200} {
		w := call(s, flash, ask("x", `"generationConfig":{"responseMimeType":"application/json","`+key+`":{"type":"string"}}`))
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), `Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config'`) {
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
}

func TestServiceTier(t *testing.T) {
	s := New(Config{})
	tests := []struct{ tier, text, want string }{
		{"flex", "hi", "flex"}, {"PRIORITY", "hi", "priority"}, {"standard", "hi", "standard"},
		{"priority", "hi [[sim:downgrade]]", "standard"}, {"flex", "hi [[sim:flexbusyx1]]", ""},
		{"flex", "hi [[sim:flexbusyx1]]", "flex"}, // the second try
	}
	for _, tt := range tests {
		w := call(s, flash, ask(tt.text, `"serviceTier":"`+tt.tier+`"`))
		if tt.want == "" {
			if w.Code != 503 {
				t.Errorf("%s %q: %d", tt.tier, tt.text, w.Code)
			}
			continue
		}
		if got := read(t, w).Usage.ServiceTier; got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.tier, tt.text, got, tt.want)
		}
	}
}

const (
	flash3     = "/v1beta/models/gemini-3.5-flash:generateContent"
	imageModel = "/v1beta/models/gemini-3.1-flash-image:generateContent"
	ttsModel   = "/v1beta/models/gemini-2.5-flash-preview-tts:generateContent"
)

func TestMediaFaults(t *testing.T) {
	s := New(Config{})
	for fault, parts := range map[string]string{"finish=NO_IMAGE": "1 text", "finish=IMAGE_SAFETY": "1 text", "empty": "0", "safety": "0", "answer=no": "1 text"} {
		r := read(t, call(s, imageModel, ask("A cat [[sim:"+fault+"]]", "")))
		got := "0"
		if c := r.Candidates[0].Content; c != nil && len(c.Parts) > 0 {
			got = fmt.Sprintf("%d text", len(c.Parts))
			for _, p := range c.Parts {
				if p.Blob != nil {
					got = "data"
				}
			}
		}
		if got != parts {
			t.Errorf("%s: %s, want %s", fault, got, parts)
		}
	}
	r := read(t, call(s, imageModel, ask("A cat", `"generationConfig":{"maxOutputTokens":100}`)))
	if c := r.Candidates[0]; c.Finish != "MAX_TOKENS" || r.Usage.CandidatesDetails != nil {
		t.Errorf("%+v %+v", c, r.Usage)
	}
}

func TestRefusals(t *testing.T) {
	const (
		invalidStatus = "INVALID_ARGUMENT"
		system        = `"systemInstruction":{"parts":[{"text":"be brief"}]}`
	)
	config := func(s string) string { return ask("hi", `"generationConfig":{`+s+`}`) }
	tests := []struct {
		name, path, body string
		code             int
		status, message  string
	}{
		{"not JSON", flash, `{"contents":`, 400, invalidStatus, "Invalid JSON payload received."},
		{"an array", flash, `[]`, 400, invalidStatus, "Root element must be a message"},
		{"no contents", flash, `{}`, 400, invalidStatus, "contents is not specified"},
		{"empty contents", flash, `{"contents":[]}`, 400, invalidStatus, "contents is not specified"},
		{"no parts", flash, `{"contents":[{"role":"user"}]}`, 400, invalidStatus, "contents.parts must not be empty"},
		{"empty part", flash, `{"contents":[{"parts":[{}]}]}`, 400, invalidStatus, "required oneof field 'data'"},
		{"text for a message", flash, `{"contents":"hi"}`, 400, invalidStatus, "Invalid value at 'contents' (message)"},
		{"bad role", flash, `{"contents":[{"role":"system","parts":[{"text":"x"}]}]}`, 400, invalidStatus, "Please use a valid role: user, model."},
		{"unknown field", flash, ask("hi", `"foo":1`), 400, invalidStatus, `Invalid JSON payload received. Unknown name "foo": Cannot find field.`},
		{"unknown config field", flash, config(`"temprature":1`), 400, invalidStatus, `Unknown name "temprature" at 'generation_config': Cannot find field.`},
		{"unknown part field", flash, `{"contents":[{"parts":[{"txt":"x"}]}]}`, 400, invalidStatus, `Unknown name "txt" at 'contents[0].parts[0]'`},
		{"labels are Vertex AI's", flash, ask("hi", `"labels":{"a":"b"}`), 400, invalidStatus, `Unknown name "labels"`},
		{"both spellings", flash, ask("hi", system+`,"system_instruction":{"parts":[{"text":"x"}]}`), 400, invalidStatus, "given twice"},
		{"budget and level", flash, config(`"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}`), 400, invalidStatus, "only one of thinking budget and thinking level"},
		{"level on 2.5", flash, config(`"thinkingConfig":{"thinkingLevel":"LOW"}`), 400, invalidStatus, "Thinking level is not supported"},
		{"budget 0 on 2.5 pro", "/v1beta/models/gemini-2.5-pro:generateContent", config(`"thinkingConfig":{"thinkingBudget":0}`), 400, invalidStatus, "only works in thinking mode"},
		{"budget too large", flash, config(`"thinkingConfig":{"thinkingBudget":99999}`), 400, invalidStatus, "thinking budget 99999 is invalid"},
		{"budget on argon", "/v1/models/gemini-4-argon:generateContent", config(`"thinkingConfig":{"thinkingBudget":5}`), 400, invalidStatus, "Thinking budget is not supported"},
		{"minimal on 3.8", "/v1beta/models/gemini-3.8-flash:generateContent", config(`"thinkingConfig":{"thinkingLevel":"minimal"}`), 400, invalidStatus, "Thinking level MINIMAL is not supported"},
		{"argon, unary, long", "/v1beta/models/gemini-4-argon:generateContent", config(`"maxOutputTokens":40000`), 400, invalidStatus, "must not exceed 32768"},
		{"temperature", flash, config(`"temperature":3`), 400, invalidStatus, "range [0.0, 2.0]"},
		{"temperature as text", flash, config(`"temperature":"hot"`), 400, invalidStatus, "Invalid value at 'generation_config.temperature' (TYPE_FLOAT)"},
		{"no output", flash, config(`"maxOutputTokens":0`), 400, invalidStatus, "must be positive"},
		{"mime", flash, config(`"responseMimeType":"text/html"`), 400, invalidStatus, "allowed mimetypes"},
		{"schema without mime", flash, config(`"responseSchema":{"type":"STRING"}`), 400, invalidStatus, "response_mime_type"},
		{"two schemas", flash, config(`"responseMimeType":"application/json","responseSchema":{"type":"STRING"},"responseJsonSchema":{"type":"string"}`), 400, invalidStatus, "only one of"},
		{"enum without enum", flash, config(`"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}`), 400, invalidStatus, "needs a schema of type STRING with an enum"},
		{"duplicate category", flash, ask("hi", `"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"},{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`), 400, invalidStatus, "at most one setting for category HARM_CATEGORY_HARASSMENT"},
		{"wrong threshold", flash, ask("hi", `"safety_settings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_HIGH_AND_ABOVE"}]`), 400, invalidStatus, `HarmBlockThreshold), "BLOCK_HIGH_AND_ABOVE"`},
		{"no such cache", flash, ask("hi", `"cachedContent":"cachedContents/x"`), 403, "PERMISSION_DENIED", "CachedContent not found"},
		{"too long", "/v1beta/models/gemma-4-31b-it:generateContent", ask(strings.Repeat("word ", 300000), ""), 400, invalidStatus, "The input token count (375000) exceeds the maximum number of tokens allowed (262144)."},
		{"unknown model", "/v1beta/models/gpt-5:generateContent", ask("hi", ""), 404, "NOT_FOUND", "models/gpt-5 is not found for API version v1beta, or is not supported for generateContent. Call ModelService.ListModels"},
		{"retired model", "/v1beta/models/gemini-2.0-flash:generateContent", ask("hi", ""), 404, "NOT_FOUND", "models/gemini-2.0-flash is not found"},
		{"a gateway's alias", "/v1beta/models/gemini-2.5-flash-nothinking:generateContent", ask("hi", ""), 404, "NOT_FOUND", "is not found"},
	}
	s := New(Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(s, tt.path, tt.body)
			var e struct {
				Error struct {
					Code            int
					Message, Status string
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != tt.code || e.Error.Code != tt.code || e.Error.Status != tt.status || !strings.Contains(e.Error.Message, tt.message) {
				t.Errorf("got %d %s\nwant %d %s %q", w.Code, w.Body, tt.code, tt.status, tt.message)
			}
		})
	}
	st := s.Stats()
	if st.Answered != 0 || st.Refused["model"] != 3 || st.Requests != int64(len(tests)) {
		t.Errorf("stats %+v", st)
	}
}

func TestAccepted(t *testing.T) {
	tests := map[string]string{
		"snake case":         `{"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"AAAA"}},{"text":"hi"}]}],"system_instruction":{"parts":[{"text":"x"}]},"generation_config":{"max_output_tokens":"5000","thinking_config":{"thinking_budget":0}},"safety_settings":[]}`,
		"objects for lists":  `{"contents":{"parts":{"text":"hi"}}}`,
		"enums as numbers":   ask("hi", `"safetySettings":[{"category":10,"threshold":3},{"category":7,"threshold":3}]`),
		"dynamic thinking":   ask("hi", `"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}`),
		"tools pass through": ask("hi", `"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"retrievalConfig":{"languageCode":"en"}}`),
		"a conversation":     `{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},{"role":"user","parts":[{"text":"hi"}]}]}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			if got := textOf(read(t, call(New(Config{}), flash, body))); got != "hi" {
				t.Errorf("answer %q, want the echo hi", got)
			}
		})
	}
}

// The shapes are those of the gateways' own documentation.
func TestDialectShapes(t *testing.T) {
	const vertexPath = "/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:generateContent"
	tests := []struct {
		dialect    Dialect
		path       string
		version    string
		has, hasNo []string
	}{
		{Google, flash, "gemini-2.5-flash-simulated",
			[]string{`"index":0`, `"thoughtsTokenCount":`, `"serviceTier":"standard"`}, []string{"createTime", "trafficType", "candidatesTokensDetails"}},
		{Vertex, vertexPath, "gemini-2.5-flash-simulated",
			[]string{`"trafficType":"ON_DEMAND"`, `"createTime":`, `"thoughtsTokenCount":`, `"candidatesTokensDetails":`, `"avgLogprobs":`}, []string{"serviceTier", `"index"`}},
		{YEScale, flash, "gemini-2.5-flash-simulated",
			[]string{`"index":0`}, []string{"thoughtsTokenCount", "candidatesTokensDetails", "serviceTier", "createTime"}},
		{GPTProto, "/v1beta/models/gemini-2.5-flash-nothinking:generateContent", "gemini-2.5-flash-nothinking-simulated",
			[]string{`"trafficType":"ON_DEMAND"`, `"createTime":`, `"thoughtsTokenCount":`, `"thoughtSignature":`, `"candidatesTokensDetails":`}, []string{`"index"`, "serviceTier"}},
	}
	for _, tt := range tests {
		t.Run(string(tt.dialect), func(t *testing.T) {
			w := call(New(Config{Dialect: tt.dialect}), tt.path, ask("who are you?", ""), "Authorization", authFor(tt.dialect), "X-Goog-Api-Key", keyFor(tt.dialect))
			r := read(t, w)
			if r.Version != tt.version {
				t.Errorf("modelVersion %q, want %q", r.Version, tt.version)
			}
			for _, s := range tt.has {
				if !strings.Contains(w.Body.String(), s) {
					t.Errorf("no %s in %s", s, w.Body)
				}
			}
			for _, s := range tt.hasNo {
				if strings.Contains(w.Body.String(), s) {
					t.Errorf("%s in %s", s, w.Body)
				}
			}
			u := r.Usage
			hidden := u.Total - u.Prompt - u.Candidates - u.Thoughts
			if (tt.dialect == YEScale) != (hidden > 0) {
				t.Errorf("usage %+v: %d tokens hidden in the total", u, hidden)
			}
		})
	}
}

func TestGatewayErrors(t *testing.T) {
	tests := []struct {
		name, path, body string
		code             int
		want             []string
	}{
		{"model", "/v1beta/models/gemini-9:x", ask("hi", ""), 404, []string{"Invalid URL (POST /v1beta/models/gemini-9:x)"}},
		{"no channel", "/v1beta/models/gemini-1.5-pro:generateContent", ask("hi", ""), 503, []string{"No available channel for model gemini-1.5-pro under group default (distributor) (request id: ", `"code":"model_not_found"`}},
		{"balance", flash, ask("[[sim:402]]", ""), 403, []string{`"code":"insufficient_user_quota"`, `"type":"new_api_error"`, `"param":""`}},
		{"no contents", flash, `{}`, 500, []string{"contents is required (request id: ", `"code":"invalid_request"`}},
		{"quota", flash, ask("[[sim:429]]", ""), 429, []string{`"type":"upstream_error"`, `"code":429`}},
		{"passed on", flash, ask("hi", `"foo":1`), 400, []string{`"type":"upstream_error"`, `Unknown name`}},
		{"count", "/v1beta/models/gemini-2.5-flash:countTokens", ask("hi", ""), 404, []string{"invalid_request_error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{Dialect: YEScale}), tt.path, tt.body)
			if w.Code != tt.code {
				t.Errorf("status %d, want %d: %s", w.Code, tt.code, w.Body)
			}
			for _, s := range append(tt.want, `{"error":{"message":`) {
				if !strings.Contains(w.Body.String(), s) {
					t.Errorf("no %s in %s", s, w.Body)
				}
			}
		})
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Latency: time.Second, Jitter: time.Second})
		took := map[time.Duration]bool{}
		for _, text := range []string{"a", "b", "c"} {
			var first time.Duration
			for i := range 2 {
				start := time.Now()
				call(s, flash, ask(text, ""))
				d := time.Since(start)
				if d < time.Second || d >= 2*time.Second {
					t.Errorf("took %v", d)
				}
				if i == 1 && d != first {
					t.Errorf("the same request took %v and %v", first, d)
				}
				first = d
			}
			took[first] = true
		}
		if len(took) != 3 {
			t.Errorf("jitter: %v", took)
		}
	})
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Latency: time.Minute, Concurrency: 2})
		codes := make(chan int, 3)
		for range 3 {
			go func() { codes <- call(s, flash, ask("hi", "")).Code }()
		}
		counts := map[int]int{}
		for range 3 {
			counts[<-codes]++
		}
		if counts[200] != 2 || counts[503] != 1 {
			t.Errorf("%v, want two answers and a 503", counts)
		}
		if st := s.Stats(); st.MaxInFlight != 3 || st.InFlight != 0 || st.Refused["overload"] != 1 {
			t.Errorf("%+v", st)
		}
	})
}
