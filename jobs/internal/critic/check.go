package critic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/preflight"
	"github.com/genbatch/genbatch/jobs/spec"
)

// CheckGuards refuses limits of failures, cost and time that cannot be read or held.
func (c *Critic) CheckGuards() error {
	if _, err := c.spec.FailureLimit(); err != nil {
		return err
	}
	if err := c.checkBudget(); err != nil {
		return err
	}
	_, err := c.spec.DeadlineFrom(time.Now())
	return err
}

// checkBudget refuses a cap that could not be held.
func (c *Critic) checkBudget() error {
	if c.spec.MaxCost == "" {
		return nil
	}
	if _, err := c.spec.CostLimit(); err != nil {
		return err
	}
	return c.checkPriced(c.spec.Model)
}

// checkPriced refuses a model whose cost could not be held below a cap.
func (c *Critic) checkPriced(model string) error {
	for _, tier := range append([]string{""}, c.spec.Tiers()...) {
		if !cost.Known(c.prices, model, tier, time.Now()) {
			return spec.Errorf("give it with --prices FILE, or run without --max-cost", "max_cost cannot be held: %w", cost.UnknownPrice(model, tier))
		}
	}
	return nil
}

// target returns where the job's requests to a model go. It asks the Spec alone, so
// that each command says the same.
func (c *Critic) target(model string) preflight.Target {
	return preflight.Target{
		Model: model, Dialect: gemini.EndpointOptions{Name: c.spec.Endpoint, BaseURL: c.spec.BaseURL}.Dialect(),
		Stream: c.spec.Stream, Prices: c.prices, Now: time.Now(),
	}
}

// CheckFlight refuses a job whose every request the API is known to refuse. What set makes
// of each row is looked at in Refused.
func (c *Critic) CheckFlight() error {
	request, model, err := c.prompt.Common()
	if err != nil {
		return &spec.Error{Err: err}
	}
	found, warnings := preflight.Check(request, c.target(model))
	for _, w := range warnings {
		c.log.Warn(w)
	}
	if c.spec.NoPreflight {
		return nil
	}
	var lines []string
	for _, r := range found {
		if c.prompt.Varies(r.Path) || r.OfModel && c.prompt.Varies("model") ||
			slices.ContainsFunc(r.Others, c.prompt.Varies) || c.spec.Raw != nil && len(r.Others) > 0 {
			continue // each row may say otherwise, or ask a model that takes it
		}
		switch {
		case r.Path == "model":
		case c.prompt.Sets(r.Path):
			r.Path = "set " + r.Path
		case c.spec.MaxOutputTokens > 0 && r.Path == "generationConfig.maxOutputTokens":
			r.Path = "max_output_tokens"
		default:
			r.Path = "request." + r.Path
		}
		lines = append(lines, r.Error())
	}
	if len(lines) == 0 {
		return nil
	}
	return spec.Errorf(preflight.Hint, "%s", strings.Join(lines, "; and "))
}

// Refused returns why the API is known to refuse a row's request, or nil. Only jobs
// with raw: or set: need it, since CheckFlight has looked at what all rows have in
// common. Under a cap a row is refused as well if its model has no price, because the cap
// could not be held.
func (c *Critic) Refused(r *batch.Request) error {
	if c.spec.MaxCost != "" && r.Model != c.spec.Model {
		if err := c.checkPriced(r.Model); err != nil {
			return err
		}
	}
	set := len(c.spec.Set) > 0
	if c.spec.NoPreflight || c.spec.Raw == nil && !set {
		return nil
	}
	if err := preflight.CheckBody(r.Body, set, c.target(r.Model)); err != nil {
		return fmt.Errorf("%w; %s", err, preflight.Hint)
	}
	return nil
}
