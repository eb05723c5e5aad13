package sdktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"

	"github.com/genbatch/genbatch/internal/sim"
)

// batchClient returns the SDK's client for a simulator whose batches take 300 ms. With -v,
// it logs each call and what came back.
func batchClient(t *testing.T, faults string) (*genai.Client, *sim.Running) {
	t.Helper()
	list, err := sim.ParseBatchFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Listen("", sim.Config{Batches: sim.Batches{Pending: 100 * time.Millisecond, Running: 200 * time.Millisecond, Faults: list}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	api, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: "key",
		HTTPOptions: genai.HTTPOptions{BaseURL: s.URL + "/"},
		HTTPClient:  &http.Client{Transport: transcript{t}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api, s
}

// transcript logs calls.
type transcript struct{ t *testing.T }

func (l transcript) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		l.t.Logf("%s %s: %v", r.Method, r.URL.RequestURI(), err)
		return nil, err
	}
	l.t.Logf("%s %s: %s", r.Method, r.URL.RequestURI(), resp.Status)
	return resp, nil
}

// wait polls a batch until it has ended.
func wait(t *testing.T, api *genai.Client, name string) *genai.BatchJob {
	t.Helper()
	var seen []genai.JobState
	for range 200 {
		j, err := api.Batches.Get(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 || seen[len(seen)-1] != j.State {
			seen = append(seen, j.State)
		}
		switch j.State {
		case genai.JobStateSucceeded, genai.JobStateFailed, genai.JobStateCancelled, genai.JobStateExpired:
			t.Logf("states seen: %v", seen)
			return j
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not end: %v", name, seen)
	return nil
}

func TestBatchOfFile(t *testing.T) {
	api, s := batchClient(t, "")
	var input bytes.Buffer
	for i, text := range []string{"Hello.", "Never mind. [[sim:block]]", "Not now. [[sim:503]]"} {
		fmt.Fprintf(&input, `{"key":"row-%d","request":{"contents":[{"role":"user","parts":[{"text":%q}]}]}}`+"\n", i+1, text)
	}
	f, err := api.Files.Upload(t.Context(), &input, &genai.UploadFileConfig{DisplayName: "rows", MIMEType: "application/jsonl"})
	if err != nil || f.State != genai.FileStateActive {
		t.Fatalf("%v: %+v", err, f)
	}
	j, err := api.Batches.Create(t.Context(), flash, &genai.BatchJobSource{FileName: f.Name}, &genai.CreateBatchJobConfig{DisplayName: "three rows"})
	if err != nil || !strings.HasPrefix(j.Name, "batches/") || j.DisplayName != "three rows" || j.State != genai.JobStatePending || j.Model != "models/"+flash {
		t.Fatalf("%v: %+v", err, j)
	}
	if _, err := api.Files.Delete(t.Context(), f.Name, nil); err != nil {
		t.Error(err)
	}
	if _, err := api.Files.Delete(t.Context(), f.Name, nil); code(err) != http.StatusForbidden {
		t.Errorf("the file is deleted twice: %v", err)
	}
	done := wait(t, api, j.Name)
	if done.State != genai.JobStateSucceeded || done.Dest == nil || done.Dest.FileName != "files/batch-"+strings.TrimPrefix(j.Name, "batches/") || done.EndTime.IsZero() {
		t.Fatalf("%+v", done)
	}
	data, err := api.Files.Download(t.Context(), genai.NewDownloadURIFromFile(&genai.File{DownloadURI: done.Dest.FileName}), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("results:\n%s", data)
	found := map[string]string{}
	for line := range bytes.Lines(data) {
		var row struct {
			Key      string
			Response *genai.GenerateContentResponse
			Error    *genai.JobError
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		switch {
		case row.Error != nil:
			found[row.Key] = fmt.Sprint("code ", *row.Error.Code)
		case row.Response.PromptFeedback != nil:
			found[row.Key] = string(row.Response.PromptFeedback.BlockReason)
		default:
			found[row.Key] = row.Response.Text()
		}
	}
	if found["row-1"] != "Hello." || found["row-2"] != "PROHIBITED_CONTENT" || found["row-3"] != "code 14" || len(found) != 3 {
		t.Errorf("%v", found)
	}
	if _, err := api.Files.Delete(t.Context(), done.Dest.FileName, nil); code(err) != http.StatusBadRequest {
		t.Errorf("the results are deleted by themselves: %v", err)
	}
	if _, err := api.Batches.Delete(t.Context(), j.Name, nil); err != nil {
		t.Error(err)
	}
	for range 2 { // get after delete, and delete twice
		if _, err := api.Batches.Get(t.Context(), j.Name, nil); code(err) != http.StatusNotFound {
			t.Errorf("after it was deleted: %v", err)
		}
		if _, err := api.Batches.Delete(t.Context(), j.Name, nil); code(err) != http.StatusNotFound {
			t.Errorf("deleted twice: %v", err)
		}
	}
	// The SDK returns the body of a refused download as if it were the file.
	data, err = api.Files.Download(t.Context(), genai.NewDownloadURIFromFile(&genai.File{DownloadURI: done.Dest.FileName}), nil)
	if code(err) != http.StatusNotFound && !strings.Contains(string(data), `"NOT_FOUND"`) {
		t.Errorf("the results are there without their batch: %v %s", err, data)
	}
	if st := s.Stats().Batches; st.Billed != 2 || st.Doubled != 0 || st.Jobs[0].State != "DELETED" {
		t.Errorf("ledger %+v", st)
	}
}

// code returns the HTTP status of an error.
func code(err error) int {
	e, _ := errors.AsType[genai.APIError](err)
	return e.Code
}

func TestBatchInline(t *testing.T) {
	api, _ := batchClient(t, "")
	rows := []*genai.InlinedRequest{
		{Contents: genai.Text("One."), Metadata: map[string]string{"key": "a"}},
		{Contents: genai.Text("Two."), Metadata: map[string]string{"key": "b"}, Config: &genai.GenerateContentConfig{
			Temperature: genai.Ptr[float32](0), SystemInstruction: genai.NewContentFromText("Be brief.", genai.RoleUser),
			ResponseMIMEType: "application/json", ResponseJsonSchema: map[string]any{"type": "object", "properties": map[string]any{"said": map[string]any{"type": "string"}}, "required": []string{"said"}},
		}},
	}
	j, err := api.Batches.Create(t.Context(), flash, &genai.BatchJobSource{InlinedRequests: rows}, &genai.CreateBatchJobConfig{DisplayName: "inline"})
	if err != nil {
		t.Fatal(err)
	}
	done := wait(t, api, j.Name)
	if done.Dest == nil || len(done.Dest.InlinedResponses) != 2 {
		t.Fatalf("%+v", done)
	}
	for i, r := range done.Dest.InlinedResponses {
		t.Logf("%v: %s", r.Metadata, r.Response.Text())
		if r.Metadata["key"] != string(rune('a'+i)) || r.Response.UsageMetadata.TotalTokenCount == 0 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if a, b := done.Dest.InlinedResponses[0].Response.Text(), done.Dest.InlinedResponses[1].Response.Text(); a != "One." || !strings.HasPrefix(b, `{"said":`) {
		t.Errorf("%q, %q", a, b)
	}
}

func TestBatchListAndCancel(t *testing.T) {
	api, s := batchClient(t, "stuck@2")
	source := &genai.BatchJobSource{InlinedRequests: []*genai.InlinedRequest{{Contents: genai.Text("Hi.")}}}
	var names []string
	for i := range 5 {
		j, err := api.Batches.Create(t.Context(), flash, source, &genai.CreateBatchJobConfig{DisplayName: fmt.Sprint("job ", i)})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, j.Name)
	}
	page, err := api.Batches.List(t.Context(), &genai.ListBatchJobsConfig{PageSize: 2})
	if err != nil || len(page.Items) != 2 || page.Items[0].DisplayName != "job 4" || page.NextPageToken == "" {
		t.Fatalf("%v: %+v", err, page)
	}
	var listed []string
	for j, err := range api.Batches.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, j.Name)
	}
	if slices.Reverse(listed); !slices.Equal(listed, names) {
		t.Errorf("%v, want %v", listed, names)
	}
	if err := api.Batches.Cancel(t.Context(), names[1], nil); err != nil {
		t.Fatal(err)
	}
	j := wait(t, api, names[1])
	if j.State != genai.JobStateCancelled {
		t.Errorf("%+v", j)
	}
	time.Sleep(400 * time.Millisecond)
	if st := s.Stats().Batches; st.Billed != 4 || st.Ended["CANCELLED"] != 1 || st.Ended["SUCCEEDED"] != 4 || st.Doubled != 3 {
		t.Errorf("ledger %+v", st)
	}
}

func TestBatchRefused(t *testing.T) {
	api, _ := batchClient(t, "create429@3")
	create := func(model, file string) error {
		_, err := api.Batches.Create(t.Context(), model, &genai.BatchJobSource{FileName: file}, nil)
		return err
	}
	f, err := api.Files.Upload(t.Context(), strings.NewReader(`{"key":"a","request":{"contents":[{"parts":[{"text":"x"}]}]}}`+"\n"+`{"key":"b","request":{"thinking_config":{}}}`), &genai.UploadFileConfig{MIMEType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		model, file string
		code        int
		message     string
	}{
		{flash, "files/nothing", 404, "Requested entity was not found."},
		{flash, f.Name, 400, "Request contains an invalid argument."},
		{flash, f.Name, 429, "You exceeded your current quota"},
		{"gemini-1.0-nothing", f.Name, 404, "is not found"},
	} {
		err := create(tt.model, tt.file)
		e, _ := errors.AsType[genai.APIError](err)
		t.Logf("%d: %v", i, err)
		if e.Code != tt.code || !strings.Contains(e.Message, tt.message) {
			t.Errorf("%d: %v, want %d %s", i, err, tt.code, tt.message)
		}
	}
}
