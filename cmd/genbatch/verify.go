package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func verifyCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check the files: every row has its result, once and in order; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Reads input, journal and output, and compares them: each row must have one result, and be\n" +
			"in the output once, in order. The exit code is 1 if they do not agree, and 3 while rows\n" +
			"are pending.\n\n" +
			"genbatch verify labels.csv\n\n" +
			"genbatch verify job.yaml --json",
		Flags: []cli.Flag{stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "error", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"}},
		Action: func(c *cli.Context) error {
			named, err := savedJob(c)
			if err != nil {
				return err
			}
			job, err := jobs.View(*named.Spec, jobs.Options{})
			if err != nil {
				return err
			}
			defer job.Close()
			v, err := job.Verify()
			if err != nil {
				return err
			}
			if len(named.changed) > 0 {
				v.Notes = append(v.Notes, "the job file has changed since the last run: "+strings.Join(named.changed, ", "))
			}
			code := 0
			switch {
			case len(v.Faults) > 0:
				code = 1
			case v.Status[batch.Pending] > 0:
				code = 3
			}
			con.print(c, report.Verification{Verification: v, ExitCode: code})
			return &outcome{code}
		},
	}
}
