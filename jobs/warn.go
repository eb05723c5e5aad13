package jobs

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// warnings are what a run says while it goes on, each kind now and then at most:
// what is odd about one answer is mostly odd about all.
type warnings struct {
	otherModel rate.Sometimes
}

func newWarnings() *warnings {
	return &warnings{otherModel: rate.Sometimes{First: 1, Interval: 10 * time.Minute}}
}

// warnPrice says beforehand what the price table knows, or does not know, of the
// job's model.
func (j *Job) warnPrice() {
	e, known := j.prices.Lookup(j.spec.Model, time.Now())
	if !known || e.Period == nil || len(e.Period.Tiers) == 0 {
		j.log.Warn(fmt.Sprintf("the price of %s is not known: costs stay empty (see genbatch prices, and --prices FILE)", j.spec.Model))
	}
	for _, text := range e.Warnings {
		j.log.Warn(text)
	}
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
// else sends the bill.
func (j *Job) listPriced(e gemini.Endpoint) bool {
	ownHost := e.Name == "google" && j.spec.BaseURL == "" || e.Name == "vertex" && j.spec.BaseURL == ""
	return j.spec.Prices == "" && !ownHost && e.Name != "sim"
}
