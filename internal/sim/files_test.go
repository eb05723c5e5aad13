package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/sim/filestore"
)

const (
	keyHeader = "X-Goog-Api-Key"
	command   = "X-Goog-Upload-Command"
	offsetAt  = "X-Goog-Upload-Offset"
)

// start begins an upload and returns its address.
func start(t *testing.T, s *Server, key, mime, meta string) string {
	t.Helper()
	w := do(s, "POST", "/upload/v1beta/files", []byte(meta), keyHeader, key, command, "start", "X-Goog-Upload-Protocol", "resumable", "X-Goog-Upload-Header-Content-Type", mime)
	if w.Code != 200 || w.Header().Get("X-Goog-Upload-Url") == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Header().Get("X-Goog-Upload-Url")
}

// put uploads a file in one request.
func put(t *testing.T, s *Server, key, mime, meta string, data []byte) filestore.Info {
	t.Helper()
	w := do(s, "POST", start(t, s, key, mime, meta), data, command, "upload, finalize", offsetAt, "0")
	var got struct{ File filestore.Info }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || w.Header().Get("X-Goog-Upload-Status") != "final" {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	return got.File
}

func asks(uri, mime string) string {
	return `{"contents":[{"parts":[{"text":"What is it?"},{"fileData":{"fileUri":"` + uri + `","mimeType":"` + mime + `"}}]}]}`
}

func TestUpload(t *testing.T) {
	s := New(Config{PathPrefix: "/a"})
	w := do(s, "POST", "/a/upload/v1beta/files", []byte(`{"file":{"display_name":"p"}}`), keyHeader, "k", command, "start", "X-Goog-Upload-Protocol", "resumable")
	url := w.Header().Get("X-Goog-Upload-Url")
	if !strings.HasPrefix(url, "http://example.com/a/upload/v1beta/files?upload_id=") {
		t.Fatalf("%d %s %q", w.Code, w.Body, url)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 3*granularity/16)
	data = append(data, "the end"...)
	send := func(cmd string, from, to, code int, status string, size int) {
		t.Helper()
		w := do(s, "POST", url, data[from:to], command, cmd, offsetAt, fmt.Sprint(from))
		if h := w.Header(); w.Code != code || h.Get("X-Goog-Upload-Status") != status || h.Get("X-Goog-Upload-Size-Received") != fmt.Sprint(size) {
			t.Fatalf("%s from %d: %d %s %v", cmd, from, w.Code, w.Body, w.Header())
		}
	}
	send("upload", 0, granularity, 200, "active", granularity)
	send("upload", 0, granularity, 400, "active", granularity) // the wrong offset
	send("upload", granularity, granularity+7, 400, "active", granularity)
	send("query", 0, 0, 200, "active", granularity)
	send("upload", granularity, 3*granularity, 200, "active", 3*granularity)
	send("upload, finalize", 3*granularity, len(data), 200, "final", len(data))
	send("query", 0, 0, 200, "final", len(data))
	send("upload", len(data), len(data), 400, "final", len(data))

	var page struct{ Files []filestore.Info }
	w = do(s, "GET", "/a/v1beta/files", nil, keyHeader, "k")
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Files) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	f := page.Files[0]
	digits, _ := base64.StdEncoding.DecodeString(f.SHA256)
	if want := fmt.Sprintf("%x", sha256.Sum256(data)); string(digits) != want || f.Size != fmt.Sprint(len(data)) || f.DisplayName != "p" || f.State != "ACTIVE" ||
		f.URI != "http://example.com/a/v1beta/"+f.Name {
		t.Errorf("%+v, want the hash %s", f, want)
	}
	if st := s.Stats(); st.Uploads != 1 || st.UploadedBytes != int64(len(data)) || st.Files != 1 || st.Refused["file"] != 3 {
		t.Errorf("%+v", st)
	}
}

func TestLostChunk(t *testing.T) {
	s := New(Config{})
	url := start(t, s, "k", "text/plain", `{"file":{"displayName":"[[sim:lostchunk]]"}}`)
	data := make([]byte, 4*granularity)
	w := do(s, "POST", url, data, command, "upload, finalize", offsetAt, "0")
	if w.Code != 503 || w.Header().Get("X-Goog-Upload-Size-Received") != fmt.Sprint(2*granularity) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	w = do(s, "POST", url, data[2*granularity:], command, "upload, finalize", offsetAt, fmt.Sprint(2*granularity))
	if w.Code != 200 || s.Stats().UploadedBytes != int64(len(data)) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestFileStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{FileDelay: time.Second})
		f := put(t, s, "k", "text/plain", `{"file":{"name":"files/mine"}}`, []byte("some words"))
		bad := put(t, s, "k", "text/plain", `{"file":{"displayName":"[[sim:failedfile]][[sim:slowfile=3s]]"}}`, []byte("x"))
		state := func(name, want string) {
			t.Helper()
			w := do(s, "GET", "/v1beta/"+name, nil, keyHeader, "k")
			var got filestore.Info
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.State != want || (want == "FAILED") != (got.Error != nil) {
				t.Errorf("%v: %s %s, want %s", err, name, w.Body, want)
			}
		}
		use := func(uri, key string, code int, want string) {
			t.Helper()
			if w := call(s, flash, asks(uri, "text/plain"), keyHeader, key); w.Code != code || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s with %s: %d %s, want %d %q", uri, key, w.Code, w.Body, code, want)
			}
		}
		if f.Name != "files/mine" {
			t.Errorf("%+v", f)
		}
		state("files/mine", "PROCESSING")
		use(f.URI, "k", 400, "not in an ACTIVE state")
		time.Sleep(time.Second)
		state("files/mine", "ACTIVE")
		state(bad.Name, "PROCESSING")
		use(f.URI, "k", 200, "What is it?")
		use("https://generativelanguage.googleapis.com/v1beta/files/mine", "k", 200, "What is it?")
		use(f.URI, "other", 403, "You do not have permission to access the File mine or it may not exist.")
		time.Sleep(2 * time.Second)
		state(bad.Name, "FAILED")

		if w := do(s, "GET", "/v1beta/files/mine", nil, keyHeader, "other"); w.Code != 403 {
			t.Errorf("another key's file: %d", w.Code)
		}
		if w := do(s, "DELETE", "/v1beta/files/mine", nil, keyHeader, "other"); w.Code != 403 {
			t.Errorf("another key's file: %d", w.Code)
		}
		if w := do(s, "DELETE", "/v1beta/files/mine", nil, keyHeader, "k"); w.Code != 200 || w.Body.String() != "{}" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		use(f.URI, "k", 403, "may not exist")
		if st := s.Stats(); st.Deletes != 1 || st.Files != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(48 * time.Hour)
		if st := s.Stats(); st.Files != 0 {
			t.Errorf("after two days: %+v", st)
		}
	})
}

func TestFileRefusals(t *testing.T) {
	s := New(Config{Keys: []string{"k"}})
	put(t, s, "k", "text/plain", `{"file":{"name":"files/mine"}}`, []byte("x"))
	begin := []string{keyHeader, "k", command, "start", "X-Goog-Upload-Protocol", "resumable"}
	for name, tt := range map[string]struct {
		meta   string
		header []string
		code   int
	}{
		"taken":   {`{"file":{"name":"files/mine"}}`, begin, 409},
		"bad id":  {`{"file":{"name":"files/My File"}}`, begin, 400},
		"no JSON": {`{`, begin, 400},
		"large":   {`{}`, append(begin[:6:6], "X-Goog-Upload-Header-Content-Length", "3000000000"), 400},
		"bad key": {`{}`, append(begin[2:6:6], keyHeader, "z"), 400},
		"whole":   {`{}`, begin[:2], 400},
		"fault":   {`{"file":{"displayName":"[[sim:503]]"}}`, begin, 503},
	} {
		if w := do(s, "POST", "/upload/v1beta/files", []byte(tt.meta), tt.header...); w.Code != tt.code {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := do(s, "POST", "/upload/v1beta/files?upload_id=none", nil, command, "query"); w.Code != 404 {
		t.Errorf("no such upload: %d", w.Code)
	}
	w := do(s, "POST", "/upload/v1beta/files", []byte("{}"), append(begin[:6:6], "X-Goog-Upload-Header-Content-Length", "5")...)
	if w := do(s, "POST", w.Header().Get("X-Goog-Upload-Url"), []byte("four"), command, "upload, finalize", offsetAt, "0"); w.Code != 400 {
		t.Errorf("fewer bytes than declared: %d %s", w.Code, w.Body)
	}
	for _, d := range []Dialect{Vertex, YEScale, GPTProto} {
		if w := do(New(Config{Dialect: d}), "POST", "/upload/v1beta/files", []byte("{}"), begin...); w.Code != 404 {
			t.Errorf("%s: %d", d, w.Code)
		}
	}
}

func TestFileAddresses(t *testing.T) {
	s := New(Config{})
	tests := []struct{ name, body, message string }{
		{"ftp", asks("ftp://example.com/x.png", "image/png"), "Unsupported file URI type: ftp://"},
		{"nowhere", asks("", "image/png"), "file_uri must be specified"},
	}
	for _, tt := range tests {
		if w := call(s, flash, tt.body); w.Code != 400 || !strings.Contains(w.Body.String(), tt.message) {
			t.Errorf("%s: %d %s, want %q", tt.name, w.Code, w.Body, tt.message)
		}
	}
	for _, body := range []string{asks("gs://bucket/x.png", "image/png"), asks("https://example.com/x.pdf", "application/pdf")} {
		if w := call(s, flash, body); w.Code != 200 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
