package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/hooks"
	"github.com/genbatch/genbatch/jobs"
)

// options returns what a job needs of the console. It warns of what a user may believe to have
// set.
func (con *console) options(c *cli.Context, s *jobs.Spec) (jobs.Options, error) {
	log, err := newLog(c, con.stderr)
	if err != nil {
		return jobs.Options{}, err
	}
	others := append(hooks.Variables(), s.APIKeyEnv, s.Webhook.SecretEnv)
	for _, text := range args.UnknownVariables(os.Environ(), c.App.Commands, others...) {
		log.Warn(text)
	}
	if at, tomorrow := s.DeadlineTomorrow(time.Now()); tomorrow {
		log.Warn(fmt.Sprintf("the deadline %s has passed today: it is taken for that of tomorrow, %s", s.Deadline, at.Format("Mon 2 Jan 15:04 MST")))
	}
	o := jobs.Options{Stdin: con.stdin, Log: log, Confirm: con.confirmer(c)}
	if path := c.Args().First(); path != "" {
		o.File, err = jobs.Load(path) // once more, without the flags
	}
	return o, err
}

// newLog returns the log of a command, which --log-level limits. A line of JSON has the
// attributes time, level and msg.
func newLog(c *cli.Context, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, &jobs.SpecError{Err: fmt.Errorf("log-level is %q", c.String("log-level")), Hint: "use debug, info, warn or error"}
	}
	format := c.String("log-format")
	if format != "" && format != "text" && format != "json" {
		return nil, &jobs.SpecError{Err: fmt.Errorf("log-format is %q", format), Hint: "use text or json"}
	}
	if format == "json" || format == "" && c.Bool("json") {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
	}
	return slog.New(&lineHandler{w: w, level: level}), nil
}

// A lineHandler writes a log record as genbatch writes its own messages.
type lineHandler struct {
	w     io.Writer
	level slog.Level
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *lineHandler) WithGroup(string) slog.Handler                { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	_, err := fmt.Fprintf(h.w, "genbatch: %s: %s\n", strings.ToLower(r.Level.String()), strings.ReplaceAll(r.Message, "\n", "\n  "))
	return err
}
