package sim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
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
	keys   map[string]bool // nil: any
	meters sync.Map        // model name to *meter
	stats  counters
	tries  tries
	sets   classifiers
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
	if len(c.Keys) > 0 {
		s.keys = map[string]bool{}
		for _, k := range c.Keys {
			s.keys[k] = true
		}
	}
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

// bodyLimit is the API's limit of a request; the gateways' is lower.
const (
	bodyLimit        = 100 << 20
	gatewayBodyLimit = 20 << 20
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == statsPath {
		s.serveStats(w)
		return
	}
	s.stats.requests.Add(1)
	x := &exchange{s: s, w: w, r: r}
	s.serve(x)
}

func (s *Server) serve(x *exchange) {
	d := s.config.Dialect
	path, ok := strings.CutPrefix(x.r.URL.Path, s.config.PathPrefix)
	if ok && x.serveFiles(path) {
		return
	}
	if ok {
		x.route, ok = d.parsePath(path)
	}
	method := http.MethodPost
	if x.route.action == actList || x.route.action == actGet {
		method = http.MethodGet
	}
	if !ok || x.r.Method != method {
		x.unknownPath()
		return
	}

	x.stream = x.route.action == actStream
	// Gateways stream whatever is asked with alt=sse, and always as events.
	x.sse = (x.stream || d.gateway()) && strings.Contains(x.r.URL.RawQuery, "alt=sse") || x.stream && d.gateway()
	x.stream = x.stream || x.sse

	var e *apiError
	if x.key, e = s.authenticate(x.r, x.route.express); e != nil {
		x.refuse("auth", e)
		return
	}
	if x.route.action == actList {
		s.listModels(x)
		return
	}
	if x.model, ok = findModel(d, x.route.model); !ok {
		x.refuse("model", errModel(d, x.route))
		return
	}
	if x.route.action == actGet {
		s.getModel(x)
		return
	}
	if !x.readBody() {
		return
	}
	if x.route.action == actCount {
		x.countTokens()
		return
	}
	x.generate()
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

// id returns the next response id.
func (x *exchange) id() string {
	var b [12]byte
	copy(b[:], x.s.nonce[:])
	binary.BigEndian.PutUint64(b[4:], mix(x.s.serial.Add(1)))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// readBody reads and hashes the request's body.
func (x *exchange) readBody() bool {
	limit := int64(bodyLimit)
	if x.s.config.Dialect.gateway() {
		limit = gatewayBodyLimit
	}
	// Google refuses with 400 and in JSON, a gateway with 413, before reading it all.
	tooLarge := &apiError{http: http.StatusRequestEntityTooLarge, status: "INVALID_ARGUMENT",
		message: fmt.Sprintf("Request payload size exceeds the limit: %d bytes.", limit)}
	if !x.s.config.Dialect.gateway() {
		tooLarge.http = http.StatusBadRequest
	}
	if x.r.ContentLength > limit {
		x.refuse("invalid", tooLarge)
		return false
	}
	var b bytes.Buffer
	if n := x.r.ContentLength; n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, limit))
	if err != nil {
		x.refuse("invalid", tooLarge)
		return false
	}
	x.body = b.Bytes()
	x.sum = sha256.Sum256(x.body)
	x.hash = binary.BigEndian.Uint64(x.sum[:])
	return true
}
