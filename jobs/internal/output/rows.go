package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/record"
)

// This file hands rows with their results to programs, where Derive writes them to a file.

// Rows ranges over the rows in input order, with what became of them. An error is the last
// thing yielded: [batch.ErrInterrupted] if the context ended, a [*journal.Damage] if an
// answer was damaged since the journal was opened, or what broke the input.
func (d *Deriver) Rows(ctx context.Context) iter.Seq2[*record.Row, error] {
	return func(yield func(*record.Row, error) bool) {
		names, evaluators := d.Columns.Names(), d.newEvaluators()
		review, err := d.newReviewer(ctx)
		if err != nil {
			yield(nil, interrupted(ctx, err))
			return
		}
		var t cost.Totals
		for f, err := range d.fetchAll(ctx, keepChunks) {
			if err != nil {
				yield(nil, interrupted(ctx, err))
				return
			}
			d.count(f, &t)
			if x := &f.reply; x.result != nil { // a row that is kept does not keep those beside it
				own := *x.result
				own.Response = bytes.Clone(own.Response)
				x.result = &own
			}
			if !yield(d.rowOf(f, names, evaluators, review), nil) {
				return
			}
		}
	}
}

// interrupted returns err with the cause, if it says that ctx has ended.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, errInterrupted) {
		return fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
	}
	return err
}

// rowOf returns an item that was counted as a row for programs.
func (d *Deriver) rowOf(f *fetched, names []batch.Column, e evaluators, review *reviewer) *record.Row {
	x := &f.reply
	e.add(f)
	review.mark(f)
	r := &record.Row{
		Input: f.Row, Request: f.Request, Result: x.result,
		Status: x.status, Error: x.problem, Note: x.note,
		Columns: names, Values: make([]any, len(names)),
		Cost: x.cost, Priced: x.priced, Copied: x.copied,
	}
	if k := d.Prompt.Classification(); k != nil {
		r.Shown = k.IsExample(f.Row)
	}
	if x.answer != nil {
		r.Text = x.answer.Text
		if !x.copied {
			r.Usage = x.answer.Usage
		}
	}
	for i, c := range d.Columns.list {
		r.Values[i] = c.value(x)
	}
	return r
}

// An Observer shows the rows of a run as they get their results. A nil Observer shows none.
type Observer struct {
	deriver    *Deriver
	show       func(*record.Row)
	names      []batch.Column
	evaluators evaluators
	review     *reviewer // nil if no rows are to be marked

	mu    sync.Mutex
	asked map[batch.ID]work.Item // rows that are under way
}

// NewObserver returns what calls show with each row that gets a result, one at a time. It
// returns nil if show is nil.
func NewObserver(d *Deriver, show func(*record.Row)) *Observer {
	if show == nil {
		return nil
	}
	return &Observer{
		deriver: d, show: show, names: d.Columns.Names(), evaluators: d.newEvaluators(), asked: make(map[batch.ID]work.Item),
		review: d.startReview(), // what corrects confidence is known once the run has ended
	}
}

// Expect takes note of a row that is about to be asked.
func (o *Observer) Expect(it *work.Item) {
	if o == nil || !it.Fate.Ask() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[it.Request.ID()] = *it
}

// Show shows the row of a result that is in the journal, unless the row is still pending. It
// must not be called concurrently.
func (o *Observer) Show(r *batch.Result) {
	if o == nil || r.Status == batch.Pending {
		return
	}
	o.mu.Lock()
	it, asked := o.asked[r.ID()]
	delete(o.asked, r.ID())
	o.mu.Unlock()
	if !asked {
		return // it was in a batch job of an earlier run, and is not in the input any more
	}
	f := &fetched{Item: it, result: r, reply: reply{result: r}}
	o.deriver.answered(f.Row, &f.reply)
	err := o.deriver.readEarlier(f)
	o.deriver.price(f, new(cost.Totals))
	if err != nil {
		f.reply.priced = false
	}
	o.show(o.deriver.rowOf(f, o.names, o.evaluators, o.review))
}
