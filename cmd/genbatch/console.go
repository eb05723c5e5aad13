package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// A console is what a command reads, writes and hears signals from.
type console struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	interrupted atomic.Pointer[func(os.Signal)] // called by the first signal; if nil, a signal ends the process
}

// watch waits for signals until done is closed. A command that has something to finish
// sets interrupted. The second signal ends the process all the same.
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

// untilSignal returns a context that ends with the first signal.
func (con *console) untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	finish := func(s os.Signal) {
		fmt.Fprintf(con.stderr, "\ngenbatch: %v: nothing new is sent; calls under way have 30 s to finish (once more to leave at once)\n", s)
		cancel(fmt.Errorf("the signal %v", s))
	}
	con.interrupted.Store(&finish)
	return ctx, func() { con.interrupted.Store(nil); cancel(nil) }
}

// confirmer returns what asks the user whether to go on; nil if nobody can be asked. With
// --yes the answer is given.
func (con *console) confirmer(c *cli.Context) func(sentence string) bool {
	if c.Bool("yes") {
		return func(string) bool { return true }
	}
	// Rows that come through stdin are no answer.
	in, isFile := con.stdin.(*os.File)
	if _, ok := terminalWidth(con.stderr); !ok || !isFile || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return func(sentence string) bool {
		fmt.Fprintf(con.stderr, "%s. Go on? [y/N] ", sentence)
		var answer string
		fmt.Fscanln(con.stdin, &answer)
		a := strings.ToLower(answer)
		return a == "y" || a == "yes"
	}
}

// A record is one of the report package's: what a command found, as text and as JSON.
type record interface {
	fmt.Stringer
	json.Marshaler
}

// copyOut copies an output to stdout. If that fails, nothing is lost.
func (con *console) copyOut(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(con.stdout, f); err != nil {
		return fmt.Errorf("the output cannot be written to stdout, and is kept in %s: %w", path, err)
	}
	return nil
}

// print writes what a command found to stdout, as JSON with --json.
func (con *console) print(c *cli.Context, r record) {
	if c.Bool("json") {
		writeJSON(con.stdout, r)
		return
	}
	fmt.Fprint(con.stdout, r)
}

// printError writes why a command failed, as people or programs read it.
func (con *console) printError(err error, code int, asJSON bool) {
	if asJSON {
		writeJSON(con.stderr, errorJSON{err.Error(), code, "error"})
		return
	}
	fmt.Fprintf(con.stderr, "genbatch: %v\n", err)
}

// errorJSON is an error as programs read it.
type errorJSON struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
	Type     string `json:"type"`
}

func writeJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fmt.Fprintf(w, "{\"type\":\"error\",\"error\":%q}\n", err)
	}
}

// terminalWidth returns how many columns w has, and whether it is a terminal.
func terminalWidth(w io.Writer) (width int, ok bool) {
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
