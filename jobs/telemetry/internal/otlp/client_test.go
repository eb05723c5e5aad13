package otlp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A redirect is not followed, since the headers may hold a key, and no message shows what may
// be secret in an address.
func TestKeepsSecrets(t *testing.T) {
	var elsewhere bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if elsewhere = elsewhere || r.URL.Path == "/elsewhere"; r.Header.Get("X-Key") != "s3cret" {
			t.Errorf("headers %v", r.Header)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(server.URL, "//", "//user:s3cret@", 1)+"?key=s3cret")
	c, err := newClient(Traces)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{server.URL + "/v1/traces answers 307", server.URL + "/v1/traces: "} {
		err := c.send(t.Context(), nil)
		if err == nil || elsewhere || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, elsewhere %t, want %s", err, elsewhere, want)
		}
		server.Close()
	}
}
