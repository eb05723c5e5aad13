package gemini

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// slowServer is a transport whose answer is slow: first the header, then one byte of body
// after each pause. Like the real one, it tells the trace when the request is written,
// and gives up when the request's context ends.
type slowServer struct {
	write, header, pause time.Duration
	body                 string
}

func (s slowServer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := sleep(ctx, s.write); err != nil {
		return nil, err
	}
	httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{})
	if err := sleep(ctx, s.header); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(&drip{ctx, s.pause, strings.NewReader(s.body)})}, nil
}

type drip struct {
	ctx   context.Context
	pause time.Duration
	text  *strings.Reader
}

func (d *drip) Read(p []byte) (int, error) {
	if err := sleep(d.ctx, d.pause); err != nil {
		return 0, err
	}
	return d.text.Read(p[:1])
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestDeadlines(t *testing.T) {
	const forever = 1000 * time.Hour
	timeout := class{batch.Retry, "", batch.KindTimeout, false}
	tests := []struct {
		name   string
		server slowServer
		cancel time.Duration // when the caller gives up; 0 means never
		want   class
		after  time.Duration
		billed bool
		says   string
	}{
		{name: "in time", server: slowServer{time.Second, time.Minute, time.Millisecond, stopAnswer},
			want: okClass, after: time.Minute + time.Second + time.Duration(len(stopAnswer)+1)*time.Millisecond},
		{name: "no connection", server: slowServer{write: forever}, want: timeout, after: 5 * time.Minute, says: "within the timeout"},
		{name: "no header", server: slowServer{header: forever}, want: timeout, after: 5 * time.Minute, billed: true, says: "within the timeout"},
		{name: "header and then nothing", server: slowServer{header: time.Minute, pause: forever}, want: timeout, after: 3 * time.Minute, billed: true, says: "fell silent"},
		{name: "a byte now and then", server: slowServer{pause: 100 * time.Second, body: stopAnswer}, want: timeout, after: 5 * time.Minute, billed: true, says: "within the timeout"},
		{name: "caller gives up before sending", server: slowServer{write: forever}, cancel: 3 * time.Second,
			want: class{batch.Retry, "", batch.KindTransport, false}, after: 3 * time.Second, says: "given up"},
		{name: "caller gives up while waiting", server: slowServer{header: forever}, cancel: 3 * time.Second,
			want: class{batch.Retry, "", batch.KindTransport, false}, after: 3 * time.Second, billed: true, says: "given up"},
		{name: "caller gives up while reading", server: slowServer{pause: time.Second, body: stopAnswer}, cancel: 3500 * time.Millisecond,
			want: class{batch.Retry, "", batch.KindTransport, false}, after: 3500 * time.Millisecond, billed: true, says: "canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, err := ParseEndpoint(EndpointOptions{Auth: "none"}, environment())
				if err != nil {
					t.Fatal(err)
				}
				c, err := New(Config{Endpoint: e, Transport: tt.server})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				begin := time.Now()
				o := c.Attempt(ctx, &batch.Request{Model: "m", Body: json.RawMessage(`{}`)})
				if got := time.Since(begin); got != tt.after {
					t.Errorf("took %v, want %v", got, tt.after)
				}
				if got := classOf(&o); got != tt.want || o.MaybeBilled != tt.billed {
					t.Errorf("%+v, MaybeBilled %v; want %+v, %v; %v", got, o.MaybeBilled, tt.want, tt.billed, o.Err)
				}
				if tt.says != "" && !strings.Contains(o.Err.Message, tt.says) {
					t.Errorf("message %q does not say %q", o.Err.Message, tt.says)
				}
			})
		})
	}
}
