package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
)

func simulateCommand(con *console) *cli.Command {
	var kinds strings.Builder
	for _, k := range sim.FaultKinds() {
		fmt.Fprintf(&kinds, "\n  %-12s %s", k.Name, k.Help)
	}
	kinds.WriteString("\n\nFaults of batches, KIND or KIND:VALUE for all, with =SHARE for some, or with @N for the\n" +
		"N-th call, job or row:")
	for _, k := range sim.BatchFaultKinds() {
		fmt.Fprintf(&kinds, "\n  %-12s %s", k.Name, k.Help)
	}
	return &cli.Command{
		Name:     "simulate",
		Usage:    "serve the simulator on a loopback address, for trying things and for tests",
		Category: commandsHelp,
		Description: "Serves generateContent, streamGenerateContent, countTokens, models, batches and, as\n" +
			"google, files, until it is interrupted. Every answer is made up: model_version ends in\n" +
			"-simulated. Tools are played, image models draw, speech models hum. Counts are\n" +
			"served at /sim/stats, with a ledger of the rows of batches that were billed.\n\n" +
			"# Serve it with a quota and faults, and run a job against it. GENBATCH_API_KEY can be anything\n" +
			"genbatch simulate --listen 127.0.0.1:8080 --latency 300ms --rpm 600 \\\n" +
			"    --faults 503=0.05,cut=0.01 &\n" +
			"genbatch run job.yaml --endpoint http://127.0.0.1:8080\n\n" +
			"Rows that share a call are answered as each is alone. With --pack-error P, a row in a\n" +
			"call of n rows gets another answer with the probability 1-(1-P)^log2(n): P of 2 rows, and\n" +
			"with each doubling P of those that were right until then. --pack-shift Q gives all rows of\n" +
			"a share Q of the calls the answer to the row after them. Both repeat with --seed.\n\n" +
			"Faults, KIND=SHARE of requests or KIND:VALUE=SHARE, with commas between:" + kinds.String(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Category: "server", Value: "127.0.0.1:0", Usage: "loopback `ADDRESS`; port 0 takes a free one"},
			&cli.StringFlag{Name: "dialect", Category: "server", Value: "google", Usage: "`DIALECT` to speak: google, vertex, yescale or gptproto"},
			&cli.StringFlag{Name: "path-prefix", Category: "server", Usage: "`PATH` before /v1beta"},
			&cli.StringSliceFlag{Name: "accept-key", Category: "server", Usage: "a `KEY` that is accepted; repeatable (default: any)"},
			&cli.IntFlag{Name: "rpm", Category: "limits", Base: 10, Usage: "requests in any 60 seconds, for each model"},
			&cli.IntFlag{Name: "tpm", Category: "limits", Base: 10, Usage: "input tokens in any 60 seconds, for each model"},
			&cli.IntFlag{Name: "rpd", Category: "limits", Base: 10, Usage: "requests a day, for each model"},
			&cli.BoolFlag{Name: "bare-quota", Category: "limits", Usage: "let refusals say neither which limit nor how long"},
			&cli.IntFlag{Name: "concurrency", Category: "limits", Base: 10, Usage: "answer more than `N` requests at once with 503"},
			&cli.DurationFlag{Name: "latency", Category: "answers", Usage: "`DURATION` of each answer"},
			&cli.DurationFlag{Name: "jitter", Category: "answers", Usage: "up to so much more, by chance"},
			&cli.DurationFlag{Name: "file-delay", Category: "answers", Usage: "`DURATION` for which an uploaded file is PROCESSING"},
			&cli.Float64Flag{Name: "pack-error", Category: "answers", Usage: "probability `P` of another answer in a call of 2 rows; it grows with the rows"},
			&cli.Float64Flag{Name: "pack-shift", Category: "answers", Usage: "probability `Q` that the rows of a call get each other's answers"},
			&cli.BoolFlag{Name: "old-schemas", Category: "answers", Usage: "refuse responseJsonSchema, as an unknown field"},
			&cli.StringFlag{Name: "faults", Category: "faults", Usage: "`KIND=SHARE,...` of requests that get a fault; the kinds stand above"},
			&cli.DurationFlag{Name: "batch-time", Category: "batches", Value: time.Second, Usage: "`DURATION` of a batch, a third of which it is pending"},
			&cli.Float64Flag{Name: "batch-speed", Category: "batches", Value: 1, Usage: "let what takes 48 hours or six weeks pass `N` times as fast"},
			&cli.StringFlag{Name: "batch-faults", Category: "batches", Usage: "`KIND,...` of faults of batches; the kinds stand above"},
			&cli.StringFlag{Name: "batch-storage", Category: "batches", Usage: "`URL` of the Cloud Storage that batches of vertex read and write"},
			&cli.Uint64Flag{Name: "seed", Category: "faults", Base: 10, Usage: "number `N` that decides which requests the faults hit, and which rows err"},
			&cli.BoolFlag{Name: "count-answers", Category: "answers", Usage: "count answers by request, for /sim/stats"},
		},
		Action: func(c *cli.Context) error {
			if err := checkAddress(c.String("listen")); err != nil {
				return err
			}
			dialect, err := sim.ParseDialect(c.String("dialect"))
			if err != nil {
				return &jobs.SpecError{Err: err}
			}
			faults, err := sim.ParseFaults(c.String("faults"))
			if err != nil {
				return &jobs.SpecError{Err: err}
			}
			batchFaults, err := sim.ParseBatchFaults(c.String("batch-faults"))
			if err != nil {
				return &jobs.SpecError{Err: err}
			}
			pending := c.Duration("batch-time") / 3
			server, err := sim.Listen(c.String("listen"), sim.Config{
				Dialect: dialect, PathPrefix: c.String("path-prefix"), Keys: c.StringSlice("accept-key"),
				Quota:       sim.Quota{RPM: c.Int("rpm"), TPM: c.Int("tpm"), RPD: c.Int("rpd"), Bare: c.Bool("bare-quota")},
				Concurrency: c.Int("concurrency"), Latency: c.Duration("latency"), Jitter: c.Duration("jitter"),
				OldSchemas: c.Bool("old-schemas"), FileDelay: c.Duration("file-delay"),
				Batches: sim.Batches{
					Pending: cmp.Or(pending, -1), Running: cmp.Or(c.Duration("batch-time")-pending, -1), Speed: c.Float64("batch-speed"),
					Faults: batchFaults, Storage: c.String("batch-storage"),
				},
				Packs:  sim.Packs{Error: c.Float64("pack-error"), Shift: c.Float64("pack-shift")},
				Faults: faults, Seed: c.Uint64("seed"), CountAnswers: c.Bool("count-answers"),
			})
			if err != nil {
				return &jobs.SpecError{Err: err}
			}
			fmt.Fprintf(con.text, "simulating %s on %s%s (interrupt to end)\n", dialect, server.URL, c.String("path-prefix"))
			ended := make(chan struct{})
			finish := func(os.Signal) { close(ended) }
			con.interrupted.Store(&finish)
			<-ended
			return server.Close()
		},
	}
}

// checkAddress refuses an address without a port, or with one that is no number.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if n, failed := strconv.Atoi(port); err == nil && failed == nil && n >= 0 && n <= 65535 {
		return nil
	}
	return &jobs.SpecError{Err: fmt.Errorf("--listen is %q", message.OneLine(address, 80)), Hint: "write a host and a port, such as --listen 127.0.0.1:8080"}
}
