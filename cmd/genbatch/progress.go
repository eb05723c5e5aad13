package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// How often progress is shown.
const (
	everyBar  = 200 * time.Millisecond
	everyJSON = time.Second
	everyLine = 30 * time.Second
)

// surveyPatience is how long a run that carries on may look for what is left, before it asks
// the first row.
const surveyPatience = 2 * time.Second

// A display shows how a run goes, on stderr: by a bar on a terminal, by JSON lines for
// programs, and elsewhere by a line now and then.
type display struct {
	con   *console
	job   *jobs.Job
	json  bool
	quiet bool
	bar   bool // it is a terminal that can move its cursor
	plain bool // the bar is drawn in ASCII

	total   atomic.Int64 // rows of the job; 0 if not counted yet
	counted sync.Once    // whether the count was begun
	survey  *jobs.Survey // of a run that carries on, else nil
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	speed   speed // of what is shown

	mu    sync.Mutex
	asked speed // of what others ask for; guarded by mu
}

// newDisplay begins to show the progress of a job, until close. It starts two goroutines:
// one counts the job's rows, and the other shows the progress again and again. A quiet one
// shows nothing.
func newDisplay(c *cli.Context, con *console, job *jobs.Job) *display {
	d := &display{con: con, job: job, json: c.Bool("json"), quiet: c.Bool("quiet")}
	d.ctx, d.cancel = context.WithCancel(c.Context)
	if d.quiet && !d.json {
		return d
	}
	every := everyLine
	if d.json {
		every = everyJSON
	} else if _, ok := con.stderr.Columns(); ok && os.Getenv("TERM") != "dumb" {
		every = everyBar
		d.bar, d.plain = true, c.Bool("no-color") || os.Getenv("NO_COLOR") != ""
	}
	d.survey = job.Survey(surveyPatience)
	d.count()
	d.wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				d.show()
			case <-d.ctx.Done():
				return
			}
		}
	})
	return d
}

// count begins to count the rows of the job, if that was not begun before.
func (d *display) count() {
	d.counted.Do(func() {
		if d.survey != nil && d.survey.Complete {
			d.total.Store(d.survey.Rows)
			return
		}
		d.wg.Go(func() {
			if n, err := d.job.CountRows(d.ctx); err == nil {
				d.total.Store(n)
			}
		})
	})
}

// close ends the display of progress. When it returns, nothing more of it is printed.
func (d *display) close() {
	d.counted.Do(func() {}) // nobody begins it any more
	d.cancel()
	d.wg.Wait()
	d.con.stderr.Hide()
}

// progress returns how far the run is, for others than the user at the console. A quiet run
// counts its rows only now, since that reads the input.
func (d *display) progress() report.Progress {
	d.count()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now(&d.asked)
}

// now returns how far the run is.
func (d *display) now(s *speed) report.Progress {
	p := d.job.Progress()
	return report.Progress{
		Progress: &p, Total: d.total.Load(), Survey: d.survey,
		RowRate: s.add(p.Elapsed, p.Run.Rows, p.Quota.Limit == quota.LimitPause || !p.PausedSince.IsZero()), Least: d.job.Least,
	}
}

// show prints how far the run is.
func (d *display) show() {
	now := d.now(&d.speed)
	switch columns, _ := d.con.stderr.Columns(); {
	case d.json:
		writeJSON(d.con.stderr, now)
	case d.bar:
		const cells = 12
		text := now.Fit(columns - cells - 2)
		d.con.stderr.Show(bar(now.Share(), cells, d.plain)+" "+text, now.Waiting())
	default:
		fmt.Fprintf(d.con.stderr, "genbatch: %s  %s\n", now, now.Waiting())
	}
}

// bar draws a share from 0 to 1; one below 0 is not known.
func bar(share float64, cells int, plain bool) string {
	full, empty := "█", "░"
	if plain {
		full, empty = "#", "."
	}
	n := int(max(0, share) * float64(cells))
	return strings.Repeat(full, n) + strings.Repeat(empty, cells-n)
}

// finish prints what the run came to, and how to carry on with a run that ended early.
func (d *display) finish(r report.Summary) {
	s, err, code := r.Summary, r.Err, r.ExitCode
	if d.json {
		writeJSON(d.con.stderr, r)
		return
	}
	if err != nil {
		fmt.Fprintf(d.con.stderr, "genbatch: %s\n", errorText(err))
	}
	if d.quiet {
		if err == nil && code != 0 {
			fmt.Fprintf(d.con.stderr, "genbatch: %s\n", report.NotOK(s))
		}
		return
	}
	fmt.Fprint(d.con.stderr, r)
	if n := d.job.Spec().Sample; err == nil && n > 0 && s.Job != nil && s.Job.Rows == int64(n) {
		fmt.Fprintln(d.con.stderr, "\nThis is a sample: without --sample the other rows are asked, and these are\nnot asked again.")
	}
	if err == nil && s.Shard != "" {
		printMerge(d.con.stderr, d.job.Spec(), d.job.Copied())
	}
	if err != nil && code != 2 {
		printCarryOn(d.con.stderr, s, err, r.Total)
	}
}

// speed measures how many rows a second are answered, of late.
type speed struct {
	at   []time.Duration // since the run began
	rows []int64         // answered by then
}

// add adds a measurement, and returns the rows a second over about the last 15 seconds. If
// few were answered in that time, it takes the last 10 rows, but at most five minutes:
// a slow run would else seem to be twice or half as fast. In a pause it does not look back
// so far, since what was before the pause is not the pace now.
func (s *speed) add(at time.Duration, rows int64, pause bool) float64 {
	const (
		window  = 15 * time.Second
		longest = 5 * time.Minute
		enough  = 10
	)
	if n := len(s.rows); n > 0 && rows < s.rows[n-1] { // failed rows are asked again, and were none of the pace
		for i, gone := 0, s.rows[n-1]-rows; i < n; i++ {
			s.rows[i] -= gone
		}
	}
	s.at, s.rows = append(s.at, at), append(s.rows, rows)
	for len(s.at) > 2 && s.at[1] < at-window && (pause || rows-s.rows[1] >= enough || s.at[1] < at-longest) {
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
