package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// What the line says of rows, percent and time left is true, or it is not said.
func TestProgressTruth(t *testing.T) {
	answered := func(n int64) jobs.Totals { return jobs.Totals{Rows: n} }
	for _, tt := range []struct {
		name  string
		p     Progress
		begin string // of the line
		never string
	}{
		{"a new job", Progress{Progress: &jobs.Progress{Run: answered(100)}, Total: 400, RowRate: 10}, "100/400 rows (25 %)  about 30s left  10/s", ""},
		{"rows not counted yet", Progress{Progress: &jobs.Progress{Run: answered(100)}, RowRate: 10}, "100 rows  10/s", "left"},
		{"after a resume: settled rows lie ahead", Progress{
			Progress: &jobs.Progress{Read: 50, Settled: 9, Run: answered(41)}, Total: 3000, RowRate: 10,
			Survey: &jobs.Survey{Rows: 3000, Asked: 2200, Complete: true},
		}, "841/3,000 rows (28 %)  about 3m40s left", ""},
		{"after a resume that takes long to survey", Progress{
			Progress: &jobs.Progress{Read: 50, Settled: 9, Run: answered(41)}, Total: 3000, RowRate: 10, Survey: &jobs.Survey{},
		}, "50/3,000 rows  10/s", "left"},
		{"the same at the end of the input", Progress{
			Progress: &jobs.Progress{Read: 3000, Settled: 2000, Run: answered(500)}, Total: 3000, RowRate: 10, Survey: &jobs.Survey{},
		}, "2,500/3,000 rows (83 %)  about 50s left", ""},
		{"almost done is not done", Progress{Progress: &jobs.Progress{Run: answered(9999)}, Total: 10000, RowRate: 10}, "9,999/10,000 rows (99 %)", ""},
		{"under a limit", Progress{
			Progress: &jobs.Progress{Run: answered(10), Quota: quota.State{Limit: quota.LimitRPM, Value: 60, Waiting: 3}}, Total: 310, RowRate: 50,
		}, "10/310 rows (3 %)  about 5m0s left", ""},
		{"under a quota of the day", Progress{
			Progress: &jobs.Progress{Run: answered(10)}, Total: 310, RowRate: 50,
			Least: func(rows int64) time.Duration { return time.Duration(rows) * time.Hour / 4 },
		}, "10/310 rows (3 %)  about 3.1 days left", ""},
		{"in a pause", Progress{
			Progress: &jobs.Progress{Run: answered(10), Quota: quota.State{Limit: quota.LimitPause, Waiting: 3}}, Total: 12, RowRate: 1,
		}, "10/12 rows (83 %)  1.0/s", "left"},
		{"when it was paused", Progress{
			Progress: &jobs.Progress{Run: answered(10), PausedSince: time.Now()}, Total: 12, RowRate: 1,
		}, "10/12 rows (83 %)  1.0/s", "left"},
		{"when the quota of the day is used up", Progress{
			Progress: &jobs.Progress{Run: answered(10), Quota: quota.State{Limit: quota.LimitRPD, Waiting: 3}}, Total: 12, RowRate: 1,
		}, "10/12 rows (83 %)  1.0/s", "left"},
		{"the last rows wait for their next attempt", Progress{Progress: &jobs.Progress{Run: answered(10), Waiting: 2}, Total: 12, RowRate: 1}, "10/12 rows (83 %)  1.0/s", "left"},
		{"no answer yet", Progress{Progress: &jobs.Progress{Calls: 4}, Total: 12}, "0/12 rows (0 %)  0.0/s", "left"},
		{"a crawl", Progress{Progress: &jobs.Progress{Run: answered(1)}, Total: 1e12, RowRate: 0.001}, "1/1,000,000,000,000 rows (0 %)  0.0/s", "left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.p.String()
			if !strings.HasPrefix(got, tt.begin) || tt.never != "" && strings.Contains(got, tt.never) {
				t.Errorf("the line is %q, want it to begin with %q and never to say %q", got, tt.begin, tt.never)
			}
		})
	}
}

// A narrow terminal gets fewer figures, and never the half of one.
// A number that is not known is null in JSON, since 0 is a number too.
func TestUnknownIsNull(t *testing.T) {
	text, err := json.Marshal(Progress{Progress: &jobs.Progress{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"total", "share", "eta_seconds", "value", "since", "age_seconds", "next_seconds"} {
		if !strings.Contains(string(text), `"`+name+`":null`) {
			t.Errorf("%s is not null in %s", name, text)
		}
	}
}

func TestProgressFit(t *testing.T) {
	p := Progress{Progress: &jobs.Progress{Run: jobs.Totals{Rows: 1234}}, Total: 5678, RowRate: 12}
	for columns, want := range map[int]string{
		10: "", 26: "1,234/5,678 rows (21 %)", 48: "1,234/5,678 rows (21 %)  about 6m10s left  12/s",
		52: "1,234/5,678 rows (21 %)  about 6m10s left  12/s", 200: p.String(),
	} {
		if got := p.Fit(columns); got != want {
			t.Errorf("in %d columns: %q, want %q", columns, got, want)
		}
	}
}

// A server may name models as it likes: names are cut, and the list of them ends.
func TestForeignNames(t *testing.T) {
	totals := jobs.Totals{Rows: 1}
	name := "m\x1b[31m" + strings.Repeat("x", 100_000)
	for range 3000 {
		totals.Models = append(totals.Models, jobs.ModelTotals{Model: name, Calls: 1})
	}
	s := Summary{Summary: &jobs.Summary{Run: totals}}
	if text := s.String(); len(text) > 10_000 || strings.Contains(text, "\x1b") {
		t.Errorf("the summary has %d bytes: %.200q", len(text), text)
	}
	text, err := s.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 3000*1000 {
		t.Errorf("the JSON has %d bytes", len(text))
	}
}

// The bound of what attempts may have cost that never said it stands beside what is likely.
func TestUnreported(t *testing.T) {
	totals := aRun()
	totals.Models[0].Cost, totals.Models[0].Calls = 4_000_000, 4
	totals.Unreported, totals.UnreportedMost = 3, 118_000_000_000_000
	want := "3 attempts cut before it was known what was used, and possibly billed as well: " +
		"likely about $0.0000030 if so, as much as answers cost on average; the bound, if each made the longest answer that it could, is $118.00"
	if got := Unreported(totals); got != want {
		t.Errorf("the text is\n%s\nwant\n%s", got, want)
	}
	totals.Models = nil
	if got := Unreported(totals); strings.Contains(got, "likely") {
		t.Errorf("without an answer nothing is likely: %s", got)
	}
}

// The words for exit code 3 say which rows the same command asks again.
func TestNotOK(t *testing.T) {
	for want, status := range map[string]map[batch.Status]int64{
		"1 of 9 rows is not ok: 1 failed (see the column error). The same command asks the failed rows again.": {batch.OK: 8, batch.Failed: 1},
		"3 of 9 rows are not ok: 2 blocked, 1 skipped (see the column error). Rows that are blocked are asked again with --retry blocked. Skipped rows are asked once the input is mended.": {
			batch.OK: 6, batch.Blocked: 2, batch.Skipped: 1,
		},
	} {
		if got := NotOK(&jobs.Summary{Job: &jobs.Totals{Rows: 9, Status: status}}); got != want {
			t.Errorf("the text is\n%s\nwant\n%s", got, want)
		}
	}
}

// What a run was told to do is said in the place of what it waits for.
func TestWaiting(t *testing.T) {
	at := time.Date(2026, 11, 29, 18, 5, 0, 0, time.Local)
	waits := quota.State{Limit: quota.LimitRPM, Value: 60, InFlight: 3}
	for want, p := range map[string]jobs.Progress{
		"waiting: 60 rpm, 3 in flight, oldest 0 s":                          {Calls: 3, Quota: waits},
		"paused since 18:05:00, until genbatch ctl JOB resume; 3 in flight": {Calls: 3, Quota: waits, PausedSince: at},
		"stopping on request: calls in flight finish; 3 in flight":          {Calls: 3, Quota: waits, PausedSince: at, Stopping: true},
	} {
		shown := Progress{Progress: &p}
		if got := shown.Waiting(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		text, err := json.Marshal(shown)
		if err != nil || !p.PausedSince.IsZero() != strings.Contains(string(text), `"paused_since":"2`) || p.Stopping != strings.Contains(string(text), `"stopping":true`) {
			t.Errorf("%v, %s", err, text)
		}
	}
}
