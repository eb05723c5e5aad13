package sim

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// Stats counts what a server has done so far.
type Stats struct {
	Requests int64 `json:"requests"` // all that arrived
	// Answered counts the complete answers to generateContent and streamGenerateContent
	// that a caller can use, without the rows of batches. Blocked and truncated ones count, garbage and empty ones do
	// not.
	Answered int64 `json:"answered"`
	// Refused counts refusals by reason: auth, path, model, invalid, file, batch, quota,
	// overload.
	Refused map[string]int64 `json:"refused"`
	Faults  map[string]int64 `json:"faults"` // by kind

	// The tokens of all answers that were billed, also of those that broke on their way, and
	// of the rows of batches.
	bill.Statement

	Uploads       int64 `json:"uploads"` // files that were uploaded to their end
	UploadedBytes int64 `json:"uploadedBytes"`
	Deletes       int64 `json:"deletes"` // files that were deleted
	Files         int64 `json:"files"`   // that exist now

	Batches batches.Stats `json:"batches"`

	InFlight    int64 `json:"inFlight"`
	MaxInFlight int64 `json:"maxInFlight"`

	// Answers counts the answers by the SHA-256 of the request's body, in hexadecimal
	// digits. It is nil without [Config.CountAnswers]. Rows of batches are in Batches.
	Answers map[string]int `json:"answers,omitempty"`
}

// counters are what Stats is made of.
type counters struct {
	requests, answered, inFlight, maxInFlight atomic.Int64
	uploads, uploadedBytes, deletes           atomic.Int64

	refused, faults tally

	mu      sync.Mutex // guards answers, and writing to the log
	answers map[[32]byte]int
}

// A tally counts by name. The names are few and known, so it stays small.
type tally struct{ m sync.Map } // string to *atomic.Int64

func (t *tally) add(name string) {
	v, ok := t.m.Load(name)
	if !ok {
		v, _ = t.m.LoadOrStore(name, new(atomic.Int64))
	}
	v.(*atomic.Int64).Add(1)
}

func (t *tally) snapshot() map[string]int64 {
	m := map[string]int64{}
	for name, v := range t.m.Range {
		m[name.(string)] = v.(*atomic.Int64).Load()
	}
	return m
}

// enter counts a request that has come in, and returns how many are in flight with it.
func (c *counters) enter() int64 {
	n := c.inFlight.Add(1)
	for {
		top := c.maxInFlight.Load()
		if n <= top || c.maxInFlight.CompareAndSwap(top, n) {
			return n
		}
	}
}

// Stats returns what the server has counted. While it serves requests, the counts need
// not be of the same moment.
func (s *Server) Stats() Stats {
	c := &s.stats
	var all bill.Ledger
	ofBatches := s.batches.Stats(&all)
	all.AddAll(&s.bill, true)
	st := Stats{
		Requests: c.requests.Load(), Answered: c.answered.Load(),
		Refused: c.refused.snapshot(), Faults: c.faults.snapshot(),
		Statement: all.Statement(),
		Uploads:   c.uploads.Load(), UploadedBytes: c.uploadedBytes.Load(), Deletes: c.deletes.Load(), Files: s.files.Live(),
		Batches: ofBatches, InFlight: c.inFlight.Load(), MaxInFlight: c.maxInFlight.Load(),
	}
	if s.config.CountAnswers {
		st.Answers = map[string]int{}
		c.mu.Lock()
		defer c.mu.Unlock()
		for sum, n := range c.answers {
			st.Answers[hex.EncodeToString(sum[:])] = n
		}
	}
	return st
}

func (s *Server) serveStats(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	// If this fails, the reader is gone.
	_ = json.NewEncoder(w).Encode(s.Stats())
}

// A logLine is a line of Config.AnswerLog.
type logLine struct {
	SHA256 string `json:"sha256"` // of the body
	Model  string `json:"model"`
	Body   string `json:"body"` // its first bytes
}

// logBytes is how much of a body a line shows.
const logBytes = 200

// answered records a complete answer.
func (x *exchange) answered() {
	s := x.server
	s.stats.answered.Add(1)
	if s.config.CountAnswers {
		s.batches.BillSingle(x.request.ContentSum(&x.model))
	}
	if !s.config.CountAnswers && s.config.AnswerLog == nil {
		return
	}
	var line []byte
	if s.config.AnswerLog != nil {
		l := logLine{hex.EncodeToString(x.bodySum[:]), x.model.Name, wire.Clip(string(x.body[:min(len(x.body), logBytes)]), logBytes)}
		line, _ = json.Marshal(l) // strings always marshal
		line = append(line, '\n')
	}
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	if s.config.CountAnswers {
		s.stats.answers[x.bodySum]++
	}
	if line != nil {
		// A log that cannot be written must not change what is simulated.
		_, _ = s.config.AnswerLog.Write(line)
	}
}
