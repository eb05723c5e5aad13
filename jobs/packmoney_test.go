package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/compare"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A sharedCall is a call that a test enters in a journal by hand.
type sharedCall struct {
	rows   []int // from 1, by the place that they have in it
	usage  *batch.Usage
	answer string // its text; empty if it brought none
	finish string
}

// dollars by hand: gemini-2.5-flash-lite costs $0.10 a million tokens in, $0.01 cached, and $0.40
// out. https://ai.google.dev/gemini-api/docs/pricing
func (c *sharedCall) dollars() price.USD {
	u := c.usage
	in, out := u.PromptTokenCount-u.CachedContentTokenCount, u.TotalTokenCount-u.PromptTokenCount
	return price.USD(in*100_000 + u.CachedContentTokenCount*10_000 + out*400_000)
}

// packedJob returns a job of ten rows whose journal has what became of them in six calls: rows that
// share an answer, one that it has twice, one that is cut at the output limit, one that was
// lost on its way, and rows that were asked alone in the end.
func packedJob(t *testing.T) (f *fixture, calls []sharedCall) {
	f = newFixture(t)
	f.spec.Prompt, f.spec.RowsPerCall = "", 5
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}}
	f.spec.Columns = nil
	f.input(lines(10)...)

	calls = []sharedCall{
		{rows: []int{3, 1, 2, 4}, finish: "STOP", usage: &batch.Usage{PromptTokenCount: 1001, CachedContentTokenCount: 503, CandidatesTokenCount: 43, TotalTokenCount: 1061}, // 17 of thinking
			answer: `[{"id":"bcd","answer":"good"},{"id":"fgh","answer":"bad"},{"id":"jkl","answer":"good"},{"id":"jkl","answer":"bad"},{"id":"mnp","answer":"good"}]`},
		{rows: []int{2}, finish: "STOP", usage: &batch.Usage{PromptTokenCount: 222, CandidatesTokenCount: 2, TotalTokenCount: 224}, answer: "bad"},
		{rows: []int{9, 5, 6, 7, 8}, finish: "MAX_TOKENS", usage: &batch.Usage{PromptTokenCount: 1203, CandidatesTokenCount: 50, ThoughtsTokenCount: 3, TotalTokenCount: 1256},
			answer: "```json\n[{\"id\":\"bcd\",\"answer\":\"good\"},{\"id\":\"fgh\",\"answer\":\"bad\"},{\"id\":\"jkl\",\"answer\":\"good\"},{\"id\":\"mnp\",\"answ"},
		{rows: []int{7, 8}}, // lost
		{rows: []int{7, 8}, finish: "STOP", usage: &batch.Usage{PromptTokenCount: 401, CandidatesTokenCount: 21, TotalTokenCount: 422},
			answer: `{"answers": [{"id":"qrs","answer":"bad"},{"id":"BCD ","answer":"good"}]}`},
		{rows: []int{10}, finish: "STOP", usage: &batch.Usage{PromptTokenCount: 240, CandidatesTokenCount: 3, TotalTokenCount: 243}, answer: "good"},
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	spend := func(call, row int) batch.Spend {
		c := &calls[call]
		s := batch.Spend{At: at.Add(time.Duration(call) * time.Second), Model: f.spec.Model, Usage: c.usage}
		if c.usage == nil {
			s.Most = &batch.Usage{PromptTokenCount: 501, CandidatesTokenCount: 100}
		}
		for i, r := range c.rows {
			if r == row && len(c.rows) > 1 {
				s.Share = batch.Share{Row: i, Of: len(c.rows)}
			}
		}
		return s
	}
	// Of each row: the calls that it was in, its part of the last, and how many attempts are counted
	// with other rows. The first call was refused at first, which cost nothing.
	history := map[int]struct {
		calls            []int
		part             string
		attempts, shared int
	}{
		3: {[]int{0}, "bcd", 2, 0}, 1: {[]int{0}, "fgh", 2, 2}, 2: {[]int{0, 1}, "", 3, 2}, 4: {[]int{0}, "mnp", 2, 2},
		9: {[]int{2}, "bcd", 1, 0}, 5: {[]int{2}, "fgh", 1, 1}, 6: {[]int{2}, "jkl", 1, 1},
		7: {[]int{2, 3, 4}, "bcd", 3, 1}, 8: {[]int{2, 3, 4}, "qrs", 3, 3}, 10: {[]int{5}, "", 1, 0},
	}
	j, err := View(f.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var results []*batch.Result
	for row, err := range j.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		h := history[int(row.Input.Number)]
		last := h.calls[len(h.calls)-1]
		text, err := json.Marshal(calls[last].answer)
		if err != nil {
			t.Fatal(err)
		}
		usage, err := json.Marshal(calls[last].usage)
		if err != nil {
			t.Fatal(err)
		}
		r := &batch.Result{
			Fingerprint: row.Request.Fingerprint, Occurrence: row.Request.Occurrence, Row: row.Request.Row, Status: batch.OK,
			Endpoint: f.spec.Endpoint, Model: f.spec.Model, ModelVersion: f.spec.Model, FinishReason: calls[last].finish, ResponseID: fmt.Sprint("r", last),
			At: at.Add(time.Duration(last)*time.Second + 300*time.Millisecond), LatencyMS: 300, Attempts: h.attempts, Shared: h.shared, Part: h.part,
			Response: fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":%s}]},"finishReason":%q}],"usageMetadata":%s}`, text, calls[last].finish, usage),
		}
		for _, c := range h.calls {
			r.Spent = append(r.Spent, spend(c, int(row.Input.Number)))
		}
		results = append(results, r)
	}
	to, err := journal.Open(journal.Config{Dir: f.spec.StateDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := to.Write(results); err != nil {
		t.Fatal(err)
	}
	return f, calls
}

// Wherever what rows used is read, those that shared a call add up to it.
func TestSharedCallsInOutputAndSummary(t *testing.T) {
	f, calls := packedJob(t)
	var whole price.USD
	var prompt, output, thoughts int64
	for _, c := range calls {
		if c.usage != nil {
			whole += c.dollars()
			prompt, output, thoughts = prompt+c.usage.PromptTokenCount, output+c.usage.CandidatesTokenCount, thoughts+c.usage.Thoughts()
		}
	}
	s := f.mustRun()
	if asked := f.e.Requests(); len(asked) > 0 {
		t.Fatalf("%q were asked, which the journal has", asked)
	}
	want := []string{"bad STOP", "bad STOP", "good STOP", "good STOP", "bad MAX_TOKENS", "good MAX_TOKENS", "good STOP", "bad STOP", "good MAX_TOKENS", "good STOP"}
	if got := f.output("label", "finish_reason"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("labels %q, want %q", got, want)
	}

	job := s.Job
	if amount, unpriced := job.CostUSD(); amount != whole || unpriced != 0 || job.Bill.UnknownRows != 0 {
		t.Errorf("the job cost %d, %d unpriced, want %d", amount, unpriced, whole)
	}
	if m := job.Models; len(m) != 1 || m[0].PromptTokens != prompt || m[0].OutputTokens != output || m[0].ThoughtsTokens != thoughts || m[0].CachedTokens != 503 || m[0].Calls != 5 {
		t.Errorf("%+v, want %d, %d, %d tokens in 5 calls", m, prompt, output, thoughts)
	}
	// Seven calls: the six, and the one that was refused. Three of them asked rows again, besides it.
	if job.Attempts != 7 || job.Retries != 4 || job.Packs != 4 || job.Packed != 8 || job.Unreported != 1 {
		t.Errorf("%d calls, %d of them again, %d shared by %d rows, %d unreported; want 7, 4, 4, 8, 1", job.Attempts, job.Retries, job.Packs, job.Packed, job.Unreported)
	}
	if most := price.USD(501*100_000 + 100*400_000); job.UnreportedMost != most {
		t.Errorf("what was lost may have cost %d, want %d", job.UnreportedMost, most)
	}
	// What did not give rows their answers: the second row's quarter of the first call, and two fifths
	// of the cut one.
	again := calls[0].dollars()/4 + calls[2].dollars()*2/5
	if r := job.Bill.Retries; r.Cost < again-14 || r.Cost > again+14 || r.Calls != 0 || r.Unreported != 1 {
		t.Errorf("calls without an answer cost %+v, want about %d", r, again)
	}

	text, err := os.ReadFile(f.spec.Output)
	if err != nil {
		t.Fatal(err)
	}
	var sum price.USD
	byCall := map[string][4]int64{}
	for line := range bytes.Lines(text) {
		var row struct {
			CostUSD    json.Number `json:"cost_usd"`
			ResponseID string      `json:"response_id"`
			Prompt     int64       `json:"prompt_tokens"`
			Output     int64       `json:"output_tokens"`
			Thoughts   int64       `json:"thoughts_tokens"`
			Total      int64       `json:"total_tokens"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		amount, err := price.ParseUSD(row.CostUSD.String())
		if err != nil {
			t.Fatal(err)
		}
		sum += amount
		all := byCall[row.ResponseID]
		for i, n := range []int64{row.Prompt, row.Output, row.Thoughts, row.Total} {
			all[i] += n
		}
		byCall[row.ResponseID] = all
	}
	if sum != whole {
		t.Errorf("the column cost_usd adds up to %d, want %d", sum, whole)
	}
	for call, id := range []string{1: "r1", 4: "r4", 5: "r5"} { // whose rows all have their answer from it
		if u := calls[call].usage; id != "" && byCall[id] != [4]int64{u.PromptTokenCount, u.CandidatesTokenCount, u.Thoughts(), u.TotalTokenCount} {
			t.Errorf("the rows of call %d used %v, and the call %+v", call, byCall[id], u)
		}
	}

	f.proven("shared calls", 0)
	f.agrees(s)
	status, err := ReadStatus(f.spec.StateDir())
	if err != nil || status.Totals.Share() != job.Share() || status.Attempts != 7 || status.Packed != 8 {
		t.Errorf("the status is %+v, %v, and the summary %+v", status, err, job)
	}
}

// What pages, comparisons, single rows and plans say of rows that shared calls.
func TestSharedCallsInReports(t *testing.T) {
	f, calls := packedJob(t)
	s := f.mustRun()

	o, _, err := OverviewOf(t.Context(), f.spec, Options{Env: noEnv}, 10, func(d *Detail) *Detail { return d })
	if err != nil {
		t.Fatal(err)
	}
	if o.Totals.Share() != s.Job.Share() || o.Packs != 4 || o.Packed != 8 {
		t.Errorf("the overview is %+v, and the summary %+v", o.Totals, s.Job)
	}
	// Latencies are of calls, without those of which no row that is counted has its answer.
	if h := o.Latency; h.Count != 5 || h.Min != 300 {
		t.Errorf("%d latencies, want 5", h.Count)
	}
	if h := o.Input; h.Count != 10 || h.Max != 251 { // a quarter of 1001, rounded up for one row
		t.Errorf("%d prompts of at most %d tokens, want 10 of 251", h.Count, h.Max)
	}

	job, err := View(f.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	file, err := compare.OpenFile(f.spec.Output)
	if err != nil {
		t.Fatal(err)
	}
	found, err := compare.Run(t.Context(), compare.Config{A: &compare.Side{Name: "job", Rows: job.Rows, Labels: true}, B: file})
	if err != nil {
		t.Fatal(err)
	}
	amount, _ := s.Job.CostUSD()
	if found.Changed != 0 || found.Pairs != 10 || found.A.Cost != amount || found.B.Cost != amount || found.A.Tokens != found.B.Tokens || found.A.Latency.Rows != 5 {
		t.Errorf("the job and its output differ: %+v\n%+v", found.A, found.B)
	}

	shown, err := Show(t.Context(), f.spec, Options{Env: noEnv}, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	costs, most := make(map[int]price.USD), price.USD(0)
	for _, d := range shown.Rows {
		var parts price.USD
		for i, a := range d.Spent {
			costs[int(d.Result.Spent[i].At.Unix())] += a.Cost
			parts += a.Cost
			most += a.Most
		}
		if parts != d.Cost || parts != d.Parts.Total() || !d.Priced {
			t.Errorf("row %d costs %d, its attempts %d and its parts %d", d.Input.Number, d.Cost, parts, d.Parts.Total())
		}
	}
	for i, c := range calls {
		if c.usage != nil && costs[int(time.Date(2026, 11, 20, 12, 0, i, 0, time.UTC).Unix())] != c.dollars() {
			t.Errorf("of call %d the rows show %d, want %d", i, costs[i], c.dollars())
		}
	}
	if lost := price.USD(501*100_000 + 100*400_000); most != lost {
		t.Errorf("the rows show %d at most for the lost call, want %d", most, lost)
	}
}

// A plan expects of a row the output and the cost that rows had as their shares.
func TestSharedCallsInPlan(t *testing.T) {
	f, calls := packedJob(t)
	f.mustRun()
	f.input(append(lines(10), "row 10")...)
	p := f.plan()
	if p.New != 1 || p.Settled != 10 {
		t.Fatalf("%+v", p)
	}
	var whole price.USD
	output := int64(0)
	for _, c := range calls {
		if c.usage != nil {
			whole += c.dollars()
			output += c.usage.CandidatesTokenCount + c.usage.Thoughts()
		}
	}
	if p.Price != whole || p.Unpriced != 0 {
		t.Errorf("the plan says that %d was spent, want %d", p.Price, whole)
	}
	// Eleven shares and two calls of a row's own had the output of all calls.
	if p.OutputTokens != output/13 {
		t.Errorf("%d tokens of output are expected of a row, want %d", p.OutputTokens, output/13)
	}
	// Ten rows, of which three and more shared a call, are too few calls to tell how far these
	// differ. TestPilot has more.
	if p.Forecast != nil {
		t.Errorf("the forecast for a row is %+v, of %d calls", p.Forecast, len(calls))
	}
	if p.PerCall != 300*time.Millisecond {
		t.Errorf("a call takes %v", p.PerCall)
	}
}

// Patterns and checks look at a row's own answer. What others have in the answer that they share
// makes none of a row's, and what a row has does, also behind a cut.
func TestSharedAnswersAreJudgedByRow(t *testing.T) {
	f, _ := packedJob(t)
	f.mustRun()
	f.spec.FailIf = spec.List{`"answer"`, "mnp"} // in the whole of an answer, and in no row's
	f.counts("a pattern of the whole answer", "10 0 0 0 10 0 0")
	f.spec.FailIf = spec.List{"^bad$"}
	f.counts("a pattern of four answers", "10 0 0 4 6 0 0")

	f.spec.FailIf, f.spec.Retry = nil, spec.List{"invalid"}
	f.spec.Checks = spec.Checks{{Expr: `response == "good"`}}
	f.counts("a check that four answers fail", "10 0 0 4 6 0 0")
	f.spec.Checks = spec.Checks{{Expr: `finish_reason == "STOP" && len(response) < 5`}}
	f.counts("a check that all fulfil", "10 0 0 0 10 0 0")
}
