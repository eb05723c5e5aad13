package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/registry"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/report/runs"
)

// listed is how many jobs are listed without --all.
const listed = 20

func jobsCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:     "jobs",
		Usage:    "list your jobs on this machine: running, waiting, finished",
		Category: commandsLook,
		Description: "Lists the jobs that you have run on this machine, those that run now first: where their\n" +
			"output is, what they wait for, and how their last runs ended. It goes by their locks and\n" +
			"by what runs have noted, and reads no journal: genbatch status says more of one job.\n\n" +
			"genbatch jobs\n\n" +
			"genbatch jobs --running --json",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "running", Usage: "only jobs that a process runs now"},
			&cli.BoolFlag{Name: "all", Usage: fmt.Sprintf("all of them, and not only the newest %d", listed)},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return listJobs(c, con) },
	}
}

func listJobs(c *cli.Context, con *console) error {
	if c.Args().Present() {
		return &jobs.SpecError{Err: errors.New("jobs takes no argument"), Hint: "genbatch status shows one job"}
	}
	known, err := registry.Of(os.Getenv).List()
	if err != nil {
		return fmt.Errorf("what runs have noted of their jobs cannot be read: %w", err)
	}
	var running, others []runs.Run
	for _, j := range known {
		one := runs.Run{Job: j, Batches: jobs.LiveBatches(j.State)}
		// A folder that cannot be read is not running as far as can be told.
		if one.Owner, err = jobs.Running(j.State); err == nil && one.Owner != nil {
			one.Live = runs.Ask(c.Context, j.State)
			running = append(running, one)
		} else if !c.Bool("running") {
			others = append(others, one)
		}
	}
	all, more := slices.Concat(running, others), 0
	now := time.Now()
	if c.Bool("json") {
		for i := range all {
			writeJSON(con.text, runs.At{Run: &all[i], Now: now})
		}
		return nil
	}
	if shown := max(listed, len(running)); len(all) > shown && !c.Bool("all") {
		all, more = all[:shown], len(all)-shown
	}
	columns, _ := con.text.Columns()
	home, _ := os.UserHomeDir() // paths are written whole without it
	fmt.Fprint(con.text, runs.Runs{Runs: all, Now: now, Columns: columns, Home: home, More: more, Running: c.Bool("running")})
	return nil
}

// beginJob notes that a run begins, for genbatch jobs. That it cannot is no obstacle.
func beginJob(o *jobs.Options, spec jobs.Spec, jobFile string) {
	err := registry.Of(os.Getenv).Begin(registry.Job{
		State: spec.StateDir(), Output: spec.Output, JobFile: jobFile, Model: spec.Model, Last: time.Now().UTC(),
	})
	if err != nil {
		o.Log.Debug("genbatch jobs will not list this job: " + err.Error())
	}
}

// endJob notes how a run has ended. There is no summary of one that has asked nothing.
func endJob(o *jobs.Options, stateDir string, r report.Summary) {
	e := registry.Ending{At: time.Now().UTC(), ExitCode: r.ExitCode, Rows: r.Total, Cost: new(price.USD)}
	if r.Summary != nil {
		e = endingOf(r)
	}
	if err := registry.Of(os.Getenv).End(stateDir, e); err != nil {
		o.Log.Debug("genbatch jobs will not know how this run has ended: " + err.Error())
	}
}

func endingOf(r report.Summary) registry.Ending {
	s := r.Summary
	e := registry.Ending{At: time.Now().UTC(), ExitCode: r.ExitCode, Rows: r.Total, Left: s.Left(r.Total), Simulated: s.Simulated}
	if s.Input != nil {
		e.Rows = s.Input.Rows
	}
	totals := &s.Run
	if s.Job != nil {
		totals = s.Job
		e.Rows, e.NotOK = totals.Rows, totals.Rows-totals.Status[batch.OK]
	}
	if cost, unpriced := totals.CostUSD(); unpriced == 0 {
		e.Cost = &cost
	}
	if day, ok := errors.AsType[*quota.DayError](r.Err); ok {
		e.Until = day.Until
	}
	return e
}
