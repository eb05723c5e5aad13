package jobs

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newBudget returns the limiter that holds the job's cap; the one given, when it
// has none.
func (j *Job) newBudget(l batch.Limiter) (batch.Limiter, error) {
	if j.spec.MaxCost == "" {
		return l, nil
	}
	limit, err := spec.ParseCost(j.spec.MaxCost)
	if err != nil {
		return nil, err
	}
	b := budget.New(l, j.prices, limit)
	for r, err := range j.journal.All() {
		if _, damaged := errors.AsType[*journal.Damage](err); damaged {
			continue // its row is asked again, and what it cost is not known
		}
		if err != nil {
			return nil, err
		}
		b.AddPast(r)
	}
	if n := b.Unpriced(); n > 0 {
		return nil, spec.Errorf("give their prices with --prices FILE, or run without --max-cost",
			"max_cost cannot be held: the price of %d calls in the journal is not known", n)
	}
	switch {
	case j.bodyBound() == 0:
		j.log.Warn("without --max-output-tokens the cap of --max-cost is soft: answers longer than any before can exceed it")
	case j.bringsInput():
		j.log.Warn("with media, cached content or tools the cap of --max-cost is soft: how many tokens they bring in is known only afterwards")
	}
	return b, nil
}

// withMedia returns the job's client, which sends media if the job has any.
func (j *Job) withMedia() batch.Model {
	if j.media == nil {
		return j.client
	}
	if c, ok := j.client.(*gemini.Client); ok && c.Files() != nil {
		j.uploads = media.OpenUploads(c.Files(), j.fs, filepath.Join(j.spec.StateDir(), media.UploadsFile), j.keyID, j.log)
	}
	return media.NewModel(j.client, j.endpoint.InlineLimit, j.uploads)
}

// newTiering returns what chooses the tiers of a run; nil: the job names none.
func (j *Job) newTiering(l batch.Limiter, shared *quota.Limiter, begin, deadline time.Time) (*tier.Ladder, error) {
	if len(j.spec.Tier) == 0 {
		return nil, nil
	}
	c := tier.Config{
		Limiter: l, Tiers: j.spec.Tiers(), Wait: j.spec.TierWait, Begin: begin, Deadline: deadline, Concurrency: j.spec.Concurrency,
		RPM: j.spec.RPM, TPM: j.spec.TPM, Quota: shared, Warn: j.warnTier,
	}
	if deadline.IsZero() || len(c.Tiers) == 1 {
		return tier.New(c), nil
	}
	// The deadline needs to know what is left to do.
	for it, err := range j.items() {
		if err != nil {
			return nil, err
		}
		if it.req != nil && !it.copied && !(it.known && j.settled(it.entry)) {
			c.Left++
		}
	}
	return tier.New(c), nil
}
