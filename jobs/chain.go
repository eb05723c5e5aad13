package jobs

import (
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/repair"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file puts limiters and models together, and is the only one that does.

// A chain is what each call of a run passes through: first the limiters, from the
// outermost to the innermost, then the models in the same order. Package batch explains
// the order.
type chain struct {
	job     *Job
	quota   *quota.Limiter
	budget  *budget.Budget // nil: the job has no cap
	limiter batch.Limiter  // the cap over the quota
	ladder  *tier.Ladder   // around both, and around the model; nil if the job names no tier of single calls
	model   batch.Model
	packer  *pack.Packer // of rows that share calls; nil if none do

	begin    time.Time // of the run
	deadline time.Time // zero: there is none
}

// newChain makes the chain of a run over the rows of a list. Batch jobs that are at work may
// hold a part of the cap already; else limit is nil. Deadline may be zero.
func (j *Job) newChain(list *work.List, limit *budget.Budget, begin, deadline time.Time) (*chain, error) {
	share, err := j.spec.Share()
	if err != nil {
		return nil, err
	}
	c := &chain{job: j, begin: begin, deadline: deadline, quota: quota.New(quota.Config{
		RPM: j.spec.RPM, TPM: j.spec.TPM, RPD: j.spec.RPD,
		Concurrency: j.spec.Concurrency, OnDailyQuota: dayPolicy(j.spec.OnDailyQuota),
		Share: share.Of, Store: j.quotaStore(), Proven: j.options.Shared.Proven,
	})}
	if list.RowsPerCall > 1 {
		c.packer = newPacker(j, list.RowsPerCall, false)
	}
	if err = c.addLimiters(list, limit); err == nil {
		c.model, err = c.newModel(mediaModel(j, j.conn.Client), false)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// addLimiters puts the cap and the ladder of tiers around the quota.
func (c *chain) addLimiters(list *work.List, limit *budget.Budget) (err error) {
	if limit == nil {
		if limit, err = c.newBudget(); err != nil {
			return err
		}
	}
	c.limiter = c.quota
	if limit != nil {
		limit.Limiter = c.quota
		c.budget, c.limiter = limit, limit
	}
	control.HoldCost(c.job.control, limit)
	c.ladder, err = c.newLadder(list)
	return err
}

// flex returns the limiter that flex calls pass before the one of all calls. It
// is nil if the job has no such tier.
func (c *chain) flex() *quota.Limiter {
	if c.ladder == nil {
		return nil
	}
	return c.ladder.FlexLimiter()
}

// close gives back what the limiters have booked.
func (c *chain) close() {
	c.quota.Close()
	if c.budget != nil {
		if err := c.budget.Settle(); err != nil {
			c.job.log().Warn(fmt.Sprintf("what is left of the money that was set apart for these rows stays so: %v", err))
		}
	}
}

// over returns the configuration of a run through the chain.
func (c *chain) over(config batch.Config) batch.Config {
	config.Model, config.Limiter = c.model, c.limiter
	if c.ladder != nil {
		config = c.ladder.Over(config)
	}
	config.Limiter = c.job.conn.logprobs.Before(config.Limiter)
	return c.job.options.around(control.Over(c.job.control, config, c.quota, c.ladder))
}

func dayPolicy(name string) quota.DayPolicy {
	if name == "wait" {
		return quota.DayWait
	}
	return quota.DayStop
}

// newBudget returns the limiter that holds the job's cap. It is nil if the job has no cap.
func (c *chain) newBudget() (*budget.Budget, error) {
	if c.job.spec.MaxCost == "" {
		return nil, nil
	}
	limit, err := c.job.spec.CostLimit()
	if err != nil {
		return nil, err
	}
	b := budget.New(nil, c.job.prices, limitOf(&c.job.spec, limit))
	for r, err := range journal.Readable(c.job.journal) {
		if err != nil {
			return nil, err
		}
		b.AddPast(r)
	}
	if model := b.Unpriced(); model != "" {
		return nil, spec.Errorf("give it with --prices FILE, or run without --max-cost",
			"max_cost cannot be held: %s answered in an earlier run, whose price is not known", model)
	}
	if p := c.job.options.Shared.Purse; p != nil {
		b.Use(p)
	}
	switch bound, _ := c.job.spec.OutputBound(); {
	case bound == 0:
		c.job.log().Warn("without --max-output-tokens the cap of --max-cost is soft: answers longer than any before can exceed it")
	case c.bringsInput():
		c.job.log().Warn("with media, cached content or tools the cap of --max-cost is soft: how many tokens they bring in is known only afterwards")
	}
	return b, nil
}

// bringsInput reports whether the job's requests have input that their text does
// not hold. The first answers show how much it is.
func (c *chain) bringsInput() bool {
	request := prompt.WithSet(c.job.spec.Body(nil), c.job.spec.Set)
	return c.job.media != nil || apijson.Field(request, "cachedContent") != nil ||
		apijson.Grounded(request) || apijson.HasTool("urlContext")(request) || apijson.HasTool("codeExecution")(request)
}

// newLadder returns what chooses the service tiers of a run. It is nil if the
// job names none for single calls.
func (c *chain) newLadder(list *work.List) (*tier.Ladder, error) {
	tiers := spec.CallTiers(&c.job.spec)
	if len(tiers) == 0 {
		return nil, nil
	}
	config := tier.Config{
		Limiter: c.limiter, Tiers: tiers, Wait: c.job.spec.TierWait, Begin: c.begin, Deadline: c.deadline, Concurrency: c.job.spec.Concurrency,
		RowsPerCall: list.RowsPerCall,
		Quota:       c.quota, Warn: c.job.critic.WarnTier,
	}
	if c.deadline.IsZero() || len(config.Tiers) == 1 {
		return tier.New(config), nil
	}
	// The deadline needs to know what is left to do.
	var err error
	if config.Left, err = list.CountAsked(); err != nil {
		return nil, err
	}
	return tier.New(config), nil
}

// newModel lays around the endpoint's client what keeps made-up answers from real ones and
// notices from answers, looks whether log probabilities are served, writes schemas as the
// endpoint knows them, changes a call that must fail again, checks answers, and bounds what
// attempts can have used. The answers of batch jobs do not show whether the next request had
// better be another one: they were all asked at once.
func (c *chain) newModel(m batch.Model, inBatches bool) (batch.Model, error) {
	m, err := c.keepProvenance(m)
	if err != nil {
		return nil, err
	}
	m = c.job.conn.logprobs.Over(m, inBatches)
	var ignores func(*batch.Request, string) bool
	if of := c.job.prompt.IgnoresSchema(); of != nil && !inBatches {
		ignores = func(r *batch.Request, text string) bool { return pack.Ignores(r, text, of) }
	}
	if c.job.prompt.SharesCache() {
		m = repair.SharedCache(m)
	}
	if c.job.prompt.MayFail() {
		m = repair.FailIf(m, func(r *batch.Request, a *gemini.Answer) error {
			if len(r.Rows) > 0 && pack.Answers(a.Text) {
				return nil // each row's answer is looked at when they are taken apart
			}
			return c.job.prompt.Fails(a)
		})
	}
	m = repair.SchemaField(m, repair.SchemaConfig{
		EveryRow: len(c.job.spec.Schema) > 0, OpenAPI: c.job.spec.SchemaField == "responseSchema", Log: c.job.log(),
		Checked: c.job.prompt.Checks(), Described: c.job.prompt.Classification() != nil, Ignores: ignores,
	})
	if c.packer != nil {
		m = c.packer.Over(m)
	}
	m = repair.Change(m, c.job.prices, c.job.spec.Stream)
	if judge := c.job.prompt.Judge; judge.FindsFault() {
		m = repair.Check(m, func(r *batch.Request, a *gemini.Answer) error {
			_, err := judge.Read(r.Source, a)
			return err
		}, func(r *batch.Request, a *gemini.Answer) error {
			_, err := judge.ReadCut(r.Source, a)
			return err
		})
	}
	return budget.Bound(m, c.job.prices), nil
}

// newPacker returns what has so many rows share a call, and takes their answers apart. Those of
// batch jobs are later ones: see [pack.Config].
func newPacker(j *Job, rows int, later bool) *pack.Packer {
	return pack.New(pack.Config{
		Rows: rows, Later: later, Log: j.log(),
		OutputLimit: func(model string) int64 { return cost.OutputLimit(j.prices, model, time.Now()) },
		Judge: func(r *batch.Request, a *gemini.Answer) error {
			err := j.prompt.Fails(a)
			if err == nil {
				_, err = j.prompt.Judge.Read(r.Source, a)
			}
			return err
		},
	})
}

// keepProvenance guards a model by what the journal has. Only at an address of this
// machine do the answers alone tell whether they are made up; see checkSimulated.
func (c *chain) keepProvenance(m batch.Model) (batch.Model, error) {
	if !connection.IsLocal(c.job.conn.Endpoint) {
		return m, nil
	}
	simulated, known, err := simulatedBefore(c.job.journal)
	if err != nil || !known {
		return m, err
	}
	return repair.KeepProvenance(m, simulated), nil
}
