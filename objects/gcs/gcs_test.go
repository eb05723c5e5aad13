package gcs

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/genbatch/genbatch/objects"
)

// A refusal says what it means, and what to do. Only the store itself gets a token.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		is     error
		want   string
	}{
		{404, "No such object: shop/k", fs.ErrNotExist, "gs://shop/k: there is no such object, or no such bucket (the store says No such object: shop/k)"},
		{403, `{"error":{"code":403,"message":"x@y does not have storage.objects.get access","errors":[{"reason":"forbidden"}]}}`, fs.ErrPermission, "roles/storage.objectViewer"},
		{401, `{"error":{"message":"Anonymous caller"}}`, fs.ErrPermission, "Anonymous caller"},
		{412, "", objects.ErrChanged, "run again"},
		{400, "<html>", nil, "the store says Bad Request (400)"},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls++; r.Header.Get("Authorization") != "Bearer secret" {
					t.Errorf("the header is %q", r.Header.Get("Authorization"))
				}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			}))
			defer srv.Close()
			base, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			b := &bucket{name: "shop", base: base, client: srv.Client(), tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"})}
			_, err = b.ReadAt(t.Context(), "k", "7", make([]byte, 1), 0)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) || calls != 1 {
				t.Errorf("%v after %d calls, want %s", err, calls, tt.want)
			}
		})
	}
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("another host gets the token")
		}
	}))
	defer other.Close()
	b := &bucket{base: &url.URL{Scheme: "https", Host: "storage.googleapis.com"}, client: other.Client(), tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"})}
	resp, err := b.do(t.Context(), call{method: http.MethodPut, address: other.URL})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// An account of a busy project is told so by 403, which passes.
func TestBusy(t *testing.T) {
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"error":{"message":"slow down","errors":[{"reason":"rateLimitExceeded"}]}}`))
			return
		}
		w.Write([]byte(`{"name":"k","size":"5","generation":"7","updated":"2026-11-30T01:00:00Z"}`))
	}))
	defer srv.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", srv.URL)
	b, err := Open(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := b.Stat(t.Context(), "k"); err != nil || info.Size != 5 || info.Version != "7" || calls != 2 {
		t.Errorf("%+v, %v after %d calls", info, err, calls)
	}
}

func TestNoCredentials(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none")
	if _, err := Open(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "gcloud auth application-default login") {
		t.Errorf("%v", err)
	}
	t.Setenv("GS_NO_SIGN_REQUEST", "YES")
	if _, err := Open(t.Context(), "shop"); err != nil {
		t.Errorf("a reader without credentials: %v", err)
	}
}
