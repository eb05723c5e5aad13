package cost_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/costtest"
)

// shared returns the results of so many rows that have shared all attempts of one.
func shared(r *batch.Result, rows int) []*batch.Result {
	all := make([]*batch.Result, rows)
	for row := range all {
		one := *r
		one.Spent = nil
		for _, s := range r.Spent {
			s.Share = batch.Share{Row: row, Of: rows}
			one.Spent = append(one.Spent, s)
		}
		if row > 0 {
			one.Shared = one.Attempts
		}
		all[row] = &one
	}
	return all
}

// TestSharesAddUp holds the totals of rows that have shared calls against those of the same calls
// for one row each: whatever servers report, and whatever became of the rows, all of it is the same
// to the last pico-dollar and token.
func TestSharesAddUp(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 20))
		table := price.Default()
		if seed%2 == 1 {
			var err error
			if table, err = price.Load(strings.NewReader(`{"multiplier": 0.37, "models": [{"id": "gemini-odd", "per_request": 0.0125}]}`)); err != nil {
				t.Fatal(err)
			}
		}
		var whole, rows cost.Totals
		var sum price.USD
		for range 100 {
			res := randomResult(r)
			whole.AddResult(res, table)
			for i, one := range shared(res, 2+r.IntN(40)) {
				one.Status = batch.Statuses[r.IntN(len(batch.Statuses))]
				before := rows.Bill.Parts
				amount, known := rows.AddResult(one, table)
				sum += amount
				added := rows.Bill.Parts.Total() - before.Total()
				var spent price.USD
				for i := range one.Spent {
					if one.Spent[i].Usage != nil {
						c, _ := cost.Of(table, &one.Spent[i], one.Model)
						spent += c
					}
				}
				if amount != added || amount != spent || amount < 0 {
					t.Fatalf("row %d costs %d, its parts %d and its attempts %d", i, amount, added, spent)
				}
				if last := len(one.Spent) - 1; last >= 0 && one.Spent[last].Usage == nil && known {
					t.Fatal("the cost of a row is known whose call did not report any")
				}
			}
		}
		costtest.CheckBill(t, &rows)
		if got, want := rows.Share(), whole.Share(); got != want || sum != want.Cost {
			t.Errorf("seed %d: the rows come to %+v and one by one to %d, and the calls to %+v", seed, got, sum, want)
		}
		if !reflect.DeepEqual(rows.Models, whole.Models) || !reflect.DeepEqual(rows.Bill.Tiers, whole.Bill.Tiers) || rows.Bill.Parts != whole.Bill.Parts || rows.Attempts != whole.Attempts {
			t.Errorf("seed %d:\nrows  %+v %+v %+v %d\ncalls %+v %+v %+v %d", seed,
				rows.Models, rows.Bill.Tiers, rows.Bill.Parts, rows.Attempts, whole.Models, whole.Bill.Tiers, whole.Bill.Parts, whole.Attempts)
		}
		if calls := whole.Share(); rows.Packs != calls.Calls+calls.Unreported || whole.Packs != 0 {
			t.Errorf("seed %d: %d calls were shared, want %d", seed, rows.Packs, calls.Calls+calls.Unreported)
		}
	}
}

// TestShareIsPricedByTheWhole has 100 rows share a prompt of more than 200,000 tokens, which
// costs twice as much as a shorter one: the share of each row does, too. By hand from
// https://ai.google.dev/gemini-api/docs/pricing: $2.50 and $15 for a million tokens.
func TestShareIsPricedByTheWhole(t *testing.T) {
	var all cost.Totals
	for row := range 100 {
		s := batch.Spend{
			At: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Model: "gemini-2.5-pro", Share: batch.Share{Row: row, Of: 100},
			Usage: &batch.Usage{PromptTokenCount: 250_001, CandidatesTokenCount: 700, TotalTokenCount: 251_000},
		}
		amount, known := all.AddResult(&batch.Result{Status: batch.OK, FinishReason: "STOP", Model: s.Model, Part: "bcd", Attempts: 1, Shared: min(row, 1), Spent: []batch.Spend{s}}, price.Default())
		// A hundredth of 250,001 tokens at 2.5 and of 700 + 299 at 15 millionths of a dollar.
		if want := price.USD(2500_01*25_000 + 999*150_000); !known || amount != want {
			t.Errorf("row %d costs %d, %v, want %d", row, amount, known, want)
		}
	}
	m := all.Models[0]
	if m.Calls != 1 || m.PromptTokens != 250_001 || m.OutputTokens != 700 || m.ThoughtsTokens != 299 || all.Attempts != 1 || all.Retries != 0 || all.Packed != 100 || all.Packs != 1 {
		t.Errorf("%+v, %+v", m, all)
	}
}

// TestCallsOfPacks counts calls: one to three rows that was refused first, of which the second row
// was asked again alone, twice.
func TestCallsOfPacks(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	pack := func(row int) batch.Spend {
		return batch.Spend{At: at, Model: "gemini-2.5-flash-lite", Usage: &batch.Usage{PromptTokenCount: 100}, Share: batch.Share{Row: row, Of: 3}}
	}
	alone := batch.Spend{At: at, Model: "gemini-2.5-flash-lite", Usage: &batch.Usage{PromptTokenCount: 50}}
	var all cost.Totals
	for _, r := range []*batch.Result{
		{Status: batch.OK, FinishReason: "STOP", Part: "bcd", Attempts: 2, Spent: []batch.Spend{pack(0)}},
		{Status: batch.OK, FinishReason: "STOP", Attempts: 4, Shared: 2, Spent: []batch.Spend{pack(1), alone}},
		{Status: batch.OK, FinishReason: "STOP", Part: "fgh", Attempts: 2, Shared: 2, Spent: []batch.Spend{pack(2)}},
	} {
		all.AddResult(r, price.Default())
	}
	if all.Attempts != 4 || all.Retries != 3 || all.Packs != 1 || all.Packed != 2 || all.Models[0].Calls != 2 {
		t.Errorf("%d calls, %d of them again, %d shared by %d rows, %d billed; want 4, 3, 1, 2, 2", all.Attempts, all.Retries, all.Packs, all.Packed, all.Models[0].Calls)
	}
	// A third of 100 tokens at a tenth of a millionth of a dollar gave the second row nothing.
	if r := all.Bill.Retries; r.Cost != 3_333_333 || r.Calls != 0 {
		t.Errorf("%+v", r)
	}
}
