package gemini

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"golang.org/x/oauth2"
)

func TestCountTokens(t *testing.T) {
	const body = `{"contents":[{"role":"user","parts":[{"text":"a < b"}]}],"generationConfig":{"maxOutputTokens":9},"labels":{"a":"b"},"systemInstruction":{"parts":[{"text":"s"}]}}`
	var status int
	var reply, path, sent string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		path, sent = r.URL.String(), string(b)
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply)), Request: r}, err
	})
	for _, tt := range []struct {
		endpoint   EndpointOptions
		path, sent string
	}{
		{EndpointOptions{Name: "google"}, "https://generativelanguage.googleapis.com/v1beta/models/m:countTokens",
			`{"generateContentRequest":{"contents":[{"role":"user","parts":[{"text":"a < b"}]}],"generationConfig":{"maxOutputTokens":9},"labels":{"a":"b"},"model":"models/m","systemInstruction":{"parts":[{"text":"s"}]}}}`},
		{EndpointOptions{Name: "google", Auth: "query"}, "/v1beta/models/m:countTokens?key=sesame",
			`{"generateContentRequest":{"contents":[{"role":"user","parts":[{"text":"a < b"}]}],"generationConfig":{"maxOutputTokens":9},"labels":{"a":"b"},"model":"models/m","systemInstruction":{"parts":[{"text":"s"}]}}}`},
		{EndpointOptions{Name: "vertex", Project: "p", Location: "europe-west4"}, "/projects/p/locations/europe-west4/publishers/google/models/m:countTokens",
			`{"contents":[{"role":"user","parts":[{"text":"a < b"}]}],"generationConfig":{"maxOutputTokens":9},"systemInstruction":{"parts":[{"text":"s"}]}}`},
	} {
		e, err := ParseEndpoint(tt.endpoint, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Endpoint: e, Key: func() string { return "sesame" }, Stream: true, Transport: transport, Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "sesame"})})
		if err != nil {
			t.Fatal(err)
		}
		count := func() (int64, error) {
			return c.CountTokens(t.Context(), &batch.Request{Model: "m", Body: json.RawMessage(body)})
		}
		status, reply = 200, `{"totalTokens":"31"}`
		if n, err := count(); n != 31 || err != nil {
			t.Errorf("%s: %d, %v", e, n, err)
		}
		if !strings.HasSuffix(path, tt.path) || strings.TrimSpace(sent) != tt.sent {
			t.Errorf("%s: %s was sent\n%swant %s\n%s", e, path, sent, tt.path, tt.sent)
		}
		for _, bad := range []struct {
			status      int
			reply, want string
		}{
			{200, `{}`, "no totalTokens"},
			{200, `<html>`, "no totalTokens"},
			{400, `{"error":{"code":400,"message":"not with sesame","status":"INVALID_ARGUMENT"}}`, "INVALID_ARGUMENT: not with"},
		} {
			status, reply = bad.status, bad.reply
			if n, err := count(); err == nil || n != 0 || !strings.Contains(err.Error(), bad.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: %s comes to %d, %v", e, bad.reply, n, err)
			}
		}
	}
}

// TestCanCount checks that a gateway is not asked, whatever name it is given.
func TestCanCount(t *testing.T) {
	for o, can := range map[EndpointOptions]bool{
		{Name: "google"}: true,
		{Name: "vertex", Project: "p", Location: "global"}:             true,
		{Name: "yescale", BaseURL: "https://y.example"}:                false,
		{Name: "google", BaseURL: "https://gateway.example"}:           false,
		{Name: "google", BaseURL: "https://googleapis.com.example"}:    false,
		{Name: "https://generativelanguage.googleapis.com.gateway.io"}: false,
	} {
		e, err := ParseEndpoint(o, func(string) string { return "" })
		if err != nil {
			t.Errorf("%+v: %v", o, err)
			continue
		}
		if err := e.CanCount(); (err == nil) != can {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
