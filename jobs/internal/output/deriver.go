// Package output derives a job's outputs from its input and its journal. It reads what
// the journal has for each row, makes result columns of it, and writes them beside the
// input's own columns, with the images and sounds of answers as files.
//
// An output is a pure function of input, job and journal. Therefore it can be derived
// again at any time and in any format, and compared with a file byte by byte.
//
// A row passes these stages, each of which has a file:
//
//	stages.go    renders rows and reads their results, many at a time and in order
//	reply.go     says what became of a row: its status, answer and values
//	columns.go   takes the values of the columns from that; extras.go has the rarer ones
//	table.go     writes the columns that were picked (pick.go) of one row
//	files.go     writes the images and sounds of an answer
//	rows.go      hands rows to programs, instead of writing them
//	show.go      finds single rows by a query (query.go), and tells all that is known of them
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
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// A Deriver derives outputs. All fields but FS, Before and Since are required; CheckFiles needs
// Columns and StateDir alone, and Show can do without List. A Deriver is for one goroutine at a
// time.
type Deriver struct {
	Spec     *spec.Spec
	List     *work.List
	Journal  *journal.Journal
	Prompt   *prompt.Prompt
	Columns  Columns
	Prices   *price.Table
	FS       durable.FS // the zero value is the real file system
	StateDir string     // the job's state folder, by which it knows its folder of answers' files

	// Before is the last run's output, with which labels are compared. Nil means none.
	Before *findings.Before

	// Since is the number of the journal's last result before the run. What is not later
	// was kept, and not paid for again.
	Since int64
}

// A Target says what to derive. Only Path is required.
type Target struct {
	Path   string         // the file, which is replaced
	Format string         // jsonl, csv, tsv or parquet; if it is empty, the extension of Path decides
	Only   []batch.Status // leaves out rows with any other status, unless it is empty
	To     io.Writer      // receives the file's bytes if it is not nil; then no file is written or changed
	Stream bool           // with To: refuse columns that name files, rather than compare the files

	// Whole makes a pending row an error, [ErrPending]. Whoever finds the job's own
	// output takes it for finished.
	Whole bool

	// BeforeCommit, if not nil, is called when the file is complete and synced, and
	// before it gets its name. An error of it ends the derivation.
	BeforeCommit func(writer.Sum) error
}

// ErrPending means that an output was not written because a row of it is pending.
var ErrPending = errors.New("a row is pending")

// errInterrupted means that the context has ended.
var errInterrupted = fmt.Errorf("%w while the output was written", batch.ErrInterrupted)

// Derive writes an output and returns what its rows came to. The totals are also there
// if the error is ErrPending. If the context ends, the error is [batch.ErrInterrupted];
// if an answer was damaged since the journal was opened, it is a [*journal.Damage]; and
// with Target.To it is a [*FileError] for the first of the answers' files that differs.
// After an error the file at Path is the old one or the new one, whole in either case.
func (d *Deriver) Derive(ctx context.Context, to Target) (*cost.Totals, writer.Sum, error) {
	var sum writer.Sum
	w, err := d.newTable(to)
	if err != nil {
		return nil, sum, err
	}
	defer w.Abort()
	review, err := d.newReviewer(ctx)
	if err != nil {
		return nil, sum, err
	}
	var t cost.Totals
	evaluators, pass, fold := d.newEvaluators(), d.List.Media.NewPass(), d.newFold()
	for f, err := range d.fetchAll(ctx, reuseChunks) {
		if err != nil {
			return nil, sum, err
		}
		pass.Add(f.Request, f.Item.Err)
		x := d.count(f, &t)
		evaluators.add(f)
		review.mark(f)
		looked := d.lookedAt(f)
		fold.Add(&looked)
		if len(to.Only) > 0 && !slices.Contains(to.Only, x.status) {
			continue
		}
		t.Written++
		if err := w.write(f.Row, x); err != nil {
			return nil, sum, err
		}
	}
	pass.End()
	t.Review, t.Cleaned = review.result(), w.Cleaned()
	evaluators.result(&t)
	t.Findings = fold.Result(knownShares(t.Evaluations))
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

// CheckFiles refuses an output whose folder for answers' files is not the job's, unless
// force is set, and one in an object store, where there is none. The error is a [*spec.Error]. A job without such files has no folder.
func (d *Deriver) CheckFiles(output string, force bool) error {
	if !d.Columns.files() {
		return nil
	}
	if store.IsAddress(output) {
		if name := d.Columns.fileColumn(); len(d.Spec.Columns) == 0 || slices.Contains(d.Spec.Columns, name) {
			return spec.Errorf("name a file of this machine with --output, or name columns without "+name+" with --columns",
				"the output %s is an object, and the images and sounds of answers, which its column %s names, are written to a folder beside the output", output, name)
		}
		return nil
	}
	_, err := newFiler(d.FS, output, d.StateDir, false, force)
	return err
}

// Count adds what the journal has for one item to t, as Derive does for each. It returns
// the row's result, or nil if the row is pending or bad.
func (d *Deriver) Count(it *work.Item, t *cost.Totals) (*batch.Result, error) {
	f := fetched{Item: *it}
	if it.Entry.Status != "" {
		f.result, f.readErr = d.Journal.Read(it.Entry)
	}
	d.understand(&f)
	if f.readErr != nil {
		return nil, f.readErr
	}
	return d.count(&f, t).result, nil
}

// understand makes the reply of what was read, and reads the results that do not count.
func (d *Deriver) understand(f *fetched) {
	switch {
	case f.readErr != nil:
		return
	case f.Fate == work.Bad:
		f.reply = reply{status: batch.Skipped, problem: message.OneLine(f.Item.Err.Error(), 500)}
		return
	case f.result == nil:
		f.reply = reply{status: batch.Pending}
		return
	}
	if f.Fate != work.Copied {
		if f.readErr = d.readEarlier(f); f.readErr != nil {
			return
		}
	}
	if f.result.Status == batch.Pending {
		f.reply = reply{status: batch.Pending}
		return
	}
	f.reply = reply{result: f.result}
	d.answered(f.Row, &f.reply)
}

// readEarlier reads the results of a row that do not count.
func (d *Deriver) readEarlier(f *fetched) error {
	for _, e := range d.Journal.Superseded(f.Request.Fingerprint, f.Request.Occurrence) {
		r, err := d.Journal.Read(e)
		if err != nil {
			return err
		}
		f.earlier = append(f.earlier, r)
	}
	return nil
}

// count adds a row to the totals, and fills in what its reply says of the cost.
func (d *Deriver) count(f *fetched, t *cost.Totals) *reply {
	d.price(f, t)
	x := &f.reply
	t.AddStatus(x.status)
	if x.problem != "" && x.status != batch.OK {
		t.AddProblem(x.status, x.problem)
	}
	if k := d.Prompt.Classification(); k != nil && x.own != nil {
		for i, q := range k.Questions {
			labels, _ := k.LabelsOf(x.own, i)
			t.AddLabels(q.Name, labels)
		}
	}
	return x
}

// price adds what a row's results used, and says in its reply what they cost. A copied
// row used nothing, and saved what its answer had cost.
func (d *Deriver) price(f *fetched, t *cost.Totals) {
	x := &f.reply
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
		counted := f.result
		if counted.Status != x.status { // read in another way by now
			own := *counted
			own.Status = x.status
			counted = &own
		}
		amount, priced := t.AddResult(counted, d.Prices)
		if f.result.Seq <= d.Since {
			t.Bill.Kept += amount - (t.Bill.Retries.Cost - before)
		}
		for _, r := range f.earlier {
			c, ok := t.AddSuperseded(r, d.Prices, x.status)
			amount, priced = amount+c, priced && ok
		}
		if f.result.Status != batch.Pending {
			x.cost, x.priced = amount, priced
		}
	}
}
