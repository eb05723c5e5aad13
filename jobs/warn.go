package jobs

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
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
		j.log.Warn(fmt.Sprintf("the price of %s is not known: costs stay empty (see genbatch prices, and --prices FILE)", j.spec.Model))
	}
	for _, text := range e.Warnings {
		j.log.Warn(text)
	}
	for _, tier := range j.spec.tiers() {
		q := price.Query{Model: j.spec.Model, At: time.Now(), Prompt: 1, Output: 1}
		if !j.knowsPrice(q) {
			break // said already
		}
		if q.Tier = tier; !j.knowsPrice(q) {
			j.log.Warn(fmt.Sprintf("the price of %s in the %s tier is not known, and the model may not be offered in it: costs of such calls stay empty", j.spec.Model, tier))
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
			j.log.Warn(fmt.Sprintf("the %s tier is asked for, and the answers do not say which tier they come from: costs are those of the standard tier", asked))
			return
		}
		j.log.Warn(fmt.Sprintf("the %s tier is asked for, and the %s tier answers; costs are those of the tier that answers", asked, service(served)))
	})
}

// warnModel says that another model answers than the one that is asked.
func (j *Job) warnModel(r *batch.Result) {
	if r.ModelVersion == "" || isSimulated(r.ModelVersion) {
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
		j.log.Warn(fmt.Sprintf("%s is asked, and %s answers; costs are those of the model that answers", asked, r.ModelVersion))
	})
}

// listPriced reports whether costs are Google's list prices although someone
// else sends the bill, for the job's own model or any that answered.
func (j *Job) listPriced(e gemini.Endpoint, t *Totals) bool {
	if e.ListPrices {
		return false
	}
	now := time.Now()
	isList := func(answered, asked string) bool {
		m, known := j.prices.Lookup(pricedAs(j.prices, answered, asked, now), now)
		return known && m.Custom == nil
	}
	for _, m := range t.Models {
		if isList(m.Model, j.spec.Model) {
			return true
		}
	}
	return len(t.Models) == 0 && isList(j.spec.Model, j.spec.Model)
}
