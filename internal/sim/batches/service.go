package batches

import (
	"net/http"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Config says how batches behave. The zero value is a service without faults, whose jobs
// take a second.
type Config struct {
	// For how long a job is pending, and running after it. Zero stands for 300 and 700 ms,
	// and what is negative for no time at all.
	Pending, Running time.Duration

	// Speed divides the long times of the API: the 48 hours after which a job and an upload
	// expire, and the six weeks for which results are kept. Zero stands for 1.
	Speed float64

	Faults []Fault // see ParseFaults
	Seed   uint64  // decides which jobs and rows the faults hit

	// Storage is the address of the server of Cloud Storage from which jobs of Vertex AI
	// read and to which they write, such as http://127.0.0.1:4443.
	Storage string
	// Transport carries the calls to Storage; nil stands for http.DefaultTransport.
	Transport http.RoundTripper
}

// The times of the API. https://ai.google.dev/gemini-api/docs/batch-api
const (
	jobLife    = 48 * time.Hour
	resultLife = 6 * 7 * 24 * time.Hour
)

// jobLimit is how many jobs of a project may be pending or running.
// https://ai.google.dev/gemini-api/docs/rate-limits
const jobLimit = 100

// storageLimit is how many bytes of files the API stores for a project.
const storageLimit = 20 << 30

// Rows is what a server does with the rows of the jobs that one caller makes. It is used
// by several goroutines at once.
type Rows interface {
	// Check returns how many tokens a request has, or why the API refuses it.
	Check(m *wire.Model, request []byte) (tokens int, e *wire.Error)
	// Answer answers a request. If wrong, an answer with a schema breaks it.
	Answer(m *wire.Model, request []byte, wrong bool) Answer
}

// An Answer is what a row came to.
type Answer struct {
	Response []byte   // JSON; nil for an error
	Code     int      // of an error: a google.rpc.Code
	Message  string   // of an error
	Content  [32]byte // the hash of what was asked

	Bill bill.Charge // for the response, as if the results were fetched
}

// A Call is one call of the batch API, which the server has read and authenticated.
type Call struct {
	W       http.ResponseWriter
	R       *http.Request
	Project string     // of the key
	Name    string     // in the path, of what the call is about
	Model   wire.Model // in the path, when a job is made
	Models  []string   // that there are beside those of the API
	Body    []byte
	Rows    Rows
	Files   *filestore.Store
}

// A Service is the batch API. Its methods are safe for concurrent use. Those for a call
// return what to answer as JSON, or why the call is refused.
type Service struct {
	config Config
	faults *faults
	ledger ledger

	mu     sync.Mutex
	jobs   map[string]*job // by id, without those deleted
	order  []*job          // in which they were made, without those deleted
	serial int             // of the last job

	refused429 time.Time // until when every create is refused
}

// New returns a service.
func New(c Config) *Service {
	if c.Speed <= 0 {
		c.Speed = 1
	}
	c.Pending, c.Running = orDefault(c.Pending, 300*time.Millisecond), orDefault(c.Running, 700*time.Millisecond)
	return &Service{config: c, faults: newFaults(c.Faults, c.Seed), jobs: map[string]*job{}}
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}

// scaled shortens a time of the API.
func (c *Config) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.Speed)
}

// FileLife returns for how long an upload is kept.
func (s *Service) FileLife() time.Duration { return s.config.scaled(jobLife) }

// UploadFaults returns how much a project may store, for how long the file of the next
// upload is processed, and whether the reply to it leaves the file out.
func (s *Service) UploadFaults() (limit int64, processing time.Duration, noFile bool) {
	hits := s.faults.draw(onUpload)
	limit = storageLimit
	if v, ok := s.faults.setting("storage"); ok {
		limit = integer(v, limit)
	}
	if v, ok := hits["processing"]; ok {
		processing = faultvalue.Duration(v, 5*time.Second)
	}
	_, noFile = hits["nofile"]
	return limit, processing, noFile
}

// Revoked reports whether a fault revokes the key of a call, from this call on.
func (s *Service) Revoked() bool {
	_, ok := s.faults.draw(onCall)["revoked"]
	return ok
}

// Close forgets all jobs, with what they keep on disk.
func (s *Service) Close() {
	s.mu.Lock()
	jobs := s.order
	s.order, s.jobs = nil, map[string]*job{}
	s.mu.Unlock()
	for _, j := range jobs {
		j.release()
	}
}

// find returns a job of a project, or why there is none.
func (s *Service) find(c *Call) (*job, *wire.Error) {
	if !jobID.MatchString(c.Name) {
		return nil, wire.Invalid("Could not parse the batch name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[c.Name]; j != nil && j.project == c.Project {
		return j, nil
	}
	return nil, wire.BatchNotFound()
}

// add keeps a new job, unless the project has too many.
func (s *Service) add(j *job, enqueued int64) *wire.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, _ := s.faults.setting("keepquota")
	live, tokens, now := 0, int64(0), time.Now()
	for _, other := range s.order {
		if other.project != j.project {
			continue
		}
		phase := other.phase(now)
		if !phase.ended() {
			live++
		}
		// The quota of a cancelled job may come back days later.
		if other.model.Name == j.model.Name && (!phase.ended() || phase == cancelled && now.Before(other.cancelTime().Add(faultvalue.Duration(kept, 0)))) {
			tokens += other.tokens
		}
	}
	if live >= jobLimit || enqueued > 0 && tokens+j.tokens > enqueued {
		return wire.BatchQuota()
	}
	s.serial++
	j.serial = s.serial
	j.decide(s.faults.drawAt(onJob, s.serial, 0), s)
	s.jobs[j.id] = j
	s.order = append(s.order, j)
	s.ledger.created(j)
	return nil
}

// remove forgets a job.
func (s *Service) remove(j *job) {
	s.mu.Lock()
	delete(s.jobs, j.id)
	for i, other := range s.order {
		if other == j {
			s.order = append(s.order[:i:i], s.order[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	j.release()
}
