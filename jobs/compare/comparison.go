package compare

import (
	"cmp"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// A Comparison is what two runs came to over the rows that both have. Its figures are over
// the pairs alone, and B is always compared with A: a difference is B less A.
type Comparison struct {
	A, B Figures

	Key     string   // the column that pairs the rows; empty if Columns do
	Columns []string // the input columns that do, in each of which a pair has the same value

	Pairs   int64
	Changed int64 // pairs of which a compared field or the status differs

	ChangedFile string // to which the pairs that changed were written; empty if none was

	Status []Flow // pairs whose status differs, by both statuses, the most frequent first
	Fields []Field
}

// Figures are what one side came to in the pairs.
type Figures struct {
	Name      string // as the user named it
	File      bool   // whether it is a file without its job
	Sampled   bool   // whether the run took a sample of its rows
	Simulated bool   // whether any answer came from the simulator

	Rows     int64 // all rows of the side
	Unpaired int64 // rows that the other side does not have
	Pending  int64 // rows that both sides have, without a result here yet; they are in no pair

	// Examples are the places of the first rows that are unpaired, such as "reviews.csv:12".
	Examples []string

	Status map[batch.Status]int64

	Cost     price.USD // of the rows whose cost is known
	Priced   int64     // how many these are
	Unpriced int64     // rows with an outcome whose cost is not known

	Tokens  Tokens
	Latency Latency
	Models  map[string]int64 // rows by the model that answered
}

// CostPerRow returns the mean cost of the rows whose cost is known, and whether there is any.
func (f *Figures) CostPerRow() (mean price.USD, known bool) {
	if f.Priced == 0 {
		return 0, false
	}
	return f.Cost / price.USD(f.Priced), true
}

// Tokens add up what the final answers of rows used.
type Tokens struct {
	Rows                                   int64 // rows that reported it
	Prompt, Cached, Tool, Thoughts, Output int64
}

// Latency is how long the last attempts of rows took, in milliseconds. A row that shares the
// call of another one does not count; of those in one call, the first does.
type Latency struct {
	Rows        int64 // of which it is known; 0: the others are not known
	Median, P95 float64
}

// A Flow counts pairs with one value in A and another in B. A value is empty where there is
// none.
type Flow struct {
	A, B  string
	Pairs int64
}

// A Field is a column of answers that is compared.
type Field struct {
	Name     string
	Pairs    int64
	Changed  int64       // pairs with different values
	Churn    *float64    // Changed / Pairs; nil without pairs
	Interval *[2]float64 // its 95 % interval by Wilson's score

	// Flows are the pairs that changed by both values, the most frequent first. They are nil
	// for a field with too many different values for that to say anything, such as texts.
	Flows []Flow

	Examples []Example // the first pairs that changed
	Known    *Known    // nil if no right answers are known
}

// An Example is a pair whose values differ.
type Example struct {
	Key      string // the value of the key column; empty without one
	Place    string // of the row in B's input, such as "reviews.csv:12"
	A, B     string
	Expected string // empty if it is not known, or was not read
}

// Known says which side is right more often, over the pairs whose right answer is known. A
// row that is not ok is wrong, and a row that a model was shown as an example is left out.
type Known struct {
	Column string // with the right answers; empty if only the files' columns correct say who is right

	Rows, Both, OnlyA, OnlyB, Neither int64 // pairs, and who is right in them
	Shown                             int64 // pairs that were left out because they were examples
	OneSided                          int64 // pairs left out since one run cannot tell: the right label is none of its labels

	AccuracyA, AccuracyB float64     // 0 without pairs
	Difference           float64     // of the accuracies, B less A
	Interval             *[2]float64 // its 95 % interval, Newcombe's; nil without pairs
	MidP                 float64     // McNemar's mid-p value; 1 without pairs

	// F1 is nil unless each row has one label, what is right is known as a label, and the pairs
	// are of some thousand kinds at most.
	F1 *F1

	Lost []Example // the first pairs in which A is right and B is not
}

// Significance is the p value below which a difference is told from chance.
const Significance = 0.05

// Better returns 1 if B is right more often than chance explains, -1 if A is, and else 0.
func (k *Known) Better() int {
	if k.MidP >= Significance {
		return 0
	}
	return cmp.Compare(k.OnlyB, k.OnlyA)
}

// F1 is the macro F1 of both sides over their labels, as scikit-learn has it, and its
// difference with a 95 % interval by the percentile bootstrap over the pairs.
type F1 struct {
	A, B       float64
	Difference float64
	Interval   [2]float64
	Resamples  int
}

// finish computes what follows from the counts.
func (k *Known) finish() {
	p := stats.Pairing{Both: k.Both, OnlyA: k.OnlyA, OnlyB: k.OnlyB, Neither: k.Neither}
	k.Rows, k.MidP = p.Pairs(), p.McNemar()
	if k.Rows == 0 {
		return
	}
	n := float64(k.Rows)
	k.AccuracyA, k.AccuracyB = float64(k.Both+k.OnlyA)/n, float64(k.Both+k.OnlyB)/n
	k.Difference = float64(k.OnlyB-k.OnlyA) / n
	k.Interval = new(p.DifferenceInterval())
}

// flowsOf lists flows, the most frequent first.
func flowsOf(counts map[[2]string]int64) []Flow {
	flows := make([]Flow, 0, len(counts))
	for values, n := range counts {
		flows = append(flows, Flow{values[0], values[1], n})
	}
	slices.SortFunc(flows, func(x, y Flow) int {
		return cmp.Or(cmp.Compare(y.Pairs, x.Pairs), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return flows
}
