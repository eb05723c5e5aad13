package record

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A Row is one row of a job with what became of it. It holds what the output has in that row,
// and what that was made of. It is read-only and stays valid.
type Row struct {
	Input *batch.Row // the row's own columns, and its place in the input

	// Request is what the row renders to. It is nil for a row that is skipped, since there
	// is nothing to ask.
	Request *batch.Request

	// Result is the record of the journal, with the raw answer and what each attempt used.
	// It is nil for a row that is pending or skipped. A copied row has the result of the row
	// whose call it shares.
	Result *batch.Result

	Status batch.Status
	Error  string // why the status is not ok, in one line; empty if it is ok
	Note   string // what was done to get or to read the answer; empty if it came as it is

	// Text is the answer: its text parts joined, without thoughts. It is empty if there is no
	// answer, or one without text.
	Text string

	// Columns are the result columns, by the names and types that they have in the output
	// (but the options columns and raw decide which of them it shows), and Values their
	// values; nil is null. All rows of a job share Columns. Media of an answer are files only
	// beside an output, so that the column files is null here; Result has their bytes.
	Columns []batch.Column
	Values  []any

	Usage  *batch.Usage // of the final attempt, or the row's share of it; nil if it reported none, or the row is copied
	Cost   price.USD    // of all the row's attempts, in all runs; 0 for a copied row
	Priced bool         // whether Cost is known; false too for a row without an outcome
	Copied bool         // the answer is an identical row's, which has paid for it
	Shown  bool         // the model was shown this row's text with its label, as an example
}

// Value returns the value of a column of the output, be it a result column or one of the
// row's own, and whether there is such a column. Its type is as in [batch.Row.Values].
func (r *Row) Value(name string) (v any, ok bool) {
	if i := slices.IndexFunc(r.Columns, func(c batch.Column) bool { return c.Name == name }); i >= 0 {
		return r.Values[i], true
	}
	return r.Input.Value(name)
}
