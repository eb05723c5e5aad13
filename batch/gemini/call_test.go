package gemini

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"

	"github.com/genbatch/genbatch/batch"
)

// callClient returns a client of a server, whose base URL has a path, as gateways' have.
func callClient(t *testing.T, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := ParseEndpoint(EndpointOptions{BaseURL: s.URL + "/proxy"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e, Key: func() string { return testKey }, Header: http.Header{"X-Team": {"secret-team"}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, s.URL
}

// TestLostReply checks that a call is unsure exactly if the server may have carried it out.
func TestLostReply(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		unsure bool
		kind   batch.Kind
	}{
		{"hung up", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			hangUp(w)
		}, true, batch.KindTransport},
		{"half a reply", cut(`{"name":"batches/`), true, batch.KindTransport},
		{"too large", func(w http.ResponseWriter, r *http.Request) {
			w.Write(bytes.Repeat([]byte("x"), 2<<20))
		}, true, batch.KindAnswer},
		{"refused", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"error":{"code":400,"message":"no, `+r.Header.Get("X-Goog-Api-Key")+`","status":"INVALID_ARGUMENT"}}`, 400)
		}, false, batch.KindRequest},
		{"redirected", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/proxy/elsewhere", http.StatusTemporaryRedirect)
		}, false, batch.KindConfig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var calls atomic.Int64
			c, url := callClient(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				tt.answer(w, r)
			})
			reply, o := c.Call(t.Context(), &Call{Method: http.MethodPost, Address: url + "/proxy/v1beta/x", Body: io.NewSectionReader(strings.NewReader("{}"), 0, 2)})
			if reply != nil || o == nil {
				t.Fatalf("a reply: %v", reply)
			}
			if o.MaybeBilled != tt.unsure || o.Err.Kind != tt.kind || calls.Load() != 1 {
				t.Errorf("unsure %v, %d calls: %+v", o.MaybeBilled, calls.Load(), o.Err)
			}
			if strings.Contains(o.Err.Message, testKey) {
				t.Errorf("the key is in %q", o.Err.Message)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		c, _ := callClient(t, nil)
		gone := httptest.NewServer(nil)
		gone.Close()
		c.config.Endpoint.BaseURL = gone.URL
		if _, o := c.Call(t.Context(), &Call{Method: http.MethodPost, Address: gone.URL + "/x"}); o == nil || o.MaybeBilled {
			t.Errorf("%+v", o)
		}
	})
}

// TestRedirectedDownload checks that a download follows redirects, and that neither the key
// nor the user's own headers go beyond the endpoint's base URL.
func TestRedirectedDownload(t *testing.T) {
	for _, tt := range []struct {
		name, location string
		ok             bool
	}{
		{"below the endpoint", "/proxy/download/x", true},
		{"to another path", "/cdn/x", true},
		{"unencrypted, to another host", "http://localhost:1/x", false},
		{"with the key in it", "https://localhost:1/x?k=" + testKey, false},
		{"in a circle", "/proxy/start", false},
		{"to nowhere", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, url := callClient(t, func(w http.ResponseWriter, r *http.Request) {
				if has := r.Header.Get("X-Goog-Api-Key") != "" || r.Header.Get("X-Team") != ""; has != strings.HasPrefix(r.URL.Path, "/proxy/") {
					t.Errorf("%s: key sent: %v", r.URL.Path, has)
				}
				if r.URL.Path == "/proxy/start" {
					if tt.location != "" {
						w.Header().Set("Location", tt.location)
					}
					w.WriteHeader(http.StatusFound)
					return
				}
				io.WriteString(w, "results")
			})
			reply, o := c.Call(t.Context(), &Call{Method: http.MethodGet, Address: url + "/proxy/start", Stream: true})
			if !tt.ok {
				if o == nil || o.Err.Kind != batch.KindConfig || strings.Contains(o.Err.Message, testKey) {
					t.Errorf("%+v", o)
				}
				return
			}
			if o != nil {
				t.Fatal(o.Err)
			}
			defer reply.Stream.Close()
			if text, err := io.ReadAll(reply.Stream); string(text) != "results" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// TestStorageClient checks that only Google's own servers get a token.
func TestStorageClient(t *testing.T) {
	var sent []string
	e, err := ParseEndpoint(EndpointOptions{Name: "vertex", Project: "p"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e, Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token"}), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.URL.Host+" "+r.Header.Get("Authorization"))
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"https://storage.googleapis.com/b", "http://storage.googleapis.com/b", "http://127.0.0.1:9000/b", "https://googleapis.com.example.org/b"} {
		if _, err := c.StorageClient().Get(address); err != nil {
			t.Fatal(err)
		}
	}
	want := "storage.googleapis.com Bearer a-token|storage.googleapis.com |127.0.0.1:9000 |googleapis.com.example.org "
	if got := strings.Join(sent, "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
