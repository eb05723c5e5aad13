package plan

import (
	"time"

	"github.com/genbatch/genbatch/batch/price"
)

// A Choice is what a plan has to choose from.
type Choice struct {
	Ways     []Way    // by rows a call and then by tier; those without a known price are left out
	LeftOut  []string // tiers that are in no way, and why
	Compares bool     // whether the answers of two ways can be compared, which texts cannot
}

// A Way is a way to run the job: how many rows share a call, and in which service tier. Its
// figures are for the rows that a run in this way would still ask. They differ between ways if a
// part of the job was answered in one of them.
type Way struct {
	RowsPerCall int
	Tier        string // standard, flex, batch or priority
	Chosen      bool   // it is how the job runs as it stands

	Rows         int64
	Calls        int64
	InputTokens  int64 // estimated
	OutputTokens int64 // expected, thinking included; 0 if nothing is known of it

	Answered int64 // calls in this way that reported their output; without any, Cost is of answers in another
	Cost     price.USD
	Of       string    // what Cost is: forecast, cost, max_cost or input_cost, as in [Comparison]
	Forecast *Forecast // of Cost, of answers in this way; nil if they are too few

	PerCall time.Duration // the mean duration of a call, of answers in this way; 0 if there are none
	Pace    []Pace
	Batches *Batches // nil if the tier is not batch

	Measured *Measured // nil if no pilot has asked rows in this way
}

// Measured is what the rows tell that pilots have asked in one way and one at a time. Intervals
// are of 95 %. Rows of a call may be right or wrong together, which the intervals take account of.
type Measured struct {
	Rows  int64 // that both ways have answered; of one at a time, that it has answered
	Calls int64 // that have answered these rows in this way

	Same      int64       // of the Rows, those with the same answer in both ways
	Agreement *[2]float64 // the interval of Same / Rows; nil where answers are not compared, and without rows

	Labelled int64       // rows with a known answer that both ways have settled
	Right    int64       // of these, those that this way has answered right
	Accuracy *[2]float64 // the interval of Right / Labelled; nil without labelled rows
	OnlyOne  int64       // of the Labelled, those that only one at a time has right
	OnlyThis int64       // and those that only this way has right
	MidP     float64     // of McNemar's test that both are right equally often
}
