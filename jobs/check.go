package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/preflight"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// This file refuses jobs that must fail, before anything is sent.

// checkOutput refuses to replace a file that this job did not write.
func (j *Job) checkOutput() error {
	if err := j.state.CheckOutput(j.spec.Force); err != nil {
		return err
	}
	if _, err := writer.FormatOf(j.spec.Output, j.spec.OutputFormat); err != nil {
		return spec.Errorf("", "the output %s: %w", j.spec.Output, err)
	}
	return nil
}

// loss returns what the journal has lost, whose last result has the number last; nil if
// nothing is lost.
func (j *Job) loss(last int64) *state.Loss {
	return state.LossOf(j.state, last, func() (int64, price.USD) { return output.Answers(&j.spec) })
}

// checkColumns refuses templates that name what is not there, and result columns
// that would cover the input's.
func (j *Job) checkColumns() error {
	names := j.list.Names()
	if len(names) > 0 {
		if err := j.prompt.CheckColumns(names); err != nil {
			return err
		}
		if err := spec.CheckColumns("media", j.media.Columns(), names); err != nil {
			return err
		}
		for option, column := range map[string]string{"expected": j.spec.Expected, "key": j.spec.Key} {
			if column == "" {
				continue
			}
			if err := spec.CheckColumns(option, []string{column}, names); err != nil {
				return err
			}
		}
	}
	result := j.columns.Names()
	for _, c := range result {
		if slices.Contains(names, c.Name) {
			return spec.Errorf("give the result columns a prefix, such as --prefix ai_",
				"the input has a column %q, and so have the results", c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return output.Check(&j.spec, j.list.Input, names, result)
}

// checkKeys refuses a key that names two rows.
func (j *Job) checkKeys() error {
	if j.spec.Key == "" {
		return nil
	}
	return j.list.CheckKeys()
}

// checkBudget refuses a cap that could not be held.
func (c *critic) checkBudget() error {
	if c.spec.MaxCost == "" {
		return nil
	}
	if _, err := c.spec.CostLimit(); err != nil {
		return err
	}
	return c.checkPriced(c.spec.Model)
}

// checkPriced refuses a model whose cost could not be held below a cap.
func (c *critic) checkPriced(model string) error {
	for _, tier := range append([]string{""}, c.spec.Tiers()...) {
		if !cost.Known(c.prices, model, tier, time.Now()) {
			return spec.Errorf("give it with --prices FILE, or run without --max-cost", "max_cost cannot be held: %w", cost.UnknownPrice(model, tier))
		}
	}
	return nil
}

// target returns where the job's requests to a model go. It asks the Spec alone, so
// that each command says the same.
func (c *critic) target(model string) preflight.Target {
	return preflight.Target{
		Model: model, Dialect: gemini.EndpointOptions{Name: c.spec.Endpoint, BaseURL: c.spec.BaseURL}.Dialect(),
		Stream: c.spec.Stream, Prices: c.prices, Now: time.Now(),
	}
}

// checkFlight refuses a job whose every request is known to be refused. What set
// makes of each row is looked at in refused.
func (c *critic) checkFlight() error {
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

// refused returns why the API is known to refuse a row's request, or nil. Only jobs
// with raw: or set: need it, since checkFlight has looked at what all rows have in
// common. Under a cap a model without a price is refused as well, which the run could
// not hold it for.
func (c *critic) refused(r *batch.Request) error {
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
