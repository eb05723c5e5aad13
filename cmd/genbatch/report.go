package main

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/report/page"
	"github.com/genbatch/genbatch/objects"
)

func reportCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "write a page about a job, or about how two runs compare; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT] [OTHER]",
		Category:  commandsLook,
		Description: "Writes one HTML file that opens without a network: what became of the rows, failures by\n" +
			"cause, findings, where the money went, latency, tokens, and a sample of rows to search and\n" +
			"sort. It works also while the job runs. The page shows what is in the rows, so give it to\n" +
			"those only who may see them. With two runs it is the page of their comparison.\n\n" +
			"# Writes labels.csv.report.html\n" +
			"genbatch report labels.csv\n\n" +
			"# How the run with another prompt compares\n" +
			"genbatch report old.csv new.csv --expected section -o prompts.html",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Category: groupOutput, Aliases: []string{"o"}, Usage: "`PATH` to write, or - for stdout", DefaultText: "the job's output with .report.html, or .compare.html for two runs"},
			&cli.BoolFlag{Name: "force", Category: groupOutput, Usage: "replace a file that is there, and is no page of genbatch's"},
			&cli.StringFlag{Name: "key", Category: groupRows, Usage: "`COLUMN` that pairs the rows of two runs (default: as in compare)"},
			&cli.StringSliceFlag{Name: "expected", Category: groupLabels, Usage: "`COLUMN` with the right answers, to compare with; or NAME=COLUMN for each column of the answers; repeatable"},
			&cli.StringFlag{Name: "prices", Category: groupOutput, Usage: "`FILE` of prices that count before the built-in ones"},
			stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error { return writeReport(c, con) },
	}
}

func writeReport(c *cli.Context, con *console) error {
	if c.NArg() > 1 {
		return reportComparison(c, con)
	}
	named, err := savedJob(c)
	if err != nil {
		return err
	}
	if c.IsSet("key") {
		return &jobs.SpecError{Err: errors.New("--key pairs the rows of two runs, and one is named"), Hint: "name both, or leave it out"}
	}
	override(c, named.Spec, "expected", "prices")
	log, err := newLog(c, con.stderr)
	if err != nil {
		return err
	}
	named.warnChanged(log)
	r, err := page.New(c.Context, *named.Spec, jobs.Options{Log: log})
	if err != nil {
		return err
	}
	return savePage(c, con, r, pageFor(r.Spec.Output, ".report.html"), r.Spec)
}

func reportComparison(c *cli.Context, con *console) error {
	for _, name := range []string{"state", "prices"} {
		if c.IsSet(name) {
			return &jobs.SpecError{Err: fmt.Errorf("--%s is of one job, and two are named", name), Hint: "leave it out; a state folder can be named in the place of an output"}
		}
	}
	found, sides, err := compareSides(c, con)
	if err != nil {
		return err
	}
	return savePage(c, con, &page.Comparison{Comparison: found, Made: time.Now()}, pageFor(sides[1].Output, ".compare.html"), sides[:]...)
}

// pageFor returns the path of the page about an output, which stands beside it. That about an
// object stands in the working folder.
func pageFor(output, ending string) string {
	if objects.IsAddress(output) {
		output = path.Base(output)
	}
	return output + ending
}

// savePage writes a page where the flags say, and says where that is.
func savePage(c *cli.Context, con *console, p io.WriterTo, path string, needed ...jobs.Spec) error {
	if o := c.String("output"); o == "-" {
		// A reader that goes away, such as head, has had what it wanted.
		if _, err := p.WriteTo(con.stdout); err != nil && !errors.Is(err, syscall.EPIPE) {
			return err
		}
		return nil
	} else if objects.IsAddress(o) {
		return &jobs.SpecError{Err: fmt.Errorf("%s is an object, and a page is written to a file of this machine", o), Hint: "name a file with --output, and copy that"}
	} else if o != "" {
		var err error
		if path, err = filepath.Abs(o); err != nil {
			return err
		}
	}
	n, err := page.Save(p, path, c.Bool("force"), needed...)
	if err != nil {
		return err
	}
	con.print(c, report.Page{Path: path, Bytes: n})
	return nil
}
