package jobs

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// answeredBy is the model of jobtest.AnswerBody, which says to have used 100 tokens of input
// and 10 of output.
const answeredBy = "gemini-2.5-flash-lite"

// troubleJob opens a job of so many rows at an address. What it learns is kept nowhere. Its
// cost is compared with what the test bills.
func troubleJob(t *testing.T, address string, rows int, bill *billtest.Counter) *Job {
	t.Helper()
	dir := t.TempDir()
	billed(t, dir, bill)
	var text strings.Builder
	for n := range rows {
		fmt.Fprintf(&text, "{\"q\":\"row %d\"}\n", n)
	}
	jobtest.WriteFile(t, dir, "in.jsonl", []byte(text.String()))
	j, err := Open(spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", BaseURL: address, Auth: "none", Prompt: "{{.q}}",
	}, Options{Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// A server that refuses one call in five at random, and asks for a second's pause each time,
// is asked nearly as fast as one that refuses none.
func TestRandomRefusalsOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("the pace says nothing under the race detector: run it without -short")
	}
	var refused atomic.Int64
	var bill billtest.Counter
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if rand.IntN(5) == 0 {
			refused.Add(1)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"error":{"message":"Chaos: rate limit exceeded","type":"rate_limit_error"}}`)
			return
		}
		time.Sleep(20 * time.Millisecond)
		bill.Answer(answeredBy, 100, 10)
		fmt.Fprint(w, jobtest.AnswerBody("ok"))
	}))
	defer web.Close()
	const rows = 3000
	s, err := troubleJob(t, web.URL, rows, &bill).Run(t.Context())
	if err != nil || s.Run.Status[batch.OK] != rows {
		t.Fatalf("%v, %v", s, err)
	}
	// 64 calls of 20 ms would take a second without refusals.
	if s.Elapsed > 30*time.Second {
		t.Errorf("%d rows took %v, with %d refusals", rows, s.Elapsed, refused.Load())
	}
}

// An endpoint that fails for some seconds, in whatever way, fails no row. The run is back at
// its pace within ten seconds, and few calls are spent on it.
func TestOutageOverHTTP(t *testing.T) {
	t.Parallel()
	const rows, outage = 3000, 4 * time.Second
	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	for kind, fail := range map[string]func(http.ResponseWriter){
		"500":  status(500, `{"error":{"code":500,"message":"An internal error has occurred.","status":"INTERNAL"}}`),
		"502":  status(502, "<html><head><title>502 Bad Gateway</title></head></html>"),
		"503":  status(503, `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`),
		"429":  status(429, `{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}`),
		"keys": status(503, `{"error":{"message":"NO_KEYS_AVAILABLE"}}`),
		"reset": func(w http.ResponseWriter) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		},
		"cut": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"candidates":[`)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var answered, failed atomic.Int64
			var bill billtest.Counter
			var down atomic.Pointer[time.Time]
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if answered.Add(1) == rows/3 {
					down.CompareAndSwap(nil, new(time.Now()))
				}
				if begin := down.Load(); begin != nil && time.Since(*begin) < outage {
					answered.Add(-1)
					failed.Add(1)
					fail(w)
					return
				}
				time.Sleep(20 * time.Millisecond)
				bill.Answer(answeredBy, 100, 10)
				fmt.Fprint(w, jobtest.AnswerBody("ok"))
			}))
			defer web.Close()
			s, err := troubleJob(t, web.URL, rows, &bill).Run(t.Context())
			if err != nil || s.Run.Status[batch.OK] != rows {
				t.Fatalf("%+v, %v", s, err)
			}
			if n := failed.Load(); n == 0 || n > 100 {
				t.Errorf("%d calls were spent on the outage, want the 64 under way and some probes", n)
			}
			if after := time.Since(*down.Load()) - outage; after > 25*time.Second {
				t.Errorf("the last two thirds took %v after the outage", after)
			}
			for _, l := range s.Learned {
				if kind != "429" {
					t.Errorf("the outage taught %v", l)
				}
			}
		})
	}
}
