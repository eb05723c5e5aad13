package cost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/costtest"
)

// randomResult is a record as a run may write it, with whatever servers report.
func randomResult(r *rand.Rand) *batch.Result {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	count := func() int64 {
		if r.IntN(3) == 0 {
			return 0
		}
		return r.Int64N(300_000)
	}
	split := func() (d []batch.ModalityTokens) {
		for range r.IntN(3) {
			d = append(d, batch.ModalityTokens{Modality: pick("TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT", "SMELL"), TokenCount: count()})
		}
		return d
	}
	res := &batch.Result{
		Endpoint: pick("google", "vertex", "yescale (https://example.org)"),
		Model:    pick("gemini-2.5-flash", "gemini-2.5-pro", "gemini-of-nobody"),
		Status:   batch.Statuses[r.IntN(len(batch.Statuses))],
		At:       time.Date(2026, 11, 29+r.IntN(4), r.IntN(24), 0, 0, 0, time.UTC), FinishReason: pick("", "STOP"),
	}
	for range r.IntN(4) {
		s := batch.Spend{
			At: res.At, Model: pick(res.Model, "gemini-4-argon", "gemini-2.5-flash-image", "gemini-3.1-pro-preview", "gemini-odd"),
			Tier: pick("", "", "flex", "ON_DEMAND", "priority", "PROVISIONED_THROUGHPUT"),
		}
		if r.IntN(4) == 0 {
			if r.IntN(2) == 0 {
				s.Most = &batch.Usage{PromptTokenCount: count(), CandidatesTokenCount: count()}
			}
		} else {
			s.Usage = &batch.Usage{
				PromptTokenCount: count(), CachedContentTokenCount: count(), ToolUsePromptTokenCount: count(), ThoughtsTokenCount: count(),
				CandidatesTokenCount: count(), TotalTokenCount: count(), Searches: r.Int64N(3),
				PromptTokensDetails: split(), CacheTokensDetails: split(), CandidatesTokensDetails: split(), ToolUsePromptTokensDetails: split(),
			}
		}
		res.Spent = append(res.Spent, s)
	}
	res.Attempts = len(res.Spent) + r.IntN(3)
	return res
}

func TestBillAddsUp(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 6))
		table := price.Default()
		if seed%2 == 1 {
			var err error
			if table, err = price.Load(strings.NewReader(`{"multiplier": 0.37, "models": [{"id": "gemini-odd", "per_request": 0.0125}]}`)); err != nil {
				t.Fatal(err)
			}
		}
		var all cost.Totals
		var sum, retried price.USD
		var calls, unknown, unreported int64
		for range 200 {
			res, last := randomResult(r), r.IntN(5) > 0
			var amount price.USD
			if last {
				amount, _ = all.AddResult(res, table)
			} else {
				amount, _ = all.AddSuperseded(res, table, res.Status)
			}
			sum += amount
			for i, s := range res.Spent {
				if s.Usage == nil {
					unreported++
					continue
				}
				calls++
				c, ok := cost.Of(table, &s, res.Model)
				if !ok {
					unknown++
				}
				// All but the last attempt of a row that has a result of its own.
				answered := slices.Contains([]batch.Status{batch.OK, batch.Truncated, batch.Blocked, batch.Empty, batch.Invalid, batch.Skipped}, res.Status)
				if !last || !answered || i < len(res.Spent)-1 {
					retried += c
				}
			}
		}
		costtest.CheckBill(t, &all)
		whole := all.Share()
		if whole.Cost != sum || whole.Calls != calls || whole.Unknown != unknown || whole.Unreported != unreported || all.Bill.Retries.Cost != retried {
			t.Errorf("seed %d: %+v, and one by one %s in %d calls, %d unknown, %d unreported, %s of it retries", seed, whole, sum, calls, unknown, unreported, retried)
		}
		if sum == 0 || unknown == 0 || calls == unknown || retried == 0 {
			t.Errorf("seed %d proves nothing: %s", seed, sum)
		}

		// The manifest keeps it.
		text, err := json.Marshal(&all)
		var again cost.Totals
		if err == nil {
			err = json.Unmarshal(text, &again)
		}
		if err != nil {
			t.Fatal(err)
		}
		costtest.CheckBill(t, &again)
		if again.Share() != whole || again.Bill.Parts != all.Bill.Parts || again.Bill.Retries != all.Bill.Retries {
			t.Errorf("seed %d: read again it is %+v", seed, again.Bill)
		}
	}
}

// TestRetryCost tells the attempt that gave a row its result from those before it.
func TestRetryCost(t *testing.T) {
	begin := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	used := &batch.Usage{PromptTokenCount: 100} // 10 millionths of a dollar
	for _, tt := range []struct {
		name    string
		status  batch.Status
		finish  string
		spent   []time.Duration // when attempts began; the last of all began at 10 s
		retries int64
	}{
		{"the first attempt answers", batch.OK, "STOP", []time.Duration{10 * time.Second}, 0},
		{"the third does", batch.OK, "STOP", []time.Duration{0, 5 * time.Second, 10 * time.Second}, 2},
		{"a blocked prompt", batch.Blocked, "", []time.Duration{10 * time.Second}, 0},
		{"refused after an answer that was none", batch.Blocked, "", []time.Duration{0}, 1},
		{"a change is refused, and the answer before it stands", batch.Truncated, "MAX_TOKENS", []time.Duration{0}, 0},
		{"it fails", batch.Failed, "OTHER", []time.Duration{0, 10 * time.Second}, 2},
		{"the API refuses it in the end", batch.Rejected, "", []time.Duration{0}, 1},
		{"the run ends before", batch.Pending, "", []time.Duration{0, 5 * time.Second}, 2},
	} {
		r := &batch.Result{Status: tt.status, FinishReason: tt.finish, Model: "gemini-2.5-flash-lite", At: begin.Add(10*time.Second + 1234567), LatencyMS: 1}
		for _, d := range tt.spent {
			r.Spent = append(r.Spent, batch.Spend{At: begin.Add(d), Model: r.Model, Usage: used})
		}
		var all cost.Totals
		all.AddResult(r, price.Default())
		if got := all.Bill.Retries; got.Calls != tt.retries || got.Cost != price.USD(tt.retries)*10_000_000 {
			t.Errorf("%s: %+v, want %d", tt.name, got, tt.retries)
		}
	}
}

// slowModel answers after an hour.
type slowModel struct{}

func (slowModel) Attempt(context.Context, *batch.Request) batch.Outcome {
	time.Sleep(time.Hour)
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(`{}`), ModelVersion: "dear", FinishReason: "STOP",
		Usage: &batch.Usage{PromptTokenCount: 1_000_000, CandidatesTokenCount: 1_000_000},
	}
}

type freeLimiter struct{}

func (freeLimiter) Acquire(context.Context, *batch.Request) error { return nil }

func (freeLimiter) Release(*batch.Request, *batch.Outcome) {}

type nullSink struct{}

func (nullSink) Write([]*batch.Result) error { return nil }

// TestPriceChangesInARun asks from 16:00 on in Los Angeles, where the price changes at
// midnight: a call that began before it is at the old price, whenever it ends.
func TestPriceChangesInARun(t *testing.T) {
	table, err := price.Load(strings.NewReader(`{"models": [{"id": "dear", "periods": [
	  {"until": "1999-12-31", "tiers": [{"standard": {"input_text": 1, "output_text": 10}}]},
	  {"from": "2000-01-01", "tiers": [{"standard": {"input_text": 2, "output_text": 20}}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		if start := time.Now().UTC().Format(time.RFC3339); start != "2000-01-01T00:00:00Z" {
			t.Fatalf("the clock starts at %s", start)
		}
		var all cost.Totals
		err := batch.Run(t.Context(), batch.Config{
			Model: slowModel{}, Limiter: freeLimiter{}, Sink: nullSink{}, Endpoint: "google", Concurrency: 1,
			OnResult: func(r *batch.Result) { all.AddResult(r, table) },
		}, func(yield func(*batch.Request, error) bool) {
			for i := range int64(12) {
				body := fmt.Appendf(nil, `{"contents":[{"parts":[{"text":"%d"}]}]}`, i)
				f, err := batch.FingerprintOf("dear", body)
				if !yield(&batch.Request{Row: i, Model: "dear", Body: body, Fingerprint: f}, err) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		// 16, 17, ... 23 o'clock at 11 dollars, and 0 to 3 o'clock at 22.
		if cost, unpriced := all.CostUSD(); cost != (8*11+4*22)*price.Dollar || unpriced != 0 {
			t.Errorf("12 calls cost %s, want 176", cost)
		}
		costtest.CheckBill(t, &all)
	})
	// And the built-in table, to the nanosecond; December is on standard time.
	midnight := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{midnight.Add(-1): "12", midnight: "24"} {
		var all cost.Totals
		cost, known := all.AddResult(&batch.Result{Status: batch.OK, Spent: []batch.Spend{{At: at, Model: "gemini-4-argon", Usage: &batch.Usage{PromptTokenCount: 1_000_000, CandidatesTokenCount: 1_000_000}}}}, price.Default())
		if !known || cost.String() != want {
			t.Errorf("at %s it costs %s, want %s", at, cost, want)
		}
	}
}
