package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
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
		Usage:     "write a commented job file for a table: looks at its rows, proposes, and asks at a terminal",
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
			"# Summarize one column of many files\n" +
			"genbatch init 'logs/*.jsonl.gz' --kind summarize --text message -o logs.yaml",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "job", Aliases: []string{"o"}, Value: "job.yaml", Usage: "`FILE` to write; - is stdout"},
			&cli.StringFlag{Name: "kind", Category: groupDraft, Usage: "`KIND`: classify, summarize, extract, prompt or raw"},
			&cli.StringSliceFlag{Name: "text", Category: groupDraft, Usage: "`COLUMN` that holds the text, or a template; repeatable"},
			&cli.StringSliceFlag{Name: "label", Category: groupDraft, Usage: "`LABEL` of a classification; repeatable"},
			&cli.StringFlag{Name: "expected", Category: groupDraft, Usage: "`COLUMN` with the labels that are right, whose values become the labels"},
			&cli.StringFlag{Name: "key", Category: groupDraft, Usage: "`COLUMN` that names a row in messages"},
			&cli.StringSliceFlag{Name: "media", Category: groupDraft, Usage: "`COLUMN` of images, audio, video or PDF; repeatable"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Category: groupDraft, Usage: "`MODEL` to ask", EnvVars: env("model")},
			&cli.StringFlag{Name: "output", Category: groupDraft, Usage: "`PATH` of the table that the job writes (default: beside the input)"},
			&cli.StringFlag{Name: "input-format", Category: groupDraft, Usage: "jsonl, csv, tsv or parquet, where the extension does not say"},
			&cli.BoolFlag{Name: "force", Usage: "replace the job file"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask; take what is proposed", EnvVars: env("yes")},
			&cli.BoolFlag{Name: "print-schema", Usage: "print the JSON Schema of job files, for editors, and do nothing else"},
		},
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
	sample, err := draft.Look(c.Args().Slice(), c.String("input-format"))
	if err != nil {
		return err
	}
	for _, note := range sample.Notes {
		fmt.Fprintf(con.stderr, "genbatch: note: %s\n", note)
	}
	fmt.Fprint(con.stderr, sample)
	d, err := settle(c, con, sample)
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
	nextCommands(con, path, d)
	return nil
}

// checkJobPath refuses what is no job file by its name, what is there already, and arguments
// that are no tables.
func checkJobPath(c *cli.Context, path string) error {
	isJob := func(path string) bool {
		return slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(path)))
	}
	if c.NArg() == 0 {
		return &jobs.SpecError{Err: errors.New("no table is named"), Hint: "write genbatch init reviews.csv"}
	}
	for _, arg := range c.Args().Slice() {
		if isJob(arg) {
			return &jobs.SpecError{Err: fmt.Errorf("%s is a job file, by its name", terminal.Name(arg)), Hint: "name the table that a job is to read; -o names the job file to write"}
		}
	}
	switch {
	case path == "-":
		return nil
	case !isJob(path):
		return &jobs.SpecError{Err: fmt.Errorf("-o %s is no job file, by its name", terminal.Name(path)), Hint: "a job file ends in .yaml; the table that the job writes is named with --output"}
	case c.Bool("force"):
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return draft.ExistsError(path)
	}
	return nil
}

// settle returns the draft: with questions at a terminal, and else by the proposals alone.
func settle(c *cli.Context, con *console, sample *draft.Sample) (*draft.Draft, error) {
	wishes := draft.Wishes{
		Kind: strings.ToLower(c.String("kind")), Text: c.StringSlice("text"), Labels: c.StringSlice("label"), Expected: c.String("expected"),
		Key: c.String("key"), Media: c.StringSlice("media"), Model: c.String("model"), Output: c.String("output"),
	}
	if _, ok := con.stderr.Columns(); !ok || !terminal.Is(con.stdin) || c.Bool("yes") {
		return draft.Propose(sample, wishes, price.Default(), time.Now())
	}
	fmt.Fprintf(con.stderr, "\nEnter takes what stands in brackets. Nothing is sent.\n")
	dialogue := draft.Dialogue{In: bufio.NewReader(con.stdin), Out: con.stderr}
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

// nextCommands says what to do with the job file.
func nextCommands(con *console, path string, d *draft.Draft) {
	if strings.ContainsAny(path, " '\"$&;()*?[]|<>\\`~#!") {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	table := terminal.NewTable(con.stderr)
	table.MaxLabel = 60
	fmt.Fprintf(table, "\nRead it, and then:\n")
	fmt.Fprintf(table, "  genbatch plan %s\twhat it sends and costs; sends nothing\n", path)
	fmt.Fprintf(table, "  genbatch plan %s --pilot 20\tthe same, after asking 20 rows\n", path)
	fmt.Fprintf(table, "  genbatch run %s\truns it; the same command carries on\n", path)
	table.Flush()
	fmt.Fprintf(con.stderr, "Without a key, the simulator makes answers up:\n  genbatch run %s --endpoint sim --output %s\n", path, "try"+filepath.Ext(d.Output))
}
