package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// Job.Run returns the summary of a run. fmt prints its text.
func ExampleSummary() {
	s := &jobs.Summary{
		Elapsed: 4 * time.Second,
		Run: jobs.Totals{
			Rows: 120, Status: map[batch.Status]int64{batch.OK: 119, batch.Blocked: 1}, Attempts: 121, Retries: 1,
			Models: []jobs.ModelTotals{{Model: "gemini-2.5-flash-lite", Calls: 120, PromptTokens: 6000, OutputTokens: 240, Cost: price.Dollar / 1000}},
		},
	}
	fmt.Print(report.Summary{Summary: s, Total: 200})
	// Output:
	//   rows                   119 ok, 1 blocked, 80 left
	//   this run               121 requests, 1 of them retries in 4.0 s, 30 rows/s
	//   gemini-2.5-flash-lite  6,000 tokens in (0 cached), 240 out (0 thinking),
	//                          $0.0010
	//   cost                   $0.0010 in this run
}

// Job.Plan returns a plan, which is shown together with the job's Spec.
func ExamplePlan() {
	p := &jobs.Plan{Rows: 2000, New: 2000, Calls: 2000, InputTokens: 90_000, Priced: true, InputCost: 9 * price.Dollar / 1000}
	spec := &jobs.Spec{TPM: 30_000}
	p.Pace = []jobs.Pace{{Model: "gemini-2.5-flash-lite", Rows: 2000, Calls: 2000, Tokens: 90_000}}
	fmt.Print(report.Plan{Plan: p, Spec: spec})
	// Output:
	// rows    2,000: 2,000 to ask, 0 settled, 0 bad
	// input   about 90,000 tokens
	// output  not known before the first answers
	// cost    about $0.0090 for the input, plus the output; nothing bounds it:
	//         --max-output-tokens would
	// time    at least 3m0s at 30,000 tokens a minute
}

// Each record is one JSON object, such as a line of a log.
func ExampleProgress() {
	p := &jobs.Progress{Settled: 20, Run: jobs.Totals{Rows: 40}}
	line := report.Progress{Progress: p, Total: 100, RowRate: 2}
	fmt.Println(line)

	text, err := json.Marshal(line)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	var object struct {
		Type        string
		Rows, Total int
		LeftSeconds float64 `json:"eta_seconds"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Println(object)
	// Output:
	// 60/100 rows (60 %)  about 20s left  2.0/s  $0.00  0 tokens
	// {progress 60 100 20}
}
