package clock

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClaimedLength checks that a Content-Length is not believed beforehand.
func TestClaimedLength(t *testing.T) {
	_, k := Start(t.Context(), Limits{Total: time.Minute, Idle: time.Minute})
	defer k.Stop()
	resp := &http.Response{ContentLength: 60 << 20, Body: io.NopCloser(strings.NewReader("{}"))}
	body, oversize, err := k.ReadBody(resp, 64<<20)
	if string(body) != "{}" || oversize || err != nil {
		t.Errorf("%q, %v, %v", body, oversize, err)
	}
	if cap(body) > 2*firstBuffer {
		t.Errorf("%d bytes were set aside", cap(body))
	}
}

// TestStart checks when an attempt ends, and why: never while an open one keeps going.
func TestStart(t *testing.T) {
	const total, idle = 5 * time.Minute, 2 * time.Minute
	for _, c := range []struct {
		name   string
		open   bool
		alive  []time.Duration // the moments at which a part of the answer arrives
		end    time.Duration
		reason error
	}{
		{"no answer", false, nil, total, ErrTotal},
		{"no answer to be streamed", true, nil, total, ErrTotal},
		{"silent", false, []time.Duration{time.Minute}, time.Minute + idle, ErrIdle},
		{"slow", false, []time.Duration{time.Minute, 150 * time.Second, 4 * time.Minute}, total, ErrTotal},
		{"a long stream", true, []time.Duration{time.Minute, 150 * time.Second, 4 * time.Minute, 330 * time.Second, 7 * time.Minute}, 7*time.Minute + idle, ErrIdle},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				attempt, k := Start(t.Context(), Limits{Total: total, Idle: idle, Open: c.open})
				defer k.Stop()
				for _, at := range c.alive {
					time.Sleep(time.Until(begun.Add(at)))
					k.Alive()
				}
				<-attempt.Done()
				if d := time.Since(begun); d != c.end || !errors.Is(Why(attempt, io.EOF), c.reason) {
					t.Errorf("it ended after %v: %v", d, Why(attempt, io.EOF))
				}
			})
		})
	}
}
