package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The input changes while a job is at work. What the job was asked is kept, also for rows that
// are gone, and what is new is asked once.
func TestBatchOfChangedInput(t *testing.T) {
	inBatchWorld(t, "shuffled", func(t *testing.T, w *batchWorld) {
		before := []string{"a", "b", "c", "d", "twin", "twin", "e"}
		w.input(before...)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		w.input("new 1", "e", "d", "twin", "c changed", "new 2", "twin", "twin") // without a and b, one more twin
		time.Sleep(time.Hour)
		w.mustRun()
		want := []string{"new 1 ok", "e ok", "d ok", "twin ok", "c changed ok", "new 2 ok", "twin ok", "twin ok"}
		if got := w.output("q", "status"); !slices.Equal(got, want) {
			t.Errorf("output %q\nwant   %q", got, want)
		}
		st := w.sim.Stats().Batches
		if st.Created != 2 || st.Jobs[0].Rows != 7 || st.Jobs[1].Rows != 4 || st.Billed != 11 || st.Doubled != 0 {
			t.Errorf("jobs %+v", st.Jobs)
		}
		w.verified("of the changed input")

		// The answers of rows that were gone are there when they come back.
		w.input(before...)
		w.mustRun()
		if got := w.output("q", "status"); len(got) != 7 || slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, " ok") }) {
			t.Errorf("output %q", got)
		}
		if n := w.sim.Stats().Batches.Created; n != 2 {
			t.Errorf("%d jobs for rows that were answered", n)
		}
	})
}

// A run that asks another endpoint says where the rows are, also if that one has no batches.
func TestBatchesAreElsewhere(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.input(lines(3)...)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		w.spec.Tier, w.spec.Endpoint = nil, "gptproto"
		before := len(w.seen)
		_, err := w.run()
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), "3 rows are in the batch job batches/") || !strings.Contains(err.Error(), "use that endpoint") {
			t.Errorf("the run ends with %v", err)
		}
		if len(w.seen) > before {
			t.Errorf("it asks %v", w.seen[before:])
		}
	})
}

// What is taken of the input, and which rows share a call, is as without batches.
func TestBatchOfPartOfInput(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.input(append(lines(30), lines(30)...)...)
		w.spec.Dedupe, w.spec.Limit = true, 10
		w.mustRun()
		w.bills("the first ten rows", "1 10 0 0")
		w.spec.Limit, w.spec.Sample = 0, 20
		w.mustRun()
		if got := w.sim.Stats().Batches; got.Created != 2 || got.Billed > 30 || got.Repeats != 0 {
			t.Errorf("a sample of 20 makes it %d rows in %d jobs", got.Billed, got.Created)
		}
		w.spec.Sample = 0
		s := w.mustRun()
		w.bills("all rows", "3 30 0 0")
		if s.Copied != 30 || len(w.output("q")) != 60 {
			t.Errorf("%d rows are copied, of %d", s.Copied, len(w.output("q")))
		}
	})
}

// Rows that ended badly are asked again only if that is asked for, and then by batch as well.
func TestBatchRetriesStatuses(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Prompt, w.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}}
		w.input("one", "two", "three [[sim:answer=none of them]]", "four [[sim:block=SAFETY]]")
		s := w.mustRun()
		if s.Run.Status[batch.OK] != 2 || s.Run.Status[batch.Invalid] != 1 || s.Run.Status[batch.Blocked] != 1 {
			t.Fatalf("rows: %v\n%s", s.Run.Status, &w.log)
		}
		first := w.sim.Stats().Batches.Created
		w.mustRun()
		if n := w.sim.Stats().Batches.Created; n != first {
			t.Errorf("the next run makes %d jobs", n-first)
		}
		w.spec.Retry = spec.List{"invalid"}
		s = w.mustRun()
		jobs := w.sim.Stats().Batches.Jobs
		if len(jobs) == first || jobs[first].Rows != 1 || s.Run.Status[batch.Invalid] != 1 || s.Run.Rows != 1 {
			t.Errorf("with --retry invalid: %v, jobs %+v", s.Run.Status, jobs[first:])
		}
		for _, j := range jobs[first:] {
			if j.Rows != 1 {
				t.Errorf("a job of %d rows", j.Rows)
			}
		}
	})
}

// Answers by a schema, of requests that are extracted, and of media: small ones go along with
// the request, and large ones by the Files API.
func TestBatchOfKinds(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Prompt, w.spec.Extract = "", &spec.Extract{
			Text:   "{{.q}}",
			Schema: spec.Schema(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}`),
		}
		w.input(lines(10)...)
		w.mustRun()
		if got := w.standing(); got != "10 ok/1" {
			t.Errorf("rows: %s", got)
		}
		for _, row := range w.output("name", "age") {
			if strings.Contains(row, "<nil>") {
				t.Errorf("a row is extracted to %s", row)
			}
		}
		w.bills("extract", "1 10 0 0")
	})
	long(t, "a picture of more than 100 MB")
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Media = spec.MediaColumns{{Column: "p"}}
		small, large := jobtest.Picture(t, 1, 8, 8), append(jobtest.Picture(t, 2, 8, 8), make([]byte, 101<<20)...)
		w.write("small.png", small)
		w.write("large.png", large)
		w.input(`{"q":"x","p":"small.png"}`, `{"q":"y","p":"large.png"}`, `{"q":"z","p":"large.png"}`)
		w.mustRun()
		if got := w.standing(); got != "3 ok/1" {
			t.Errorf("rows: %s\n%s", got, &w.log)
		}
		w.bills("media", "1 3 0 0")
		if s := w.sim.Stats(); s.UploadedBytes < int64(len(large)) || s.UploadedBytes > int64(len(large))+1<<20 {
			t.Errorf("%d bytes were uploaded, of a picture of %d", s.UploadedBytes, len(large))
		}
	})
}

// A world of the property test.
type randomWorld struct {
	rows   int
	faults string
	tiers  spec.List
	cap    price.USD // 0: none
	steps  []time.Duration
	outage [2]time.Duration // when the network goes, and for how long; 0: it stays
}

func newRandomWorld(seed uint64) randomWorld {
	r := rand.New(rand.NewPCG(seed, 16))
	pool := []string{
		"lostcreate=0.3", "create500=0.2", "create503=0.2", "refuse503=0.3", "create429:5m=0.2", "create400=0.2", "slowcreate:30s=0.5", "nofile=0.3", "processing:20s=0.5",
		"poll500=0.3", "poll503=0.3", "poll404=0.3", "pollreset=0.3", "unknownstate=0.2", "jobstate=0.5", "slowpoll:10s=0.3",
		"lateoutput:3m=0.4", "frozen", "shuffled=0.5", "inline=0.3", "twice=0.2", "foreign=0.2", "u2028=0.3", "rowcode13=0.2", "rowcode3=0.05",
		"truncated=0.3", "short=0.3", "norange", "download503=0.3", "download404=0.2", "list500=0.2", "list503=0.2", "listdelay:20s", "listpage:1", "stuck=0.3", "cancel1", "partial",
	}
	r.Shuffle(len(pool), func(i, k int) { pool[i], pool[k] = pool[k], pool[i] })
	w := randomWorld{rows: 1 + r.IntN(40), faults: strings.Join(pool[:1+r.IntN(7)], ",")}
	w.tiers = []spec.List{{"batch"}, {"batch"}, {"batch,flex"}, {"batch,flex,standard"}}[r.IntN(4)]
	if r.IntN(3) == 0 {
		w.cap = price.Dollar / 100_000 * price.USD(2+r.IntN(9))
	}
	if r.IntN(2) == 0 {
		w.outage = [2]time.Duration{time.Duration(r.IntN(1500)) * time.Second, time.Duration(r.IntN(3600)) * time.Second}
	}
	for range r.IntN(5) {
		w.steps = append(w.steps, time.Duration(r.IntN(1200))*time.Second)
	}
	return w
}

// Small worlds with faults, ladders, caps and interruptions by chance. However they go, no row
// is paid for twice, and each one ends with a result, or the run with a reason.
// GENBATCH_BATCH_WORLDS=500 tries as many.
func TestBatchWorlds(t *testing.T) {
	n := 25
	if testing.Short() {
		n = 5
	}
	if text := os.Getenv("GENBATCH_BATCH_WORLDS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	ends := map[string]int{}
	for seed := range uint64(n) {
		world := newRandomWorld(seed)
		c := sim.Config{Seed: seed + 1, Batches: sim.Batches{Faults: parsed(t, world.faults), Pending: time.Minute, Running: 10 * time.Minute}}
		inBatchWorldOf(t, c, func(t *testing.T, w *batchWorld) {
			w.input(lines(world.rows)...)
			w.spec.Tier, w.spec.MaxOutputTokens = world.tiers, 50
			if world.tiers[0] != "batch" { // a ladder
				w.spec.Deadline = "6h"
			}
			if world.cap > 0 {
				w.spec.MaxCost = world.cap.Format(8)
			}
			if world.outage[1] > 0 {
				time.AfterFunc(world.outage[0], func() { w.reach(false) })
				time.AfterFunc(world.outage[0]+world.outage[1], func() { w.reach(true) })
			}
			fail := func(format string, args ...any) {
				t.Helper()
				t.Errorf("seed %d, %+v: %s\n%s", seed, world, fmt.Sprintf(format, args...), &w.log)
			}
			for _, d := range world.steps {
				if d%2 == 0 {
					_ = w.detach() // may have nothing to leave
					time.Sleep(d)
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), d)
				j, err := Open(w.spec, w.options())
				if err != nil {
					fail("the job cannot be opened: %v", err)
				} else {
					_, _ = j.Run(ctx)
					j.Close()
				}
				cancel()
			}
			var err error
			for range 30 {
				if _, err = w.run(); err == nil {
					break
				}
				if _, ok := errors.AsType[*BudgetError](err); ok {
					break
				}
				time.Sleep(time.Hour)
			}
			end := "done"
			if err != nil {
				end = fmt.Sprintf("%T", err)
			}
			ends[end]++
			_, spent := errors.AsType[*BudgetError](err)
			if err != nil && !spent {
				fail("after 30 runs: %v", err)
			}
			if pending := strings.Contains(w.standing(), "pending"); pending != spent {
				fail("rows: %s, and the run ends with %v", w.standing(), err)
			}
			s := w.sim.Stats().Batches
			if s.Repeats > 0 || s.Doubled > 0 {
				fail("%d rows were billed twice: %+v", s.Repeats, s)
			}
			if left := slices.IndexFunc(s.Jobs, func(j batches.JobStats) bool { return j.State == "PENDING" || j.State == "RUNNING" }); left >= 0 {
				fail("the job %+v is left", s.Jobs[left])
			}
			if world.cap > 0 && w.spent() > world.cap {
				fail("$%v is spent", w.spent())
			}
			w.verified(fmt.Sprint("seed ", seed))
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d worlds: %v", n, ends)
}
