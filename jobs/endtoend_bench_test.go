package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/genbatch/genbatch/internal/benchtest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

const benchAnswer = `{"candidates":[{"content":{"parts":[{"text":"A short answer to the question, in one sentence."}],"role":"model"},` +
	`"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":42,"candidatesTokenCount":11,"totalTokenCount":53,` +
	`"promptTokensDetails":[{"modality":"TEXT","tokenCount":42}]},"modelVersion":"gemini-2.5-flash-lite","responseId":"H2CGQ25z43LiM4rK"}`

const benchConcurrency = 64

// benchServer answers after a while, or at once, so that what is measured is the
// runner. It shares the process, and so the processors, with it.
func benchServer(b *testing.B, latency time.Duration) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if latency > 0 {
			time.Sleep(latency)
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		io.WriteString(w, benchAnswer)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// benchInput writes rows and returns the job that asks about them.
func benchInput(b *testing.B, rows int, url string) spec.Spec {
	b.Helper()
	dir := b.TempDir()
	b.Setenv("XDG_STATE_HOME", filepath.Join(dir, "home"))
	input := filepath.Join(dir, "in.jsonl")
	var text bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&text, `{"id":%d,"text":%q}`+"\n", i, jobtest.BenchText(i))
	}
	if err := os.WriteFile(input, text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return spec.Spec{
		Input: spec.List{input}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: url, Auth: "none", Prompt: "Summarize in one sentence: {{.text}}", Concurrency: benchConcurrency,
	}
}

// A lap is what a stretch of work took.
type lap struct{ wall, cpu time.Duration }

// stopwatch returns the lap since it was last asked.
func stopwatch() func() lap {
	at, used := time.Now(), benchtest.Processor()
	return func() lap {
		l := lap{time.Since(at), benchtest.Processor() - used}
		at, used = at.Add(l.wall), used+l.cpu
		return l
	}
}

func (l lap) add(o lap) lap { return lap{l.wall + o.wall, l.cpu + o.cpu} }

// benchRun runs a job, and returns what asking and what writing the output took.
func benchRun(b *testing.B, s spec.Spec, rows int) (sending, writing lap) {
	b.Helper()
	next := stopwatch()
	j, err := Open(s, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	sum, err := j.ask(b.Context(), []*work.List{j.list}, false)
	if err != nil {
		b.Fatal(err)
	}
	sending = next()
	if err := j.finish(b.Context(), sum); err != nil {
		b.Fatal(err)
	}
	writing = next()
	if sum.Job.Status["ok"] != int64(rows) {
		b.Fatalf("%v of %d rows are ok", sum.Job.Status, rows)
	}
	return sending, writing
}

// bareLoop makes the same exchanges with nothing around them.
func bareLoop(b *testing.B, url string, rows int) lap {
	b.Helper()
	url += "/v1beta/models/gemini-2.5-flash-lite:generateContent"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConcurrency, MaxIdleConns: benchConcurrency}}
	defer client.CloseIdleConnections()
	next := stopwatch()
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range benchConcurrency {
		wg.Go(func() {
			for i := range numbers {
				body := `{"contents":[{"parts":[{"text":"` + "Summarize in one sentence: " + jobtest.BenchText(i) + `"}],"role":"user"}]}`
				resp, err := client.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					continue
				}
				var answer bytes.Buffer
				io.Copy(&answer, resp.Body)
				resp.Body.Close()
			}
		})
	}
	for i := range rows {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	return next()
}

// script is what one writes instead of genbatch: it reads the rows, renders, asks, takes
// the answer apart and writes rows, with the standard library and nothing more: no
// journal, no retries, no limits, no costs, and rows in the order in which they come.
func script(b *testing.B, s *spec.Spec) lap {
	b.Helper()
	url := s.Endpoint + "/v1beta/models/" + s.Model + ":generateContent"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConcurrency, MaxIdleConns: benchConcurrency}}
	defer client.CloseIdleConnections()
	prompt := template.Must(template.New("").Parse(s.Prompt))
	next := stopwatch()
	in, err := os.Open(s.Input[0])
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(s.Output + ".script")
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	type object = map[string]any
	type list = []any
	var mu sync.Mutex
	to := json.NewEncoder(out)
	ask := func(row object) error {
		var text strings.Builder
		if err := prompt.Execute(&text, row); err != nil {
			return err
		}
		body, err := json.Marshal(object{"contents": list{object{"role": "user", "parts": list{object{"text": text.String()}}}}})
		if err != nil {
			return err
		}
		resp, err := client.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var answer struct {
			Candidates []struct {
				Content struct{ Parts []struct{ Text string } }
			}
			UsageMetadata struct{ PromptTokenCount, CandidatesTokenCount int64 }
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return err
		}
		row["answer"] = answer.Candidates[0].Content.Parts[0].Text
		row["tokens_in"], row["tokens_out"] = answer.UsageMetadata.PromptTokenCount, answer.UsageMetadata.CandidatesTokenCount
		mu.Lock()
		defer mu.Unlock()
		return to.Encode(row)
	}
	rows := make(chan object)
	var wg sync.WaitGroup
	for range benchConcurrency {
		wg.Go(func() {
			for row := range rows {
				if err := ask(row); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for from := json.NewDecoder(in); ; {
		var row object
		if err := from.Decode(&row); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
		rows <- row
	}
	close(rows)
	wg.Wait()
	return next()
}

// BenchmarkRun measures a whole job, from reading the input to the output on the
// disk, with fsync, limiter and accounting. Half of the bare loop goes before it and
// half after, so that "of-bare" compares what the machine did in the same seconds.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name string
		with func(*spec.Spec)
	}{
		{"plain", func(*spec.Spec) {}},
		{"rpm", func(s *spec.Spec) { s.RPM, s.TPM = 1e9, 1e12 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			url := benchServer(b, 0)
			s := benchInput(b, b.N, url)
			c.with(&s)
			bare := bareLoop(b, url, (b.N+1)/2)
			b.ReportAllocs()
			b.ResetTimer()
			sending, writing := benchRun(b, s, b.N)
			b.StopTimer()
			bare = bare.add(bareLoop(b, url, b.N/2))
			byScript := script(b, &s)

			whole, rows := sending.add(writing), float64(b.N)
			b.ReportMetric(rows/whole.wall.Seconds(), "rows/s")
			b.ReportMetric(rows/sending.wall.Seconds(), "sending-rows/s")
			b.ReportMetric(rows/bare.wall.Seconds(), "bare-rows/s")
			b.ReportMetric(float64(whole.cpu)/rows, "cpu-ns/row")
			b.ReportMetric(float64(sending.cpu)/rows, "sending-cpu-ns/row")
			b.ReportMetric(float64(bare.cpu)/rows, "bare-cpu-ns/row")
			b.ReportMetric(float64(byScript.cpu)/rows, "script-cpu-ns/row")
			b.ReportMetric(float64(bare.wall)/float64(whole.wall), "of-bare")
			b.ReportMetric(float64(bare.wall)/float64(sending.wall), "sending-of-bare")
		})
	}
}

// BenchmarkStart measures what goes by between the opening of a new job over 100,000
// rows, of which it asks one, and the arrival of its first request.
func BenchmarkStart(b *testing.B) {
	var first time.Time
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first = time.Now()
		io.WriteString(w, benchAnswer)
	}))
	b.Cleanup(s.Close)
	spec := benchInput(b, 100_000, s.URL)
	spec.Limit = 1
	dir := filepath.Dir(spec.Output)
	var took time.Duration
	for n := 0; b.Loop(); n++ {
		spec.State = filepath.Join(dir, fmt.Sprint("state", n))
		begin := time.Now()
		j, err := Open(spec, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := j.ask(b.Context(), []*work.List{j.list}, false); err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		took += first.Sub(begin)
	}
	b.ReportMetric(took.Seconds()*1000/float64(b.N), "first-request-ms")
}
