package planner

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/plan"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A token of cheap costs 1,000,000 pico-dollars in and 10,000,000 out, one of dear twice
// that, and half of it in the flex tier. In batches cheap costs half of that again, so that
// no other service has the same price, and dear has no price.
const testPrices = `{"models": [
	{"id": "cheap", "periods": [{"tiers": [{"standard": {"input_text": 1, "output_text": 10}, "flex": {"input_text": 0.5, "output_text": 5}, "batch": {"input_text": 0.25, "output_text": 2.5}}]}]},
	{"id": "dear", "periods": [{"tiers": [{"standard": {"input_text": 2, "output_text": 20}, "flex": {"input_text": 1, "output_text": 10}}]}]}]}`

// A job is a small job that asks m about q of each row, and its journal.
type job struct {
	t       *testing.T
	spec    spec.Spec
	config  Config // all but the list
	journal *journal.Journal
}

// newJob returns a job without answers.
func newJob(t *testing.T) *job {
	t.Helper()
	dir := t.TempDir()
	prices, err := price.Load(strings.NewReader(testPrices))
	if err != nil {
		t.Fatal(err)
	}
	jl, err := journal.Open(journal.Config{Dir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { jl.Close() })
	j := &job{t: t, journal: jl, spec: spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"), Model: "cheap", Prompt: "{{.q}}",
		Set: map[string]string{"model": "{{.m}}"},
	}}
	j.config = Config{Journal: jl, Prices: prices, Quota: func(string) quota.Known { return quota.Known{} }, Count: func(it *work.Item, t *cost.Totals) (*batch.Result, error) {
		r, err := jl.Read(it.Entry)
		if err == nil {
			t.AddResult(r, prices)
		}
		return r, err
	}}
	return j
}

// input writes the job's rows: JSON objects, or texts that cheap is asked about.
func (j *job) input(rows ...string) {
	j.t.Helper()
	var b strings.Builder
	for _, row := range rows {
		if !strings.HasPrefix(row, "{") {
			row = fmt.Sprintf(`{"q":%q,"m":"cheap"}`, row)
		}
		b.WriteString(row + "\n")
	}
	if err := os.WriteFile(j.spec.Input[0], []byte(b.String()), 0o600); err != nil {
		j.t.Fatal(err)
	}
}

// list returns the job's rows. Each list begins a new count of what the input asks for.
func (j *job) list() *work.List {
	j.t.Helper()
	in, err := reader.Open(reader.Config{Paths: j.spec.Input})
	if err != nil {
		j.t.Fatal(err)
	}
	p, err := prompt.New(&j.spec, prompt.Wording)
	if err != nil {
		j.t.Fatal(err)
	}
	l, err := work.NewList(work.Config{Input: in, Prompt: p, Key: j.spec.Key, Limit: j.spec.Limit, Refuse: func(*batch.Request) error { return nil }})
	if err != nil {
		j.t.Fatal(err)
	}
	l.Use(j.journal)
	return l
}

// answer gives every row without a result one of a status, with the estimated prompt and so
// many tokens of output.
func (j *job) answer(status batch.Status, output int64) {
	j.t.Helper()
	var results []*batch.Result
	for it, err := range j.list().Items() {
		if err != nil {
			j.t.Fatal(err)
		}
		if it.Fate != work.New {
			continue
		}
		r, now := it.Request, time.Now()
		results = append(results, &batch.Result{
			Fingerprint: r.Fingerprint, Occurrence: r.Occurrence, Row: r.Row, Key: r.Key, Model: r.Model, Endpoint: "test",
			Status: status, FinishReason: "STOP", Response: json.RawMessage(`{}`), Attempts: 1, At: now, LatencyMS: 2000,
			Spent: []batch.Spend{{At: now, Model: r.Model, Usage: &batch.Usage{PromptTokenCount: int64(r.InputTokens), CandidatesTokenCount: output}}},
		})
	}
	if err := j.journal.Write(results); err != nil {
		j.t.Fatal(err)
	}
}

// plan returns the plan of the job as it stands.
func (j *job) plan() *plan.Plan {
	j.t.Helper()
	c := j.config
	c.List = j.list()
	p, err := New(c)
	if err != nil {
		j.t.Fatal(err)
	}
	return p
}

// counts checks the counts of rows in a plan.
func (j *job) counts(what, want string) {
	j.t.Helper()
	p := j.plan()
	got := fmt.Sprintf("%d rows: %d new, %d changed, %d again, %d settled, %d bad; %d orphaned", p.Rows, p.New, p.Changed, p.Again, p.Settled, p.Bad, p.Orphaned)
	if got != want {
		j.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestCounts(t *testing.T) {
	j := newJob(t)
	j.input("a", "b")
	j.counts("before", "2 rows: 2 new, 0 changed, 0 again, 0 settled, 0 bad; 0 orphaned")
	j.answer(batch.OK, 10)
	j.input("a", "b", "c")
	j.answer(batch.Failed, 10)
	j.input("a", "b", "c", `{"q":`, "d")
	j.counts("after", "5 rows: 1 new, 0 changed, 1 again, 2 settled, 1 bad; 0 orphaned")
	if p := j.plan(); len(p.BadRows) != 1 || !strings.Contains(p.BadRows[0], "in.jsonl:4") || p.FirstModel != "cheap" || !strings.HasSuffix(p.FirstAt, "in.jsonl:3") {
		t.Errorf("bad rows %q, the first request to %s for %s", p.BadRows, p.FirstModel, p.FirstAt)
	}
}

// An orphaned answer makes the new row in its place a changed one.
func TestOrphansByPlace(t *testing.T) {
	j := newJob(t)
	j.input("a", "b", "c")
	j.answer(batch.OK, 10)
	j.input("a", "B", "c", "d")
	j.counts("one edited, one appended", "4 rows: 1 new, 1 changed, 0 again, 2 settled, 0 bad; 1 orphaned")
	j.input("a", "c")
	j.counts("one deleted", "2 rows: 0 new, 0 changed, 0 again, 2 settled, 0 bad; 1 orphaned")
	j.input("a", "b", "c")
	j.spec.Limit = 1
	j.counts("rows past the limit", "1 rows: 0 new, 0 changed, 0 again, 1 settled, 0 bad; 0 orphaned")
}

// A key tells which row was changed, wherever the row stands now.
func TestOrphansByKey(t *testing.T) {
	j := newJob(t)
	j.spec.Key = "id"
	j.input(`{"id":1,"q":"a","m":""}`, `{"id":2,"q":"b","m":""}`, `{"id":3,"q":"c","m":""}`)
	j.answer(batch.OK, 10)
	j.input(`{"id":9,"q":"x","m":""}`, `{"id":3,"q":"C","m":""}`, `{"id":1,"q":"a","m":""}`)
	j.counts("by key", "3 rows: 1 new, 1 changed, 0 again, 1 settled, 0 bad; 2 orphaned")
}

// Each row is priced by its own model, and expected to put out what answers of that model
// did.
func TestCostByModel(t *testing.T) {
	j := newJob(t)
	j.input(`{"q":"first of cheap","m":"cheap"}`)
	j.answer(batch.OK, 10)
	j.input(`{"q":"first of cheap","m":"cheap"}`, `{"q":"first of dear","m":"dear"}`)
	j.answer(batch.OK, 300)
	settled := j.plan()
	if settled.Settled != 2 || settled.Ask() != 0 || settled.Answered != 2 || settled.PerCall != 2*time.Second || settled.InputCost != 0 {
		t.Fatalf("%+v", settled)
	}
	rows := []string{`{"q":"first of cheap","m":"cheap"}`, `{"q":"first of dear","m":"dear"}`, `{"q":"another one","m":"cheap"}`, `{"q":"a third one","m":"cheap"}`, `{"q":"and a last one","m":"dear"}`}
	j.input(rows...)
	tokens := make(map[string]int64)
	for it, err := range j.list().Items() {
		if err == nil && it.Fate == work.New {
			tokens[it.Request.Model] += int64(it.Request.InputTokens)
		}
	}
	p := j.plan()
	if p.InputTokens != tokens["cheap"]+tokens["dear"] || p.OutputTokens != 2*10+300 || !p.Priced {
		t.Errorf("%d tokens in and %d out, want %v and 320", p.InputTokens, p.OutputTokens, tokens)
	}
	if want := price.USD(tokens["cheap"]*1_000_000 + tokens["dear"]*2_000_000); p.InputCost != want {
		t.Errorf("the input costs %s, want %s", p.InputCost, want)
	}
	if want := price.USD(20*10_000_000 + 300*20_000_000); p.OutputCost != want {
		t.Errorf("the output costs %s, want %s", p.OutputCost, want)
	}
	if p.Price != settled.Price || p.Price == 0 || p.Unpriced != 0 {
		t.Errorf("spent %s and %d calls, want %s", p.Price, p.Unpriced, settled.Price)
	}
	if len(p.Pace) != 2 || p.Pace[0].Model != "cheap" || p.Pace[0].Rows != 2 || p.Pace[1].Tokens != tokens["dear"] {
		t.Errorf("pace %+v", p.Pace)
	}
	j.input(append(rows, `{"q":"x","m":"nobody's"}`)...)
	if p := j.plan(); p.Priced {
		t.Error("a model without a price is said to be priced")
	}
}

// Costs are those of the first tier, and the most is that of the dearest.
func TestCostByTier(t *testing.T) {
	j := newJob(t)
	j.input("a", "b", "c")
	j.config.MaxOutputTokens = 100
	standard := j.plan()
	j.config.Tiers = []string{"flex", "standard"}
	both := j.plan()
	if both.Tier != "flex" || both.InputCost*2 != standard.InputCost || standard.InputCost == 0 {
		t.Errorf("in flex the input costs %s, and else %s", both.InputCost, standard.InputCost)
	}
	if standard.MaxOutputTokens != 300 || standard.MaxOutputCost != 300*10_000_000 || both.InputCost+both.MaxOutputCost != standard.InputCost+standard.MaxOutputCost {
		t.Errorf("at most %d tokens for %s, with flex first %s", standard.MaxOutputTokens, standard.MaxOutputCost, both.MaxOutputCost)
	}
}

// A row without a bound of its own leaves the whole plan without one.
func TestOwnBounds(t *testing.T) {
	j := newJob(t)
	j.spec.Set["generationConfig.maxOutputTokens"] = "{{.n}}"
	j.config.OwnBounds = true
	j.input(`{"q":"a","m":"cheap","n":1000}`, `{"q":"b","m":"dear","n":100}`)
	if p := j.plan(); p.MaxOutputTokens != 1100 || p.MaxOutputCost != 1000*10_000_000+100*20_000_000 {
		t.Errorf("at most %d tokens for %s", p.MaxOutputTokens, p.MaxOutputCost)
	}
	j.input(`{"q":"a","m":"cheap","n":1000}`, `{"q":"b","m":"dear","n":""}`)
	if p := j.plan(); p.MaxOutputTokens != 0 || p.MaxOutputCost != 0 {
		t.Errorf("nothing bounds one row, and the plan says %d tokens for %s", p.MaxOutputTokens, p.MaxOutputCost)
	}
}

// Prompts that the endpoint has counted correct the estimates, as long as there are no
// answers of the model.
func TestCounted(t *testing.T) {
	j := newJob(t)
	j.input("a", "b")
	estimate := j.plan().InputTokens
	counted := make(TokenCounts)
	counted.Add(&batch.Request{Model: "cheap", InputTokens: 10}, &batch.Result{Spent: []batch.Spend{{Usage: &batch.Usage{PromptTokenCount: 30}}}})
	counted.Add(&batch.Request{Model: "cheap", InputTokens: 10}, nil)
	j.config.Counted = counted
	if p := j.plan(); p.InputTokens != 3*estimate || p.Answered != 0 || p.OutputTokens != 0 {
		t.Errorf("%d tokens, want three times %d", p.InputTokens, estimate)
	}
	j.answer(batch.OK, 10) // with just the estimated prompts
	j.input("a", "b", "c", "d")
	if p := j.plan(); p.InputTokens != estimate {
		t.Errorf("%d tokens, want %d as in the answers", p.InputTokens, estimate)
	}
}

// The forecast of a pilot is for the whole job, what the pilot cost included.
func TestSavedForecast(t *testing.T) {
	j := newJob(t)
	j.input("a", "b", "c", "d", "e")
	j.answer(batch.OK, 10)
	j.input("a", "b", "c", "d", "e", "f", "g")
	p := j.plan()
	if p.Forecast == nil || p.Forecast.Answers != 5 || p.Standard != 1 || p.Flex != 0.5 {
		t.Fatalf("forecast %+v, standard %v, flex %v", p.Forecast, p.Standard, p.Flex)
	}
	text, err := MarshalForecast(p)
	if err != nil {
		t.Fatal(err)
	}
	if f := ParseForecast(text, 7); f == nil || f.Mean != p.Forecast.Mean+p.Price || f.High != p.Forecast.High+p.Price {
		t.Errorf("%+v; want %+v and %s", f, p.Forecast, p.Price)
	}
	if f := ParseForecast(text, 8); f != nil {
		t.Errorf("of another number of rows: %+v", f)
	}
	if f := ParseForecast(text[:9], 7); f != nil {
		t.Errorf("of a text that was cut: %+v", f)
	}
}
