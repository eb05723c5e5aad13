package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCases runs the scripts below testdata/cases over files that others made, and against
// a server that others wrote: what the project's own tests imagine is not what users have.
// The folder is no part of the project. GENBATCH_CASES says where it is.
func TestCases(t *testing.T) {
	cases := os.Getenv("GENBATCH_CASES")
	if cases == "" {
		t.Skip("set GENBATCH_CASES to the folder of cases from outside, such as ../shared/cases")
	}
	cases, err := filepath.Abs(cases)
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	// The scripts that need the server use the condition [exec:python3].
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cases",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CASES", cases)
			return scriptEnv(e)
		},
		Cmds: commands,
	})
}

// serveOdd starts the server of the cases in one of its modes, and puts its address into a
// variable.
func serveOdd(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "odd VARIABLE MODE [ARG]")
	port := freePort(ts)
	c := exec.Command("python3", append([]string{filepath.Join(ts.Getenv("CASES"), "srv.py"), port}, args[1:]...)...)
	c.Dir = ts.MkAbs(".")
	serveUntilEnd(ts, c, port)
	ts.Setenv(args[0], "http://127.0.0.1:"+port)
}

// serveHostile starts the server that answers "case:NAME" in a prompt in the way of that
// name, and puts its address into a variable.
func serveHostile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "hostile VARIABLE")
	port := freePort(ts)
	c := exec.Command("python3", filepath.Join(ts.Getenv("CASES"), "d02-server", "srv.py"), port)
	c.Dir = ts.MkAbs(".") // it writes a log there
	serveUntilEnd(ts, c, port)
	ts.Setenv(args[0], "http://127.0.0.1:"+port)
}

// freePort returns a port of the loopback interface that was free just now.
func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// serveUntilEnd runs a server as long as the script, and returns when its port is open.
func serveUntilEnd(ts *testscript.TestScript, c *exec.Cmd, port string) {
	ts.Check(c.Start())
	ts.Defer(func() {
		_ = c.Process.Kill() // it may have ended by itself
		_ = c.Wait()         // it was killed
	})
	poll(ts, func() (bool, string) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err != nil {
			return false, err.Error()
		}
		return conn.Close() == nil, ""
	})
}

// served writes how often the server of the cases gave each status to a file, as JSON.
func served(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "served ADDRESS FILE")
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	_, err = f.ReadFrom(resp.Body)
	ts.Check(err)
	ts.Check(f.Close())
}
