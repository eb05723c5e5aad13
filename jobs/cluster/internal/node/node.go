// Package node runs a NATS server inside of this process.
//
// What it acknowledges is on the disk: without that a loss of power takes whole streams with
// it, also from a cluster of three.
package node

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the largest message that a server of ours takes, in bytes. Larger answers are
// cut into several messages.
const MaxPayload = 8 << 20

// Config says how a server is run. Dir and Listen are required.
type Config struct {
	Name   string // differs for each server of a cluster; empty = any
	Dir    string // its streams
	Listen string // host:port; port 0 or -1 = any that is free
	Token  string // that clients must give; empty = none, which only a loopback address may have

	Cluster string   // host:port for the other servers of a cluster; empty = it is alone
	Routes  []string // the Cluster addresses of all servers of the cluster
}

// A Node is a server that runs. Close it after use.
type Node struct{ s *server.Server }

// Check refuses an address where no server can be, or where all could use it.
func (c *Config) Check() error {
	host, port, err := address(c.Listen)
	if err != nil {
		return err
	}
	if c.Token == "" && !loopback(host) {
		return fmt.Errorf("%s can be reached from other machines, and no token keeps strangers out: give one with GENBATCH_NATS_TOKEN or --nats-token-file, here and to the workers", c.Listen)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(max(0, port))))
	if err != nil {
		return fmt.Errorf("no server can be at %s: %w", c.Listen, err)
	}
	return l.Close()
}

// Start starts a server, and waits until clients can connect. It does not wait for the other
// servers of its cluster.
func Start(c Config) (*Node, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	host, port, err := address(c.Listen)
	if err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: c.Name, Host: host, Port: port, Authorization: c.Token,
		JetStream: true, StoreDir: c.Dir, SyncAlways: true,
		MaxPayload: MaxPayload, NoSigs: true, NoLog: true,
	}
	if c.Cluster != "" {
		o.Cluster.Name = "genbatch"
		if o.Cluster.Host, o.Cluster.Port, err = address(c.Cluster); err != nil {
			return nil, err
		}
		for _, r := range c.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("the NATS server does not answer at %s, with its streams in %s", c.Listen, c.Dir)
	}
	return &Node{s}, nil
}

// URL returns where clients of this process connect, without the token.
func (n *Node) URL() string { return n.s.ClientURL() }

// Address returns where clients connect. If that is each address that this machine has, it is the
// machine's name.
func (n *Node) Address() string {
	u, err := url.Parse(n.s.ClientURL())
	if err != nil {
		return n.s.ClientURL()
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			u.Host = net.JoinHostPort(name, u.Port())
		}
	}
	return u.String()
}

// Await waits until no client is connected, but no longer than patience.
func (n *Node) Await(patience time.Duration) {
	for end := time.Now().Add(patience); n.s.NumClients() > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
}

// Close ends the server, and returns when it has ended.
func (n *Node) Close() {
	n.s.Shutdown()
	n.s.WaitForShutdown()
}

// address takes host:port apart.
func address(text string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address: give a host and a port, such as 127.0.0.1:4222", text)
	}
	if port, err = strconv.Atoi(p); err != nil || port > 65535 {
		return "", 0, errors.New("the port of " + text + " is no number from 0 to 65535")
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// loopback reports whether a host is reached from this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
