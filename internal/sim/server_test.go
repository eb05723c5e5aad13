package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

const flash = "/v1beta/models/gemini-2.5-flash:generateContent"

// call posts a body to a handler, without a network, and returns what came back.
func call(s *Server, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("X-Goog-Api-Key", "k")
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// ask wraps a text in a request body; more is further JSON members.
func ask(text, more string) string {
	t, _ := json.Marshal(text)
	if more != "" {
		more = "," + more
	}
	return `{"contents":[{"role":"user","parts":[{"text":` + string(t) + `}]}]` + more + `}`
}

// read unmarshals an answer.
func read(t *testing.T, w *httptest.ResponseRecorder) answer.Response {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var r answer.Response
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return r
}

// textOf joins the answer's text without thoughts.
func textOf(r answer.Response) string {
	var b strings.Builder
	for _, c := range r.Candidates {
		if c.Content == nil {
			continue
		}
		for _, p := range c.Content.Parts {
			if !p.Thought {
				b.WriteString(p.Text)
			}
		}
	}
	return b.String()
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
			var e struct{ Error wire.GoogleError }
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

func TestAuth(t *testing.T) {
	const ex = "/v1beta1/publishers/google/models/gemini-2.5-flash:generateContent"
	const project = "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
	tests := []struct {
		name    string
		dialect Dialect
		path    string
		key     string // x-goog-api-key
		auth    string
		code    int
		message string
	}{
		{"google key", Google, flash, "good", "", 200, ""},
		{"google query", Google, flash + "?key=good", "", "", 200, ""},
		{"google bearer", Google, flash, "", "Bearer good", 200, ""},
		{"google bad key", Google, flash, "bad", "", 400, `"reason":"API_KEY_INVALID"`},
		{"google none", Google, flash, "", "", 403, "Method doesn't allow unregistered callers"},
		{"google two", Google, flash + "?key=good", "good", "", 400, "Multiple authentication credentials received"},
		{"google raw", Google, flash, "", "good", 401, "ACCESS_TOKEN_TYPE_UNSUPPORTED"},
		{"google bad bearer", Google, flash, "", "Bearer bad", 401, "UNAUTHENTICATED"},
		{"vertex bearer", Vertex, project, "", "Bearer good", 200, ""},
		{"vertex key with a project", Vertex, project, "good", "", 401, "API keys are not supported"},
		{"vertex express", Vertex, ex, "good", "", 200, ""},
		{"vertex none", Vertex, project, "", "", 401, "CREDENTIALS_MISSING"},
		{"yescale", YEScale, flash, "good", "", 200, ""},
		{"yescale bearer", YEScale, flash, "", "Bearer good", 401, "No token provided (request id: "},
		{"yescale bad", YEScale, flash, "bad", "", 401, `"message":"Invalid token (request id: `},
		{"gptproto raw", GPTProto, flash, "", "good", 200, ""},
		{"gptproto bearer", GPTProto, flash, "", "Bearer good", 200, ""},
		{"gptproto header", GPTProto, flash, "good", "", 401, `"type":"new_api_error"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{Dialect: tt.dialect, Keys: []string{"good"}}), tt.path, ask("hi", ""), "X-Goog-Api-Key", tt.key, "Authorization", tt.auth)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.message) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, tt.code, tt.message)
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

func authFor(d Dialect) string {
	if d == Vertex || d == GPTProto {
		return "Bearer k"
	}
	return ""
}

func keyFor(d Dialect) string {
	if authFor(d) != "" {
		return ""
	}
	return "k"
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

func TestPaths(t *testing.T) {
	tests := []struct {
		name, prefix, path string
		dialect            Dialect
		code               int
	}{
		{"v1", "", "/v1/models/gemini-2.5-flash:generateContent", Google, 200},
		{"prefix", "/proxy/gemini/", "/proxy/gemini/v1beta/models/gemini-2.5-flash:generateContent", Google, 200},
		{"prefix missing", "/proxy", flash, Google, 404},
		{"twice the version", "", "/v1beta/v1beta/models/gemini-2.5-flash:generateContent", Google, 404},
		{"vertex path", "", "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent", Google, 404},
		{"vertex without location", "", "/v1/projects/p/publishers/google/models/gemini-2.5-flash:generateContent", Vertex, 404},
		{"unknown verb", "", "/v1beta/models/gemini-2.5-flash:embedContent", Google, 404},
		{"no verb", "", "/v1beta/models/gemini-2.5-flash", Google, 404}, // POST
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{PathPrefix: tt.prefix, Dialect: tt.dialect}), tt.path, ask("hi", ""))
			if w.Code != tt.code {
				t.Errorf("status %d, want %d: %s", w.Code, tt.code, w.Body)
			}
			if html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); html != (tt.code == 404) {
				t.Errorf("content type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestModelsAndCount(t *testing.T) {
	s := New(Config{})
	var page struct {
		Models        []modelInfo
		NextPageToken string
	}
	var names []string
	for token := ""; ; token = page.NextPageToken {
		page.NextPageToken, page.Models = "", nil
		r := httptest.NewRequest("GET", "/v1beta/models?pageSize=5&pageToken="+token, nil)
		r.Header.Set("X-Goog-Api-Key", "k")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Models) == 0 || len(page.Models) > 5 {
			t.Fatalf("%v: %s", err, w.Body)
		}
		for _, m := range page.Models {
			names = append(names, strings.TrimPrefix(m.Name, "models/"))
		}
		if page.NextPageToken == "" {
			break
		}
	}
	if strings.Join(names, " ") != strings.Join(listed, " ") {
		t.Errorf("the pages list %v", names)
	}

	w := call(s, "/v1beta/models/gemini-2.5-flash:countTokens", ask("abcdefgh", ""))
	if want := `{"totalTokens":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]}`; w.Body.String() != want {
		t.Errorf("countTokens: %s, want %s", w.Body, want)
	}
	w = call(s, "/v1beta/models/gemini-2.5-flash:countTokens", `{"generate_content_request":{"model":"models/x","contents":[{"parts":[{"text":"abcd"}]}],"systemInstruction":{"parts":[{"text":"abcd"}]}}}`)
	if !strings.Contains(w.Body.String(), `"totalTokens":2`) {
		t.Errorf("countTokens of a whole request: %s", w.Body)
	}
}

func TestListen(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "192.0.2.1:80", "example.com:80", "nonsense"} {
		if r, err := Listen(addr, Config{}); err == nil {
			r.Close()
			t.Errorf("Listen(%q) listens", addr)
		}
	}
	if _, err := Listen("", Config{Faults: []Fault{{Kind: "nonsense"}}}); err == nil || !strings.Contains(err.Error(), `no fault "nonsense"`) {
		t.Errorf("a fault that does not exist: %v", err)
	}
	r, err := Listen("", Config{CountAnswers: true})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", r.URL+flash, strings.NewReader(ask("hi", "")))
	req.Header.Set("X-Goog-Api-Key", "k")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = http.Get(r.URL + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	var st Stats
	if err := json.Unmarshal(body, &st); err != nil || st.Answered != 1 || len(st.Answers) != 1 || st.PromptTokens != 1 {
		t.Errorf("stats over HTTP: %s (%v)", body, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(r.URL + "/sim/stats"); err == nil {
		t.Error("it still answers after Close")
	}
}

func TestAnswerLogAndCount(t *testing.T) {
	var log bytes.Buffer
	s := New(Config{CountAnswers: true, AnswerLog: &log})
	for range 2 {
		call(s, flash, ask("[[sim:503x1]] one", "")) // 503, then an answer
	}
	call(s, flash, ask("two", ""))
	call(s, flash, ask("two", ""))
	call(s, flash, ask("[[sim:empty]]", ""))
	st := s.Stats()
	counts := map[int]int{}
	for sum, n := range st.Answers {
		if len(sum) != 64 {
			t.Errorf("key %q is no SHA-256", sum)
		}
		counts[n]++
	}
	if st.Answered != 3 || counts[1] != 1 || counts[2] != 1 || st.Faults["503"] != 1 || st.Faults["empty"] != 1 {
		t.Errorf("stats %+v", st)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	var l logLine
	if len(lines) != 3 || json.Unmarshal([]byte(lines[0]), &l) != nil || st.Answers[l.SHA256] != 1 || !strings.Contains(l.Body, "one") {
		t.Errorf("log:\n%s", &log)
	}
}

func TestResponseIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		s := New(Config{})
		for range 100 {
			seen[read(t, call(s, flash, ask("hi", ""))).ID] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d different ids of 200", len(seen))
	}
}
