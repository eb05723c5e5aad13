package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func exportCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the answers so far to a table, also of an unfinished run; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Derives the output from the input and the journal, in any format. It costs nothing. Rows\n" +
			"that have no result yet are pending.\n\n" +
			"# The same answers as Parquet\n" +
			"genbatch export labels.csv -o labels.parquet\n\n" +
			"# The rows that failed, to stdout\n" +
			"genbatch export job.yaml --status failed,rejected -o - --output-format csv",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Category: groupOutput, Aliases: []string{"o"}, Usage: "`PATH` to write (default: the job's output)"},
			&cli.StringFlag{Name: "output-format", Category: groupOutput, Usage: "`FORMAT` of the output, where the extension does not say: jsonl, csv, tsv or parquet"},
			&cli.StringSliceFlag{Name: "status", Category: groupOutput, Usage: "only rows with one of these statuses: `STATUS,...`; repeatable"},
			&cli.StringSliceFlag{Name: "columns", Category: groupOutput, Usage: "`COLUMN` of the output; repeatable (default: all)"},
			&cli.StringFlag{Name: "prefix", Category: groupOutput, Usage: "`TEXT` before the names of the result columns"},
			&cli.BoolFlag{Name: "raw", Category: groupOutput, Usage: "add the raw response as a column"},
			&cli.StringFlag{Name: "output-delimiter", Category: groupOutput, Usage: "`CHAR` between the fields of a CSV output, such as ';' (default: the job's)"},
			&cli.BoolFlag{Name: "bom", Category: groupOutput, Usage: "begin CSV and TSV with a byte order mark, by which Excel knows UTF-8"},
			&cli.BoolFlag{Name: "csv-safe", Category: groupOutput, Usage: "guard CSV cells that a spreadsheet would take for a formula"},
			&cli.BoolFlag{Name: "force", Category: groupOutput, Usage: "replace a file that is there"},
			&cli.StringSliceFlag{Name: "expected", Category: groupOutput, Usage: "`COLUMN` with the right answers, to compare with; or NAME=COLUMN for each column of the answers; repeatable"},
			&cli.Float64Flag{Name: "review-below", Category: groupOutput, Usage: "mark rows in a column whose confidence is below `N`, such as 0.8, and those without labels"},
			&cli.StringFlag{Name: "prices", Category: groupOutput, Usage: "`FILE` of prices that count before the built-in ones"},
			stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error { return export(c, con) },
	}
}

func export(c *cli.Context, con *console) error {
	named, err := savedJob(c)
	if err != nil {
		return err
	}
	path, format := named.Spec.Output, named.Spec.OutputFormat
	if c.IsSet("output") {
		format = c.String("output-format")
		if c.String("output") == "-" {
			return exportToStdout(c, con, named, format)
		}
		if path, err = absolute(c.String("output")); err != nil {
			return err
		}
	}
	r, err := exportTo(c, con, named, path, format)
	if err != nil {
		return err
	}
	con.print(c, r)
	return nil
}

// exportToStdout writes an output to stdout, row by row. What is to be said about it goes to
// stderr. A reader that goes away, such as head, has had what it wanted.
func exportToStdout(c *cli.Context, con *console, named *namedJob, format string) error {
	if format == "" {
		format = "jsonl"
	}
	if err := con.refuseBinary(format); err != nil {
		return err
	}
	job, statuses, err := viewFor(c, con, named)
	if err != nil {
		return err
	}
	defer job.Close()
	totals, err := job.ExportTo(con.stdout, format, statuses)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	if err != nil {
		return err
	}
	r := report.Export{Path: "stdout", Totals: totals}
	if c.Bool("json") {
		writeJSON(con.stderr, r)
		return nil
	}
	fmt.Fprint(con.stderr, r)
	return nil
}

// exportTo writes an output to a file.
func exportTo(c *cli.Context, con *console, named *namedJob, path, format string) (r report.Export, err error) {
	job, statuses, err := viewFor(c, con, named)
	if err != nil {
		return r, err
	}
	defer job.Close()
	totals, err := job.Export(path, format, statuses, c.Bool("force"))
	return report.Export{Path: path, Totals: totals}, err
}

// viewFor opens a job to be exported as the flags say, and returns the statuses of the rows
// that are wanted.
func viewFor(c *cli.Context, con *console, named *namedJob) (*jobs.Job, []batch.Status, error) {
	// Only these flags mean what they mean to run: --output and --state, for example, name
	// a place here, and are no part of the job.
	override(c, named.Spec, "columns", "prefix", "raw", "csv-safe", "bom", "output-delimiter", "expected", "review-below", "prices")
	statuses, err := args.Statuses(c)
	if err != nil {
		return nil, nil, err
	}
	log, err := newLog(c, con.stderr)
	if err != nil {
		return nil, nil, err
	}
	named.warnChanged(log)
	job, err := jobs.View(*named.Spec, jobs.Options{Log: log})
	return job, statuses, err
}
