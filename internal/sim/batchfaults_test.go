package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/sim/batches"
)

// cutOff makes a call, and reports whether its connection broke.
func cutOff(s *Server, method, url string, body []byte) (w *httptest.ResponseRecorder, cut bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			cut = true
		} else if p != nil {
			panic(p)
		}
	}()
	w = httptest.NewRecorder()
	r := httptest.NewRequest(method, url, strings.NewReader(string(body)))
	r.Header.Set(keyHeader, "k")
	s.ServeHTTP(w, r)
	return w, false
}

const inlineBatch = `{"batch":{"display_name":"mine","input_config":{"requests":{"requests":[{"request":{"contents":[{"parts":[{"text":"Hi."}]}]},"metadata":{"key":"a"}}]}},"priority":"7"}}`

// What the calls that make batches can come to, and whether there is a batch then.
func TestBatchCreateFaults(t *testing.T) {
	tests := []struct {
		fault   string
		code    int // 0 where the connection breaks
		body    string
		created int
	}{
		{"", 200, `"state":"BATCH_STATE_PENDING"`, 1},
		{"lostcreate", 0, "", 1},
		{"create500", 500, "INTERNAL", 1},
		{"create503", 503, "UNAVAILABLE", 1},
		{"refuse503", 503, "UNAVAILABLE", 0},
		{"create400", 400, "Request contains an invalid argument.", 0},
		{"create404", 404, "Requested entity was not found.", 0},
		{"create429", 429, `"details":[{"@type":"type.googleapis.com/google.rpc.Help"`, 0},
		{"createchat", 200, `{"candidates"`, 0},
		{"createempty", 200, "", 0},
		{"slowcreate:3s", 200, "BATCH_STATE_", 1},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withFaults(t, tt.fault)
				w, cut := cutOff(s, "POST", batchPath, []byte(inlineBatch))
				if cut != (tt.code == 0) || !cut && (w.Code != tt.code || !strings.Contains(w.Body.String(), tt.body)) {
					t.Errorf("cut %t, %v", cut, w)
				}
				if n := s.Stats().Batches.Created; n != tt.created {
					t.Errorf("%d batches, want %d", n, tt.created)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := withFaults(t, "create429:10m@1,keepquota:1h,enqueued:1")
		for i, step := range []struct {
			wait time.Duration
			code int
		}{{0, 429}, {9 * time.Minute, 429}, {time.Minute, 200}, {0, 429}} { // the last for the tokens of the one before
			time.Sleep(step.wait)
			if w, _ := cutOff(s, "POST", batchPath, []byte(inlineBatch)); w.Code != step.code {
				t.Errorf("create %d: %d %s", i, w.Code, w.Body)
			}
		}
		name := s.Stats().Batches.Jobs[0].Name
		if w := do(s, "POST", "/v1beta/"+name+":cancel", nil, keyHeader, "k"); w.Code != 200 || w.Body.String() != "{}" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w, _ := cutOff(s, "POST", batchPath, []byte(inlineBatch)); w.Code != 429 {
			t.Errorf("after the cancel: %d", w.Code)
		}
		time.Sleep(time.Hour)
		if w, _ := cutOff(s, "POST", batchPath, []byte(inlineBatch)); w.Code != 200 {
			t.Errorf("an hour after the cancel: %d %s", w.Code, w.Body)
		}
	})
}

// What a poll finds.
func TestBatchPollFaults(t *testing.T) {
	for fault, want := range map[string]string{
		"poll500@1":              `"code":500`,
		"poll503@1":              `"code":503`,
		"poll404@1":              `"code":404`,
		"pollreset@1":            "",
		"unknownstate@1":         `"state":"BATCH_STATE_REVIEWING"`,
		"unknownstate:X@1":       `"state":"X"`,
		"jobstate@1":             `"state":"JOB_STATE_SUCCEEDED"`,
		"inline503:10":           `"code":503`,
		"failed":                 `"done":true,"error":{"code":13`,
		"failed:3":               `"done":true,"error":{"code":3`,
		"expired":                `"state":"BATCH_STATE_EXPIRED"`,
		"stuck":                  `"state":"BATCH_STATE_PENDING"`,
		"stuck:gemini-2.5-flash": `"state":"BATCH_STATE_PENDING"`,
		"stuck:gemini-2.5-pro":   `"state":"BATCH_STATE_SUCCEEDED"`,
		"slowpoll:1s":            `"state":"BATCH_STATE_SUCCEEDED"`,
		"nometadata":             `"inlinedResponses":[{"response"`,
	} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withFaults(t, fault)
				if w, _ := cutOff(s, "POST", batchPath, []byte(inlineBatch)); w.Code != 200 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				time.Sleep(time.Second)
				name := s.Stats().Batches.Jobs[0].Name
				w, cut := cutOff(s, "GET", "/v1beta/"+name, nil)
				if cut != (want == "") || !cut && !strings.Contains(w.Body.String(), want) {
					t.Errorf("cut %t, %s\nwant %s", cut, w.Body, want)
				}
				if !strings.HasSuffix(fault, "@1") {
					return
				}
				if o := poll(t, s, "k", name); o.Metadata.State != "BATCH_STATE_SUCCEEDED" || string(o.Response["inlinedResponses"]) == "" || o.Metadata.Priority != "7" {
					t.Errorf("the next poll: %+v", o)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := withFaults(t, "stuck")
		name := create(t, s, "k", lines("Hi."))
		time.Sleep(48 * time.Hour)
		if o := poll(t, s, "k", name); o.Metadata.State != "BATCH_STATE_EXPIRED" || o.Response != nil || o.Done == nil {
			t.Errorf("after two days: %+v", o)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := withFaults(t, "lateoutput:5s,frozen")
		name := create(t, s, "k", lines("Hi.", "Ho."))
		time.Sleep(900 * time.Millisecond)
		if o := poll(t, s, "k", name); o.Metadata.State != "BATCH_STATE_RUNNING" || o.Metadata.BatchStats["pendingRequestCount"] != "2" {
			t.Errorf("frozen: %+v", o)
		}
		time.Sleep(time.Second)
		if o := poll(t, s, "k", name); o.Metadata.State != "BATCH_STATE_SUCCEEDED" || o.Metadata.Output != nil || o.Response != nil {
			t.Errorf("before its output: %+v", o)
		}
		time.Sleep(5 * time.Second)
		if o := poll(t, s, "k", name); o.Metadata.Output == nil || o.Response == nil {
			t.Errorf("with its output: %+v", o)
		}
	})
}

// What a cancel comes to, and what is billed by then.
func TestBatchCancelFaults(t *testing.T) {
	tests := []struct {
		fault  string
		state  string
		code   int
		lines  int // of results; 0 for none to be had
		billed int64
	}{
		{"", "CANCELLED", 13, 0, 50},
		{"cancel1", "CANCELLED", 1, 0, 50},
		{"partial", "CANCELLED", 13, 50, 50},
		{"uncancelled:1m", "SUCCEEDED", 0, 100, 100},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withFaults(t, tt.fault)
				texts := make([]string, 100)
				for i := range texts {
					texts[i] = fmt.Sprint("Row ", i)
				}
				name := create(t, s, "k", lines(texts...))
				time.Sleep(650 * time.Millisecond) // half way
				if w := do(s, "POST", "/v1beta/"+name+":cancel", []byte("{}"), keyHeader, "k"); w.Code != 200 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				if o := poll(t, s, "k", name); o.Metadata.State != "BATCH_STATE_CANCELLED" {
					t.Errorf("at once: %+v", o)
				}
				if w := do(s, "POST", "/v1beta/"+name+":cancel", nil, keyHeader, "k"); w.Code != 400 || !strings.Contains(w.Body.String(), "FAILED_PRECONDITION") {
					t.Errorf("cancelled twice: %d %s", w.Code, w.Body)
				}
				time.Sleep(time.Minute)
				o := poll(t, s, "k", name)
				if o.Metadata.State != "BATCH_STATE_"+tt.state || (o.Error == nil) != (tt.code == 0) || o.Error != nil && o.Error.Code != tt.code {
					t.Errorf("%+v", o)
				}
				if (o.Metadata.Output != nil) != (tt.lines > 0) || (o.Response != nil) != (tt.state == "SUCCEEDED") {
					t.Errorf("output %s, response %v", o.Metadata.Output, o.Response)
				}
				if tt.lines > 0 {
					if got := len(results(t, s, "k", name)); got != tt.lines {
						t.Errorf("%d lines", got)
					}
				}
				if st := s.Stats().Batches; st.Billed != tt.billed || st.Ended[tt.state] != 1 {
					t.Errorf("ledger %+v", st)
				}
			})
		})
	}
}

// What a row's result can be.
func TestBatchRowFaults(t *testing.T) {
	const schema = `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"said":{"type":"string"}},"required":["said"]}}`
	tests := []struct {
		fault  string
		lines  int
		want   string
		billed int64
	}{
		{"rowcode13@2", 3, `{"key":"r2","error":{"code":13,"message":"Internal error encountered."}}`, 2},
		{"rowcode:8@2", 3, `{"key":"r2","error":{"code":8,`, 2},
		{"rowcode=0", 3, "", 3},
		{"rowcode=1", 3, `"code":13`, 0},
		{"rowstatus:14@2", 3, `{"key":"r2","status":{"code":14,`, 2},
		{"missing@2", 2, "", 3},
		{"twice@2", 4, `"key":"r2"`, 3},
		{"foreign@2", 4, `"key":"not-yours-r2"`, 3},
		{"nokey@2", 3, `{"response":`, 3},
		{"neither@2", 3, `{"key":"r2"}`, 3},
		{"u2028@2", 3, "one line\u2028not two", 3},
		{"wrongjson@2", 3, `{\"said_\":`, 3},
		{"bigline:100000@2", 3, strings.Repeat("x", 90000), 3},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withFaults(t, tt.fault)
				var input strings.Builder
				for i := range 3 {
					fmt.Fprintf(&input, `{"key":"r%d","request":%s}`+"\n", i+1, ask(fmt.Sprint("Row ", i), schema))
				}
				name := create(t, s, "k", []byte(input.String()))
				time.Sleep(time.Second)
				poll(t, s, "k", name)
				got := results(t, s, "k", name)
				if len(got) != tt.lines || !strings.Contains(strings.Join(got, "\n"), tt.want) {
					t.Errorf("%d lines: %.2000s\nwant %.200s", len(got), got, tt.want)
				}
				for _, line := range got {
					if !json.Valid([]byte(line)) {
						t.Errorf("no JSON: %s", line)
					}
				}
				if st := s.Stats().Batches; st.Billed != tt.billed {
					t.Errorf("ledger %+v", st)
				}
			})
		})
	}
}

func TestBatchResultFaults(t *testing.T) {
	texts := make([]string, 50)
	for i := range texts {
		texts[i] = fmt.Sprint("Row ", i)
	}
	done := func(t *testing.T, fault string) (s *Server, name, file string) {
		s = withFaults(t, fault)
		name = create(t, s, "k", lines(texts...))
		time.Sleep(time.Second)
		poll(t, s, "k", name)
		return s, name, "/v1beta/files/batch-" + strings.TrimPrefix(name, "batches/") + ":download?alt=media"
	}
	synctest.Test(t, func(t *testing.T) {
		s, name, file := done(t, "")
		whole := results(t, s, "k", name)
		for i, line := range whole {
			if !strings.Contains(line, fmt.Sprintf(`"key":"r%d"`, i+1)) {
				t.Errorf("line %d is %s", i, line)
			}
		}
		w := do(s, "GET", file, nil, keyHeader, "k", "Range", "bytes=10-19")
		if all := strings.Join(whole, "\n"); w.Code != 206 || w.Body.String() != all[10:20] {
			t.Errorf("a range: %d %s", w.Code, w.Body)
		}
		if w := do(s, "GET", file, nil, keyHeader, "other"); w.Code != 404 {
			t.Errorf("another key: %d", w.Code)
		}
		if w := do(s, "DELETE", strings.TrimSuffix(file, ":download?alt=media"), nil, keyHeader, "k"); w.Code != 400 {
			t.Errorf("deleted by themselves: %d %s", w.Code, w.Body)
		}
		if w := do(s, "GET", strings.TrimSuffix(file, ":download?alt=media"), nil, keyHeader, "k"); w.Code != 200 || !strings.Contains(w.Body.String(), `"source":"GENERATED"`) {
			t.Errorf("info: %d %s", w.Code, w.Body)
		}

		s, name, _ = done(t, "shuffled")
		order := results(t, s, "k", name)
		moved := 0
		for i := range order {
			if !strings.Contains(order[i], fmt.Sprintf(`"key":"r%d"`, i+1)) {
				moved++
			}
		}
		if moved < 25 || len(order) != 50 {
			t.Errorf("%d of %d lines are elsewhere", moved, len(order))
		}

		s, _, file = done(t, "norange")
		if w := do(s, "GET", file, nil, keyHeader, "k", "Range", "bytes=10-19"); w.Code != 200 || w.Body.Len() < 1000 {
			t.Errorf("a range ignored: %d, %d bytes", w.Code, w.Body.Len())
		}
		s, name, file = done(t, "truncated@1,short@2,download503@3,download404@4")
		if _, cut := cutOff(s, "GET", file, nil); !cut {
			t.Error("the download was not cut")
		}
		if w := do(s, "GET", file, nil, keyHeader, "k"); w.Code != 200 || strings.HasSuffix(w.Body.String(), "\n") {
			t.Errorf("short: %d %s", w.Code, w.Body)
		}
		for _, code := range []int{503, 404} {
			if w := do(s, "GET", file, nil, keyHeader, "k"); w.Code != code {
				t.Errorf("%d, want %d", w.Code, code)
			}
		}
		if got := results(t, s, "k", name); len(got) != 50 {
			t.Errorf("the next download has %d lines", len(got))
		}

		s, name, file = done(t, "inline")
		o := poll(t, s, "k", name)
		if out := string(o.Metadata.Output); strings.Count(out, `"metadata":{"key":"r`) != 50 || o.Metadata.InputConfig == nil {
			t.Errorf("inline though of a file: %s", out)
		}
		if w := do(s, "GET", file, nil, keyHeader, "k"); w.Code != 404 {
			t.Errorf("a file as well: %d", w.Code)
		}
		s, name, _ = done(t, "retention:1h")
		time.Sleep(time.Hour)
		if o := poll(t, s, "k", name); o.Metadata.Output != nil || o.Metadata.State != "BATCH_STATE_SUCCEEDED" {
			t.Errorf("after an hour: %+v", o)
		}
	})
}

func TestBatchList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := withFaults(t, "list503@2,listdelay:3s,listpage:2")
		type page struct {
			Operations    []operation
			NextPageToken string
		}
		list := func(query, key string) (p page, code int, body string) {
			w := do(s, "GET", "/v1beta/batches"+query, nil, keyHeader, key)
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			return p, w.Code, w.Body.String()
		}
		if _, code, body := list("", "k"); code != 200 || body != "{}" {
			t.Errorf("none: %d %s", code, body)
		}
		if _, code, _ := list("", "k"); code != 503 {
			t.Errorf("%d", code)
		}
		for _, key := range []string{"k", "a@team", "b@team", "a@team"} {
			do(s, "POST", batchPath, []byte(inlineBatch), keyHeader, key)
		}
		if _, _, body := list("", "k"); body != "{}" {
			t.Errorf("too early: %s", body)
		}
		time.Sleep(3 * time.Second)
		if p, _, body := list("", "k"); len(p.Operations) != 1 || p.NextPageToken != "" || strings.Contains(body, "inlinedResponses") || p.Operations[0].Metadata.State != "BATCH_STATE_SUCCEEDED" {
			t.Errorf("%s", body)
		}
		p, _, _ := list("?pageSize=100", "b@team")
		if len(p.Operations) != 2 || p.NextPageToken == "" {
			t.Fatalf("%+v", p)
		}
		next, _, _ := list("?pageToken="+p.NextPageToken, "a@team")
		if len(next.Operations) != 1 || next.NextPageToken != "" || next.Operations[0].Name == p.Operations[1].Name {
			t.Errorf("the next page: %+v", next)
		}
		mine := next.Operations[0].Name
		poll(t, s, "b@team", mine)
		for name, want := range map[string]int{mine: 404, "batches/NO": 400, "batches/a:b": 400} {
			if w := do(s, "GET", "/v1beta/"+name, nil, keyHeader, "k"); w.Code != want {
				t.Errorf("%s with another key: %d %s", name, w.Code, w.Body)
			}
		}
		w := do(s, "PATCH", "/v1beta/"+mine+":updateGenerateContentBatch?updateMask=displayName,priority", []byte(`{"displayName":"other","priority":"-3"}`), keyHeader, "a@team")
		if o := poll(t, s, "b@team", mine); w.Code != 200 || !strings.Contains(w.Body.String(), `"priority":"-3"`) || o.Metadata.DisplayName != "other" || o.Metadata.Priority != "-3" {
			t.Errorf("changed: %d %s, %+v", w.Code, w.Body, o)
		}
		s.Revoke("b@team")
		if w := do(s, "GET", "/v1beta/"+mine, nil, keyHeader, "b@team"); w.Code != 400 || !strings.Contains(w.Body.String(), "API_KEY_INVALID") {
			t.Errorf("revoked: %d %s", w.Code, w.Body)
		}
		poll(t, s, "a@team", mine)
	})
	s := withFaults(t, "revoked@2")
	for i, code := range []int{200, 400, 400} {
		if w := do(s, "GET", "/v1beta/batches", nil, keyHeader, "k"); w.Code != code {
			t.Errorf("call %d: %d", i, w.Code)
		}
	}
	if w := call(s, flash, ask("hi", "")); w.Code != 400 {
		t.Errorf("a revoked key is taken elsewhere: %d", w.Code)
	}
}

func TestBatchUploadFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := withFaults(t, "nofile@1,processing:5s@2,storage:1000")
		upload := func(data string) *httptest.ResponseRecorder {
			body := "--b\r\nContent-Type: application/json\r\n\r\n" + `{"file":{"displayName":"x"}}` +
				"\r\n--b\r\nContent-Type: application/jsonl\r\n\r\n" + data + "\r\n--b--\r\n"
			return do(s, "POST", "/upload/v1beta/files", []byte(body), keyHeader, "k", "X-Goog-Upload-Protocol", "multipart", "Content-Type", "multipart/related; boundary=b")
		}
		row := string(lines("Hi."))
		if w := upload(row); w.Code != 200 || w.Body.String() != "{}" {
			t.Errorf("no file: %d %s", w.Code, w.Body)
		}
		var got struct {
			File struct{ Name, State, MimeType, SizeBytes string }
		}
		if err := json.Unmarshal(upload(row).Body.Bytes(), &got); err != nil || got.File.State != "PROCESSING" || got.File.MimeType != "application/jsonl" || got.File.SizeBytes != fmt.Sprint(len(row)) {
			t.Fatalf("%v %+v", err, got)
		}
		make := func(key string) *httptest.ResponseRecorder {
			return do(s, "POST", batchPath, []byte(`{"batch":{"inputConfig":{"fileName":"`+got.File.Name+`"}}}`), keyHeader, key)
		}
		if w := make("k"); w.Code != 400 || !strings.Contains(w.Body.String(), "FAILED_PRECONDITION") {
			t.Errorf("while it is processed: %d %s", w.Code, w.Body)
		}
		time.Sleep(5 * time.Second)
		if w := make("other"); w.Code != 404 {
			t.Errorf("with another key: %d %s", w.Code, w.Body)
		}
		if w := make("k"); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := upload(strings.Repeat("x", 1000)); w.Code != 429 {
			t.Errorf("a full storage: %d %s", w.Code, w.Body)
		}
		time.Sleep(48 * time.Hour)
		if w := make("k"); w.Code != 404 {
			t.Errorf("an expired file: %d %s", w.Code, w.Body)
		}
	})
}

// A malformed row refuses the whole batch and is not named, and 100 batches are the most.
func TestBatchRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		defer s.Close()
		good := string(lines("Hi."))
		for _, bad := range []string{
			`{"key":"b"}`, `{"key":"b","request":{}}`, `not JSON`, `{"key":"b","request":{"contents":[{"parts":[]}]}}`,
			`{"key":"b","request":{"contents":[{"parts":[{"text":"x"}]}],"thinking_config":{}}}`, "",
		} {
			f := put(t, s, "k", "text/plain", `{}`, []byte(strings.Repeat(good, min(1, len(bad)))+bad))
			w := do(s, "POST", batchPath, []byte(`{"batch":{"inputConfig":{"fileName":"`+f.Name+`"}}}`), keyHeader, "k")
			if w.Code != 400 || !strings.Contains(w.Body.String(), `"message":"Request contains an invalid argument."`) {
				t.Errorf("%s: %d %s", bad, w.Code, w.Body)
			}
		}
		for range 100 {
			create(t, s, "k", []byte(good))
		}
		if w := do(s, "POST", batchPath, []byte(inlineBatch), keyHeader, "k"); w.Code != 429 {
			t.Errorf("the 101st: %d %s", w.Code, w.Body)
		}
		if w := do(s, "POST", batchPath, []byte(inlineBatch), keyHeader, "other"); w.Code != 200 {
			t.Errorf("of another project: %d %s", w.Code, w.Body)
		}
		time.Sleep(time.Second)
		if w := do(s, "POST", batchPath, []byte(inlineBatch), keyHeader, "k"); w.Code != 200 {
			t.Errorf("when they have ended: %d %s", w.Code, w.Body)
		}
	})
}

func TestParseBatchFaults(t *testing.T) {
	got, err := batches.ParseFaults(" lostcreate@1, frozen,rowcode13=0.1,failed:3@2 ")
	want := []batches.Fault{
		{Kind: "lostcreate", Probability: 1, At: 1}, {Kind: "frozen", Probability: 1},
		{Kind: "rowcode", Value: "13", Probability: 0.1}, {Kind: "failed", Value: "3", Probability: 1, At: 2},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
		t.Errorf("%+v %v", got, err)
	}
	for spec, message := range map[string]string{
		"nonsense":     `no batch fault "nonsense": there are lostcreate,`,
		"lostcreate@0": "from 1",
		"frozen=2":     "from 0 to 1",
		"frozen=x":     `not "x"`,
		"frozen:3":     "takes no value",
		"failed:x":     `"x" is no number`,
		"slowpoll:x":   `"x" is no duration`,
	} {
		if _, err := batches.ParseFaults(spec); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v, want %q", spec, err, message)
		}
	}
	c := Config{Batches: Batches{Faults: []BatchFault{{Kind: "nonsense"}}}}
	if err := errors.Join(c.Check()); err == nil {
		t.Error("a fault that does not exist is accepted")
	}
}
