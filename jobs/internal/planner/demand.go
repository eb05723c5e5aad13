package planner

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/pack"
)

// A demand is what a run would ask of one model.
type demand struct {
	model  string
	rows   int64
	calls  int64
	packed int64 // of the rows, those that share calls
	input  int64 // estimated tokens
	output int64 // expected tokens, thinking included
	most   int64 // the most tokens of output
	bytes  int64 // of the requests
}

// add adds a call, with the most tokens of its output.
func (d *demand) add(call *batch.Request, most int64) {
	d.calls++
	if n := int64(len(call.Rows)); n > 0 {
		d.rows, d.packed = d.rows+n, d.packed+n
	} else {
		d.rows++
	}
	d.bytes += int64(len(call.Body))
	d.input += int64(call.InputTokens)
	d.most += most
}

// demands are what a run would ask of all models, in the order in which rows name them.
type demands []*demand

// of returns the demand on a model.
func (l *demands) of(model string) *demand {
	for _, d := range *l {
		if d.model == model {
			return d
		}
	}
	d := &demand{model: model}
	*l = append(*l, d)
	return d
}

// correct scales the estimated input by how far estimates were off, and returns its new sum.
// Answers of the model itself tell that best, then prompts that were counted, then answers of
// other models.
func (l demands) correct(answered, counted TokenCounts) (sum int64) {
	for _, d := range l {
		k := answered.of(d.model)
		if c := counted.of(d.model); answered[d.model].estimate == 0 && c.estimate > 0 {
			k = c
		}
		if k.estimate > 0 {
			d.input = int64(float64(d.input) * float64(k.prompt) / float64(k.estimate))
		}
		sum += d.input
	}
	return sum
}

// expect fills in the expected output of each demand, and returns the sum. alone says that the
// answers are those of rows that had a call each. A row of a pack is taken to need as much, and
// what stands around its part of the answer.
func (l demands) expect(answered TokenCounts, alone bool) (sum int64) {
	for _, d := range l {
		if k := answered.of(d.model); k.calls > 0 {
			d.output = k.output * d.rows / k.calls
			if alone {
				d.output += pack.OutputRoom * d.packed
			}
		}
		sum += d.output
	}
	return sum
}
