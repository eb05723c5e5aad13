package hooks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/internal/version"
)

const (
	attemptPatience = 15 * time.Second // for one attempt
	firstPause      = time.Second      // between attempts; it doubles each time
	mostReply       = 4 << 10          // bytes of a reply that are read
)

// A webhook posts by the rules of Standard Webhooks 1.0.0:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
type webhook struct {
	address *url.URL
	keys    [][]byte      // none: what is posted is not signed
	patient time.Duration // for all attempts together
	redact  *redact.Redactor

	transport http.RoundTripper // in the place of the network, for tests; mostly nil
}

// name is as much of the address as may be shown: what follows the host is often a secret.
func (w *webhook) name() string { return w.address.Scheme + "://" + w.address.Host }

// A refusal is a reply that is no success.
type refusal struct {
	status     string
	text       string        // of the reply, one line
	again      bool          // whether another attempt may help
	retryAfter time.Duration // as the receiver says; 0 if it does not
}

func (r *refusal) Error() string {
	if r.text == "" {
		return "it answered " + r.status
	}
	return "it answered " + r.status + ": " + r.text
}

// post posts what a run came to, until it is accepted, is refused for good, or the time is over.
// All attempts have one id, by which a receiver knows them for the same.
func (w *webhook) post(ctx context.Context, r *Run) error {
	body, err := r.body()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.patient)
	defer cancel()
	end := time.Now().Add(w.patient)
	network := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer network.CloseIdleConnections()
	client := &http.Client{
		Transport: cmp.Or[http.RoundTripper](w.transport, network), Timeout: min(attemptPatience, w.patient),
		// A redirect is no success by the specification, and may lead to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	id := "msg_" + rand.Text()
	for pause, attempts := firstPause, 1; ; pause, attempts = 2*pause, attempts+1 {
		err := w.attempt(ctx, client, id, body)
		refused, isRefused := errors.AsType[*refusal](err)
		if err == nil || isRefused && !refused.again {
			return err
		}
		wait := pause/2 + mathrand.N(pause) // not in step with others that it refuses
		if isRefused {
			wait = max(wait, refused.retryAfter)
		}
		if ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return fmt.Errorf("after %d attempts in %v: %w", attempts, (w.patient - time.Until(end)).Round(100*time.Millisecond), err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// attempt posts once. The error is a [*refusal] if there was a reply.
func (w *webhook) attempt(ctx context.Context, client *http.Client, id string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.String(), bytes.NewReader(body))
	if err != nil {
		return withoutAddress(err)
	}
	now := time.Now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "genbatch/"+version.Version())
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	if len(w.keys) > 0 {
		request.Header.Set("webhook-signature", signatures(w.keys, id, now, body))
	}
	response, err := client.Do(request)
	if err != nil {
		return withoutAddress(err)
	}
	defer response.Body.Close()
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, mostReply)) // as far as it comes
	r := &refusal{
		status: response.Status, text: w.redact.Line(string(text), 200),
		again: code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500,
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = time.Duration(seconds) * time.Second
	}
	if code >= 300 && code < 400 {
		r.text = "redirects are not followed: write the address to which it leads"
	}
	return r
}

// signatures returns the value of webhook-signature: one for each key.
func signatures(keys [][]byte, id string, at time.Time, body []byte) string {
	var list []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		mac.Write(body)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(list, " ")
}

// withoutAddress returns the cause of an error of package http, whose text begins with the whole
// address.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
