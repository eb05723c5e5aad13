package output

import (
	"context"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/overview"
	"github.com/genbatch/genbatch/jobs/record"
)

// Overview goes through the rows once, as [Deriver.Derive] does, and returns what they come to.
// It calls look with each of them. Both the row and what detail tells of it are valid during the
// call only. Without List the rows are those that the journal has results of. Its errors are those
// of [Deriver.Show].
func (d *Deriver) Overview(ctx context.Context, look func(r *overview.Row, detail func() *record.Detail)) (*cost.Totals, error) {
	q, err := d.newQuery(ctx, &record.Selection{})
	if err != nil {
		return nil, err
	}
	rows := q.journalled
	var fold *findings.Fold
	if d.List != nil {
		rows, fold = d.fetchAll(ctx, reuseChunks), d.newFold()
	}
	told := *q // which does not judge a row again
	told.evaluators, told.review = evaluators{}, nil
	var t cost.Totals
	for f, err := range rows {
		if err == nil && ctx.Err() != nil {
			err = errInterrupted
		}
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		x := d.count(f, &t)
		q.evaluators.add(f)
		q.review.mark(f)
		if fold != nil {
			looked := d.lookedAt(f)
			fold.Add(&looked)
		}
		r := overview.Row{Input: f.Row, Key: q.keyOf(f), Status: x.status, Problem: x.problem, Copied: x.copied}
		if x.status != batch.Pending {
			r.Result = f.result
		}
		if x.answer != nil {
			r.Usage = x.answer.Usage
		}
		look(&r, func() *record.Detail { return told.detail(f) })
	}
	t.Review = q.review.result()
	q.evaluators.result(&t)
	if fold != nil {
		t.Findings = fold.Result(knownShares(t.Evaluations))
	}
	return &t, nil
}
