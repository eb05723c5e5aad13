// Package transfer moves bytes to and from object stores, for all drivers. Connections that
// stand still are closed, calls that failed at random are made again, objects are read on where
// an answer was cut off, and written in parts of one size.
package transfer

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// idle is how long a connection may stand still in a call before it is given up: no byte comes,
// and none is taken. It is longer than stores take to put a large object together.
const idle = 45 * time.Second

// pieceBytes is how much is written at once, so that progress is seen on a slow line too.
const pieceBytes = 64 << 10

// Transport returns a transport for the calls of one bucket. It uses the proxy that the
// environment names.
func Transport() *http.Transport {
	d := &dialer{Dialer: net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}, servers: make(map[string]time.Time)}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           d.dial,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true, // an object that is stored compressed is read as it is stored
	}
}

// An Unreached error says that there is no connection to a server, and that there never was one.
// Most likely its address is wrong.
type Unreached struct {
	Err   error
	Since time.Time // when it was tried first
}

// Error says what is the matter, and what to look at.
func (e *Unreached) Error() string {
	return e.Err.Error() + "; see whether this is the address of the store, whether it runs, and whether this machine may reach it"
}

// Unwrap returns the cause.
func (e *Unreached) Unwrap() error { return e.Err }

// A dialer knows which servers it has reached.
type dialer struct {
	net.Dialer

	mu      sync.Mutex
	servers map[string]time.Time // by address, when they were tried first; zero once they were reached
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	since, tried := d.servers[address]
	if !tried {
		since = time.Now()
		d.servers[address] = since
	}
	d.mu.Unlock()
	first := ctx
	if !since.IsZero() {
		var cancel context.CancelFunc
		first, cancel = context.WithTimeout(ctx, firstContact)
		defer cancel()
	}
	c, err := d.DialContext(first, network, address)
	if err != nil {
		d.mu.Lock()
		since = d.servers[address] // another call may have reached it meanwhile
		d.mu.Unlock()
		if !since.IsZero() && ctx.Err() == nil {
			return nil, &Unreached{err, since}
		}
		return nil, err
	}
	d.mu.Lock()
	d.servers[address] = time.Time{}
	d.mu.Unlock()
	return &connection{c}, nil
}

// A connection is closed when it stands still.
type connection struct{ net.Conn }

// Read implements [net.Conn].
func (c *connection) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements [net.Conn]. An answer is waited for from the last piece on: http reads it
// while it writes.
func (c *connection) Write(p []byte) (n int, err error) {
	for {
		if err := c.SetDeadline(time.Now().Add(idle)); err != nil {
			return n, err
		}
		k, err := c.Conn.Write(p[n:min(n+pieceBytes, len(p))])
		if n += k; err != nil || n == len(p) {
			return n, err
		}
	}
}
