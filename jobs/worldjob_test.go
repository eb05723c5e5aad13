package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/cost"
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
	armed []trouble
	ops   int // of the disk
	dead  bool
	stop  context.CancelFunc
	open  map[string]price.USD // what was paid for a prompt since its last result

	safe     map[string]int  // the results of a prompt that runs were told to be in the journal
	several  map[string]bool // prompts of several rows, of which an edit can take any
	answered int             // replies with an answer that runs have received
	cost     price.USD       // of replies for results that are safe
	maybe    price.USD       // of replies of which runs did not know that when they ended
	ended    int             // runs that ended early
}

func newWorldJob(w *world, i int) *worldJob {
	s := w.Jobs[i]
	j := &worldJob{w: w, name: fmt.Sprintf("job%d", i), safe: map[string]int{}, several: map[string]bool{}, open: map[string]price.USD{}}
	in := filepath.Join(w.root, j.name+".jsonl")
	j.spec = spec.Spec{
		Input: spec.List{in}, Output: filepath.Join(w.root, j.name+"-out"+s.Format), Model: "gemini-2.5-flash-lite",
		Endpoint: "google", BaseURL: "http://127.0.0.1:1", Prompt: "{{.q}}", Concurrency: s.Concurrency, AllowSamePrompt: true,
		RPM: s.RPM, RPD: s.RPD, Dedupe: s.Dedupe, Tier: s.Tier, MaxAttempts: s.MaxAttempts, Deadline: s.Deadline,
	}
	if s.MaxCost != "" {
		j.spec.MaxCost, j.spec.MaxOutputTokens = s.MaxCost, 200
	}
	r := rand.New(rand.NewPCG(w.Seed, uint64(i)))
	for n := range s.Rows {
		j.rows = append(j.rows, j.prompt(r, n))
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
		o.batchRows = 7
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
	for _, c := range j.open {
		j.maybe += c
	}
	clear(j.open)
	if dead || err != nil {
		j.ended++
	}
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
	if limit, _ := j.spec.CostLimit(); j.spec.MaxCost != "" && j.runs <= 3 && j.cost > limit {
		w.violated("%s, run %d: the answers cost %v, and max_cost is %v", j.name, round, j.cost, limit)
	}
	day := (*quota.DayError)(nil)
	budget := (*BudgetError)(nil)
	detached := (*DetachedError)(nil)
	deadline := (*DeadlineError)(nil)
	stopped := (*batch.StopError)(nil)
	switch {
	case err == nil:
		// Rows that failed are asked again by the next run.
		if left := j.unanswered(); left > 0 && j.runs < 40 {
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

// observe is told that a result is safe.
func (j *worldJob) observe(r *Row) {
	w := j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Copied {
		return
	}
	value, _ := r.Input.Value("q")
	q := fmt.Sprint(value)
	if j.needed(q) == 1 {
		j.cost += j.open[q]
	} else { // a part of it may be for another row with this prompt
		j.maybe += j.open[q]
	}
	delete(j.open, q)
	if r.Status == batch.OK {
		j.safe[q]++
	}
}

// needed returns how many answers the rows of a prompt need.
func (j *worldJob) needed(q string) (n int) {
	for _, p := range j.rows {
		if p == q {
			n++
		}
	}
	if j.spec.Dedupe {
		n = min(n, 1)
	}
	return n
}

// arrives is told of a single call before the endpoint has it. It returns an error if the
// process is dead, or the endpoint out of reach.
func (j *worldJob) arrives(q string) error {
	w := j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.dead || w.image != nil {
		return errDead
	}
	w.arrivals = append(w.arrivals, time.Now())
	if spec.ByBatch(&j.spec) {
		w.seen["row that spilled to a single call"]++
		w.notLive(q)
	}
	if safe, needed := j.safe[q], j.needed(q); safe >= needed && needed > 0 && !(j.several[q] && w.lastEdit() >= 0) {
		w.broken = append(w.broken, fmt.Sprintf("%s asks %.40q once more in run %d, and %d of %d answers were safe", j.name, q, j.runs, safe, needed))
	}
	return nil
}

// answers is told of a reply that the process has received.
func (j *worldJob) answers(q string, cost price.USD, ok bool) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	j.open[q] += cost
	if ok {
		j.answered++
	}
}

// finished checks a job that is complete.
func (j *worldJob) finished() {
	w := j.w
	v, err := View(j.spec, Options{Env: w.env})
	if err != nil {
		w.violated("%s: view: %v", j.name, err)
		return
	}
	defer v.Close()
	found, err := v.Verify()
	if err != nil || len(found.Faults) > 0 {
		w.violated("%s: verify: %v, %+v", j.name, err, found)
		return
	}
	n := 0
	for r, err := range v.Rows(w.t.Context()) {
		if err != nil {
			w.violated("%s: rows: %v", j.name, err)
			return
		}
		if n >= len(j.rows) {
			w.violated("%s: more rows than the input has", j.name)
			return
		}
		q := j.rows[n]
		if n++; q == "" {
			if r.Status != batch.Skipped {
				w.violated("%s: row %d cannot be read, and is %s", j.name, n, r.Status)
			}
			continue
		}
		got, _ := r.Input.Value("q")
		if got != q || r.Status == batch.OK && !answers(r.Text, q) || r.Status != batch.OK && !j.mayFail() {
			w.violated("%s: row %d is %.40q, status %s (%s), answer %.40q; want %.40q", j.name, n, got, r.Status, r.Error, r.Text, q)
		}
	}
	if n != len(j.rows) {
		w.violated("%s: %d rows, want %d", j.name, n, len(j.rows))
	}
	if text, err := os.ReadFile(j.spec.Output); err != nil {
		w.violated("%s: output: %v", j.name, err)
	} else if strings.HasSuffix(j.spec.Output, ".jsonl") {
		j.readBack(text)
	}
	j.paidOnce(v)
}

// answers reports whether a text is the simulator's answer to a prompt, which is the prompt,
// cut off if it is long.
func answers(text, q string) bool {
	return text == q || len(text) > 60 && strings.HasPrefix(q, strings.TrimRight(text, "…. "))
}

// mayFail reports whether the endpoint makes rows fail for good.
func (j *worldJob) mayFail() bool {
	return slices.ContainsFunc(j.w.Troubles, func(x trouble) bool {
		kind, _, _ := strings.Cut(x.Arg, "=")
		return x.Kind == "fault" && slices.Contains([]string{"empty", "nobody"}, kind)
	})
}

// readBack reads the output as a user's program does.
func (j *worldJob) readBack(text []byte) {
	n := 0
	for line := range bytes.Lines(text) {
		var row struct{ Q, Response, Status string }
		if err := json.Unmarshal(line, &row); err != nil {
			j.w.violated("%s: output: %v in %.100s", j.name, err, line)
			return
		}
		if n < len(j.rows) && row.Status == "ok" && (row.Q != j.rows[n] || !answers(row.Response, row.Q)) {
			j.w.violated("%s: line %d of the output is %.200s", j.name, n+1, line)
		}
		n++
	}
	if n != len(j.rows) {
		j.w.violated("%s: the output has %d lines, want %d", j.name, n, len(j.rows))
	}
}

// paidOnce compares what the job says that it cost with what the endpoint served.
func (j *worldJob) paidOnce(v *Job) {
	w := j.w
	if spec.ByBatch(&j.spec) {
		return // see batchesKept
	}
	var all cost.Totals
	kept, superseded := 0, 0
	rows := make(map[batch.ID]bool)
	for r, err := range v.journal.All() {
		if err != nil {
			w.violated("%s: journal: %v", j.name, err)
			return
		}
		all.AddResult(r, v.prices)
		if rows[r.ID()] {
			superseded++
		}
		rows[r.ID()] = true
		if r.Status == batch.OK {
			kept++
		}
	}
	if cost, _ := all.CostUSD(); cost < j.cost || cost > j.cost+j.maybe {
		w.violated("%s: the journal has calls of %v, and the endpoint was paid %v for answers that were safe, and %v for others before their run died", j.name, cost, j.cost, j.maybe)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	again := j.answered - kept
	if most := j.ended * (j.spec.Concurrency + 256); again > most {
		w.broken = append(w.broken, fmt.Sprintf("%s: %d answers were bought again, and %d runs that ended early explain %d at most", j.name, again, j.ended, most))
	}
	w.seen["superseded result"] += superseded
	w.seen["bought again"] += again
	w.seen["most bought again in a job"] = max(w.seen["most bought again in a job"], again)
}
