package sdktest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"

	"github.com/genbatch/genbatch/internal/sim"
)

// TestFeatures drives everything that generateContent can do through the SDK.
func TestFeatures(t *testing.T) {
	api, s := client(t, sim.Config{FileDelay: 100 * time.Millisecond}, "key")
	ask := func(t *testing.T, model string, contents []*genai.Content, config *genai.GenerateContentConfig) *genai.GenerateContentResponse {
		t.Helper()
		r, err := api.Models.GenerateContent(t.Context(), model, contents, config)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Candidates) == 0 || r.Candidates[0].FinishReason != genai.FinishReasonStop {
			t.Fatalf("candidates %+v", r.Candidates)
		}
		return r
	}
	tool := func(tool genai.Tool) *genai.GenerateContentConfig {
		return &genai.GenerateContentConfig{Tools: []*genai.Tool{&tool}}
	}

	t.Run("structured output", func(t *testing.T) {
		r := ask(t, flash, genai.Text("The team won the final 3 to 1."), &genai.GenerateContentConfig{
			ResponseMIMEType: "application/json",
			ResponseSchema: &genai.Schema{Type: genai.TypeObject, Required: []string{"label", "confidence"}, PropertyOrdering: []string{"label", "confidence", "goals"}, Properties: map[string]*genai.Schema{
				"label":      {Type: genai.TypeString, Enum: []string{"sport", "politics"}},
				"confidence": {Type: genai.TypeNumber, Minimum: genai.Ptr(0.0), Maximum: genai.Ptr(1.0)},
				"goals":      {Type: genai.TypeArray, Items: &genai.Schema{Type: genai.TypeInteger, Nullable: genai.Ptr(true)}, MinItems: genai.Ptr[int64](2), MaxItems: genai.Ptr[int64](2)},
			}},
		})
		var got struct {
			Label      string
			Confidence float64
			Goals      []*int
		}
		if err := json.Unmarshal([]byte(r.Text()), &got); err != nil || got.Label != "sport" || got.Confidence <= 0.5 || got.Confidence > 1 || len(got.Goals) != 2 {
			t.Errorf("%v: %s", err, r.Text())
		}
	})

	t.Run("function calling", func(t *testing.T) {
		config := tool(genai.Tool{FunctionDeclarations: []*genai.FunctionDeclaration{
			{Name: "get_weather", Description: "The weather of a city", Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString}}, Required: []string{"city"}}},
		}})
		config.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{"get_weather"}}}
		question := genai.Text("How is the weather in Rome?")
		r := ask(t, "gemini-3.5-flash", question, config)
		calls := r.FunctionCalls()
		if len(calls) != 1 || calls[0].Name != "get_weather" || calls[0].Args["city"] != "Rome" || calls[0].ID == "" || len(r.Candidates[0].Content.Parts[0].ThoughtSignature) == 0 {
			t.Fatalf("calls %+v in %+v", calls, r.Candidates[0].Content.Parts[0])
		}
		// The signature goes back with the call.
		reply := genai.NewContentFromFunctionResponse("get_weather", map[string]any{"sky": "clear"}, genai.RoleUser)
		config.ToolConfig = nil
		r = ask(t, "gemini-3.5-flash", append(question, r.Candidates[0].Content, reply), config)
		if !strings.Contains(r.Text(), "clear") {
			t.Errorf("%q", r.Text())
		}
	})

	t.Run("search", func(t *testing.T) {
		r := ask(t, flash, genai.Text("Who won the final?"), tool(genai.Tool{GoogleSearch: &genai.GoogleSearch{}}))
		g := r.Candidates[0].GroundingMetadata
		if g == nil || len(g.WebSearchQueries) == 0 || len(g.GroundingChunks) == 0 || g.GroundingChunks[0].Web.URI == "" || g.SearchEntryPoint.RenderedContent == "" {
			t.Fatalf("%+v", g)
		}
		if seg := g.GroundingSupports[0].Segment; r.Text()[seg.StartIndex:seg.EndIndex] != seg.Text || r.UsageMetadata.ToolUsePromptTokenCount == 0 {
			t.Errorf("%+v %+v", seg, r.UsageMetadata)
		}
	})

	t.Run("url context", func(t *testing.T) {
		r := ask(t, flash, genai.Text("Read https://example.com/a and https://example.com/missing"), tool(genai.Tool{URLContext: &genai.URLContext{}}))
		u := r.Candidates[0].URLContextMetadata
		if u == nil || len(u.URLMetadata) != 2 || u.URLMetadata[0].URLRetrievalStatus != genai.URLRetrievalStatusSuccess || u.URLMetadata[1].URLRetrievalStatus != genai.URLRetrievalStatusError {
			t.Errorf("%+v", u)
		}
	})

	t.Run("code execution", func(t *testing.T) {
		r := ask(t, flash, genai.Text("How much is 3 * 12390?"), tool(genai.Tool{CodeExecution: &genai.ToolCodeExecution{}}))
		if r.ExecutableCode() != "print(3 * 12390)\n" || r.CodeExecutionResult() != "37170\n" || !strings.Contains(r.Text(), "37170") {
			t.Errorf("%q %q %q", r.ExecutableCode(), r.CodeExecutionResult(), r.Text())
		}
		if p := r.Candidates[0].Content.Parts; p[0].ExecutableCode.Language != genai.LanguagePython || p[1].CodeExecutionResult.Outcome != genai.OutcomeOK {
			t.Errorf("%+v %+v", p[0].ExecutableCode, p[1].CodeExecutionResult)
		}
	})

	t.Run("image", func(t *testing.T) {
		r := ask(t, "gemini-3.1-flash-image", genai.Text("A green hill"), &genai.GenerateContentConfig{
			ResponseModalities: []string{"TEXT", "IMAGE"}, ImageConfig: &genai.ImageConfig{AspectRatio: "16:9", ImageSize: "2K"},
		})
		parts := r.Candidates[0].Content.Parts
		blob := parts[len(parts)-1].InlineData
		if blob == nil || blob.MIMEType != "image/png" {
			t.Fatalf("%+v", parts)
		}
		img, err := png.Decode(bytes.NewReader(blob.Data))
		if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 36 {
			t.Fatalf("%v", err)
		}
		if d := r.UsageMetadata.CandidatesTokensDetails; len(d) != 1 || d[0].Modality != genai.MediaModalityImage || d[0].TokenCount != 1680 {
			t.Errorf("%+v", d)
		}
		// And what was drawn can be edited.
		edit := []*genai.Content{genai.NewContentFromParts([]*genai.Part{genai.NewPartFromText("Make it blue"), genai.NewPartFromBytes(blob.Data, blob.MIMEType)}, genai.RoleUser)}
		r = ask(t, "gemini-2.5-flash-image", edit, nil)
		if !strings.Contains(r.Text(), "edited") {
			t.Errorf("%q", r.Text())
		}
	})

	t.Run("speech", func(t *testing.T) {
		voice := func(name string) *genai.VoiceConfig {
			return &genai.VoiceConfig{PrebuiltVoiceConfig: &genai.PrebuiltVoiceConfig{VoiceName: name}}
		}
		r := ask(t, "gemini-2.5-flash-preview-tts", genai.Text("Ann: Good morning.\nBob: Good morning to you."), &genai.GenerateContentConfig{
			ResponseModalities: []string{"AUDIO"},
			SpeechConfig: &genai.SpeechConfig{MultiSpeakerVoiceConfig: &genai.MultiSpeakerVoiceConfig{SpeakerVoiceConfigs: []*genai.SpeakerVoiceConfig{
				{Speaker: "Ann", VoiceConfig: voice("Kore")}, {Speaker: "Bob", VoiceConfig: voice("Puck")},
			}}},
		})
		blob := r.Candidates[0].Content.Parts[0].InlineData
		if blob == nil || blob.MIMEType != "audio/L16;codec=pcm;rate=24000" || len(blob.Data) == 0 {
			t.Fatalf("%+v", blob)
		}
		if d := r.UsageMetadata.CandidatesTokensDetails; len(d) != 1 || d[0].Modality != genai.MediaModalityAudio {
			t.Errorf("%+v", d)
		}
	})

	t.Run("files", func(t *testing.T) {
		data := []byte(strings.Repeat("a line of text\n", 700000)) // more than one chunk of the SDK
		f, err := api.Files.Upload(t.Context(), bytes.NewReader(data), &genai.UploadFileConfig{MIMEType: "text/plain", DisplayName: "lines"})
		if err != nil {
			t.Fatal(err)
		}
		sum, _ := base64.StdEncoding.DecodeString(f.Sha256Hash)
		if f.State != genai.FileStateProcessing || *f.SizeBytes != int64(len(data)) || string(sum) != fmt.Sprintf("%x", sha256.Sum256(data)) || f.ExpirationTime.Sub(f.CreateTime) != 48*time.Hour {
			t.Errorf("%+v", f)
		}
		for f.State == genai.FileStateProcessing {
			time.Sleep(20 * time.Millisecond)
			if f, err = api.Files.Get(t.Context(), f.Name, nil); err != nil {
				t.Fatal(err)
			}
		}
		parts := []*genai.Part{genai.NewPartFromText("How many lines?"), genai.NewPartFromURI(f.URI, f.MIMEType)}
		contents := []*genai.Content{genai.NewContentFromParts(parts, genai.RoleUser)}
		if _, err := api.Models.GenerateContent(t.Context(), flash, contents, nil); err == nil || !strings.Contains(err.Error(), "exceeds the maximum number of tokens") {
			t.Errorf("10 MB of text: %v", err)
		}
		small, err := api.Files.Upload(t.Context(), strings.NewReader("few words"), &genai.UploadFileConfig{MIMEType: "text/plain", Name: "few"})
		if err != nil || small.Name != "files/few" {
			t.Fatalf("%v %+v", err, small)
		}
		time.Sleep(120 * time.Millisecond)
		ask(t, flash, []*genai.Content{genai.NewContentFromURI(small.URI, small.MIMEType, genai.RoleUser)}, nil)

		n := 0
		for f, err := range api.Files.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if _, err := api.Files.Delete(t.Context(), f.Name, nil); err != nil {
				t.Error(err)
			}
		}
		_, err = api.Files.Get(t.Context(), small.Name, nil)
		if e, ok := errors.AsType[genai.APIError](err); !ok || e.Code != 403 {
			t.Errorf("a deleted file: %v", err)
		}
		if st := s.Stats(); n != 2 || st.Uploads != 2 || st.Deletes != 2 || st.Files != 0 {
			t.Errorf("%d files listed, %+v", n, st)
		}
	})

	t.Run("candidates, ratings, logprobs", func(t *testing.T) {
		r := ask(t, flash, genai.Text("Quote this. To be or not to be."), &genai.GenerateContentConfig{
			CandidateCount: 2, ResponseLogprobs: true, Logprobs: genai.Ptr[int32](2), Seed: genai.Ptr[int32](7),
			SafetySettings: []*genai.SafetySetting{{Category: genai.HarmCategoryHarassment, Threshold: genai.HarmBlockThresholdBlockOnlyHigh}},
		})
		c := r.Candidates[0]
		if len(r.Candidates) != 2 || c.LogprobsResult == nil || len(c.LogprobsResult.TopCandidates[0].Candidates) != 2 || c.AvgLogprobs >= 0 ||
			len(c.SafetyRatings) != 1 || c.SafetyRatings[0].Probability != genai.HarmProbabilityNegligible || c.CitationMetadata == nil {
			t.Errorf("%+v", c)
		}
	})
}
