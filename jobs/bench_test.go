package jobs

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const benchAnswer = `{"candidates":[{"content":{"parts":[{"text":"A short answer to the question, in one sentence."}],"role":"model"},` +
	`"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":42,"candidatesTokenCount":11,"totalTokenCount":53,` +
	`"promptTokensDetails":[{"modality":"TEXT","tokenCount":42}]},"modelVersion":"gemini-2.5-flash-lite","responseId":"H2CGQ25z43LiM4rK"}`

const benchConcurrency = 64

// benchServer answers at once, so that what is measured is the runner.
func benchServer(b *testing.B) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		io.WriteString(w, benchAnswer)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

func benchText(i int) string {
	return fmt.Sprintf("Ticket %d: the parcel came late, one corner was wet, and the invoice names another street.", i)
}

// BenchmarkRun measures a whole job: reading, rendering, asking, journalling with
// fsync, and writing the output. Compare with BenchmarkBareLoop.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	f, err := os.Create(input)
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		fmt.Fprintf(f, `{"id":%d,"text":%q}`+"\n", i, benchText(i))
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	s := Spec{
		Input: List{input}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: benchServer(b), Auth: "none", Prompt: "Summarize in one sentence: {{.text}}",
		Concurrency: benchConcurrency, RPM: 1e9,
	}
	b.ReportAllocs()
	b.ResetTimer()
	j, err := Open(s, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	sum, err := j.Run(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if sum.Job.Status["ok"] != int64(b.N) {
		b.Fatalf("%v of %d rows are ok", sum.Job.Status, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkBareLoop makes the same exchanges with nothing around them.
func BenchmarkBareLoop(b *testing.B) {
	url := benchServer(b) + "/v1beta/models/gemini-2.5-flash-lite:generateContent"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConcurrency, MaxIdleConns: benchConcurrency}}
	rows := make(chan int)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range benchConcurrency {
		wg.Go(func() {
			for i := range rows {
				body := `{"contents":[{"parts":[{"text":"` + "Summarize in one sentence: " + benchText(i) + `"}],"role":"user"}]}`
				resp, err := client.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				var answer bytes.Buffer
				io.Copy(&answer, resp.Body)
				resp.Body.Close()
			}
		})
	}
	for i := range b.N {
		rows <- i
	}
	close(rows)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
