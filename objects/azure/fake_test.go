package azure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/genbatch/genbatch/objects"
)

// A world is a machine with an environment, on which all requests go to a function.
type world struct {
	env    map[string]string
	answer func(*http.Request) (*http.Response, error)
	az     func() ([]byte, error) // the program az; nil = not installed

	mu   sync.Mutex
	asks []string // what was asked: method, URL and what matters of the header
}

// RoundTrip implements [http.RoundTripper].
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asks = append(w.asks, r.Method+" "+r.URL.String())
	w.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a, err := w.answer(r)
	if a != nil {
		a.Request = r
	}
	return a, err
}

func (w *world) machine() machine {
	client := &http.Client{Transport: w, CheckRedirect: stay}
	return machine{
		getenv: func(name string) string { return w.env[name] },
		client: client,
		local:  client,
		output: func(_ context.Context, program string, _ ...string) ([]byte, error) {
			if w.az == nil {
				return nil, &exec.Error{Name: program, Err: exec.ErrNotFound}
			}
			return w.az()
		},
	}
}

func (w *world) open(t *testing.T, name string) objects.Bucket {
	t.Helper()
	b, err := open(t.Context(), name, w.machine())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyed is an environment with an account and its key.
func keyed() map[string]string {
	return map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_KEY": "a2V5"}
}

// reply makes an answer. Headers are given as name and value.
func reply(status int, body string, headers ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	a := &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	if length := h.Get("Content-Length"); length != "" {
		_, _ = fmt.Sscan(length, &a.ContentLength)
	}
	return a
}

// refusal is an answer of the service that is no success.
func refusal(status int, code, message string) *http.Response {
	return reply(status, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>"+code+"</Code><Message>"+message+"\nRequestId:1\nTime:now</Message></Error>",
		"x-ms-error-code", code, "x-ms-request-id", "r-1")
}

// cut is an answer that ends too early.
func cut(a *http.Response, n int) *http.Response {
	whole, _ := io.ReadAll(a.Body)
	a.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:n]), broken{}))
	return a
}

// broken is a connection that was reset.
type broken struct{}

var errReset = errors.New("connection reset by peer")

func (broken) Read([]byte) (int, error) { return 0, errReset }

// head is the answer to HEAD for a blob.
func head(version string, size int, headers ...string) *http.Response {
	return reply(200, "", append([]string{"ETag", `"` + version + `"`, "Content-Length", fmt.Sprint(size), "Last-Modified", "Sat, 01 Aug 2026 10:00:00 GMT"}, headers...)...)
}
