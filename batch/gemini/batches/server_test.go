package batches

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
)

const testKey = "AIzaTestKey_0123456789+/x"

// A server answers by the first of its routes that fits, and notes what it was asked.
type server struct {
	*httptest.Server
	routes []route

	mu    sync.Mutex
	calls []string // METHOD path?query body
}

// A route answers requests whose method and path begin so.
type route struct {
	asked  string
	answer http.HandlerFunc
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// hangUp reads the request, and ends the connection without an answer.
func hangUp(w http.ResponseWriter, r *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	asked := r.Method + " " + r.URL.RequestURI()
	s.mu.Lock()
	s.calls = append(s.calls, strings.TrimSpace(asked+" "+string(body)))
	s.mu.Unlock()
	for _, route := range s.routes {
		if strings.HasPrefix(asked, route.asked) {
			route.answer(w, r)
			return
		}
	}
	says(404, `{"error":{"code":404,"message":"no such page","status":"NOT_FOUND"}}`)(w, r)
}

// asked returns the calls so far.
func (s *server) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, "\n")
}

// newService returns the batch API of an endpoint that the server stands for.
func newService(t *testing.T, name string, routes ...route) (*Service, *server) {
	t.Helper()
	srv := &server{routes: routes}
	srv.Server = httptest.NewServer(srv)
	t.Cleanup(srv.Close)
	o := gemini.EndpointOptions{Name: name, BaseURL: srv.URL}
	if name == "vertex" {
		o.Project, o.Location, o.Auth = "shop", "us-central1", "none"
	}
	e, err := gemini.ParseEndpoint(o, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c, err := gemini.New(gemini.Config{Endpoint: e, Key: func() string { return testKey }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Client: c, Bucket: "gs://bucket/prefix"})
	if err != nil {
		t.Fatal(err)
	}
	return s, srv
}

// asError returns err as an Error, which it must be.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%v is no *Error", err)
	}
	if strings.Contains(e.Message, testKey) {
		t.Errorf("the key is in %q", e.Message)
	}
	return e
}
