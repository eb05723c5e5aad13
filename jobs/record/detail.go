package record

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A Selection says which rows of a job to show. A row is shown if each field that is set
// applies to it, and it is within Sample and Limit. The zero value selects all rows.
type Selection struct {
	Rows   []RowRange     // its number is in one of them
	Keys   []string       // its key is one of them
	Status []batch.Status // its status is one of them

	// Labels are labels that the row was given: any of those that are named. A label can also
	// be written as COLUMN=LABEL, where the column is one of the results.
	Labels []string

	// Where are conditions COLUMN=VALUE on columns of the output, the row's own included. Of
	// those for the same column, one has to hold; a list meets them if it has the value.
	Where []string

	Sample int // of those rows, only so many: the ones with the lowest fingerprints; 0 means all
	Limit  int // most rows; 0 means 10, or all that Rows, Keys or Sample name
}

// A RowRange is the rows from one number to another, both included. They count from 1.
type RowRange struct{ First, Last int64 }

// A Detail is a row with all that its job knows of it. Its Columns and Values also have what
// the answer holds for columns that the job does not write, such as thoughts and citations.
// Its Result is also there if the row is pending, and attempts came to nothing.
//
// If the input cannot be read, Input has the number alone that the row had when it was asked,
// and Request has no body.
type Detail struct {
	*Row

	Key       string // empty if the row has none
	KeyColumn string // the column that holds it; empty if the job has none
	Prefix    string // of the names of the result columns

	Parts   price.Parts   // of the cost of all attempts with a known price
	Spent   []AttemptCost // what the row's shares of the attempts in Result.Spent cost, in the same order
	Earlier []Superseded  // results of the same row that do not count, in the order of the journal

	// Batch is the batch job that the row is in, or that has answered it. It is nil for a row
	// that is asked by single calls.
	Batch *Batch
}

// An AttemptCost is what one attempt cost, or may have cost. Of one that rows have shared it is the
// row's share.
type AttemptCost struct {
	Cost  price.USD
	Known bool      // whether the attempt reported what it used, and its price is known
	Most  price.USD // the most that an attempt of unknown usage can have cost; 0 if not known
}

// A Superseded is a result that does not count, since another one of the same row does.
type Superseded struct {
	*batch.Result
	Text  string        // of the answer, as in [Row]
	Costs []AttemptCost // of the attempts in Spent, in the same order
}

// Found are the rows that a [Selection] finds.
type Found struct {
	Rows []*Detail // in input order

	// Total counts the rows that Rows and Keys name, or all rows, and Status those by status. It
	// is the journal's unless the answers had to be read. Matched counts those to which the
	// whole selection applies, but for Sample and Limit.
	Total   int64
	Status  map[batch.Status]int64
	Matched int64
}
