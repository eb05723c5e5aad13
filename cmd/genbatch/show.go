package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report/detail"
)

func showCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show single rows: request, answer, thoughts, tokens, attempts and cost; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Shows rows with all that is known of them, also while the job runs. A row is shown if each\n" +
			"kind of choice that is given applies to it; without any, three rows are shown.\n\n" +
			"# Why did they fail?\n" +
			"genbatch show labels.csv --status failed,invalid\n\n" +
			"# Rows 7 and 10 to 20, and the row with the key a-17\n" +
			"genbatch show job.yaml --row 7 --row 10-20\n" +
			"genbatch show job.yaml --key a-17\n\n" +
			"# Five rows that were given a label, and those that a filter cut\n" +
			"genbatch show labels.csv --label negative --sample 5\n" +
			"genbatch show labels.csv --where finish_reason=SAFETY\n\n" +
			"# The request of a row, to send it by hand\n" +
			"genbatch show labels.csv --row 7 --json | jq .request",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "row", Category: groupRows, Usage: "`N` of the row, as messages name it, or a range: 10-20; repeatable"},
			&cli.StringSliceFlag{Name: "key", Category: groupRows, Usage: "`KEY` of the row, in the job's key column; repeatable"},
			&cli.StringSliceFlag{Name: "status", Category: groupRows, Usage: "only rows with one of these statuses: `STATUS,...`; repeatable"},
			&cli.StringSliceFlag{Name: "label", Category: groupRows, Usage: "only rows that were given this `LABEL`, or QUESTION=LABEL; repeatable"},
			&cli.StringSliceFlag{Name: "where", Category: groupRows, Usage: "only rows with `COLUMN=VALUE` in the output; repeatable"},
			&cli.IntFlag{Name: "sample", Category: groupRows, Usage: "only `N` of these rows, chosen by fingerprint, so that the choice repeats", DefaultText: "all; 3 of all rows"},
			&cli.IntFlag{Name: "limit", Category: groupRows, Usage: "most rows to show, `N`", DefaultText: "10, or all that --row, --key or --sample name"},
			&cli.BoolFlag{Name: "full", Category: groupTalk, Usage: "show long texts whole"},
			stateFlag(), &cli.BoolFlag{Name: "json", Category: groupTalk, Usage: "print each row as one line of JSON, with all that is known of it", EnvVars: env("json")},
		},
		Action: func(c *cli.Context) error { return show(c, con) },
	}
}

func show(c *cli.Context, con *console) error {
	selection, err := args.Selection(c)
	if err != nil {
		return err
	}
	job, err := savedJob(c)
	if err != nil {
		return err
	}
	if len(job.changed) > 0 {
		fmt.Fprintf(con.stderr, "genbatch: the job file has changed since it was run: %s; rows that ask something else by it are shown as pending\n", strings.Join(job.changed, ", "))
	}
	found, err := jobs.Show(c.Context, *job.Spec, jobs.Options{}, selection)
	if err != nil {
		return err
	}
	shown := detail.Shown{Shown: found, Full: c.Bool("full")}
	if !c.Bool("json") {
		fmt.Fprint(con.text, shown)
		return nil
	}
	for _, d := range found.Rows {
		writeJSON(con.text, detail.Row{Detail: d})
	}
	if notes := shown.Notes(); notes != "" {
		fmt.Fprintf(con.stderr, "genbatch: %s\n", errorText(fmt.Errorf("%s", notes)))
	}
	return nil
}
