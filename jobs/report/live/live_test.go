package live

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/jobs/spec"
)

// An api notes what it is asked.
type api struct{ asked []string }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	if r.Header.Get("Authorization") != "" {
		a.asked = append(a.asked, "with the token")
	}
	_, _ = io.WriteString(w, `{"type":"state"}`)
}

func listen(t *testing.T, h http.Handler) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Only a request with the token, under a name of this machine, and not of another site's page
// gets through.
func TestRefusals(t *testing.T) {
	a := new(api)
	s := listen(t, a)
	_, port, _ := net.SplitHostPort(s.address)
	cases := []struct {
		name         string
		method, path string
		host         string // of this server if empty
		token        string // of this server if "right"
		header       map[string]string
		want         int
	}{
		{"the page", "GET", "/", "", "", nil, 200},
		{"a link in another site's page", "GET", "/", "", "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		{"a frame in another site's page", "GET", "/", "", "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
		{"a script in another site's page", "GET", "/live.js", "", "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403},
		{"no such file", "GET", "/etc/passwd", "", "", nil, 404},
		{"the page is not written to", "POST", "/", "", "", nil, 405},

		{"the state", "GET", "/v1/state", "", "right", nil, 200},
		{"the state, asked by the page", "GET", "/v1/state", "", "right", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"no token", "GET", "/v1/state", "", "", nil, 401},
		{"a wrong token", "GET", "/v1/state", "", "AAAAAAAAAAAAAAAAAAAAAA", nil, 401},
		{"a part of the token", "GET", "/v1/state", "", s.token[:21], nil, 401},
		{"the token in the query", "GET", "/v1/state?token=" + s.token, "", "", nil, 401},
		{"the token as a password", "GET", "/v1/state", "", "", map[string]string{"Authorization": "Basic " + s.token}, 401},

		{"a control", "POST", "/v1/pause", "", "right", map[string]string{"Origin": "http://" + s.address, "Sec-Fetch-Site": "same-origin"}, 200},
		{"a control without the token", "POST", "/v1/pause", "", "", map[string]string{"Origin": "http://" + s.address, "Sec-Fetch-Site": "same-origin"}, 401},
		{"a control from another site", "POST", "/v1/pause", "", "right", map[string]string{"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}, 403},
		{"a control from another port", "POST", "/v1/pause", "", "right", map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403},
		{"a control from another port, by an old browser", "POST", "/v1/pause", "", "right", map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"a control from a page without an origin", "POST", "/v1/pause", "", "right", map[string]string{"Origin": "null"}, 403},
		{"a preflight", "OPTIONS", "/v1/pause", "", "", map[string]string{"Origin": "https://example.org", "Access-Control-Request-Headers": "authorization"}, 403},
		{"a preflight that hides where it comes from", "OPTIONS", "/v1/pause", "", "", nil, 401},

		{"localhost", "GET", "/v1/state", "localhost:" + port, "right", nil, 200},
		{"DNS rebinding", "GET", "/v1/state", "rebound.example.org:" + port, "right", nil, 403},
		{"DNS rebinding, for the page", "GET", "/", "rebound.example.org:" + port, "", nil, 403},
		{"another port in Host", "GET", "/v1/state", "127.0.0.1:1", "right", nil, 403},
		{"no port in Host", "GET", "/v1/state", "localhost", "right", nil, 403},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			a.asked = nil
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+s.address+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			if tt.token == "right" {
				tt.token = s.token
			}
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			text, err := io.ReadAll(got.Body)
			if err != nil || got.StatusCode != tt.want {
				t.Errorf("%d %s (%v), want %d", got.StatusCode, text, err, tt.want)
			}
			wanted := ""
			if tt.want == 200 && strings.HasPrefix(tt.path, "/v1/") {
				wanted = tt.method + " " + tt.path
			}
			if asked := strings.Join(a.asked, ", "); asked != wanted {
				t.Errorf("the run was asked %q, want %q", asked, wanted)
			}
			if got.StatusCode == 401 || got.StatusCode == 403 {
				var refusal struct{ Error string }
				if err := json.Unmarshal(text, &refusal); err != nil || !strings.Contains(refusal.Error, "genbatch printed") {
					t.Errorf("the refusal is %s (%v)", text, err)
				}
			}
			for name := range got.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("the answer has the header %s, by which other origins would be let in", name)
				}
			}
		})
	}
}

// Every answer forbids what the page does not need.
func TestHeaders(t *testing.T) {
	s := listen(t, new(api))
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/base.css": "text/css; charset=utf-8", "/live.css": "text/css; charset=utf-8", "/uplot.css": "text/css; charset=utf-8",
		"/live.js": "text/javascript; charset=utf-8", "/view.js": "text/javascript; charset=utf-8", "/charts.js": "text/javascript; charset=utf-8", "/uplot.js": "text/javascript; charset=utf-8",
		"/v1/state": "application/json",
	} {
		got, err := http.Get("http://" + s.address + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		h := got.Header
		if err != nil || len(text) == 0 || h.Get("Content-Type") != contentType {
			t.Errorf("%s: %d bytes of %s (%v)", path, len(text), h.Get("Content-Type"), err)
		}
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), part) {
				t.Errorf("%s: the policy lacks %s: %s", path, part, h.Get("Content-Security-Policy"))
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: the policy is %s", path, h.Get("Content-Security-Policy"))
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
}

// Nothing is served where others can reach it.
func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999", "", "8080"} {
		s, err := Listen(address, new(api))
		if err == nil {
			s.Close()
		}
		refused, ok := errors.AsType[*spec.Error](err)
		if !ok || refused.Hint == "" {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := Listen("0.0.0.0:8080", new(api)); err == nil || !strings.Contains(err.(*spec.Error).Hint, "ssh -L") {
		t.Errorf("the error names no way: %v", err)
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0", "127.0.0.2:0"} {
		s, err := Listen(address, new(api))
		if err != nil {
			if strings.Contains(address, "::1") { // a machine without IPv6
				continue
			}
			t.Errorf("%q: %v", address, err)
			continue
		}
		got, err := http.Get("http://" + s.address + "/")
		if err != nil || got.StatusCode != 200 {
			t.Errorf("%q: %v, %v", address, got, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// A port that is taken is named.
	s := listen(t, new(api))
	if _, err := Listen(s.address, new(api)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the error of a taken port is %v", err)
	}
}

// Two servers have two tokens of 128 bits.
func TestToken(t *testing.T) {
	one, two := listen(t, new(api)), listen(t, new(api))
	if one.token == two.token || len(one.token) != 22 {
		t.Errorf("the tokens are %q and %q", one.token, two.token)
	}
	if want := "http://" + one.address + "/#token=" + one.token; one.Address() != want {
		t.Errorf("the address is %s, want %s", one.Address(), want)
	}
}

// A page that asks for what is new gets an answer a second, and at once when the server closes.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{closing: make(chan struct{})}
		h := s.paced(new(api))
		begin := time.Now()
		ask := func(path string) time.Duration {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
			return time.Since(begin)
		}
		if at := ask("/v1/state"); at != 0 {
			t.Errorf("the first answer takes %v", at)
		}
		if at := ask("/v1/state?since=0"); at != time.Second {
			t.Errorf("the second answer comes after %v", at)
		}
		time.AfterFunc(100*time.Millisecond, func() { close(s.closing) })
		if at := ask("/v1/state?since=7"); at != 1100*time.Millisecond {
			t.Errorf("the last answer comes after %v", at)
		}
	})
}

// A page that is open when the server closes gets the last state, and Close waits for nobody
// else.
func TestClose(t *testing.T) {
	s, err := Listen("127.0.0.1:0", new(api))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/v1/state?since=1", nil)
	r.Header.Set("Authorization", "Bearer "+s.token)
	sent := make(chan struct{})
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}))
	answered := make(chan string, 1)
	go func() {
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer got.Body.Close()
		text, _ := io.ReadAll(got.Body)
		answered <- string(text)
	}()
	<-sent
	time.Sleep(200 * time.Millisecond) // then it is held
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if text := <-answered; text != `{"type":"state"}` {
		t.Errorf("the page got %q", text)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("closing took %v", took)
	}
	if _, err := http.Get("http://" + s.address); err == nil {
		t.Error("it is served after Close")
	}
}
