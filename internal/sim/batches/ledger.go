package batches

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/bill"
)

// Stats is the ledger: which jobs there were, and what was billed. A row is billed when its
// answer was made, whatever became of its job and its result.
type Stats struct {
	Created int            `json:"created"`          // jobs
	Ended   map[string]int `json:"ended"`            // jobs, by their state
	Jobs    []JobStats     `json:"jobs,omitempty"`   // in the order in which they were made
	Billed  int64          `json:"billed"`           // rows of all jobs
	Single  int64          `json:"single"`           // answers to calls outside of jobs that were counted here
	Repeats int64          `json:"repeats"`          // rows that were billed although the same request had been, in a job or outside
	Doubled int64          `json:"doubled"`          // rows that were billed although the same request had been under the same key, in a job
	Faults  map[string]int `json:"faults,omitempty"` // that hit, by kind
}

// JobStats is what the ledger says of one job.
type JobStats struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	State       string `json:"state"` // DELETED once it is
	Rows        int    `json:"rows"`
	Billed      int64  `json:"billed"`
}

// A sum is the beginning of a SHA-256. It is half of one, for the memory of many rows.
type sum [16]byte

func sumOf(parts ...[]byte) sum {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(p) // never fails
		_, _ = h.Write([]byte{0})
	}
	return sum(h.Sum(nil))
}

// A ledger counts what is billed. mu guards all of it.
type ledger struct {
	mu        sync.Mutex
	entries   []*entry
	byJob     map[*job]*entry
	requested map[sum]struct{} // requests that were billed
	pairs     map[sum]struct{} // with their keys
	single    int64
	repeats   int64
	doubled   int64
}

type entry struct {
	job    *job   // nil once it is deleted
	last   string // its state at that time
	stats  JobStats
	billed int64

	bill    bill.Ledger
	fetched bool // the results, at least once
}

// created enters a job.
func (l *ledger) created(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byJob == nil {
		l.byJob = map[*job]*entry{}
	}
	displayName, _ := j.label.get()
	e := &entry{job: j, stats: JobStats{Name: j.name(), DisplayName: displayName, Rows: j.rows}}
	l.entries = append(l.entries, e)
	l.byJob[j] = e
}

// deleted closes the entry of a job.
func (l *ledger) deleted(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byJob[j]; e != nil {
		e.job, e.last = nil, "DELETED"
	}
	delete(l.byJob, j)
}

// fetched enters that the caller of a job has its results.
func (l *ledger) fetched(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byJob[j]; e != nil {
		e.fetched = true
	}
}

// count enters a request that is billed, and reports whether it was before.
func (l *ledger) count(m *map[sum]struct{}, s sum) bool {
	if *m == nil {
		*m = map[sum]struct{}{}
	}
	n := len(*m)
	(*m)[s] = struct{}{}
	return len(*m) == n
}

// bill enters rows of a job.
func (l *ledger) bill(j *job, rows []outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byJob[j]
	for i := range rows {
		if !rows[i].billed {
			continue
		}
		if e != nil {
			e.billed++
			e.bill.Add(&rows[i].bill)
		}
		if l.count(&l.requested, rows[i].requested) {
			l.repeats++
		}
		if l.count(&l.pairs, rows[i].pair) {
			l.doubled++
		}
	}
}

// BillSingle enters the answer to a request that came outside of any job.
func (s *Service) BillSingle(content [32]byte) {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.single++
	if l.count(&l.requested, sumOf(content[:])) {
		l.repeats++
	}
}

// Stats returns the ledger, after answering what is due by now, and enters what the rows of
// all jobs are billed for.
func (s *Service) Stats(all *bill.Ledger) Stats {
	s.mu.Lock()
	jobs := append([]*job(nil), s.order...)
	s.mu.Unlock()
	now := time.Now()
	for _, j := range jobs {
		_ = s.catchUp(j, now) // a poll of the job says what failed
	}
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	st := Stats{Created: len(l.entries), Ended: map[string]int{}, Single: l.single, Repeats: l.repeats, Doubled: l.doubled, Faults: map[string]int{}}
	for _, e := range l.entries {
		one := e.stats
		one.State, one.Billed = e.last, e.billed
		if e.job != nil {
			p := e.job.phase(now)
			one.State = string(p)
			one.DisplayName, _ = e.job.label.get()
			if p.ended() {
				st.Ended[one.State]++
			}
		} else {
			st.Ended[one.State]++
		}
		st.Billed += e.billed
		all.AddAll(&e.bill, e.fetched)
		st.Jobs = append(st.Jobs, one)
	}
	for kind, n := range s.faults.snapshot() {
		st.Faults[kind] = int(n)
	}
	return st
}

// catchUp answers the rows of a job that are due.
func (s *Service) catchUp(j *job, now time.Time) error {
	if j.vertex != nil && j.phase(now) != pending {
		j.vertex.begin()
	}
	p := j.phase(now)
	if !p.ended() {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return s.finish(j, p, time.Time{})
}

// finish does what a job in its last phase has to do, as far as it can until a time, or to
// the end if that is zero. Its caller holds the job's mutex.
func (s *Service) finish(j *job, p phase, until time.Time) error {
	if err := s.settle(j, j.due(p), until); err != nil {
		return err
	}
	if j.vertex == nil || int(j.progress.answered.Load()) < j.due(p) {
		return nil
	}
	if j.vertex.export(j, p) {
		s.ledger.fetched(j)
	}
	return nil
}
