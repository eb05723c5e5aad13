package jobs

import (
	"context"
	"errors"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
)

// CountTokens asks the endpoint for the tokens of n of the rows that a run would ask,
// from the shortest to the longest prompt, and corrects the estimates of the plans
// that follow. Rows with media are left out, since they would have to be uploaded. It
// refuses endpoints that are not known to count for nothing, and returns how many
// rows were counted.
func (j *Job) CountTokens(ctx context.Context, n int) (counted int64, err error) {
	if j.client == nil {
		if err := j.connect(); err != nil {
			return 0, err
		}
	}
	if err := j.endpoint.CanCount(); err != nil {
		return 0, spec.Errorf("plan without --count-tokens; --pilot N asks some rows for real, and keeps their answers", "--count-tokens: %w", err)
	}
	client, ok := j.client.(interface {
		CountTokens(context.Context, *batch.Request) (int64, error)
	})
	if !ok {
		return 0, errors.New("this endpoint's client cannot count tokens")
	}
	chosen, err := j.choosePilot(n)
	if err != nil {
		return 0, err
	}
	j.counted = make(seenModels)
	for it, err := range j.items() {
		if err != nil {
			return 0, err
		}
		if it.req == nil || it.copied || len(it.req.Media) > 0 || !chosen[it.req.ID()] {
			continue
		}
		tokens, err := client.CountTokens(ctx, it.req)
		if err != nil {
			return 0, err
		}
		counted++
		j.counted.add(it.req, &batch.Result{Spent: []batch.Spend{{Usage: &batch.Usage{PromptTokenCount: tokens}}}})
	}
	return counted, nil
}
