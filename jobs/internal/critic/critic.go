// Package critic says what is wrong or odd about a job and its answers. It refuses what must
// fail, before anything is sent, and warns of what may go otherwise than is expected.
package critic

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Critic is for one job. Its Warn methods write to the log that it was given, and its
// errors are of type [*spec.Error]. It is safe for concurrent use.
type Critic struct {
	spec   *spec.Spec
	prompt *prompt.Prompt
	prices *price.Table
	log    *slog.Logger

	// What is odd about one answer is mostly odd about all: it is said now and then.
	otherTier, input rate.Sometimes

	mu     sync.Mutex
	others map[string]bool // models that were warned of
}

// New returns the Critic of a job, which warns in log.
func New(s *spec.Spec, p *prompt.Prompt, prices *price.Table, log *slog.Logger) *Critic {
	return &Critic{
		spec: s, prompt: p, prices: prices, log: log,
		otherTier: rate.Sometimes{First: 1}, input: rate.Sometimes{First: 1},
		others: make(map[string]bool),
	}
}

// WarnInput says once what is odd about how the input is read.
func (c *Critic) WarnInput(notes func() []string) {
	c.input.Do(func() {
		for _, note := range notes() {
			c.log.Warn(note)
		}
	})
}

// WarnPrice says beforehand what the price table knows, or does not know, of the
// job's model.
func (c *Critic) WarnPrice() {
	e, known := c.prices.Lookup(c.spec.Model, time.Now())
	if !known || !e.Period.Priced() {
		c.log.Warn(fmt.Sprintf("the price of %s is not known: costs stay empty (see genbatch prices, and --prices FILE)", c.spec.Model))
	}
	for _, text := range e.Warnings {
		c.log.Warn(text)
	}
	for _, tier := range c.spec.Tiers() {
		if !cost.Known(c.prices, c.spec.Model, "", time.Now()) {
			break // said already
		}
		if !cost.Known(c.prices, c.spec.Model, tier, time.Now()) {
			c.log.Warn(fmt.Sprintf("the price of %s in the %s tier is not known, and the model may not be offered in it: costs of such calls stay empty", c.spec.Model, tier))
		}
	}
}

// WarnTier says that another tier answers than the one that is asked.
func (c *Critic) WarnTier(asked, served string) {
	c.otherTier.Do(func() {
		if served == "" {
			c.log.Warn(fmt.Sprintf("the %s tier is asked for, and the answers do not say which tier they come from: costs are those of the standard tier", asked))
			return
		}
		c.log.Warn(fmt.Sprintf("the %s tier is asked for, and the %s tier answers; costs are those of the tier that answers", asked, cost.ServiceName(served)))
	})
}

// otherModels is how many models are warned of that answer for the one that is asked.
const otherModels = 10

// isNewModel reports whether a model is among the first that answer for another, and was
// not warned of yet.
func (c *Critic) isNewModel(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.others[name] || len(c.others) >= otherModels {
		return false
	}
	c.others[name] = true
	return true
}

// WarnModel says that another model answers than the one that is asked, once for each that does.
func (c *Critic) WarnModel(r *batch.Result) {
	if r.ModelVersion == "" || cost.IsSimulated(r.ModelVersion) {
		return
	}
	asked := strings.TrimPrefix(r.Model, "models/")
	if r.ModelVersion == asked {
		return
	}
	a, ok1 := c.prices.Lookup(asked, r.At)
	b, ok2 := c.prices.Lookup(r.ModelVersion, r.At)
	if ok1 && ok2 && a.ID == b.ID {
		return // an alias, or a fixed version of it
	}
	if c.isNewModel(r.ModelVersion) {
		costs := "costs are those of the model that answers"
		switch billed := cost.BilledModel(c.prices, r.ModelVersion, asked, r.At); {
		case billed == asked:
			costs = "costs are those that the price file gives for the model that is asked"
		case !b.Period.Priced():
			costs = "its price is not known, and what its answers cost stays empty (see --prices FILE)"
		}
		c.log.Warn(fmt.Sprintf("%s is asked, and %s answers; %s", asked, message.OneLine(r.ModelVersion, 100), costs))
	}
}

// ListPriced reports whether costs are Google's list prices although someone
// else sends the bill, for the job's own model or any that answered.
func (c *Critic) ListPriced(e gemini.Endpoint, t *cost.Totals) bool {
	if e.ListPrices {
		return false
	}
	now := time.Now()
	isList := func(answered, asked string) bool {
		m, known := c.prices.Lookup(cost.BilledModel(c.prices, answered, asked, now), now)
		return known && m.Custom == nil
	}
	for _, m := range t.Models {
		if isList(m.Model, c.spec.Model) {
			return true
		}
	}
	return len(t.Models) == 0 && isList(c.spec.Model, c.spec.Model)
}

// ManyExamples is how many examples a run takes without saying what they come to.
const ManyExamples = 50

// manyExampleBytes is likewise for their size.
const manyExampleBytes = 32 << 10

// WarnExamples says what many examples come to, before they are paid for.
func (c *Critic) WarnExamples() {
	k := c.prompt.Classification()
	if k == nil {
		return
	}
	for _, note := range c.spec.Classify.Examples.Notes() {
		c.log.Warn("examples: " + note)
	}
	if n, size := k.ExampleSize(); n > ManyExamples || size > manyExampleBytes {
		c.log.Warn(fmt.Sprintf("%d examples, about %d tokens, are sent with each row, and paid for each time", n, size/4))
	}
}

// WarnSchema says beforehand what is known of the job's schema.
func (c *Critic) WarnSchema() {
	schema := c.prompt.Schema()
	if schema == nil {
		return
	}
	for _, text := range schema.Warnings() {
		c.log.Warn(text)
	}
	model := strings.TrimPrefix(c.spec.Model, "models/")
	if tools, _ := apijson.Field(c.spec.Request, "tools").([]any); len(tools) > 0 && strings.HasPrefix(model, "gemini-2") {
		c.log.Warn(fmt.Sprintf("%s is not known to take tools and a schema in one request, which models from Gemini 3 on do", model))
	}
}

// WarnExpected says what makes an evaluation worth less than it seems.
func (c *Critic) WarnExpected() {
	warned := make(map[string]bool)
	compared := spec.AllExpected(c.spec)
	for _, name := range slices.Sorted(maps.Keys(compared)) {
		column := compared[name].Column
		if warned[column] {
			continue
		}
		warned[column] = true
		for _, option := range c.prompt.Showing(column) {
			c.log.Warn(fmt.Sprintf("%s shows the model the column %s, which holds the values that its answers are compared with: the evaluation means nothing", option, column))
		}
	}
}

// WarnUnknown says of each column which known values are none that can be compared.
func (c *Critic) WarnUnknown(all []*eval.Evaluation) {
	for _, e := range all {
		if e.Unknown == 0 {
			continue
		}
		var value string
		for text, n := range e.Values {
			if old := e.Values[value]; n > old || n == old && text < value {
				value = text
			}
		}
		var what, hint string
		switch e.Kind {
		case eval.Number:
			what, hint = "no number", "a number is written 1234.5"
		case eval.Date:
			what, hint = "no date that can be read in one way only", "a date is best written 2026-01-31"
		default:
			var labels []string
			for _, l := range e.Labels {
				labels = append(labels, l.Label)
			}
			what, hint = "none of the labels of "+e.Column, prompt.HintOf(labels, value)
			if c.spec.Classify != nil && len(c.spec.Classify.Questions) == 0 {
				what = "none of the job's labels"
			}
		}
		c.log.Warn(fmt.Sprintf("the column %s holds in %s what is %s, such as %q; these rows are not compared; %s",
			e.Expected, message.Plural(int(e.Unknown), "row"), what, value, hint))
	}
}
