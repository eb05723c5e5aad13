package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A worldJob is one of the jobs on the machine, with what is known of it from outside.
type worldJob struct {
	w    *world
	name string
	spec spec.Spec
	rows []string // the prompts of the input, in order; "" is a row that cannot be read
	runs int
	done bool // the last run ended without an error, and left no row to ask

	// The run that goes on, or went on last.
	armed  []trouble
	ops    int // of the disk
	dead   bool
	stop   context.CancelFunc
	before map[string]int     // safe as it was when the run began
	bought map[string]int     // the answers to a prompt that the run has received
	asking map[string]int     // the calls under way that a prompt is in
	open   map[string][]*paid // the calls that a prompt was in since its last result

	safe     map[string]int  // the results of a prompt that runs were told to be in the journal, and that settle it
	several  map[string]bool // prompts of several rows, of which an edit can take any
	paid     []*paid         // all calls for which runs have received a reply
	answered int             // rows with an answer in one of these
	lost     int             // of these, rows of which runs did not know that the answer was safe when they ended
	ended    int             // runs that ended early
}

func newWorldJob(w *world, i int) *worldJob {
	s := w.Jobs[i]
	j := &worldJob{w: w, name: fmt.Sprintf("job%d", i), safe: map[string]int{}, several: map[string]bool{}, asking: map[string]int{}, open: map[string][]*paid{}}
	in := filepath.Join(w.root, j.name+".jsonl")
	j.spec = spec.Spec{
		Input: spec.List{in}, Output: filepath.Join(w.root, j.name+"-out"+s.Format), Model: "gemini-2.5-flash-lite",
		Endpoint: "google", BaseURL: "http://127.0.0.1:1", Prompt: "{{.q}}", Concurrency: s.Concurrency, AllowSamePrompt: true,
		RPM: s.RPM, RPD: s.RPD, Dedupe: s.Dedupe, Tier: s.Tier, MaxAttempts: s.MaxAttempts, Deadline: s.Deadline,
	}
	if s.MaxCost != "" {
		j.spec.MaxCost, j.spec.MaxOutputTokens = s.MaxCost, 200
	}
	if s.RowsPerCall > 1 {
		j.spec.Prompt, j.spec.Summarize, j.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, s.RowsPerCall
	}
	r := rand.New(rand.NewPCG(w.Seed, uint64(i)))
	for n := range s.Rows {
		j.rows = append(j.rows, j.prompt(r, n))
	}
	for _, x := range w.Troubles {
		if x.Kind == "row" && x.Job == i {
			j.rows[x.At%s.Rows] = fmt.Sprintf("%s asks %d%s%s]]", j.name, x.At%s.Rows, directive, x.Arg)
		}
	}
	for n := range s.Duplicates {
		q := j.rows[n%s.Rows]
		j.rows, j.several[q] = slices.Insert(j.rows, r.IntN(len(j.rows)+1), q), true
	}
	for range s.Bad {
		j.rows = slices.Insert(j.rows, r.IntN(len(j.rows)+1), "")
	}
	if s.Stdin {
		j.spec.Input = spec.List{"-"}
	} else if err := os.WriteFile(in, []byte(j.text()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return j
}

// prompt makes the prompt of a row. Some are long, so that their answers stand in blobs.
func (j *worldJob) prompt(r *rand.Rand, n int) string {
	p := fmt.Sprintf("%s asks %d", j.name, n)
	if r.IntN(12) == 0 {
		p += strings.Repeat(" and so on", 60)
	}
	return p
}

// directive stands between what a row asks and the fault that it asks for.
const directive = " [[sim:"

// text returns the input.
func (j *worldJob) text() string {
	var b strings.Builder
	for i, q := range j.rows {
		if q == "" {
			b.WriteString("{no json\n")
			continue
		}
		fmt.Fprintf(&b, "{\"id\":%d,\"q\":%q}\n", i, q)
	}
	return b.String()
}

// edit changes the input before a run, as the scenario says.
func (j *worldJob) edit(round int) {
	for _, x := range j.w.Troubles {
		if x.Kind != "edit" || x.Run != round || j.spec.Input[0] == "-" {
			continue
		}
		r := rand.New(rand.NewPCG(x.Seed, 7))
		for range 1 + r.IntN(3) {
			at := r.IntN(len(j.rows))
			switch r.IntN(4) {
			case 0:
				if len(j.rows) > 2 {
					j.rows = slices.Delete(j.rows, at, at+1)
				}
			case 1:
				j.rows = slices.Insert(j.rows, at, j.prompt(r, 1000+r.IntN(1000)))
			case 2:
				j.rows[at] = j.prompt(r, 2000+r.IntN(1000))
			default:
				to := r.IntN(len(j.rows))
				j.rows[at], j.rows[to] = j.rows[to], j.rows[at]
			}
		}
		path := j.spec.Input[0]
		if err := errors.Join(os.WriteFile(path+".new", []byte(j.text()), 0o600), os.Rename(path+".new", path)); err != nil {
			j.w.t.Fatal(err)
		}
		j.w.disk.Sync(path)
		j.done = false
		j.w.saw("edited input")
	}
}

// run is one process that runs the job.
func (j *worldJob) run(round int) {
	w := j.w
	j.runs++
	w.saw("run")
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.mu.Lock()
	j.ops, j.dead, j.stop, j.armed = 0, false, cancel, nil
	j.before, j.bought = maps.Clone(j.safe), map[string]int{}
	mine := slices.Index(w.jobs, j)
	for _, x := range w.Troubles {
		if x.Run == round && x.Job == mine {
			j.armed = append(j.armed, x)
		}
	}
	w.mu.Unlock()
	for _, x := range j.armed {
		if x.Kind == "stop" {
			defer time.AfterFunc(time.Duration(x.At)*100*time.Millisecond, cancel).Stop()
		}
	}
	o := Options{
		Env: w.env, Stdin: strings.NewReader(j.text()), Log: slog.New(slog.NewTextHandler(worldLog{w, j}, nil)),
		Observe: j.observe,
		Confirm: func(sentence string) bool {
			w.violated("%s, run %d: asks whether to go on: %s", j.name, round, sentence)
			return false
		},
		seams: seams{fs: w.disk.FS(j.hook), transport: memoryTransport{w.net, j}, segmentBytes: 6000, blobBytes: 500, batchPace: 1},
	}
	if spec.ByBatch(&j.spec) {
		if o.batchRows = 7; j.spec.RowsPerCall > 1 {
			o.batchRows = 2
		}
		o.Detach = slices.ContainsFunc(j.armed, func(x trouble) bool { return x.Kind == "detach" })
	}
	s := j.spec
	if s.MaxCost != "" && j.runs > 3 {
		s.MaxCost = "100"
	}
	job, err := Open(s, o)
	if err == nil {
		_, err = job.Run(ctx)
		err = errors.Join(err, job.Close())
	}
	w.net.hangUp(j)
	w.mu.Lock()
	dead := j.dead || w.image != nil
	clear(j.open)
	if dead || err != nil {
		j.ended++
	}
	j.lose(dead || errors.Is(err, syscall.ENOSPC))
	w.mu.Unlock()
	if dead {
		return
	}
	j.judge(round, err)
}

// judge decides what comes after a run.
func (j *worldJob) judge(round int, err error) {
	w := j.w
	for _, x := range j.armed {
		if x.Kind == "disk" && errors.Is(err, syscall.ENOSPC) {
			w.saw("full disk")
			return
		}
	}
	if limit, _ := j.spec.CostLimit(); j.spec.MaxCost != "" && j.runs <= 3 {
		if cost, _ := j.spent(); cost > limit {
			w.violated("%s, run %d: the answers cost %v, and max_cost is %v", j.name, round, cost, limit)
		}
	}
	day := (*quota.DayError)(nil)
	budget := (*BudgetError)(nil)
	detached := (*DetachedError)(nil)
	deadline := (*DeadlineError)(nil)
	stopped := (*batch.StopError)(nil)
	switch {
	case err == nil:
		// Rows that failed are asked again by the next run.
		most := 40
		if slices.ContainsFunc(j.rows, j.mayFail) {
			most = 8
		}
		if left := j.unanswered(); left > 0 && j.runs < most {
			w.saw("failed rows")
			time.Sleep(time.Minute)
			return
		}
		j.done = true
	case errors.Is(err, batch.ErrInterrupted):
		w.saw("interrupt")
	case errors.As(err, &day):
		w.saw("quota of the day")
		time.Sleep(6 * time.Hour)
	case errors.As(err, &budget):
		w.saw("cap")
		j.runs = max(j.runs, 3)
	case errors.As(err, &detached):
		w.saw("detached")
		time.Sleep(7 * time.Minute)
	case errors.As(err, &deadline):
		w.saw("deadline")
		time.Sleep(6 * time.Hour) // a batch job may be pending for two days
	case errors.As(err, &stopped), errors.Is(err, batch.ErrMaxFailures):
		w.saw("given up")
		time.Sleep(10 * time.Minute)
	default:
		w.violated("%s, run %d ends with %v", j.name, round, err)
	}
}

// unanswered counts rows of the output that failed.
func (j *worldJob) unanswered() (n int) {
	v, err := View(j.spec, Options{Env: j.w.env})
	if err != nil {
		j.w.violated("%s: view: %v", j.name, err)
		return 0
	}
	defer v.Close()
	for r, err := range v.Rows(j.w.t.Context()) {
		if err != nil {
			j.w.violated("%s: rows: %v", j.name, err)
			return 0
		}
		if r.Status == batch.Failed || r.Status == batch.Pending {
			n++
		}
	}
	return n
}

// hook is called before each operation of the job's process on the disk.
func (j *worldJob) hook(op durable.Op, path string) (bool, error) {
	w := j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.dead || w.image != nil {
		return false, errDead
	}
	j.ops++
	for _, x := range j.armed {
		if x.At != j.ops {
			continue
		}
		switch x.Kind {
		case "kill":
			w.seen["kill"]++
			j.dead = true
			j.stop()
			if len(w.jobs) == 1 { // else the others go on, and what the dead process tidies away is not seen
				w.image = w.disk.Kill()
			}
			return x.Seed%2 == 0, errDead
		case "cut":
			w.seen["power cut"]++
			w.image, w.cut = w.disk.Cut(rand.New(rand.NewPCG(x.Seed, 3))), true
			for _, other := range w.jobs {
				if other.stop != nil {
					other.stop()
				}
			}
			return false, errDead
		case "disk":
			return x.Seed%2 == 0, &fs.PathError{Op: string(op), Path: path, Err: syscall.ENOSPC}
		}
	}
	return true, nil
}
