package report

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// aRun is a run of four rows: with a retry, an attempt that was cut, a call of unknown
// price, two endpoints and two tiers.
func aRun() *jobs.Totals {
	return &jobs.Totals{
		Rows:     4,
		Status:   map[batch.Status]int64{batch.OK: 3, batch.Failed: 1},
		Labels:   jobs.LabelCounts{"": {"yes": 2, "": 1}},
		Problems: map[string]int64{"failed: 500 <internal>": 1},
		Attempts: 6, Retries: 2, Changed: 1,
		Copied: 1, Saved: price.Dollar / 1000,
		Models: []jobs.ModelTotals{
			{
				Model: "gemini-a", Calls: 4, PromptTokens: 1200, CachedTokens: 300, ToolTokens: 20, ThoughtsTokens: 50, OutputTokens: 400,
				Searches: 2, SearchFee: price.Dollar / 100, Cost: price.Dollar / 4,
			},
			{Model: "gemini-b", Calls: 1, PromptTokens: 10, OutputTokens: 5, Unknown: 1},
		},
		Unreported: 1, UnreportedMost: price.Dollar / 500,
		Bill: jobs.Bill{
			Endpoints: map[string]jobs.Share{"google": {Calls: 4, Cost: price.Dollar / 4}, "vertex": {Calls: 1, Unknown: 1}},
			Statuses: map[batch.Status]jobs.Share{
				batch.OK:     {Calls: 4, Cost: price.Dollar / 5, Unknown: 1},
				batch.Failed: {Calls: 1, Cost: price.Dollar / 20, Unreported: 1, Most: price.Dollar / 500},
			},
			Tiers: []jobs.TierTotals{
				{Tier: "flex", Calls: 3, Cost: price.Dollar / 10, Standard: price.Dollar / 5},
				{Tier: "standard", Calls: 2, Cost: 3 * price.Dollar / 20, Standard: 3 * price.Dollar / 20, Unknown: 1},
			},
			Parts: price.Parts{
				Input: price.Dollar / 20, Cached: price.Dollar / 200, CacheSaved: price.Dollar / 50, Tool: price.Dollar / 1000,
				Output: price.Dollar / 10, Thinking: price.Dollar / 25, Searches: price.Dollar / 100,
			},
			Retries: jobs.Share{Calls: 1, Cost: price.Dollar / 20},
		},
	}
}

// oneRow is the run of one row of which everything is known.
func oneRow() jobs.Totals {
	return jobs.Totals{
		Rows: 1, Status: map[batch.Status]int64{batch.OK: 1}, Attempts: 1,
		Models: []jobs.ModelTotals{{Model: "gemini-a-simulated", Simulated: true, Calls: 1, PromptTokens: 8, OutputTokens: 3, Cost: 2_000_000}},
		Bill: jobs.Bill{
			Endpoints: map[string]jobs.Share{"sim": {Calls: 1, Cost: 2_000_000}}, Statuses: map[batch.Status]jobs.Share{batch.OK: {Calls: 1, Cost: 2_000_000}},
			Tiers: []jobs.TierTotals{{Tier: "standard", Calls: 1, Cost: 2_000_000, Standard: 2_000_000}},
			Parts: price.Parts{Input: 800_000, Output: 1_200_000},
		},
	}
}

// anEvaluation compares four rows with two labels, one of which is wrong.
func anEvaluation() *jobs.Evaluation {
	score := func(p, r, f float64) jobs.Scores { return jobs.Scores{Precision: &p, Recall: &r, F1: &f} }
	return &jobs.Evaluation{
		Expected: "label", Column: "label", Kind: "label", Rows: 4, Correct: 2, NoLabel: 1,
		Excluded: jobs.Excluded{Missing: 1, Unknown: 2, Values: map[string]int64{"maybe": 2}, Examples: 1},
		Accuracy: new(0.5), Interval: &[2]float64{0.15, 0.85}, Micro: score(0.75, 0.5, 0.6),
		LabelFigures: jobs.LabelFigures{
			Macro: score(0.75, 0.5, 0.5), Weighted: score(0.75, 0.5, 0.5),
			Labels: []jobs.LabelScores{
				{Label: "yes", Expected: 2, Given: 2, Correct: 1, Scores: score(0.5, 0.5, 0.5)},
				{Label: "no", Expected: 2, Given: 1, Correct: 1, Scores: jobs.Scores{Recall: new(0.5)}},
			},
			Confusion: map[string]map[string]int64{"yes": {"yes": 1, "": 1}, "no": {"no": 1, "yes": 1}},
		},
		Calibration: &jobs.Calibration{Error: new(0.25), Brier: new(0.125), Bands: []jobs.ConfidenceBand{{From: 0.5, To: 0.6, Rows: 1, Accuracy: 0, Mean: 0.55}, {From: 0.9, To: 1, Rows: 2, Correct: 2, Accuracy: 1, Mean: 0.95}},
			Calibrated: &jobs.Calibrated{Rows: 1200, Error: 0.0625, Brier: 0.1, Curve: []jobs.CurvePoint{{Confidence: 0.55}, {Confidence: 0.95, Calibrated: 1}}}},
	}
}

func aStatus() *jobs.Status {
	at := time.Date(2026, 11, 2, 8, 30, 0, 0, time.UTC)
	return &jobs.Status{
		State: "out.csv.genbatch", Output: "out.csv",
		Running: &jobs.Owner{PID: 42, Host: "here", Since: at, Command: "genbatch"}, LastSeq: 3, LastAt: at.Add(time.Minute), Totals: oneRow(),
		Damage: []journal.Damage{{Segment: "00000001.log", Line: 2, Offset: 80, Detail: "the checksum does not match"}},
		Input:  &jobs.InputStatus{Rows: 3001, Settled: 1, Left: 3000}, Rate: 12.5, Left: 4 * time.Minute,
	}
}

func aPlan(now time.Time) *jobs.Plan {
	return &jobs.Plan{
		Rows: 2000, New: 1200, Changed: 5, Again: 3, Settled: 790, Bad: 2, Copied: 10, Calls: 1208, Orphaned: 7, BadRows: []string{"in.csv:3: no column body"},
		InputTokens: 60_000, InputCost: price.Dollar / 100, Priced: true,
		Outlook: jobs.Outlook{
			Answered: 50, OutputTokens: 12_000, OutputCost: price.Dollar / 50,
			Forecast: &jobs.Forecast{Answers: 50, Mean: 3 * price.Dollar / 100, Low: price.Dollar / 40, High: price.Dollar / 20}, Standard: 1, Flex: 0.5, Batch: 0.5,
			PerCall: 800 * time.Millisecond,
			Pace: []jobs.Pace{
				{Model: "gemini-a", Rows: 1200, Calls: 1200, Tokens: 60_000, Known: quota.Known{
					Learned: []quota.Learned{{Limit: quota.LimitRPD, Value: 500, At: now.Add(-2 * time.Hour)}}, Used: 100, Reset: now.Add(8 * time.Hour)}},
				{Model: "gemini-b", Rows: 8, Calls: 8, Tokens: 400, Known: quota.Known{ParkedUntil: now.Add(8 * time.Hour), Reset: now.Add(8 * time.Hour)}},
			},
		},
		MaxOutputTokens: 1_208_000, MaxOutputCost: price.Dollar / 2,
		First: json.RawMessage(`{"contents":[{"parts":[{"text":"a < b"}]}]}`), FirstModel: "gemini-a", FirstAt: "in.csv:2",
		Price: price.Dollar / 200, Unpriced: 1, Tier: "standard",
		Compared: &jobs.Comparison{Of: "forecast", Standard: 3 * price.Dollar / 100, Flex: 3 * price.Dollar / 200, Batch: 3 * price.Dollar / 200},
	}
}

// aBatchPlan is a plan without answers in the tier batch.
func aBatchPlan() *jobs.Plan {
	return &jobs.Plan{
		Rows: 50_000, New: 50_000, Calls: 50_000, InputTokens: 40_000_000, InputCost: 15 * price.Dollar, Priced: true, MaxOutputTokens: 5_000_000, MaxOutputCost: 37 * price.Dollar, Tier: "batch",
		Outlook: jobs.Outlook{PerCall: time.Second, Pace: []jobs.Pace{{Model: "gemini-3.6-flash", Rows: 50_000, Calls: 50_000, Tokens: 40_000_000, Known: quota.Known{
			Learned: []quota.Learned{{Limit: quota.LimitRPD, Value: 500}}, Used: 100, Reset: time.Now().Add(8 * time.Hour)}}}},
		Compared: &jobs.Comparison{Of: "max_cost", Standard: 104 * price.Dollar, Batch: 52 * price.Dollar},
		Batches:  &jobs.Batches{Jobs: 14, Bytes: 162_500_000, Bound: "tokens", Most: 3_000_000, Next: 400_000_000, AsOf: "2026-08-18"},
	}
}

// aWaysPlan is a plan after a pilot, of a job with right answers. All rows of its calls at 25 rows a
// call were the same but for one call.
func aWaysPlan(now time.Time) *jobs.Plan {
	pace := func(calls, tokens int64) []jobs.Pace {
		return []jobs.Pace{{Model: "gemini-a", Rows: 2800, Calls: calls, Tokens: tokens, Known: quota.Known{Used: 232, Reset: now.Add(8 * time.Hour)}}}
	}
	p := &jobs.Plan{
		Rows: 3000, New: 2800, Settled: 200, Calls: 2800, InputTokens: 364_000, InputCost: price.Dollar / 10, Priced: true, Elsewhere: 400, ElsewherePrice: price.Dollar / 50,
		Outlook: jobs.Outlook{Answered: 200, OutputTokens: 14_000, OutputCost: price.Dollar / 20, PerCall: 800 * time.Millisecond, Pace: pace(2800, 364_000)},
		Price:   price.Dollar / 90,
	}
	p.Compares = true
	p.LeftOut = []string{"flex: its price is not known for this model"}
	p.Ways = []jobs.Way{
		{RowsPerCall: 1, Tier: "standard", Chosen: true, Rows: 2800, Calls: 2800, InputTokens: 364_000, OutputTokens: 14_000, Answered: 200, Cost: 15 * price.Dollar / 100, Of: "cost",
			PerCall: 800 * time.Millisecond, Pace: pace(2800, 364_000), Measured: &jobs.Measured{Rows: 200, Calls: 200, Same: 200, Labelled: 180, Right: 160, Accuracy: &[2]float64{0.834, 0.931}, MidP: 1}},
		{RowsPerCall: 1, Tier: "batch", Rows: 2800, Calls: 2800, InputTokens: 364_000, Answered: 200, Cost: 75 * price.Dollar / 1000, Of: "cost", Batches: &jobs.Batches{Jobs: 1, Bytes: 4_000_000}},
		{RowsPerCall: 25, Tier: "standard", Rows: 2800, Calls: 112, InputTokens: 133_000, OutputTokens: 42_000, Answered: 200, Cost: 6 * price.Dollar / 100, Of: "cost", PerCall: 3 * time.Second, Pace: pace(112, 133_000),
			Measured: &jobs.Measured{Rows: 198, Calls: 8, Same: 190, Agreement: &[2]float64{0.814, 0.998}, Labelled: 180, Right: 152, Accuracy: &[2]float64{0.77, 0.905}, OnlyOne: 11, OnlyThis: 3, MidP: 0.035}},
		{RowsPerCall: 25, Tier: "batch", Rows: 2800, Calls: 112, InputTokens: 133_000, Answered: 200, Cost: 3 * price.Dollar / 100, Of: "cost", Batches: &jobs.Batches{Jobs: 1, Bytes: 500_000}},
		{RowsPerCall: 50, Tier: "standard", Rows: 3000, Calls: 60, InputTokens: 131_000, OutputTokens: 60_000, Cost: 8 * price.Dollar / 100, Of: "cost", Pace: pace(60, 131_000)},
	}
	return p
}

func wouldPrune() Pruned {
	return Pruned{
		Pruned: &jobs.Pruned{
			State: "out.csv.genbatch", Results: 1200, Bytes: 65_536, Orphaned: 1000, Superseded: 200, Kept: 8, Damage: 1, Again: 4, Compared: true, Bad: 2, Removed: oneRow(),
		},
		Pruning: jobs.Pruning{Orphaned: true, DryRun: true},
	}
}

func endedEarly() Summary {
	return Summary{
		Summary: &jobs.Summary{
			Elapsed: 90 * time.Second, Settled: 6, Bad: 1, Copied: 1, ListPriced: true, Asked: []string{"flex", "standard"}, Run: *aRun(),
			Learned: []quota.Learned{{Model: "gemini-a", Limit: quota.LimitRPM, Value: 60, At: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)}},
		},
		Total: 20, Err: errors.New("2 of 4 rows failed"), ExitCode: 8,
	}
}
