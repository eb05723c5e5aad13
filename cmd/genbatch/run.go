package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/jobs"
)

func runCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "start, or carry on with, a job",
		ArgsUsage: "[JOB.yaml]",
		Description: "Asks about every row that has no answer yet, and writes the output when no row is\n" +
			"pending. Run again with the same command, it carries on; with new or changed rows, it\n" +
			"asks only those. Every flag is also a key of the job file (snake_case) and a variable\n" +
			"GENBATCH_… of the environment; flags come before the environment, and that before the file.\n\n" +
			"genbatch run -i reviews.csv -o labels.csv -m gemini-2.5-flash-lite \\\n" +
			"   --label positive --label negative --text '{{.body}}'",
		Flags: flagsOf(settings(), append(talkFlags(),
			&cli.BoolFlag{Name: "fresh", Category: groupState, Usage: "begin a new journal and set the old one aside", EnvVars: env("fresh")},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: groupState, Usage: "do not ask before --fresh", EnvVars: env("yes")},
		)...),
		Action: func(c *cli.Context) error {
			spec, err := specOf(c)
			if err != nil {
				return err
			}
			return runJob(c, con, spec)
		},
	}
}

func runJob(c *cli.Context, con *console, spec *jobs.Spec) error {
	log, err := newLog(c, con.stderr)
	if err != nil {
		return err
	}
	if c.Bool("fresh") {
		if err := confirmFresh(c, con, spec); err != nil {
			return err
		}
	}
	job, err := jobs.Open(*spec, jobs.Options{Stdin: con.stdin, Log: log, Fresh: c.Bool("fresh")})
	if err != nil {
		return err
	}
	defer job.Close()
	if aside := job.SetAside(); aside != "" && !c.Bool("quiet") && !c.Bool("json") {
		fmt.Fprintf(con.stderr, "genbatch: the old journal is kept in %s\n", aside)
	}

	ctx, stop := untilSignal(c.Context, con)
	defer stop()
	show := newDisplay(c, con, job)
	summary, err := job.Run(ctx)
	show.close()
	code := exitCode(summary, err)
	if summary == nil {
		return err
	}
	command := again()
	if budget, ok := errors.AsType[*jobs.BudgetError](err); ok {
		command = again("max-cost") + " --max-cost " + enough(summary, budget, show.total.Load())
	}
	show.finish(summary, err, code, command)
	return &outcome{code}
}

// untilSignal returns a context that ends with the first signal.
func untilSignal(ctx context.Context, con *console) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	finish := func(s os.Signal) {
		fmt.Fprintf(con.stderr, "\ngenbatch: %v: nothing new is sent; calls under way have 30 s to finish (once more to leave at once)\n", s)
		cancel(fmt.Errorf("the signal %v", s))
	}
	con.interrupted.Store(&finish)
	return ctx, func() { con.interrupted.Store(nil); cancel(nil) }
}

// confirmFresh asks before a journal is set aside: its answers were paid for.
func confirmFresh(c *cli.Context, con *console, spec *jobs.Spec) error {
	dir := spec.StateDir()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	if !c.Bool("yes") {
		if _, ok := isTerminal(con.stderr); !ok {
			return &jobs.SpecError{Err: fmt.Errorf("--fresh would set %s aside, and every row would be asked and paid for again", dir), Hint: "add --yes"}
		}
		fmt.Fprintf(con.stderr, "Set %s aside? Every row will be asked, and paid for, again. [y/N] ", dir)
		var answer string
		fmt.Fscanln(con.stdin, &answer)
		if a := strings.ToLower(answer); a != "y" && a != "yes" {
			return &jobs.SpecError{Err: fmt.Errorf("--fresh was not confirmed")}
		}
	}
	return nil
}

// again is the command that carries on with the job, without some flags that take a
// value.
func again(without ...string) string {
	words := []string{filepath.Base(os.Args[0])}
	isHeader, isValue := false, false
	for _, a := range os.Args[1:] {
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		dropped := strings.HasPrefix(a, "-") && slices.Contains(without, name)
		if isValue || dropped {
			isValue = dropped && !hasValue
			continue
		}
		// It is printed where others read it, such as in cron's mail.
		if name, pair, ok := strings.Cut(a, "="); ok && strings.TrimLeft(name, "-") == "header" {
			a = name + "=" + redact.Header(pair)
		} else if isHeader {
			a = redact.Header(a)
		}
		isHeader = strings.TrimLeft(a, "-") == "header"
		if a != "--fresh" && a != "--yes" && a != "-y" {
			words = append(words, shellQuote(a))
		}
	}
	return strings.Join(words, " ")
}

// shellQuote quotes a word for POSIX shells, where it needs it.
func shellQuote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./:=@%+,~", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
