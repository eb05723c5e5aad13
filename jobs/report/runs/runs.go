// Package runs shows the jobs of a user on this machine: which of them run now, what they wait
// for, and how the others ended. A [Run] is one of them, and [Runs] are a table of them.
package runs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/registry"
	"github.com/genbatch/genbatch/jobs/report"
)

// A Run is a job as it stands.
type Run struct {
	registry.Job
	Owner   *jobs.Owner // the process that runs it; nil if none does
	Live    *Live       // what that process says; nil if it was not asked, or did not answer
	Batches int         // batch jobs that are at work at the endpoint
}

// A Phase says in one word how a job stands.
type Phase string

// The phases.
const (
	Running     Phase = "running"
	Paused      Phase = "paused"
	Waiting     Phase = "waiting"     // for a batch job or a quota, whether or not a process runs it
	Finished    Phase = "finished"    // the output is written
	Interrupted Phase = "interrupted" // by a signal
	Ended       Phase = "ended"       // early, for another reason
	BrokenOff   Phase = "broken_off"  // it was killed, or the machine went down
)

// PhaseAt returns how the job stands at a time.
func (r *Run) PhaseAt(now time.Time) Phase {
	e := r.Ending
	switch {
	case r.Owner != nil && r.Live != nil && !r.Live.PausedSince.IsZero():
		return Paused
	case r.Owner != nil && r.Live != nil && r.Live.waits():
		return Waiting
	case r.Owner != nil:
		return Running
	case r.Batches > 0 || e != nil && e.Until.After(now):
		return Waiting
	case e == nil:
		return BrokenOff
	}
	switch e.ExitCode {
	case 0, 3:
		return Finished
	case 130:
		return Interrupted
	}
	return Ended
}

// reasons say why a run ended early, by its exit code.
var reasons = map[int]string{
	1: "the run broke", 2: "refused before anything was sent", 4: "the endpoint refused every request", 5: "to be carried on with later",
	6: "max_cost was reached", 8: "too many rows failed",
}

// TextAt says in words how the job stands at a time.
func (r *Run) TextAt(now time.Time) string {
	if shard := jobs.ShardOf(r.State); shard != "" {
		return "shard " + shard + ": " + r.textAt(now)
	}
	return r.textAt(now)
}

func (r *Run) textAt(now time.Time) string {
	e := r.Ending
	if r.Owner != nil {
		text := "running for " + since(now.Sub(r.Owner.Since))
		if host, err := os.Hostname(); err == nil && r.Owner.Host != host {
			text += ", on " + r.Owner.Host
		}
		if r.Batches > 0 {
			text += ", with " + report.Many(int64(r.Batches), "batch job") + " at work"
		}
		if r.Live != nil {
			text += r.Live.text(now)
		}
		return text
	}
	switch r.PhaseAt(now) {
	case Waiting:
		if r.Batches > 0 {
			return "waiting for " + report.Many(int64(r.Batches), "batch job") + "; the next run collects them"
		}
		return "waiting for the day's quota until " + moment(e.Until, now) + left(e)
	case BrokenOff:
		return "broken off: killed, or the machine went down"
	case Finished:
		text := "finished: " + report.Many(e.Rows, "row")
		if e.NotOK > 0 {
			text += ", " + report.Count(e.NotOK) + " not ok"
		}
		return text
	case Interrupted:
		return "interrupted" + left(e)
	}
	why, ok := reasons[e.ExitCode]
	if !ok {
		why = fmt.Sprintf("exit code %d", e.ExitCode)
	}
	return "ended: " + why + left(e)
}

// left says how many rows have no result.
func left(e *registry.Ending) string {
	switch {
	case e.Left == 0:
		return ""
	case e.Rows == 0:
		return fmt.Sprintf("; %s left", report.Many(e.Left, "row"))
	}
	return fmt.Sprintf("; %s of %s left", report.Count(e.Left), report.Many(e.Rows, "row"))
}

// at is when something was last known to happen to the job.
func (r *Run) at() time.Time {
	switch {
	case r.Owner != nil:
		return r.Owner.Since
	case r.Ending != nil:
		return r.Ending.At
	}
	return r.Last
}

// cost is what the job or its last run cost, as a text.
func (r *Run) cost() string {
	switch e := r.Ending; {
	case r.Owner != nil && r.Live != nil:
		return r.Live.cost()
	case r.Owner != nil || e == nil:
		return "-"
	case e.Cost == nil:
		return "unknown"
	case e.Simulated:
		return "simulated"
	default:
		return "$" + report.Money(*e.Cost)
	}
}

// since writes how long something has been going on, in one unit.
func since(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// moment writes a time as briefly as it can be understood.
func moment(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	days := now.Sub(at).Hours() / 24
	switch {
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		return at.Format("15:04")
	case days > -6 && days < 6:
		return at.Format("Mon 15:04")
	}
	return at.Format(time.DateOnly)
}

// Runs are shown as a table.
type Runs struct {
	Runs    []Run
	Now     time.Time
	Columns int    // of the terminal; 0 means 80
	Home    string // the user's home folder, which is written as ~; empty if it is not known
	More    int    // how many others there are
	Running bool   // only those that run were asked for
}

// The columns of the table.
const (
	gap        = 2
	narrowPath = 26 // columns of a path where the terminal is narrow
	textWidth  = 46 // columns that a text has before paths get more
)

func (r Runs) String() string {
	if len(r.Runs) == 0 && r.Running {
		return "No job of yours runs on this machine.\n"
	}
	if len(r.Runs) == 0 {
		return "No job of yours was run on this machine, or none is remembered.\n"
	}
	columns := max(r.Columns, terminal.Columns)
	const whenWidth, costWidth = 10, 11
	paths, widest := make([]string, len(r.Runs)), len("output")
	for i := range r.Runs {
		paths[i] = terminal.Line(r.path(r.Runs[i].Output), 1000)
		widest = max(widest, terminal.Width(paths[i]))
	}
	pathWidth := min(widest, max(narrowPath, columns-whenWidth-costWidth-textWidth-3*gap))
	at := pathWidth + whenWidth + costWidth + 3*gap // where texts begin
	var b strings.Builder
	line := func(path, when, cost, text string) {
		for _, cell := range []struct {
			text  string
			width int
		}{{path, pathWidth}, {when, whenWidth}, {cost, costWidth}} {
			b.WriteString(cell.text + strings.Repeat(" ", max(0, cell.width-terminal.Width(cell.text))+gap))
		}
		b.WriteString(strings.Join(terminal.Wrap(text, columns-at), "\n"+strings.Repeat(" ", at)) + "\n")
	}
	line("output", "when", "cost", "state")
	for i := range r.Runs {
		one := &r.Runs[i]
		line(end(paths[i], pathWidth), moment(one.at(), r.Now), one.cost(), terminal.Line(one.TextAt(r.Now), 1000))
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "and %s more: --all shows them\n", report.Count(int64(r.More)))
	}
	return b.String()
}

// path writes a path with ~ for the home folder.
func (r Runs) path(path string) string {
	if rest, ok := strings.CutPrefix(path, r.Home+string(filepath.Separator)); ok && r.Home != "" {
		return "~" + string(filepath.Separator) + rest
	}
	return path
}

// end returns the end of a path in at most so many columns. Its end is what tells it from
// others.
func end(path string, columns int) string {
	if terminal.Width(path) <= columns {
		return path
	}
	rest := []rune(path)
	for len(rest) > 0 && terminal.Width(string(rest)) > columns-1 {
		rest = rest[1:]
	}
	return "…" + string(rest)
}
