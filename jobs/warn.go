package jobs

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
)

// warnings are what a run says while it goes on, each kind now and then at most:
// what is odd about one answer is mostly odd about all.
type warnings struct {
	otherModel rate.Sometimes
	otherTier  rate.Sometimes
}

func newWarnings() *warnings {
	return &warnings{otherModel: rate.Sometimes{First: 1, Interval: 10 * time.Minute}, otherTier: rate.Sometimes{First: 1}}
}

// warnPrice says beforehand what the price table knows, or does not know, of the
// job's model.
func (j *Job) warnPrice() {
	e, known := j.prices.Lookup(j.spec.Model, time.Now())
	if !known || !e.Period.Priced() {
		j.log().Warn(fmt.Sprintf("the price of %s is not known: costs stay empty (see genbatch prices, and --prices FILE)", j.spec.Model))
	}
	for _, text := range e.Warnings {
		j.log().Warn(text)
	}
	for _, tier := range j.spec.Tiers() {
		q := price.Query{Model: j.spec.Model, At: time.Now(), Prompt: 1, Output: 1}
		if !j.knowsPrice(q) {
			break // said already
		}
		if q.Tier = tier; !j.knowsPrice(q) {
			j.log().Warn(fmt.Sprintf("the price of %s in the %s tier is not known, and the model may not be offered in it: costs of such calls stay empty", j.spec.Model, tier))
		}
	}
}

func (j *Job) knowsPrice(q price.Query) bool {
	_, ok := j.prices.Most(q)
	return ok
}

// warnTier says that another tier answers than the one that is asked.
func (j *Job) warnTier(asked, served string) {
	j.warn.otherTier.Do(func() {
		if served == "" {
			j.log().Warn(fmt.Sprintf("the %s tier is asked for, and the answers do not say which tier they come from: costs are those of the standard tier", asked))
			return
		}
		j.log().Warn(fmt.Sprintf("the %s tier is asked for, and the %s tier answers; costs are those of the tier that answers", asked, cost.ServiceName(served)))
	})
}

// warnModel says that another model answers than the one that is asked.
func (j *Job) warnModel(r *batch.Result) {
	if r.ModelVersion == "" || cost.IsSimulated(r.ModelVersion) {
		return
	}
	asked := strings.TrimPrefix(r.Model, "models/")
	if r.ModelVersion == asked {
		return
	}
	a, ok1 := j.prices.Lookup(asked, r.At)
	b, ok2 := j.prices.Lookup(r.ModelVersion, r.At)
	if ok1 && ok2 && a.ID == b.ID {
		return // an alias, or a fixed version of it
	}
	j.warn.otherModel.Do(func() {
		j.log().Warn(fmt.Sprintf("%s is asked, and %s answers; costs are those of the model that answers", asked, r.ModelVersion))
	})
}

// listPriced reports whether costs are Google's list prices although someone
// else sends the bill, for the job's own model or any that answered.
func (j *Job) listPriced(e gemini.Endpoint, t *cost.Totals) bool {
	if e.ListPrices {
		return false
	}
	now := time.Now()
	isList := func(answered, asked string) bool {
		m, known := j.prices.Lookup(cost.BilledModel(j.prices, answered, asked, now), now)
		return known && m.Custom == nil
	}
	for _, m := range t.Models {
		if isList(m.Model, j.spec.Model) {
			return true
		}
	}
	return len(t.Models) == 0 && isList(j.spec.Model, j.spec.Model)
}

const (
	// Beyond these a run says what they come to.
	manyExamples     = 50
	manyExampleBytes = 32 << 10
)

// warnExamples says what many examples come to, before they are paid for.
func (j *Job) warnExamples() {
	k := j.prompt.Classification()
	if k == nil {
		return
	}
	if n, size := k.Shown(); n > manyExamples || size > manyExampleBytes {
		j.log().Warn(fmt.Sprintf("%d examples, about %d tokens, are sent with each row, and paid for each time", n, size/4))
	}
}

// warnSchema says beforehand what is known of the job's schema.
func (j *Job) warnSchema() {
	warnings, ok := j.prompt.SchemaWarnings()
	if !ok {
		return
	}
	for _, text := range warnings {
		j.log().Warn(text)
	}
	model := strings.TrimPrefix(j.spec.Model, "models/")
	if tools, _ := apijson.Field(j.spec.Request, "tools").([]any); len(tools) > 0 && strings.HasPrefix(model, "gemini-2") {
		j.log().Warn(fmt.Sprintf("%s is not known to take tools and a schema in one request, which models from Gemini 3 on do", model))
	}
}

// warnExpected says what makes an evaluation worth less than it seems.
func (j *Job) warnExpected() {
	if j.spec.Expected == "" {
		return
	}
	for _, option := range j.prompt.Showing(j.spec.Expected) {
		j.log().Warn(fmt.Sprintf("%s shows the model the column %s, which holds the labels that it is compared with: the evaluation means nothing", option, j.spec.Expected))
	}
}

// warnUnknown says that known labels are none of the job's.
func (j *Job) warnUnknown(e *eval.Evaluation) {
	if e == nil || e.Unknown == 0 {
		return
	}
	var value string
	for text, n := range e.Values {
		if old := e.Values[value]; n > old || n == old && text < value {
			value = text
		}
	}
	j.log().Warn(fmt.Sprintf("the column %s holds in %s what is none of the job's labels, such as %q; these rows are not compared; %s",
		e.Column, message.Plural(int(e.Unknown), "row"), value, j.prompt.Classification().Like(value)))
}
