package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/jobs/spec"
)

// The secret and the signature are those of the test of Standard Webhooks' own libraries:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/go/webhook_test.go.
// What their library for Go says of a request as it arrives, examples/webhook_test.go asks.
const publishedSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestPublishedSignature(t *testing.T) {
	t.Setenv("HOOK_SECRET", publishedSecret)
	keys, _, err := keysOf(&spec.Webhook{SecretEnv: "HOOK_SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	got := signatures(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

// Two secrets make two signatures, so that a receiver may know either.
func TestRotation(t *testing.T) {
	t.Setenv("HOOK_SECRET", publishedSecret+"\n whsec_"+strings.Repeat("AAAA", 8))
	keys, _, err := keysOf(&spec.Webhook{SecretEnv: "HOOK_SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(signatures(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
	if len(got) != 2 || got[0] != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || got[1] == got[0] {
		t.Errorf("two secrets make the signatures %q", got)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	for want, secret := range map[string]string{
		"is empty or not set":  " \n",
		"is not whsec_ and":    "whsec_not-base64!",
		"has 3 bytes, and":     "whsec_AAAA",
		"has 66 bytes, and":    "whsec_" + strings.Repeat("AAAA", 22),
		"has 6 bytes, and mus": publishedSecret + " whsec_AAAAAAAA",
	} {
		t.Setenv("HOOK_SECRET", secret)
		_, _, err := keysOf(&spec.Webhook{SecretEnv: "HOOK_SECRET"})
		var mistake *spec.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("the secret %q is answered with: %v", secret, err)
		}
	}
}

// A world is where a webhook posts to: it answers with each status in turn, and then with the
// last one.
type world struct {
	t        *testing.T
	statuses []int // 0: the connection breaks; below 0: no answer comes
	header   http.Header
	body     string
	requests []*http.Request
	bodies   []string
	at       []time.Time
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.requests, w.bodies, w.at = append(w.requests, r), append(w.bodies, string(text)), append(w.at, time.Now())
	status := w.statuses[min(len(w.requests), len(w.statuses))-1]
	switch {
	case status < 0:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case status == 0:
		return nil, errors.New("connection reset by peer")
	}
	return &http.Response{Status: http.StatusText(status), StatusCode: status, Header: w.header, Body: io.NopCloser(strings.NewReader(w.body)), Request: r}, nil
}

// told returns what the hooks of a webhook warn of, and how long they take.
func told(t *testing.T, w http.RoundTripper, s spec.Webhook) (warnings string, took time.Duration) {
	t.Helper()
	var log bytes.Buffer
	h, err := New(&spec.Spec{Webhook: s}, "", Options{Stderr: io.Discard, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.webhook.transport = w
	begin := time.Now()
	h.Tell(t.Context(), &Run{Record: []byte(`{"type":"summary","exit_code":3}`), ExitCode: 3, Output: "/data/out.csv", State: "/data/out.csv.genbatch", Ended: begin})
	return log.String(), time.Since(begin)
}

// What may help is tried again, later and later, with the same id, and a signature and a time of
// its own.
func TestAttempts(t *testing.T) {
	t.Setenv("HOOK_SECRET", publishedSecret)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, statuses: []int{500, 0, 429, 408, 204}}
		warnings, took := told(t, w, spec.Webhook{URL: "https://example.com/hook", SecretEnv: "HOOK_SECRET"})
		if warnings != "" || len(w.requests) != 5 {
			t.Fatalf("after %d attempts: %s", len(w.requests), warnings)
		}
		if took < 7500*time.Millisecond || took > 22500*time.Millisecond { // half to three halves of 1 + 2 + 4 + 8 s
			t.Errorf("5 attempts took %v", took)
		}
		keys, _, err := keysOf(&spec.Webhook{SecretEnv: "HOOK_SECRET"})
		if err != nil {
			t.Fatal(err)
		}
		id := w.requests[0].Header.Get("webhook-id")
		for i, r := range w.requests {
			if got := r.Header.Get("webhook-id"); got != id || id == "" {
				t.Errorf("attempt %d has the id %q, and the first one %q", i+1, got, id)
			}
			if got, want := r.Header.Get("webhook-signature"), signatures(keys, id, w.at[i], []byte(w.bodies[i])); got != want {
				t.Errorf("attempt %d has the signature %s, want %s", i+1, got, want)
			}
			if got, want := r.Header.Get("webhook-timestamp"), strconv.FormatInt(w.at[i].Unix(), 10); got != want {
				t.Errorf("attempt %d has the time %s, want %s", i+1, got, want)
			}
		}
		var got struct {
			Type      string
			Timestamp time.Time
			Job       map[string]string
			Data      map[string]any
		}
		if err := json.Unmarshal([]byte(w.bodies[4]), &got); err != nil || w.bodies[4] != w.bodies[0] {
			t.Fatalf("%v: %s and %s", err, w.bodies[0], w.bodies[4])
		}
		if got.Type != "genbatch.run.finished" || got.Data["exit_code"] != 3.0 || got.Job["output"] != "/data/out.csv" || got.Timestamp.IsZero() {
			t.Errorf("posted: %s", w.bodies[4])
		}
	})
}

// What is refused for good is posted once. Neither the address nor what a reply repeats of it is
// shown, but for the host.
func TestRefusals(t *testing.T) {
	for status, want := range map[int]string{
		400: "invalid_token [redacted]", 401: "Unauthorized", 404: "Not Found", 410: "Gone", 302: "redirects are not followed",
	} {
		w := &world{t: t, statuses: []int{status}, header: http.Header{"Location": {"https://elsewhere.example/"}}, body: "invalid_token\nt0kent0ken"}
		warnings, _ := told(t, w, spec.Webhook{URL: "https://example.com/services/t0kent0ken?key=t0kent0ken"})
		if len(w.requests) != 1 || !strings.Contains(warnings, want) || !strings.Contains(warnings, "https://example.com was not told") {
			t.Errorf("%d is answered with %d attempts and: %s", status, len(w.requests), warnings)
		}
		if strings.Contains(warnings, "t0ken") || strings.Contains(warnings, "services") {
			t.Errorf("the address is shown: %s", warnings)
		}
		if w.requests[0].Header.Get("webhook-signature") != "" {
			t.Error("it is signed without a secret")
		}
	}
}

// However a receiver behaves, it holds up the end for no longer than its time.
func TestPatience(t *testing.T) {
	for name, statuses := range map[string][]int{"refusing": {503}, "hanging": {-1}, "unreachable": {0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, statuses: statuses}
				warnings, took := told(t, w, spec.Webhook{URL: "https://example.com/t0ken"})
				if took > 30*time.Second || took < 10*time.Second || len(w.requests) < 2 {
					t.Errorf("%d attempts took %v", len(w.requests), took)
				}
				if !strings.Contains(warnings, "was not told: after ") || strings.Contains(warnings, "t0ken") {
					t.Errorf("warned: %s", warnings)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, statuses: []int{503}, header: http.Header{"Retry-After": {"3600"}}}
		if _, took := told(t, w, spec.Webhook{URL: "https://example.com/t0ken"}); took != 0 || len(w.requests) != 1 {
			t.Errorf("asked to come back in an hour, it made %d attempts in %v", len(w.requests), took)
		}
	})
}

// A server that accepts connections and says nothing is left in time, by the network too.
func TestHangingServer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	warnings, took := told(t, nil, spec.Webhook{URL: server.URL + "/t0ken", Timeout: 200 * time.Millisecond})
	if took > 5*time.Second || !strings.Contains(warnings, "was not told") || strings.Contains(warnings, "t0ken") {
		t.Errorf("after %v: %s", took, warnings)
	}
}

// That others can read what is posted is said, unless it stays on the machine.
func TestPlainText(t *testing.T) {
	for address, warned := range map[string]bool{
		"http://example.com/t0ken": true, "https://example.com/t0ken": false, "http://127.0.0.1/t0ken": false, "http://[::1]:80/": false, "http://localhost/": false,
	} {
		var log bytes.Buffer
		if _, err := New(&spec.Spec{Webhook: spec.Webhook{URL: address}}, "", Options{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "not encrypted"); got != warned || strings.Contains(log.String(), "t0ken") {
			t.Errorf("%s: %s", address, log.String())
		}
	}
}
