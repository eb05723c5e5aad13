package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A console is what a command reads, writes and hears signals from.
type console struct {
	stdin  io.Reader
	stdout io.Writer        // for data, whose bytes stay as they are; text for people goes to text
	text   *terminal.Writer // over stdout
	stderr *terminal.Writer

	interrupted atomic.Pointer[func(os.Signal)] // called by the first signal; if nil, a signal ends the process
}

func newConsole(stdin io.Reader, stdout, stderr io.Writer) *console {
	return &console{stdin: stdin, stdout: stdout, text: terminal.NewWriter(stdout), stderr: terminal.NewWriter(stderr)}
}

// watch waits for signals until done is closed. A command that has something to finish
// sets interrupted. The second signal ends the process all the same, whatever else it does:
// reading, writing, or waiting for a lock or a disk that hangs.
func (con *console) watch(signals <-chan os.Signal, done <-chan struct{}) {
	safe := ""
	for {
		select {
		case s := <-signals:
			finish := con.interrupted.Swap(nil)
			if finish == nil {
				con.say(fmt.Sprintf("\ngenbatch: ended by the signal %v%s\n", s, safe))
				os.Exit(130)
			}
			(*finish)(s)
			safe = "; what was answered and journalled is safe, and the same command goes on"
		case <-done:
			return
		}
	}
}

// say writes to stderr for a moment at most. Nobody may be reading there any more, and a
// signal is obeyed all the same.
func (con *console) say(text string) {
	const moment = 200 * time.Millisecond
	said := make(chan struct{})
	go func() {
		fmt.Fprint(con.stderr, text)
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(moment):
	}
}

// untilSignal returns a context that ends with the first signal.
func (con *console) untilSignal(ctx context.Context) (context.Context, func()) {
	return con.untilSignalSaying(ctx, "nothing new is sent; calls under way have 30 s to finish")
}

// untilSignalSaying is untilSignal with what is said of the signal.
func (con *console) untilSignalSaying(ctx context.Context, what string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	finish := func(s os.Signal) {
		// Said first: a run that has nothing under way is over before another word could be.
		con.say(fmt.Sprintf("\ngenbatch: %v: %s\n(once more to leave at once)\n", s, what))
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
	if _, ok := con.stderr.Columns(); !ok || !terminal.Is(con.stdin) {
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

// refuseBinary refuses to write Parquet to stdout if that is a terminal.
func (con *console) refuseBinary(format string) error {
	if strings.EqualFold(format, "parquet") && terminal.Is(con.stdout) {
		return &jobs.SpecError{Err: errors.New("a terminal cannot show Parquet, which is no text"), Hint: "name a file with --output, send stdout to one, or take --output-format csv"}
	}
	return nil
}

// copyOut copies an output to stdout. A reader that goes away, such as head, has had what it
// wanted.
func (con *console) copyOut(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(con.stdout, f); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("the output cannot be written to stdout; genbatch export -o - writes it again: %w", err)
	}
	return nil
}

// print writes what a command found to stdout, as JSON with --json.
func (con *console) print(c *cli.Context, r record) {
	if c.Bool("json") {
		writeJSON(con.text, r)
		return
	}
	fmt.Fprint(con.text, r)
}

// printError writes why a command failed, as people or programs read it.
func (con *console) printError(err error, code int, asJSON bool) {
	if asJSON {
		writeJSON(con.stderr, errorJSON{message.Plain(err), code, "error"})
		return
	}
	fmt.Fprintf(con.stderr, "genbatch: %s\n", errorText(err))
}

// errorText returns the text of an error as people read it. Lines after the first are indented:
// a name with a line end cannot pass for a message of its own.
func errorText(err error) string {
	const longest = 8000 // bytes
	text := message.Plain(err)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return strings.ReplaceAll(text, "\n", "\n  ")
}

// errorJSON is an error as programs read it.
type errorJSON struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
	Type     string `json:"type"`
}

// writeJSON writes a value as a line of JSON.
func writeJSON(w *terminal.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fmt.Fprintf(w, "{\"type\":\"error\",\"error\":%q}\n", err)
	}
}
