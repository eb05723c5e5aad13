package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/draft"
	"github.com/genbatch/genbatch/jobs/jobfile"
)

func initCommand(con *console) *cli.Command {
	const groupDraft = "what to write"
	return &cli.Command{
		Name:      "init",
		Usage:     "draft a commented job file for a table, from its first rows; asks at a terminal",
		ArgsUsage: "INPUT...",
		Category:  commandsRun,
		Description: "Looks at the first rows of INPUT, and writes a job file that runs as it is: with the\n" +
			"column that holds the text, labels if a column has them, a key, pictures, and a model.\n" +
			"At a terminal it asks, with its proposals as answers; elsewhere it takes them. It sends\n" +
			"nothing, and replaces no file without --force.\n\n" +
			"# Propose a job for a table, and ask at a terminal\n" +
			"genbatch init reviews.csv\n\n" +
			"# Take what is proposed, with labels of your own\n" +
			"genbatch init reviews.csv --label positive --label negative --yes\n\n" +
			"# Look at a file of another program, and say how it is written\n" +
			"genbatch init export.txt --delimiter '|' --encoding windows-1252\n\n" +
			"# Summarize one column of many files\n" +
			"genbatch init 'logs/*.jsonl.gz' --kind summarize --text message -o logs.yaml",
		Flags: flagsOf(slices.DeleteFunc(settings(), func(s setting) bool { return !slices.Contains(readingFlags(), s.flag.Names()[0]) }),
			&cli.StringFlag{Name: "job", Aliases: []string{"o"}, Value: "job.yaml", Usage: "`FILE` to write; - is stdout"},
			&cli.StringFlag{Name: "kind", Category: groupDraft, Usage: "`KIND`: classify, summarize, extract, prompt or raw"},
			&cli.StringSliceFlag{Name: "text", Category: groupDraft, Usage: "`COLUMN` that holds the text, or a template; repeatable"},
			&cli.StringSliceFlag{Name: "label", Category: groupDraft, Usage: "`LABEL` of a classification; repeatable"},
			&cli.StringFlag{Name: "expected", Category: groupDraft, Usage: "`COLUMN` with the labels that are right, whose values become the labels"},
			&cli.StringFlag{Name: "key", Category: groupDraft, Usage: "`COLUMN` that names a row in messages"},
			&cli.StringSliceFlag{Name: "media", Category: groupDraft, Usage: "`COLUMN` of images, audio, video or PDF; repeatable"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Category: groupDraft, Usage: "`MODEL` to ask", EnvVars: env("model")},
			&cli.StringFlag{Name: "output", Category: groupDraft, Usage: "`PATH` of the table that the job writes (default: beside the input)"},
			&cli.BoolFlag{Name: "force", Usage: "replace the job file"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask; take what is proposed", EnvVars: env("yes")},
			&cli.BoolFlag{Name: "print-schema", Usage: "print the JSON Schema of job files, for editors, and do nothing else"},
		),
		Action: func(c *cli.Context) error {
			if c.Bool("print-schema") {
				schema, err := jobfile.Schema()
				if err == nil {
					err = terminal.Send(con.stdout, string(schema))
				}
				return err
			}
			return initJob(c, con)
		},
	}
}

// initJob looks at the input, settles the draft, and writes it.
func initJob(c *cli.Context, con *console) error {
	path := c.String("job")
	if err := checkJobPath(c, path); err != nil {
		return err
	}
	reads := jobs.Spec{Input: c.Args().Slice()}
	override(c, &reads, readingFlags()...)
	sample, err := draft.Look(reads)
	if err != nil {
		return err
	}
	show := func() {
		for _, note := range sample.Notes {
			fmt.Fprint(con.stderr, terminal.Paragraph("genbatch: note: "+note+"\n"))
		}
		fmt.Fprint(con.stderr, sample)
	}
	show()
	dialogue := dialogueOf(c, con)
	if dialogue != nil {
		fmt.Fprintf(con.stderr, "\nEnter takes what stands in brackets. Nothing is sent.\n")
		before := sample
		if sample, err = dialogue.Encoding(before); err != nil {
			return err
		}
		if sample != before {
			show()
		}
	}
	d, err := settle(c, dialogue, sample)
	if err != nil {
		return err
	}
	text, err := d.YAML(path)
	if err != nil {
		return err
	}
	if path == "-" {
		return terminal.Send(con.stdout, string(text))
	}
	if err := draft.WriteFile(path, text, c.Bool("force")); err != nil {
		return err
	}
	cost, warnings := outlook(path)
	fmt.Fprintf(con.stderr, "\nWrote %s:\n%s", terminal.Name(path), d.Choices(cost))
	for _, note := range append(d.ModelNotes(), warnings...) {
		fmt.Fprint(con.stderr, terminal.Paragraph("genbatch: warn: "+note+"\n"))
	}
	fmt.Fprint(con.stderr, draft.NextCommands(args.Quote(path), d.Output))
	return nil
}

// checkJobPath refuses what is no job file by its name, what is there already, and arguments
// that are no tables.
func checkJobPath(c *cli.Context, path string) error {
	if c.NArg() == 0 {
		return &jobs.SpecError{Err: errors.New("no table is named"), Hint: "write genbatch init reviews.csv"}
	}
	for _, arg := range c.Args().Slice() {
		if args.IsJobFile(arg) {
			return &jobs.SpecError{Err: fmt.Errorf("%s is a job file, by its name", terminal.Name(arg)), Hint: "name the table that a job is to read; -o names the job file to write"}
		}
	}
	switch {
	case path == "-":
		return nil
	case !args.IsJobFile(path):
		return &jobs.SpecError{Err: fmt.Errorf("-o %s is no job file, by its name", terminal.Name(path)), Hint: "a job file ends in .yaml; the table that the job writes is named with --output"}
	case c.Bool("force"):
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return draft.ExistsError(path)
	}
	return nil
}

// readingFlags are the flags that say how the input is read. They mean what they mean to run, and
// the job file keeps them.
func readingFlags() []string {
	return []string{"input-format", "delimiter", "encoding", "escape", "null", "no-quotes", "quotes"}
}

// dialogueOf returns what asks the user; nil if the proposals are to be taken.
func dialogueOf(c *cli.Context, con *console) *draft.Dialogue {
	if _, ok := con.stderr.Columns(); !ok || !terminal.Is(con.stdin) || c.Bool("yes") {
		return nil
	}
	return &draft.Dialogue{In: bufio.NewReader(con.stdin), Out: con.stderr}
}

// settle returns the draft: with questions if there is a dialogue, and else by the proposals
// alone.
func settle(c *cli.Context, dialogue *draft.Dialogue, sample *draft.Sample) (*draft.Draft, error) {
	wishes := draft.Wishes{
		Kind: strings.ToLower(c.String("kind")), Text: c.StringSlice("text"), Labels: c.StringSlice("label"), Expected: c.String("expected"),
		Key: c.String("key"), Media: c.StringSlice("media"), Model: c.String("model"), Output: c.String("output"),
	}
	if dialogue == nil {
		return draft.Propose(sample, wishes, price.Default(), time.Now())
	}
	return dialogue.Questions(sample, wishes, price.Default(), time.Now())
}

// outlook says what the first rows of the job would cost, as plan does for all of them, and
// what plan will have to say. It reads the job file as it was written.
func outlook(path string) (cost string, warnings []string) {
	const rows = 200
	p, err := func() (*jobs.Plan, error) {
		s, err := jobs.Load(path)
		if err != nil {
			return nil, err
		}
		s.Limit = rows
		job, err := jobs.View(*s, jobs.Options{})
		if err != nil {
			return nil, err
		}
		defer job.Close()
		return job.Plan()
	}()
	if err != nil {
		return "", []string{"genbatch plan will say: " + message.Plain(err)}
	}
	if p.Bad > 0 && len(p.BadRows) > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of the first %d rows will be skipped: %s", p.Bad, p.Rows, message.OneLine(p.BadRows[0], 300)))
	}
	if n := p.Ask(); n > 0 {
		cost = fmt.Sprintf("about %d tokens of input a row", (p.InputTokens+n-1)/n)
		if p.Priced {
			cost += fmt.Sprintf(": $%s for 1,000 rows, plus the answers", (p.InputCost / price.USD(n) * 1000).Format(4))
		}
	}
	return cost, warnings
}
