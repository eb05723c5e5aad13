// Package clustertest runs NATS servers for tests, and what can happen to them.
package clustertest

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/cluster/internal/node"
)

// Servers are the servers of one cluster.
type Servers struct {
	t       testing.TB
	configs []node.Config
	nodes   []*node.Node // nil: it is down
}

// Start starts so many servers, which end with the test.
func Start(t testing.TB, n int) *Servers {
	t.Helper()
	s := &Servers{t: t, nodes: make([]*node.Node, n)}
	dir := t.TempDir()
	t.Cleanup(s.stopAll) // before the folder is removed
	var routes []string
	if n > 1 {
		for range n {
			routes = append(routes, FreeAddress(t))
		}
	}
	for i := range n {
		c := node.Config{Name: fmt.Sprintf("n%d", i), Dir: filepath.Join(dir, fmt.Sprint(i)), Listen: FreeAddress(t)}
		if n > 1 {
			c.Cluster, c.Routes = routes[i], routes
		}
		s.configs = append(s.configs, c)
	}
	for i := range n {
		s.Up(i)
	}
	return s
}

// URL returns the addresses of all servers.
func (s *Servers) URL() string {
	var list []string
	for _, c := range s.configs {
		list = append(list, "nats://"+c.Listen)
	}
	return strings.Join(list, ",")
}

// Address returns host:port of a server.
func (s *Servers) Address(i int) string { return s.configs[i].Listen }

// Down ends a server.
func (s *Servers) Down(i int) {
	if s.nodes[i] != nil {
		s.nodes[i].Close()
		s.nodes[i] = nil
	}
}

// Up starts a server again, with what it has on its disk.
func (s *Servers) Up(i int) {
	s.t.Helper()
	n, err := node.Start(s.configs[i])
	if err != nil {
		s.t.Fatal(err)
	}
	s.nodes[i] = n
}

func (s *Servers) stopAll() {
	for i := range s.nodes {
		s.Down(i)
	}
}

// FreeAddress returns an address of this machine at which nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A Proxy stands between a client and a server, and can cut them off from each other.
type Proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

// NewProxy starts a proxy, which ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, conns: make(map[net.Conn]bool)}
	p.wg.Go(p.serve)
	t.Cleanup(func() {
		l.Close()
		p.Cut(true)
		p.wg.Wait()
	})
	return p
}

// URL returns where clients connect.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Cut breaks all connections and lets no new ones through, or lets them through again.
func (p *Proxy) Cut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			c.Close()
		}
	}
}

func (p *Proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.DialTimeout("tcp", p.target, time.Second)
		if err != nil || !p.add(in, out) {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			p.wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

// add takes note of connections, unless all are cut.
func (p *Proxy) add(list ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range list {
		p.conns[c] = true
	}
	return true
}
