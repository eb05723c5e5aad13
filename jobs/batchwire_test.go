package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// What breaks on the wire, over HTTP and on a real clock: connections that are cut before a
// reply or within one, and replies that are longer or shorter than they should be.
func TestBatchFaultsOverHTTP(t *testing.T) {
	for _, faults := range []string{
		"", "lostcreate@1", "create500@1", "pollreset=0.5", "poll503=0.5", "truncated@1", "short@1", "norange", "download503@1",
		"bigline:3000000@10", "inline", "inline,shuffled", "u2028", "processing:50ms", "nofile@1", "slowpoll:100ms=0.5",
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			server, _ := listening(t, f.dir, sim.Config{Batches: sim.Batches{Faults: parsed(t, faults), Pending: 20 * time.Millisecond, Running: 50 * time.Millisecond}})
			f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth, f.spec.Tier = "sim", server.URL, "", spec.List{"batch"}
			f.input(lines(12)...)
			s, log, err := f.runLogged()
			if err != nil || s.Run.Status[batch.OK] != 12 {
				t.Fatalf("%v: %+v\n%s", err, s, log)
			}
			if st := server.Stats().Batches; st.Created != 1 || st.Billed != 12 || st.Repeats != 0 {
				t.Errorf("the ledger has %+v\n%s", st, log)
			}
			f.verified("over HTTP")
		})
	}
}

// While the endpoint takes no further job, what it has goes on, and what waits is sent later.
func TestBatchLimitedGoesOn(t *testing.T) {
	inBatchWorld(t, "create429:20m@2", func(t *testing.T, w *batchWorld) {
		w.spec.Set = map[string]string{"model": "{{.m}}"}
		var rows []string
		for i := range 30 {
			rows = append(rows, fmt.Sprintf(`{"q":"row %d","m":%q}`, i, []string{"gemini-2.5-flash-lite", "gemini-2.5-flash", "gemini-2.5-pro"}[i%3]))
		}
		w.input(rows...)
		w.mustRun()
		w.bills("in the end", "3 30 0 0")
		if first := w.of("download")[0].at.Sub(bubbleBegin); first > 14*time.Minute {
			t.Errorf("the first job is collected after %v", first)
		}
		if n := w.count("create"); n > 8 {
			t.Errorf("%d creations", n)
		}
	})
}

// Once nothing of a job is at work any more, an endpoint that takes no further job for an hour
// ends the run, or has the next tier asked.
func TestBatchLimitedForGood(t *testing.T) {
	for _, tt := range []struct{ tiers, rows, bill string }{
		{"batch", "15 ok/1, 15 pending", "1 15 0 0"},
		{"batch,flex", "30 ok/1", "1 15 15 0"},
	} {
		inBatchWorld(t, "create429:1000h@2", func(t *testing.T, w *batchWorld) {
			w.spec.Tier, w.spec.Set = spec.List{tt.tiers}, map[string]string{"model": "{{.m}}"}
			var rows []string
			for i := range 30 {
				rows = append(rows, fmt.Sprintf(`{"q":"row %d","m":%q}`, i, []string{"gemini-2.5-flash-lite", "gemini-2.5-flash"}[i%2]))
			}
			w.input(rows...)
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			j, err := Open(w.spec, w.options())
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			_, err = j.Run(ctx)
			if stop := (*batch.StopError)(nil); errors.As(err, &stop) != (tt.tiers == "batch") {
				t.Errorf("%s: the run ends with %v", tt.tiers, err)
			}
			if took := time.Since(bubbleBegin); took > 2*time.Hour {
				t.Errorf("%s: the run ends after %v", tt.tiers, took)
			}
			if got := w.standing(); got != tt.rows {
				t.Errorf("%s: rows: %s, want %s", tt.tiers, got, tt.rows)
			}
			w.bills(tt.tiers, tt.bill)
		})
	}
}

// A job that the endpoint lists only after its rows were given up is ended when it is seen.
func TestBatchListedAfterItWasGivenUp(t *testing.T) {
	c := sim.Config{Batches: sim.Batches{Faults: parsed(t, "lostcreate@1,listdelay:5m"), Pending: time.Hour, Running: time.Hour}}
	inBatchWorldOf(t, c, func(t *testing.T, w *batchWorld) {
		w.input(lines(12)...)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		j, err := Open(w.spec, w.options())
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Run(ctx)
		j.Close()
		if !errors.Is(err, batch.ErrInterrupted) {
			t.Fatalf("the run ends with %v", err)
		}
		if _, err := Cancel(t.Context(), w.spec, w.options()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		w.mustRun()
		w.warned("after all, whose rows were to be asked otherwise")
		w.bills("with a job that came late", "2 12 0 0")
		if first := w.sim.Stats().Batches.Jobs[0]; first.State != "CANCELLED" {
			t.Errorf("the job that came late is %s", first.State)
		}
	})
}

// What batches cannot answer goes on to the next tier of a ladder: each row is asked once in a
// batch, and the rows of a job that fails are not sent to a second one.
func TestBatchLeavesToNextTier(t *testing.T) {
	for _, tt := range []struct {
		faults, tiers, bill string
		maybe               int64
	}{
		{"failed", "12 flex", "1 0 12 0", 12},
		{"expired", "12 flex", "1 0 12 0", 12},
		{"stuck", "12 flex", "3 0 12 0", 0}, // nobody has asked them: three jobs, and no more
		{"rowcode13@3", "11 batch, 1 flex", "1 11 1 0", 0},
		{"missing@3", "11 batch, 1 flex", "1 12 1 1", 1},
		{"failed,partial", "6 batch, 6 flex", "1 6 6 0", 6},
	} {
		inBatchWorld(t, tt.faults, func(t *testing.T, w *batchWorld) {
			w.spec.Tier = spec.List{"batch,flex"}
			w.input(lines(12)...)
			s := w.mustRun()
			if got := tiers(s); got != tt.tiers || s.Run.Status[batch.OK] != 12 || s.Job.Unreported != tt.maybe {
				t.Errorf("%s: the tiers are %s, want %s; %d calls may have been billed, want %d\n%s", tt.faults, got, tt.tiers, s.Job.Unreported, tt.maybe, &w.log)
			}
			w.bills(tt.faults, tt.bill)
		})
	}
}

// A limit of failed rows counts rows that have ended, and their share only when it means
// something.
func TestBatchMaxFailures(t *testing.T) {
	inBatchWorld(t, "rowcode13@1", func(t *testing.T, w *batchWorld) {
		w.spec.MaxFailures = "10%"
		w.input("one")
		w.mustRun()
		if got := w.standing(); got != "1 failed/6" {
			t.Errorf("rows: %s", got)
		}
	})
	inBatchWorld(t, "rowcode3=0.5", func(t *testing.T, w *batchWorld) {
		w.spec.MaxFailures = "10%"
		w.input(lines(100)...)
		if _, err := w.run(); !errors.Is(err, batch.ErrMaxFailures) {
			t.Errorf("half of the rows are rejected, and the run ends with %v", err)
		}
	})
}

// A request that cannot be in a batch goes by the next tier, or is refused by name.
func TestBatchUnfitRows(t *testing.T) {
	for _, tiers := range []spec.List{{"batch"}, {"batch,flex"}} {
		inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
			w.spec.Prompt, w.spec.Raw, w.spec.Tier, w.spec.NoPreflight = "", &spec.Raw{}, tiers, true
			w.input(
				`{"key":"a","request":{"contents":[{"role":"user","parts":[{"text":"x"}]}]}}`,
				`{"key":"b","request":{"contents":[{"role":"user","parts":[{"text":"y"}]}],"systemInstruction":{"parts":[{"text":""}]}}}`,
			)
			s := w.mustRun()
			if w.sim.Stats().Batches.Billed != 1 {
				t.Errorf("%v: %+v", tiers, w.sim.Stats().Batches)
			}
			got := strings.Join(w.output("key", "status", "service_tier", "error"), "\n")
			if len(tiers) > 0 && tiers[0] == "batch" {
				if !strings.Contains(got, "b failed") || !strings.Contains(got, "cannot be asked in a batch: the system instruction is empty; --tier batch,flex asks such rows in single calls") {
					t.Errorf("%v: %s", tiers, got)
				}
			} else if s.Run.Attempts != 2 || !strings.Contains(got, "b ") || strings.Contains(got, "cannot be asked in a batch") {
				t.Errorf("%v: %s", tiers, got)
			}
		})
	}
}
