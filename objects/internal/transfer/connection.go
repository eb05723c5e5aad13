// Package transfer moves bytes to and from object stores, for all drivers. Connections that
// stand still are closed, calls that failed at random are made again, objects are read on where
// an answer was cut off, and written in parts of one size.
package transfer

import (
	"context"
	"net"
	"net/http"
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
	dialer := net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &connection{c}, nil
		},
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true, // an object that is stored compressed is read as it is stored
	}
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
