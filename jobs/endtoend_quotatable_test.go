package jobs

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// minutesEnv says how many minutes TestEndToEndQuotaTable runs. Its first minute is the one
// in which limits are learned, so it takes 2 at least.
const minutesEnv = "GENBATCH_QUOTA_MINUTES"

// A knowledge is what a run knows of the server's limits at its start.
type knowledge string

const (
	given   knowledge = "given"           // by the user
	named   knowledge = "learned, named"  // refusals say which limit, and when to come back
	unnamed knowledge = "learned, silent" // refusals say nothing
)

// A cell is one run against one server's limits.
type cell struct {
	quota   sim.Quota // that the server enforces
	told    sim.Quota // that the user gives; the zero value: the same
	known   knowledge
	latency time.Duration

	mark, end time.Duration // of the run

	before, after measure // the mark
	learned       []quota.Learned
}

func (c *cell) String() string {
	var limits []string
	if c.quota.RPM > 0 {
		limits = append(limits, fmt.Sprintf("%d rpm", c.quota.RPM))
	}
	if c.quota.TPM > 0 {
		limits = append(limits, fmt.Sprintf("%d tpm", c.quota.TPM))
	}
	return strings.Join(limits, " + ") + ", " + string(c.known)
}

// words is how long a row's text is, in words of five letters and a blank: 20 to
// 180 tokens by the simulator's count, 100 in the mean.
func words(n int) int { return 12 + n*61%108 }

// writeRows writes rows whose requests are all different.
func (c *cell) writeRows(path string, rows int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for n := range rows {
		text := fmt.Sprintf("row %d", n)
		if c.quota.TPM > 0 {
			text += strings.Repeat(" words", words(n))
		}
		fmt.Fprintf(w, "{\"q\":%q}\n", text)
	}
	return errors.Join(w.Flush(), f.Close())
}

// A measure is what the server counted in one span of a cell's run.
type measure struct {
	span              time.Duration
	admitted, refused int64
	tokens            int64
}

func measureOf(s *sim.Server) measure {
	st := s.Stats()
	return measure{admitted: st.Requests - st.Refused["quota"], refused: st.Refused["quota"], tokens: st.PromptTokens}
}

func (m measure) since(o measure, span time.Duration) measure {
	return measure{span, m.admitted - o.admitted, m.refused - o.refused, m.tokens - o.tokens}
}

// used is the share of the limit that binds. One request more or less is not
// counted against a run: a minute at 5 rpm holds 4 or 5 of them.
func (m measure) used(q sim.Quota) (share, tolerated float64) {
	minutes := m.span.Minutes()
	if q.RPM > 0 {
		share = float64(m.admitted) / (float64(q.RPM) * minutes)
		tolerated = 1 / (float64(q.RPM) * minutes)
	}
	if q.TPM > 0 {
		if s := float64(m.tokens) / (float64(q.TPM) * minutes); s > share {
			share, tolerated = s, 180/(float64(q.TPM)*minutes)
		}
	}
	return share, tolerated
}

// run runs the cell's job until its time is over, and sets what the server counted
// before and after the mark.
func (c *cell) run(t *testing.T, dir string) error {
	server, _ := simulated(t, dir, sim.Config{Quota: c.quota, Latency: c.latency})
	web := httptest.NewServer(server)
	defer web.Close()
	perMinute := max(c.quota.RPM, c.quota.TPM/100)
	// Before it has learned its limit a run may ask for all that the server allows at once.
	rows := int(float64(perMinute)*(c.end.Minutes()*1.3+2)) + 1000
	spec := spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", Endpoint: web.URL, Prompt: "{{.q}}", Concurrency: 64,
	}
	if c.known == given {
		told := cmp.Or(c.told, c.quota)
		spec.RPM, spec.TPM = told.RPM, told.TPM
	}
	if err := c.writeRows(spec.Input[0], rows); err != nil {
		return err
	}
	j, err := Open(spec, Options{Env: func(string) string { return "key" }}) // no folder either, for what is learned
	if err != nil {
		return err
	}
	defer j.Close()
	ctx, cancel := context.WithTimeout(t.Context(), c.end)
	defer cancel()
	begin := time.Now()
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-time.After(c.mark):
		case <-ctx.Done():
		}
		c.before = measureOf(server)
		c.before.span = time.Since(begin)
		<-ctx.Done()
		c.after = measureOf(server).since(c.before, time.Since(begin)-c.before.span)
	})
	s, err := j.Run(ctx)
	cancel()
	watch.Wait()
	if !errors.Is(err, batch.ErrInterrupted) {
		return fmt.Errorf("the run ended with %v before its time; it had %d rows", err, rows)
	}
	if bad := s.Run.Rows - s.Run.Status[batch.OK]; bad != 0 {
		return fmt.Errorf("%d of %d rows are not ok", bad, s.Run.Rows)
	}
	c.learned = s.Learned
	return nil
}

// runAll runs all cells at once, which mostly wait; parallel subtests would be as
// many as there are processors.
func runAll(t *testing.T, cells []*cell) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range cells {
		dir := t.TempDir()
		all.Go(func() {
			if err := c.run(t, dir); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// TestEndToEndQuotaTable measures over real HTTP and in real minutes, against a server that
// counts every window of 60 seconds, how much of a quota runs use and how often they
// are refused. It runs only when asked for:
//
//	GENBATCH_QUOTA_MINUTES=3 go test -v -timeout 30m -run QuotaTable ./jobs
//
// Limits that are given must be used to 97 % without one refusal; limits that are
// learned, to 90 % from the second minute on, with at most 1 % of the requests
// refused, or one in ten minutes where that is more.
func TestEndToEndQuotaTable(t *testing.T) {
	long(t, "it takes minutes")
	text := os.Getenv(minutesEnv)
	if text == "" {
		t.Skipf("set %s=3 to measure real minutes", minutesEnv)
	}
	minutes, err := strconv.ParseFloat(text, 64)
	if err != nil || minutes < 2 {
		t.Fatalf("%s is %q, and a number from 2 is needed", minutesEnv, text)
	}
	end := time.Duration(minutes * float64(time.Minute))
	var cells []*cell
	for _, limit := range []sim.Quota{
		{RPM: 5}, {RPM: 60}, {RPM: 600}, {RPM: 4000},
		{TPM: 60_000}, {RPM: 600, TPM: 60_000},
	} {
		for _, known := range []knowledge{given, named, unnamed} {
			limit.Bare = known == unnamed
			cells = append(cells, &cell{quota: limit, known: known, latency: 100 * time.Millisecond, mark: time.Minute, end: end})
		}
	}
	runAll(t, cells)
	t.Logf("%-36s %9s %8s | %9s %8s %8s %s", "limits", "minute 1", "refused", "later", "refused", "used", "learned")
	for _, c := range cells {
		used, tolerated := c.after.used(c.quota)
		asked := c.after.admitted + c.after.refused
		t.Logf("%-36s %9d %8d | %9d %8d %7.1f%% %v",
			c, c.before.admitted, c.before.refused, c.after.admitted, c.after.refused, 100*used, c.learned)
		want, refusals := 0.97, 0.0
		if c.known != given {
			want, refusals = 0.90, max(0.01*float64(asked), 1, c.after.span.Minutes()/10)
		} else if c.before.refused > 0 {
			t.Errorf("%v: %d requests were refused in the first minute", c, c.before.refused)
		}
		if used+tolerated < want {
			t.Errorf("%v: %.1f %% of the quota used, want %.0f %%", c, 100*used, 100*want)
		}
		if float64(c.after.refused) > refusals {
			t.Errorf("%v: %d of %d requests were refused, want %.0f at most", c, c.after.refused, asked, refusals)
		}
	}
}

// The short form of the table: limits, given and learned, against a server that
// counts a shorter window, so that seconds show what the table takes minutes for.
func TestEndToEndQuotaInSeconds(t *testing.T) {
	long(t, "it fills seconds of a quota")
	const second = time.Second
	cells := []*cell{
		// A fifth less than the server allows: in 2 s, the 2 % that the pace leaves is
		// less than what timers and the scheduler of a busy machine are late by.
		{quota: sim.Quota{RPM: 1500, Window: 2 * second}, told: sim.Quota{RPM: 1200}, known: given, mark: second, end: 3 * second},
		{quota: sim.Quota{TPM: 150_000, Window: 2 * second}, told: sim.Quota{TPM: 120_000}, known: given, mark: second, end: 3 * second},
		{quota: sim.Quota{RPM: 1200, Window: 2 * second}, known: named, mark: 3 * second, end: 4 * second},
		{quota: sim.Quota{TPM: 120_000, Window: 2 * second}, known: named, mark: 3 * second, end: 4 * second},
	}
	runAll(t, cells)
	for _, c := range cells {
		used, tolerated := c.after.used(cmp.Or(c.told, c.quota))
		t.Logf("%v: %d, %d refused; then %d, %d refused, %.1f %% used, learned %v",
			c, c.before.admitted, c.before.refused, c.after.admitted, c.after.refused, 100*used, c.learned)
		// A busy machine may be late and so use less, or count what was sent before the
		// mark after it; the server's own window has held the run to its limit.
		if used < 0.75 || used > 1.25+tolerated {
			t.Errorf("%v: %.1f %% of the quota used after %v, want 97", c, 100*used, c.mark)
		}
		if c.known == given {
			if n := c.before.refused + c.after.refused; n > 0 {
				t.Errorf("%v: %d requests were refused", c, n)
			}
			continue
		}
		if n := c.after.admitted + c.after.refused; c.after.refused > n/4 {
			t.Errorf("%v: %d of %d requests were refused after %v", c, c.after.refused, n, c.mark)
		}
		want := quota.Learned{Limit: quota.LimitRPM, Value: 1200}
		if c.quota.TPM > 0 {
			want = quota.Learned{Limit: quota.LimitTPM, Value: 120_000}
		}
		if c.before.refused == 0 || len(c.learned) != 1 || c.learned[0].Limit != want.Limit || c.learned[0].Value != want.Value {
			t.Errorf("%v: after %d refusals the run has learned %v, want %v", c, c.before.refused, c.learned, want)
		}
	}
}
