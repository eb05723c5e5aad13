package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func planCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "show what a run would do and cost; sends nothing, except with --pilot",
		ArgsUsage: "[JOB.yaml]",
		Category:  commandsRun,
		Description: "Shows which rows a run would ask, the tokens and the cost to expect, how\n" +
			"long it takes at the known limits, and the first request. It takes the flags of run.\n\n" +
			"genbatch plan job.yaml\n\n" +
			"# Ask 50 rows for real, and estimate the cost of the others from them\n" +
			"genbatch plan job.yaml --pilot 50\n\n" +
			"# Ask the same 200 rows alone and with others in a call: what does each way cost,\n" +
			"# and how far do the answers agree?\n" +
			"genbatch plan job.yaml --pilot 200 --rows-per-call 1,10,25,50\n\n" +
			"# What would another model cost?\n" +
			"genbatch plan job.yaml --model gemini-2.5-pro",
		Flags: flagsOf(settings(), append(talkFlags(),
			&cli.IntFlag{Name: "count-tokens", Category: groupPlan, Base: 10, Usage: "have the endpoint count the tokens of `N` prompts of all lengths, to correct the estimate; Google's own endpoints alone"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: groupState, Usage: "with --pilot: do not ask before answers are paid for again", EnvVars: env("yes")},
			&cli.IntFlag{Name: "pilot", Category: groupPlan, Base: 10, Usage: "ask `N` rows for real, of all lengths, and keep their answers: the cost of the others is estimated from theirs"},
		)...),
		Action: func(c *cli.Context) error {
			if c.IsSet("pilot") {
				return pilot(c, con)
			}
			return plan(c, con)
		},
	}
}

// plan prints what a run would do. It sends nothing, except prompts to be counted.
func plan(c *cli.Context, con *console) error {
	job, err := openWith(c, con, jobs.View)
	if err != nil {
		return err
	}
	defer job.Close()
	counted, err := countTokens(c, con, job)
	if err != nil {
		return err
	}
	p, err := job.Plan(waysToCompare(c)...)
	if err != nil {
		return err
	}
	spec := jobs.InShare(job.Spec())
	con.print(c, report.Plan{Plan: p, Spec: &spec, Counted: counted})
	return nil
}

// countTokens has the endpoint count the tokens of some prompts, if that is asked for.
func countTokens(c *cli.Context, con *console, job *jobs.Job) (counted int64, err error) {
	if !c.IsSet("count-tokens") {
		return 0, nil
	}
	n, err := positive(c, "count-tokens", 20)
	if err != nil {
		return 0, err
	}
	ctx, stop := con.untilSignal(c.Context)
	defer stop()
	return job.CountTokens(ctx, n)
}

// pilot asks some rows, and prints the plan for the others.
func pilot(c *cli.Context, con *console) error {
	if c.IsSet("count-tokens") {
		return &jobs.SpecError{Err: fmt.Errorf("--pilot and --count-tokens are both given"), Hint: "a pilot's answers say what was counted: leave out --count-tokens"}
	}
	n, err := positive(c, "pilot", 50)
	if err != nil {
		return err
	}
	job, err := openWith(c, con, jobs.Open)
	if err != nil {
		return err
	}
	defer job.Close()
	ctx, stop := con.untilSignal(c.Context)
	defer stop()
	ways := waysToCompare(c)
	if ways != nil && !slices.Contains(ways, 1) && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintln(con.stderr, "The rows are also asked one at a time: that is what the other ways are held to.")
	}
	summary, p, err := job.Pilot(ctx, n, ways...)
	if p == nil {
		return err
	}
	spec := job.Spec()
	switch {
	case c.Bool("json"):
		writeJSON(con.stderr, report.Summary{Summary: summary, Err: err, ExitCode: exitCode(summary, err)})
	case !c.Bool("quiet"):
		how := ""
		if p.Batches != nil {
			calls := append(spec.Tiers()[1:], "standard")
			how = fmt.Sprintf(" in the %s tier, since a batch may take a day", calls[0])
		}
		if ways != nil {
			how += ", the same ones in each way"
		}
		fmt.Fprintf(con.stderr, "The pilot asked %s%s; their answers are kept.\n", report.Rows(&summary.Run), how)
	}
	con.print(c, report.Plan{Plan: p, Spec: &spec})
	return err
}

// openWith opens the job that the flags describe.
func openWith(c *cli.Context, con *console, open func(jobs.Spec, jobs.Options) (*jobs.Job, error)) (*jobs.Job, error) {
	spec, err := specOf(c)
	if err != nil {
		return nil, err
	}
	o, err := con.options(c, spec)
	if err != nil {
		return nil, err
	}
	return open(*spec, o)
}

// positive returns the number of a flag, which must be above 0.
func positive(c *cli.Context, name string, example int) (int, error) {
	n := c.Int(name)
	if n <= 0 {
		return 0, &jobs.SpecError{Err: fmt.Errorf("--%s is %d", name, n), Hint: fmt.Sprintf("write --%s %d", name, example)}
	}
	return n, nil
}
