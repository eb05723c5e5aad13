package output

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
)

// A reply is what became of a row, for the columns of the output.
type reply struct {
	result *batch.Result  // nil: the row has none
	answer *gemini.Answer // nil: there is none

	status  batch.Status
	problem string
	note    string // what was done to get or to read the answer
	own     []any  // the values of the kind's columns; nil: all of them null
	correct *bool  // whether the labels are those expected; nil: not known

	cost   price.USD
	priced bool
	copied bool // from an identical row, where tokens and cost are counted

	files []answerFile // the images and sounds of the answer, if the output has them
	paths []string     // where they are

	parsed *gemini.Details // see details
}

// details returns what the answer holds beside its text. Few jobs ask for it.
func (x *reply) details() *gemini.Details {
	if x.parsed == nil {
		x.parsed = new(gemini.Details)
		if x.answer != nil {
			x.parsed = gemini.ParseDetails(x.result.Response)
		}
	}
	return x.parsed
}

// answered completes the reply of a row with a result. Its status may differ from the
// result's: what is made of an answer can change without asking again. What it cost
// is not in it.
func (d *Deriver) answered(x *reply) {
	r := x.result
	x.status, x.problem, x.note = r.Status, r.Error, r.Note
	if len(r.Response) == 0 {
		return
	}
	a, err := gemini.Parse(r.Response)
	if err != nil {
		x.status, x.problem = batch.Invalid, "the journal's answer cannot be read: "+err.Error()
		return
	}
	x.answer = a
	if d.Columns.files() {
		if x.files, err = filesOf(x.details().Media); err != nil {
			x.status, x.problem = batch.Invalid, err.Error()
			return
		}
	}
	if x.status == batch.OK {
		own, note, err := d.Prompt.Read(a)
		if err != nil {
			x.status, x.problem = batch.Invalid, err.Error()
			return
		}
		x.own = own
		if note != "" && x.note != "" {
			note = "; " + note
		}
		x.note += note
	}
}
