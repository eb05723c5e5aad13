package sim

import (
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
		{"unknown verb", "", "/v1beta/models/gemini-2.5-flash:embedContent", Google, 404},
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
