package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file says what a run would do and cost.

// Plan reads input and journal and says what a run would do and cost. rowsPerCall are the ways to
// run the job that it compares with the job's own: in numbers of rows that share a call. Without
// any, they are those that pilots have asked, or an example. The error is a [*SpecError] if rows of
// the job cannot share calls.
func (j *Job) Plan(rowsPerCall ...int) (*Plan, error) {
	for _, n := range rowsPerCall {
		if err := j.spec.CheckRowsPerCall(n); err != nil {
			return nil, err
		}
	}
	if !j.state.Locked() { // else a run has checked them
		if err := connection.Check(&j.spec, j.options.connection()); err != nil {
			return nil, err
		}
		if err := j.critic.CheckGuards(); err != nil {
			return nil, err
		}
	}
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	if err := j.list.CheckMeant(j.log()); err != nil {
		return nil, err
	}
	if err := j.critic.CheckFlight(); err != nil {
		return nil, err
	}
	j.warnInput()
	j.critic.WarnBatch()
	j.critic.WarnSchema()
	j.critic.WarnExamples()
	j.critic.WarnExpected()
	// What a run would ask about, or refuse, is part of what it would do.
	if lost := j.loss(j.journal.Last()); lost != nil && !j.state.Locked() {
		j.log().Warn(lost.String())
	} else if err := j.checkOutput(); err != nil {
		j.log().Warn("run would refuse: " + err.Error())
	}
	if err := j.checkMixture(); err != nil {
		j.log().Warn("run would refuse: " + err.Error())
	}
	if e, err := gemini.ParseEndpoint(spec.EndpointOptions(&j.spec), j.options.Env); err == nil && !j.state.Locked() {
		if err := checkLogprobs(j, watchLogprobs(j, e), j.list); err != nil {
			j.log().Warn("run would refuse: " + err.Error())
		}
	}
	c, err := j.planning(rowsPerCall)
	if err != nil {
		return nil, err
	}
	return planner.New(c)
}

// planning says what is planned.
func (j *Job) planning(rowsPerCall []int) (c planner.Config, err error) {
	share, err := j.spec.Share()
	if err != nil {
		return c, err
	}
	store, dialect, d := j.quotaStore(), spec.EndpointOptions(&j.spec).Dialect(), j.deriver()
	c = planner.Config{
		List: j.list, Journal: j.journal, Prices: j.prices, Count: d.Count, Tiers: j.spec.Tiers(),
		OwnBounds: j.prompt.Sets("generationConfig.maxOutputTokens"),
		Limits:    func(model string) batches.Limits { return batches.LimitsOf(dialect, model) },
		Counted:   j.counted,
		Quota: func(model string) quota.Known {
			if store == nil {
				return quota.Known{}
			}
			return store.Peek(model).Part(share.Of)
		},
		Packer: func(n int) *pack.Packer {
			p := newPacker(j, n, false)
			if n != j.spec.RowsPerCall {
				p.Log = slog.New(slog.DiscardHandler) // what holds for another way is no news of the job
			}
			return p
		},
		Pilots: planner.Pilots{Piloted: state.PilotsIn(j.state.Dir), Compares: d.Compares()},
	}
	read := d.Reader()
	c.Read = func(row *batch.Row, r *batch.Result) planner.Answer { return planner.Answer(read(row, r)) }
	c.Ways = j.waysToCompare(rowsPerCall, c.Piloted)
	c.Services, c.LeftOut = j.services()
	c.MaxOutputTokens, err = j.spec.OutputBound()
	return c, err
}

// checkMixture says whether a run would mix made-up answers with real ones. It needs no
// connection and no key.
func (j *Job) checkMixture() error {
	if j.options.Fresh {
		return nil
	}
	e, err := gemini.ParseEndpoint(spec.EndpointOptions(&j.spec), j.options.Env)
	if err != nil {
		return nil // run says what is wrong with it
	}
	return checkSimulated(j.journal, j.state.Dir, e)
}

// Least returns how long so many more rows take at the least, by the limits of requests that
// the job gives, that its [Control] has set, or that the model's refusals have taught. It is 0
// if none is known.
func (j *Job) Least(rows int64) time.Duration {
	if j.prompt.Varies("model") {
		return 0 // each model has quotas of its own
	}
	var known quota.Known
	if store := j.quotaStore(); store != nil {
		share, _ := j.spec.Share() // Check has looked at it
		known = store.Peek(j.spec.Model).Part(share.Of)
	}
	if n := int64(j.spec.RowsPerCall); n > 1 {
		rows = (rows + n - 1) / n
	}
	c := j.control.State() // a run that goes on may have been given others than the job has
	given := func(l InForce) int64 {
		if l.Source == "job" || l.Source == "control" {
			return l.Value
		}
		return 0
	}
	return known.Least(rows, given(c.RPM), given(c.RPD))
}

// CountTokens asks the endpoint for the tokens of n of the rows that a run would ask,
// from the shortest to the longest prompt, and corrects the estimates of the plans
// that follow. Rows with media are left out, since they would have to be uploaded. It
// refuses endpoints that are not known to count for nothing, and returns how many
// rows were counted.
func (j *Job) CountTokens(ctx context.Context, n int) (counted int64, err error) {
	if err := j.list.CheckMeant(j.log()); err != nil {
		return 0, err
	}
	if j.conn.Client == nil {
		if j.conn.Connection, err = connection.Open(&j.spec, j.options.connection()); err != nil {
			return 0, err
		}
	}
	if err := j.conn.Endpoint.CanCount(); err != nil {
		return 0, spec.Errorf("plan without --count-tokens; --pilot N asks some rows for real, and keeps their answers", "--count-tokens: %w", err)
	}
	client, ok := j.conn.Client.(interface {
		CountTokens(context.Context, *batch.Request) (int64, error)
	})
	if !ok {
		return 0, errors.New("this endpoint's client cannot count tokens")
	}
	chosen, err := j.list.Pilot(n)
	if err != nil {
		return 0, err
	}
	j.counted = make(planner.TokenCounts)
	for it, err := range chosen.Items() {
		if err != nil {
			return 0, err
		}
		if len(it.Request.Media) > 0 {
			continue
		}
		tokens, err := client.CountTokens(ctx, it.Request)
		if err != nil {
			return 0, err
		}
		counted++
		j.counted.Add(it.Request, &batch.Result{Spent: []batch.Spend{{Usage: &batch.Usage{PromptTokenCount: tokens}}}})
	}
	return counted, nil
}
