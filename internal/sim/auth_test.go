package sim

import (
	"strings"
	"testing"
)

func TestAuth(t *testing.T) {
	const ex = "/v1beta1/publishers/google/models/gemini-2.5-flash:generateContent"
	const project = "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
	tests := []struct {
		name    string
		dialect Dialect
		path    string
		key     string // x-goog-api-key
		auth    string
		code    int
		message string
	}{
		{"google key", Google, flash, "good", "", 200, ""},
		{"google query", Google, flash + "?key=good", "", "", 200, ""},
		{"google bearer", Google, flash, "", "Bearer good", 200, ""},
		{"google bad key", Google, flash, "bad", "", 400, `"reason":"API_KEY_INVALID"`},
		{"google none", Google, flash, "", "", 403, "Method doesn't allow unregistered callers"},
		{"google two", Google, flash + "?key=good", "good", "", 400, "Multiple authentication credentials received"},
		{"google raw", Google, flash, "", "good", 401, "ACCESS_TOKEN_TYPE_UNSUPPORTED"},
		{"google bad bearer", Google, flash, "", "Bearer bad", 401, "UNAUTHENTICATED"},
		{"vertex bearer", Vertex, project, "", "Bearer good", 200, ""},
		{"vertex key with a project", Vertex, project, "good", "", 401, "API keys are not supported"},
		{"vertex express", Vertex, ex, "good", "", 200, ""},
		{"vertex none", Vertex, project, "", "", 401, "CREDENTIALS_MISSING"},
		{"yescale", YEScale, flash, "good", "", 200, ""},
		{"yescale bearer", YEScale, flash, "", "Bearer good", 401, "No token provided (request id: "},
		{"yescale bad", YEScale, flash, "bad", "", 401, `"message":"Invalid token (request id: `},
		{"gptproto raw", GPTProto, flash, "", "good", 200, ""},
		{"gptproto bearer", GPTProto, flash, "", "Bearer good", 200, ""},
		{"gptproto header", GPTProto, flash, "good", "", 401, `"type":"new_api_error"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(Config{Dialect: tt.dialect, Keys: []string{"good"}}), tt.path, ask("hi", ""), "X-Goog-Api-Key", tt.key, "Authorization", tt.auth)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.message) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, tt.code, tt.message)
			}
		})
	}
}

func authFor(d Dialect) string {
	if d == Vertex || d == GPTProto {
		return "Bearer k"
	}
	return ""
}

func keyFor(d Dialect) string {
	if authFor(d) != "" {
		return ""
	}
	return "k"
}
