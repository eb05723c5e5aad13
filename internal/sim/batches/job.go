package batches

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A phase is how far a job is, as both APIs name it after their prefix.
type phase string

const (
	pending    phase = "PENDING"
	running    phase = "RUNNING"
	cancelling phase = "CANCELLING" // of Vertex AI
	succeeded  phase = "SUCCEEDED"
	failed     phase = "FAILED"
	cancelled  phase = "CANCELLED"
	expired    phase = "EXPIRED"
)

func (p phase) ended() bool { return p != pending && p != running && p != cancelling }

// jobID is what the id of a job may be.
var jobID = regexp.MustCompile(`^[a-z0-9]+$`)

// A job is a batch job. What is not guarded does not change once the job is kept.
type job struct {
	id, project string
	model       wire.Model
	serial      int // from 1
	created     time.Time
	input       *filestore.Content // its rows as lines
	inputName   string             // files/…, or an object of Cloud Storage; empty where the rows came with the call
	size
	answers     Rows
	plan        plan
	vertex      *vertexPart // nil for a job of Google AI
	label       label
	cancelledAt atomic.Pointer[time.Time]

	mu       sync.Mutex // held while rows are answered
	progress progress
}

// A size is how much a job has to answer.
type size struct {
	rows   int
	tokens int64 // of input
}

// A label is what a caller may change about a job.
type label struct {
	mu                    sync.Mutex
	displayName, priority string
}

func (l *label) get() (displayName, priority string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.displayName, l.priority
}

// A plan is what becomes of a job, if nobody cancels it.
type plan struct {
	pendingUntil, runningUntil time.Time
	expires                    time.Time
	end                        phase // at runningUntil
	hits                       map[string]string
}

func (p *plan) has(kind string) bool {
	_, ok := p.hits[kind]
	return ok
}

// wait returns the duration of a fault; 0 when the job does not have it.
func (p *plan) wait(kind string, def time.Duration) time.Duration {
	if v, ok := p.hits[kind]; ok {
		return faultvalue.Duration(v, def)
	}
	return 0
}

// A progress is what a job has done. The job's mutex guards it, but for the number of rows
// that are answered.
type progress struct {
	answered atomic.Int64
	offset   int64              // in the input, behind the rows answered
	results  *filestore.Content // nil before the first row
	good     int64              // rows with a response
	bad      int64              // rows with an error
}

// decide plans the job.
func (j *job) decide(hits map[string]string, s *Service) {
	p := &j.plan
	p.hits = hits
	p.pendingUntil = j.created.Add(s.config.Pending)
	p.runningUntil = p.pendingUntil.Add(s.config.Running)
	p.expires = j.created.Add(s.config.scaled(jobLife))
	if j.vertex != nil {
		p.expires = j.created.Add(s.config.scaled(vertexLife))
	}
	p.end = succeeded
	model, stuck := hits["stuck"]
	switch {
	case stuck && (model == "" || model == j.model.Name):
		p.pendingUntil, p.runningUntil = p.expires, p.expires
		p.end = expired
	case p.has("expired"):
		p.end = expired
	case p.has("failed"), p.has("importcode"), p.has("exportcode"):
		p.end = failed
	}
}

// natural returns how far the job would be, had nobody cancelled it.
func (j *job) natural(now time.Time) phase {
	p := &j.plan
	switch {
	case !now.Before(p.expires) && (p.runningUntil.After(p.expires) || p.end == expired && p.runningUntil.Equal(p.expires)):
		return expired
	case now.Before(p.pendingUntil):
		return pending
	case now.Before(p.runningUntil):
		return running
	}
	if j.vertex != nil && j.vertex.broken.Load() != nil {
		return failed
	}
	return p.end
}

// phase returns how far the job is.
func (j *job) phase(now time.Time) phase {
	if j.cancelledAt.Load() == nil {
		return j.natural(now)
	}
	asked := j.cancelTime()
	switch {
	case j.plan.has("uncancelled") && !now.Before(asked.Add(j.plan.wait("uncancelled", time.Second))):
		return succeeded
	case j.vertex != nil && now.Before(asked.Add(j.plan.wait("latecancel", 2*time.Second))):
		return cancelling
	}
	return cancelled
}

// cancelTime returns when the job was cancelled; zero if it was not.
func (j *job) cancelTime() time.Time {
	if t := j.cancelledAt.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// endTime returns when a job that has ended did so.
func (j *job) endTime(p phase) time.Time {
	if asked := j.cancelTime(); !asked.IsZero() {
		if p == succeeded {
			return asked.Add(j.plan.wait("uncancelled", time.Second))
		}
		return asked.Add(j.plan.wait("latecancel", 2*time.Second))
	}
	if j.plan.runningUntil.After(j.plan.expires) {
		return j.plan.expires
	}
	return j.plan.runningUntil
}

// share returns how many rows the job has answered at a time, as far as it goes on evenly.
func (j *job) share(at time.Time) int {
	p := &j.plan
	whole := p.runningUntil.Sub(p.pendingUntil)
	switch gone := at.Sub(p.pendingUntil); {
	case gone <= 0:
		return 0
	case gone >= whole:
		return j.rows
	default:
		return int(float64(j.rows) * float64(gone) / float64(whole))
	}
}

// due returns how many rows a job that has ended has answered.
func (j *job) due(p phase) int {
	switch {
	case j.vertex != nil && j.vertex.broken.Load() != nil:
		return 0 // or as many as there were before the export failed
	case p == succeeded, p == failed && j.plan.has("exportcode"):
		return j.rows
	case p == cancelled:
		return j.share(j.cancelTime())
	case (p == failed || p == expired) && j.plan.has("partial"):
		return j.rows / 2
	}
	return 0
}

// shows reports whether a job has results to show, other than those that are gone.
func (j *job) shows(s *Service, p phase, now time.Time) bool {
	if p != succeeded && !(p.ended() && j.plan.has("partial") && j.due(p) > 0) {
		return false
	}
	kept := s.config.scaled(resultLife)
	if v, ok := s.faults.setting("retention"); ok {
		kept = s.config.scaled(faultvalue.Duration(v, jobLife))
	}
	age := now.Sub(j.endTime(p))
	return age < kept && age >= j.plan.wait("lateoutput", 2*time.Second)
}

// inlines reports whether the job's results come in its description.
func (j *job) inlines() bool { return j.inputName == "" || j.plan.has("inline") }

// finished reports whether all that a job in its last phase had to do is done.
func (j *job) finished(p phase) bool {
	return int(j.progress.answered.Load()) >= j.due(p) && (j.vertex == nil || j.vertex.exported.Load())
}

// release gives up what the job keeps on disk.
func (j *job) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	// What cannot be closed has no further use either.
	_ = j.input.Release()
	_ = j.progress.results.Release()
}

// resultID is the id of the job's result file.
func (j *job) resultID() string { return "batch-" + j.id }

// resultFile returns the job whose results a file holds.
func resultFile(id string) (job string, ok bool) { return strings.CutPrefix(id, "batch-") }
