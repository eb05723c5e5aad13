package jobs

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/costtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// TestEndToEndReconciliation holds the summary of a run with retries, blocks, cache hits, cut
// attempts, copies and two models against what the simulator counted, the output,
// and prices times tokens.
func TestEndToEndReconciliation(t *testing.T) {
	long(t, "it waits for real pauses")
	dir := t.TempDir()
	server, _ := simulated(t, dir, sim.Config{})
	web := httptest.NewServer(server)
	defer web.Close()
	var in strings.Builder
	in.WriteString("model,body\n")
	for i := range 60 {
		n := strconv.Itoa(i)
		in.WriteString("gemini-2.5-flash-lite,plain row number " + n + "\n")
		in.WriteString("gemini-2.5-flash,thought about row number " + n + "\n")
		if i%6 == 0 {
			in.WriteString("gemini-2.5-flash-lite,[[sim:cached]] a row of which most is cached: " + n + "\n")
			in.WriteString("gemini-2.5-flash,[[sim:cached]] and one that is thought about: " + n + "\n")
			in.WriteString("gemini-2.5-flash,[[sim:block]] blocked " + n + "\n")
			in.WriteString("gemini-2.5-flash-lite,[[sim:503x1]] overloaded once " + n + "\n")
			in.WriteString("gemini-2.5-flash,[[sim:emptyx1]] empty once " + n + "\n")
			in.WriteString("gemini-2.5-flash-lite,the same in ten rows\n")
		}
	}
	in.WriteString("gemini-2.5-flash-lite,[[sim:cutx1]] cut once\n")
	input := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(input, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(limit int) *Summary {
		t.Helper()
		j, err := Open(spec.Spec{
			Input: spec.List{input}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite", Prompt: "{{.body}}",
			Set: map[string]string{"model": "{{.model}}"}, Dedupe: true, Limit: limit,
			Endpoint: web.URL, APIKeyEnv: "KEY",
		}, Options{Env: func(name string) string {
			if name == "KEY" {
				return "k"
			}
			return ""
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		s, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		costtest.CheckBill(t, &s.Run)
		costtest.CheckBill(t, s.Job)
		return s
	}
	first := run(50)
	s := run(0)
	all, st := s.Job, server.Stats()

	// The tokens are those that the simulator counted, but for the attempt that was cut.
	var prompt, cached, output, thoughts int64
	prices := map[string][3]int64{ // pico-dollars a token: in, cached, out
		"gemini-2.5-flash-lite-simulated": {100_000, 10_000, 400_000},
		"gemini-2.5-flash-simulated":      {300_000, 30_000, 2_500_000},
	}
	var byHand, thinking, saved int64
	for _, m := range all.Models {
		prompt, cached, output, thoughts = prompt+m.PromptTokens, cached+m.CachedTokens, output+m.OutputTokens, thoughts+m.ThoughtsTokens
		p := prices[m.Model]
		cost := (m.PromptTokens-m.CachedTokens)*p[0] + m.CachedTokens*p[1] + (m.OutputTokens+m.ThoughtsTokens)*p[2]
		if cost == 0 || int64(m.Cost) != cost {
			t.Errorf("%s costs %d, and by hand %d", m.Model, m.Cost, cost)
		}
		byHand += cost
		thinking += m.ThoughtsTokens * p[2]
		saved += m.CachedTokens * (p[0] - p[1])
	}
	if all.Unreported != 1 || all.UnreportedMost == 0 || prompt >= st.PromptTokens || prompt < st.PromptTokens-50 || cached != st.CachedTokens || thoughts != st.ThoughtsTokens || output > st.CandidatesTokens {
		t.Errorf("%d in, %d cached, %d out, %d thinking, %d not reported; the simulator: %+v", prompt, cached, output, thoughts, all.Unreported, st)
	}
	whole := all.Share()
	if int64(whole.Cost) != byHand || int64(all.Bill.Parts.Thinking) != thinking || int64(all.Bill.Parts.CacheSaved) != saved || saved == 0 {
		t.Errorf("it costs %+v of which %+v, and by hand %d, %d of it thinking, with %d saved by the cache", whole, all.Bill.Parts, byHand, thinking, saved)
	}

	// Ten rows were empty once, and paid; those that were overloaded or cut have nothing
	// to show for it.
	r := all.Bill.Retries
	if r.Calls != 10 || r.Unreported != 1 || r.Cost == 0 || all.Retries != 21 {
		t.Errorf("the retries come to %+v in %d", r, all.Retries)
	}
	if b := all.Bill.Statuses[batch.Blocked]; b.Calls != 10 || b.Cost == 0 || all.Status[batch.Blocked] != 10 {
		t.Errorf("what is blocked comes to %+v", b)
	}

	// What the second run did not pay again is what the answers of the first cost, and the
	// two runs together are the whole.
	ran, _ := first.Run.CostUSD()
	more, _ := s.Run.CostUSD()
	if ran+more != whole.Cost || s.Kept != ran-first.Run.Bill.Retries.Cost || s.Kept == 0 || first.Kept != 0 {
		t.Errorf("the runs cost %s and %s of %s, and the second kept %s", ran, more, whole.Cost, s.Kept)
	}
	if all.Copied != 9 || all.Saved == 0 || all.Saved%9 != 0 {
		t.Errorf("%d copies saved %s", all.Copied, all.Saved)
	}

	// The rows of the output add up to it too.
	text, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var rows price.USD
	for line := range strings.Lines(string(text)) {
		_, after, ok := strings.Cut(line, `"cost_usd":`)
		if !ok {
			t.Fatalf("no cost in %s", line)
		}
		usd, err := price.ParseUSD(after[:strings.IndexAny(after, ",}")])
		if err != nil {
			t.Fatal(err)
		}
		rows += usd
	}
	if rows != whole.Cost {
		t.Errorf("the rows cost %s, and the summary says %s", rows, whole.Cost)
	}

	// Status has the same from the journal alone, and so has a run with nothing to do.
	status, err := ReadStatus(filepath.Join(dir, "out.jsonl.genbatch"))
	if err != nil {
		t.Fatal(err)
	}
	costtest.CheckBill(t, &status.Totals)
	if got := status.Totals.Share(); got != whole || status.Totals.Bill.Retries != r {
		t.Errorf("the status says %+v, and the summary %+v", got, whole)
	}
	if again := run(0); !again.Unchanged || again.Kept != whole.Cost-r.Cost || again.Job.Share() != whole {
		t.Errorf("a run with nothing to do keeps %s of %s", again.Kept, whole.Cost)
	}
}
