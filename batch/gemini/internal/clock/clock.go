// Package clock ends exchanges that take too long or fall silent, and bounds what is read
// of their replies.
package clock

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// The reasons for which a [Clock] ends an attempt.
var (
	ErrTotal = errors.New("no complete answer within the timeout")
	ErrIdle  = errors.New("the connection fell silent")
)

// Limits are how long an attempt may take.
type Limits struct {
	Total time.Duration // of all of it
	Idle  time.Duration // of a pause in an answer that has begun

	// Open says that an answer that has begun may take as long as it likes. Then Total
	// bounds the wait for its beginning.
	Open bool
}

// A Clock ends an attempt by cancelling its context.
type Clock struct {
	limits Limits
	cancel context.CancelCauseFunc
	timer  *time.Timer
	begun  atomic.Bool // whether the answer has begun
	end    time.Time
}

// Start returns the context of an attempt that begins now. Its Clock must be stopped.
func Start(ctx context.Context, limits Limits) (context.Context, *Clock) {
	attempt, cancel := context.WithCancelCause(ctx)
	k := &Clock{limits: limits, cancel: cancel, end: time.Now().Add(limits.Total)}
	k.timer = time.AfterFunc(limits.Total, func() {
		if k.begun.Load() && k.left() > 0 {
			cancel(ErrIdle)
		} else {
			cancel(ErrTotal)
		}
	})
	return attempt, k
}

// left returns how long the answer may still pause.
func (k *Clock) left() time.Duration {
	if k.limits.Open {
		return k.limits.Idle
	}
	return min(k.limits.Idle, time.Until(k.end))
}

// Alive notes that a part of the answer has arrived.
func (k *Clock) Alive() {
	k.begun.Store(true)
	k.timer.Reset(k.left())
}

// Stop ends the attempt's context.
func (k *Clock) Stop() {
	k.timer.Stop()
	k.cancel(nil)
}

// Why returns the reason for which the attempt was ended, or else err. The reason says
// more than the error that the transport makes of it.
func Why(attempt context.Context, err error) error {
	if cause := context.Cause(attempt); cause != nil {
		return cause
	}
	return err
}

// firstBuffer bounds the memory that is allocated at once for a body. Its Content-Length
// is only a claim.
const firstBuffer = 1 << 20

// ReadBody reads at most limit bytes of an answer, and oversize reports whether there were
// more. Data that was read before an error is returned together with the error.
func (k *Clock) ReadBody(resp *http.Response, limit int64) (body []byte, oversize bool, err error) {
	var b bytes.Buffer
	if n := min(resp.ContentLength, limit, firstBuffer); n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err = b.ReadFrom(io.LimitReader(watched{resp.Body, k}, limit+1))
	if int64(b.Len()) > limit {
		return b.Bytes()[:limit], true, err
	}
	return b.Bytes(), false, err
}

// watched notes every read that returns data.
type watched struct {
	io.ReadCloser
	clock *Clock
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.clock.Alive()
	}
	return n, err
}

// Stream returns the body of an answer for its reader, who must close it. That stops the
// Clock.
func (k *Clock) Stream(attempt context.Context, body io.ReadCloser) io.ReadCloser {
	return &stream{watched{body, k}, attempt}
}

type stream struct {
	watched
	attempt context.Context
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.watched.Read(p)
	if err != nil && err != io.EOF {
		err = Why(s.attempt, err)
	}
	return n, err
}

func (s *stream) Close() error {
	s.clock.Stop()
	return s.ReadCloser.Close()
}
