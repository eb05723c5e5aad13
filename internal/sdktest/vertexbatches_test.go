package sdktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/genai"

	"github.com/genbatch/genbatch/internal/sim"
)

const bucket = "rows"

// vertexBatches returns the SDK's client for a simulator of Vertex AI, and the Cloud Storage
// that it reads and writes, which is not ours.
func vertexBatches(t *testing.T, faults string) (*genai.Client, *sim.Running, *fakestorage.Server) {
	t.Helper()
	gcs, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gcs.Stop)
	gcs.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	list, err := sim.ParseBatchFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Listen("", sim.Config{Dialect: sim.Vertex, Batches: sim.Batches{
		Pending: 50 * time.Millisecond, Running: 100 * time.Millisecond, Faults: list, Storage: gcs.URL(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	api, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendVertexAI, Project: "my-project", Location: "global",
		HTTPOptions: genai.HTTPOptions{BaseURL: s.URL + "/"},
		HTTPClient:  &http.Client{Transport: withToken{transcript{t}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api, s, gcs
}

// withToken brings a token, as Google's own transport does.
type withToken struct{ transcript }

func (l withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer token")
	return l.transcript.RoundTrip(r)
}

// runVertex makes a job of the lines, waits for its end, and returns it with its results.
func runVertex(t *testing.T, api *genai.Client, gcs *fakestorage.Server, lines ...string) (*genai.BatchJob, []map[string]any) {
	t.Helper()
	gcs.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: "in.jsonl"}, Content: []byte(strings.Join(lines, "\n"))})
	j, err := api.Batches.Create(t.Context(), flash, &genai.BatchJobSource{Format: "jsonl", GCSURI: []string{"gs://" + bucket + "/in.jsonl"}},
		&genai.CreateBatchJobConfig{DisplayName: "rows", Dest: &genai.BatchJobDestination{Format: "jsonl", GCSURI: "gs://" + bucket + "/out"}})
	if err != nil || j.State != genai.JobStatePending || !strings.Contains(j.Name, "/locations/global/batchPredictionJobs/") {
		t.Fatalf("%v: %+v", err, j)
	}
	done := wait(t, api, j.Name)
	return done, readResults(t, gcs)
}

// readResults reads all the results that there are.
func readResults(t *testing.T, gcs *fakestorage.Server) []map[string]any {
	t.Helper()
	objects, _, err := gcs.ListObjectsWithOptions(bucket, fakestorage.ListOptions{Prefix: "out/prediction-model-"})
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for _, o := range objects {
		data, err := gcs.GetObject(bucket, o.Name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", o.Name, len(data.Content))
		for line := range strings.Lines(string(data.Content)) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// vertexLines makes rows whose ids are texts with letters.
func vertexLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"genbatch_id":"r-%d","request":{"contents":[{"role":"user","parts":[{"text":"Row %d."}]}]}}`, i, i)
	}
	return lines
}

func TestVertexBatch(t *testing.T) {
	api, s, gcs := vertexBatches(t, "shards:3")
	lines := vertexLines(40)
	lines[7] = `{"genbatch_id":"r-7","number":"000000","list":["a"],"request":{"contents":[{"role":"user","parts":[{"text":"Row 7. [[sim:503]]"}]}]}}`
	done, rows := runVertex(t, api, gcs, lines...)
	if done.State != genai.JobStateSucceeded || done.CompletionStats == nil || done.CompletionStats.SuccessfulCount != 39 || done.CompletionStats.FailedCount != 1 ||
		done.OutputInfo == nil || !strings.HasPrefix(done.OutputInfo.GCSOutputDirectory, "gs://"+bucket+"/out/prediction-model-") {
		t.Errorf("%+v %+v %+v", done, done.CompletionStats, done.OutputInfo)
	}
	var order []string
	for _, row := range rows {
		id, _ := row["genbatch_id"].(string)
		order = append(order, id)
		status, _ := row["status"].(string)
		if id == "r-7" {
			if !strings.HasPrefix(status, `Service Unavailable: {"error":`) || row["response"] != nil || row["number"] != 0.0 || fmt.Sprint(row["list"]) != "[]" {
				t.Errorf("the row that failed: %v", row)
			}
			continue
		}
		if status != "" || !strings.Contains(fmt.Sprint(row["response"]), "Row "+id[2:]+".") || row["processed_time"] == nil {
			t.Errorf("row %v", row)
		}
	}
	if len(order) != 40 || slices.IsSorted(order) {
		t.Errorf("%d rows in the order %v", len(order), order)
	}
	if objects, _, _ := gcs.ListObjectsWithOptions(bucket, fakestorage.ListOptions{Prefix: "out/"}); len(objects) != 3 {
		t.Errorf("%d shards", len(objects))
	}
	if st := s.Stats().Batches; st.Billed != 39 || st.Doubled != 0 {
		t.Errorf("ledger %+v", st)
	}

	page, err := api.Batches.List(t.Context(), &genai.ListBatchJobsConfig{Filter: `display_name:"ro*"`})
	if err != nil || len(page.Items) != 1 || page.Items[0].Name != done.Name {
		t.Errorf("%v %+v", err, page)
	}
	page, err = api.Batches.List(t.Context(), &genai.ListBatchJobsConfig{Filter: `display_name="ro"`})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%v %+v", err, page)
	}
	if err := api.Batches.Cancel(t.Context(), done.Name, nil); code(err) != http.StatusBadRequest {
		t.Errorf("cancelled at its end: %v", err)
	}
	if op, err := api.Batches.Delete(t.Context(), done.Name, nil); err != nil || !op.Done {
		t.Errorf("%v %+v", err, op)
	}
	if _, err := api.Batches.Get(t.Context(), done.Name, nil); code(err) != http.StatusNotFound {
		t.Errorf("after it was deleted: %v", err)
	}
	if len(readResults(t, gcs)) != 40 {
		t.Error("the results went with the job")
	}
}

// What the import makes of an input, and other ways in which a job ends.
func TestVertexBatchFails(t *testing.T) {
	request := `"request":{"contents":[{"role":"user","parts":[{"text":"x"}]}]`
	schema := func(s string) string {
		return `{"id":"r",` + request + `,"generationConfig":{"responseMimeType":"application/json","responseSchema":` + s + `}}}`
	}
	tests := []struct {
		name, faults string
		lines        []string
		state        genai.JobState
		code         int32
		message      string
		rows         int // of results
		billed       int64
	}{
		{name: "one type for each path", lines: []string{schema(`{"type":"OBJECT"}`), schema(`{"type":["STRING"]}`)}, state: genai.JobStateFailed, code: 3, message: "Failed to import data. field request.generationConfig.responseSchema.type has changed type from STRING to REPEATED"},
		{name: "names of columns", lines: []string{schema(`{"$ref":"x"}`)}, state: genai.JobStateFailed, code: 3, message: `invalid field name "$ref"`},
		{name: "an empty object", lines: []string{schema(`{"type":"OBJECT","properties":{}}`)}, state: genai.JobStateFailed, code: 3, message: "a record without fields"},
		{name: "too deep", lines: []string{schema(strings.Repeat(`{"items":`, 15) + `{"type":"STRING"}` + strings.Repeat("}", 15))}, state: genai.JobStateFailed, code: 3, message: "nested too deeply"},
		{name: "null", lines: []string{schema(`{"type":"STRING","enum":null}`)}, state: genai.JobStateFailed, code: 3, message: "NULL"},
		{name: "no request", lines: []string{`{"id":"r"}`}, state: genai.JobStateFailed, code: 3, message: "a line has no request"},
		{name: "a refused row", lines: []string{schema(`{"type":"STRING"}`), `{"id":"bad","request":{"contents":[{"role":"nobody","parts":[{"text":"x"}]}]}}`}, state: genai.JobStateSucceeded, rows: 2, billed: 1},
		{name: "import", faults: "importcode:9", lines: vertexLines(4), state: genai.JobStateFailed, code: 9},
		{name: "export", faults: "exportcode", lines: vertexLines(4), state: genai.JobStateFailed, code: 7, billed: 4},
		{name: "system", faults: "failed", lines: vertexLines(4), state: genai.JobStateFailed, code: 13},
		{name: "missing and foreign", faults: "missing@2,foreign@3,rowcode8@4", lines: vertexLines(4), state: genai.JobStateSucceeded, rows: 4, billed: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api, s, gcs := vertexBatches(t, tt.faults)
			done, rows := runVertex(t, api, gcs, tt.lines...)
			if done.State != tt.state || len(rows) != tt.rows || (done.Error == nil) != (tt.code == 0) {
				t.Fatalf("%d rows, %+v %+v", len(rows), done, done.Error)
			}
			if tt.code != 0 && (*done.Error.Code != tt.code || !strings.Contains(done.Error.Message, tt.message)) {
				t.Errorf("%d %s", *done.Error.Code, done.Error.Message)
			}
			if st := s.Stats().Batches; st.Billed != tt.billed {
				t.Errorf("ledger %+v", st)
			}
		})
	}

	t.Run("no bucket", func(t *testing.T) {
		api, s, gcs := vertexBatches(t, "")
		gcs.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: "in.jsonl"}, Content: []byte(vertexLines(1)[0])})
		for source, dest := range map[string]string{"gs://elsewhere/in.jsonl": "gs://" + bucket + "/out", "gs://" + bucket + "/in.jsonl": "gs://elsewhere/out"} {
			j, err := api.Batches.Create(t.Context(), flash, &genai.BatchJobSource{Format: "jsonl", GCSURI: []string{source}},
				&genai.CreateBatchJobConfig{DisplayName: "rows", Dest: &genai.BatchJobDestination{Format: "jsonl", GCSURI: dest}})
			if err != nil {
				t.Fatal(err)
			}
			if done := wait(t, api, j.Name); done.State != genai.JobStateFailed || *done.Error.Code != 9 {
				t.Errorf("%+v %+v", done, done.Error)
			}
		}
		if st := s.Stats().Batches; st.Billed != 1 { // the one whose results nobody could write
			t.Errorf("ledger %+v", st)
		}
	})
}

func TestVertexBatchCancel(t *testing.T) {
	api, _, gcs := vertexBatches(t, "stuck,latecancel:200ms,nocounts")
	gcs.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: "in.jsonl"}, Content: []byte(vertexLines(1)[0])})
	j, err := api.Batches.Create(t.Context(), flash, &genai.BatchJobSource{Format: "jsonl", GCSURI: []string{"gs://" + bucket + "/in.jsonl"}},
		&genai.CreateBatchJobConfig{DisplayName: "rows", Dest: &genai.BatchJobDestination{Format: "jsonl", GCSURI: "gs://" + bucket + "/out"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Batches.Cancel(t.Context(), j.Name, nil); err != nil {
		t.Fatal(err)
	}
	if now, err := api.Batches.Get(t.Context(), j.Name, nil); err != nil || now.State != "JOB_STATE_CANCELLING" {
		t.Errorf("%v %+v", err, now)
	}
	if done := wait(t, api, j.Name); done.State != genai.JobStateCancelled || *done.Error.Code != 1 || done.CompletionStats.IncompleteCount != -1 {
		t.Errorf("%+v %+v %+v", done, done.Error, done.CompletionStats)
	}
	// Nothing that is not there can be run.
	if _, err := api.Batches.Create(t.Context(), "gemini-0-nothing", &genai.BatchJobSource{Format: "jsonl", GCSURI: []string{"gs://" + bucket + "/in.jsonl"}},
		&genai.CreateBatchJobConfig{DisplayName: "x", Dest: &genai.BatchJobDestination{Format: "jsonl", GCSURI: "gs://" + bucket + "/out"}}); code(err) != http.StatusNotFound {
		t.Errorf("a model that does not exist: %v", err)
	}
}
