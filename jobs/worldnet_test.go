package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A memoryNetwork joins the processes of a world to the endpoint.
type memoryNetwork struct {
	w         *world
	server    http.Server
	conns     chan net.Conn
	closed    chan struct{}
	served    chan struct{}
	transport map[*worldJob]*http.Transport
}

func newMemoryNetwork(w *world) *memoryNetwork {
	n := &memoryNetwork{w: w, conns: make(chan net.Conn), closed: make(chan struct{}), served: make(chan struct{}), transport: map[*worldJob]*http.Transport{}}
	n.server.Handler = w.sim
	n.server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	go func() {
		defer close(n.served)
		_ = n.server.Serve(n) // always ends with an error
	}()
	return n
}

// Accept, Close and Addr make it the server's listener.
func (n *memoryNetwork) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *memoryNetwork) Close() error {
	select {
	case <-n.closed:
	default:
		close(n.closed)
	}
	return nil
}

func (n *memoryNetwork) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

func (n *memoryNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-ctx.Done():
	case <-n.closed:
	}
	return nil, errors.Join(errors.New("no connection"), client.Close(), server.Close())
}

// of returns the transport of a process.
func (n *memoryNetwork) of(j *worldJob) *http.Transport {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	t := n.transport[j]
	if t == nil {
		t = &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 64, DisableCompression: true}
		n.transport[j] = t
	}
	return t
}

// hangUp closes the connections of a process that has ended.
func (n *memoryNetwork) hangUp(j *worldJob) { n.of(j).CloseIdleConnections() }

func (n *memoryNetwork) close() {
	for _, j := range n.w.jobs {
		n.hangUp(j)
	}
	_ = n.server.Close()
	<-n.served
}

// A memoryTransport is the network as one process has it.
type memoryTransport struct {
	*memoryNetwork
	j *worldJob
}

func (m memoryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	what, _ := whatIs(r)
	var text []byte
	if r.Body != nil {
		var err error
		if text, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
	}
	if what != "call" {
		return m.manage(r, what, text)
	}
	rows := rowsIn(text)
	if err := m.j.arrives(rows); err != nil {
		return nil, err
	}
	over := sync.OnceFunc(func() { m.j.over(rows) })
	resp, err := m.of(m.j).RoundTrip(r)
	if err != nil {
		over()
		return nil, err
	}
	// The process has a reply once it has read all of it.
	resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(all []byte) { m.j.answers(rows, all) }, closed: over}
	return resp, nil
}

// manage makes an exchange that is no single call.
func (m memoryTransport) manage(r *http.Request, what string, body []byte) (*http.Response, error) {
	w := m.w
	w.mu.Lock()
	dead := m.j.dead || w.image != nil
	var req struct {
		Batch struct {
			DisplayName string
			InputConfig struct{ FileName string }
		}
	}
	if what == "create" && !dead {
		_ = json.Unmarshal(body, &req) // of another form it is refused
		w.batched[req.Batch.DisplayName] = w.uploaded[req.Batch.InputConfig.FileName]
		m.j.creates(req.Batch.DisplayName)
	}
	w.mu.Unlock()
	if dead {
		return nil, errDead
	}
	resp, err := m.of(m.j).RoundTrip(r)
	if what == "create" && (err != nil || resp.StatusCode >= 500) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.doubted[req.Batch.DisplayName] = true
	}
	if err != nil {
		return nil, err
	}
	_, about := whatIs(r)
	switch what {
	case "upload":
		resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(reply []byte) { w.uploads(body, reply) }}
	case "download":
		resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(reply []byte) {
			w.collects("batches/"+strings.TrimPrefix(about, "files/batch-"), bytes.Lines(reply))
		}}
	case "poll":
		resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(reply []byte) {
			var job struct {
				Response struct {
					InlinedResponses struct{ InlinedResponses []json.RawMessage }
				}
			}
			if json.Unmarshal(reply, &job) != nil {
				return
			}
			w.collects(about, func(yield func([]byte) bool) {
				for _, line := range job.Response.InlinedResponses.InlinedResponses {
					if !yield(line) {
						return
					}
				}
			})
		}}
	}
	return resp, nil
}

// A watchedBody tells of what was read of it, once all was, and of its end.
type watchedBody struct {
	io.ReadCloser
	all    []byte
	end    func(all []byte)
	closed func() // may be nil
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.all = append(b.all, p[:n]...)
	if err == io.EOF && b.end != nil {
		b.end(b.all)
		b.end = nil
	}
	return n, err
}

func (b *watchedBody) Close() error {
	if b.closed != nil {
		b.closed()
	}
	return b.ReadCloser.Close()
}
