package gemini

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// fileServer is a Files API with one upload.
type fileServer struct {
	*httptest.Server
	fault func(w http.ResponseWriter, r *http.Request, body []byte) (handled bool) // called before each exchange of an upload

	mu       sync.Mutex
	got      []byte
	final    bool
	commands []string
	keys     []string
}

const fileText = `{"name":"files/abc","uri":"https://generativelanguage.googleapis.com/v1beta/files/abc","mimeType":"video/mp4","state":"ACTIVE","sizeBytes":"9","expirationTime":"2026-12-01T10:00:00.123456Z"}`

func newFileServer(t *testing.T) (*fileServer, *Files) {
	s := &fileServer{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	e, err := ParseEndpoint(EndpointOptions{Name: "google", BaseURL: s.URL + "/proxy"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e, Key: func() string { return testKey }})
	if err != nil {
		t.Fatal(err)
	}
	return s, c.Files()
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, r.Header.Get("X-Goog-Api-Key"))
	command := r.Header.Get("X-Goog-Upload-Command")
	s.commands = append(s.commands, strings.TrimSpace(command+" "+r.Header.Get("X-Goog-Upload-Offset")))
	if r.URL.Path == "/proxy/upload/v1beta/files" {
		s.commands = append(s.commands, r.Header.Get("X-Goog-Upload-Header-Content-Type")+" "+r.Header.Get("X-Goog-Upload-Header-Content-Length")+" "+string(body))
		w.Header().Set("X-Goog-Upload-Url", s.URL+"/elsewhere?upload_id=1")
		return
	}
	if s.fault != nil && s.fault(w, r, body) {
		return
	}
	w.Header().Set("X-Goog-Upload-Status", "active")
	if command == "query" {
		w.Header().Set("X-Goog-Upload-Size-Received", strconv.Itoa(len(s.got)))
		if s.final {
			w.Header().Set("X-Goog-Upload-Status", "final")
			fmt.Fprintf(w, `{"file":%s}`, fileText)
		}
		return
	}
	if at, _ := strconv.Atoi(r.Header.Get("X-Goog-Upload-Offset")); at != len(s.got) {
		http.Error(w, `{"error":{"code":400,"message":"wrong offset","status":"INVALID_ARGUMENT"}}`, 400)
		return
	}
	s.got = append(s.got, body...)
	if strings.Contains(command, "finalize") {
		s.final = true
		w.Header().Set("X-Goog-Upload-Status", "final")
		fmt.Fprintf(w, `{"file":%s}`, fileText)
	}
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
	return true
}

func TestUpload(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), (uploadChunk+uploadChunk/2)/16)
	n := strconv.Itoa(len(content))
	first := []string{"start", "video/mp4 " + n + ` {"file":{"displayName":"a film"}}`}
	second := "upload, finalize " + strconv.Itoa(uploadChunk)
	for _, c := range []struct {
		name  string
		fault func(s *fileServer, nth int, w http.ResponseWriter, body []byte) bool // nth counts the exchanges of the upload, from 1
		want  []string                                                              // the commands after the first
	}{
		{"whole", nil, []string{"upload 0", second}},
		{"cut in the middle of a chunk", func(s *fileServer, nth int, w http.ResponseWriter, body []byte) bool {
			if nth != 1 {
				return false
			}
			s.got = append(s.got, body[:1000]...)
			return hangUp(w)
		}, []string{"upload 0", "query", "upload 1000", "upload, finalize " + strconv.Itoa(uploadChunk+1000)}},
		{"503, also when asked", func(s *fileServer, nth int, w http.ResponseWriter, body []byte) bool {
			if nth > 2 {
				return false
			}
			http.Error(w, `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`, http.StatusServiceUnavailable)
			return true
		}, []string{"upload 0", "query", "query", "upload 0", second}},
		{"the last answer lost", func(s *fileServer, nth int, w http.ResponseWriter, body []byte) bool {
			if nth != 2 {
				return false
			}
			s.got, s.final = append(s.got, body...), true
			return hangUp(w)
		}, []string{"upload 0", second, "query"}},
	} {
		s, files := newFileServer(t)
		nth := 0
		s.fault = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			nth++
			return c.fault != nil && c.fault(s, nth, w, body)
		}
		f, err := files.Upload(t.Context(), bytes.NewReader(content), int64(len(content)), "video/mp4", "a film")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if f.Name != "files/abc" || f.State != "ACTIVE" || f.Expires.IsZero() || !bytes.Equal(s.got, content) {
			t.Errorf("%s: %+v, %d of %d bytes", c.name, f, len(s.got), len(content))
		}
		if got, want := strings.Join(s.commands, "\n"), strings.Join(append(first[:2:2], c.want...), "\n"); got != want {
			t.Errorf("%s: the commands are\n%s\nwant\n%s", c.name, got, want)
		}
		for i, key := range s.keys {
			if want := map[bool]string{true: testKey}[i == 0]; key != want {
				t.Errorf("%s: exchange %d has the key %q, and the session's address is not the endpoint's", c.name, i, key)
			}
		}
	}
}

func TestUploadRefused(t *testing.T) {
	content := []byte("0123456789")
	for name, c := range map[string]struct {
		status int
		body   string
		want   batch.Consequence
		times  int
	}{
		"key":   {403, `{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}`, batch.Stop, 1},
		"type":  {400, `{"error":{"code":400,"message":"Unsupported MIME type: a/b","status":"INVALID_ARGUMENT"}}`, batch.Settled, 1},
		"quota": {429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"20"}]}]}}`, batch.Retry, 1},
		"none":  {404, `{"error":{"code":404,"message":"models/files is not found for API version v1beta","status":"NOT_FOUND"}}`, batch.Settled, 1},
		"page":  {404, `<html>no such page</html>`, batch.Settled, 1},
		"down":  {500, `{"error":{"code":500,"message":"An internal error has occurred.","status":"INTERNAL"}}`, batch.Retry, uploadFaults},
	} {
		synctest.Test(t, func(t *testing.T) {
			times := 0
			files := fakeFiles(t, func(r *http.Request) (int, string) {
				if r.Header.Get("X-Goog-Upload-Command") == "start" {
					return 200, ""
				}
				times++
				return c.status, c.body
			})
			_, err := files.Upload(t.Context(), bytes.NewReader(content), int64(len(content)), "a/b", "x")
			var fault *FileError
			if !errors.As(err, &fault) || fault.Outcome.MaybeBilled || times != c.times || !strings.Contains(err.Error(), "the Files API: ") {
				t.Fatalf("%s: %v after %d exchanges, want %d", name, err, times, c.times)
			}
			if got := fault.Outcome.Consequence; got != c.want || len(fault.Outcome.Limits) > 0 {
				t.Errorf("%s: consequence %d, want %d, and no limits: %v", name, got, c.want, fault.Outcome.Limits)
			}
		})
	}
}

// fakeFiles is a Files API without a network, for tests with a fake clock.
func fakeFiles(t *testing.T, answer func(r *http.Request) (int, string)) *Files {
	e, err := ParseEndpoint(EndpointOptions{Name: "google"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e, Key: func() string { return testKey }, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		status, body := answer(r)
		return &http.Response{StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
			Header: http.Header{"X-Goog-Upload-Url": {e.BaseURL + "/upload/session"}}}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	return c.Files()
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWaitActive(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration // when the file has this state
		state  string
		waited time.Duration // the longest wait
		want   string        // text in the error
		status batch.Status
	}{
		"soon":   {3 * time.Second, "ACTIVE", 4 * time.Second, "", ""},
		"broken": {20 * time.Second, "FAILED", 30 * time.Second, "cannot process the file: no video stream", batch.Rejected},
		"never":  {time.Hour, "ACTIVE", 10 * time.Minute, "not processed the file within 10m0s; run again", batch.Failed},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			files := fakeFiles(t, func(r *http.Request) (int, string) {
				if r.URL.Path != "/v1beta/files/abc" || r.Method != http.MethodGet {
					return 404, ""
				}
				state := "PROCESSING"
				switch waited := time.Since(begin); {
				case waited >= c.after:
					state = c.state
				case waited < 2*time.Second:
					return 503, `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`
				}
				return 200, fmt.Sprintf(`{"name":"files/abc","uri":"u","state":%q,"error":{"message":"no video stream"}}`, state)
			})
			err := files.WaitActive(t.Context(), &File{Name: "files/abc", URI: "u", State: "PROCESSING"})
			if waited := time.Since(begin); waited > c.waited || waited < min(c.after, c.waited)-10*time.Second {
				t.Errorf("%s: waited %v, want at most %v", name, waited, c.waited)
			}
			var fault *FileError
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case c.want != "" && (!errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) || fault.Outcome.Status != c.status):
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		files := fakeFiles(t, func(*http.Request) (int, string) { return 200, `{"name":"files/abc","uri":"u","state":"PROCESSING"}` })
		begin := time.Now()
		err := files.WaitActive(ctx, &File{Name: "files/abc", State: "PROCESSING"})
		if err == nil || time.Since(begin) > 6*time.Second {
			t.Errorf("the wait ends with %v after %v", err, time.Since(begin))
		}
	})
}

func TestFilesElsewhere(t *testing.T) {
	for _, name := range []string{"gptproto", "https://example.com"} {
		e, err := ParseEndpoint(EndpointOptions{Name: name}, environment())
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Endpoint: e, Key: func() string { return testKey }})
		if err != nil {
			t.Fatal(err)
		}
		if c.Files() != nil {
			t.Errorf("%s has a Files API", name)
		}
	}
	s, files := newFileServer(t)
	for _, session := range []string{"", "http://example.com/upload", "ftp://example.com/x", "//example.com"} {
		if err := files.checkSession(session); err == nil {
			t.Errorf("an upload goes to %q", session)
		}
	}
	if err := files.checkSession(s.URL + "/any"); err != nil {
		t.Error(err)
	}
}
