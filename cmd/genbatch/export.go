package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// savedSpec returns the Spec of the job that a command names: a job file, the
// output of a run, or --state.
func savedSpec(c *cli.Context) (*jobs.Spec, error) {
	dir, arg := c.String("state"), c.Args().First()
	switch ext := filepath.Ext(arg); {
	case c.NArg() > 1:
		return nil, &jobs.SpecError{Err: fmt.Errorf("more than one job is named")}
	case dir != "":
	case arg == "":
		return nil, &jobs.SpecError{Err: fmt.Errorf("no job is named"), Hint: "name the job file, the output of a run, or its folder with --state"}
	case ext == ".yaml" || ext == ".yml":
		spec, err := jobs.Load(arg)
		if err != nil {
			return nil, err
		}
		dir = spec.StateDir()
	case isFolder(arg):
		dir = arg
	default:
		dir = jobs.StateDirOf(arg)
	}
	return jobs.LoadState(dir)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state", Usage: "`DIR` of the job's state (default: OUTPUT.genbatch)", EnvVars: env("state")}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON", EnvVars: env("json")}
}

func exportCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the output again, of an unfinished run too; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`PATH` to write (default: the job's output)"},
			&cli.StringFlag{Name: "output-format", Usage: "jsonl, csv, tsv or parquet, where the extension does not say"},
			&cli.StringSliceFlag{Name: "status", Usage: "only rows with this `STATUS`; repeatable, or several with commas"},
			&cli.StringSliceFlag{Name: "columns", Usage: "`COLUMN` of the output; repeatable (default: all)"},
			&cli.StringFlag{Name: "prefix", Usage: "`TEXT` before the names of the result columns"},
			&cli.BoolFlag{Name: "raw", Usage: "add the raw response as a column"},
			&cli.BoolFlag{Name: "csv-safe", Usage: "guard CSV cells that a spreadsheet would take for a formula"},
			&cli.BoolFlag{Name: "force", Usage: "replace a file that is there"},
			&cli.StringFlag{Name: "expected", Usage: "`COLUMN` with the labels that are right, to compare a classification with"},
			&cli.StringFlag{Name: "prices", Usage: "`FILE` of prices that count before the built-in ones"},
			stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error {
			spec, err := savedSpec(c)
			if err != nil {
				return err
			}
			path, format := spec.Output, spec.OutputFormat
			if c.IsSet("output") {
				if path, err = filepath.Abs(c.String("output")); err != nil {
					return err
				}
				format = c.String("output-format")
			}
			if c.IsSet("columns") {
				spec.Columns = c.StringSlice("columns")
			}
			if c.IsSet("prefix") {
				spec.Prefix = c.String("prefix")
			}
			if c.IsSet("raw") {
				spec.RawResponse = c.Bool("raw")
			}
			if c.IsSet("csv-safe") {
				spec.CSVSafe = c.Bool("csv-safe")
			}
			if c.IsSet("expected") {
				spec.Expected = c.String("expected")
			}
			if c.IsSet("prices") {
				spec.Prices = c.String("prices")
			}
			var statuses []batch.Status
			// No status holds a comma, so here, and only here, commas separate.
			for _, text := range strings.Split(strings.Join(c.StringSlice("status"), ","), ",") {
				if text = strings.TrimSpace(text); text == "" {
					continue
				}
				if !slices.Contains(batch.Statuses, batch.Status(text)) {
					return &jobs.SpecError{Err: fmt.Errorf("there is no status %q", text), Hint: fmt.Sprintf("use one of %v", batch.Statuses)}
				}
				statuses = append(statuses, batch.Status(text))
			}
			log, err := newLog(c, con.stderr)
			if err != nil {
				return err
			}
			job, err := jobs.View(*spec, jobs.Options{Log: log})
			if err != nil {
				return err
			}
			defer job.Close()
			totals, err := job.Export(path, format, statuses, c.Bool("force"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				m := totalsJSON(totals)
				m["type"], m["output"] = "export", path
				writeJSON(con.stdout, m)
				return nil
			}
			fmt.Fprintf(con.stdout, "Wrote %s: %s of %s (%s)\n", path, count(totals.Written), many(totals.Rows, "row"), statusText(totals, 0))
			tw := tabwriter.NewWriter(con.stdout, 0, 0, 2, ' ', 0)
			cost, unpriced := totals.CostUSD()
			fmt.Fprintf(tw, "  cost\t%s\n", strings.TrimPrefix(costText(cost, unpriced+unmeasured(totals)), "cost "))
			printBill(tw, "  ", totals)
			tw.Flush()
			printEvaluation(con.stdout, totals.Evaluation)
			return nil
		},
	}
}

func verifyCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove on the files that every row has its result; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Flags:     []cli.Flag{stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Value: "error", Usage: "debug, info, warn or error"}},
		Action: func(c *cli.Context) error {
			spec, err := savedSpec(c)
			if err != nil {
				return err
			}
			job, err := jobs.View(*spec, jobs.Options{})
			if err != nil {
				return err
			}
			defer job.Close()
			v, err := job.Verify()
			if err != nil {
				return err
			}
			code := 0
			switch {
			case len(v.Faults) > 0:
				code = 1
			case v.Status[batch.Pending] > 0:
				code = 3
			}
			if c.Bool("json") {
				m := totalsJSON(&v.Totals)
				m["type"], m["faults"], m["notes"], m["exit_code"] = "verification", v.Faults, v.Notes, code
				writeJSON(con.stdout, m)
				return &outcome{code}
			}
			for _, f := range v.Faults {
				fmt.Fprintln(con.stdout, "FAULT", f)
			}
			for _, n := range v.Notes {
				fmt.Fprintln(con.stdout, "NOTE ", n)
			}
			switch code {
			case 0:
				fmt.Fprint(con.stdout, "OK    ")
			case 3:
				fmt.Fprint(con.stdout, "NOT FINISHED  ")
			}
			fmt.Fprintf(con.stdout, "%s: %s\n", many(v.Rows, "row"), statusText(&v.Totals, 0))
			return &outcome{code}
		},
	}
}

func statusCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "say how a job stands, also while it runs",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Flags:     []cli.Flag{stateFlag(), jsonFlag()},
		Action: func(c *cli.Context) error {
			spec, err := savedSpec(c)
			if err != nil {
				return err
			}
			s, err := jobs.ReadStatus(spec.StateDir())
			if err != nil {
				return err
			}
			if c.Bool("json") {
				m := totalsJSON(&s.Totals)
				m["type"], m["state"], m["output"], m["finished"] = "status", s.State, s.Output, s.Finished
				m["running"], m["last_seq"], m["last_at"] = s.Running, s.LastSeq, s.LastAt
				m["input"], m["rows_per_second"], m["eta_seconds"] = s.Input, s.Rate, nil
				if s.Left > 0 {
					m["eta_seconds"] = s.Left.Seconds()
				}
				writeJSON(con.stdout, m)
				return nil
			}
			printStatus(con, s)
			return nil
		},
	}
}

func printStatus(con *console, s *jobs.Status) {
	w := tabwriter.NewWriter(con.stdout, 0, 0, 2, ' ', 0)
	defer func() {
		w.Flush()
		printEvaluation(con.stdout, s.Evaluation)
	}()
	switch {
	case s.Running != nil:
		fmt.Fprintf(w, "state\trunning: process %d on %s, since %s\n", s.Running.PID, s.Running.Host, s.Running.Since.Local().Format(time.DateTime))
	case s.Finished:
		fmt.Fprintf(w, "state\tfinished: %s has %s\n", s.Output, many(s.InOutput, "row"))
	default:
		fmt.Fprintf(w, "state\tnot finished, and not running\n")
	}
	if in := s.Input; in != nil {
		fmt.Fprintf(w, "rows\t%s: %s settled, %s left, %s bad\n", count(in.Rows), count(in.Settled), count(in.Left), count(in.Bad))
	}
	if s.Running != nil {
		left := ""
		if s.Left > 0 {
			left = ", " + s.Left.String() + " left at this pace"
		}
		fmt.Fprintf(w, "speed\t%s rows/s in the last minute%s\n", decimal(s.Rate), left)
	}
	fmt.Fprintf(w, "answered\t%s\n", statusText(&s.Totals, 0))
	if s.LastSeq > 0 {
		fmt.Fprintf(w, "last result\t%s\n", s.LastAt.Local().Format(time.DateTime))
	}
	fmt.Fprintf(w, "requests\t%s, %s of them retries\n", count(s.Attempts), count(s.Retries))
	cost, unpriced := s.CostUSD()
	fmt.Fprintf(w, "cost\t%s\n", costText(cost, unpriced+unmeasured(&s.Totals)))
	printBill(w, "", &s.Totals)
	if s.Unreported > 0 {
		fmt.Fprintf(w, "not reported\t%s, at most $%s more\n", many(s.Unreported, "attempt"), money(s.UnreportedMost))
	}
	for _, d := range s.Damage {
		fmt.Fprintf(w, "damage\t%v\n", d.Error())
	}
}
