package gemini

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/genbatch/genbatch/batch"
)

const stopAnswer = `{"candidates":[{"content":{"parts":[{"text":"yes"}],"role":"model"},"finishReason":"STOP"}],` +
	`"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4},"modelVersion":"m-1","responseId":"r-1"}`

const testKey = "AIzaTestKey_0123456789+/x"

// serve runs a server and a client for it that sends testKey.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := ParseEndpoint(EndpointOptions{Name: s.URL + "/gw/v1beta"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Endpoint: e, Key: func() string { return testKey }, Version: "1.2.3"}
	for _, f := range change {
		f(&c)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func ask(t *testing.T, c *Client, body string) batch.Outcome {
	t.Helper()
	return askTier(t, c, body, "")
}

func askTier(t *testing.T, c *Client, body, tier string) batch.Outcome {
	t.Helper()
	return c.Attempt(t.Context(), &batch.Request{Model: "some-model", Body: json.RawMessage(body), Tier: tier})
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDocumented sends the requests and answers with the responses that YEScale
// and GPTProto show in their documentation.
func TestDocumented(t *testing.T) {
	tests := []struct {
		request, response    string
		model                string
		begins, ends         string
		prompt, out, thought int64
	}{
		{"yescale_request.json", "yescale_response.json", "gemini-2.5-flash",
			"That's a fantastic question", "traditionally required human intelligence.", 6, 1353, 0},
		{"gptproto_request.json", "gptproto_response.json", "gemini-2.5-flash-nothinking",
			"I am Gemini", "built by Google.", 4, 12, 492},
		{"gptproto_request_multimodal.json", "gptproto_response.json", "gemini-2.5-flash-nothinking", "I am", "Google.", 4, 12, 492},
		{"gptproto_request_safety.json", "gptproto_response.json", "gemini-2.5-flash-nothinking", "I am", "Google.", 4, 12, 492},
		{"gptproto_request_generation.json", "gptproto_response.json", "gemini-2.5-flash-nothinking", "I am", "Google.", 4, 12, 492},
		{"gptproto_request_thinking.json", "gptproto_response.json", "gemini-2.5-flash-nothinking", "I am", "Google.", 4, 12, 492},
		{"gptproto_request_image.json", "gptproto_response.json", "gemini-2.5-flash-nothinking", "I am", "Google.", 4, 12, 492},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			request := testdata(t, tt.request)
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got, _ := io.ReadAll(r.Body)
				if !bytes.Equal(got, request) {
					t.Errorf("sent\n%s\nwant\n%s", got, request)
				}
				if want := "/gw/v1beta/models/" + tt.model + ":generateContent"; r.URL.Path != want || r.Method != http.MethodPost {
					t.Errorf("%s %s, want %s", r.Method, r.URL.Path, want)
				}
				w.Header().Set("Content-Type", "application/json")
				w.Write(testdata(t, tt.response))
			})
			o := c.Attempt(t.Context(), &batch.Request{Model: tt.model, Body: request})
			if o.Consequence != batch.Answered || o.Status != batch.OK || o.Err != nil || o.MaybeBilled {
				t.Fatalf("outcome %+v", o)
			}
			if o.ModelVersion != tt.model || o.ResponseID == "" || o.FinishReason != "STOP" {
				t.Errorf("version %q, id %q, finish %q", o.ModelVersion, o.ResponseID, o.FinishReason)
			}
			u := o.Usage
			if u.PromptTokenCount != tt.prompt || u.CandidatesTokenCount != tt.out || u.Thoughts() != tt.thought {
				t.Errorf("usage %+v", u)
			}
			if tt.thought > 0 && o.Tier != "ON_DEMAND" {
				t.Errorf("tier %q", o.Tier)
			}
			a, err := Parse(o.Response)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(a.Text, tt.begins) || !strings.HasSuffix(a.Text, tt.ends) {
				t.Errorf("text %q", a.Text)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, testdata(t, tt.response)); err != nil || !bytes.Equal(compact.Bytes(), o.Response) {
				t.Errorf("the response kept is not the one that came: %s", o.Response)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	tests := []struct {
		auth         Auth
		name, header string
		query        string
	}{
		{AuthGoogKey, "X-Goog-Api-Key", testKey, ""},
		{AuthBearer, "Authorization", "Bearer " + testKey, ""},
		{AuthRaw, "Authorization", testKey, ""},
		{AuthQuery, "Authorization", "", testKey},
		{AuthNone, "Authorization", "", ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.auth), func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get(tt.name); got != tt.header {
					t.Errorf("%s: %q, want %q", tt.name, got, tt.header)
				}
				if got := r.URL.Query().Get("key"); got != tt.query {
					t.Errorf("?key=%q, want %q", got, tt.query)
				}
				ways := 0
				for _, s := range []string{r.Header.Get("X-Goog-Api-Key"), r.Header.Get("Authorization"), r.URL.Query().Get("key")} {
					if s != "" {
						ways++
					}
				}
				if want := 1; tt.auth != AuthNone && ways != want || tt.auth == AuthNone && ways != 0 {
					t.Errorf("the key is sent in %d ways", ways)
				}
				for name, want := range map[string]string{
					"Content-Type": "application/json", "User-Agent": "genbatch/1.2.3", "X-Team": "blue",
					"Accept-Encoding": "gzip", "X-Server-Timeout": "",
				} {
					if got := r.Header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				io.WriteString(w, stopAnswer)
			}, func(c *Config) {
				c.Endpoint.Auth = tt.auth
				c.Header = http.Header{"x-team": {"blue"}, "Accept-Encoding": {"br"}}
			})
			if o := ask(t, c, `{}`); o.Status != batch.OK {
				t.Errorf("outcome %+v %v", o, o.Err)
			}
		})
	}
}

func TestVertex(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"role is added", `{"contents":[{"parts":[{"text":"a<b&é"}]},{"role":"model","parts":[]},{"role":"","parts":[]}],"x_y":1.50}`,
			`{"contents":[{"parts":[{"text":"a<b&é"}],"role":"user"},{"parts":[],"role":"model"},{"parts":[],"role":"user"}],"x_y":1.50}`},
		{"single object", `{"contents":{"parts":[]}}`, `{"contents":[{"parts":[],"role":"user"}]}`},
		{"nothing to do", `{ "contents": [ {"role":"user"} ] }`, `{ "contents": [ {"role":"user"} ] }`},
		{"not of this shape", `{"contents":"x"}`, `{"contents":"x"}`},
		{"no contents", `{"a":1}`, `{"a":1}`},
		{"null content", `{"contents":[null]}`, `{"contents":[null]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got, _ := io.ReadAll(r.Body); string(got) != tt.want {
					t.Errorf("sent %s\nwant %s", got, tt.want)
				}
				for name, want := range map[string]string{
					"Authorization": "Bearer ya29.token-of-the-day", "X-Server-Timeout": "900", "X-Vertex-Ai-Llm-Shared-Request-Type": "flex",
				} {
					if got := r.Header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if want := "/gw/v1beta/projects/p/locations/global/publishers/google/models/some-model:generateContent"; r.URL.Path != want {
					t.Errorf("path %s", r.URL.Path)
				}
				io.WriteString(w, stopAnswer)
			}, func(c *Config) {
				base := c.Endpoint.BaseURL
				c.Endpoint, _ = ParseEndpoint(EndpointOptions{Name: "vertex", BaseURL: base + "/v1beta", Project: "p"}, environment())
				c.Tokens = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "ya29.token-of-the-day"})
			})
			if o := askTier(t, c, tt.in, "flex"); o.Status != batch.OK {
				t.Errorf("outcome %+v %v", o, o.Err)
			}
		})
	}
}

func TestTier(t *testing.T) {
	for in, want := range map[string]string{
		`{"contents":[]}`:        `{"contents":[],"serviceTier":"flex"}`,
		`{"serviceTier":"x"}`:    `{"serviceTier":"x"}`,
		`{"service_tier": null}`: `{"service_tier": null}`,
		`[]`:                     `[]`,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got, _ := io.ReadAll(r.Body); string(got) != want {
				t.Errorf("sent %s, want %s", got, want)
			}
			io.WriteString(w, stopAnswer)
		})
		askTier(t, c, in, "flex")
	}
}

func TestStream(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "alt=sse&key=AIzaTestKey_0123456789%2B%2Fx" || !strings.HasSuffix(r.URL.Path, ":streamGenerateContent") {
			t.Errorf("asked for %s", r.URL)
		}
		w.Header().Set("Content-Type", "application/json") // wrong, as gateways send it
		io.WriteString(w, ": hello\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":9}}\r\n\r\n")
		w.(http.Flusher).Flush()
		io.WriteString(w, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],\r\ndata: \"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}\r\n\r\ndata: [DONE]\r\n\r\n")
	}, func(c *Config) { c.Stream, c.Endpoint.Auth = true, AuthQuery })
	o := ask(t, c, `{}`)
	if o.Status != batch.OK || o.Usage.PromptTokenCount != 3 || o.Usage.CandidatesTokenCount != 2 {
		t.Fatalf("%+v %v", o, o.Err)
	}
	if a, err := Parse(o.Response); err != nil || a.Text != "ab" || o.Response[0] != '[' {
		t.Errorf("%s: %+v, %v", o.Response, a, err)
	}
}

func TestSecretsStayOut(t *testing.T) {
	tests := []struct {
		name string
		h    http.HandlerFunc
	}{
		{"message", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			fmt.Fprintf(w, `{"error":{"code":403,"message":"Permission denied: Consumer 'api_key:%s' has been suspended.","status":"PERMISSION_DENIED"}}`, testKey)
		}},
		{"whole request in a page", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(502)
			fmt.Fprintf(w, "<html><title>Bad %s</title>%s %s</html>", r.Header.Get("X-Token"), r.URL, testKey)
		}},
		{"200", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"echo":%q}`, r.URL) }},
		{"refused connection", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.h, func(c *Config) {
				c.Endpoint.Auth = AuthQuery
				c.Header = http.Header{"X-Token": {"the-other-secret"}}
				if tt.h == nil {
					c.Endpoint.BaseURL = "http://127.0.0.1:1"
				}
			})
			o := ask(t, c, `{}`)
			text := fmt.Sprint(o.Err, o.Err.Hint, o.Refusal)
			for _, secret := range []string{testKey, "AIzaTestKey_0123456789%2B%2Fx", "the-other-secret"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is in %q", secret, text)
				}
			}
		})
	}
}

// TestClassify checks that a response that came another way has the same outcome as the
// response to an attempt, and that the key is removed from it too.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		status int
		header http.Header
		body   string
	}{
		{200, nil, stopAnswer},
		{200, nil, strings.Replace(stopAnswer, "yes", "the key is "+testKey, 1)},
		{200, nil, `{"promptFeedback":{"blockReason":"SAFETY"}}`},
		{200, nil, googleError(429, "RESOURCE_EXHAUSTED", "busy", "")},
		{200, nil, `{"candidates":[{"content":`},
		{400, nil, googleError(400, "INVALID_ARGUMENT", "API key not valid: "+testKey, "")},
		{429, http.Header{"Retry-After": {"7"}}, googleError(429, "RESOURCE_EXHAUSTED", "busy", "")},
		{504, nil, "<html><title>Gateway Time-out</title></html>"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), tt.header)
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		})
		want := ask(t, c, `{}`)
		got := c.Classify(tt.status, tt.header, []byte(tt.body))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d %s is classified as\n%+v, and as the answer to an attempt\n%+v", tt.status, tt.body, got, want)
		}
		if strings.Contains(fmt.Sprintf("%s %v", got.Response, got.Err), testKey) {
			t.Errorf("%d %s: the key is in the outcome", tt.status, tt.body)
		}
	}
}

func TestNoKey(t *testing.T) {
	e, _ := ParseEndpoint(EndpointOptions{Name: "gptproto"}, environment())
	if _, err := New(Config{Endpoint: e}); err == nil || !strings.Contains(err.Error(), "GPTPROTO_API_KEY") {
		t.Errorf("New: %v", err)
	}
	for _, key := range []string{"", "two words", "line\nbreak"} {
		keys := []string{"first", key}
		c, err := New(Config{Endpoint: e, Key: func() string { k := keys[0]; keys = keys[1:]; return k }})
		if err != nil {
			t.Fatal(err)
		}
		o := ask(t, c, `{}`)
		if o.Consequence != batch.Stop || o.Err.Kind != batch.KindKey || !strings.Contains(o.Err.Hint, "GPTPROTO_API_KEY") {
			t.Errorf("key %q: %+v %v", key, o, o.Err)
		}
		if key != "" && strings.Contains(o.Err.Message, key) {
			t.Errorf("the key is in %q", o.Err.Message)
		}
	}
}

// brokenTokens fails in the way that a token endpoint does.
type brokenTokens struct{ err error }

func (b brokenTokens) Token() (*oauth2.Token, error) { return nil, b.err }

func TestTokenErrors(t *testing.T) {
	e, _ := ParseEndpoint(EndpointOptions{Name: "vertex", Project: "p"}, environment())
	tests := []struct {
		err  error
		want batch.Consequence
	}{
		{&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: "invalid_grant"}, batch.Stop},
		{&oauth2.RetrieveError{Response: &http.Response{StatusCode: 503}}, batch.Retry},
		{context.DeadlineExceeded, batch.Retry},
	}
	for _, tt := range tests {
		c, err := New(Config{Endpoint: e, Tokens: brokenTokens{tt.err}})
		if err != nil {
			t.Fatal(err)
		}
		if o := ask(t, c, `{}`); o.Consequence != tt.want || o.MaybeBilled {
			t.Errorf("%v: %+v %v", tt.err, o, o.Err)
		}
	}
}

// TestExpiredToken checks that a token that expires under way does not stop the run.
func TestExpiredToken(t *testing.T) {
	body := []byte(`{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}`)
	for oauth, want := range map[bool]batch.Consequence{true: batch.Retry, false: batch.Stop} {
		x := exchange{status: 401, body: body, oauth: oauth}
		if o := x.outcome(); o.Consequence != want {
			t.Errorf("oauth %v: %+v", oauth, o)
		}
	}
}
