package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
)

// How often progress is shown.
const (
	everyBar  = 200 * time.Millisecond
	everyJSON = time.Second
	everyLine = 30 * time.Second
)

// A display shows how a run goes: a bar on a terminal, JSON lines for programs, a
// line now and then elsewhere.
type display struct {
	con   *console
	job   *jobs.Job
	json  bool
	quiet bool
	bar   *progressbar.ProgressBar // nil: no terminal

	total  atomic.Int64 // rows of the job; 0: not counted yet
	cancel context.CancelFunc
	wg     sync.WaitGroup
	speed  speed
}

func newDisplay(c *cli.Context, con *console, job *jobs.Job) *display {
	d := &display{con: con, job: job, json: c.Bool("json"), quiet: c.Bool("quiet")}
	ctx, cancel := context.WithCancel(c.Context)
	d.cancel = cancel
	if d.quiet && !d.json {
		return d
	}
	every := everyLine
	if d.json {
		every = everyJSON
	} else if width, ok := isTerminal(con.stderr); ok {
		every = everyBar
		d.bar = newBar(con.stderr, width, c.Bool("no-color") || os.Getenv("NO_COLOR") != "")
	}
	d.wg.Go(func() {
		if n, err := job.CountRows(ctx); err == nil {
			d.total.Store(n)
		}
	})
	d.wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				d.show()
			case <-ctx.Done():
				return
			}
		}
	})
	return d
}

// close ends the progress, and returns when nothing more is printed.
func (d *display) close() {
	d.cancel()
	d.wg.Wait()
	if d.bar != nil {
		d.bar.Clear()
	}
}

func newBar(w io.Writer, width int, plain bool) *progressbar.ProgressBar {
	theme := progressbar.Theme{Saucer: "█", SaucerPadding: "░"}
	if plain {
		theme = progressbar.ThemeASCII
	}
	return progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetTheme(theme),
		progressbar.OptionSetWidth(barWidth(width)),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(false), // it counts settled rows as work done
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetMaxDetailRow(1),
		progressbar.OptionSetRenderBlankState(false),
	)
}

// barWidth is how much of a terminal's width the bar takes.
func barWidth(terminal int) int { return max(4, min(24, terminal-80)) }

// cut returns text in at most n characters.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > max(0, n) {
		return string(r[:max(0, n)])
	}
	return text
}

// show prints one state of the run.
func (d *display) show() {
	p := d.job.Progress()
	total := d.total.Load()
	rate := d.speed.add(p.Elapsed, p.Run.Rows)
	cost, unpriced := p.Run.CostUSD()
	var tokens int64
	for _, m := range p.Run.Models {
		tokens += m.PromptTokens + m.ToolTokens + m.OutputTokens + m.ThoughtsTokens
	}
	var eta time.Duration
	if total > p.Done() && rate > 0 {
		eta = time.Duration(float64(total-p.Done()) / rate * float64(time.Second)).Round(time.Second)
	}
	if d.json {
		writeJSON(d.con.stderr, map[string]any{
			"type": "progress", "seconds": p.Elapsed.Seconds(), "rows": p.Done(), "total": total, "settled_before": p.Settled,
			"bad": p.Bad, "copied": p.Copied, "rows_per_second": rate, "eta_seconds": eta.Seconds(), "in_flight": p.Calls, "attempts": p.Attempts,
			"retries_waiting": p.Waiting, "tokens": tokens, "cost_usd": usd(cost, unpriced), "status": p.Run.Status,
			"simulated": p.Run.Simulated(), "quota": quotaJSON(p),
		})
		return
	}
	text := fmt.Sprintf("%s rows  %s/s  %s tokens  %s", fraction(p.Done(), total), decimal(rate), count(tokens), costText(cost, unpriced))
	if p.Run.Simulated() {
		text += " simulated"
	}
	if eta > 0 {
		text += "  " + eta.String() + " left"
	}
	waiting := p.Quota.String()
	if d.bar == nil {
		fmt.Fprintf(d.con.stderr, "genbatch: %s", text)
		if waiting != "" {
			fmt.Fprintf(d.con.stderr, "  %s", waiting)
		}
		fmt.Fprintln(d.con.stderr)
		return
	}
	if width, ok := isTerminal(d.con.stderr); ok {
		// A line that wraps would be left behind by the next one.
		text, waiting = cut(text, width-barWidth(width)-8), cut(waiting, width-1)
	}
	if total > 0 {
		d.bar.ChangeMax64(max(total, p.Done(), 1))
	}
	d.bar.Describe(text)
	d.bar.AddDetail(waiting)
	d.bar.Set64(p.Done())
}

func quotaJSON(p jobs.Progress) map[string]any {
	q := p.Quota
	var since any // null: nothing binds, or it always did
	if !q.Since.IsZero() {
		since = q.Since.UTC().Format(time.RFC3339)
	}
	return map[string]any{
		"since": since, "age_seconds": q.Age.Seconds(), "tier": q.Tier,
		"text": q.String(), "why": q.Why, "limit": q.Limit, "value": q.Value, "learned": q.Learned,
		"next_seconds": q.Next.Seconds(), "waiting": q.Waiting, "in_flight": q.InFlight, "oldest_seconds": q.Oldest.Seconds(),
	}
}

// speed is the pace of the last seconds.
type speed struct {
	at   []time.Duration
	rows []int64
}

// add returns rows a second over the last 15 seconds or so.
func (s *speed) add(at time.Duration, rows int64) float64 {
	const window = 15 * time.Second
	s.at, s.rows = append(s.at, at), append(s.rows, rows)
	for len(s.at) > 2 && s.at[1] < at-window {
		s.at, s.rows = s.at[1:], s.rows[1:]
	}
	if d := at - s.at[0]; d > 0 {
		return float64(rows-s.rows[0]) / d.Seconds()
	}
	if at > 0 {
		return float64(rows) / at.Seconds()
	}
	return 0
}
