package output

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/record"
)

// This file finds single rows, and tells all that is known of them.

// shownRows is how many rows a selection shows that does not say how many.
const shownRows = 10

// Show returns the rows that a selection finds. Without List, which a job lacks whose input
// cannot be read, the rows are those that the journal has results of. Answers are read only of
// the rows that are shown, unless the selection asks for statuses or values, or known labels
// correct the confidence. The error is a
// [*spec.Error] if the selection names what is not there, or as that of [Deriver.Rows].
func (d *Deriver) Show(ctx context.Context, s *record.Selection) (*record.Found, error) {
	q, err := d.newQuery(ctx, s)
	if err != nil {
		return nil, err
	}
	for f, err := range q.candidates(ctx) {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
		}
		if err != nil {
			return nil, err
		}
		if !q.add(f) {
			break
		}
	}
	if err := q.missing(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(q.kept, func(a, b *fetched) int { return cmp.Compare(a.Row.Number, b.Row.Number) })
	for _, f := range q.kept {
		if !q.byValue && f.result == nil {
			if f.Entry.Status != "" {
				f.result, f.readErr = d.Journal.Read(f.Entry)
			}
			d.understand(f)
		}
		if f.readErr != nil {
			return nil, f.readErr
		}
		q.found.Rows = append(q.found.Rows, q.detail(f))
	}
	return &q.found, nil
}

// candidates ranges over the rows of the job. Their results are there if the query is by
// value, or the journal is all that there is to be read.
func (q *query) candidates(ctx context.Context) iter.Seq2[*fetched, error] {
	switch {
	case q.List == nil:
		return q.journalled
	case q.byValue:
		return q.fetchAll(ctx, keepChunks)
	}
	return func(yield func(*fetched, error) bool) {
		for it, err := range q.List.Items() {
			if !yield(&fetched{Item: it}, err) {
				return
			}
		}
	}
}

// journalled yields the rows of which the journal has a result, in the order of those that
// count. A damaged result is left out; the journal tells of it.
func (q *query) journalled(yield func(*fetched, error) bool) {
	for r, err := range q.Journal.All() {
		if _, damaged := errors.AsType[*journal.Damage](err); damaged {
			continue
		}
		if err != nil {
			yield(nil, err)
			return
		}
		e, _ := q.Journal.Lookup(r.Fingerprint, r.Occurrence)
		if len(q.Journal.Superseded(r.Fingerprint, r.Occurrence)) > 0 {
			counts, err := q.Journal.Read(e)
			if err == nil && counts.Seq != r.Seq {
				continue
			}
		}
		f := &fetched{result: r, Item: work.Item{
			Row:  &batch.Row{Number: r.Row},
			Fate: work.Settled, Entry: e,
			Request: &batch.Request{Row: r.Row, Key: r.Key, Model: r.Model, Fingerprint: r.Fingerprint, Occurrence: r.Occurrence},
		}}
		q.understand(f)
		if !yield(f, f.readErr) {
			return
		}
	}
}

// add takes the next row. It returns false if no later one can be selected.
func (q *query) add(f *fetched) bool {
	n := f.Row.Number
	if q.List != nil && n > q.last {
		return false
	}
	q.rows++
	if q.isNamed(f) {
		q.found.Total++
		q.found.Status[statusOf(f)]++
		if q.holds(f) {
			q.found.Matched++
			q.keep(f)
		}
	}
	return q.List == nil || n < q.last
}

// statusOf returns the status of a row, by the journal alone if its answer was not read.
func statusOf(f *fetched) batch.Status {
	switch {
	case f.reply.status != "":
		return f.reply.status
	case f.Fate == work.Bad:
		return batch.Skipped
	}
	return cmp.Or(f.Entry.Status, batch.Pending)
}

// keep keeps a row that is selected, unless there are enough: in a sample those with the
// lowest fingerprints, else the first ones.
func (q *query) keep(f *fetched) {
	at := len(q.kept)
	if q.Sample > 0 {
		at, _ = slices.BinarySearchFunc(q.kept, f, byFingerprint)
	}
	if at >= q.most {
		return
	}
	own := *f // not those that were read beside it
	if own.result != nil && q.List != nil {
		r := *own.result
		r.Response = bytes.Clone(r.Response)
		own.result = &r
		if own.reply.result != nil {
			own.reply.result = &r
		}
	}
	q.kept = slices.Insert(q.kept, at, &own)
	q.kept = q.kept[:min(len(q.kept), q.most)]
}

// byFingerprint orders rows by what they ask. Those that ask nothing, since they cannot be
// read, are the last.
func byFingerprint(a, b *fetched) int {
	switch {
	case a.Request != nil && b.Request != nil:
		return a.Request.ID().Compare(b.Request.ID())
	case a.Request != nil:
		return -1
	case b.Request != nil:
		return 1
	}
	return cmp.Compare(a.Row.Number, b.Row.Number)
}

// detail tells what is known of a row that was read.
func (q *query) detail(f *fetched) *record.Detail {
	var t cost.Totals
	q.price(f, &t)
	d := &record.Detail{
		Row: q.rowOf(f, q.names, q.evaluators, q.review), Key: q.keyOf(f), KeyColumn: q.keyColumn(), Prefix: q.Spec.Prefix,
		Parts: t.Bill.Parts,
	}
	if d.Result == nil && f.result != nil && f.Fate != work.Copied { // attempts that came to nothing so far
		d.Result = f.result
		d.Cost, _ = t.CostUSD()
		d.Priced = q.knows(f.result) && !slices.ContainsFunc(f.earlier, func(r *batch.Result) bool { return !q.knows(r) })
	}
	d.Columns = slices.Clone(d.Columns)
	for _, e := range append([]extra{{column: response}}, extras...) {
		e.Name = q.Spec.Prefix + e.Name
		if q.hasResult(e.Name) || e.Name == q.Spec.Prefix+"candidates" && len(f.reply.details().Candidates) < 2 {
			continue
		}
		if v := e.value(&f.reply); v != nil {
			d.Columns, d.Values = append(d.Columns, e.Column), append(d.Values, v)
		}
	}
	if d.Result != nil {
		d.Spent = q.costsOf(d.Result)
	}
	for _, r := range f.earlier {
		s := record.Superseded{Result: r, Costs: q.costsOf(r)}
		if a, err := pack.Parse(r); err == nil {
			s.Text = a.Text
		}
		d.Earlier = append(d.Earlier, s)
	}
	return d
}

// knows reports whether it is known what each attempt of a result cost.
func (q *query) knows(r *batch.Result) bool {
	return !slices.ContainsFunc(q.costsOf(r), func(c record.AttemptCost) bool { return !c.Known })
}

// costsOf returns what each attempt of a result cost.
func (q *query) costsOf(r *batch.Result) []record.AttemptCost {
	costs := make([]record.AttemptCost, len(r.Spent))
	for i := range r.Spent {
		s := &r.Spent[i]
		if s.Usage == nil {
			costs[i].Most, _ = cost.Most(q.Prices, s, r.Model)
			continue
		}
		costs[i].Cost, costs[i].Known = cost.Of(q.Prices, s, r.Model)
	}
	return costs
}
