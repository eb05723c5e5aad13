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
	"github.com/genbatch/genbatch/jobs/report"
)

// How often progress is shown.
const (
	everyBar  = 200 * time.Millisecond
	everyJSON = time.Second
	everyLine = 30 * time.Second
)

// A display shows how a run goes, on stderr: by a bar on a terminal, by JSON lines for
// programs, and elsewhere by a line now and then.
type display struct {
	con   *console
	job   *jobs.Job
	json  bool
	quiet bool
	bar   *progressbar.ProgressBar // nil: there is no bar

	total  atomic.Int64 // rows of the job; 0 if not counted yet
	cancel context.CancelFunc
	wg     sync.WaitGroup
	speed  speed
}

// newDisplay begins to show the progress of a job, until close. It starts two goroutines:
// one counts the job's rows, and the other shows the progress again and again.
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
	} else if width, ok := terminalWidth(con.stderr); ok {
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

// close ends the display of progress. When it returns, nothing more of it is printed.
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
		progressbar.OptionSetPredictTime(false), // its prediction would take settled rows for work done
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

// show prints how far the run is.
func (d *display) show() {
	p := d.job.Progress()
	total := d.total.Load()
	now := report.Progress{Progress: &p, Total: total, RowRate: d.speed.add(p.Elapsed, p.Run.Rows)}
	if d.json {
		writeJSON(d.con.stderr, now)
		return
	}
	text := now.String()
	waiting := p.Quota.String()
	if d.bar == nil {
		fmt.Fprintf(d.con.stderr, "genbatch: %s", text)
		if waiting != "" {
			fmt.Fprintf(d.con.stderr, "  %s", waiting)
		}
		fmt.Fprintln(d.con.stderr)
		return
	}
	if width, ok := terminalWidth(d.con.stderr); ok {
		// The bar clears one line only: the rest of a line that wraps would stay.
		text, waiting = cut(text, width-barWidth(width)-8), cut(waiting, width-1)
	}
	if total > 0 {
		d.bar.ChangeMax64(max(total, p.Done(), 1))
	}
	d.bar.Describe(text)
	d.bar.AddDetail(waiting)
	d.bar.Set64(p.Done())
}

// finish prints what the run came to, and how to carry on with a run that ended early.
func (d *display) finish(s *jobs.Summary, err error, code int) {
	total := d.total.Load()
	r := report.Summary{Summary: s, Total: total, Err: err, ExitCode: code}
	if d.json {
		writeJSON(d.con.stderr, r)
		return
	}
	if err != nil {
		fmt.Fprintf(d.con.stderr, "genbatch: %v\n", err)
	}
	if d.quiet {
		return
	}
	fmt.Fprint(d.con.stderr, r)
	if n := d.job.Spec().Sample; err == nil && n > 0 && s.Job != nil && s.Job.Rows == int64(n) {
		fmt.Fprintln(d.con.stderr, "\nThis is a sample: without --sample the other rows are asked, and these are not asked again.")
	}
	if err != nil && code != 2 {
		printCarryOn(d.con.stderr, s, err, total)
	}
}

// speed measures how many rows a second are answered, of late.
type speed struct {
	at   []time.Duration // since the run began
	rows []int64         // answered by then
}

// add adds a measurement, and returns the rows a second over about the last 15 seconds.
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
