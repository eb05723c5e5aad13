package jobs

import (
	"context"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/overview"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file describes a whole job, for a page.

// An Overview is what can be said of a job in few figures, also while it runs.
type Overview struct {
	Totals // of the rows of the output, or of the journal if the input cannot be read
	overview.Figures

	Spec    Spec     // without secrets
	State   string   // the job's state folder
	Running *Owner   // nil if no process runs the job
	Damage  []Damage // places where the journal is damaged, whose rows are pending

	Forecast   *Forecast // what a pilot said that all rows would cost; nil if there was none
	ListPriced bool      // costs are Google's list prices, and a gateway sends the bill
	Batches    []Batch   // as their record has them, the oldest first
	History    []RunHistory

	// Orphaned counts answers in the journal that no row asks for any more. What they cost is
	// not in the Totals.
	Orphaned int64
	// Elsewhere counts those to rows in other ways than the job's: in a pilot, with more or fewer
	// rows a call.
	Elsewhere int64

	// InputError is why the input cannot be read, or what is wrong with it. Then the rows are
	// those that the journal has results of. It is nil if the input could be read.
	InputError error
}

// OverviewOf describes a job in one pass over its rows. It sends nothing, needs no key, and does
// not disturb a process that runs the job.
//
// It also returns what keep makes of at most so many rows: first of those that are not ok, which
// are three fifths of them if there are enough, and then of others, each spread evenly over the
// job. keep is called more often than that, and is to keep nothing else of a Detail, which may be
// large.
//
// The error is a [*SpecError] if the job cannot be read. It is that of [Job.Rows] if the input or
// the journal breaks half way, or ctx ends.
func OverviewOf[T any](ctx context.Context, job Spec, o Options, rows int, keep func(*Detail) T) (*Overview, []T, error) {
	j, err := prepare(job, o)
	if err != nil {
		return nil, nil, err
	}
	defer j.Close()
	v := &Overview{Spec: j.spec.WithoutSecrets(), State: j.state.Dir}
	if v.Running, err = state.Owner(j.state.Dir); err != nil {
		return nil, nil, err
	}
	if v.InputError, err = openToShow(j); err != nil {
		return nil, nil, err
	}
	v.Damage = j.journal.Damage()
	bad, good := overview.NewSampler[T](max(1, rows*6/5)), overview.NewSampler[T](max(1, 2*rows)) // half may be left
	fold := overview.New()
	answered := int64(0) // by results of the rows' own
	d := j.deriver()
	d.Before = state.BeforeOf(j.state.Dir, &j.spec, j.journal.Last())
	totals, err := d.Overview(ctx, func(r *overview.Row, detail func() *record.Detail) {
		fold.Add(r)
		if r.Result != nil && !r.Copied {
			answered++
		}
		to := good
		if r.Status != batch.OK && r.Status != batch.Pending {
			to = bad
		}
		to.Add(func() T { return keep(detail()) })
	})
	if err != nil {
		return nil, nil, err
	}
	v.Totals, v.Figures = *totals, *fold.Figures()
	for status, n := range j.journal.Rows() {
		if status != batch.Pending {
			v.Orphaned += n
		}
	}
	v.Orphaned -= answered
	if v.InputError == nil {
		if v.Elsewhere, err = j.list.CountElsewhere(); err != nil {
			return nil, nil, err
		}
		v.Orphaned -= v.Elsewhere
	}
	if err := v.addRecords(j); err != nil {
		return nil, nil, err
	}
	chosen := bad.Chosen(max(rows*3/5, rows-int(min(good.Seen(), int64(rows)))))
	return v, append(chosen, good.Chosen(rows-len(chosen))...), nil
}

// addRecords adds what the state folder has beside the journal.
func (v *Overview) addRecords(j *Job) error {
	forecast, err := j.state.Forecast()
	if err != nil {
		return err
	}
	v.Forecast = planner.ParseForecast(forecast, v.Totals.Rows)
	if address := spec.EndpointOptions(&j.spec); !spec.StartsSimulator(address) {
		if e, _, err := spec.ParseEndpoint(&j.spec, address, j.options.Env); err == nil {
			v.ListPriced = j.critic.ListPriced(e, &v.Totals)
		}
	}
	v.History, _ = ReadHistory(j.state.Dir) // a cache: the page has no figures over time without it
	store, err := batchstate.View(j.state.Dir)
	if err == nil {
		v.Batches = store.Records()
	}
	return err
}
