package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/hooks"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/remote"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/telemetry"
)

func runCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "start a job, or continue it",
		ArgsUsage: "[JOB.yaml]",
		Category:  commandsRun,
		Description: "Asks about every row that has no answer yet, and writes the output when no row is\n" +
			"pending. Run the same command again, and it continues; if rows are new or changed, it\n" +
			"asks only those. Every flag is also a key of the job file (snake_case) and a variable\n" +
			"GENBATCH_… of the environment. A flag overrides its variable, and that overrides the file.\n\n" +
			"# Classify the rows of a table\n" +
			"genbatch run -i reviews.csv -o labels.csv -m gemini-3.5-flash-lite \\\n" +
			"    --label positive --label negative --text '{{.body}}'\n\n" +
			"# Ask the same of each row, at half the price, for at most 5 dollars\n" +
			"genbatch run -i reviews.csv -o summaries.csv -m gemini-3.5-flash-lite \\\n" +
			"    --prompt 'Summarize in ten words: {{.body}}' --tier flex --max-cost 5\n\n" +
			"# Run a job file on its first ten rows, then carry on with all of them\n" +
			"genbatch run job.yaml --limit 10\n" +
			"genbatch run job.yaml",
		Flags: flagsOf(settings(), append(talkFlags(),
			&cli.BoolFlag{Name: "detach", Category: groupState, Usage: "with --tier batch: submit, collect what is done, and end with exit 5 rather than wait", EnvVars: env("detach")},
			uiFlag(),
			&cli.BoolFlag{Name: "fresh", Category: groupState, Usage: "begin a new journal, set the old one aside, and forget learned limits of the models", EnvVars: env("fresh")},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: groupState, Usage: "do not ask before answers are paid for again, or rows from stdin are replaced", EnvVars: env("yes")},
		)...),
		Action: func(c *cli.Context) error { return runJob(c, con) },
	}
}

func runJob(c *cli.Context, con *console) error {
	if err := refuseWays(c); err != nil {
		return err
	}
	spec, err := specOf(c)
	if err != nil {
		return err
	}
	if err := checkPage(c); err != nil {
		return err
	}
	if spec.Output == "-" {
		if err := con.refuseBinary(spec.OutputFormat); err != nil {
			return err
		}
	}
	o, err := con.options(c, spec)
	if err != nil {
		return err
	}
	o.Detach = c.Bool("detach")
	o.ShowBatch = con.batchShower(c)
	if o.Fresh = c.Bool("fresh"); o.Fresh {
		if err := confirmFresh(o.Confirm, spec); err != nil {
			return err
		}
	}
	return con.runWhole(c, spec, o)
}

// runWhole runs a job from its opening to what is done at its end. The error is an [*outcome] if a
// run has begun.
func (con *console) runWhole(c *cli.Context, spec *jobs.Spec, o jobs.Options) error {
	jobFile, err := jobFileOf(c)
	if err != nil {
		return err
	}
	tell, err := telemetry.Open(c.Context, spec, o.Log)
	if err != nil {
		return firstLocked(spec, err)
	}
	defer tell.Close()
	o.Around = tell.Around
	atEnd, err := hooks.New(spec, jobFile, hooks.Options{Environ: os.Environ(), Stderr: con.stderr, Log: o.Log})
	if err != nil {
		return err
	}
	ended, err := con.runOpened(c, spec, o, tell, jobFile)
	if err != nil {
		return err
	}
	// The job is closed by now: a command that takes its time keeps no other run out.
	ctx, stop := con.untilSignalSaying(c.Context, "what is done at the end of the run is broken off")
	defer stop()
	atEnd.Tell(ctx, ended)
	return &outcome{ended.ExitCode}
}

// firstLocked returns why a run cannot serve its metrics. If another process runs the job, that is
// the error: it has the port mostly, and schedulers go by the exit code.
func firstLocked(s *jobs.Spec, err error) error {
	dir, unknown := filepath.Abs(s.StateDir())
	if unknown != nil {
		return err
	}
	if owner, unknown := jobs.Running(dir); unknown == nil && owner != nil {
		return &jobs.LockedError{Path: filepath.Join(dir, "lock"), Owner: *owner}
	}
	return err
}

// jobFileOf returns the absolute path of the job file that a command names, or "".
func jobFileOf(c *cli.Context) (string, error) {
	path := c.Args().First()
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

// runOpened opens a job, runs it, says what it came to, and closes it. The error is why no
// run has begun.
func (con *console) runOpened(c *cli.Context, spec *jobs.Spec, o jobs.Options, tell *telemetry.Telemetry, jobFile string) (*hooks.Run, error) {
	job, err := jobs.Open(*spec, o)
	if err != nil {
		return nil, err
	}
	defer job.Close()
	if a := tell.Address(); a != "" && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintf(con.stderr, "genbatch: metrics at %s\n", a)
	}
	if aside := job.SetAside(); aside != "" && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintf(con.stderr, "genbatch: the old journal is kept in %s\n", aside)
	}
	if address := job.Copied(); address != "" && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintf(con.stderr, "genbatch: what is answered is kept in %s, and copied to %s every 30 s\n", job.Spec().State, address)
	}
	if spec.Output == "-" && spec.State == "" && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintf(con.stderr, "genbatch: the output goes to stdout when it is whole; what was answered is kept in %s (see --state)\n", spec.StateDir())
	}

	ctx, stop := con.untilSignal(c.Context)
	defer stop()
	resolved := job.Spec()
	show := newDisplay(c, con, job)
	end, err := serve(c, con, resolved.StateDir(), &remote.Local{Job: job, JobFile: jobFile, Progress: show.progress, Log: o.Log}, o.Log)
	if err != nil {
		show.close()
		return nil, err
	}
	beginJob(&o, resolved, jobFile)
	ctx, told := tell.Begin(ctx, job)
	summary, err := job.Run(ctx)
	told(err)
	show.close()
	tell.Close() // before the summary, which is the last to be said
	if err == nil && spec.Output == "-" {
		err = con.copyOut(resolved.Output)
		summary.Output = "stdout"
	}
	r := report.Summary{Summary: summary, Total: show.total.Load(), Err: err, ExitCode: exitCode(summary, err)}
	if summary != nil {
		show.finish(r)
	}
	end(r.ExitCode, err)
	endJob(&o, resolved.StateDir(), r)
	if summary == nil {
		return nil, err
	}
	text, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return &hooks.Run{Record: text, ExitCode: r.ExitCode, Output: resolved.Output, State: resolved.StateDir(), JobFile: jobFile, Ended: time.Now()}, nil
}

// confirmFresh asks before a journal is set aside, since its answers were paid for.
func confirmFresh(ask func(string) bool, spec *jobs.Spec) error {
	dir := spec.StateDir()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	if ask == nil {
		return &jobs.SpecError{Err: fmt.Errorf("--fresh would set %s aside, and every row would be asked and paid for again", dir), Hint: "add --yes"}
	}
	if !ask(fmt.Sprintf("--fresh sets %s aside: every row will be asked, and paid for, again", dir)) {
		return &jobs.SpecError{Err: fmt.Errorf("--fresh was not confirmed")}
	}
	return nil
}
