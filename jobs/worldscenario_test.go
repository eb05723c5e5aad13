package jobs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/jobs/spec"
)

// A scenario is all that is drawn of a world. It can be written down as JSON.
type scenario struct {
	Seed      uint64
	Jobs      []jobScenario
	Latency   time.Duration
	Jitter    time.Duration
	ServerRPM int
	ServerRPD int
	Troubles  []trouble
}

// A jobScenario is one job of a world.
type jobScenario struct {
	Rows, Duplicates, Bad int
	Format                string
	Concurrency           int
	RPM, RPD              int
	MaxAttempts           int
	MaxCost               string    `json:",omitempty"`
	Dedupe                bool      `json:",omitempty"`
	Stdin                 bool      `json:",omitempty"`
	Tier                  spec.List `json:",omitempty"`
	Deadline              string    `json:",omitempty"`
	RowsPerCall           int       `json:",omitempty"`
}

// A trouble is one thing that goes wrong. Each can be left out.
type trouble struct {
	Kind string // kill, cut, disk, stop, detach and edit hit one run; fault and batch are the endpoint's; row is one row's
	Run  int
	Job  int    `json:",omitempty"`
	At   int    `json:",omitempty"` // the operation of the disk; tenths of a second for stop; the number of the row
	Seed uint64 `json:",omitempty"`
	Arg  string `json:",omitempty"`
}

// lastEdit returns the last round whose input is edited.
func (s *scenario) lastEdit() int {
	last := -1
	for _, x := range s.Troubles {
		if x.Kind == "edit" {
			last = max(last, x.Run)
		}
	}
	return last
}

// smaller returns what is left of a scenario when one thing is left out.
func (s *scenario) smaller() (list []*scenario) {
	for i := range s.Troubles {
		less := *s
		less.Troubles = slices.Delete(slices.Clone(s.Troubles), i, i+1)
		list = append(list, &less)
	}
	for i, j := range s.Jobs {
		if j.Rows > 3 {
			j.Rows /= 2
			less := *s
			less.Jobs = slices.Clone(s.Jobs)
			less.Jobs[i] = j
			list = append(list, &less)
		}
	}
	return list
}

// newScenario draws a world.
func newScenario(seed uint64) *scenario {
	r := rand.New(rand.NewPCG(seed, 1))
	one := func(n int) bool { return r.IntN(n) == 0 } // with a chance of one in n
	s := &scenario{Seed: seed, Latency: time.Duration(r.IntN(3000)) * time.Millisecond, Jitter: time.Duration(r.IntN(3000)) * time.Millisecond}
	byBatch := one(4)
	jobs := 1
	if one(5) {
		jobs = 2
	}
	rpm := 0
	if one(3) {
		rpm = 20 + r.IntN(200)
	}
	rpd := 0
	if one(6) {
		rpd = 30 + r.IntN(30)
	}
	for range jobs {
		j := jobScenario{
			Rows: 2 + r.IntN(40), Format: pick(r, ".jsonl", ".jsonl", ".csv", ".tsv", ".jsonl.gz"),
			Concurrency: 1 + r.IntN(12), RPM: rpm, RPD: rpd, MaxAttempts: 2 + r.IntN(5), Stdin: one(5), Bad: r.IntN(3),
		}
		if one(3) {
			j.Duplicates, j.Dedupe = 1+r.IntN(1+j.Rows/4), one(2)
		}
		if one(8) {
			j.MaxCost = fmt.Sprintf("0.%06d", 200+r.IntN(3000))
		}
		if one(10) {
			j.Deadline = fmt.Sprintf("%ds", 5+r.IntN(120))
		}
		if byBatch {
			j.Duplicates, j.Dedupe, j.MaxCost, j.Tier = 0, false, "", spec.List{"batch"}
			if one(3) {
				j.Tier, j.Deadline = spec.List{"batch", "flex", "standard"}, "20h"
			}
		}
		s.Jobs = append(s.Jobs, j)
	}
	if one(4) {
		s.ServerRPM = 30 + r.IntN(100)
	}
	if one(8) {
		s.ServerRPD = 40 + r.IntN(40)
	}
	run, ops := 0, 60
	if byBatch {
		ops = 120 // results come late
	}
	for range r.IntN(5) {
		x := trouble{Kind: pick(r, "kill", "cut", "cut", "cut", "disk", "stop"), Run: run, Job: r.IntN(jobs), Seed: r.Uint64(), At: 1 + r.IntN(ops)}
		if one(3) {
			x.At = 1 + r.IntN(12)
		}
		if byBatch && one(5) {
			x.Kind = "detach"
		}
		s.Troubles = append(s.Troubles, x)
		if !one(4) {
			run++
		}
	}
	if one(3) {
		s.Troubles = append(s.Troubles, trouble{Kind: "edit", Run: 1 + r.IntN(3), Seed: r.Uint64()})
	}
	budget := 0.4
	for range r.IntN(4) {
		p := r.Float64() * budget
		budget -= p
		s.Troubles = append(s.Troubles, trouble{Kind: "fault", Arg: fmt.Sprintf("%s=%.3f", pick(r, "503", "500", "429", "429bare", "cut", "reset", "slow:20s", "html", "garbage", "nobody", "empty", "nousage", "errorbody", "hang", "502", "504", "499", "drip"), p)})
	}
	if byBatch {
		for range r.IntN(3) {
			s.Troubles = append(s.Troubles, trouble{Kind: "batch", Arg: fmt.Sprintf("%s=%.3f", pick(r, "lostcreate", "create500", "create503", "refuse503", "poll500", "poll503", "pollreset", "jobstate", "shuffled", "twice", "frozen", "slowcreate", "slowpoll", "inline", "stuck", "failed", "expired", "partial", "uncancelled", "lateoutput", "missing", "rowcode"), r.Float64()/2)})
		}
	}
	for i := range s.Jobs {
		j := &s.Jobs[i]
		if one(2) {
			continue
		}
		j.RowsPerCall = 2 + r.IntN(1+r.IntN(29))
		if j.Deadline != "" && j.Deadline != "20h" {
			continue // each run would begin the same calls, and end before the rows that need more of them come to these
		}
		for range r.IntN(4) {
			s.Troubles = append(s.Troubles, trouble{Kind: "row", Job: i, At: r.IntN(40), Arg: pick(r, rowFaults...)})
		}
	}
	return s
}

// rowFaults are what a row can bring about for those that share its call.
var rowFaults = []string{"leftout", "twice", "foreign", "noarray", "block", "400", "recitation", "maxtokens"}

// harmlessBatchFault reports whether all rows of a job are answered, and found, in spite of a
// fault.
func harmlessBatchFault(arg string) bool {
	kind, _, _ := strings.Cut(arg, "=")
	return !slices.Contains([]string{"stuck", "failed", "expired", "partial", "uncancelled", "missing", "rowcode"}, kind)
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }
