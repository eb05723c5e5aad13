package remote

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// String returns what people are to know of a run that they steer, in lines that fit into 80
// columns.
func (s *State) String() string {
	var p struct {
		Rows, Total int64
		Calls       int64 `json:"in_flight"`
		Quota       struct{ Text string }
	}
	_ = json.Unmarshal(s.Progress, &p) // what cannot be read is of another version, and is left out
	var b strings.Builder
	w := terminal.NewTable(&b)
	fmt.Fprintf(w, "state\t%s\n", s.standing(p.Calls))
	if s.RetryAsked {
		fmt.Fprint(w, "\tfailed rows are asked again once the others are through\n")
	}
	if c := s.Cluster; c != nil {
		fmt.Fprintf(w, "shards\t%s of %s done, %s at work on %s\n", report.Count(int64(c.Done)), report.Count(int64(c.Shards)), report.Count(int64(c.Held)), report.Many(int64(c.Workers), "worker"))
	}
	rows := report.Count(p.Rows)
	if p.Total > 0 {
		rows += " of " + report.Count(p.Total)
	}
	fmt.Fprintf(w, "rows\t%s\n", rows)
	if s.PausedSince == nil && !s.Stopping && s.Ended == nil && s.Cluster == nil && p.Quota.Text != "" {
		fmt.Fprintf(w, "now\t%s\n", terminal.Line(p.Quota.Text, terminal.Columns-8))
	}
	l := s.Limits
	fmt.Fprintf(w, "limits\t%s, %s, %s\n", l.RPM.text("rpm"), l.TPM.text("tpm"), l.RPD.text("rpd"))
	calls := "calls at a time"
	if s.Cluster != nil {
		calls += " on each worker"
	}
	fmt.Fprintf(w, "\t%s\n", l.Concurrency.text(calls))
	if s.MaxCost != nil && s.Cost != nil {
		fmt.Fprintf(w, "cost\t$%s of at most $%s\n", *s.Cost, *s.MaxCost)
	}
	w.Flush()
	return b.String()
}

// standing says in one line how a run goes on.
func (s *State) standing(calls int64) string {
	switch {
	case s.Cluster != nil && s.Ended == nil:
		return s.Cluster.standing(s)
	case s.Ended != nil && s.Ended.Error != "":
		return fmt.Sprintf("ended with exit code %d: %s", s.Ended.ExitCode, terminal.Line(s.Ended.Error, terminal.Columns))
	case s.Ended != nil:
		return fmt.Sprintf("ended with exit code %d", s.Ended.ExitCode)
	case s.Stopping:
		return fmt.Sprintf("stopping: %s in flight may finish within 30 s", report.Many(calls, "call"))
	case s.PausedSince != nil:
		return fmt.Sprintf("paused since %s: nothing new is sent; %s in flight", s.PausedSince.Local().Format(time.TimeOnly), report.Many(calls, "call"))
	}
	return fmt.Sprintf("running: process %d on %s, %s in flight", s.Process.PID, terminal.Name(s.Process.Host), report.Many(calls, "call"))
}

// standing says in one line how a job goes on that is served.
func (c *Cluster) standing(s *State) string {
	switch {
	case s.Stopping:
		return "stopping: calls in flight on the workers may finish within 30 s"
	case s.PausedSince != nil:
		return fmt.Sprintf("paused since %s: workers send nothing new", s.PausedSince.Local().Format(time.TimeOnly))
	}
	return fmt.Sprintf("served by process %d on %s", s.Process.PID, terminal.Name(s.Process.Host))
}

// text says what a limit is, and who set it.
func (l Limit) text(unit string) string {
	if l.Value == nil {
		return "no " + unit
	}
	by := map[string]string{"control": "set in this run", "job": "set by the job"}[l.Source]
	if by == "" {
		by = l.Source
	}
	return fmt.Sprintf("%s %s (%s)", report.Count(*l.Value), unit, by)
}

// Changes says what is set, as it is written for genbatch ctl.
func Changes(l jobs.Limits) string {
	var parts []string
	for _, n := range []struct {
		name  string
		value *int
	}{{"rpm", l.RPM}, {"tpm", l.TPM}, {"rpd", l.RPD}, {"concurrency", l.Concurrency}} {
		if n.value != nil {
			parts = append(parts, fmt.Sprintf("%s=%d", n.name, *n.value))
		}
	}
	if l.MaxCost != nil {
		parts = append(parts, "max_cost="+*l.MaxCost)
	}
	return strings.Join(parts, " ")
}
