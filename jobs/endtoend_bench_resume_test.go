package jobs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// unsynced leaves the syncs out, to make journals faster than answers could come.
var unsynced = durable.FS{Hook: func(op durable.Op, _ string) (bool, error) {
	return op != durable.OpSync && op != durable.OpSyncDir, nil
}}

// settle writes a journal that has an answer for every row of a job, as if each had
// been asked.
func settle(b *testing.B, s spec.Spec) {
	b.Helper()
	j, err := Open(s, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	to, err := journal.Open(journal.Config{Dir: s.StateDir(), FS: unsynced})
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var group []*batch.Result
	write := func() {
		if err := to.Write(group); err != nil {
			b.Fatal(err)
		}
		group = group[:0]
	}
	for it, err := range j.list.Items() {
		if err != nil {
			b.Fatal(err)
		}
		at = at.Add(time.Millisecond)
		usage := &batch.Usage{PromptTokenCount: 42, CandidatesTokenCount: 11, TotalTokenCount: 53,
			PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT", TokenCount: 42}}}
		group = append(group, &batch.Result{
			Row: it.Row.Number, Fingerprint: it.Request.Fingerprint, Occurrence: it.Request.Occurrence, Status: batch.OK,
			Endpoint: s.Endpoint, Model: s.Model, FinishReason: "STOP", ModelVersion: s.Model, ResponseID: "H2CGQ25z43LiM4rK",
			At: at, LatencyMS: 420, Attempts: 1,
			Spent:    []batch.Spend{{At: at, Model: s.Model, Usage: usage}},
			Response: []byte(benchAnswer),
		})
		if len(group) == 128 {
			write()
		}
	}
	write()
}

// BenchmarkResume measures a run to which the journal has every answer, but whose
// output is not there: the opening of the journal, reading, rendering and looking up
// each row, and the output. BENCH_DIR keeps the job there, for a run of the command.
func BenchmarkResume(b *testing.B) {
	for _, format := range []string{"jsonl", "csv", "parquet"} {
		b.Run(format, func(b *testing.B) { benchmarkResume(b, format) })
	}
}

func benchmarkResume(b *testing.B, format string) {
	s := benchInput(b, b.N, "http://127.0.0.1:9")
	if dir := os.Getenv("BENCH_DIR"); dir != "" {
		if err := os.Rename(s.Input[0], filepath.Join(dir, "in.jsonl")); err != nil {
			b.Fatal(err)
		}
		s.Input[0], s.Output = filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	}
	s.Output = filepath.Join(filepath.Dir(s.Output), "out."+format)
	for _, old := range []string{s.Output, s.StateDir()} { // of the trial with one row
		if err := os.RemoveAll(old); err != nil {
			b.Fatal(err)
		}
	}
	settle(b, s)
	b.ReportAllocs()
	b.ResetTimer()

	next := stopwatch()
	j, err := Open(s, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	opening := next()
	sum, err := j.ask(b.Context(), []*work.List{j.list}, false)
	if err != nil {
		b.Fatal(err)
	}
	passing := next()
	if sum.Settled != int64(b.N) {
		b.Fatalf("%d of %d rows are settled", sum.Settled, b.N)
	}
	if err := j.finish(b.Context(), sum); err != nil {
		b.Fatal(err)
	}
	writing := next()
	b.StopTimer()

	for _, phase := range []struct {
		name string
		lap
	}{{"open", opening}, {"settled", passing}, {"output", writing}} {
		b.ReportMetric(float64(b.N)/phase.wall.Seconds(), phase.name+"-rows/s")
		b.ReportMetric(float64(phase.cpu)/float64(b.N), phase.name+"-cpu-ns/row")
	}
}
