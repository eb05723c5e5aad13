package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/complete"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/shells"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

func completionCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Category:  commandsHelp,
		Usage:     "print the script that completes commands in a shell",
		ArgsUsage: "SHELL",
		Description: "The shells are bash, zsh, fish and powershell. Commands, flags and values are\n" +
			"completed: files, columns of the input, models with their prices, statuses. Nothing is\n" +
			"sent for it. docs/shell.md says where each shell wants its script.\n\n" +
			"# In ~/.bashrc, or in ~/.zshrc with zsh for bash\n" +
			"source <(genbatch completion bash)\n\n" +
			"# For fish\n" +
			"genbatch completion fish > ~/.config/fish/completions/genbatch.fish",
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells.Names, shell) {
				err := errors.New("no shell is named")
				switch {
				case c.NArg() > 1:
					err = errors.New("more than one shell is named")
				case shell != "":
					err = fmt.Errorf("there is no completion for the shell %q", message.OneLine(shell, 40))
				}
				return &jobs.SpecError{Err: err, Hint: "write genbatch completion with one of " + message.List(shells.Names)}
			}
			return terminal.Send(con.stdout, shells.Script(shell))
		},
	}
}

// completeLine answers the script of a shell.
func completeLine(con *console, app *cli.App, words []string) {
	c := &complete.Completer{App: app, Spec: specOfWords, Named: jobNamed, Env: os.Getenv, Environ: os.Environ()}
	shells.Answer(con.stdout, words, os.Getenv, c.Complete)
}

// specOfWords returns the job that the words of a command describe. It is read in the way in
// which the command itself reads it, so that every flag means the same here.
func specOfWords(words []string) *jobs.Spec {
	found := new(jobs.Spec)
	app := newApp(newConsole(nil, io.Discard, io.Discard))
	for _, c := range app.Commands {
		c.Action = func(c *cli.Context) error {
			if path := c.Args().First(); args.IsJobFile(path) {
				if s, err := jobs.Load(path); err == nil {
					found = s
				}
			}
			override(c, found)
			return nil
		}
	}
	// A mistake in the line leaves nothing to complete by; the command itself will name it.
	_ = call(context.Background(), app, append([]string{app.Name}, words...))
	return found
}

// jobNamed returns the job that a command such as export looks at, or nil.
func jobNamed(arg, state string) *jobs.Spec {
	switch {
	case args.IsJobFile(arg):
		return nil // its words are read as those of a run
	case state == "" && arg == "":
		return nil
	case state == "":
		state = jobs.StateDirOf(arg)
	}
	s, err := jobs.LoadState(state)
	if err != nil {
		return nil
	}
	return s
}
