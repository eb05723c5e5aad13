package journal_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// typical is a result like the real ones: 2 KB with usage.
func typical(n int) *batch.Result {
	r := result(n)
	r.Key, r.Endpoint, r.Model = "", "google", "gemini-2.5-flash"
	r.ModelVersion, r.ResponseID, r.FinishReason = r.Model, "kq3xaLDoHcTY1PIPrtnKoAE", "STOP"
	usage := &batch.Usage{PromptTokenCount: 312, CandidatesTokenCount: 187, TotalTokenCount: 499, ServiceTier: "standard",
		PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT", TokenCount: 312}}}
	r.Spent = []batch.Spend{{At: r.At, Model: r.ModelVersion, Tier: "standard", Usage: usage}}
	r.Response = fmt.Appendf(nil, `{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]},"finishReason":"STOP","index":0}],`+
		`"usageMetadata":{"promptTokenCount":312,"candidatesTokenCount":187,"totalTokenCount":499},"modelVersion":"gemini-2.5-flash"}`,
		strings.Repeat("Lorem ipsum dolor. ", 60))
	return r
}

// typicalJournal writes the given number of results to a folder, and returns its size.
func typicalJournal(b *testing.B, dir string, rows int) (size int64) {
	b.Helper()
	j := open(b, journal.Config{Dir: dir, FS: unsynced})
	for n := 0; n < rows; n += 1000 {
		group := make([]*batch.Result, 1000)
		for i := range group {
			group[i] = typical(n + i)
		}
		write(b, j, group...)
	}
	j.Close()
	return int64(len(read(b, dir, first)))
}

// BenchmarkWrite commits groups of 256 results, with a real sync for each.
func BenchmarkWrite(b *testing.B) {
	j := open(b, journal.Config{Dir: b.TempDir()})
	group := make([]*batch.Result, 256)
	for i := range group {
		group[i] = typical(i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, r := range group {
			binary.BigEndian.PutUint64(r.Fingerprint[:], uint64(n)*0x9e3779b97f4a7c15)
			n++
		}
		write(b, j, group...)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

const benchRows = 50_000

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	b.SetBytes(typicalJournal(b, dir, benchRows))
	b.ReportAllocs()
	for b.Loop() {
		j := open(b, journal.Config{Dir: dir, ReadOnly: true})
		if j.Last() != benchRows {
			b.Fatal(j.Last())
		}
		j.Close()
	}
	b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkAll(b *testing.B) {
	dir := b.TempDir()
	b.SetBytes(typicalJournal(b, dir, benchRows))
	j := open(b, journal.Config{Dir: dir, ReadOnly: true})
	b.ReportAllocs()
	for b.Loop() {
		if rows, _ := all(b, j); len(rows) != benchRows {
			b.Fatal(len(rows))
		}
	}
	b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	typicalJournal(b, dir, 1000)
	j := open(b, journal.Config{Dir: dir, ReadOnly: true})
	var entries []journal.Entry
	for n := range 1000 {
		e, _ := j.Lookup(fingerprint(n), 0)
		entries = append(entries, e)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := j.Read(entries[n%1000]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReader reads results of 2 KB each as an output does, and results of which 25 share
// an answer of 2 KB.
func BenchmarkReader(b *testing.B) {
	for _, of := range []int{1, 25} {
		b.Run(fmt.Sprint(of), func(b *testing.B) { benchmarkReader(b, of) })
	}
}

func benchmarkReader(b *testing.B, of int) {
	const rows, chunk = 1600, 64
	dir := b.TempDir()
	j := open(b, journal.Config{Dir: dir, FS: unsynced})
	var entries []journal.Entry
	for n := range rows {
		r := typical(n)
		if of > 1 {
			r.Part, r.Spent[0].Share = "bcd", batch.Share{Row: n % of, Of: of}
			r.Response = append(typical(0).Response, fmt.Sprintf(`,"responseId":"%d"}`, n/of)...)
			r.Response[len(typical(0).Response)-1] = ' '
		}
		write(b, j, r)
		e, _ := j.Lookup(r.Fingerprint, 0)
		entries = append(entries, e)
	}
	rd := j.NewReader()
	b.ReportAllocs()
	passes := 0
	for b.Loop() {
		for from := 0; from < rows; from += chunk {
			rd.Read(entries[from:from+chunk], func(_ int, _ *batch.Result, err error) {
				if err != nil {
					b.Fatal(err)
				}
			})
			rd.Release()
		}
		passes++
	}
	b.ReportMetric(float64(len(read(b, dir, first)))/rows, "disk-B/row")
	b.ReportMetric(float64(passes*rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPass passes over an input of new rows, and reports how much memory the index
// takes for each. That is most just after its parts have grown, and then becomes less.
func BenchmarkPass(b *testing.B) {
	for _, rows := range []int{1_000_000, 1_700_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) { benchmarkPass(b, rows) })
	}
}

func benchmarkPass(b *testing.B, rows int) {
	j := open(b, journal.Config{Dir: b.TempDir()})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	passes := 0
	for b.Loop() {
		p := j.Pass()
		for n := range rows {
			var f batch.Fingerprint
			binary.BigEndian.PutUint64(f[:], uint64(n)*0x9e3779b97f4a7c15)
			p.Next(f)
		}
		passes++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(rows), "B/row")
	b.ReportMetric(float64(passes*rows)/b.Elapsed().Seconds(), "rows/s")
	runtime.KeepAlive(j)
}
