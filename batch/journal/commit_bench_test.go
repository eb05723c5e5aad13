package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// BenchmarkCommit measures the latency of a commit with a real sync. In turn it measures
// that of a bare write and sync of the same bytes to a file beside it.
func BenchmarkCommit(b *testing.B) {
	for _, rows := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) { benchmarkCommit(b, rows) })
	}
}

func benchmarkCommit(b *testing.B, rows int) {
	dir := b.TempDir()
	j := open(b, journal.Config{Dir: dir})
	bare, err := durable.FS{}.OpenAppend(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	group := make([]*batch.Result, rows)
	for i := range group {
		group[i] = typical(i)
	}
	write(b, j, group...)                                       // makes the segment
	_, lines, _ := bytes.Cut(read(b, dir, first), []byte("\n")) // without the header
	var commits, bares []time.Duration
	n := rows
	for b.Loop() {
		for _, r := range group {
			binary.BigEndian.PutUint64(r.Fingerprint[:], uint64(n)*0x9e3779b97f4a7c15)
			n++
		}
		begin := time.Now()
		write(b, j, group...)
		between := time.Now()
		if _, err = bare.Write(lines); err == nil {
			err = bare.Sync()
		}
		end := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		commits, bares = append(commits, between.Sub(begin)), append(bares, end.Sub(between))
	}
	report(b, "", commits)
	report(b, "bare-", bares)
	b.ReportMetric(ms(quantile(commits, 0.5)-quantile(bares, 0.5)), "more-ms")
	b.ReportMetric(ms(quantile(commits, 0.99)-quantile(bares, 0.99)), "more-p99-ms")
}

// BenchmarkAnswer measures how long the answers of calls of 20 to 60 ms wait until they are
// durable. Part of that is the disk's: the write itself, and the rest of the write that was
// under way when the answer came. Apart from that an answer waits at most 10 ms, for
// others to join its group.
func BenchmarkAnswer(b *testing.B) {
	s := &timedJournal{j: open(b, journal.Config{Dir: b.TempDir()}), durable: make([]time.Duration, 0, b.N)}
	rows := func(yield func(*batch.Request, error) bool) {
		for n := range b.N {
			r := &batch.Request{Row: int64(n + 1), Model: "gemini-2.5-flash", Body: []byte(`{}`)}
			binary.BigEndian.PutUint64(r.Fingerprint[:], uint64(n)*0x9e3779b97f4a7c15)
			if !yield(r, nil) {
				return
			}
		}
	}
	b.ResetTimer()
	if err := batch.Run(b.Context(), batch.Config{Model: sleeper{typical(0).Response}, Sink: s}, rows); err != nil {
		b.Fatal(err)
	}
	report(b, "", s.durable)
	report(b, "write-", s.writes)
	report(b, "gather-", s.gathers)
}

// A sleeper is a Model that answers after 20 to 60 ms.
type sleeper struct{ response []byte }

func (s sleeper) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	time.Sleep(20*time.Millisecond + time.Duration(r.Row*7919%1000)*40*time.Microsecond)
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: s.response, Usage: &batch.Usage{PromptTokenCount: 312}}
}

// A timedJournal is a Sink that records how long its writes took, how long each result
// waited until it was durable, and how much of that wait nothing was being written.
type timedJournal struct {
	j                        *journal.Journal
	idle                     time.Time // when the last write ended
	writes, gathers, durable []time.Duration
}

func (t *timedJournal) Write(results []*batch.Result) error {
	begin := time.Now()
	err := t.j.Write(results)
	end := time.Now()
	t.writes = append(t.writes, end.Sub(begin))
	for _, r := range results {
		t.gathers = append(t.gathers, min(begin.Sub(r.At), begin.Sub(t.idle)))
		t.durable = append(t.durable, end.Sub(r.At))
	}
	t.idle = end
	return err
}

func report(b *testing.B, of string, list []time.Duration) {
	b.ReportMetric(ms(quantile(list, 0.5)), of+"p50-ms")
	b.ReportMetric(ms(quantile(list, 0.99)), of+"p99-ms")
}

func quantile(list []time.Duration, q float64) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[int(q*float64(len(list)-1))]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
