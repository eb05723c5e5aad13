package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

const (
	// patience is for how long a call is made again. Those who read wait for two minutes, so
	// that they are told what went wrong.
	patience = 75 * time.Second

	// unreachable is for how long one is made again that reaches no server.
	unreachable = 10 * time.Second

	// firstContact is for how long all calls together are that reach a server which was never
	// reached. That is mostly a mistake in an address.
	firstContact = 5 * time.Second

	firstWait, longestWait = 200 * time.Millisecond, 10 * time.Second
)

// Again is the error of a call that may succeed when it is made again.
type Again struct {
	Err   error
	After time.Duration // how long the store asks to wait; 0 = it does not say
}

func (e *Again) Error() string { return e.Err.Error() }
func (e *Again) Unwrap() error { return e.Err }

// Do makes a call, and again while its error is an [Again], after waits that grow. It gives up
// some time before the two minutes are over for which readers wait, or with its context.
func Do(ctx context.Context, call func(context.Context) error) error {
	begin := time.Now()
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := call(ctx)
		again, ok := errors.AsType[*Again](err)
		if !ok {
			return err
		}
		limit, since := patience, begin
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			limit = unreachable
		}
		if never, ok := errors.AsType[*Unreached](err); ok {
			limit, since = firstContact, never.Since
		}
		wait := max(waitAfter(attempt), min(again.After, limit))
		if spent := time.Since(begin); time.Since(since)+wait > limit {
			if attempt == 1 {
				return again.Err
			}
			return fmt.Errorf("%w (tried %d times in %v)", again.Err, attempt, spent.Round(time.Second))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w; before that: %w", ctx.Err(), again.Err)
		}
	}
}

// waitAfter returns how long to wait after so many attempts. The half of it is left to chance, so
// that those who failed together do not come again together.
func waitAfter(attempt int) time.Duration {
	wait := min(firstWait<<min(attempt-1, 10), longestWait)
	return wait/2 + rand.N(wait/2)
}

// Failed returns the error of a call that has no answer: an [Again], unless it will fail
// likewise each time.
func Failed(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if lasting(err) {
		return err
	}
	return &Again{Err: err}
}

// lasting reports whether a call that has no answer will have none the next time.
func lasting(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true // a server without TLS
	}
	return errors.Is(err, http.ErrSchemeMismatch)
}

// IsTemporary reports whether an answer of that status may be another one the next time.
func IsTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return status >= 520 && status < 530 // of proxies such as Cloudflare
}
