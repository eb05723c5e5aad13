package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/compare"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/objects"
)

func compareCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare two runs over the same rows: what changed, what each cost, which is right more often",
		ArgsUsage: "A B",
		Category:  commandsLook,
		Description: "A and B are each a job file, the output of a run, or its state folder. An output whose\n" +
			"state folder is gone is compared by what the file holds. Nothing is sent.\n\n" +
			"Rows are paired by the values of the input columns that both have, or by --key. Where\n" +
			"the right answers are known, a sentence says whether B is right more often than A, and\n" +
			"whether that is more than chance explains.\n\n" +
			"# Which prompt is better\n" +
			"genbatch compare old.csv new.csv --expected section\n\n" +
			"# In CI: end with exit code 9 if B is worse, and print a comment\n" +
			"genbatch compare old.csv new.csv --fail-on-regression --markdown",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Category: groupRows, Usage: "`COLUMN` that pairs the rows; must be unique (default: the key of both jobs, else the columns that both inputs have)"},
			&cli.StringSliceFlag{Name: "field", Category: groupLabels, Usage: "`NAME` of a column of answers to compare; repeatable (default: all that both have)"},
			&cli.StringSliceFlag{Name: "expected", Category: groupLabels, Usage: "`COLUMN` of the input with the right answers; FIELD=COLUMN if several fields are compared; repeatable (default: that of the jobs)"},
			&cli.StringSliceFlag{Name: "fail-under", Category: groupLabels, Usage: "exit with 9 if the accuracy of B is below `SHARE`, such as 0.9; FIELD=SHARE for one field; repeatable"},
			&cli.BoolFlag{Name: "fail-on-regression", Category: groupLabels, Usage: "exit with 9 if B is right less often than A, and more so than chance explains"},
			&cli.StringFlag{Name: "changed", Category: groupOutput, Usage: "`FILE` to write with every row that changed: jsonl, csv, tsv or parquet"},
			&cli.BoolFlag{Name: "force", Category: groupOutput, Usage: "replace a file that is there"},
			&cli.BoolFlag{Name: "markdown", Category: groupTalk, Usage: "print Markdown, for a comment on a change"},
			jsonFlag(),
			&cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error { return compareRuns(c, con) },
	}
}

func compareRuns(c *cli.Context, con *console) error {
	if c.Bool("json") && c.Bool("markdown") {
		return &jobs.SpecError{Err: errors.New("--json and --markdown are given"), Hint: "choose one"}
	}
	gate, err := gateOf(c)
	if err != nil {
		return err
	}
	found, _, err := compareSides(c, con)
	if err != nil {
		return err
	}
	shown := report.Comparison{Comparison: found}
	err = gate.Check(found)
	if failed, ok := errors.AsType[*compare.GateError](err); ok {
		shown.Failures, shown.ExitCode = failed.Reasons, exitCode(nil, err)
	} else if err != nil {
		return err
	}
	if c.Bool("markdown") {
		fmt.Fprint(con.text, shown.Markdown())
	} else {
		con.print(c, shown)
	}
	return &outcome{shown.ExitCode}
}

// compareSides compares the two runs that are named. It also returns the jobs of both.
func compareSides(c *cli.Context, con *console) (found *compare.Comparison, sides [2]jobs.Spec, err error) {
	if c.NArg() != 2 {
		return nil, sides, &jobs.SpecError{Err: fmt.Errorf("%s named, and two are compared", message.Plural(c.NArg(), "run")), Hint: "name two job files, or outputs of runs: genbatch " + c.Command.Name + " A B"}
	}
	config := compare.Config{Key: c.String("key"), Fields: c.StringSlice("field"), Changed: c.String("changed"), Expected: make(map[string]string)}
	for _, pair := range c.StringSlice("expected") {
		field, column, ok := strings.Cut(pair, "=")
		if !ok {
			field, column = "", pair
		}
		config.Expected[field] = column
	}
	if objects.IsAddress(config.Changed) {
		return nil, sides, &jobs.SpecError{Err: fmt.Errorf("--changed names the object %s, and the rows are written to a file of this machine", config.Changed), Hint: "name a file, and copy that"}
	}
	if _, err := os.Stat(config.Changed); err == nil && !c.Bool("force") {
		return nil, sides, &jobs.SpecError{Err: fmt.Errorf("%s is there", config.Changed), Hint: "name another file with --changed, or replace it with --force"}
	}
	log, err := newLog(c, con.stderr)
	if err != nil {
		return nil, sides, err
	}
	for i, arg := range c.Args().Slice() {
		side, job, done, err := sideOf(arg, &config, log)
		if err != nil {
			return nil, sides, err
		}
		defer done()
		sides[i] = job
		if i == 0 {
			config.A = side
		} else {
			config.B = side
		}
	}
	if sides[0].StateDir() == sides[1].StateDir() {
		return nil, sides, &jobs.SpecError{Err: fmt.Errorf("%s and %s are the same run", config.A.Name, config.B.Name),
			Hint: "to compare two prompts, run each with an output of its own"}
	}
	found, err = compare.Run(c.Context, config)
	return found, sides, err
}

// gateOf returns what the flags say that a comparison must come to.
func gateOf(c *cli.Context) (*compare.Gate, error) {
	g := &compare.Gate{Regression: c.Bool("fail-on-regression"), Under: make(map[string]float64)}
	for _, text := range c.StringSlice("fail-under") {
		field, number := "", text
		if i := strings.LastIndexByte(text, '='); i >= 0 {
			field, number = text[:i], text[i+1:]
		}
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			hint := "write a share from 0 to 1, such as 0.9"
			if n, ok := message.MeantNumber(strings.TrimSuffix(number, "%")); ok && n > 1 && n <= 100 {
				hint = fmt.Sprintf("did you mean %g?", n/100)
			}
			return nil, &jobs.SpecError{Err: fmt.Errorf("--fail-under is %q", message.OneLine(text, 80)), Hint: hint}
		}
		g.Under[field] = share
	}
	return g, nil
}

// sideOf returns the run that an argument names, and its job; for a file without a state folder
// that is one of which only the output is known. done ends its use. A run that the file of
// changed rows would destroy is refused.
func sideOf(arg string, config *compare.Config, log *slog.Logger) (s *compare.Side, of jobs.Spec, done func(), err error) {
	named, err := findJob(arg, "")
	if errors.Is(err, fs.ErrNotExist) && !args.IsJobFile(arg) && isFile(arg) {
		s, err = compare.OpenFile(arg)
		return s, jobs.Spec{Output: arg}, func() {}, err
	}
	if err != nil {
		return nil, of, nil, err
	}
	named.warnChanged(log)
	// So the job's own evaluation goes by it, which knows its labels and its schema.
	for field, column := range config.Expected {
		named.Expected = maps.Clone(named.Expected)
		if named.Expected == nil {
			named.Expected = make(jobs.Expected)
		}
		known := named.Expected[field] // with its tolerance, if it has one
		known.Column = column
		named.Expected[field] = known
	}
	job, err := jobs.View(*named.Spec, jobs.Options{Log: log})
	if err != nil {
		return nil, of, nil, err
	}
	if config.Changed != "" {
		if err := job.CheckOther(config.Changed); err != nil {
			return nil, of, nil, errors.Join(err, job.Close())
		}
	}
	spec := job.Spec()
	s = &compare.Side{
		Name: arg, Rows: job.Rows, Prefix: spec.Prefix, Labels: spec.Classify != nil, Key: spec.Key, Sampled: spec.Sample > 0, Expected: make(map[string]string),
	}
	for field, known := range jobs.AllExpected(&spec) {
		s.Expected[field] = known.Column
	}
	return s, spec, func() { _ = job.Close() }, nil
}

// isFile reports whether a path is one of a file, or an address, which is looked at when it is opened.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() || objects.IsAddress(path)
}
