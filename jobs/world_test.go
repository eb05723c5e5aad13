package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/crashdisk"
	"github.com/genbatch/genbatch/internal/pacific"
	"github.com/genbatch/genbatch/internal/sim"
)

// A world is a machine with a disk that can lose its power, and the endpoint that its jobs
// ask over a network in memory. It lives in a bubble, in which a day is over at once. What
// happens in it is what its scenario says.
type world struct {
	*scenario
	t    *testing.T
	root string // of the disk
	disk *crashdisk.Disk
	sim  *sim.Server
	net  *memoryNetwork
	jobs []*worldJob

	mu        sync.Mutex                 // guards what follows
	image     *crashdisk.Image           // of the disk, once all processes are dead
	cut       bool                       // by a power cut
	arrivals  []time.Time                // of single calls
	unshared  bool                       // a process has warned that it counts calls for itself
	uploaded  map[string][]wireLine      // the requests in an uploaded file, by its name
	batched   map[string][]wireLine      // those in a batch job, by its display name
	doubted   map[string]bool            // the display names of jobs whose creation was not confirmed
	collected map[string]map[string]bool // the batch jobs by which a prompt was answered, by the prompt
	broken    []string                   // promises
	seen      map[string]int
	log       bytes.Buffer
}

// errDead is the end of all that a process does.
var errDead = errors.New("the process is dead")

// violated notes that a promise is broken.
func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// saw counts something that is rare, so that it can be told whether it ever occurred.
func (w *world) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

// runScenario lets a world live. It returns it with the promises that it broke.
func runScenario(t *testing.T, s *scenario) *world {
	root, err := os.MkdirTemp("", "genbatch-world-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	w := &world{
		scenario: s, t: t, root: root, seen: map[string]int{}, uploaded: map[string][]wireLine{}, batched: map[string][]wireLine{},
		doubted: map[string]bool{}, collected: map[string]map[string]bool{},
	}
	// A deadlock, and a goroutine that is left, are panics of the bubble's.
	defer func() {
		if p := recover(); p != nil {
			w.violated("panic: %v", p)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(bubbleBegin))
		w.t = t
		w.live()
	})
	return w
}

// live runs the jobs until all of them are complete.
func (w *world) live() {
	c := w.server()
	w.sim = unwitnessed(c)
	defer w.sim.Close()
	w.net = newMemoryNetwork(w)
	defer w.net.close()
	for i := range w.Jobs {
		w.jobs = append(w.jobs, newWorldJob(w, i))
	}
	w.disk = crashdisk.New(w.t, w.root)
	if len(w.jobs) > 1 && w.Jobs[0].RPM+w.Jobs[0].RPD > 0 {
		w.saw("two jobs on one quota")
	}
	began := time.Now()
	for round := 0; ; round++ {
		for _, j := range w.jobs {
			j.edit(round)
		}
		var wg sync.WaitGroup
		working := 0
		for _, j := range w.jobs {
			if !j.done {
				working++
				wg.Go(func() { j.run(round) })
			}
		}
		wg.Wait()
		synctest.Wait()
		if working == 0 && round > w.lastEdit() {
			break
		}
		if w.image == nil {
			for _, path := range w.disk.Bypassed() {
				if !mayBypass(path) {
					w.violated("%s was written past the rules of durable files", path)
				}
			}
		}
		if w.image != nil {
			w.disk.Start(w.image)
			if w.cut {
				time.Sleep(2 * time.Minute) // the machine starts
			}
			w.image, w.cut = nil, false
		}
		if round > 60 || time.Since(began) > 60*24*time.Hour {
			w.violated("it does not end: %d runs, %v", round, time.Since(began))
			return
		}
		if len(w.broken) > 0 {
			return
		}
	}
	for _, j := range w.jobs {
		j.finished()
	}
	w.limitsKept()
	w.batchesKept()
}

// mayBypass reports whether a file is worth nothing after a power cut, so that it is written
// without the rules of durable files: who holds a lock, the calls of the last minute, and how
// runs went.
func mayBypass(path string) bool {
	name := filepath.Base(path)
	return name == "lock" || strings.HasSuffix(name, ".lock") || strings.HasSuffix(name, ".minute") || name == "history.jsonl"
}

// server is how the endpoint behaves.
func (w *world) server() sim.Config {
	var faults []string
	var batchFaults []string
	for _, x := range w.Troubles {
		switch x.Kind {
		case "fault":
			faults = append(faults, x.Arg)
		case "batch":
			batchFaults = append(batchFaults, x.Arg)
		}
	}
	c := sim.Config{
		CountAnswers: true, Seed: w.Seed, Latency: w.Latency, Jitter: w.Jitter,
		Quota:   sim.Quota{RPM: w.ServerRPM, RPD: w.ServerRPD},
		Batches: sim.Batches{Pending: 5 * time.Minute, Running: 10 * time.Minute, Seed: w.Seed, Faults: parsed(w.t, strings.Join(batchFaults, ","))},
	}
	var err error
	if c.Faults, err = sim.ParseFaults(strings.Join(faults, ",")); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) env(name string) string {
	switch name {
	case "GEMINI_API_KEY":
		return "key"
	case "XDG_STATE_HOME":
		return filepath.Join(w.root, "state")
	}
	return ""
}

// notLive checks that rows which are asked in a single call, or in another batch job than the one
// with a display name, are in no batch job at work.
func (w *world) notLive(rows []wireRow, but string) {
	for _, job := range w.sim.Stats().Batches.Jobs {
		if job.DisplayName == but || !strings.HasSuffix(job.State, "PENDING") && !strings.HasSuffix(job.State, "RUNNING") {
			continue
		}
		for _, line := range w.batched[job.DisplayName] {
			for _, r := range line.rows {
				if slices.ContainsFunc(rows, func(asked wireRow) bool { return asked.text == r.text }) {
					w.broken = append(w.broken, fmt.Sprintf("%.40q is asked once more, and is in the batch job %s, which is %s", r.text, job.Name, job.State))
				}
			}
		}
	}
}

// creates is told of a batch job that the process creates, or creates anew after a reply that
// seemed lost.
func (j *worldJob) creates(display string) {
	w := j.w
	var rows []wireRow
	for _, line := range w.batched[display] {
		if rows = append(rows, line.rows...); len(line.rows) > 1 {
			w.seen["request of a batch job that rows share"]++
		}
	}
	w.notLive(rows, display)
	for _, r := range rows {
		if j.needed(r.text) > 0 { // or else the row has left the input since
			j.mayAsk(r.text)
		}
	}
}

type worldLog struct {
	w *world
	j *worldJob
}

func (l worldLog) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if bytes.Contains(p, []byte("as an interrupted write leaves them")) {
		l.w.seen["torn tail"]++
	}
	if bytes.Contains(p, []byte("cannot be shared with other runs")) && !l.j.dead && l.w.image == nil {
		l.w.unshared = true
	}
	if bytes.Contains(p, []byte("is looked up")) {
		l.w.seen["creation looked up"]++
	}
	fmt.Fprintf(&l.w.log, "%s run %d: %s", l.j.name, l.j.runs, p)
	return len(p), nil
}

// limitsKept checks the calls of all processes against the limits that were given.
func (w *world) limitsKept() {
	times := slices.Clone(w.arrivals)
	slices.SortFunc(times, time.Time.Compare)
	rpm, rpd := w.Jobs[0].RPM, w.Jobs[0].RPD // the same for all
	if w.unshared {
		return
	}
	first := 0
	days := map[string]int{}
	for i, t := range times {
		for t.Sub(times[first]) >= time.Minute {
			first++
		}
		if n := i - first + 1; rpm > 0 && n > rpm {
			w.violated("%d calls arrive in the minute before %v, and the limit is %d", n, t, rpm)
			return
		}
		day := t.In(pacific.Location()).Format(time.DateOnly)
		if days[day]++; rpd > 0 && days[day] > rpd {
			w.violated("more than %d calls arrive on %s", rpd, day)
			return
		}
	}
}

// batchesKept checks the endpoint's ledger of batch jobs, and what they have answered. Where no
// request fails, none is billed twice, and no row is answered twice, whatever happens to machine
// and endpoint. Of a request that rows share, those that its answer left out are in another one.
func (w *world) batchesKept() {
	b := w.sim.Stats().Batches
	w.seen["batch job"] += b.Created
	for _, job := range b.Jobs {
		if w.doubted[job.DisplayName] && strings.HasSuffix(job.State, "SUCCEEDED") {
			w.seen["adopted batch job"]++
		}
	}
	about := func(kind string) bool {
		return slices.ContainsFunc(w.Troubles, func(x trouble) bool { return x.Kind == kind && (kind != "batch" || !harmlessBatchFault(x.Arg)) })
	}
	if b.Created == 0 || b.Single > 0 || about("fault") || about("batch") {
		return
	}
	if b.Repeats > 0 && !about("row") {
		w.violated("%d requests of batch jobs were billed again", b.Repeats)
	}
	for q, jobs := range w.collected {
		if len(jobs) > 1 {
			w.violated("%.40q was answered in %d batch jobs", q, len(jobs))
		}
	}
}
