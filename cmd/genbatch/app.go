package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/shells"
)

// run runs the command that the arguments name, and returns its exit code.
func run(words []string, signals <-chan os.Signal, stdin io.Reader, stdout, stderr io.Writer) int {
	con := newConsole(stdin, stdout, stderr)
	done := make(chan struct{})
	defer close(done)
	go con.watch(signals, done)
	code := obey(con, words)
	// A script must not take what is cut off, or empty, for what there is to know.
	if err := con.text.Err(); err != nil && code == 0 {
		code = exitCode(nil, err)
		con.printError(fmt.Errorf("what was found cannot be written to stdout: %w", err), code, args.AsksJSON(words))
	}
	return code
}

// obey does what the arguments say, and returns the exit code.
func obey(con *console, words []string) int {
	app := newApp(con)
	if len(words) > 1 && words[1] == shells.Command {
		completeLine(con, app, words[2:])
		return 0
	}
	if text, asked := helpAsked(con, app, words); asked {
		fmt.Fprint(con.text, text)
		return 0
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := call(ctx, app, words)
	var ended *outcome
	if errors.As(err, &ended) {
		return ended.code // the command has said why
	}
	code := exitCode(nil, err)
	if err != nil {
		con.printError(err, code, args.AsksJSON(words))
	}
	return code
}

// call has an app do what words say.
func call(ctx context.Context, app *cli.App, words []string) error {
	if err := args.CheckValues(words, app.Commands); err != nil {
		return err
	}
	return app.RunContext(ctx, args.Permute(words, app.Commands))
}

// newApp returns the commands as the flags' parser knows them.
func newApp(con *console) *cli.App {
	app := &cli.App{
		Name:  "genbatch",
		Usage: "run a table of rows through a Gemini model",
		Description: "Reads rows from JSONL, CSV or Parquet, asks a Gemini model about each of them,\n" +
			"and writes every row back with its answer, its tokens and its cost.\n" +
			"The same command, run again, carries on where it stopped.\n\n" +
			"# Try it without a key: the answers are made up\n" +
			"genbatch run -i reviews.csv -o labels.csv -m gemini-3.5-flash-lite \\\n" +
			"    --label positive --label negative --text '{{.body}}' --endpoint sim\n\n" +
			"# Say what a job would do and cost, and then do it\n" +
			"genbatch plan job.yaml\n" +
			"genbatch run job.yaml",
		Version: versionLine(),
		Commands: []*cli.Command{
			runCommand(con), planCommand(con), statusCommand(con), jobsCommand(con), showCommand(con), watchCommand(con), ctlCommand(con), cancelCommand(con), mergeCommand(con), serveCommand(con), workCommand(con), exportCommand(con), compareCommand(con), reportCommand(con), verifyCommand(con), pruneCommand(con),
			initCommand(con), limitsCommand(con), pricesCommand(con), simulateCommand(con),
			completionCommand(con), manCommand(con), versionCommand(con), helpCommand(con),
		},
		Reader:    con.stdin,
		Writer:    con.text,
		ErrWriter: con.stderr,
		Suggest:   true,
		HideHelp:  true, // helpAsked shows it
		// A label can hold a comma, as in --label "yes, really".
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              args.UsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return args.UnknownCommand(c)
			}
			columns, _ := con.text.Columns()
			fmt.Fprint(con.text, manualOf(c.App).FirstScreen(columns))
			return nil
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = args.UsageError
		c.HideHelp = true
	}
	return app
}

// An outcome ends a command with an exit code and no further message: the command has
// told the user all there is to tell.
type outcome struct{ code int }

func (o *outcome) Error() string { return fmt.Sprintf("exit code %d", o.code) }
