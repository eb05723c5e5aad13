package gemini

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// TestDefaultCredentials logs in with a service account's key file, and again
// when the token has expired, but not before.
func TestDefaultCredentials(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var logins atomic.Int32
	lifetimes := []int{3600, 1} // of the second token, and of the first
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := logins.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"ya29.token-%d","token_type":"Bearer","expires_in":%d}`, n, lifetimes[max(0, 2-n)])
	}))
	defer tokens.Close()
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "client_email": "robot@p.example", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)

	var seen []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		io.WriteString(w, stopAnswer)
	}, func(c *Config) {
		e, err := ParseEndpoint(EndpointOptions{Name: "vertex", BaseURL: c.Endpoint.BaseURL, Project: "p"}, environment())
		if err != nil {
			t.Fatal(err)
		}
		c.Endpoint = e
	})
	for range 3 {
		if o := ask(t, c, `{}`); o.Status != batch.OK {
			t.Fatalf("%+v %v", o, o.Err)
		}
	}
	if got, want := fmt.Sprint(seen), "[Bearer ya29.token-1 Bearer ya29.token-2 Bearer ya29.token-2]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestNoDefaultCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	e, err := ParseEndpoint(EndpointOptions{Name: "vertex", Project: "p"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Endpoint: e}); err == nil {
		t.Error("New works without credentials")
	}
}
