package output

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
)

// A reply is what became of a row, as the columns of the output show it.
type reply struct {
	result *batch.Result  // nil for a row that is pending or skipped
	answer *gemini.Answer // nil if there is none, or none that can be read

	status  batch.Status
	problem string // why the status is not ok
	note    string // what was done to get or to read the answer
	own     []any  // the values of the kind's columns; nil if all are null
	judgement

	cost   price.USD
	priced bool // cost is known
	copied bool // the answer is an identical row's, where tokens and cost are counted

	files []answerFile // the images and sounds of the answer, if the output has them
	paths []string     // the paths of files, from the output's folder on

	parsed *gemini.Details // see details
}

// A judgement says how far an answer can be believed.
type judgement struct {
	correct    []*bool      // whether the values of [Columns.compared] are those expected; nil where that is not known
	failed     []string     // the job's own checks that the answer fails, also those that only flag
	calibrated []calibrated // how sure the model is, corrected by known labels, where it can be
	review     *bool        // whether a person should look at the row; nil if nobody says
}

// details returns what the answer holds beside its text. It is parsed when it is first
// asked for, because few jobs have columns that show it.
func (x *reply) details() *gemini.Details {
	if x.parsed == nil {
		x.parsed = new(gemini.Details)
		if x.answer != nil {
			x.parsed = gemini.ParseDetails(x.result.Response)
		}
	}
	return x.parsed
}

// answered completes the reply of a row with a result, except for the cost. The status
// may differ from the result's, because a job may come to read its answers in another
// way without asking again.
func (d *Deriver) answered(row *batch.Row, x *reply) {
	r := x.result
	x.status, x.problem, x.note = r.Status, r.Error, r.Note
	if len(r.Response) == 0 {
		return
	}
	a, err := pack.Parse(r)
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
	if err := d.Prompt.Fails(a); err != nil && (x.status == batch.OK || x.status == batch.Truncated) {
		x.status, x.problem, x.answer = batch.Failed, err.Error(), nil
		return
	}
	d.readAnswer(row, x)
	if quote := fmt.Sprintf("%q", message.OneLine(a.Text, 200)); d.Prompt.Classification() != nil && x.status != batch.OK && a.Text != "" && !strings.Contains(x.problem, quote) {
		x.problem = strings.TrimPrefix(x.problem+"; the answer is "+quote, "; ") // no column has it
	}
}

// readAnswer completes the reply with what the answer says. It is held to the job's checks as
// they are now, also where another check made it invalid before.
func (d *Deriver) readAnswer(row *batch.Row, x *reply) {
	part := x.result.Part != "" // which is whole, also if the answer that it is a part of was cut behind it
	stopped := part || x.result.FinishReason == "STOP"
	switch {
	case part && x.status == batch.Truncated:
	case x.status == batch.Truncated, x.status == batch.OK && !stopped:
		if d.readCut(row, x) || x.status == batch.Truncated { // answers of earlier versions were never looked at
			return
		}
	case x.status != batch.OK && !(x.status == batch.Invalid && stopped):
		return
	}
	r, err := d.Prompt.Judge.Read(row, x.answer)
	if x.failed = r.Failed; err != nil {
		if x.status = batch.Invalid; !strings.HasPrefix(x.problem, err.Error()) { // which may also say what was done about it
			x.problem = err.Error()
		}
		return
	}
	d.accept(x, r)
}

// readCut reports whether an answer that was cut at a limit is whole all the same. Then it
// completes the reply.
func (d *Deriver) readCut(row *batch.Row, x *reply) bool {
	r, err := d.Prompt.Judge.ReadCut(row, x.answer)
	if x.failed = r.Failed; err != nil {
		return false
	}
	d.accept(x, r)
	return true
}

// accept completes the reply of an answer that counts.
func (d *Deriver) accept(x *reply, r prompt.Reading) {
	x.status, x.problem, x.own = batch.OK, "", r.Values
	confide(d.Prompt.Classification(), x)
	x.addNote(r.Note)
}

func (x *reply) addNote(note string) {
	if note != "" && x.note != "" {
		note = "; " + note
	}
	x.note += note
}
