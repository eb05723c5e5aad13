// Package plan defines what a plan says: a [Plan] is what a run would do and cost, without
// anything being sent for it. Its [Outlook] is what the answers so far tell: the output to
// expect, and a [Forecast] of the cost with its interval. A [Pace] compares what would be
// asked of a model with what is known of the model's quota.
//
// Plans are made by [github.com/genbatch/genbatch/jobs.Job.Plan]; package jobs has all of
// these names too.
package plan

import (
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
)

// A Plan says what a run would do and cost. Amounts are at the prices of the day on which it
// was made.
//
// A new row is called changed if it stands in the place of an orphaned answer: that answer
// was for a row with the same key or, in a job without a key, with the same number. By
// number this is a guess: a row that was put in the place of a deleted one counts as the
// deleted row, changed. Only these counts depend on it, never what is asked.
type Plan struct {
	Rows    int64 // all rows of the job
	New     int64 // rows to be asked that were never asked, as far as can be told
	Changed int64 // rows to be asked anew, because they ask something else than before
	Again   int64 // rows to be asked again, because they failed or retry names their status
	Settled int64 // rows whose result counts; they need no call
	Bad     int64 // rows that cannot be read or rendered, or are known to be refused
	Copied  int64 // rows that share the call of an identical row
	Calls   int64 // that the rows to be asked make, which may share them

	// Orphaned counts answers in the journal that no row of the input asks for any more.
	// They stay, and count again if their rows come back.
	Orphaned int64
	// Elsewhere counts answers to rows of the input in other ways than the job's: in a pilot, with
	// more or fewer rows a call. They stay, too.
	Elsewhere int64
	// ElsewherePrice is what those have cost. It is no part of Price.
	ElsewherePrice price.USD

	BadRows []string // the first five bad rows, with place and cause

	InputTokens int64     // estimated input of the rows to be asked
	InputCost   price.USD // its cost
	Priced      bool      // whether all models to be asked have a known price; otherwise costs are too low

	Outlook

	// MaxOutputTokens is the most output that the rows to be asked can have. It is 0 if
	// nothing bounds one of them.
	MaxOutputTokens int64
	MaxOutputCost   price.USD // the most that this output can cost, in the dearest tier of the job

	First      json.RawMessage // the body of the first request; nil if no row is to be asked
	FirstModel string          // the model that it is sent to
	FirstAt    string          // the place of its row in the input
	FirstRows  int             // how many rows share it; 0 and 1: it has one alone

	Price    price.USD // what the rows of the input have cost so far
	Unpriced int64     // calls for them without a known price

	Tier string // the service tier that all costs are for, the job's first; empty if it names none

	Compared *Comparison // nil if no price is known
	Choice
	Batches *Batches // nil if the job's first tier is not batch
}

// A Comparison is what the rows to be asked would cost in each service alone. An amount is 0 if
// a model has no price in the service.
type Comparison struct {
	Standard, Flex, Batch price.USD

	// Of says what is compared, which is what the plan knows best of the cost: forecast (its
	// mean), cost (with the output to expect), max_cost (with the most output) or input_cost
	// (the input alone, since nothing is known of the output).
	Of string
}

// Batches are the jobs of the Batch API that the rows to be asked go into.
type Batches struct {
	Jobs  int64
	Bytes int64 // of the requests, without media, about

	// Bound names what decides how many there are, of the model that has most of them: rows,
	// bytes or tokens. It is empty if none has more than one. Most is the limit, of an account
	// of tier 1, and Next that of tier 2; 0 if it is not known, or the same for all accounts.
	Bound      string
	Most, Next int64

	AsOf string // the day of the limits, such as 2026-08-18
}

// An Outlook is what a plan takes from the answers that the job has so far.
type Outlook struct {
	// Answered is the number of calls that reported their output. It is the basis of
	// OutputTokens, the output that is expected of the rows to be asked, thinking included,
	// and of its cost. Without any, both are 0.
	Answered     int64
	Simulated    bool // they were made up by the simulator
	OutputTokens int64
	OutputCost   price.USD

	// Forecast is what the rows to be asked will cost. It is nil if too few rows were
	// answered.
	Forecast *Forecast
	// Standard, Flex and Batch are what the same answers would cost in these services, in
	// proportion to what Forecast takes them to cost. They are 0 if that is not known.
	Standard, Flex, Batch float64

	PerCall time.Duration // the mean duration of a row's last attempt; 0 if none was made

	Pace []Pace // by model, in the order in which rows name them
}

// Ask returns the number of rows that a run would ask.
func (p *Plan) Ask() int64 { return p.New + p.Changed + p.Again }

// A Pace is what a run would ask of one model, with what is known of the model's quota.
type Pace struct {
	Model  string
	Rows   int64
	Calls  int64 // that these rows make
	Tokens int64 // estimated input of these calls

	quota.Known
}

// A Forecast is what rows that were not asked yet will cost. Low and High are the bounds of a
// 90 % prediction interval: the cost is below Low in 5 % of jobs, and above High in 5 %.
type Forecast struct {
	Answers int64     `json:"answers"` // the number of answered rows that it is derived from
	Mean    price.USD `json:"mean_picousd"`
	Low     price.USD `json:"low_picousd"`
	High    price.USD `json:"high_picousd"`
}
