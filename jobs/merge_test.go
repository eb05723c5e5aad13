package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// shard runs one shard of the fixture's job.
func (f *fixture) shard(o Options, index, count int) (*Summary, error) {
	f.t.Helper()
	s := f.spec
	s.Shard = fmt.Sprintf("%d/%d", index, count)
	j, err := Open(s, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Run(f.t.Context())
}

// shards runs all shards of the fixture's job.
func (f *fixture) shards(o Options, count int) {
	f.t.Helper()
	for index := 1; index <= count; index++ {
		if _, err := f.shard(o, index, count); err != nil {
			f.t.Fatalf("shard %d of %d: %v", index, count, err)
		}
	}
}

func (f *fixture) merge(m Merging) (*Merged, error) {
	return Merge(f.t.Context(), f.spec, Options{Env: noEnv}, m)
}

func (f *fixture) mustMerge() *Merged {
	f.t.Helper()
	m, err := f.merge(Merging{})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// shardsSpent is what the journals of the shards say that the job cost.
func (f *fixture) shardsSpent(count int) (all price.USD) {
	f.t.Helper()
	whole := f.spec
	defer func() { f.spec = whole }()
	for index := 1; index <= count; index++ {
		f.spec.Shard = fmt.Sprintf("%d/%d", index, count)
		all += f.spent()
	}
	return all
}

// troubled is an endpoint's reply that differs by the prompt: some rows always fail, some are
// blocked when they are asked first, and some answers are long.
func troubled(prompt string, n int) (int, string) {
	switch {
	case strings.Contains(prompt, "fails"):
		return 500, `{"error":{"code":500,"message":"it is broken","status":"INTERNAL"}}`
	case strings.Contains(prompt, "blocked") && n == 1:
		return 200, `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":100,"totalTokenCount":100},"modelVersion":"gemini-2.5-flash-lite","responseId":"b"}`
	case strings.Contains(prompt, "long"):
		return 200, jobtest.AnswerBody(strings.Repeat(prompt+" ", 100))
	}
	return 200, jobtest.AnswerBody("answer to " + prompt)
}

// A job that is run in shards and merged has the output, byte for byte, the bill and the totals that
// it has if one process runs it. So it is with rows that are alike, bad, failed, blocked or asked
// again, and with answers in blobs.
func TestMergeIsAsOneRun(t *testing.T) {
	var rows []string
	for i := range 90 {
		switch {
		case i%17 == 3:
			rows = append(rows, `{"q": broken`)
		case i%13 == 4:
			rows = append(rows, fmt.Sprintf("row %d fails", i))
		case i%11 == 5:
			rows = append(rows, fmt.Sprintf("row %d is blocked at first", i))
		case i%7 == 6:
			rows = append(rows, fmt.Sprintf("row %d is long", i))
		case i%5 == 1:
			rows = append(rows, "the same row") // in each shard
		default:
			rows = append(rows, fmt.Sprintf("row %d", i))
		}
	}
	for output, counts := range map[string][]int{"out.csv": {1, 8}, "out.jsonl": {3, 95}} {
		for _, count := range counts {
			t.Run(fmt.Sprintf("%s in %d", output, count), func(t *testing.T) {
				outputs, asParquet := make([][]byte, 2), make([]string, 2)
				in := filepath.Join(t.TempDir(), "in.jsonl") // which the errors of bad rows name
				spent := make([]price.USD, 2)
				totals := make([]string, 2)
				for way := range 2 {
					f := newFixture(t)
					f.spec.Output, f.spec.RawResponse, f.spec.MaxAttempts = filepath.Join(f.dir, output), true, 2
					f.e.Reply = troubled
					echo := f.handler
					f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						time.Sleep(7 * time.Millisecond)
						echo.ServeHTTP(w, r)
					})
					f.spec.Input = spec.List{in}
					f.input(rows...)
					f.inBubble(func(t *testing.T) {
						o := f.options()
						o.blobBytes, o.segmentBytes = 2000, 5000
						var s *Summary
						for _, retry := range []spec.List{nil, {"blocked"}} {
							f.spec.Retry = retry
							if way == 1 {
								f.shards(o, count)
								continue
							}
							var err error
							if s, err = f.runWith(o); err != nil {
								t.Fatal(err)
							}
						}
						if way == 1 {
							before := f.shardsSpent(count)
							m, err := Merge(t.Context(), f.spec, o, Merging{})
							if err != nil {
								t.Fatal(err)
							}
							s = m.Summary
							if after := f.spent(); after != before {
								t.Errorf("the shards cost %v, and the merged job %v", before, after)
							}
						}
						f.verified("the whole")
						text, err := os.ReadFile(f.spec.Output)
						if err != nil {
							t.Fatal(err)
						}
						outputs[way], spent[way] = text, f.spent()
						s.Job.Saved = 0
						totals[way] = fmt.Sprintf("%+v", s.Job.Share()) + fmt.Sprint(s.Job.Rows, s.Job.Status, s.Job.Problems, s.Job.Attempts, s.Job.Retries)
						f.e.Requests()
						if again := f.mustRun(); again.Run.Rows != 7 {
							t.Errorf("a run after it asks %d rows, want the 7 that failed", again.Run.Rows)
						}
						for _, prompt := range f.e.Requests() {
							if !strings.Contains(prompt, "fails") {
								t.Errorf("a run after it asks %q", prompt)
							}
						}
					})
					// Not in the bubble, since the encoder has goroutines of its own.
					path := filepath.Join(f.dir, "out.parquet")
					j, err := View(f.spec, Options{Env: noEnv})
					if err != nil {
						t.Fatal(err)
					}
					if _, err = j.Export(path, "parquet", nil, false); err != nil {
						t.Fatal(err)
					}
					j.Close()
					asParquet[way] = contentOf(t, path)
				}
				if len(outputs[0]) < 5000 || !bytes.Equal(outputs[0], outputs[1]) {
					t.Errorf("the outputs differ:\n%.2000s\n\n%.2000s", outputs[0], outputs[1])
				}
				if asParquet[0] != asParquet[1] {
					t.Error("the outputs in Parquet differ")
				}
				if spent[0] != spent[1] || totals[0] != totals[1] {
					t.Errorf("one run cost %v and has %s; merged %v and %s", spent[0], totals[0], spent[1], totals[1])
				}
			})
		}
	}
}

// Merging again, and going on after a merge that was broken off, changes nothing.
func TestMergeAgain(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = troubled
	f.spec.MaxAttempts = 1
	f.input(append(lines(40), "row is blocked at first", "row fails", "the same", "the same")...)
	f.shards(f.options(), 3)
	f.spec.Retry = spec.List{"blocked"}
	f.shards(f.options(), 3)
	first := f.mustMerge()
	if first.Known != 0 || first.Results != 40+2+2+2 {
		t.Errorf("%d results were taken over, and %d were there", first.Results, first.Known)
	}
	before, journalBefore := contentOf(t, f.spec.Output), journalOf(t, f.spec.StateDir())
	for range 2 {
		again := f.mustMerge()
		if again.Results != 0 || again.Known != first.Results || !again.Unchanged {
			t.Errorf("merged again, %d results were taken over, %d were there, unchanged %t", again.Results, again.Known, again.Unchanged)
		}
	}
	if contentOf(t, f.spec.Output) != before || journalOf(t, f.spec.StateDir()) != journalBefore {
		t.Error("merging again has changed something")
	}

	// A merge that was broken off has taken over some results, with a torn line at the end.
	at := strings.Index(journalBefore[len(journalBefore)/2:], "\n") + len(journalBefore)/2 + 20
	if err := os.WriteFile(filepath.Join(f.spec.StateDir(), "results-000001.jsonl"), []byte(journalBefore[:at]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manifest.json", "next.json"} {
		os.Remove(filepath.Join(f.spec.StateDir(), name))
	}
	os.Remove(f.spec.Output)
	os.Remove(filepath.Join(spec.ShardsDir(f.spec.StateDir()), "merged.json"))
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "merge the shards first") {
		t.Errorf("a run before the merge is whole: %v", err)
	}
	m := f.mustMerge()
	if m.Results+m.Known != first.Results || m.Known == 0 || m.Results == 0 {
		t.Errorf("of %d results, %d were taken over, and %d were there", first.Results, m.Results, m.Known)
	}
	if contentOf(t, f.spec.Output) != before {
		t.Error("the output is another one")
	}
	f.verified("carried on")

	// Nor does it change the answers of a run that came after it.
	f.e.Answer()
	if s := f.mustRun(); s.Run.Rows != 1 {
		t.Fatalf("the run asks %d rows", s.Run.Rows)
	}
	after := contentOf(t, f.spec.Output)
	f.mustMerge()
	if got := contentOf(t, f.spec.Output); got != after {
		t.Errorf("merging has undone what a run has answered:\n%s", got)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func journalOf(t *testing.T, dir string) string {
	t.Helper()
	return contentOf(t, filepath.Join(dir, "results-000001.jsonl"))
}

// Each row of a shard has one result in the whole job's journal, with the row's number there, and
// rows that are alike are told apart as in the whole input.
func TestMergeNumbers(t *testing.T) {
	f := newFixture(t)
	f.input("same", "a", "same", "b", "same", "c", "same", "d")
	f.shards(f.options(), 4)
	f.mustMerge()
	jl, err := journal.Open(journal.Config{Dir: f.spec.StateDir(), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer jl.Close()
	var got []string
	for r, err := range jl.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Row, " ", r.Occurrence))
	}
	slices.Sort(got)
	if want := []string{"1 0", "2 0", "3 1", "4 0", "5 2", "6 0", "7 3", "8 0"}; !slices.Equal(got, want) {
		t.Errorf("rows and occurrences are %q, want %q", got, want)
	}
}

// What shards have asked that is in the input no more was paid for, and is taken over as well.
func TestMergeOrphans(t *testing.T) {
	f := newFixture(t)
	f.input("old", "old", "a", "b", "old", "c")
	f.shards(f.options(), 3)
	f.input("a", "b", "cc", "d")
	again := f.options()
	again.Confirm = func(string) bool { return true }
	f.shards(again, 3)
	before := f.shardsSpent(3)
	m := f.mustMerge()
	if got := f.spent(); got != before {
		t.Errorf("the shards cost %v, and the merged job %v", before, got)
	}
	if again := f.mustMerge(); again.Results != 0 || again.Known != m.Results {
		t.Errorf("merged again: %d results, %d known, want none and %d", again.Results, again.Known, m.Results)
	}
	// The answers are found where the rows come back.
	f.input("a", "b", "cc", "d", "old", "old", "old")
	f.e.Requests()
	f.mustRun()
	if asked := f.e.Requests(); len(asked) > 0 {
		t.Errorf("rows that came back are asked again: %q", asked)
	}
}

// A merge says what is missing, and how to go on. It changes nothing then.
func TestMergeRefuses(t *testing.T) {
	refused := func(f *fixture, m Merging, want ...string) error {
		f.t.Helper()
		_, err := f.merge(m)
		if err == nil {
			f.t.Fatalf("it is merged, and should not: %q", want)
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				f.t.Errorf("%v\nsays nothing of: %s", err, text)
			}
		}
		if _, err := os.Stat(f.spec.Output); err == nil {
			f.t.Error("there is an output")
		}
		return err
	}
	t.Run("no shards", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		refused(f, Merging{}, "has no shards; run each of them first")
	})
	t.Run("missing and unfinished", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 1) // of another number
		if _, err := f.shard(f.options(), 1, 3); err == nil || !strings.Contains(err.Error(), "begun in 1 shards and not in 3") {
			t.Errorf("shards of another number: %v", err)
		}
		os.RemoveAll(f.spec.StateDir())
		if _, err := f.shard(f.options(), 1, 3); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := f.spec
		s.Shard, s.Concurrency = "3/3", 1
		f.e.Reply = func(prompt string, _ int) (int, string) {
			if prompt == "row 7" {
				cancel()
			}
			return 200, jobtest.AnswerBody(prompt)
		}
		j, err := Open(s, f.options())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(ctx); !errors.Is(err, batch.ErrInterrupted) {
			t.Fatal(err)
		}
		j.Close()
		err = refused(f, Merging{}, "shard 2/3 is missing", "shard 3/3 has 1 row without a result", "run the job with --shard 2/3")
		if _, ok := errors.AsType[*UnfinishedError](err); !ok {
			t.Errorf("it is a %T", err)
		}
		refused(f, Merging{Count: 5}, "has no shards of 5; leave --shards out, or say 3")
	})
	t.Run("running", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		s := f.spec
		s.Shard = "2/2"
		j, err := Open(s, f.options())
		if err != nil {
			t.Fatal(err)
		}
		err = refused(f, Merging{}, "shard 2/2 is running, as process", "merge them when all have ended")
		if _, ok := errors.AsType[*LockedError](err); !ok {
			t.Errorf("it is a %T", err)
		}
		j.Close()
	})
	t.Run("other job", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		f.spec.Prompt = "Say {{.q}}"
		refused(f, Merging{}, "shard 1/2 asked another model, prompt or request than the job does now; run the job with --shard 1/2")
	})
	t.Run("other input", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		f.input(lines(10)...)
		refused(f, Merging{}, "shard 1/2 had another input", "in.jsonl with 126 bytes, and now there is", "merge them with the input that they had")
		f.e.Requests()
		if _, err := f.shard(f.options(), 2, 2); err == nil || !strings.Contains(err.Error(), "was begun with another input") || len(f.e.Requests()) > 0 {
			t.Errorf("a shard whose rows have moved asks unasked: %v", err)
		}
		o := f.options()
		o.Confirm = func(string) bool { return true }
		for i := 1; i <= 2; i++ {
			if _, err := f.shard(o, i, 2); err != nil {
				t.Fatal(err)
			}
		}
		f.mustMerge()
	})
	t.Run("input of another content", func(t *testing.T) {
		f := newFixture(t)
		f.input("row 1", "row 2", "row 3", "row 4")
		f.shards(f.options(), 2)
		f.input("row 1", "row 2", "row 3", "row 5")
		refused(f, Merging{}, "shard 2/2 has 1 row without a result")
	})
	t.Run("other input after a merge", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		f.mustMerge()
		f.input(lines(12)...)
		os.Remove(f.spec.Output)
		refused(f, Merging{}, "shards were merged already", "run the job without --shard: it asks only rows that are new or changed")
		f.e.Requests()
		if _, err := f.shard(f.options(), 2, 2); err == nil || !strings.Contains(err.Error(), "were merged") || len(f.e.Requests()) > 0 {
			t.Errorf("a shard asks after the merge: %v", err)
		}
		f.mustRun()
		if asked := f.e.Requests(); len(asked) != 3 {
			t.Errorf("a run asks %q", asked)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		path := filepath.Join(f.spec.StateDir(), "shards", "2-of-2", "results-000001.jsonl")
		text := contentOf(t, path)
		broken := strings.Replace(text, `"row":2`, `"row":3`, 1)
		if broken == text || os.WriteFile(path, []byte(broken), 0o600) != nil {
			t.Fatal("the journal is not damaged")
		}
		var log bytes.Buffer
		_, err := Merge(t.Context(), f.spec, Options{Env: noEnv, Log: slog.New(slog.NewTextHandler(&log, nil))}, Merging{})
		if err == nil || !strings.Contains(err.Error(), "shard 2/2 has 1 row without a result") || !strings.Contains(log.String(), "the journal of shard 2/2 is damaged") {
			t.Errorf("%v, %s", err, log.String())
		}
		f.shards(f.options(), 2)
		f.mustMerge()
	})
	t.Run("foreign output", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.shards(f.options(), 2)
		jobtest.WriteFile(t, f.dir, "out.jsonl", []byte("mine\n"))
		if _, err := f.merge(Merging{}); err == nil || !strings.Contains(err.Error(), "--force") {
			t.Errorf("the file of another is replaced: %v", err)
		}
		if journalThere := journalExists(f.spec.StateDir()); journalThere {
			t.Error("results were taken over")
		}
		f.spec.Force = true
		f.mustMerge()
	})
	t.Run("whole job begun", func(t *testing.T) {
		f := newFixture(t)
		f.input(lines(9)...)
		f.mustRun()
		if _, err := f.shard(f.options(), 1, 2); err == nil || !strings.Contains(err.Error(), "begun without shards") {
			t.Errorf("a shard of a job that has run: %v", err)
		}
	})
}

func journalExists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "results-000001.jsonl"))
	return err == nil
}

// Rows of shards share calls, also in blobs, and the shares add up as in one run.
func TestMergePacks(t *testing.T) {
	for _, blobs := range []int{0, 300} {
		var outputs [2]string
		for way := range 2 {
			f := newPacks(t, 5)
			f.spec.Concurrency, f.spec.Columns = 1, spec.List{"q", "label", "status", "attempts"} // which row has the last token, chance decides
			rows := notes(90)
			for i := range rows {
				rows[i] = fmt.Sprintf("%-40s", rows[i]) // so that each shard has thirty rows, which are six calls
			}
			f.input(rows...)
			o := f.options()
			o.blobBytes = blobs
			if way == 0 {
				if _, err := f.runWith(o); err != nil {
					t.Fatal(err)
				}
			} else {
				f.shards(o, 3)
				before := f.shardsSpent(3)
				if _, err := Merge(t.Context(), f.spec, o, Merging{}); err != nil {
					t.Fatal(err)
				}
				if after := f.spent(); after != before {
					t.Errorf("the shards cost %v, and the merged job %v", before, after)
				}
			}
			if calls := len(f.called()); calls != 18 {
				t.Errorf("%d calls, want 18", calls)
			}
			f.verified("packs")
			outputs[way] = contentOf(t, f.spec.Output)
		}
		if outputs[0] != outputs[1] {
			t.Errorf("the outputs differ:\n%s\n%s", outputs[0], outputs[1])
		}
	}
}

// Batch jobs of shards are merged as calls are.
func TestMergeBatches(t *testing.T) {
	inBatchWorldOf(t, sim.Config{Batches: sim.Batches{Pending: time.Minute, Running: 10 * time.Minute}}, func(t *testing.T, w *batchWorld) {
		w.spec.Columns = spec.List{"q", "response", "status", "cost_usd", "output_tokens", "attempts"}
		w.input(append(lines(60), "same", "same", "same")...)
		w.spec.Output = filepath.Join(w.dir, "one.jsonl")
		one, err := w.runWith(w.options())
		if err != nil {
			t.Fatal(err)
		}
		w.spec.Output = filepath.Join(w.dir, "merged.jsonl")
		w.shards(w.options(), 3)
		before := w.shardsSpent(3)
		m := w.mustMerge()
		if got := w.spent(); got != before || m.Job.Share() != one.Job.Share() {
			t.Errorf("the shards cost %v, the merged job %v (%+v), and one run %+v", before, got, m.Job.Share(), one.Job.Share())
		}
		if a, b := contentOf(t, filepath.Join(w.dir, "one.jsonl")), contentOf(t, w.spec.Output); a != b {
			t.Errorf("the outputs differ:\n%s\n%s", a, b)
		}
		w.verified("batches")
	})
}

// Identical rows share a call within a shard, and each row has its answer after the merge.
func TestMergeCopies(t *testing.T) {
	f := newFixture(t)
	f.spec.Dedupe = true
	f.input("same", "a", "same", "b", "same", "same")
	f.shards(f.options(), 2)
	f.mustMerge()
	if got, want := f.output("q", "response", "status"), []string{"same same ok", "a a ok", "same same ok", "b b ok", "same same ok", "same same ok"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	f.verified("copies")
	f.e.Requests()
	f.mustRun()
	if asked := f.e.Requests(); len(asked) > 0 {
		t.Errorf("asked again: %q", asked)
	}
}

// A shard holds its part of the cap, and the whole job's is kept by all together.
func TestShardHoldsItsPartOfTheCap(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxOutputTokens, f.spec.Concurrency = 10, 1
	f.input(lines(40)...)
	// A row costs 100 tokens at $0.10 and 10 at $0.40 a million.
	f.spec.MaxCost = "0.000280" // of 20 rows
	var spent price.USD
	for index := 1; index <= 4; index++ {
		s, err := f.shard(f.options(), index, 4)
		if _, ok := errors.AsType[*BudgetError](err); !ok {
			t.Fatalf("shard %d: %v", index, err)
		}
		cost, _ := s.Run.CostUSD()
		if spent += cost; cost > 70*price.Dollar/1_000_000 {
			t.Errorf("shard %d has cost %v", index, cost)
		}
	}
	if spent > 280*price.Dollar/1_000_000 || spent < 200*price.Dollar/1_000_000 {
		t.Errorf("all shards have cost %v", spent)
	}
}

// A shard and the whole job do not run at the same time, whichever begins first.
func TestShardBesideWhole(t *testing.T) {
	f := newFixture(t)
	f.input(lines(9)...)
	part := f.spec
	part.Shard = "2/2"
	for _, order := range [][2]spec.Spec{{f.spec, part}, {part, f.spec}} {
		first, err := Open(order[0], f.options())
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(order[1], f.options())
		if locked, ok := errors.AsType[*LockedError](err); !ok || locked.Owner.PID != os.Getpid() || filepath.Dir(locked.Path) != order[0].StateDir() {
			t.Errorf("both are open: %v", err)
		}
		first.Close()
	}
}

// A shard stands for its rows alone, and a whole job that was run in shards says so.
func TestShardStatus(t *testing.T) {
	f := newFixture(t)
	f.input(lines(40)...)
	f.e.Reply = troubled
	if _, err := f.shard(f.options(), 2, 4); err != nil {
		t.Fatal(err)
	}
	part, err := ReadStatus(filepath.Join(f.spec.StateDir(), "shards", "2-of-4"))
	if err != nil {
		t.Fatal(err)
	}
	if part.Shard != "2/4" || !part.Finished || part.Input.Rows != 10 || part.Input.Left != 0 || part.Shards != nil {
		t.Errorf("the shard: %+v, %+v", part, part.Input)
	}
	whole, err := ReadStatus(f.spec.StateDir()) // no run has left its job there
	if err != nil {
		t.Fatal(err)
	}
	if whole.Input.Settled != 10 || whole.Input.Left != 30 || whole.Totals.Rows != 10 || whole.Attempts != part.Attempts || whole.LastSeq != part.LastSeq {
		t.Errorf("of 10 rows in a shard the whole has %+v, %d rows, %d requests, %d results", whole.Input, whole.Totals.Rows, whole.Attempts, whole.LastSeq)
	}
	if got, _ := whole.CostUSD(); got != f.shardsSpent(4) || got == 0 {
		t.Errorf("the whole cost %v, and its shards %v", got, f.shardsSpent(4))
	}
	if s := whole.Shards; whole.Shard != "" || whole.Finished || whole.Input.Rows != 40 || s == nil || s.Count != 4 || s.Begun != 1 || !s.Merged.IsZero() {
		t.Errorf("the whole: %+v, %+v", whole, whole.Shards)
	}
	spec := f.spec
	spec.Shard = "2/4"
	j, err := View(spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Export(f.spec.Output, "", nil, true); err == nil || !strings.Contains(err.Error(), "a shard has no output of its own") {
		t.Errorf("a shard writes the output of all: %v", err)
	}
	if totals, err := j.Export(filepath.Join(f.dir, "part.jsonl"), "", nil, false); err != nil || totals.Rows != 10 {
		t.Errorf("the rows of a shard: %+v, %v", totals, err)
	}
	f.shards(f.options(), 4)
	verified := func() *Verification {
		t.Helper()
		j, err := View(f.spec, Options{Env: noEnv})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		v, err := j.Verify()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verified(); len(v.Faults) > 0 || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "4 shards") || !strings.Contains(v.Notes[0], "genbatch merge joins them") {
		t.Errorf("of shards that are done verify says %q, %q", v.Faults, v.Notes)
	}
	f.mustMerge()
	if v := verified(); len(v.Faults)+len(v.Notes) > 0 {
		t.Errorf("of a merged job verify says %q, %q", v.Faults, v.Notes)
	}
	if whole, err = ReadStatus(f.spec.StateDir()); err != nil || !whole.Finished || whole.Shards.Merged.IsZero() || whole.Shards.Begun != 4 {
		t.Errorf("merged: %+v, %v", whole.Shards, err)
	}
	if p := (InShare(Spec{Shard: "1/4", RPM: 10, TPM: 400, RPD: 8, MaxCost: "2"})); p.RPM != 2 || p.TPM != 100 || p.RPD != 2 || p.MaxCost != "0.5" {
		t.Errorf("a quarter is %d, %d, %d, %s", p.RPM, p.TPM, p.RPD, p.MaxCost)
	}
}
