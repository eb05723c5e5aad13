package jobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/preflight"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// checkBudget refuses a cap that could not be held.
func (j *Job) checkBudget() error {
	if j.spec.MaxCost == "" {
		return nil
	}
	if _, err := spec.ParseCost(j.spec.MaxCost); err != nil {
		return err
	}
	return j.checkPriced(j.spec.Model)
}

// checkPriced refuses a model whose cost could not be held below a cap.
func (j *Job) checkPriced(model string) error {
	for _, tier := range append([]string{""}, j.spec.Tiers()...) {
		if _, ok := j.prices.Most(price.Query{Model: model, At: time.Now(), Tier: tier, Prompt: 1, Output: 1}); !ok {
			return spec.Errorf("give it with --prices FILE, or run without --max-cost", "max_cost cannot be held: the price of %s%s is not known", model, cost.InTier(tier))
		}
	}
	return nil
}

// bodyBound is the maxOutputTokens that the job sets for all rows; 0: none.
func (j *Job) bodyBound() int64 {
	n, _ := j.maxOutputTokens()
	return n
}

// bringsInput reports whether the job's requests have input that their text does
// not hold. The first answers show how much it is.
func (j *Job) bringsInput() bool {
	request := prompt.WithSet(j.spec.Body(nil), j.spec.Set)
	return j.media != nil || apijson.Field(request, "cachedContent") != nil ||
		apijson.Grounded(request) || apijson.HasTool("urlContext")(request) || apijson.HasTool("codeExecution")(request)
}

// target returns where the job's requests to a model go. It asks the Spec alone, so
// that each command says the same.
func (j *Job) target(model string) preflight.Target {
	return preflight.Target{
		Model: model, Dialect: gemini.EndpointOptions{Name: j.spec.Endpoint, BaseURL: j.spec.BaseURL}.Dialect(),
		Stream: j.spec.Stream, Prices: j.prices, Now: time.Now(),
	}
}

// checkFlight refuses a job whose every request is known to be refused. What set
// makes of each row is looked at in [Job.refused].
func (j *Job) checkFlight() error {
	same, byRow := j.prompt.Set().Split()
	request, model, err := same.Over(j.prompt.Request(), j.spec.Model)
	if err != nil {
		return &spec.Error{Err: err}
	}
	found, warnings := preflight.Check(request, j.target(model))
	for _, w := range warnings {
		j.log.Warn(w)
	}
	if j.spec.NoPreflight {
		return nil
	}
	var lines []string
	for _, r := range found {
		if byRow.Covers(r.Path) || strings.HasPrefix(r.Why, model+" ") && byRow.Covers("model") ||
			slices.ContainsFunc(r.Others, byRow.Covers) || j.spec.Raw != nil && len(r.Others) > 0 {
			continue // each row may say otherwise, or ask a model that takes it
		}
		if same.Covers(r.Path) {
			r.Path = "set " + r.Path
		} else if j.spec.MaxOutputTokens > 0 && r.Path == "generationConfig.maxOutputTokens" {
			r.Path = "max_output_tokens"
		} else {
			r.Path = "request." + r.Path
		}
		lines = append(lines, r.Error())
	}
	if len(lines) == 0 {
		return nil
	}
	return spec.Errorf(preflight.NoPreflight, "%s", strings.Join(lines, "; and "))
}

// refused returns why a row's request is known to be refused; nil: it is not.
// Only where rows say more than what they ask is it looked at: with raw and set. A
// row that asks a model without a price is refused under a cap, which the run could
// not hold.
func (j *Job) refused(r *batch.Request) error {
	if j.spec.MaxCost != "" && r.Model != j.spec.Model {
		if err := j.checkPriced(r.Model); err != nil {
			return err
		}
	}
	if j.spec.NoPreflight || j.spec.Raw == nil && j.prompt.Set() == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &members); err != nil {
		return nil // it is found elsewhere
	}
	for name := range members {
		if apijson.FieldName(name) == "contents" {
			delete(members, name)
		}
	}
	if len(members) == 0 && j.prompt.Set() == nil {
		return nil
	}
	request, err := apijson.ExactObject(members)
	if err != nil {
		return nil
	}
	found, _ := preflight.Check(request, j.target(r.Model))
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w; %s", &found[0], preflight.NoPreflight)
}
