package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
)

// run runs the command that the arguments name, and returns its exit code.
func run(args []string, signals <-chan os.Signal, stdin io.Reader, stdout, stderr io.Writer) int {
	con := newConsole(stdin, stdout, stderr)
	done := make(chan struct{})
	defer close(done)
	go con.watch(signals, done)
	app := &cli.App{
		Name:  "genbatch",
		Usage: "run a table of rows through a Gemini model",
		Description: "genbatch reads rows from JSONL, CSV or Parquet, asks a Gemini model about each of them,\n" +
			"and writes every row back with its answer, its tokens and its cost.\n" +
			"The same command, run again, carries on where it stopped.",
		Version: versionLine(),
		Commands: []*cli.Command{
			runCommand(con), planCommand(con), statusCommand(con), exportCommand(con), verifyCommand(con), pruneCommand(con),
			limitsCommand(con), pricesCommand(con), simulateCommand(con), versionCommand(con),
		},
		Reader:    stdin,
		Writer:    con.text,
		ErrWriter: con.stderr,
		Suggest:   true,
		// A label can hold a comma, as in --label "yes, really".
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c)
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := checkValues(args, app.Commands)
	if err == nil {
		err = app.RunContext(ctx, permute(args, app.Commands))
	}
	var ended *outcome
	if errors.As(err, &ended) {
		return ended.code // the command has said why
	}
	code := exitCode(nil, err)
	if err != nil {
		con.printError(err, code, asksJSON(args))
	}
	return code
}

// An outcome ends a command with an exit code and no further message: the command has
// told the user all there is to tell.
type outcome struct{ code int }

func (o *outcome) Error() string { return fmt.Sprintf("exit code %d", o.code) }
