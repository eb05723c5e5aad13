package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A paid is a call for which a run has received a reply.
type paid struct {
	cost price.USD
	rows int // that were in it
	safe int // of these, those that had a result afterwards
}

// spent returns the least that the journal can say of the cost of calls, and the most. Rows
// that have shared a call have shares of its cost that add up to it, and none of which is more
// than one above another.
func (j *worldJob) spent() (least, most price.USD) {
	for _, p := range j.paid {
		most += p.cost
		if p.safe == p.rows {
			least += p.cost
		} else {
			least += p.cost / price.USD(p.rows) * price.USD(p.safe)
		}
	}
	return least, most
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
	if j.needed(q) == 1 { // else a part of the cost may be for another row with this prompt
		for _, p := range j.open[q] {
			p.safe++
		}
	}
	delete(j.open, q)
	if r.Status.Settled() {
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

// arrives is told of a single call, by the prompts of the rows that share it, before the endpoint
// has it. It returns an error if the process is dead.
//
// No row is in two calls at a time. One whose answer was safe is in none any more, and neither
// is one whose answer the run has received already. So an answer is bought again only by a run
// that comes after another one, which had received it and ended before it was safe; a row that
// an answer leaves out, or has twice, was not answered.
func (j *worldJob) arrives(rows []wireRow) error {
	w := j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.dead || w.image != nil {
		return errDead
	}
	w.arrivals = append(w.arrivals, time.Now())
	if len(rows) > 1 {
		w.seen["call that rows share"]++
	}
	if spec.ByBatch(&j.spec) {
		w.seen["row that spilled to a single call"] += len(rows)
		w.notLive(rows, "")
	}
	for _, r := range rows {
		j.mayAsk(r.text)
		j.asking[r.text]++
	}
	return nil
}

// mayAsk checks that a row has no answer, and is in no call.
func (j *worldJob) mayAsk(q string) {
	needed, safe, had := j.needed(q), j.safe[q], j.before[q]+j.bought[q]
	if max(safe, had)+j.asking[q] >= needed && !(j.several[q] && j.w.lastEdit() >= 0) {
		j.w.broken = append(j.w.broken, fmt.Sprintf("%s asks %.40q once more in run %d, and of %d answers %d were safe, %d were received by now, and %d are asked for",
			j.name, q, j.runs, needed, safe, had, j.asking[q]))
	}
}

// answers is told of a reply that the process has received.
func (j *worldJob) answers(rows []wireRow, reply []byte) {
	cost, answered := readReply(rows, reply)
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	p := &paid{cost: cost, rows: len(rows)}
	j.paid = append(j.paid, p)
	for i, r := range rows {
		j.open[r.text] = append(j.open[r.text], p)
		if answered[i] {
			j.bought[r.text]++
			j.answered++
		} else if len(rows) > 1 {
			j.w.seen["row that a shared call did not answer"]++
		}
	}
}

// over is told that a call has ended.
func (j *worldJob) over(rows []wireRow) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	for _, r := range rows {
		j.asking[r.text]--
	}
}

// lose counts the answers that the run has received and not made safe. There are none unless
// the process died, or its disk was full.
func (j *worldJob) lose(died bool) {
	lost := 0
	for q, n := range j.bought {
		lost += max(0, n-(j.safe[q]-j.before[q]))
	}
	if lost > 0 && !died {
		j.w.broken = append(j.w.broken, fmt.Sprintf("%s: run %d has received %d answers that are not safe", j.name, j.runs, lost))
	}
	j.lost += lost
	if j.spec.RowsPerCall > 1 && lost > 1 {
		j.w.seen["rows of shared calls that were lost"] += lost
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
		if got != q || r.Status == batch.OK && !answers(r.Text, q) || r.Status != batch.OK && r.Status != statusOf(q) && !j.mayFail(q) {
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

// statusOf returns what becomes of a row by the fault that it asks for. Those that are about
// calls that rows share do nothing to a row which is asked alone.
func statusOf(q string) batch.Status {
	_, fault, _ := strings.Cut(q, directive)
	switch fault {
	case "block]]", "recitation]]":
		return batch.Blocked
	case "400]]":
		return batch.Rejected
	case "maxtokens]]":
		return batch.Truncated
	}
	return batch.OK
}

// answers reports whether a text is the simulator's answer to a prompt, which is the prompt,
// cut off if it is long.
func answers(text, q string) bool {
	q, _, _ = strings.Cut(q, directive)
	return text == q || len(text) > 60 && strings.HasPrefix(q, strings.TrimRight(text, "…. "))
}

// mayFail reports whether the endpoint makes a row fail for good: each row, or one that needs
// several attempts for what it asks for itself, and has not enough of them among other faults.
func (j *worldJob) mayFail(q string) bool {
	return slices.ContainsFunc(j.w.Troubles, func(x trouble) bool {
		kind, _, _ := strings.Cut(x.Arg, "=")
		return x.Kind == "fault" && (statusOf(q) != batch.OK || kind == "empty" || kind == "nobody")
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
	cost, _ := all.CostUSD()
	if least, most := j.spent(); cost < least || cost > most {
		w.violated("%s: the journal has calls of %v, and the endpoint was paid %v, of which %v for answers that were safe", j.name, cost, most, least)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	again := j.answered - kept
	if again < 0 || again > j.lost {
		w.broken = append(w.broken, fmt.Sprintf("%s: the journal has %d answers, of %d that were received, and of these %d were not safe when a run ended", j.name, kept, j.answered, j.lost))
	}
	if most := j.ended * (j.spec.Concurrency + 256) * max(1, j.spec.RowsPerCall); again > most {
		w.broken = append(w.broken, fmt.Sprintf("%s: %d answers were bought again, and %d runs that ended early explain %d at most", j.name, again, j.ended, most))
	}
	w.seen["superseded result"] += superseded
	w.seen["bought again"] += again
	w.seen["most bought again in a job"] = max(w.seen["most bought again in a job"], again)
}
