package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file says what a run would do and cost, also by asking a few rows for real.

// Plan reads input and journal and says what a run would do and cost.
func (j *Job) Plan() (*Plan, error) {
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
	bound, err := j.spec.OutputBound()
	if err != nil {
		return nil, err
	}
	store, dialect := j.quotaStore(), spec.EndpointOptions(&j.spec).Dialect()
	return planner.New(planner.Config{
		List: j.list, Journal: j.journal, Prices: j.prices, Count: j.deriver().Count, Tiers: j.spec.Tiers(),
		MaxOutputTokens: bound, OwnBounds: j.prompt.Sets("generationConfig.maxOutputTokens"),
		Limits:  func(model string) batches.Limits { return batches.LimitsOf(dialect, model) },
		Counted: j.counted,
		Quota: func(model string) quota.Known {
			if store == nil {
				return quota.Known{}
			}
			return store.Peek(model)
		},
	})
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
		known = store.Peek(j.spec.Model)
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

// Pilot asks n of the rows that a run would ask, from the shortest to the longest
// prompt, and keeps their answers. What they cost is the basis of the plan that it
// returns. Rows are asked by single calls also where the job goes by batch, which might take
// a day. The output is not written, even where no row is left. The plan is there
// whenever the error is one of [batch.Run]'s, of what was answered until then.
func (j *Job) Pilot(ctx context.Context, n int) (*Summary, *Plan, error) {
	if err := j.openJournal(); err != nil {
		return nil, nil, err
	}
	j.warnInput()
	j.critic.WarnPrice()
	pilot, err := j.list.Pilot(n)
	if err != nil {
		return nil, nil, err
	}
	s, runErr := j.ask(ctx, pilot, false)
	if s == nil {
		return nil, nil, runErr
	}
	p, err := j.Plan()
	if err != nil {
		return s, nil, errors.Join(runErr, err)
	}
	if p.Forecast != nil {
		var text []byte
		if text, err = planner.MarshalForecast(p); err == nil {
			err = j.state.SaveForecast(text)
		}
	}
	return s, p, errors.Join(runErr, err)
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
