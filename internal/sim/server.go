package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim/answer"
)

// A Config says what is simulated. The zero value is Google's API without quotas,
// faults or latency, for any key.
type Config struct {
	Dialect    Dialect
	PathPrefix string   // stands before /v1beta: "/proxy/gemini"
	Keys       []string // the keys and tokens that are accepted; none means any

	Quota       Quota            // of each model
	ModelQuotas map[string]Quota // of single models, instead
	Concurrency int              // more requests at once than this are answered with 503; 0 means no limit

	Latency time.Duration // of each answer
	Jitter  time.Duration // up to so much more, by the request's hash

	// OldSchemas makes responseJsonSchema an unknown field, as it is behind gateways
	// whose own types are older than it.
	OldSchemas bool

	FileDelay time.Duration // how long an uploaded file is PROCESSING

	Faults []Fault // see ParseFaults
	Seed   uint64  // decides which requests the faults hit

	// CountAnswers makes Stats count answers by request, which takes memory for
	// each different request.
	CountAnswers bool
	// AnswerLog, when not nil, gets a JSON line for each answer: the SHA-256 of the
	// request's body, and how it begins. Writes come one at a time.
	AnswerLog io.Writer
}

// A Server simulates one endpoint. It is an http.Handler; all methods are safe for
// concurrent use.
type Server struct {
	config Config
	keys   keys
	quotas quotas
	stats  counters
	tries  tries
	sets   answer.Classifiers
	files  files

	nonce  [4]byte // sets the response ids of this server apart
	serial atomic.Uint64
}

// New returns a server. Whoever has a Config from a user checks it with
// [Config.Check] first: here a dialect or fault that does not exist is ignored.
func New(c Config) *Server {
	s := &Server{config: c}
	s.config.PathPrefix = strings.TrimSuffix(c.PathPrefix, "/")
	s.config.Dialect = cmp.Or(c.Dialect, Google)
	s.stats.answers = map[[32]byte]int{}
	s.keys = newKeys(c.Keys)
	s.quotas.each, s.quotas.single = c.Quota, c.ModelQuotas
	_, _ = rand.Read(s.nonce[:]) // never fails
	return s
}

// Check returns what is wrong with the configuration, if anything.
func (c *Config) Check() error {
	if _, err := ParseDialect(string(c.Dialect)); err != nil {
		return err
	}
	if c.PathPrefix != "" && !strings.HasPrefix(c.PathPrefix, "/") {
		return fmt.Errorf("path prefix %q must begin with a slash", c.PathPrefix)
	}
	return checkFaults(c.Faults)
}

// statsPath is where Stats are served as JSON.
const statsPath = "/sim/stats"

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == statsPath {
		s.serveStats(w)
		return
	}
	s.stats.requests.Add(1)
	s.serve(&exchange{s: s, w: w, r: r})
}

// A Running is a server that listens.
type Running struct {
	*Server
	URL string // http://127.0.0.1:12345, without the path prefix

	http   *http.Server
	served chan error
}

// Listen serves on a loopback address: "localhost:8080", or "" for any free port.
// Other addresses are refused, since nothing that looks like an API and invents
// its answers should be reachable by others.
func Listen(addr string, c Config) (*Running, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("address %q is not a loopback address; the simulator serves this machine only, try 127.0.0.1", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &Running{Server: New(c), URL: "http://" + l.Addr().String(), served: make(chan error, 1)}
	r.http = &http.Server{Handler: r.Server, ReadHeaderTimeout: 10 * time.Second}
	go func() { r.served <- r.http.Serve(l) }()
	return r, nil
}

// Close stops listening, breaks what is in flight, and returns once the listener
// has ended.
func (r *Running) Close() error {
	err := r.http.Close()
	<-r.served
	return err
}
