package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
	"github.com/genbatch/genbatch/jobs/report"
)

// This file has the two commands of a job that runs on several machines.

// natsFlags say how the NATS servers are reached.
func natsFlags(nats string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "nats", Category: groupCluster, Usage: nats, EnvVars: env("nats")},
		&cli.StringFlag{Name: "nats-creds", Category: groupCluster, Usage: "`FILE` with credentials for the NATS servers", EnvVars: env("nats-creds")},
		&cli.StringFlag{Name: "nats-token-file", Category: groupCluster, Usage: "`FILE` with the token that the NATS servers want (or GENBATCH_NATS_TOKEN has it)", EnvVars: env("nats-token-file")},
	}
}

// natsToken returns the token for the NATS servers, which is no flag: others on the machine can
// read those.
func natsToken(c *cli.Context) (string, error) {
	path := c.String("nats-token-file")
	if path == "" {
		return strings.TrimSpace(os.Getenv("GENBATCH_NATS_TOKEN")), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &jobs.SpecError{Err: fmt.Errorf("the token for NATS cannot be read: %w", err)}
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", &jobs.SpecError{Err: fmt.Errorf("%s is empty, and is to hold the token for NATS", path)}
	}
	return token, nil
}

func serveCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve a job to workers on several machines, collect what they answer, and join it",
		ArgsUsage: "[JOB.yaml]",
		Category:  commandsRun,
		Description: "Divides the rows of a job into shards, which genbatch work asks on any number of machines that\n" +
			"come and go. All of them keep one quota, one cap and one deadline. What is answered is kept in\n" +
			"this job's state folder, and in the end the output is written as genbatch run does. The same\n" +
			"command carries on after whatever ended it. The machines must see the input at the same path.\n" +
			"It brings a NATS server along; --nats names servers that are there. A job with --tier batch\n" +
			"needs no workers: this process alone submits its batches, as genbatch run does.\n\n" +
			"# Serve a job on one machine, and work on it on others\n" +
			"GENBATCH_NATS_TOKEN=$(cat token) genbatch serve job.yaml --listen 0.0.0.0:4222\n" +
			"GENBATCH_NATS_TOKEN=$(cat token) genbatch work --nats nats://first:4222",
		Flags: flagsOf(slices.DeleteFunc(settings(), func(s setting) bool { return s.flag.Names()[0] == "shard" }), append(append(natsFlags("`URL` of NATS servers that are there, with commas between (default: a server of its own)"), talkFlags()...),
			&cli.StringFlag{Name: "listen", Category: groupCluster, Value: "127.0.0.1:4222", Usage: "`ADDRESS` of the server of its own; one that other machines reach needs a token", EnvVars: env("listen")},
			&cli.IntFlag{Name: "shards", Category: groupCluster, Usage: "divide the rows into `N` shards (default: 32, or as before)", Base: 10, EnvVars: env("shards")},
			&cli.IntFlag{Name: "replicas", Category: groupCluster, Value: 1, Usage: "on how many NATS servers each message is kept: 1 or 3", Base: 10, EnvVars: env("replicas")},
			&cli.DurationFlag{Name: "lease", Category: groupCluster, Value: 8 * time.Second, Usage: "`DURATION` after which the shard of a silent worker is given to another", EnvVars: env("lease")},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: groupState, Usage: "do not ask before answers are paid for again, or rows from stdin are replaced", EnvVars: env("yes")},
		)...),
		Action: func(c *cli.Context) error { return serveJob(c, con) },
	}
}

func serveJob(c *cli.Context, con *console) error {
	spec, err := specOf(c)
	if err != nil {
		return err
	}
	o, err := con.options(c, spec)
	if err != nil {
		return err
	}
	token, err := natsToken(c)
	if err != nil {
		return err
	}
	if c.IsSet("shards") && c.Int("shards") < 1 {
		return &jobs.SpecError{Err: fmt.Errorf("--shards is %d", c.Int("shards")), Hint: "write how many shards there are to be, or leave it out"}
	}
	show := &clusterDisplay{con: con, c: c, token: token != ""}
	config := cluster.ServeConfig{
		Listen: c.String("listen"), Token: token, URL: c.String("nats"), Creds: c.String("nats-creds"),
		Replicas: c.Int("replicas"), Shards: c.Int("shards"), Lease: c.Duration("lease"),
		Options: o, Progress: show.progress, Ready: show.ready,
	}
	if cluster.RunsAlone(*spec) {
		return serveAlone(c, con, spec, config)
	}
	ctx, stop := con.untilSignalSaying(c.Context, "workers keep what they have answered; the same command carries on")
	defer stop()
	end := func(int, error) {}
	config.Control = func(run *cluster.Control) {
		if end, err = serve(c, con, run.StateDir(), run, o.Log); err != nil { // of a page, and there is none
			end = func(int, error) {}
		}
	}
	m, err := cluster.Serve(ctx, *spec, config)
	show.close()
	if err != nil {
		end(exitCode(nil, err), err)
		return err
	}
	merged := report.Merged{Merged: m, ExitCode: exitCode(m.Summary, nil)}
	end(merged.ExitCode, nil)
	switch {
	case c.Bool("json"):
		writeJSON(con.stderr, merged)
	case !c.Bool("quiet"):
		fmt.Fprint(con.stderr, merged)
	}
	if merged.ExitCode != 0 {
		return &outcome{merged.ExitCode}
	}
	return nil
}

// serveAlone runs a job that workers have no part in, beside the others that the servers have.
func serveAlone(c *cli.Context, con *console, spec *jobs.Spec, config cluster.ServeConfig) error {
	if spec.Output == "-" {
		if err := con.refuseBinary(spec.OutputFormat); err != nil {
			return err
		}
	}
	config.Ready = (&clusterDisplay{con: con, c: c}).alone
	ctx, stop := con.untilSignalSaying(c.Context, "nothing was sent yet")
	place, err := cluster.Hold(ctx, *spec, config)
	stop()
	if err != nil {
		return err
	}
	o := config.Options
	o.Shared, o.ShowBatch = place.Shared(), con.batchShower(c)
	err = con.runWhole(c, spec, o)
	came, ran := errors.AsType[*outcome](err)
	return errors.Join(err, place.Close(ran && (came.code == 0 || came.code == 3)))
}

// A clusterDisplay shows on stderr how far the shards of a job are.
type clusterDisplay struct {
	con  *console
	c    *cli.Context
	last string
	at   time.Time

	token bool      // workers need one
	begun time.Time // when something was collected first
	first int64     // what was collected then
}

func (d *clusterDisplay) ready(a cluster.Address) {
	switch {
	case d.c.Bool("json"):
		writeJSON(d.con.stderr, map[string]any{"type": "serving", "nats": a.URL})
	case !d.c.Bool("quiet"):
		with := ""
		if d.token {
			with = ", with the same token in GENBATCH_NATS_TOKEN"
		}
		fmt.Fprintf(d.con.stderr, "genbatch: workers can join: genbatch work --nats %s%s\n", a.URL, with)
	}
}

func (d *clusterDisplay) alone(a cluster.Address) {
	switch {
	case d.c.Bool("json"):
		writeJSON(d.con.stderr, map[string]any{"type": "serving", "nats": a.URL, "alone": true})
	case !d.c.Bool("quiet"):
		fmt.Fprintln(d.con.stderr, "genbatch: the job goes by batch: this process submits it, and no workers are needed; those that wait are free for other jobs")
	}
}

func (d *clusterDisplay) progress(p cluster.Progress) {
	if d.c.Bool("json") {
		if time.Since(d.at) >= everyJSON {
			d.at = time.Now()
			writeJSON(d.con.stderr, map[string]any{"type": "cluster", "shards": p.Shards, "done": p.Done, "held": p.Held, "results": p.Results, "workers": len(p.Workers)})
		}
		return
	}
	if d.c.Bool("quiet") {
		return
	}
	if d.begun.IsZero() || p.Results == d.first { // nothing was collected yet
		d.begun, d.first = time.Now(), p.Results
	}
	text := fmt.Sprintf("%d of %d shards done, %d at work", p.Done, p.Shards, p.Held)
	if len(p.Workers) > 0 {
		text += " on " + report.Many(int64(len(p.Workers)), "worker")
	}
	text += fmt.Sprintf(", %s collected", report.Many(p.Results, "result"))
	if took := time.Since(d.begun); took > time.Second && p.Results > d.first {
		text += fmt.Sprintf(", %.1f/s", float64(p.Results-d.first)/took.Seconds())
	}
	if p.Held == 0 && p.Done < p.Shards {
		text += "; waiting for workers"
	}
	if _, ok := d.con.stderr.Columns(); ok && os.Getenv("TERM") != "dumb" {
		d.con.stderr.Show(text)
		return
	}
	if text != d.last && time.Since(d.at) >= everyLine {
		d.last, d.at = text, time.Now()
		fmt.Fprintf(d.con.stderr, "genbatch: %s\n", text)
	}
}

func (d *clusterDisplay) close() { d.con.stderr.Hide() }

func workCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:     "work",
		Usage:    "work on jobs that genbatch serve serves, until there is none left",
		Category: commandsRun,
		Description: "Asks the rows of shards, and begins the next beside the last calls of one, of any job that the\n" +
			"NATS servers have. It can start\n" +
			"and end at any time: Ctrl-C hands its shards back, and those of a worker that is killed are taken\n" +
			"over within seconds. Answers wait in the spool until the process that serves has them on its\n" +
			"disk; what a killed worker has left there is sent by the next one that starts with it. The API\n" +
			"key is that of this machine: keys are never sent to workers.\n\n" +
			"# Work with the key of this machine\n" +
			"GEMINI_API_KEY=... genbatch work --nats nats://first:4222 --concurrency 64\n\n" +
			"# Wait for the next job, on a machine that always works; its disk keeps the spool\n" +
			"genbatch work --nats nats://first:4222 --stay --spool /var/lib/genbatch",
		Flags: append(natsFlags("`URL` of the NATS servers, with commas between"),
			&cli.IntFlag{Name: "concurrency", Category: groupCluster, Usage: "most calls in flight, in all shards together (default: as the job says)", Base: 10},
			&cli.StringFlag{Name: "spool", Category: groupCluster, Usage: "`DIR` in which answers wait to be collected (default: in the user's folder for state)", EnvVars: env("spool")},
			&cli.BoolFlag{Name: "stay", Category: groupCluster, Usage: "wait for the next job when there is none left"},
			&cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "info", Usage: "least `LEVEL` of messages to show: debug, info, warn or error", EnvVars: env("log-level")},
			&cli.StringFlag{Name: "log-format", Category: groupTalk, Usage: "`FORMAT` of messages: text, or json with time, level and msg", EnvVars: env("log-format")},
		),
		Action: func(c *cli.Context) error { return workOnJobs(c, con) },
	}
}

func workOnJobs(c *cli.Context, con *console) error {
	switch {
	case c.Args().Present():
		return &jobs.SpecError{Err: fmt.Errorf("work takes no %s", c.Args().First()), Hint: "jobs are named where they are served"}
	case c.String("nats") == "":
		return &jobs.SpecError{Err: fmt.Errorf("--nats is missing"), Hint: "name the servers, as genbatch serve shows them"}
	case c.IsSet("concurrency") && c.Int("concurrency") < 1:
		return &jobs.SpecError{Err: fmt.Errorf("--concurrency is %d", c.Int("concurrency")), Hint: "write 1 or more, or leave it out"}
	}
	log, err := newLog(c, con.stderr)
	if err != nil {
		return err
	}
	token, err := natsToken(c)
	if err != nil {
		return err
	}
	spool := c.String("spool")
	if spool == "" {
		dir := jobs.QuotaDir(os.Getenv)
		if dir == "" {
			return &jobs.SpecError{Err: fmt.Errorf("the environment names no folder for state"), Hint: "name a folder with --spool"}
		}
		spool = filepath.Join(filepath.Dir(dir), "spool")
	}
	if spool, err = filepath.Abs(spool); err != nil {
		return err
	}
	ctx, stop := con.untilSignalSaying(c.Context, "what it has in hand is handed back; calls under way have 30 s to finish")
	defer stop()
	return cluster.Work(ctx, cluster.WorkConfig{
		URL: c.String("nats"), Creds: c.String("nats-creds"), Token: token, Spool: spool,
		Concurrency: c.Int("concurrency"), Stay: c.Bool("stay"), Log: log,
	})
}
