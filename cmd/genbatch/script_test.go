package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the commands of the scripts as well: genbatch
// itself, and exits.
func TestMain(m *testing.M) {
	testscript.Main(stateless{m}, map[string]func(){
		"genbatch": main,
		"exits":    exits,
		"within":   within,
		"words":    words,
	})
}

// stateless runs tests away from what the user's own runs have left. Scripts have a place of
// their own for that, each.
type stateless struct{ *testing.M }

func (m stateless) Run() int {
	dir, err := os.MkdirTemp("", "genbatch-cmd-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv("XDG_STATE_HOME", dir)
	return m.M.Run()
}

// TestScripts runs the scripts below testdata, one subject each, against the
// contract of the command line. The commands beside testscript's own are listed in
// commands_test.go.
func TestScripts(t *testing.T) {
	t.Parallel() // scripts mostly wait: for latencies, intervals and other processes
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               scriptEnv,
		Cmds:                commands,
	})
}

// scriptEnv gives a script a home and a state of its own.
func scriptEnv(e *testscript.Env) error {
	e.Setenv("HOME", e.WorkDir+"/.home")
	e.Setenv("XDG_STATE_HOME", e.WorkDir+"/.home/state")
	e.Setenv("MODEL", "gemini-2.5-flash-lite")
	// A program built with -race sleeps for a second when it ends, unless told not to.
	e.Setenv("GORACE", "atexit_sleep_ms=0")
	e.Values[stampsKey{}] = make(map[string]os.FileInfo)
	e.Values[billKey{}] = &scriptBill{t: e.T().(testing.TB), w: witness(e.WorkDir)}
	return nil
}

// exits is the program "exits CODE PROGRAM ARG...": it runs the program and
// succeeds when that ends with the exit code. Signals go on to the program.
func exits() {
	fail := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "exits: "+format+"\n", args...)
		os.Exit(1)
	}
	if len(os.Args) < 3 {
		fail("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail("%v", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fail("%v", err)
	}
	go func() {
		for s := range signals {
			_ = c.Process.Signal(s) // it may have ended by itself
		}
	}()
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		fail("%v", err)
	}
	if got := c.ProcessState.ExitCode(); got != want {
		fail("exit code %d (%v), want %d", got, c.ProcessState, want)
	}
}

// within is the program "within MIB PROGRAM ARG...": it runs the program, ends with
// its exit code, and with 99 when it took more memory.
func within() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: within MIB PROGRAM ARG...")
		os.Exit(1)
	}
	limit, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, "within:", err)
		os.Exit(1)
	}
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "within:", err)
		os.Exit(99)
	}
	_ = c.Wait() // the exit code says it
	if used := peakMemory(c.ProcessState) >> 20; used > limit {
		fmt.Fprintf(os.Stderr, "within: %s took %d MiB, and may take %d\n", os.Args[2], used, limit)
		os.Exit(99)
	}
	os.Exit(c.ProcessState.ExitCode())
}

// words is the program "words WORD...": it writes its arguments as JSON to the file
// $WORDS_FILE, so that a test learns what a shell made of a line.
func words() {
	text, err := json.Marshal(os.Args[1:])
	if err == nil {
		err = os.WriteFile(os.Getenv("WORDS_FILE")+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(os.Getenv("WORDS_FILE")+".new", os.Getenv("WORDS_FILE"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
