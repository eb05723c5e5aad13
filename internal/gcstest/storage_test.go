package gcstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/gemini/batches"
)

const (
	bucket = "shop-batches"
	flash  = "gemini-3.8-flash"
)

// storage starts Cloud Storage with one bucket, sends Google's client there, and returns
// its host too. The emulator serves objects only under the host that it was told of.
func storage(t *testing.T) (s *fakestorage.Server, host string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	t.Cleanup(srv.Close)
	host = srv.Listener.Addr().String()
	s, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, PublicHost: host})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = s.HTTPHandler()
	srv.Start()
	s.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	t.Setenv("STORAGE_EMULATOR_HOST", host)
	return s, host
}

// service returns the batch API of Vertex AI, which answers by a handler.
func service(t *testing.T, place string, h http.Handler) *batches.Service {
	t.Helper()
	api := httptest.NewServer(h)
	t.Cleanup(api.Close)
	e, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: "vertex", BaseURL: api.URL, Project: "shop", Location: "us-central1", Auth: "none"},
		func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c, err := gemini.New(gemini.Config{Endpoint: e})
	if err != nil {
		t.Fatal(err)
	}
	s, err := batches.New(batches.Config{Client: c, Bucket: place})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// objects returns the names of all objects.
func objects(t *testing.T, s *fakestorage.Server) (names []string) {
	t.Helper()
	all, _, err := s.ListObjects(bucket, "", "", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return names
}

// put writes an object.
func put(s *fakestorage.Server, name, text string) {
	s.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: name}, Content: []byte(text)})
}

// predictor is a batchPredictionJobs that answers each row with its own text, in two
// objects and in reverse order, as soon as the job is created.
type predictor struct {
	*testing.T
	storage *fakestorage.Server
	job     map[string]any
}

func (p *predictor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const name = "projects/123/locations/us-central1/batchPredictionJobs/77"
	switch r.Method + " " + r.URL.Path {
	case "POST /v1beta1/projects/shop/locations/us-central1/batchPredictionJobs":
		if err := json.NewDecoder(r.Body).Decode(&p.job); err != nil {
			p.Error(err)
		}
		p.job["name"], p.job["state"], p.job["createTime"] = name, "JOB_STATE_SUCCEEDED", "2026-11-20T08:00:00Z"
		p.predict()
	case "GET /v1beta1/" + name:
	default:
		http.NotFound(w, r)
		return
	}
	json.NewEncoder(w).Encode(p.job)
}

func (p *predictor) predict() {
	input := p.job["inputConfig"].(map[string]any)["gcsSource"].(map[string]any)["uris"].([]any)[0].(string)
	output := p.job["outputConfig"].(map[string]any)["gcsDestination"].(map[string]any)["outputUriPrefix"].(string)
	o, err := p.storage.GetObject(bucket, strings.TrimPrefix(input, "gs://"+bucket+"/"))
	if err != nil {
		p.Error(err)
		return
	}
	var answers []string
	for line := range strings.Lines(string(o.Content)) {
		var v struct {
			ID      string `json:"genbatch_id"`
			Request struct {
				Contents []struct {
					Role  string
					Parts json.RawMessage
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Request.Contents[0].Role != "user" {
			p.Errorf("%s: %v", line, err)
			continue
		}
		answers = append(answers, fmt.Sprintf(`{"genbatch_id":%q,"status":"","request":{},"response":{"candidates":[{"content":{"parts":%s},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}}}`, v.ID, v.Request.Contents[0].Parts))
	}
	slices.Reverse(answers)
	folder := strings.TrimSuffix(output, "/") + "/prediction-model-2026-11-20T08:00:00Z"
	at := strings.TrimPrefix(folder, "gs://"+bucket+"/") + "/"
	half := len(answers) / 2
	put(p.storage, at+"predictions_00000.jsonl", strings.Join(answers[:half], "\n")) // without a line end
	put(p.storage, at+"predictions_00001.jsonl", strings.Join(answers[half:], "\n")+"\n")
	put(p.storage, at, "")
	p.job["outputInfo"] = map[string]any{"gcsOutputDirectory": folder}
}

// TestJob takes a job from its rows to their outcomes.
func TestJob(t *testing.T) {
	st, _ := storage(t)
	s := service(t, "gs://"+bucket+"/team/", &predictor{T: t, storage: st})
	const rows = 1001
	var text bytes.Buffer
	lines := s.Lines()
	for i := range rows {
		line, err := lines.Append(nil, fmt.Sprintf("r%04d", i), flash, fmt.Appendf(nil, `{"contents":[{"parts":[{"text":"row %d"}]}]}`, i))
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
	}
	file, err := s.Upload(t.Context(), "genbatch-1", bytes.NewReader(text.Bytes()), int64(text.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if file != "gs://"+bucket+"/team/genbatch-1/input.jsonl" || !slices.Equal(objects(t, st), []string{"team/genbatch-1/input.jsonl"}) {
		t.Errorf("%s; objects %q", file, objects(t, st))
	}
	j, err := s.Create(t.Context(), flash, "genbatch-1", file)
	if err != nil {
		t.Fatal(err)
	}
	if j, err = s.Get(t.Context(), j.Name); err != nil {
		t.Fatal(err)
	}
	body, err := s.Open(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	results, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for text := range bytes.Lines(results) {
		line, err := batches.ParseLine(text)
		if err != nil {
			t.Fatal(err)
		}
		o := s.Outcome(&line)
		var n int
		fmt.Sscanf(line.Key, "r%d", &n)
		if o.Status != batch.OK || !strings.Contains(string(o.Response), fmt.Sprintf(`"row %d"`, n)) || seen[line.Key] {
			t.Errorf("%s: %+v", line.Key, o)
		}
		seen[line.Key] = true
	}
	if len(seen) != rows {
		t.Errorf("%d rows", len(seen))
	}

	for range 2 { // gone already is no error
		if err := s.RemoveUpload(t.Context(), file); err != nil {
			t.Error(err)
		}
	}
	if slices.Contains(objects(t, st), "team/genbatch-1/input.jsonl") {
		t.Error("the upload is still there")
	}
}

// TestLargeUpload checks an upload of several pieces.
func TestLargeUpload(t *testing.T) {
	st, _ := storage(t)
	s := service(t, "gs://"+bucket, http.NotFoundHandler())
	content := bytes.Repeat([]byte("0123456789abcdef"), 17<<20/16)
	file, err := s.Upload(t.Context(), "large", bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.Open(t.Context(), &batches.Job{Results: strings.TrimSuffix(file, "/input.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if back, err := io.ReadAll(body); err != nil || !bytes.Equal(back, content) {
		t.Errorf("%d bytes of %d, %v; %q", len(back), len(content), err, objects(t, st))
	}
}

// TestNoAccess checks that a bucket which cannot be used is found before anything is
// uploaded, and named.
func TestNoAccess(t *testing.T) {
	st, host := storage(t)
	isError := func(err error) *batches.Error {
		t.Helper()
		e, ok := errors.AsType[*batches.Error](err)
		if !ok {
			t.Fatalf("%v is no *batches.Error", err)
		}
		return e
	}
	s := service(t, "gs://not-there/x", http.NotFoundHandler())
	_, err := s.Upload(t.Context(), "genbatch-1", strings.NewReader("{}\n"), 3)
	if e := isError(err); !e.NotFound() || e.Unsure || !strings.Contains(e.Hint, "--batch-bucket") {
		t.Errorf("%+v", e.Cause)
	}
	if _, err := s.Open(t.Context(), &batches.Job{Results: "gs://" + bucket + "/nothing/here"}); !isError(err).NotFound() {
		t.Error(err)
	}
	if _, err := s.Open(t.Context(), &batches.Job{Results: "files/x"}); !strings.Contains(isError(err).Message, "no folder of Cloud Storage") {
		t.Error(err)
	}

	// An account that may write, and not read or not delete.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: host}) }}
	for _, method := range []string{"POST", "GET", "DELETE"} {
		denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, `{"error":{"code":403,"message":"x@example.org does not have access"}}`)
				return
			}
			forward.ServeHTTP(w, r)
		}))
		t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(denied.URL, "http://"))
		s := service(t, "gs://"+bucket+"/x", http.NotFoundHandler())
		_, err := s.Upload(t.Context(), "genbatch-"+method, strings.NewReader("{}\n"), 3)
		gone := s.RemoveUpload(t.Context(), "gs://"+bucket+"/x/y")
		denied.Close()
		if (gone == nil) != (method != "DELETE") {
			t.Errorf("%s: removing what is not there, or forbidden: %v", method, gone)
		}
		if e := isError(err); !e.Denied() || e.Unsure || !strings.Contains(e.Message, "write-test cannot be "+map[string]string{"POST": "written", "GET": "read", "DELETE": "deleted"}[method]) {
			t.Errorf("%s: %+v", method, e.Cause)
		}
		if slices.Contains(objects(t, st), "x/genbatch-"+method+"/input.jsonl") {
			t.Errorf("%s: it was uploaded all the same", method)
		}
	}
}
