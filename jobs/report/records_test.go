package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// shown is what every type of this package is that has a JSON.
type shown interface {
	fmt.Stringer
	json.Marshaler
}

// The text and the JSON of each record, to the byte: programs read both.
func TestRecords(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // the text has local times
	t.Cleanup(func() { time.Local = local })

	finished := oneRow()
	finished.Evaluations = []*jobs.Evaluation{anEvaluation()}
	finished.Written = 1
	tests := []struct {
		name   string
		record func(now time.Time) shown
		text   string
		json   string // with white space
	}{
		{
			name:   "a run that ended early",
			record: func(time.Time) shown { return endedEarly() },
			text: `
  rows            3 ok, 1 failed, 8 left
                  1 failed: 500 <internal>
  labels          yes 2 (66.7%), none of them 1 (33.3%)
  settled before  6 rows, not asked again
  copied          1 row from identical ones, which saved $0.0010
  this run        6 requests, 2 of them retries in 1m30s, 0.0 rows/s
  changed         1 row answered after the request was changed: see "note" in
                  the journal
  learned         60 rpm from the server's refusal
  gemini-a        1,220 tokens in (300 cached), 450 out (50 thinking), $0.25
  gemini-b        10 tokens in (0 cached), 5 out (0 thinking), cost unknown
  tier flex       3 calls, $0.10, $0.10 less than in the standard tier
  tier standard   2 calls, at least $0.15 (without 1 call of unknown price)
  not reported    1 attempt cut before it was known what was used, and possibly
                  billed as well: the bound, if each made the longest answer
                  that it could, is $0.0020
  search fees     $0.010 of the cost, for 2 searches, before the free allowance
                  (see genbatch prices MODEL)
  cost            at least $0.25 (without 1 call of unknown price) in this run
                  at Google's list price; the gateway charges its own (see
                  --prices)
  of it           thinking $0.040 (16.0%)
  retries         $0.050 for 1 attempt that gave no final answer (20.0%)
  rows not ok     failed $0.050
  cache           24.8% of the input, which saved $0.020
  endpoints       google $0.25, vertex cost unknown
`,
			json: `{
				"bad": 1,
				"copied": 1,
				"error": "2 of 4 rows failed",
				"exit_code": 8,
				"learned": [{"model": "gemini-a", "limit": "rpm", "value": 60, "at": "2026-11-02T08:00:00Z"}],
				"list_priced": true,
				"output": "",
				"rows_per_second": 0.044444444444444446,
				"run": {
					"by_endpoint": {"google": {"calls": 4, "known_cost_usd": 0.25, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}, "vertex": {"calls": 1, "known_cost_usd": 0, "unpriced_calls": 1, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"by_part_usd": {"cached_input": 0.005, "input": 0.05, "output": 0.1, "requests": 0, "searches": 0.01, "thinking": 0.04, "tool_input": 0.001},
					"by_status": {"failed": {"calls": 1, "known_cost_usd": 0.05, "unpriced_calls": 0, "unreported_attempts": 1, "unreported_most_usd": 0.002}, "ok": {"calls": 4, "known_cost_usd": 0.2, "unpriced_calls": 1, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"cache_saved_usd": 0.02,
					"changed_rows": 1,
					"copied_rows": 1,
					"cost_usd": null,
					"known_cost_usd": 0.25,
					"labels": {"": 1, "yes": 2},
					"models": [{"cached_tokens": 300, "calls": 4, "cost_usd": 0.25, "model": "gemini-a", "output_tokens": 400, "prompt_tokens": 1200, "search_fees_usd": 0.01, "searches": 2, "simulated": false, "thoughts_tokens": 50, "tool_tokens": 20, "unpriced_calls": 0}, {"cached_tokens": 0, "calls": 1, "cost_usd": null, "model": "gemini-b", "output_tokens": 5, "prompt_tokens": 10, "search_fees_usd": 0, "searches": 0, "simulated": false, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 1}],
					"problems": {"failed: 500 \u003cinternal\u003e": 1},
					"requests": 6,
					"retries": 2,
					"retries_cost": {"calls": 1, "known_cost_usd": 0.05, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
					"rows": 4,
					"saved_usd": 0.001,
					"status": {"failed": 1, "ok": 3},
					"tiers": [{"calls": 3, "cost_usd": 0.1, "saved_usd": 0.1, "standard_usd": 0.2, "tier": "flex", "unpriced_calls": 0}, {"calls": 2, "cost_usd": null, "saved_usd": null, "standard_usd": null, "tier": "standard", "unpriced_calls": 1}],
					"unpriced_calls": 1,
					"unreported_attempts": 1,
					"unreported_most_usd": 0.002
				},
				"seconds": 90,
				"settled_before": 6,
				"settled_before_saved_usd": 0,
				"simulated": false,
				"type": "summary",
				"unchanged": false
			}`,
		},
		{
			name: "a run to the end",
			record: func(time.Time) shown {
				return Summary{Summary: &jobs.Summary{
					Output: "out.csv", Elapsed: 2 * time.Second, Simulated: true, Settled: 1, Kept: 2_000_000, Run: jobs.Totals{}, Job: &finished,
					Forecast: &jobs.Forecast{Answers: 5, Mean: 2_000_000, Low: 1_000_000, High: 3_000_000},
				}}
			},
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
Wrote out.csv: 1 row
  rows                1 ok
  settled before      1 row, not asked again, which saved $0.0000020
  cost of these rows  $0.0000020
  forecast            $0.0000020 by the pilot, 90 %: $0.0000010 to $0.0000030

Compared with the column label:
  accuracy       50.0% (2 of 4 rows; 95% interval 15.0% to 85.0%)
  no label       1 row: not ok, and counted as wrong
  not compared   1 row without an expected label, 2 rows whose expected label is
                 none of the job's ("maybe" 2), 1 row that the model was shown
                 as examples
  by confidence  0.9 to 1.0: 100.0% right of 2, 0.5 to 0.6: 0.0% right of 1
                 (calibration error 0.25, calibrated 0.06)
  Brier score    0.125, calibrated 0.100 (cross-validated over 1,200 rows)

                    precision  recall     F1  expected  given
               yes      0.500   0.500  0.500         2      2
                no          –   0.500      –         2      1
     macro average      0.750   0.500  0.500
  weighted average      0.750   0.500  0.500
     micro average      0.750   0.500  0.600

    expected \ given  a  b  none
             yes = a  1  .     1
              no = b  1  1     .

  expected, but given: no → yes 1, yes → no label 1
`,
			json: `{
				"bad": 0,
				"copied": 0,
				"exit_code": 0,
				"forecast": {"answers": 5, "high_usd": 0.000003, "low_usd": 0.000001, "mean_usd": 0.000002},
				"job": {
					"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
					"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"cache_saved_usd": 0,
					"changed_rows": 0,
					"cost_usd": 0.000002,
					"evaluation": {"expected": "label", "column": "label", "kind": "label", "rows": 4, "correct": 2, "no_label": 1, "not_compared": {"without_expected": 1, "unknown_expected": 2, "unknown_values": {"maybe": 2}, "examples": 1}, "accuracy": 0.5, "accuracy_interval_95": [0.15, 0.85], "micro": {"precision": 0.75, "recall": 0.5, "f1": 0.6}, "macro": {"precision": 0.75, "recall": 0.5, "f1": 0.5}, "weighted": {"precision": 0.75, "recall": 0.5, "f1": 0.5}, "labels": [{"label": "yes", "expected": 2, "given": 2, "correct": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5}, {"label": "no", "expected": 2, "given": 1, "correct": 1, "precision": null, "recall": 0.5, "f1": null}], "confusion": {"no": {"no": 1, "yes": 1}, "yes": {"": 1, "yes": 1}}, "calibration": {"expected_calibration_error": 0.25, "brier_score": 0.125, "bands": [{"from": 0.5, "to": 0.6, "rows": 1, "correct": 0, "accuracy": 0, "mean_confidence": 0.55}, {"from": 0.9, "to": 1, "rows": 2, "correct": 2, "accuracy": 1, "mean_confidence": 0.95}],
						"calibrated": {"rows": 1200, "expected_calibration_error": 0.0625, "brier_score": 0.1, "curve": [{"confidence": 0.55, "calibrated": 0}, {"confidence": 0.95, "calibrated": 1}]}}},
					"known_cost_usd": 0.000002,
					"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
					"requests": 1,
					"retries": 0,
					"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
					"rows": 1,
					"status": {"ok": 1},
					"unpriced_calls": 0,
					"unreported_attempts": 0,
					"unreported_most_usd": 0
				},
				"list_priced": false,
				"output": "out.csv",
				"rows_per_second": 0,
				"run": {
					"by_endpoint": {},
					"by_part_usd": {"cached_input": 0, "input": 0, "output": 0, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
					"by_status": {},
					"cache_saved_usd": 0,
					"changed_rows": 0,
					"cost_usd": 0,
					"known_cost_usd": 0,
					"models": [],
					"requests": 0,
					"retries": 0,
					"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
					"rows": 0,
					"status": null,
					"unpriced_calls": 0,
					"unreported_attempts": 0,
					"unreported_most_usd": 0
				},
				"seconds": 2,
				"settled_before": 1,
				"settled_before_saved_usd": 0.000002,
				"simulated": true,
				"type": "summary",
				"unchanged": false
			}`,
		},
		{
			name: "progress",
			record: func(now time.Time) shown {
				return Progress{Progress: &jobs.Progress{
					Elapsed: 10 * time.Second, Read: 9, Settled: 3, Bad: 1, Copied: 1, Run: oneRow(), Calls: 2, Attempts: 3, Waiting: 1,
					Quota: quota.State{Model: "gemini-a", Limit: quota.LimitRPM, Value: 60, Learned: true, Since: now, Age: time.Minute, InFlight: 2, Waiting: 4},
				}, Total: 1000, RowRate: 0.4}
			},
			text: `
6/1,000 rows (0 %)  about 41m30s left  0.4/s  $0.0000020 simulated  11 tokens`,
			json: `{
				"attempts": 3,
				"bad": 1,
				"copied": 1,
				"cost_usd": 0.000002,
				"eta_seconds": 2490,
				"in_flight": 2,
				"paused_since": null,
				"quota": {"age_seconds": 60, "estimated": false, "in_flight": 2, "learned": true, "limit": "rpm", "next_seconds": null, "oldest_seconds": 0, "since": "2000-01-01T00:00:00Z", "text": "waiting: 60 rpm (learned 1 min ago), 2 in flight, oldest 0 s", "tier": "", "trouble": false, "value": 60, "waiting": 4, "why": ""},
				"retries_waiting": 1,
				"rows": 6,
				"rows_per_second": 0.4,
				"seconds": 10,
				"settled_before": 3,
				"share": 0.006,
				"simulated": true,
				"status": {"ok": 1},
				"tokens": 11,
				"total": 1000,
				"type": "progress"
			}`,
		},
		{
			name: "a plan",
			record: func(now time.Time) shown {
				return Plan{Plan: aPlan(now), Spec: &jobs.Spec{RPM: 600, Tier: []string{"standard"}, MaxCost: "0.04"}, Counted: 20}
			},
			text: `
rows          2,000: 1,208 to ask (5 of them changed, 3 again), 790 settled, 2
              bad, 10 copied from identical ones
orphaned      7 answers that no row asks for any more; they stay until genbatch
              prune --orphaned
input         about 60,000 tokens, by 20 prompts counted
output        about 12,000 tokens, as in the 50 answers so far, thinking
              included, at most 1,208,000 tokens
cost          about $0.030 (90 %: $0.025 to $0.050, by 50 answers), at most
              $0.51 without retries, in the standard tier
cap           $0.04 may be reached
time          at least 32h0m0s at 500 requests a day, learned 2 h ago of
              gemini-a
today         400 of 500 requests are left, learned 2 h ago of gemini-a; the
              rest takes 2 days after Sat 1 Jan 08:00 UTC
today         the quota of the day is used up of gemini-b, until Sat 1 Jan 08:00
              UTC
spent so far  at least $0.0050 (without 1 call of unknown price)
bad: in.csv:3: no column body
bad: 1 more

The first request, for in.csv:2, to gemini-a:
{"contents": [{"parts": [{"text": "a < b"}]}]}
`,
			json: `{
				"again": 3,
				"answers_known": 50,
				"bad": 2,
				"bad_rows": ["in.csv:3: no column body"],
				"batch_share": 0.5,
				"bound_by": "500 requests a day, learned 2 h ago of gemini-a",
				"calls": 1208,
				"changed": 5,
				"compared": {"batch_usd": 0.015, "flex_usd": 0.015, "of": "forecast", "standard_usd": 0.03},
				"copied": 10,
				"cost_usd": 0.03,
				"first_request": {"contents": [{"parts": [{"text": "a \u003c b"}]}]},
				"flex_share": 0.5,
				"forecast": {"answers": 50, "high_usd": 0.05, "low_usd": 0.025, "mean_usd": 0.03},
				"input_cost_usd": 0.01,
				"input_tokens": 60000,
				"least_seconds": 115200,
				"max_cost_usd": 0.51,
				"max_output_tokens": 1208000,
				"models": [{"calls": 1200, "days_more": 2, "input_tokens": 60000, "learned": [{"limit": "rpd", "value": 500, "at": "1999-12-31T22:00:00Z"}], "left_today": 400, "model": "gemini-a", "rows": 1200, "rpd": 500, "rpm": 600, "tpm": null}, {"calls": 8, "input_tokens": 400, "learned": null, "model": "gemini-b", "rows": 8, "rpd": null, "rpm": 600, "tpm": null}],
				"new": 1200,
				"orphaned": 7,
				"output_tokens": 12000,
				"rows": 2000,
				"settled": 790,
				"simulated": false,
				"spent_usd": null,
				"standard_share": 1,
				"tier": "standard",
				"type": "plan"
			}`,
		},
		{
			name: "a plan by batch, of a model without a price in flex",
			record: func(time.Time) shown {
				return Plan{Plan: aBatchPlan(), Spec: &jobs.Spec{Tier: []string{"batch", "standard"}}}
			},
			text: `
rows     50,000: 50,000 to ask, 0 settled, 0 bad
input    about 40,000,000 tokens
output   not known before the first answers, at most 5,000,000 tokens
cost     about $15.00 for the input, plus the output, in the batch tier, and
         more as far as rows fall back to standard, at most $52.00 without
         retries
batches  14 jobs of the Batch API, about 163 MB of requests, some after others:
         an account of tier 1 may have 3,000,000 input tokens waiting at once,
         and one of tier 2 400,000,000 (limits of 2026-08-18)
time     within 24 hours is the goal, not a promise; half of 230,000 batches
         took 7 minutes at most, and 90 % an hour (OpenRouter, September 2026)
`,
			json: `{
				"again": 0,
				"answers_known": 0,
				"bad": 0,
				"bad_rows": null,
				"batches": {"bound_by": "tokens", "bytes": 162500000, "goal_seconds": 86400, "jobs": 14, "limit": 3000000, "limit_in_tier_2": 400000000, "limits_as_of": "2026-08-18", "median_seconds": 420},
				"calls": 50000,
				"changed": 0,
				"compared": {"batch_usd": 52, "of": "max_cost", "standard_usd": 104},
				"copied": 0,
				"first_request": null,
				"input_cost_usd": 15,
				"input_tokens": 40000000,
				"max_cost_usd": 52,
				"max_output_tokens": 5000000,
				"models": [{"calls": 50000, "input_tokens": 40000000, "learned": [{"limit": "rpd", "value": 500, "at": "0001-01-01T00:00:00Z"}], "model": "gemini-3.6-flash", "rows": 50000, "rpd": 500, "rpm": null, "tpm": null}],
				"new": 50000,
				"orphaned": 0,
				"rows": 50000,
				"settled": 0,
				"simulated": false,
				"spent_usd": 0,
				"tier": "batch",
				"type": "plan"
			}`,
		},
		{
			name: "a plan after a pilot",
			record: func(now time.Time) shown {
				return Plan{Plan: aWaysPlan(now), Spec: &jobs.Spec{RPM: 60, RPD: 1500}}
			},
			text: `
rows          3,000: 2,800 to ask, 200 settled, 0 bad
input         about 364,000 tokens
output        about 14,000 tokens, as in the 200 answers so far, thinking
              included
cost          about $0.15; nothing bounds it: --max-output-tokens would
time          at least 32h0m0s at 1,500 requests a day
today         1,268 of 1,500 requests are left; the rest takes 2 days after Sat
              1 Jan 08:00 UTC
spent so far  $0.011
other ways    400 answers, for $0.020, to the same rows, asked with more or
              fewer of them a call; they stay until genbatch prune --orphaned

way to run it     tokens in     cost  saves  calls      time  agreement (95 %)
> one at a time       364 k    $0.15         2,800    32.0 h
    batch                     $0.075   50 %         in a day
  25 rows a call      133 k   $0.060   60 %    112     2 min  96.0 % (81.4-99.8)
    batch                     $0.030   80 %         in a day
  50 rows a call      131 k  ~$0.080            60     1 min  not measured
> is how the job runs as it stands.
~ is estimated from answers in another way.
In a day is the goal of the Batch API, not a promise.
Agreement is that with one at a time, on 198 rows that a pilot has asked in both
ways, with its 95 % interval.
Rows of a call may err together, so 8 calls tell little: a larger pilot tells
more.
genbatch plan --pilot 200 --rows-per-call 1,50 measures what is not.
At 50 rows a call it would ask 3,000 rows, and one at a time 2,800: answers in
one way are none in another.
Not shown: flex: its price is not known for this model.

of known answers  rows  right (95 %)        lost  won  mid-p
  one at a time    180  88.9 % (83.4-93.1)
  25 rows a call   180  84.4 % (77.0-90.5)    11    3  0.035
Lost are rows that only one at a time has right, won those that only this way
has. Mid-p is that of McNemar's test: below 0.05, the way is more often right,
or wrong, than chance explains.
`,
			json: `{
				"again": 0,
				"answers_known": 200,
				"bad": 0,
				"bad_rows": null,
				"bound_by": "1,500 requests a day",
				"calls": 2800,
				"changed": 0,
				"copied": 0,
				"cost_usd": 0.15,
				"elsewhere": 400,
				"first_request": null,
				"input_cost_usd": 0.1,
				"input_tokens": 364000,
				"least_seconds": 115200,
				"left_out": ["flex: its price is not known for this model"],
				"max_output_tokens": null,
				"models": [{"calls": 2800, "days_more": 2, "input_tokens": 364000, "learned": null, "left_today": 1268, "model": "gemini-a", "rows": 2800, "rpd": 1500, "rpm": 60, "tpm": null}],
				"new": 2800,
				"orphaned": 0,
				"output_tokens": 14000,
				"rows": 3000,
				"settled": 200,
				"simulated": false,
				"spent_usd": 0.011111111111,
				"type": "plan",
				"ways": [
					{"answers_known": 200, "bound_by": "1,500 requests a day", "calls": 2800, "chosen": true, "cost_usd": 0.15, "input_tokens": 364000, "least_seconds": 115200, "measured": {"accuracy": 0.8888888888888888, "accuracy_interval_95": [0.834, 0.931], "calls": 200, "labelled": 180, "right": 160, "rows": 200}, "of": "cost", "output_tokens": 14000, "rows": 2800, "rows_per_call": 1, "tier": "standard"},
					{"answers_known": 200, "batches": {"bytes": 4000000, "goal_seconds": 86400, "jobs": 1, "median_seconds": 420}, "calls": 2800, "chosen": false, "cost_usd": 0.075, "input_tokens": 364000, "of": "cost", "rows": 2800, "rows_per_call": 1, "tier": "batch"},
					{"answers_known": 200, "bound_by": "60 requests a minute", "calls": 112, "chosen": false, "cost_usd": 0.06, "input_tokens": 133000, "least_seconds": 112, "measured": {"accuracy": 0.8444444444444444, "accuracy_interval_95": [0.77, 0.905], "agreement": 0.9595959595959596, "agreement_interval_95": [0.814, 0.998], "calls": 8, "labelled": 180, "lost": 11, "mcnemar_mid_p": 0.035, "right": 152, "rows": 198, "same": 190, "won": 3}, "of": "cost", "output_tokens": 42000, "rows": 2800, "rows_per_call": 25, "tier": "standard"},
					{"answers_known": 200, "batches": {"bytes": 500000, "goal_seconds": 86400, "jobs": 1, "median_seconds": 420}, "calls": 112, "chosen": false, "cost_usd": 0.03, "input_tokens": 133000, "of": "cost", "rows": 2800, "rows_per_call": 25, "tier": "batch"},
					{"answers_known": 0, "bound_by": "60 requests a minute", "calls": 60, "chosen": false, "cost_usd": 0.08, "input_tokens": 131000, "least_seconds": 60, "of": "cost", "output_tokens": 60000, "rows": 3000, "rows_per_call": 50, "tier": "standard"}
				]
			}`,
		},
		{
			name: "a plan without a price in the tier",
			record: func(time.Time) shown {
				return Plan{Plan: &jobs.Plan{Rows: 1, New: 1, Tier: "batch", Batches: &jobs.Batches{Jobs: 1, Bytes: 200}}, Spec: &jobs.Spec{Tier: []string{"batch"}}}
			},
			text: `
rows     1: 1 to ask, 0 settled, 0 bad
input    about 0 tokens
output   not known before the first answers
cost     unknown: the price of this model in the batch tier is not known (see
         genbatch prices, and --prices)
batches  1 job of the Batch API, about 1.0 kB of requests
time     within 24 hours is the goal, not a promise; half of 230,000 batches
         took 7 minutes at most, and 90 % an hour (OpenRouter, September 2026)
`,
			json: `{
				"again": 0,
				"answers_known": 0,
				"bad": 0,
				"bad_rows": null,
				"batches": {"bytes": 200, "goal_seconds": 86400, "jobs": 1, "median_seconds": 420},
				"changed": 0,
				"copied": 0,
				"first_request": null,
				"input_tokens": 0,
				"max_output_tokens": null,
				"models": null,
				"new": 1,
				"orphaned": 0,
				"rows": 1,
				"settled": 0,
				"simulated": false,
				"spent_usd": 0,
				"tier": "batch",
				"type": "plan"
			}`,
		},
		{
			name:   "a plan without a price",
			record: func(time.Time) shown { return Plan{Plan: &jobs.Plan{Rows: 1, New: 1}, Spec: &jobs.Spec{}} },
			text: `
rows    1: 1 to ask, 0 settled, 0 bad
input   about 0 tokens
output  not known before the first answers
cost    unknown: the price of this model is not known (see genbatch prices, and
        --prices)
`,
			json: `{
				"again": 0,
				"answers_known": 0,
				"bad": 0,
				"bad_rows": null,
				"changed": 0,
				"copied": 0,
				"first_request": null,
				"input_tokens": 0,
				"max_output_tokens": null,
				"models": null,
				"new": 1,
				"orphaned": 0,
				"rows": 1,
				"settled": 0,
				"simulated": false,
				"spent_usd": 0,
				"type": "plan"
			}`,
		},
		{
			name:   "the status of a run",
			record: func(time.Time) shown { return Status{Status: aStatus()} },
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
state        running: process 42 on here, since 2026-11-02 08:30:00
rows         3,001: 1 settled, 3,000 left, 0 bad
speed        12 rows/s in the last minute, 4m0s left
answered     1 ok
last result  2026-11-02 08:31:00
requests     1, 0 of them retries
cost         $0.0000020
damage       00000001.log:2, byte 80: the checksum does not match
`,
			json: `{
				"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0.000002,
				"eta_seconds": 240,
				"finished": false,
				"input": {"rows": 3001, "settled": 1, "left": 3000, "bad": 0, "orphaned": 0},
				"known_cost_usd": 0.000002,
				"last_at": "2026-11-02T08:31:00Z",
				"last_seq": 3,
				"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
				"output": "out.csv",
				"requests": 1,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 1,
				"rows_per_second": 12.5,
				"running": {"pid": 42, "host": "here", "since": "2026-11-02T08:30:00Z", "command": "genbatch"},
				"simulated": true,
				"standing": "",
				"state": "out.csv.genbatch",
				"status": {"ok": 1},
				"type": "status",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name: "the status of a job that has ended",
			record: func(time.Time) shown {
				return Status{Status: &jobs.Status{State: "out.csv.genbatch", Output: "out.csv", Finished: true, Standing: jobs.OutputCurrent, InOutput: 1, Totals: oneRow()}}
			},
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
state     finished: out.csv has 1 row
answered  1 ok
requests  1, 0 of them retries
cost      $0.0000020
`,
			json: `{
				"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0.000002,
				"eta_seconds": null,
				"finished": true,
				"input": null,
				"known_cost_usd": 0.000002,
				"last_at": null,
				"last_seq": 0,
				"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
				"output": "out.csv",
				"requests": 1,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 1,
				"rows_per_second": null,
				"running": null,
				"simulated": true,
				"standing": "current",
				"state": "out.csv.genbatch",
				"status": {"ok": 1},
				"type": "status",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name:   "an export",
			record: func(time.Time) shown { return Export{"again.csv", &finished} },
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
Wrote again.csv: 1 of 1 row (1 ok)
  cost  $0.0000020

Compared with the column label:
  accuracy       50.0% (2 of 4 rows; 95% interval 15.0% to 85.0%)
  no label       1 row: not ok, and counted as wrong
  not compared   1 row without an expected label, 2 rows whose expected label is
                 none of the job's ("maybe" 2), 1 row that the model was shown
                 as examples
  by confidence  0.9 to 1.0: 100.0% right of 2, 0.5 to 0.6: 0.0% right of 1
                 (calibration error 0.25, calibrated 0.06)
  Brier score    0.125, calibrated 0.100 (cross-validated over 1,200 rows)

                    precision  recall     F1  expected  given
               yes      0.500   0.500  0.500         2      2
                no          –   0.500      –         2      1
     macro average      0.750   0.500  0.500
  weighted average      0.750   0.500  0.500
     micro average      0.750   0.500  0.600

    expected \ given  a  b  none
             yes = a  1  .     1
              no = b  1  1     .

  expected, but given: no → yes 1, yes → no label 1
`,
			json: `{
				"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0.000002,
				"evaluation": {
					"expected": "label", "column": "label", "kind": "label",
					"rows": 4,
					"correct": 2,
					"no_label": 1,
					"not_compared": {"without_expected": 1, "unknown_expected": 2, "unknown_values": {"maybe": 2}, "examples": 1},
					"accuracy": 0.5,
					"accuracy_interval_95": [0.15, 0.85],
					"micro": {"precision": 0.75, "recall": 0.5, "f1": 0.6},
					"macro": {"precision": 0.75, "recall": 0.5, "f1": 0.5},
					"weighted": {"precision": 0.75, "recall": 0.5, "f1": 0.5},
					"labels": [{"label": "yes", "expected": 2, "given": 2, "correct": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5}, {"label": "no", "expected": 2, "given": 1, "correct": 1, "precision": null, "recall": 0.5, "f1": null}],
					"confusion": {"no": {"no": 1, "yes": 1}, "yes": {"": 1, "yes": 1}},
					"calibration": {"expected_calibration_error": 0.25, "brier_score": 0.125, "bands": [{"from": 0.5, "to": 0.6, "rows": 1, "correct": 0, "accuracy": 0, "mean_confidence": 0.55}, {"from": 0.9, "to": 1, "rows": 2, "correct": 2, "accuracy": 1, "mean_confidence": 0.95}],
						"calibrated": {"rows": 1200, "expected_calibration_error": 0.0625, "brier_score": 0.1, "curve": [{"confidence": 0.55, "calibrated": 0}, {"confidence": 0.95, "calibrated": 1}]}}
				},
				"known_cost_usd": 0.000002,
				"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
				"output": "again.csv",
				"requests": 1,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 1,
				"simulated": true,
				"status": {"ok": 1},
				"type": "export",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name: "a verification",
			record: func(time.Time) shown {
				return Verification{&jobs.Verification{Totals: oneRow(), Notes: []string{"the journal was pruned"}}, 0}
			},
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
NOTE  the journal was pruned
OK    1 row: 1 ok
`,
			json: `{
				"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0.000002,
				"exit_code": 0,
				"faults": null,
				"known_cost_usd": 0.000002,
				"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
				"notes": ["the journal was pruned"],
				"requests": 1,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 1,
				"simulated": true,
				"status": {"ok": 1},
				"type": "verification",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name: "faults",
			record: func(time.Time) shown {
				return Verification{&jobs.Verification{Totals: oneRow(), Faults: []string{"out.csv is not as it was written"}}, 1}
			},
			text: `
SIMULATED: the answers below were made up by the simulator, and the cost is what
real ones would have cost.
FAULT  out.csv is not as it was written
1 row: 1 ok
`,
			json: `{
				"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0.000002,
				"exit_code": 1,
				"faults": ["out.csv is not as it was written"],
				"known_cost_usd": 0.000002,
				"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
				"notes": null,
				"requests": 1,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 1,
				"simulated": true,
				"status": {"ok": 1},
				"type": "verification",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name: "pending rows",
			record: func(time.Time) shown {
				return Verification{&jobs.Verification{Totals: jobs.Totals{Rows: 2, Status: map[batch.Status]int64{batch.Pending: 2}}}, 3}
			},
			text: `
NOT FINISHED  2 rows: 2 pending
`,
			json: `{
				"by_endpoint": {},
				"by_part_usd": {"cached_input": 0, "input": 0, "output": 0, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
				"by_status": {},
				"cache_saved_usd": 0,
				"changed_rows": 0,
				"cost_usd": 0,
				"exit_code": 3,
				"faults": null,
				"known_cost_usd": 0,
				"models": [],
				"notes": null,
				"requests": 0,
				"retries": 0,
				"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
				"rows": 2,
				"simulated": false,
				"status": {"pending": 2},
				"type": "verification",
				"unpriced_calls": 0,
				"unreported_attempts": 0,
				"unreported_most_usd": 0
			}`,
		},
		{
			name:   "what prune would do",
			record: func(time.Time) shown { return wouldPrune() },
			text: `
Would prune 1,200 results (65,536 bytes) from out.csv.genbatch: 1,000 orphaned,
200 superseded; 8 stay
Their 1 requests, $0.0000020, would leave the job's total, and what --max-cost
counts: that is what is in the journal.
4 rows of the input lose their answer by it: the next run asks, and pays for,
them again.
2 rows of the input cannot be read or rendered: answers that they once got count
as orphaned.
1 damaged places of the journal stay as they are.
`,
			json: `{
				"asked_again": 4,
				"bad": 2,
				"bytes": 65536,
				"damage": 1,
				"dry_run": true,
				"kept": 8,
				"orphaned": 1000,
				"removed": {
					"by_endpoint": {"sim": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"by_part_usd": {"cached_input": 0, "input": 0.0000008, "output": 0.0000012, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
					"by_status": {"ok": {"calls": 1, "known_cost_usd": 0.000002, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0}},
					"cache_saved_usd": 0,
					"changed_rows": 0,
					"cost_usd": 0.000002,
					"known_cost_usd": 0.000002,
					"models": [{"cached_tokens": 0, "calls": 1, "cost_usd": 0.000002, "model": "gemini-a-simulated", "output_tokens": 3, "prompt_tokens": 8, "search_fees_usd": 0, "searches": 0, "simulated": true, "thoughts_tokens": 0, "tool_tokens": 0, "unpriced_calls": 0}],
					"requests": 1,
					"retries": 0,
					"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
					"rows": 1,
					"status": {"ok": 1},
					"unpriced_calls": 0,
					"unreported_attempts": 0,
					"unreported_most_usd": 0
				},
				"results": 1200,
				"state": "out.csv.genbatch",
				"superseded": 200,
				"type": "pruned"
			}`,
		},
		{
			name:   "nothing to prune",
			record: func(time.Time) shown { return Pruned{Pruned: &jobs.Pruned{State: "out.csv.genbatch", Kept: 8}} },
			text: `
Nothing to prune: all 8 results in out.csv.genbatch stay.
`,
			json: `{
				"asked_again": null,
				"bad": 0,
				"bytes": 0,
				"damage": 0,
				"dry_run": false,
				"kept": 8,
				"orphaned": 0,
				"removed": {
					"by_endpoint": {},
					"by_part_usd": {"cached_input": 0, "input": 0, "output": 0, "requests": 0, "searches": 0, "thinking": 0, "tool_input": 0},
					"by_status": {},
					"cache_saved_usd": 0,
					"changed_rows": 0,
					"cost_usd": 0,
					"known_cost_usd": 0,
					"models": [],
					"requests": 0,
					"retries": 0,
					"retries_cost": {"calls": 0, "known_cost_usd": 0, "unpriced_calls": 0, "unreported_attempts": 0, "unreported_most_usd": 0},
					"rows": 0,
					"status": null,
					"unpriced_calls": 0,
					"unreported_attempts": 0,
					"unreported_most_usd": 0
				},
				"results": 0,
				"state": "out.csv.genbatch",
				"superseded": 0,
				"type": "pruned"
			}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a plan says how long ago a limit was learned
				r := tt.record(time.Now())
				if got, want := r.String(), strings.TrimPrefix(tt.text, "\n"); got != want {
					t.Errorf("the text is\n%s\nwant\n%s", got, want)
				}
				got, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				if want := compact(t, tt.json); string(got) != want {
					t.Errorf("the JSON is\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// compact removes the white space between the tokens of a JSON text, and nothing else.
func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
