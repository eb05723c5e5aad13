package output

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// A Reading is what an answer to a row says, so that it can be compared with another one.
type Reading struct {
	OK     bool     // the row's status is ok
	Values []string // of the answer's columns, such that equal ones are the same; of labels without regard to their order
	Right  *bool    // whether all that is expected of the row is right; nil if that is not known, or if the row is an example
}

// Compares reports whether readings of two answers can be compared, which those of texts cannot:
// two summaries are never the same.
func (d *Deriver) Compares() bool {
	return d.Prompt.Classification() != nil || len(d.Prompt.Columns()) > 0
}

// Reader returns what reads results, whichever of a row's results counts for the output. It is
// for one goroutine.
func (d *Deriver) Reader() func(*batch.Row, *batch.Result) Reading {
	evaluators := d.newEvaluators()
	return func(row *batch.Row, r *batch.Result) Reading {
		f := fetched{Item: work.Item{Row: row}, reply: reply{result: r}}
		x := &f.reply
		d.answered(row, x)
		evaluators.add(&f)
		reading := Reading{OK: x.status == batch.OK, Right: d.right(row, x)}
		if reading.OK {
			reading.Values = d.valuesOf(x)
		}
		return reading
	}
}

// right reports whether a reply is right in all that is expected of it.
func (d *Deriver) right(row *batch.Row, x *reply) *bool {
	if k := d.Prompt.Classification(); len(x.correct) == 0 || k != nil && k.IsExample(row) {
		return nil
	}
	all := true
	for _, correct := range x.correct {
		if correct == nil {
			return nil
		}
		all = all && *correct
	}
	return &all
}

// valuesOf returns what a reply says, without how sure it is of that, and why.
func (d *Deriver) valuesOf(x *reply) (values []string) {
	k := d.Prompt.Classification()
	if k == nil {
		for _, v := range x.own {
			values = append(values, Canonical(v))
		}
		return values
	}
	for i := range k.Questions {
		labels, _ := k.LabelsOf(x.own, i)
		values = append(values, strings.Join(slices.Sorted(slices.Values(labels)), "\n"))
	}
	return values
}
