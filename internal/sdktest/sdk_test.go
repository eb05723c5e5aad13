package sdktest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genai"

	"github.com/genbatch/genbatch/internal/sim"
)

const flash = "gemini-2.5-flash"

// client returns the SDK's client for a simulator of its own.
func client(t *testing.T, c sim.Config, key string) (*genai.Client, *sim.Running) {
	t.Helper()
	s, err := sim.Listen("", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cfg := &genai.ClientConfig{
		Backend:     genai.BackendGeminiAPI,
		APIKey:      key,
		HTTPOptions: genai.HTTPOptions{BaseURL: s.URL + c.PathPrefix + "/"},
		HTTPClient:  &http.Client{},
	}
	if c.Dialect == sim.Vertex { // express mode
		cfg.Backend = genai.BackendVertexAI
	}
	api, err := genai.NewClient(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return api, s
}

func TestGenerateContent(t *testing.T) {
	for _, dialect := range []sim.Dialect{sim.Google, sim.Vertex} {
		t.Run(string(dialect), func(t *testing.T) {
			api, _ := client(t, sim.Config{Dialect: dialect}, "key")
			r, err := api.Models.GenerateContent(t.Context(), flash, genai.Text("hello there"), &genai.GenerateContentConfig{
				SystemInstruction: genai.NewContentFromText("Be brief.", genai.RoleUser),
				Temperature:       genai.Ptr[float32](0),
				MaxOutputTokens:   20000,
				SafetySettings:    []*genai.SafetySetting{{Category: genai.HarmCategoryHarassment, Threshold: genai.HarmBlockThresholdBlockOnlyHigh}},
				ThinkingConfig:    &genai.ThinkingConfig{IncludeThoughts: true, ThinkingBudget: genai.Ptr[int32](2000)},
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Text() != "hello there" || r.Candidates[0].FinishReason != genai.FinishReasonStop {
				t.Errorf("%q %s", r.Text(), r.Candidates[0].FinishReason)
			}
			if parts := r.Candidates[0].Content.Parts; len(parts) != 2 || !parts[0].Thought {
				t.Errorf("parts %+v", parts)
			}
			if r.ModelVersion != flash+"-simulated" || r.ResponseID == "" {
				t.Errorf("version %q, id %q", r.ModelVersion, r.ResponseID)
			}
			u := r.UsageMetadata
			if u.PromptTokenCount == 0 || u.CandidatesTokenCount == 0 || u.ThoughtsTokenCount == 0 ||
				u.TotalTokenCount != u.PromptTokenCount+u.CandidatesTokenCount+u.ThoughtsTokenCount {
				t.Errorf("usage %+v", u)
			}
			if d := u.PromptTokensDetails; len(d) != 1 || d[0].Modality != genai.MediaModalityText || d[0].TokenCount != u.PromptTokenCount {
				t.Errorf("details %+v", d)
			}
			if (dialect == sim.Vertex) != (u.TrafficType == genai.TrafficTypeOnDemand) || (dialect == sim.Vertex) == r.CreateTime.IsZero() {
				t.Errorf("trafficType %q, createTime %v", u.TrafficType, r.CreateTime)
			}
		})
	}
}

func TestThinkingOff(t *testing.T) {
	api, _ := client(t, sim.Config{}, "key")
	r, err := api.Models.GenerateContent(t.Context(), flash, genai.Text("hi"), &genai.GenerateContentConfig{
		ThinkingConfig: &genai.ThinkingConfig{ThinkingBudget: genai.Ptr[int32](0)},
	})
	if err != nil || r.UsageMetadata.ThoughtsTokenCount != 0 {
		t.Errorf("%v %+v", err, r)
	}
	r, err = api.Models.GenerateContent(t.Context(), "gemini-3.5-flash", genai.Text("hi"), &genai.GenerateContentConfig{
		ThinkingConfig: &genai.ThinkingConfig{ThinkingLevel: genai.ThinkingLevelHigh},
	})
	if err != nil || r.UsageMetadata.ThoughtsTokenCount == 0 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestResponseSchema(t *testing.T) {
	labels := []string{"sport", "politics"}
	enum := &genai.Schema{Type: genai.TypeString, Enum: labels, Format: "enum"}
	configs := map[string]*genai.GenerateContentConfig{
		"sport":             {ResponseMIMEType: "text/x.enum", ResponseSchema: enum},
		`"sport"`:           {ResponseMIMEType: "application/json", ResponseSchema: enum},
		`{"label":"sport"}`: {ResponseMIMEType: "application/json", ResponseSchema: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"label": enum}}},
		`{"topic":"sport"}`: {ResponseMIMEType: "application/json", ResponseJsonSchema: map[string]any{
			"type": "object", "properties": map[string]any{"topic": map[string]any{"type": "string", "enum": labels}}, "required": []string{"topic"}}},
	}
	api, _ := client(t, sim.Config{PathPrefix: "/a/prefix"}, "key")
	for want, config := range configs {
		r, err := api.Models.GenerateContent(t.Context(), flash, genai.Text("The team won the final."), config)
		if err != nil {
			t.Fatal(err)
		}
		if r.Text() != want {
			t.Errorf("%s, want %s", r.Text(), want)
		}
	}
}

// The SDK can have several texts answered in one call.
func TestPack(t *testing.T) {
	label := &genai.Schema{Type: genai.TypeString, Enum: []string{"sport", "politics"}, Format: "enum"}
	config := &genai.GenerateContentConfig{
		SystemInstruction: genai.NewContentFromText(`Each line is a text. Answer with a JSON array that has an object with "id" and "answer" for each.`, genai.RoleUser),
		ResponseMIMEType:  "application/json",
		ResponseSchema: &genai.Schema{Type: genai.TypeArray, Items: &genai.Schema{
			Type: genai.TypeObject, Required: []string{"id", "answer"}, PropertyOrdering: []string{"id", "answer"},
			Properties: map[string]*genai.Schema{"id": {Type: genai.TypeString}, "answer": label},
		}},
	}
	const lines = `{"id":"bcd","text":"The team won the final."}` + "\n" + `{"id":"fgh","text":"Parliament votes on a new law."}`
	for _, dialect := range []sim.Dialect{sim.Google, sim.Vertex} {
		api, _ := client(t, sim.Config{Dialect: dialect}, "key")
		r, err := api.Models.GenerateContent(t.Context(), flash, genai.Text(lines), config)
		if err != nil {
			t.Fatal(err)
		}
		if want := `[{"id":"bcd","answer":"sport"},{"id":"fgh","answer":"politics"}]`; r.Text() != want {
			t.Errorf("%s: %s, want %s", dialect, r.Text(), want)
		}
	}
}

func TestStream(t *testing.T) {
	api, _ := client(t, sim.Config{}, "key")
	question := strings.Repeat("All of this comes back in several pieces. ", 6)
	var text strings.Builder
	var last *genai.GenerateContentResponse
	n := 0
	for r, err := range api.Models.GenerateContentStream(t.Context(), flash, genai.Text(question), nil) {
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(r.Text())
		last = r
		n++
	}
	unary, err := api.Models.GenerateContent(t.Context(), flash, genai.Text(question), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n < 3 || text.String() != unary.Text() || last.Candidates[0].FinishReason != genai.FinishReasonStop {
		t.Errorf("%d events: %q", n, &text)
	}
	if a, b := last.UsageMetadata, unary.UsageMetadata; a.TotalTokenCount != b.TotalTokenCount || a.CandidatesTokenCount != b.CandidatesTokenCount {
		t.Errorf("usage of the stream %+v, of the unary call %+v", a, b)
	}

	var failure error
	for _, err := range api.Models.GenerateContentStream(t.Context(), flash, genai.Text(question+"[[sim:errorbody]]"), nil) {
		failure = errors.Join(failure, err)
	}
	if e, ok := errors.AsType[genai.APIError](failure); !ok || e.Code != 503 {
		t.Errorf("an error in mid-stream: %v", failure)
	}
}

func TestCountTokens(t *testing.T) {
	api, _ := client(t, sim.Config{}, "key")
	contents := genai.Text("How many tokens are these?")
	counted, err := api.Models.CountTokens(t.Context(), flash, contents, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := api.Models.GenerateContent(t.Context(), flash, contents, nil)
	if err != nil {
		t.Fatal(err)
	}
	if counted.TotalTokens == 0 || counted.TotalTokens != r.UsageMetadata.PromptTokenCount {
		t.Errorf("counted %d, used %d", counted.TotalTokens, r.UsageMetadata.PromptTokenCount)
	}
}

func TestModels(t *testing.T) {
	api, _ := client(t, sim.Config{}, "key")
	m, err := api.Models.Get(t.Context(), flash, nil)
	if err != nil || m.Name != "models/"+flash || m.InputTokenLimit != 1048576 || m.OutputTokenLimit != 65536 {
		t.Errorf("%v %+v", err, m)
	}
	page, err := api.Models.List(t.Context(), &genai.ListModelsConfig{PageSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for {
		for _, m := range page.Items {
			seen[m.Name] = true
		}
		page, err = page.Next(context.WithoutCancel(t.Context()))
		if errors.Is(err, genai.ErrPageDone) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !seen["models/"+flash] || len(seen) < 10 {
		t.Errorf("models %v", seen)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, model, text string
		config            sim.Config
		key               string
		request           *genai.GenerateContentConfig
		code              int
		status, message   string
	}{
		{name: "bad key", config: sim.Config{Keys: []string{"good"}}, key: "bad", code: 400, status: "INVALID_ARGUMENT", message: "API key not valid"},
		{name: "unknown model", model: "gemini-1.5-flash", code: 404, status: "NOT_FOUND", message: "models/gemini-1.5-flash is not found for API version v1beta"},
		{name: "overload", text: "[[sim:503]]", code: 503, status: "UNAVAILABLE", message: "high demand"},
		{name: "level on 2.5", request: &genai.GenerateContentConfig{ThinkingConfig: &genai.ThinkingConfig{ThinkingLevel: genai.ThinkingLevelLow}}, code: 400, status: "INVALID_ARGUMENT", message: "Thinking level is not supported"},
		{name: "page", text: "[[sim:502]]", code: 502, status: "502 Bad Gateway", message: "<html"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.key == "" {
				tt.key = "good"
			}
			if tt.model == "" {
				tt.model = flash
			}
			api, _ := client(t, tt.config, tt.key)
			_, err := api.Models.GenerateContent(t.Context(), tt.model, genai.Text("x "+tt.text), tt.request)
			e, ok := errors.AsType[genai.APIError](err)
			if !ok || e.Code != tt.code || e.Status != tt.status || !strings.Contains(e.Message, tt.message) {
				t.Errorf("%v, want %d %s %q", err, tt.code, tt.status, tt.message)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	api, s := client(t, sim.Config{Quota: sim.Quota{RPM: 2}}, "key")
	var err error
	for range 3 {
		_, err = api.Models.GenerateContent(t.Context(), flash, genai.Text("hi"), nil)
	}
	e, ok := errors.AsType[genai.APIError](err)
	if !ok || e.Code != 429 || e.Status != "RESOURCE_EXHAUSTED" {
		t.Fatalf("the third request in a minute: %v", err)
	}
	details := map[string]map[string]any{}
	for _, d := range e.Details {
		kind, _ := d["@type"].(string)
		details[strings.TrimPrefix(kind, "type.googleapis.com/google.rpc.")] = d
	}
	violations, _ := details["QuotaFailure"]["violations"].([]any)
	if len(violations) != 1 || violations[0].(map[string]any)["quotaValue"] != "2" {
		t.Errorf("violations %v", violations)
	}
	if delay, _ := details["RetryInfo"]["retryDelay"].(string); !strings.HasPrefix(delay, "59.") && delay != "60s" {
		t.Errorf("retryDelay %q", delay)
	}
	if details["Help"] == nil {
		t.Error("no Help")
	}
	if st := s.Stats(); st.Answered != 2 || st.Refused["quota"] != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestBlocked(t *testing.T) {
	api, _ := client(t, sim.Config{}, "key")
	r, err := api.Models.GenerateContent(t.Context(), flash, genai.Text("[[sim:block]]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Candidates) != 0 || r.PromptFeedback == nil || r.PromptFeedback.BlockReason != genai.BlockedReasonProhibitedContent || r.UsageMetadata.PromptTokenCount == 0 {
		t.Errorf("%+v", r)
	}
	r, err = api.Models.GenerateContent(t.Context(), flash, genai.Text("[[sim:safety]]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Candidates[0]; c.FinishReason != genai.FinishReasonSafety || c.Content != nil {
		t.Errorf("%+v", c)
	}
}
