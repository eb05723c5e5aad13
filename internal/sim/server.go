package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/quota"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Config says what is simulated. The zero value is Google's API, which accepts any key
// and has no quotas, faults or latency.
type Config struct {
	Dialect    Dialect
	PathPrefix string   // what paths begin with, before /v1beta: "/proxy/gemini"
	Keys       []string // the keys and tokens that are accepted; empty for any
	Models     []string // that are served beside those of the API

	Quota       Quota            // of each model
	ModelQuotas map[string]Quota // of the models named here, instead
	Concurrency int              // more requests at once are refused with 503; 0 for no limit

	Latency time.Duration // of each answer
	Jitter  time.Duration // at most so much more, by the request's hash

	// OldSchemas makes responseJsonSchema an unknown field. It is one behind gateways whose
	// own types are older.
	OldSchemas bool

	FileDelay time.Duration // for which an uploaded file is PROCESSING

	Batches Batches // how batches behave
	Packs   Packs   // how much worse texts are answered that share a call

	Faults []Fault // see ParseFaults; of each call, and of each row of a batch
	Seed   uint64  // decides which requests the faults hit, and which rows Packs

	// CountAnswers makes Stats count the answers by request, and the ledger of the batches
	// know them. That takes memory for each request that differs.
	CountAnswers bool
	// AnswerLog, when not nil, gets a JSON line for each answer, with the SHA-256 of the
	// request's body and how the body begins. It is written to by one goroutine at a time.
	AnswerLog io.Writer
}

// A Quota limits one model.
type Quota = quota.Quota

// A Server simulates one endpoint. It is an http.Handler, and all its methods are safe
// for concurrent use. What belongs to one feature of the API is a type of its own here.
type Server struct {
	config      Config
	keys        *keys
	quotas      quota.Quotas
	stats       counters
	bill        bill.Ledger // of calls
	tries       tries
	classifiers answer.Classifiers
	files       filestore.Store
	batches     *batches.Service

	nonce  [4]byte // makes the response ids differ from those of other servers
	serial atomic.Uint64
}

// New returns a server. It ignores a dialect and a fault that do not exist, so whoever
// gets a Config from a user checks it with [Config.Check] first.
func New(c Config) *Server {
	s := &Server{config: c}
	s.config.PathPrefix = strings.TrimSuffix(c.PathPrefix, "/")
	s.config.Dialect = cmp.Or(c.Dialect, Google)
	s.stats.answers = map[[32]byte]int{}
	s.keys = newKeys(c.Keys)
	s.quotas.Each, s.quotas.Single = c.Quota, c.ModelQuotas
	s.config.Batches.Seed = cmp.Or(c.Batches.Seed, c.Seed)
	s.batches = batches.New(s.config.Batches)
	s.files.Life = s.batches.FileLife()
	_, _ = rand.Read(s.nonce[:]) // never fails
	return s
}

// Close forgets all files and batches, which are on disk. Only a server that was given any
// needs it.
func (s *Server) Close() {
	s.batches.Close()
	s.files.Close()
}

// Check says what is wrong with the configuration, if anything is.
func (c *Config) Check() error {
	if _, err := ParseDialect(string(c.Dialect)); err != nil {
		return err
	}
	if c.PathPrefix != "" && !strings.HasPrefix(c.PathPrefix, "/") {
		return fmt.Errorf("path prefix %q must begin with a slash", c.PathPrefix)
	}
	return errors.Join(c.Packs.Check(), checkFaults(c.Faults), batches.CheckFaults(c.Batches.Faults))
}

// statsPath is where Stats are served, as JSON.
const statsPath = "/sim/stats"

// ServeHTTP answers the calls of the API, and serves the Stats at /sim/stats.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == statsPath {
		s.serveStats(w)
		return
	}
	s.stats.requests.Add(1)
	x := &exchange{server: s, w: w, r: r}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { // a fault cuts the connection
			panic(p)
		} else if p != nil {
			x.refuse("internal", wire.Internal())
		}
	}()
	s.serve(x)
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

// Close stops listening, breaks all connections, and forgets all files and batches. It
// returns once the listener has ended.
func (r *Running) Close() error {
	err := r.http.Close()
	<-r.served
	r.Server.Close()
	return err
}
