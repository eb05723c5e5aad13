package sim

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	tests := []struct {
		name, prefix, path string
		dialect            Dialect
		code               int
	}{
		{"v1", "", "/v1/models/gemini-2.5-flash:generateContent", Google, 200},
		{"prefix", "/proxy/gemini/", "/proxy/gemini/v1beta/models/gemini-2.5-flash:generateContent", Google, 200},
		{"prefix missing", "/proxy", flash, Google, 404},
		{"twice the version", "", "/v1beta/v1beta/models/gemini-2.5-flash:generateContent", Google, 404},
		{"vertex path", "", "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent", Google, 404},
		{"vertex without location", "", "/v1/projects/p/publishers/google/models/gemini-2.5-flash:generateContent", Vertex, 404},
		{"no verb", "", "/v1beta/models/gemini-2.5-flash", Google, 404}, // POST
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{PathPrefix: tt.prefix, Dialect: tt.dialect}), tt.path, ask("hi", ""))
			if w.Code != tt.code {
				t.Errorf("status %d, want %d: %s", w.Code, tt.code, w.Body)
			}
			if html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); html != (tt.code == 404) {
				t.Errorf("content type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

// A model that does not exist, and a method that a model does not have, are refused in the
// API's own words.
func TestUnknownModels(t *testing.T) {
	s := New(Config{Models: []string{"house-model"}})
	for path, want := range map[string]string{
		"/v1beta/models/gemini-3.6-flahs:generateContent":             "models/gemini-3.6-flahs is not found for API version v1beta, or is not supported for generateContent.",
		"/v1/models/gemini-2.5-flash-lit:streamGenerateContent":       "models/gemini-2.5-flash-lit is not found for API version v1, or is not supported for streamGenerateContent.",
		"/v1beta/models/gemini-9:countTokens":                         "models/gemini-9 is not found for API version v1beta, or is not supported for countTokens.",
		"/v1beta/models/gemini-2.5-flash:embedContent":                "models/gemini-2.5-flash is not found for API version v1beta, or is not supported for embedContent.",
		"/v1beta/models/gemini-2.0-flash:generateContent":             "is not found",
		"/v1beta/models/gemini-embedding-001:generateContent":         "is not found",
		"/v1beta/models/gemini-omni-1.1-flash:generateContent":        "is not found",
		"/v1beta/models/gemini-2.5-flash-nothinking:generateContent":  "is not found",
		"/v1beta/models/gpt-4o:generateContent":                       "is not found",
		"/v1beta/models/house-model:generateContent":                  "",
		"/v1beta/models/gemini-2.5-flash-001:generateContent":         "",
		"/v1beta/models/gemini-2.5-flash-preview-09-2025:countTokens": "",
		"/v1beta/models/gemini-4-neon:generateContent":                "",
		"/v1beta/models/gemini-flash-latest:generateContent":          "",
	} {
		w := call(s, path, ask("hi", ""))
		if want == "" {
			if w.Code != 200 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			continue
		}
		if w.Code != 404 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"status":"NOT_FOUND"`) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
}

// odd is a body whose reader fails as none should.
type odd struct{ io.Reader }

func (odd) Read([]byte) (int, error) { panic("a fault of ours") }

// A panic is an error of the server, in JSON, and no broken connection.
func TestPanic(t *testing.T) {
	r := httptest.NewRequest("POST", flash, odd{})
	r.Header.Set("X-Goog-Api-Key", "k")
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, r)
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"status":"INTERNAL"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct{ pattern, resource, name string }{
		{"models", "models", ""},
		{"models/{model}", "models/a", "a"},
		{"models/{model}:do", "models/a:do", "a"},
		{"files/{file...}", "files/a/b:c", "a/b:c"},
		{"files/{file...}", "files/", ""},
	} {
		if name, ok := match(tt.pattern, tt.resource); name != tt.name || !ok {
			t.Errorf("%s of %s: %q %v, want %q", tt.pattern, tt.resource, name, ok, tt.name)
		}
	}
	for pattern, resources := range map[string][]string{
		"models":            {"", "model", "models/"},
		"models/{model}":    {"models", "models/", "models/a:do", "models/a/b"},
		"models/{model}:do": {"models/:do", "models/a", "models/a:b:do", "models/:d", "models/a:dodo"},
	} {
		for _, r := range resources {
			if name, ok := match(pattern, r); ok {
				t.Errorf("%s matches %s as %q", pattern, r, name)
			}
		}
	}
}
