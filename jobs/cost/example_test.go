package cost_test

import (
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A row was asked twice: its first answer was cut off by an outage of the endpoint, and
// nobody knows what that attempt used.
func ExampleTotals() {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	result := &batch.Result{
		Status: batch.OK, Endpoint: "google", Model: "gemini-2.5-flash", FinishReason: "STOP", At: at, Attempts: 2,
		Spent: []batch.Spend{
			{At: at, Model: "gemini-2.5-flash", Most: &batch.Usage{PromptTokenCount: 1000, CandidatesTokenCount: 200}},
			{At: at, Model: "gemini-2.5-flash", Usage: &batch.Usage{PromptTokenCount: 800, CandidatesTokenCount: 40, TotalTokenCount: 840}},
		},
	}
	var totals cost.Totals
	totals.AddStatus(result.Status)
	amount, known := totals.AddResult(result, price.Default())
	fmt.Println("the row cost", amount, known)
	fmt.Println("attempts:", totals.Attempts, "of", totals.Rows, "row")
	fmt.Println("unreported:", totals.Unreported, "attempt, at most", totals.UnreportedMost)
	fmt.Println("retries may have cost", totals.Bill.Retries.Most)
	// Output:
	// the row cost 0.00034 true
	// attempts: 2 of 1 row
	// unreported: 1 attempt, at most 0.0008
	// retries may have cost 0.0008
}

// A request that is still to be sent is priced as an attempt that used the most.
func ExampleMost() {
	call := &batch.Spend{
		At: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Model: "gemini-2.5-flash", Tier: "flex",
		Most: &batch.Usage{PromptTokenCount: 1000, CandidatesTokenCount: 200},
	}
	amount, known := cost.Most(price.Default(), call, call.Model)
	fmt.Println(amount, known)
	// Output: 0.0004 true
}
