package batches

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/recordedtest"
)

const flash = "gemini-3.8-flash"

// operation returns a job as the endpoint describes it while it runs.
func describe(state, more string) string {
	return `{"name":"batches/job1","metadata":{"@type":"type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
		"model":"models/` + flash + `","displayName":"genbatch-1","inputConfig":{"fileName":"files/in"},
		"createTime":"2026-11-20T08:00:00.123456789Z","state":"` + state + `","batchStats":{"requestCount":"5","pendingRequestCount":"5"},"name":"batches/job1"` + more
}

func TestCreate(t *testing.T) {
	s, srv := newService(t, "google", route{"POST /v1beta/models/" + flash + ":batchGenerateContent", says(200, describe("BATCH_STATE_PENDING", "}}"))})
	j, err := s.Create(t.Context(), flash, "genbatch-1", "files/in")
	if err != nil {
		t.Fatal(err)
	}
	created := time.Date(2026, 11, 20, 8, 0, 0, 123456789, time.UTC)
	if j.Name != "batches/job1" || j.DisplayName != "genbatch-1" || j.Model != flash || j.State != Pending || j.Input != "files/in" ||
		!j.Created.Equal(created) || !j.Ended.IsZero() || j.Rows != 5 || j.Answered != 0 || j.Err != nil {
		t.Errorf("%+v", j)
	}
	want := `{"batch":{"displayName":"genbatch-1","inputConfig":{"fileName":"files/in"}}}`
	if got := srv.asked(); !strings.HasSuffix(got, want) {
		t.Errorf("sent %s", got)
	}
}

// TestCreateFails checks what each way to fail says about whether there is a job now.
func TestCreateFails(t *testing.T) {
	rpc := func(code int, status, message string) http.HandlerFunc {
		return says(code, fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, code, message, status))
	}
	for _, c := range []struct {
		name     string
		endpoint string
		answer   http.HandlerFunc
		want     string // which of Unsure, NotFound, Limited, Refused and Denied hold
		says     string
	}{
		{"a lost reply", "google", hangUp, "U", "no answer"},
		{"a reply that broke off", "google", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"name":"batches/`)
		}, "U", "broke off"},
		{"500", "google", rpc(500, "INTERNAL", "oops"), "U", "oops"},
		{"503", "google", rpc(503, "UNAVAILABLE", "busy"), "U", "busy"},
		{"408", "google", rpc(408, "", "slow"), "U", "slow"},
		{"a bad row", "google", rpc(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), "R", "invalid argument"},
		{"a bad key", "google", rpc(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "D", "API key not valid"},
		{"a key that is named", "google", rpc(400, "INVALID_ARGUMENT", "the key "+testKey+" is wrong"), "R", "[redacted]"},
		{"no right", "google", rpc(403, "PERMISSION_DENIED", "you may not"), "D", "you may not"},
		{"not logged in", "google", rpc(401, "UNAUTHENTICATED", "who are you"), "D", "who are you"},
		{"no money", "google", rpc(402, "", "pay first"), "D", "pay first"},
		{"no credit", "google", rpc(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "D", "credits"},
		{"too many tokens", "google", rpc(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"), "L", "quota"},
		{"another's file", "google", rpc(404, "NOT_FOUND", "Requested entity was not found."), "N", "not found"},
		{"a redirect", "google", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusFound)
		}, "", "redirects to /other"},
		{"a page", "", says(404, "<html><title>Not here</title></html>"), "N", "does not seem to forward batches"},
		{"a gateway's 404", "", says(404, `{"error":{"message":"Not found","type":"not_found"}}`), "N", "does not seem to forward batches"},
		{"a gateway's 503", "", says(503, `{"error":{"code":"model_not_found","message":"no available channel for model x:batchGenerateContent"}}`), "", "does not seem to forward batches"},
		{"a gateway's busy 503", "", rpc(503, "UNAVAILABLE", "busy"), "U", "busy"},
		{"an empty 200", "", says(200, ""), "", "answered nothing: it does not forward batches"},
		{"an answer", "", says(200, `{"candidates":[{"content":{"parts":[{"text":"Hello!"}]},"finishReason":"STOP"}]}`), "", "as if the job were a single request"},
		{"another object", "", says(200, `{"name":"operations/1"}`), "", "does not forward batches"},
		{"an error in a 200", "", says(200, `{"error":{"code":404,"message":"what?"}}`), "", "error 404 in a 200 answer: what?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, srv := newService(t, c.endpoint, route{"POST /v1beta/models/", c.answer})
			var err error
			if s.TakesInline() {
				_, err = s.CreateInline(t.Context(), flash, "genbatch-1", strings.NewReader(""), 0)
			} else {
				_, err = s.Create(t.Context(), flash, "genbatch-1", "files/in")
			}
			e := asError(t, err)
			got := ""
			for _, is := range []struct {
				name string
				ok   bool
			}{{"U", e.Unsure}, {"N", e.NotFound()}, {"L", e.Limited()}, {"R", e.Refused()}, {"D", e.Denied()}} {
				if is.ok {
					got += is.name
				}
			}
			if got != c.want || !strings.Contains(e.Error(), c.says) || !strings.HasPrefix(e.Error(), "the batch API: ") {
				t.Errorf("%q: %q (%s)", got, e, e.Hint)
			}
			if n := strings.Count(srv.asked(), "POST"); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestGatewaysRecorded checks that what gateways were recorded to answer to a batch is
// recognised.
func TestGatewaysRecorded(t *testing.T) {
	type answer struct {
		Gateway, Case, Body string
		Status              int
	}
	seen := 0
	for _, a := range recordedtest.Lines[answer](t, "gateway_errors.jsonl") {
		if a.Case != "batch" {
			continue
		}
		seen++
		s, _ := newService(t, "", route{"POST ", says(a.Status, a.Body)})
		_, err := s.CreateInline(t.Context(), flash, "x", strings.NewReader(""), 0)
		if e := asError(t, err); e.Unsure || e.Kind != batch.KindConfig || e.Hint != hintNotForwarded {
			t.Errorf("%s: %+v", a.Gateway, e.Cause)
		}
	}
	if seen == 0 {
		t.Error("no recorded answer to a batch")
	}
}

// TestResponsesRecorded checks that recorded answers come to the same in a batch as by
// themselves, but for what would stop a run.
func TestResponsesRecorded(t *testing.T) {
	type exchange struct {
		Status   int
		Response json.RawMessage
	}
	s, _ := newService(t, "google")
	seen := 0
	for i, x := range recordedtest.Lines[exchange](t, "recorded.jsonl") {
		if x.Status != 200 || len(x.Response) == 0 || x.Response[0] != '{' {
			continue
		}
		seen++
		line, err := ParseLine(fmt.Appendf(nil, `{"response":%s,"key":"r%d"}`, x.Response, i))
		if err != nil || line.Key != fmt.Sprintf("r%d", i) {
			t.Fatalf("line %d: %+v, %v", i+1, line, err)
		}
		got, want := s.Outcome(&line), s.at.client.Classify(200, nil, x.Response)
		if got.Consequence == batch.Stop || got.Refusal != "" || got.Tier != "batch" {
			t.Errorf("line %d: %+v", i+1, got)
		}
		if got.Status != want.Status || string(got.Response) != string(want.Response) || (got.Usage == nil) != (want.Usage == nil) {
			t.Errorf("line %d: %+v, want %+v", i+1, got, want)
		}
	}
	if seen < 50 {
		t.Errorf("only %d answers", seen)
	}
}

func TestJob(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Job
		lines      string
	}{
		{"running", describe("BATCH_STATE_RUNNING", "}}"), Job{State: Running, Rows: 5}, ""},
		{"the other spelling", describe("JOB_STATE_RUNNING", "}}"), Job{State: Running, Rows: 5}, ""},
		{"queued", describe("JOB_STATE_QUEUED", "}}"), Job{State: Pending, Rows: 5}, ""},
		{"a new state", describe("BATCH_STATE_SLEEPING", "}}"), Job{State: "sleeping", Rows: 5}, ""},
		{"unspecified", describe("BATCH_STATE_UNSPECIFIED", "}}"), Job{State: "unspecified", Rows: 5}, ""},
		{"a file", describe("BATCH_STATE_SUCCEEDED", `,"output":{"responsesFile":"files/batch-job1"}},"done":true,"response":{"responsesFile":"files/batch-job1"}}`),
			Job{State: Succeeded, Rows: 5, Results: "files/batch-job1"}, ""},
		{"a file in the response alone", describe("BATCH_STATE_SUCCEEDED", `},"done":true,"response":{"responsesFile":"files/batch-job1"}}`),
			Job{State: Succeeded, Rows: 5, Results: "files/batch-job1"}, ""},
		{"a file in snake_case", `{"name":"batches/job1","metadata":{"state":"BATCH_STATE_SUCCEEDED","display_name":"genbatch-1","batch_stats":{"request_count":5}},"done":true,"response":{"responses_file":"files/batch-job1"}}`,
			Job{State: Succeeded, Rows: 5, Results: "files/batch-job1"}, ""},
		{"at the top, as the samples have it", `{"name":"batches/job1","displayName":"genbatch-1","state":"JOB_STATE_SUCCEEDED","dest":{"fileName":"files/batch-job1"}}`,
			Job{State: Succeeded, Rows: -1, Results: "files/batch-job1"}, ""},
		{"no output yet", describe("BATCH_STATE_SUCCEEDED", `},"done":true}`), Job{State: Succeeded, Rows: 5}, ""},
		{"inline", describe("BATCH_STATE_SUCCEEDED", `,"output":{"inlinedResponses":{"inlinedResponses":[{"response":{"candidates":[]},
			"metadata":{"key":"r1"}},{"error":{"code":13},"metadata":{"key":"r2"}}]}}},"done":true}`), Job{State: Succeeded, Rows: 5},
			`{"response":{"candidates":[]},"metadata":{"key":"r1"}} {"error":{"code":13},"metadata":{"key":"r2"}}`},
		{"inline in the response, nested once", describe("BATCH_STATE_SUCCEEDED", `},"done":true,"response":{"inlinedResponses":[{"metadata":{"key":"r1"}}]}}`),
			Job{State: Succeeded, Rows: 5}, `{"metadata":{"key":"r1"}}`},
		{"cancelled with an internal error", describe("BATCH_STATE_CANCELLED", `},"done":true,"error":{"code":13,"message":"Internal"}}`),
			Job{State: Cancelled, Rows: 5, Err: &batch.Error{Kind: batch.KindServer, Message: "the job ended: INTERNAL: Internal"}}, ""},
		{"cancelled, without a state", `{"name":"batches/job1","metadata":{"displayName":"genbatch-1"},"done":true,"error":{"code":1}}`,
			Job{State: Cancelled, Rows: -1, Err: &batch.Error{Kind: batch.KindServer, Message: "the job ended: CANCELLED"}}, ""},
		{"failed, with an old state", describe("BATCH_STATE_RUNNING", `},"done":true,"error":{"code":8,"message":"full"}}`),
			Job{State: Failed, Rows: 5, Err: &batch.Error{Kind: batch.KindQuota, Message: "the job ended: RESOURCE_EXHAUSTED: full"}}, ""},
		{"expired", describe("BATCH_STATE_EXPIRED", `,"endTime":"2026-11-22T08:00:00Z"},"done":true}`), Job{State: Expired, Rows: 5, Ended: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newService(t, "google", route{"GET /v1beta/batches/job1", says(200, c.text)})
			j, err := s.Get(t.Context(), "batches/job1")
			if err != nil {
				t.Fatal(err)
			}
			if j.State != c.want.State || j.Rows != c.want.Rows || j.Results != c.want.Results || !j.Ended.Equal(c.want.Ended) || j.DisplayName != "genbatch-1" {
				t.Errorf("%+v", j)
			}
			if fmt.Sprint(j.Err) != fmt.Sprint(c.want.Err) || j.Err != nil && *j.Err != *c.want.Err {
				t.Errorf("error %+v", j.Err)
			}
			var lines []string
			for _, l := range j.Inline {
				lines = append(lines, string(l))
			}
			if got := strings.Join(lines, " "); got != c.lines {
				t.Errorf("lines %s", got)
			}
			if len(lines) > 0 {
				body, err := s.Open(t.Context(), j)
				if err != nil {
					t.Fatal(err)
				}
				if text, _ := io.ReadAll(body); string(text) != strings.Join(lines, "\n")+"\n" {
					t.Errorf("opened %s", text)
				}
			}
		})
	}
}

func TestGetFails(t *testing.T) {
	s, _ := newService(t, "google", route{"GET /v1beta/batches/odd", says(200, `[]`)}, route{"GET /v1beta/batches/lost", hangUp})
	for name, notFound := range map[string]bool{"batches/gone": true, "batches/odd": false, "batches/lost": false} {
		_, err := s.Get(t.Context(), name)
		if e := asError(t, err); e.NotFound() != notFound || e.Unsure {
			t.Errorf("%s: %+v %v", name, e, e.Unsure)
		}
	}
}

// TestList checks that all pages are read, that other jobs are left out, and that an end
// to the list ends the asking.
func TestList(t *testing.T) {
	page := func(next string, names ...string) string {
		var all []string
		for _, n := range names {
			all = append(all, `{"name":"batches/`+n+`","metadata":{"displayName":"`+n+`","state":"BATCH_STATE_RUNNING"}}`)
		}
		return `{"operations":[` + strings.Join(all, ",") + `],"nextPageToken":"` + next + `"}`
	}
	list := func(s *Service, prefix string) (names []string, err error) {
		for j, err := range s.List(t.Context(), prefix) {
			if err != nil {
				return names, err
			}
			names = append(names, j.DisplayName)
		}
		return names, nil
	}
	s, srv := newService(t, "google")
	srv.routes = []route{
		{"GET /v1beta/batches?pageSize=100&pageToken=", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("pageToken") == "a/b+c" {
				says(200, page("", "genbatch-2", "other"))(w, r)
			}
		}},
		{"GET /v1beta/batches?", says(200, page("a/b+c", "genbatch-4", "mine", "genbatch-3"))},
	}
	if names, err := list(s, "genbatch-"); err != nil || strings.Join(names, " ") != "genbatch-4 genbatch-3 genbatch-2" {
		t.Errorf("%v, %v", names, err)
	}
	for range s.List(t.Context(), "") {
		break
	}
	if n := strings.Count(srv.asked(), "GET"); n != 3 {
		t.Errorf("asked %d times:\n%s", n, srv.asked())
	}

	srv.routes = []route{{"GET ", says(200, "{}")}}
	if names, err := list(s, "genbatch-"); err != nil || len(names) > 0 {
		t.Errorf("of none: %v, %v", names, err)
	}
	srv.routes = []route{{"GET /v1beta/batches?pageSize=100&pageToken=", says(500, "")}, {"GET ", says(200, page("x", "genbatch-9"))}}
	if names, err := list(s, "genbatch-"); len(names) != 1 || asError(t, err).HTTPStatus != 500 {
		t.Errorf("cut off: %v, %v", names, err)
	}
	srv.routes = []route{{"GET ", says(200, page("again", "genbatch-1"))}}
	if names, err := list(s, "genbatch-"); err != nil || len(names) != maxJobs/pageSize {
		t.Errorf("without end: %d, %v", len(names), err)
	}
}

func TestCancelAndRemove(t *testing.T) {
	precondition := says(400, `{"error":{"code":400,"message":"the batch has ended","status":"FAILED_PRECONDITION"}}`)
	invalid := says(400, `{"error":{"code":400,"message":"cannot cancel","status":"INVALID_ARGUMENT"}}`)
	s, srv := newService(t, "google",
		route{"POST /v1beta/batches/running:cancel", says(200, "{}")},
		route{"POST /v1beta/batches/done:cancel", precondition},
		route{"POST /v1beta/batches/odd:cancel", invalid}, route{"GET /v1beta/batches/odd", says(200, describe("BATCH_STATE_SUCCEEDED", "}}"))},
		route{"POST /v1beta/batches/stuck:cancel", invalid}, route{"GET /v1beta/batches/stuck", says(200, describe("BATCH_STATE_RUNNING", "}}"))},
		route{"DELETE /v1beta/batches/done", says(200, "{}")}, route{"DELETE /v1beta/batches/busy", says(500, "")},
	)
	for name, ok := range map[string]bool{"running": true, "done": true, "odd": true, "stuck": false, "gone": false} {
		if err := s.Cancel(t.Context(), "batches/"+name); (err == nil) != ok {
			t.Errorf("cancel %s: %v", name, err)
		}
	}
	for name, ok := range map[string]bool{"done": true, "gone": true, "busy": false} {
		if err := s.Remove(t.Context(), &Job{Name: "batches/" + name}); (err == nil) != ok {
			t.Errorf("remove %s: %v", name, err)
		}
	}
	if !strings.Contains(srv.asked(), "POST /v1beta/batches/running:cancel {}") {
		t.Error(srv.asked())
	}
}

// TestOpen checks that results are found at both addresses, and that what broke off is an
// error and no end.
func TestOpen(t *testing.T) {
	const first, second = "GET /download/v1beta/files/batch-job1:download?alt=media", "GET /v1beta/files/batch-job1:download?alt=media"
	gone := says(403, `{"error":{"code":403,"message":"You do not have permission to access the File batch-job1 or it may not exist.","status":"PERMISSION_DENIED"}}`)
	for _, c := range []struct {
		name   string
		routes []route
		want   string
		fails  func(*Error) bool // nil: the download is whole
	}{
		{"first", []route{{first, says(200, "{}\n{}\n")}}, "{}\n{}\n", nil},
		{"second", []route{{second, says(200, "{}\n")}}, "{}\n", nil},
		{"nothing", []route{{first, says(200, "")}, {second, says(200, "{}\n")}}, "", nil},
		{"gone", []route{{first, gone}, {second, gone}}, "", (*Error).NotFound},
		{"busy", []route{{first, says(503, "")}, {second, says(200, "{}\n")}}, "", func(e *Error) bool { return e.HTTPStatus == 503 && !e.Unsure }},
		{"moved", []route{{first, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/cdn/x", http.StatusFound) }}, {"GET /cdn/x", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "moved\n")
		}}}, "moved\n", nil},
		{"cut", []route{{first, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"key":"r1"}`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}}}, `{"key":"r1"}`, func(e *Error) bool { return strings.Contains(e.Message, "broke off") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newService(t, "google", c.routes...)
			body, err := s.Open(t.Context(), &Job{Name: "batches/job1", Results: "files/batch-job1"})
			var text []byte
			if err == nil {
				defer body.Close()
				text, err = io.ReadAll(body)
			}
			if string(text) != c.want {
				t.Errorf("%q", text)
			}
			switch {
			case c.fails == nil && err != nil:
				t.Error(err)
			case c.fails != nil && !c.fails(asError(t, err)):
				t.Errorf("%+v", asError(t, err).Cause)
			}
		})
	}
	s, _ := newService(t, "google")
	if _, err := s.Open(t.Context(), &Job{Name: "batches/job1"}); !strings.Contains(asError(t, err).Message, "no results yet") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, _ = newService(t, "google", route{first, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}})
	body, err := s.Open(ctx, &Job{Results: "files/batch-job1"})
	if err == nil {
		_, err = io.ReadAll(body)
		body.Close()
	}
	if asError(t, err); ctx.Err() == nil {
		t.Error(err)
	}
}

// TestUpload checks that an upload that is answered without a file is made again as text.
func TestUpload(t *testing.T) {
	const lines = "{\"key\":\"r1\"}\n"
	file := `{"file":{"name":"files/in","uri":"https://x/files/in","state":"ACTIVE"}}`
	for _, c := range []struct {
		name  string
		reply func(mime string) (int, string)
		types string
		err   string
	}{
		{"at once", func(string) (int, string) { return 200, file }, "application/jsonl", ""},
		{"without a file", func(mime string) (int, string) {
			if mime == "application/jsonl" {
				return 200, "{}"
			}
			return 200, file
		}, "application/jsonl text/plain", ""},
		{"never with a file", func(string) (int, string) { return 200, "{}" }, "application/jsonl text/plain", "answered without a file"},
		{"no Files API", func(string) (int, string) { return 404, "" }, "application/jsonl", "the Files API: HTTP 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var types []string
			s, srv := newService(t, "google")
			srv.routes = []route{
				{"POST /upload/v1beta/files", func(w http.ResponseWriter, r *http.Request) {
					types = append(types, r.Header.Get("X-Goog-Upload-Header-Content-Type"))
					if status, body := c.reply(types[len(types)-1]); status != 200 {
						says(status, body)(w, r)
					}
					w.Header().Set("X-Goog-Upload-Url", srv.URL+"/session")
				}},
				{"POST /session", func(w http.ResponseWriter, r *http.Request) {
					_, body := c.reply(types[len(types)-1])
					w.Header().Set("X-Goog-Upload-Status", "final")
					io.WriteString(w, body)
				}},
			}
			name, err := s.Upload(t.Context(), "genbatch-1", strings.NewReader(lines), int64(len(lines)))
			if strings.Join(types, " ") != c.types {
				t.Errorf("types %v", types)
			}
			if c.err == "" && (err != nil || name != "files/in" || !strings.Contains(srv.asked(), "/session "+strings.TrimSpace(lines))) {
				t.Errorf("%q, %v\n%s", name, err, srv.asked())
			}
			if c.err != "" && !strings.Contains(asError(t, err).Message, c.err) {
				t.Error(err)
			}
		})
	}
}

func TestRemoveUpload(t *testing.T) {
	s, _ := newService(t, "google", route{"DELETE /v1beta/files/in", says(200, "{}")}, route{"DELETE /v1beta/files/used", says(403, "")}, route{"DELETE /v1beta/files/busy", says(500, "")})
	for name, ok := range map[string]bool{"files/in": true, "files/used": true, "files/gone": true, "": true, "files/busy": false} {
		if err := s.RemoveUpload(t.Context(), name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCreateInline(t *testing.T) {
	s, srv := newService(t, "", route{"POST /v1beta/models/" + flash + ":batchGenerateContent", says(200, describe("BATCH_STATE_PENDING", "}}"))})
	if !s.TakesInline() {
		t.Fatal("the endpoint has no Files API")
	}
	lines := s.Lines()
	var text []byte
	for _, key := range []string{"r1", "r2"} {
		var err error
		if text, err = lines.Append(text, key, flash, json.RawMessage(`{"contents":[{"parts":[{"text":"`+key+`"}]}]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateInline(t.Context(), flash, "genbatch-1", strings.NewReader(string(text)), int64(len(text))); err != nil {
		t.Fatal(err)
	}
	want := `{"batch":{"displayName":"genbatch-1","inputConfig":{"requests":{"requests":[{"request":{"contents":[{"parts":[{"text":"r1"}]}]},"metadata":{"key":"r1"}},{"request":{"contents":[{"parts":[{"text":"r2"}]}]},"metadata":{"key":"r2"}}]}}}}`
	if got := srv.asked(); !strings.HasSuffix(got, want) {
		t.Errorf("sent %s", got)
	}
	_, err := s.CreateInline(t.Context(), flash, "x", strings.NewReader(""), MaxInlineBytes+1)
	if e := asError(t, err); !e.Refused() || e.Unsure {
		t.Errorf("%+v", e)
	}
	if _, err := s.Upload(t.Context(), "x", strings.NewReader(""), 0); !strings.Contains(asError(t, err).Message, "no Files API") {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	none := func(string) string { return "" }
	for _, c := range []struct {
		options gemini.EndpointOptions
		bucket  string
		want    string // empty: it has batches
	}{
		{gemini.EndpointOptions{Name: "google"}, "", ""},
		{gemini.EndpointOptions{Name: "gptproto"}, "", "gptproto does not forward batches"},
		{gemini.EndpointOptions{Name: "yescale", BaseURL: "https://example.org"}, "", "does not forward batches"},
		{gemini.EndpointOptions{Name: "vertex", Auth: "x-goog-api-key"}, "gs://b", "only for a project"},
		{gemini.EndpointOptions{Name: "vertex", Project: "p", Auth: "x-goog-api-key"}, "gs://b", "need an access token"},
		{gemini.EndpointOptions{Name: "vertex", Project: "p", Auth: "none"}, "", ""}, // for what is there already
		{gemini.EndpointOptions{Name: "vertex", Project: "p", Auth: "none"}, "s3://b", `"s3://b" is not of the form`},
		{gemini.EndpointOptions{Name: "vertex", Project: "p", Auth: "none"}, "gs:///x", "is not of the form"},
		{gemini.EndpointOptions{Name: "vertex", Project: "p", Auth: "none"}, "gs://b", ""},
	} {
		e, err := gemini.ParseEndpoint(c.options, none)
		if err != nil {
			t.Fatal(err)
		}
		client, err := gemini.New(gemini.Config{Endpoint: e, Key: func() string { return testKey }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Config{Client: client, Bucket: c.bucket})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.options, err)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no client")
	}
	if cause, ok := errors.AsType[*batch.Error](error(&Error{Cause: &batch.Error{Kind: batch.KindKey}})); !ok || cause.Kind != batch.KindKey {
		t.Error("an Error does not lead to its cause")
	}
}
