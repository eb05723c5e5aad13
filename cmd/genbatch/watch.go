package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/remote"
	"github.com/genbatch/genbatch/jobs/report/live"
)

func watchCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "serve a page that shows a run of another process, and steers it",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Serves a page for this machine's browser until it is interrupted: progress, what the\n" +
			"run waits for, cost and cap, rows that are not ok, and controls to pause, change limits,\n" +
			"stop, and try failed rows again. The page shows each run of the job that begins\n" +
			"meanwhile. Whoever knows its address can steer the run; it holds a token for that.\n\n" +
			"genbatch watch job.yaml\n\n" +
			"# On another machine, look at it through SSH\n" +
			"genbatch watch labels.csv --listen 127.0.0.1:8080",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Category: "server", Value: "127.0.0.1:0", Usage: "loopback `ADDRESS` of the page; port 0 takes a free one"},
			stateFlag(),
		},
		Action: func(c *cli.Context) error { return watch(c, con) },
	}
}

// uiFlag asks for the page of a run.
func uiFlag() cli.Flag {
	return &wordFlag{&cli.GenericFlag{
		Name: "ui", Category: groupTalk, EnvVars: env("ui"), Value: new(pageAddress),
		Usage: "serve a page that shows the run and steers it, and print its address; =127.0.0.1:8080 takes that port",
	}, "--ui, or --ui=127.0.0.1:8080"}
}

// A pageAddress is where a page is served; empty if it is not. It implements [cli.Generic].
type pageAddress string

func (a *pageAddress) Set(text string) error {
	*a = pageAddress(text)
	if asked, err := strconv.ParseBool(text); err == nil {
		*a = ""
		if asked {
			*a = "127.0.0.1:0"
		}
	}
	return nil
}

func (a *pageAddress) String() string { return string(*a) }

// IsBoolFlag tells package flag that --ui alone is --ui=true.
func (a *pageAddress) IsBoolFlag() bool { return true }

// checkPage refuses an address of --ui that others could reach, before anything is done.
func checkPage(c *cli.Context) error {
	if address := pageOf(c); address != "" {
		return live.CheckAddress(address)
	}
	return nil
}

// pageOf returns where --ui has the page served; empty if it is not given, or if the command has no
// such flag.
func pageOf(c *cli.Context) string {
	if a, ok := c.Generic("ui").(*pageAddress); ok {
		return a.String()
	}
	return ""
}

// openPage serves the page of a run, if --ui asks for it, until the function that it returns
// is called.
func (con *console) openPage(c *cli.Context, run remote.Controller) (finish func(), err error) {
	if pageOf(c) == "" {
		return func() {}, nil
	}
	page, err := live.Listen(pageOf(c), remote.Handler(run))
	if err != nil {
		return nil, err
	}
	if c.Bool("json") {
		writeJSON(con.stderr, pageJSON{page.Address(), "page"})
	} else {
		fmt.Fprintf(con.stderr, "genbatch: live page at %s\n", page.Address())
	}
	return func() { _ = page.Close() }, nil // what becomes of the page is not worth a run
}

// pageJSON says where a page is, as programs read it.
type pageJSON struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

func watch(c *cli.Context, con *console) error {
	job, err := savedJob(c)
	if err != nil {
		return err
	}
	run := whoever{job.StateDir()}
	if _, err := run.State(c.Context, 0); err != nil {
		return err
	}
	page, err := live.Listen(c.String("listen"), remote.Handler(run))
	if err != nil {
		return err
	}
	fmt.Fprintf(con.text, "watching %s on %s (interrupt to end)\n", job.Output, page.Address())
	ended := make(chan struct{})
	finish := func(os.Signal) { close(ended) }
	con.interrupted.Store(&finish)
	<-ended
	return page.Close()
}

// whoever is the [remote.Controller] of the process that runs a job at the moment. It looks for
// that each time, since one run may follow another.
type whoever struct{ dir string }

func (w whoever) State(ctx context.Context, since int64) (*remote.State, error) {
	return w.ask(func(c *remote.Client) (*remote.State, error) { return c.State(ctx, since) })
}

func (w whoever) Do(ctx context.Context, a remote.Action) (*remote.State, error) {
	return w.ask(func(c *remote.Client) (*remote.State, error) { return c.Do(ctx, a) })
}

func (w whoever) Set(ctx context.Context, limits jobs.Limits) (*remote.State, error) {
	return w.ask(func(c *remote.Client) (*remote.State, error) { return c.Set(ctx, limits) })
}

func (w whoever) ask(question func(*remote.Client) (*remote.State, error)) (*remote.State, error) {
	c, err := remote.Dial(w.dir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return question(c)
}
