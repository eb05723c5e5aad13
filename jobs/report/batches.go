package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Batch shows a batch job.
type Batch struct {
	jobs.Batch
	Now time.Time
}

// String returns one line without its end.
func (b Batch) String() string {
	name := cmp.Or(b.Name, b.ID)
	if i := strings.Index(name, "batchPredictionJobs/"); i > 0 { // what is before it is the same for all jobs, and long
		name = name[i:]
	}
	text := fmt.Sprintf("%s  %s  %s", terminal.Name(name), b.State, Many(b.Rows, "row"))
	switch {
	case b.State == "collected":
		text += fmt.Sprintf(", %s answered", Count(b.Answered))
		if b.Invalid > 0 {
			text += fmt.Sprintf(", %s of them invalid", Count(b.Invalid))
		}
	case !b.Expires.IsZero():
		text += fmt.Sprintf("  for %s, expires in %s", oneUnit(b.Now.Sub(b.Created)), inHours(b.Expires.Sub(b.Now)))
	case !b.Keeps.IsZero() && b.Why == "":
		text += fmt.Sprintf("  results are sure until %s", b.Keeps.Local().Format("Mon 2 Jan 15:04"))
	}
	if b.Why != "" {
		text += ": " + terminal.Line(b.Why, faultWidth)
	}
	return text
}

// inHours writes a time of days, of which the minutes count near its end alone.
func inHours(d time.Duration) string {
	if d > time.Hour {
		d = d.Round(time.Hour)
	}
	return oneUnit(d)
}

// MarshalJSON implements json.Marshaler.
func (b Batch) MarshalJSON() ([]byte, error) {
	return apijson.Marshal(sorted[batchJSON]{batchJSON{"batch", b.Batch}})
}

// batchJSON is [Batch] as JSON.
type batchJSON struct {
	Type string `json:"type"`
	jobs.Batch
}

// writeBatches writes the jobs that are at work, how many there were before, and those that
// were made by mistake.
func writeBatches(w io.Writer, all []jobs.Batch, indent string) {
	var over, rows int64
	what := "batch jobs"
	for _, b := range all {
		if !b.Live {
			over++
			rows += b.Answered
			continue
		}
		fmt.Fprintf(w, "%s%s\t%s\n", indent, what, Batch{b, time.Now()})
		what = ""
	}
	if over > 0 {
		fmt.Fprintf(w, "%s%s\t%s over, which answered %s\n", indent, what, Count(over), Many(rows, "row"))
	}
	for _, b := range all {
		for _, name := range b.Others {
			fmt.Fprintf(w, "%smade twice\t%s of the same %s as %s was cancelled, and may have been billed as well\n", indent, terminal.Name(name), Many(b.Rows, "row"), terminal.Name(cmp.Or(b.Name, b.ID)))
		}
	}
}

// writeUnknownBatches names jobs at the endpoint that no record knows.
func writeUnknownBatches(w io.Writer, unknown []jobs.Batch) {
	for _, b := range unknown {
		fmt.Fprintf(w, "unknown batch\t%s (%s), %s: it carries the mark of this job, and is not in its record\n", terminal.Name(b.Name), b.State, Many(b.Rows, "row"))
	}
}

// A Cancelled shows what cancelling a job's batch jobs came to.
type Cancelled struct {
	Summary  *jobs.Summary
	Err      error
	ExitCode int
}

func (c Cancelled) String() string {
	var b strings.Builder
	s := c.Summary
	live := 0
	for _, job := range s.Batches {
		if job.Live {
			live++
		}
	}
	tw := newTable(&b)
	switch {
	case len(s.Batches) == 0 && c.Err == nil:
		fmt.Fprintln(tw, "this job has no batch jobs")
	case len(s.Batches) > 0 && live == 0:
		fmt.Fprintln(tw, "no batch job is at work any more; rows without an answer stay pending")
	}
	writeBatches(tw, s.Batches, "")
	if s.Run.Rows > 0 {
		fmt.Fprintf(tw, "collected\t%s\n", statusText(&s.Run, 0))
		fmt.Fprintf(tw, "cost\t%s\n", TotalCost(&s.Run))
	}
	if s.Run.Unreported > 0 {
		fmt.Fprintf(tw, "not reported\t%s\n", Unreported(&s.Run))
	}
	tw.Flush()
	return b.String()
}

// MarshalJSON implements json.Marshaler.
func (c Cancelled) MarshalJSON() ([]byte, error) {
	return Summary{Summary: c.Summary, Err: c.Err, ExitCode: c.ExitCode}.MarshalJSON()
}
