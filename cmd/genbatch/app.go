package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/genbatch/genbatch/jobs"
)

// A console is what a command talks to.
type console struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	interrupted atomic.Pointer[func(os.Signal)] // what the first signal does; nil: it ends the process
}

// watch waits for signals until done. A command that has something to finish says
// so by interrupted; the second signal ends the process all the same.
func (con *console) watch(signals <-chan os.Signal, done <-chan struct{}) {
	safe := ""
	for {
		select {
		case s := <-signals:
			finish := con.interrupted.Swap(nil)
			if finish == nil {
				fmt.Fprintf(con.stderr, "\ngenbatch: ended by the signal %v%s\n", s, safe)
				os.Exit(130)
			}
			(*finish)(s)
			safe = "; what was answered and journalled is safe, and the same command goes on"
		case <-done:
			return
		}
	}
}

// run runs one command and returns its exit code.
func run(args []string, signals <-chan os.Signal, stdin io.Reader, stdout, stderr io.Writer) int {
	con := &console{stdin: stdin, stdout: stdout, stderr: stderr}
	done := make(chan struct{})
	defer close(done)
	go con.watch(signals, done)
	app := &cli.App{
		Name:  "genbatch",
		Usage: "run a table of rows through a Gemini model",
		Description: "genbatch reads rows from JSONL, CSV or Parquet, asks a Gemini model about each of them,\n" +
			"and writes every row back with its answer, its tokens and its cost.\n" +
			"The same command, run again, carries on where it stopped.",
		Version: jobs.Version(),
		Commands: []*cli.Command{
			runCommand(con), planCommand(con), statusCommand(con), exportCommand(con), verifyCommand(con), pruneCommand(con),
			pricesCommand(con), simulateCommand(con),
		},
		Reader:    stdin,
		Writer:    stdout,
		ErrWriter: stderr,
		Suggest:   true,
		// A label may hold a comma: --label "yes, really".
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError(c, fmt.Errorf("there is no command %q", c.Args().First()), false)
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
	err := app.RunContext(ctx, permute(args, app.Commands))
	var ended *outcome
	if errors.As(err, &ended) {
		return ended.code // reported already
	}
	code := exitCode(nil, err)
	if err != nil {
		report(con, err, code, asksJSON(args))
	}
	return code
}

// An outcome ends a command that has told the user all there is to tell.
type outcome struct{ code int }

func (o *outcome) Error() string { return fmt.Sprintf("exit code %d", o.code) }

// usageError makes a mistake in the flags a SpecError, which exits with 2.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	hint := "see genbatch --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "genbatch" {
		hint = fmt.Sprintf("see genbatch %s --help", c.Command.Name)
	}
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = fmt.Sprintf("there is no flag --%s", strings.TrimLeft(name, "-"))
		if near := nearestFlag(c, name); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return &jobs.SpecError{Err: errors.New(text), Hint: hint}
}

func nearestFlag(c *cli.Context, name string) string {
	if c.Command == nil {
		return ""
	}
	return strings.TrimLeft(cli.SuggestFlag(c.Command.Flags, strings.TrimLeft(name, "-"), true), "-")
}

// report prints an error as people or programs read it.
func report(con *console, err error, code int, asJSON bool) {
	if asJSON {
		writeJSON(con.stderr, map[string]any{"type": "error", "error": err.Error(), "exit_code": code})
		return
	}
	fmt.Fprintf(con.stderr, "genbatch: %v\n", err)
}

func writeJSON(w io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = fmt.Appendf(nil, `{"type":"error","error":%q}`, err)
	}
	w.Write(append(text, '\n'))
}

// asksJSON reports whether the flags, which may be unreadable, or the environment
// ask for JSON.
func asksJSON(args []string) bool {
	for _, a := range args {
		if a == "--" {
			break
		}
		switch name, value, given := strings.Cut(strings.TrimLeft(a, "-"), "="); {
		case name != "json" || a == name:
		case !given:
			return true
		default:
			yes, _ := strconv.ParseBool(value) // what is neither yes nor no is a mistake of its own
			return yes
		}
	}
	yes, _ := strconv.ParseBool(os.Getenv("GENBATCH_JSON"))
	return yes
}

// permute moves flags before arguments: urfave/cli v2 stops reading flags at the
// first argument, and people type genbatch run job.yaml --limit 10.
func permute(args []string, commands []*cli.Command) []string {
	if len(args) < 3 {
		return args
	}
	valued := make(map[string]bool) // flags that take a value
	for _, c := range commands {
		if c.Name != args[1] {
			continue
		}
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
				for _, name := range f.Names() {
					valued[name] = true
				}
			}
		}
	}
	flags, rest := args[:2:2], []string(nil)
	for i := 2; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(append(flags, "--"), append(rest, args[i+1:]...)...)
		case len(a) < 2 || a[0] != '-':
			rest = append(rest, a)
		default:
			flags = append(flags, a)
			if valued[strings.TrimLeft(a, "-")] && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	if len(rest) > 0 {
		if slices.ContainsFunc(flags[2:], func(a string) bool { return a == "--help" || a == "-h" }) {
			return flags // help on the command, not on its argument
		}
		flags = append(flags, "--")
	}
	return append(flags, rest...)
}

// isTerminal reports whether w is a terminal, and how wide it is.
func isTerminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return width, true
}

// newLog returns the log of a command: warnings and worse by default.
func newLog(c *cli.Context, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, &jobs.SpecError{Err: fmt.Errorf("log-level is %q", c.String("log-level")), Hint: "use debug, info, warn or error"}
	}
	if c.Bool("json") {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
	}
	return slog.New(&lineHandler{w: w, level: level}), nil
}

// lineHandler writes a log record as genbatch writes its own messages.
type lineHandler struct {
	w     io.Writer
	level slog.Level
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *lineHandler) WithGroup(string) slog.Handler                { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	_, err := fmt.Fprintf(h.w, "genbatch: %s: %s\n", strings.ToLower(r.Level.String()), r.Message)
	return err
}
