package batches

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
)

const (
	jobsAddress = "/v1beta1/projects/shop/locations/us-central1/batchPredictionJobs"
	jobName     = "projects/123/locations/us-central1/batchPredictionJobs/77"
)

func TestVertexCreate(t *testing.T) {
	s, srv := newService(t, "vertex", route{"POST " + jobsAddress, says(200, `{"name":"`+jobName+`","displayName":"genbatch-1","model":"publishers/google/models/`+flash+`","state":"JOB_STATE_PENDING",
		"inputConfig":{"instancesFormat":"jsonl","gcsSource":{"uris":["gs://bucket/prefix/genbatch-1/input.jsonl"]}},"createTime":"2026-11-20T08:00:00.5Z"}`)})
	if s.Project() != "shop" || s.TakesInline() || s.ReadsOnce() {
		t.Errorf("project %q, inline %v, reads once %v", s.Project(), s.TakesInline(), s.ReadsOnce())
	}
	const input = "gs://bucket/prefix/genbatch-1/input.jsonl"
	j, err := s.Create(t.Context(), flash, "genbatch-1", input)
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != jobName || j.State != Pending || j.Model != flash || j.Input != input || j.Rows != -1 || j.Answered != -1 ||
		!j.Created.Equal(time.Date(2026, 11, 20, 8, 0, 0, 5e8, time.UTC)) {
		t.Errorf("%+v", j)
	}
	want := `{"displayName":"genbatch-1","inputConfig":{"gcsSource":{"uris":["` + input + `"]},"instancesFormat":"jsonl"},"model":"publishers/google/models/` + flash + `",` +
		`"outputConfig":{"gcsDestination":{"outputUriPrefix":"gs://bucket/prefix/genbatch-1/output/"},"predictionsFormat":"jsonl"}}`
	if got := srv.asked(); !strings.HasSuffix(got, want) {
		t.Errorf("sent %s", got)
	}
	srv.routes = []route{{"POST ", says(200, `{}`)}}
	if _, err := s.Create(t.Context(), flash, "genbatch-1", input); !asError(t, err).Unsure {
		t.Error("a reply without a name may be of a job")
	}
	srv.routes = []route{{"POST ", says(404, `{"error":{"code":404,"message":"The PublisherModel x does not exist.","status":"NOT_FOUND"}}`)}}
	if _, err := s.Create(t.Context(), "x", "genbatch-1", input); asError(t, err).Unsure || !asError(t, err).NotFound() {
		t.Error(err)
	}
}

func TestVertexJob(t *testing.T) {
	for _, c := range []struct {
		name, more              string
		state                   State
		rows, answered, refused int64
		results, err, hint      string
	}{
		{"pending", `"state":"JOB_STATE_PENDING","completionStats":null`, Pending, -1, -1, -1, "", "", ""},
		{"cancelling", `"state":"JOB_STATE_CANCELLING"`, Cancelling, -1, -1, -1, "", "", ""},
		{"done", `"state":"JOB_STATE_SUCCEEDED","completionStats":{"successfulCount":"8","failedCount":"2"},"outputInfo":{"gcsOutputDirectory":"gs://b/o/prediction-model-1"}`,
			Succeeded, 10, 8, 2, "gs://b/o/prediction-model-1", "", ""},
		{"of unknown length", `"state":"JOB_STATE_RUNNING","completionStats":{"successfulCount":"8","incompleteCount":"-1"}`, Running, -1, 8, 0, "", "", ""},
		{"in part", `"state":"JOB_STATE_PARTIALLY_SUCCEEDED"`, Partial, -1, -1, -1, "", "", ""},
		{"not imported", `"state":"JOB_STATE_FAILED","error":{"code":3,"message":"Failed to import data."}`, Failed, -1, -1, -1, "", "the job ended: INVALID_ARGUMENT: Failed to import data.", "one type in all rows"},
		{"not written", `"state":"JOB_STATE_FAILED","error":{"code":7,"message":"denied"}`, Failed, -1, -1, -1, "", "the job ended: PERMISSION_DENIED: denied", "service-123@gcp-sa-aiplatform.iam.gserviceaccount.com"},
		{"cancelled", `"state":"JOB_STATE_CANCELLED","error":{"code":1,"message":"CANCELED"}`, Cancelled, -1, -1, -1, "", "the job ended: CANCELLED: CANCELED", ""},
	} {
		s, _ := newService(t, "vertex", route{"GET /v1beta1/" + jobName, says(200, `{"name":"`+jobName+`",`+c.more+`}`)})
		j, err := s.Get(t.Context(), jobName)
		if err != nil {
			t.Fatal(err)
		}
		if j.State != c.state || j.Rows != c.rows || j.Answered != c.answered || j.Refused != c.refused || j.Results != c.results {
			t.Errorf("%s: %+v", c.name, j)
		}
		if (j.Err != nil) != (c.err != "") || j.Err != nil && (j.Err.Message != c.err || !strings.Contains(j.Err.Hint, c.hint)) {
			t.Errorf("%s: %+v", c.name, j.Err)
		}
	}
}

// TestVertexList checks that jobs come in order, that others are left out, and that a
// filter which is refused is done without.
func TestVertexList(t *testing.T) {
	entry := func(name, created string) string {
		return `{"name":"` + jobName + name + `","displayName":"` + name + `","state":"JOB_STATE_RUNNING","createTime":"` + created + `"}`
	}
	for _, refused := range []bool{false, true} {
		s, srv := newService(t, "vertex", route{"GET " + jobsAddress, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			switch {
			case q.Get("filter") != "" && refused:
				says(400, `{"error":{"code":400,"message":"bad filter","status":"INVALID_ARGUMENT"}}`)(w, r)
			case q.Get("pageToken") == "":
				says(200, `{"batchPredictionJobs":[`+entry("genbatch-1", "2026-11-01T00:00:00Z")+`,`+entry("other", "2026-11-05T00:00:00Z")+`],"nextPageToken":"2"}`)(w, r)
			default:
				says(200, `{"batchPredictionJobs":[`+entry("genbatch-2", "2026-11-02T00:00:00Z")+`]}`)(w, r)
			}
		}})
		var names []string
		for j, err := range s.List(t.Context(), "genbatch-") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, j.DisplayName)
		}
		if got := strings.Join(names, " "); got != "genbatch-2 genbatch-1" {
			t.Errorf("%s", got)
		}
		if !refused && !strings.Contains(srv.asked(), url.Values{"filter": {`display_name:"genbatch-*"`}}.Encode()) {
			t.Errorf("asked %s", srv.asked())
		}
	}
	s, _ := newService(t, "vertex", route{"GET ", says(500, "")})
	for _, err := range s.List(t.Context(), "genbatch-") {
		if asError(t, err).HTTPStatus != 500 {
			t.Error(err)
		}
	}
}

func TestVertexCancelAndRemove(t *testing.T) {
	s, _ := newService(t, "vertex",
		route{"POST /v1beta1/" + jobName + ":cancel", says(400, `{"error":{"code":400,"message":"Job is done","status":"FAILED_PRECONDITION"}}`)},
		route{"DELETE /v1beta1/" + jobName, says(200, `{"name":"projects/123/operations/1"}`)})
	if err := s.Cancel(t.Context(), jobName); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), &Job{Name: jobName}); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), &Job{Name: jobName[:len(jobName)-1] + "8"}); err != nil {
		t.Error(err)
	}
}

// Without a bucket nothing is uploaded.
func TestVertexWithoutBucket(t *testing.T) {
	e, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: "vertex", Project: "shop", Auth: "none"}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	client, err := gemini.New(gemini.Config{Endpoint: e, Key: func() string { return testKey }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	file, err := s.Upload(t.Context(), "genbatch-1", strings.NewReader("{}"), 2)
	if e := asError(t, err); file != "" || e.Unsure || !strings.Contains(e.Hint, "--batch-bucket gs://bucket/prefix") {
		t.Errorf("%q: %v", file, err)
	}
}
