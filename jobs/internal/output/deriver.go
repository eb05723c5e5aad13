// Package output derives outputs: it reads what the journal has of a job's rows, makes
// columns of it, and writes them beside the input's own, with the images and sounds of
// answers as files. An output is a pure function of input, job and journal.
package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// A Deriver derives outputs. All fields are required. It is for one goroutine at a
// time.
type Deriver struct {
	Spec     *spec.Spec
	List     *work.List
	Journal  *journal.Journal
	Prompt   *prompt.Prompt
	Columns  Columns
	Prices   *price.Table
	FS       durable.FS
	StateDir string // which the folder for answers' files is marked with

	// Since is the journal's last result before the run: what is older was kept, and
	// not paid for again.
	Since int64
}

// A Target says what a derivation writes.
type Target struct {
	Path   string
	Format string         // empty: by the extension
	Only   []batch.Status // rows with one of these; nil: all rows
	To     io.Writer      // where the file's bytes go instead; nil: to the file at Path

	// Whole says that a pending row is an error, [ErrPending]: who finds such a file
	// takes it for finished.
	Whole bool
	// BeforeCommit, if not nil, is called before the file gets its name.
	BeforeCommit func(writer.Sum) error
}

// ErrPending means that an output is not written, since a row of it is pending.
var ErrPending = errors.New("a row is pending")

// Derive writes an output, and returns what its rows came to. The totals are there also
// with ErrPending.
func (d *Deriver) Derive(ctx context.Context, to Target) (*cost.Totals, writer.Sum, error) {
	var sum writer.Sum
	w, err := d.newTable(to)
	if err != nil {
		return nil, sum, err
	}
	defer w.Abort()
	var t cost.Totals
	evaluator, pass := d.newEvaluator(), d.List.Media.NewPass()
	for f, err := range d.fetchAll(ctx) {
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("%w while the output was written", batch.ErrInterrupted)
		}
		if err != nil {
			return nil, sum, err
		}
		pass.Add(f.Request, f.Item.Err)
		x := d.count(f, &t)
		if evaluator != nil {
			x.correct = evaluator.Add(f.Row, d.answerOf(x))
		}
		if len(to.Only) > 0 && !slices.Contains(to.Only, x.status) {
			continue
		}
		t.Written++
		if err := w.write(f.Row, x); err != nil {
			return nil, sum, err
		}
	}
	pass.End()
	t.Evaluation = evaluator.Result()
	if to.Whole && t.Status[batch.Pending] > 0 {
		return &t, sum, ErrPending
	}
	if sum, err = w.Finish(); err != nil {
		return nil, sum, err
	}
	if to.BeforeCommit != nil {
		if err := to.BeforeCommit(sum); err != nil {
			return nil, sum, err
		}
	}
	if err := w.Commit(); err != nil {
		return nil, sum, err
	}
	// A selection of rows leaves the files of the others, of which another output in
	// the same folder may speak: labels.csv and labels.parquet share one.
	if w.filer != nil && len(to.Only) == 0 {
		return &t, sum, w.filer.tidy()
	}
	return &t, sum, nil
}

// CheckFiles refuses to write answers' files into a folder that is not the job's, if
// the output has such files.
func (d *Deriver) CheckFiles(output string, force bool) error {
	if !d.Columns.files() {
		return nil
	}
	_, err := newFiler(d.FS, output, d.StateDir, false, force)
	return err
}

// Count reads what the journal has of an item, and adds it to t. The result is nil
// where there is none.
func (d *Deriver) Count(it *work.Item, t *cost.Totals) (*batch.Result, error) {
	f := fetched{Item: *it}
	if it.Entry.Status != "" {
		f.result, f.err = d.Journal.Read(it.Entry)
	}
	d.understand(&f)
	if f.err != nil {
		return nil, f.err
	}
	return d.count(&f, t).result, nil
}

// understand makes a reply of what was read.
func (d *Deriver) understand(f *fetched) {
	switch {
	case f.err != nil:
		return
	case f.Fate == work.Bad:
		f.reply = &reply{status: batch.Skipped, problem: message.OneLine(f.Item.Err.Error(), 500)}
		return
	case f.result == nil:
		f.reply = &reply{status: batch.Pending}
		return
	}
	if f.Fate != work.Copied {
		for _, e := range d.Journal.Superseded(f.Request.Fingerprint, f.Request.Occurrence) {
			r, err := d.Journal.Read(e)
			if err != nil {
				f.err = err
				return
			}
			f.earlier = append(f.earlier, r)
		}
	}
	if f.result.Status == batch.Pending {
		f.reply = &reply{status: batch.Pending}
	} else {
		f.own = reply{result: f.result}
		f.reply = &f.own
		d.answered(f.reply)
	}
}

// count counts what became of a row, and returns it.
func (d *Deriver) count(f *fetched, t *cost.Totals) *reply {
	d.price(f, t)
	x := f.reply
	t.AddStatus(x.status)
	if x.problem != "" && x.status != batch.OK {
		t.AddProblem(x.status, x.problem)
	}
	if k := d.Prompt.Classification(); k != nil && x.own != nil {
		labels, _ := k.LabelsOf(x.own)
		t.AddLabels(labels)
	}
	return x
}

// price counts what a row's results used, and says in its reply what they cost.
func (d *Deriver) price(f *fetched, t *cost.Totals) {
	x := f.reply
	switch {
	case f.result == nil:
	case f.Fate == work.Copied:
		if x.status != batch.Pending {
			saved, _ := new(cost.Totals).AddResult(f.result, d.Prices)
			t.Copied++
			t.Saved += saved
			x.copied, x.priced = true, true
		}
	default:
		before := t.Bill.Retries.Cost
		amount, priced := t.AddResult(f.result, d.Prices)
		if f.result.Seq <= d.Since {
			t.Bill.Kept += amount - (t.Bill.Retries.Cost - before)
		}
		for _, r := range f.earlier {
			c, ok := t.AddSuperseded(r, d.Prices, f.result.Status)
			amount, priced = amount+c, priced && ok
		}
		if f.result.Status != batch.Pending {
			x.cost, x.priced = amount, priced
		}
	}
}

// newEvaluator returns what compares the job's labels with known ones; nil where the
// job has none.
func (d *Deriver) newEvaluator() *eval.Evaluator {
	k := d.Prompt.Classification()
	if k == nil || d.Spec.Expected == "" {
		return nil
	}
	return eval.New(eval.Config{
		Column: d.Spec.Expected, Labels: k.Labels(), Multi: k.Multi, Confidence: k.Confidence, Parse: k.ParseLabels, IsExample: k.IsExample,
	})
}

// answerOf returns what is compared with a row's known labels.
func (d *Deriver) answerOf(x *reply) eval.Answer {
	labels, confidence := d.Prompt.Classification().LabelsOf(x.own)
	return eval.Answer{Pending: x.status == batch.Pending, OK: x.own != nil, Labels: labels, Confidence: confidence}
}
