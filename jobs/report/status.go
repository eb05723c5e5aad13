package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Status shows how a job stands.
type Status struct {
	Status  *jobs.Status
	Changed []string // keys of the job file that have changed since the last run; see [jobs.LoadFile]

	Batches, Unknown []jobs.Batch // see [jobs.FindBatches]
	BatchError       error        // why the endpoint was not asked after them; nil if it was

	PausedSince time.Time // since when the run is paused; zero if it is not, or if that is not known
}

// standing says in one line how far the job is, and what is to be done if it is not finished.
func standing(r *jobs.Status) string {
	if r.Running != nil {
		return fmt.Sprintf("running: process %d on %s, since %s", r.Running.PID, r.Running.Host, r.Running.Since.Local().Format(time.DateTime))
	}
	if r.Shard != "" {
		if r.Finished {
			return fmt.Sprintf("shard %s is done; genbatch merge joins it with the others when all are", r.Shard)
		}
		return fmt.Sprintf("shard %s is not finished, and not running", r.Shard)
	}
	if s := served(r); s != nil {
		return fmt.Sprintf("served to workers: process %d on %s, since %s", s.PID, s.Host, s.Since.Local().Format(time.DateTime))
	}
	if s := r.Shards; s != nil && s.Merged.IsZero() {
		return fmt.Sprintf("runs in %s, which are not merged: genbatch merge does so when all are done", Many(int64(s.Count), "shard"))
	}
	answered := r.Input != nil && r.Input.Left == 0 && r.Status[batch.Failed] == 0
	next := "run the job again"
	if answered {
		next += ", which costs nothing"
	}
	switch r.Standing {
	case jobs.OutputForeign:
		return fmt.Sprintf("not finished: %s is there, and is not as this job has written it", r.Output)
	case jobs.OutputUnseen:
		return fmt.Sprintf("not known to be finished: the store of %s cannot be asked now", r.Output)
	case jobs.OutputMissing:
		return fmt.Sprintf("not finished: %s is not there any more; genbatch export writes it again", r.Output)
	case jobs.OutputOutdated:
		return fmt.Sprintf("not finished: %s was written before the job, its input or its journal changed; %s", r.Output, next)
	case jobs.OutputUnwritten:
		if answered {
			return fmt.Sprintf("not finished: all rows are answered, and %s is not written; %s", r.Output, next)
		}
		return "not finished, and not running"
	case jobs.OutputTouched:
		if !r.Finished {
			return fmt.Sprintf("not finished: %s was written before its input changed; %s", r.Output, next)
		}
		return fmt.Sprintf("finished: %s has %s; its input was touched since, and genbatch verify compares them", r.Output, Many(r.InOutput, "row"))
	}
	return fmt.Sprintf("finished: %s has %s", r.Output, Many(r.InOutput, "row"))
}

// served returns the process that serves a job to workers; nil if none does.
func served(r *jobs.Status) *jobs.Owner {
	if r.Shards == nil {
		return nil
	}
	return r.Shards.Server
}

func (s Status) String() string {
	var b strings.Builder
	r := s.Status
	writeSimulated(&b, r.Simulated())
	w := newTable(&b)
	fmt.Fprintf(w, "state\t%s\n", standing(r))
	if !s.PausedSince.IsZero() {
		fmt.Fprintf(w, "paused\tsince %s, until genbatch ctl JOB resume\n", s.PausedSince.Local().Format(time.DateTime))
	}
	if r.Shards != nil {
		fmt.Fprintf(w, "shards\t%s\n", shardsText(r.Shards))
		writeWorkers(w, r.Shards)
	}
	if in := r.Input; in != nil {
		fmt.Fprintf(w, "rows\t%s: %s settled, %s left, %s bad\n", Count(in.Rows), Count(in.Settled), Count(in.Left), Count(in.Bad))
		if in.Elsewhere > 0 {
			fmt.Fprintf(w, "other ways\t%s to the same rows, asked with more or fewer of them a call\n", Many(in.Elsewhere, "answer"))
		}
		if in.Orphaned > 0 {
			fmt.Fprintf(w, "orphaned\t%s that no row asks for any more; they stay until genbatch prune --orphaned\n", Many(in.Orphaned, "answer"))
		}
	}
	if r.InputError != nil {
		fmt.Fprintf(w, "input\tnot compared: %v\n", r.InputError)
	}
	if len(s.Changed) > 0 {
		fmt.Fprintf(w, "changed\tsince the last run: %s; the figures are by the job file as it is now\n", strings.Join(s.Changed, ", "))
	}
	if r.Running != nil || served(r) != nil {
		left := ""
		if r.Left > 0 && !s.inBatches() {
			left = ", " + timeLeft(r.Left) + " left"
		}
		fmt.Fprintf(w, "speed\t%s rows/s in the last minute%s\n", decimal(r.Rate), left)
	}
	fmt.Fprintf(w, "answered\t%s\n", statusText(&r.Totals, 0))
	if r.LastSeq > 0 {
		fmt.Fprintf(w, "last result\t%s\n", r.LastAt.Local().Format(time.DateTime))
	}
	fmt.Fprintf(w, "requests\t%s, %s of them retries\n", Count(r.Attempts), Count(r.Retries))
	if r.Packs > 0 {
		fmt.Fprintf(w, "shared\t%s\n", packsText(&r.Totals))
	}
	writeBatches(w, s.Batches, "")
	writeUnknownBatches(w, s.Unknown)
	switch {
	case s.BatchError == nil:
	case len(s.Batches) == 0:
		fmt.Fprintf(w, "batch jobs\tnot known: %s\n", terminal.Line(message.Plain(s.BatchError), faultWidth))
	default:
		fmt.Fprintf(w, "\tas they were last seen: %s\n", terminal.Line(message.Plain(s.BatchError), faultWidth))
	}
	fmt.Fprintf(w, "cost\t%s\n", TotalCost(&r.Totals))
	writeBill(w, "", &r.Totals)
	if r.Unreported > 0 {
		fmt.Fprintf(w, "not reported\t%s\n", Unreported(&r.Totals))
	}
	for i, d := range r.Damage {
		if i == listed {
			fmt.Fprintf(w, "damage\t%s more\n", Count(int64(len(r.Damage)-i)))
			break
		}
		fmt.Fprintf(w, "damage\t%s\n", terminal.Line(d.Error(), faultWidth))
	}
	w.Flush()
	writeJudgement(&b, &r.Judgement)
	return b.String()
}

// shardsText says how the shards of a job stand.
func shardsText(s *jobs.Shards) string {
	text := fmt.Sprintf("%s of %s have answers, %d running", Count(int64(s.Begun)), Count(int64(s.Count)), len(s.Running))
	if at := s.Served; at != nil && (s.Server != nil || s.Merged.IsZero()) {
		text = fmt.Sprintf("%s of %s done, %s at work, %s open; %s collected", Count(int64(at.Done)), Count(int64(s.Count)), Count(int64(at.Held)), Count(int64(at.Open)), Many(at.Results, "result"))
		if s.Server == nil {
			text += ", when they were served last, at " + at.At.Local().Format(time.DateTime)
		}
	}
	if !s.Merged.IsZero() {
		text += ", merged at " + s.Merged.Local().Format(time.DateTime)
	}
	return text
}

// writeWorkers says which shards workers hold.
func writeWorkers(w io.Writer, s *jobs.Shards) {
	if s.Server == nil || s.Served == nil {
		return
	}
	name := "workers"
	for i, worker := range s.Served.Workers {
		if i == listed {
			fmt.Fprintf(w, "\t%s more\n", Count(int64(len(s.Served.Workers)-i)))
			break
		}
		numbers := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(worker.Shards)), ", "), "[]")
		what := "shard"
		if len(worker.Shards) > 1 {
			what = "shards"
		}
		fmt.Fprintf(w, "%s\t%s: %s %s\n", name, terminal.Name(worker.Name), what, numbers)
		name = ""
	}
}

// inBatches reports whether batch jobs are at work, whose end the pace so far does not tell.
func (s Status) inBatches() bool {
	return slices.ContainsFunc(s.Batches, func(b jobs.Batch) bool { return b.Live })
}

// statusJSON is [Status] as JSON.
type statusJSON struct {
	Type       string            `json:"type"`
	State      string            `json:"state"`
	Output     string            `json:"output"`
	Shard      string            `json:"shard,omitempty"` // such as 3/8
	Shards     *shardsJSON       `json:"shards,omitempty"`
	Running    *jobs.Owner       `json:"running"`
	Finished   bool              `json:"finished"`
	Standing   string            `json:"standing"`
	Simulated  bool              `json:"simulated"`
	Changed    []string          `json:"changed,omitempty"` // keys of the job file
	LastSeq    int64             `json:"last_seq"`
	LastAt     *time.Time        `json:"last_at"` // null: there is no result
	Input      *jobs.InputStatus `json:"input"`
	InputError string            `json:"input_error,omitempty"`
	statusPaceJSON
	statusBatchesJSON
	totalsJSON
}

// shardsJSON is [jobs.Shards] as JSON.
type shardsJSON struct {
	Count   int        `json:"count"`
	Begun   int        `json:"begun"`
	Running []int      `json:"running"`
	Merged  *time.Time `json:"merged"` // null: they were not

	Server *jobs.Owner `json:"server"` // null: no process serves them
	Served *servedJSON `json:"served"` // null: none has
}

// servedJSON is [jobs.Served] as JSON.
type servedJSON struct {
	At      time.Time          `json:"at"`
	Done    int                `json:"done"`
	Held    int                `json:"held"`
	Open    int                `json:"open"`
	Results int64              `json:"results"`
	Workers []jobs.ShardWorker `json:"workers"`
}

// statusPaceJSON is how fast a job runs.
type statusPaceJSON struct {
	RowRate     *float64 `json:"rows_per_second"` // null: it is not running
	LeftSeconds *float64 `json:"eta_seconds"`     // null: not known

	PausedSince time.Time `json:"paused_since,omitzero"`
}

// statusBatchesJSON are a job's batch jobs.
type statusBatchesJSON struct {
	Batches    []jobs.Batch `json:"batches,omitempty"`
	Unknown    []jobs.Batch `json:"unknown_batches,omitempty"` // at the endpoint, with the mark of this job
	BatchError string       `json:"batch_error,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Status) MarshalJSON() ([]byte, error) {
	r := s.Status
	record := statusJSON{
		Type: "status", State: r.State, Output: r.Output, Running: r.Running, Finished: r.Finished, LastSeq: r.LastSeq,
		Input: r.Input, totalsJSON: totalsOf(&r.Totals),
	}
	record.Shard = r.Shard
	if of := r.Shards; of != nil {
		record.Shards = &shardsJSON{Count: of.Count, Begun: of.Begun, Running: append([]int{}, of.Running...)}
		if !of.Merged.IsZero() {
			record.Shards.Merged = &of.Merged
		}
		record.Shards.Server = of.Server
		if at := of.Served; at != nil {
			record.Shards.Served = &servedJSON{at.At, at.Done, at.Held, at.Open, at.Results, append([]jobs.ShardWorker{}, at.Workers...)}
		}
	}
	record.Batches, record.Unknown = s.Batches, s.Unknown
	if s.BatchError != nil {
		record.BatchError = message.Plain(s.BatchError)
	}
	record.Standing, record.Simulated, record.Changed = string(r.Standing), r.Simulated(), s.Changed
	if r.InputError != nil {
		record.InputError = r.InputError.Error()
	}
	if r.LastSeq > 0 {
		record.LastAt = &r.LastAt
	}
	if r.Running != nil || served(r) != nil {
		record.RowRate = &r.Rate
	}
	record.PausedSince = s.PausedSince
	if r.Left > 0 && !s.inBatches() {
		record.LeftSeconds = new(r.Left.Seconds())
	}
	return apijson.Marshal(sorted[statusJSON]{record})
}
