package batchjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/record"
)

// A filler takes rows, and fills jobs with them.
type filler struct {
	*base
	settler *settler

	next   func() (*batch.Request, error, bool) // of the pass over the rows; nil if none is under way
	stop   func()
	drawn  int64                        // requests of the pass that were taken
	drafts map[string]*batchstate.Draft // by model
	capped bool                         // the user was told that rows wait for the cap
}

// fill takes requests until a job is full, or no row is left. It returns nil if there is none to
// create now.
func (f *filler) fill(ctx context.Context) (*batchstate.Draft, error) {
	if len(f.drafts) == 0 && f.next == nil {
		if len(f.Store.Live()) > 0 && f.stop != nil {
			return nil, nil // the pass is over; rows may come back from the jobs that are left
		}
		f.next, f.stop = iter.Pull2(f.calls())
		f.drawn = 0
	}
	most := int64(0) // rows; 0: no bound of its own
	if f.pilotDue() || f.Budget != nil && !f.Budget.Known() {
		most = pilotRows
	}
	var unsent given
	for f.next != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		req, err, ok := f.next()
		if !ok {
			f.next = nil
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", batch.ErrSource, err)
		}
		f.drawn++
		full, err := f.take(ctx, req, most, &unsent)
		if err != nil {
			if serr := f.settler.settle(ctx, unsent); serr != nil {
				err = errors.Join(err, serr)
			}
			return nil, err
		}
		if full != nil {
			return full, f.settler.settle(ctx, unsent)
		}
	}
	if err := f.settler.settle(ctx, unsent); err != nil {
		return nil, err
	}
	for model, d := range f.drafts {
		delete(f.drafts, model)
		if d.Rows > 0 {
			return d, nil
		}
		if err := d.Abort(); err != nil {
			return nil, fmt.Errorf("%w: %w", batch.ErrSink, err)
		}
	}
	if f.drawn > 0 && len(f.Store.Live()) == 0 {
		return f.fill(ctx) // rows of this pass have come back, or were settled without a job
	}
	return nil, nil
}

// calls ranges over the requests of the rows that no job has, and that are to be asked by batch.
func (f *filler) calls() iter.Seq2[*batch.Request, error] {
	rows := func(yield func(*batch.Request, error) bool) {
		for req, err := range f.Rows() {
			if err == nil {
				if id := req.ID(); f.live[id] || f.passed[id] || f.Over(id) {
					continue
				}
				req = f.Next(req)
			}
			if !yield(req, err) {
				return
			}
		}
	}
	if f.Share == nil {
		return rows
	}
	return f.Share(rows)
}

// rowsOf returns the identities of the rows that a request is for.
func rowsOf(req *batch.Request) []batch.ID {
	if len(req.Rows) == 0 {
		return []batch.ID{req.ID()}
	}
	ids := make([]batch.ID, len(req.Rows))
	for i, row := range req.Rows {
		ids[i] = row.ID()
	}
	return ids
}

// take puts a request into the draft of its model. It returns the draft that is full before or
// with it.
func (f *filler) take(ctx context.Context, req *batch.Request, most int64, unsent *given) (full *batchstate.Draft, err error) {
	made, outcome := f.settler.prepare(ctx, req)
	if outcome != nil {
		if outcome.Consequence == batch.Stop {
			return nil, f.stopped(outcome.Err)
		}
		unsent.add(req, *outcome)
		return nil, nil
	}
	d := f.drafts[made.Model]
	limits := f.Limits(made.Model)
	if f.Service.TakesInline() {
		const room = batches.MaxInlineBytes * 9 / 10 // the call says more than the requests
		limits.Bytes = min(cmp.Or(limits.Bytes, room), room)
	}
	for {
		if d == nil {
			if d, err = f.Store.NewDraft(f.Owner, made.Model, f.Form, f.Service.Lines()); err != nil {
				return nil, fmt.Errorf("%w: %w", batch.ErrSink, err)
			}
			f.drafts[made.Model] = d
		}
		line, err := d.Lines.Append(nil, batchstate.KeyOf(req.ID()), made.Model, made.Body)
		if unfit, ok := errors.AsType[*batches.UnfitError](err); ok {
			f.unfit(req, unfit, unsent)
			return full, nil
		}
		if err != nil {
			return nil, err
		}
		if d.Rows > 0 && (limits.Bytes > 0 && d.Bytes+int64(len(line)) > limits.Bytes ||
			limits.Tokens > 0 && d.Tokens+int64(req.InputTokens) > limits.Tokens) {
			full, d = d, nil
			delete(f.drafts, made.Model)
			continue
		}
		if f.Budget != nil {
			held := *made
			held.Tier = Tier
			if err := f.Budget.Hold(d.ID, &held); err != nil {
				return f.overBudget(full, err)
			}
		}
		if err := d.Add(req, line); err != nil {
			return nil, fmt.Errorf("%w: %w", batch.ErrSink, err)
		}
		for _, id := range rowsOf(req) {
			f.live[id] = true
		}
		if full == nil && (d.Calls() == limits.Rows || most > 0 && d.Rows >= most) {
			full = d
			delete(f.drafts, made.Model)
		}
		return full, nil
	}
}

// overBudget ends taking rows because the next one might exceed the cap. What was taken is
// sent, and what jobs cost in the end may leave room.
func (f *filler) overBudget(full *batchstate.Draft, err error) (*batchstate.Draft, error) {
	spent, ok := errors.AsType[*record.BudgetError](err)
	if !ok || spent.Unpriced != "" {
		return nil, err
	}
	taken := full != nil || len(f.Store.Live()) > 0
	for _, d := range f.drafts {
		taken = taken || d.Rows > 0
	}
	if !taken {
		return nil, err
	}
	f.endPass()
	f.stop = func() {} // no further pass while jobs are at work
	if !f.capped {
		f.capped = true
		f.Log.Warn("max_cost leaves no room for more rows at a time, since each of them reserves the most that it can cost: the others wait until it is known what these did cost. A higher --max-cost, or a lower --max-output-tokens, makes it fewer jobs")
	}
	return full, nil
}

// unfit passes a row on that cannot be in a batch.
func (f *filler) unfit(req *batch.Request, why *batches.UnfitError, unsent *given) {
	if !f.Last {
		for _, id := range rowsOf(req) {
			f.passed[id] = true
		}
		return
	}
	unsent.add(req, batch.Outcome{Consequence: batch.Settled, Status: batch.Failed, Err: &batch.Error{
		Kind: batch.KindRequest, Message: "the row cannot be asked in a batch: " + why.Reason, Hint: "--tier batch,flex asks such rows in single calls",
	}})
}

// endPass ends the pass over the rows, if one is under way.
func (f *filler) endPass() {
	if f.stop != nil {
		f.stop()
	}
	f.next, f.stop = nil, nil
}

// abandonDrafts gives back the rows of drafts that are not full yet.
func (f *filler) abandonDrafts() {
	f.endPass()
	for model, d := range f.drafts {
		delete(f.drafts, model)
		for _, id := range d.IDs {
			delete(f.live, id)
		}
		if f.Budget != nil {
			f.Budget.Free(d.ID)
		}
		_ = d.Abort() // what is left of its files has temporary names, which Open removes
	}
}
