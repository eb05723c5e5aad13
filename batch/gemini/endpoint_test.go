package gemini

import (
	"strings"
	"testing"
)

// environment stands in for os.Getenv.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestParseEndpoint(t *testing.T) {
	none := environment()
	cloud := environment("GOOGLE_CLOUD_PROJECT", "proj-1")
	tests := []struct {
		name  string
		o     EndpointOptions
		env   func(string) string
		model string
		url   string
		auth  Auth
		str   string
	}{
		{"default", EndpointOptions{}, none, "gemini-2.5-flash",
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", AuthGoogKey, "google"},
		{"models/ is cut", EndpointOptions{Name: "google"}, none, "models/gemini-2.5-flash",
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", AuthGoogKey, "google"},
		{"tuned model", EndpointOptions{Name: "google"}, none, "tunedModels/my-model-1",
			"https://generativelanguage.googleapis.com/v1beta/tunedModels/my-model-1:generateContent", AuthGoogKey, "google"},
		{"odd model", EndpointOptions{Name: "google"}, none, "../x?y#z/é",
			"https://generativelanguage.googleapis.com/v1beta/models/..%2Fx%3Fy%23z%2F%C3%A9:generateContent", AuthGoogKey, "google"},
		{"google moved by the environment", EndpointOptions{}, environment("GOOGLE_GEMINI_BASE_URL", "https://corp.example/g/"), "m",
			"https://corp.example/g/v1beta/models/m:generateContent", AuthGoogKey, "google:https://corp.example/g"},
		{"the option beats the environment", EndpointOptions{Name: "google", BaseURL: "https://here.example/v1"}, environment("GOOGLE_GEMINI_BASE_URL", "https://corp.example"), "m",
			"https://here.example/v1/models/m:generateContent", AuthGoogKey, "google:https://here.example"},
		{"gptproto", EndpointOptions{Name: "gptproto"}, none, "gemini-2.5-flash-nothinking",
			"https://gptproto.com/v1beta/models/gemini-2.5-flash-nothinking:generateContent", AuthRaw, "gptproto"},
		{"gptproto with bearer", EndpointOptions{Name: "gptproto", Auth: "bearer"}, none, "m",
			"https://gptproto.com/v1beta/models/m:generateContent", AuthBearer, "gptproto"},
		{"yescale", EndpointOptions{Name: "yescale", BaseURL: "https://api.yescale.example"}, none, "m",
			"https://api.yescale.example/v1beta/models/m:generateContent", AuthGoogKey, "yescale:https://api.yescale.example"},
		{"base URL", EndpointOptions{Name: "http://127.0.0.1:8080/gw/v1beta/"}, none, "m",
			"http://127.0.0.1:8080/gw/v1beta/models/m:generateContent", AuthGoogKey, "http://127.0.0.1:8080/gw"},
		{"base URL with models", EndpointOptions{BaseURL: "https://h/v1alpha/models"}, none, "m",
			"https://h/v1alpha/models/m:generateContent", AuthGoogKey, "https://h"},
		{"a prefix that is no version", EndpointOptions{Name: "https://h/v1beta/proxy"}, none, "m",
			"https://h/v1beta/proxy/v1beta/models/m:generateContent", AuthGoogKey, "https://h/v1beta/proxy"},
		{"sim", EndpointOptions{Name: "sim", BaseURL: "http://127.0.0.1:9"}, none, "m",
			"http://127.0.0.1:9/v1beta/models/m:generateContent", AuthNone, "sim"},
		{"vertex global", EndpointOptions{Name: "vertex"}, cloud, "gemini-2.5-pro",
			"https://aiplatform.googleapis.com/v1beta1/projects/proj-1/locations/global/publishers/google/models/gemini-2.5-pro:generateContent", AuthOAuth, "vertex:proj-1/global"},
		{"vertex region", EndpointOptions{Name: "vertex", Location: "us-central1"}, cloud, "m",
			"https://us-central1-aiplatform.googleapis.com/v1beta1/projects/proj-1/locations/us-central1/publishers/google/models/m:generateContent", AuthOAuth, "vertex:proj-1/us-central1"},
		{"vertex multi-region", EndpointOptions{Name: "vertex", Project: "p2"}, environment("GOOGLE_CLOUD_LOCATION", "eu"), "m",
			"https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p2/locations/eu/publishers/google/models/m:generateContent", AuthOAuth, "vertex:p2/eu"},
		{"vertex publisher", EndpointOptions{Name: "vertex"}, cloud, "publishers/other/models/x",
			"https://aiplatform.googleapis.com/v1beta1/projects/proj-1/locations/global/publishers/other/models/x:generateContent", AuthOAuth, "vertex:proj-1/global"},
		{"vertex tuned", EndpointOptions{Name: "vertex"}, cloud, "projects/1/locations/us-west1/endpoints/2",
			"https://aiplatform.googleapis.com/v1beta1/projects/1/locations/us-west1/endpoints/2:generateContent", AuthOAuth, "vertex:proj-1/global"},
		{"vertex express", EndpointOptions{Name: "vertex", Auth: "x-goog-api-key"}, cloud, "m",
			"https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m:generateContent", AuthGoogKey, "vertex"},
		{"vertex with its dialect elsewhere", EndpointOptions{Name: "vertex", BaseURL: "https://psc.example/v1"}, cloud, "m",
			"https://psc.example/v1/projects/proj-1/locations/global/publishers/google/models/m:generateContent", AuthOAuth, "vertex:proj-1/global"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseEndpoint(tt.o, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.URL(tt.model, ":generateContent"); got != tt.url {
				t.Errorf("url\n got %s\nwant %s", got, tt.url)
			}
			if e.Auth != tt.auth || e.String() != tt.str {
				t.Errorf("auth %s, name %s; want %s, %s", e.Auth, e, tt.auth, tt.str)
			}
		})
	}
}

func TestParseEndpointErrors(t *testing.T) {
	none := environment()
	tests := []struct {
		name string
		o    EndpointOptions
		want string
	}{
		{"unknown", EndpointOptions{Name: "gogle"}, "want google, vertex"},
		{"yescale without a host", EndpointOptions{Name: "yescale"}, "--base-url"},
		{"sim without a host", EndpointOptions{Name: "sim"}, "--base-url"},
		{"twice", EndpointOptions{Name: "https://a", BaseURL: "https://b"}, "leave --base-url out"},
		{"no scheme", EndpointOptions{BaseURL: "host/prefix"}, "https://host/prefix"},
		{"wrong scheme", EndpointOptions{BaseURL: "ftp://host"}, "https://host/prefix"},
		{"key in the query", EndpointOptions{BaseURL: "https://h/?key=secret-1"}, "--api-key-env"},
		{"user", EndpointOptions{BaseURL: "https://me:secret-1@h/"}, "--api-key-env"},
		{"whole call", EndpointOptions{BaseURL: "https://h/v1beta/models/m:generateContent"}, "before /v1beta"},
		{"OpenAI", EndpointOptions{BaseURL: "https://h/v1beta/openai/"}, "OpenAI"},
		{"auth", EndpointOptions{Auth: "basic"}, "unknown auth"},
		{"oauth elsewhere", EndpointOptions{Auth: "oauth"}, "vertex only"},
		{"vertex without project", EndpointOptions{Name: "vertex"}, "GOOGLE_CLOUD_PROJECT"},
		{"location is part of the host", EndpointOptions{Name: "vertex", Project: "p", Location: "evil.example/"}, "not a location"},
		{"project is part of the path", EndpointOptions{Name: "vertex", Project: "../x"}, "not a project"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseEndpoint(tt.o, none)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one that says %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret-1") {
				t.Errorf("the secret is in %q", err)
			}
		})
	}
}

func TestKeyEnv(t *testing.T) {
	// A key found in the environment is sent only to its own provider.
	for name, want := range map[string]string{
		"google": "GOOGLE_API_KEY GEMINI_API_KEY", "gptproto": "GPTPROTO_API_KEY", "https://h": "GENBATCH_API_KEY",
	} {
		e, err := ParseEndpoint(EndpointOptions{Name: name}, environment())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(e.KeyEnv, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestWarning(t *testing.T) {
	for base, want := range map[string]bool{
		"https://h": false, "http://127.0.0.1:80": false, "http://localhost": false, "http://[::1]:80": false,
		"http://10.0.0.1": true, "http://gateway.example/x": true,
	} {
		e, err := ParseEndpoint(EndpointOptions{Name: base}, environment())
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Warning() != ""; got != want {
			t.Errorf("%s: warning %q", base, e.Warning())
		}
	}
	e, _ := ParseEndpoint(EndpointOptions{Name: "http://10.0.0.1", Auth: "none"}, environment())
	if e.Warning() != "" {
		t.Errorf("no key is sent: %q", e.Warning())
	}
}
