package batchjob

import (
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
)

// A pilot is a small job that goes ahead where answers have a form. If its answers miss the
// form far more often than those of single calls, the run stops; the next one begins with a
// pilot again.

// pilotDue reports whether the next job is to be a pilot.
func (f *filler) pilotDue() bool {
	if !f.Pilot {
		return false
	}
	for _, j := range f.Store.Jobs() {
		if j.Form == f.Form && (j.Live() || f.proves(j)) {
			return false
		}
	}
	return true
}

// waits reports whether the rest is to wait for the answers of the first job, which show
// whether they follow the schema, or what they cost.
func (f *filler) waits() bool {
	return f.pilotUnderWay() || f.Budget != nil && !f.Budget.Known() && len(f.Store.Live()) > 0
}

// pilotUnderWay reports whether the answers of the first job are awaited.
func (f *filler) pilotUnderWay() bool {
	if !f.Pilot {
		return false
	}
	live := false
	for _, j := range f.Store.Jobs() {
		if j.Form == f.Form && f.proves(j) {
			return false
		}
		live = live || j.Live()
	}
	return live
}

// judgePilot ends the run if a job is the pilot, and its answers miss their form.
func (c *collector) judgePilot(j *batchstate.Job) error {
	if !c.Pilot || j.Answered == 0 || c.proves(j) {
		return nil
	}
	for _, other := range c.Store.Jobs() {
		if other.Form == j.Form && c.proves(other) {
			return nil
		}
	}
	return c.stopped(&batch.Error{
		Kind:    batch.KindValidation,
		Message: fmt.Sprintf("%d of the %d answers of the first batch do not follow the schema, where single calls are wrong in %.0f%%", j.Invalid, j.Answered, 100*c.usuallyInvalid()),
		Hint:    "set schema_field: responseSchema, which batches are reported to heed better, or use --tier flex, which costs the same",
	})
}

// proves reports whether a job has answers that follow their form about as often as those of
// single calls.
func (b *base) proves(j *batchstate.Job) bool {
	const far = 0.4 // above the usual share
	answers, invalid := float64(j.Answered), float64(j.Invalid)
	// The first bound spares reading the journal for the second one, which is never lower.
	return answers > 0 && (invalid <= far*answers || invalid <= (b.usuallyInvalid()+far)*answers)
}

// usuallyInvalid is the share of the answers of single calls that failed their check. Of a call
// that rows have shared each row has an answer, as in Answered.
func (b *base) usuallyInvalid() float64 {
	const enough, assumed = 20, 0.05
	var answers, invalid float64
	for res, err := range b.Journal.All() {
		if err != nil {
			continue // a damaged result is as good as none
		}
		for i := range res.Spent {
			if res.Spent[i].Usage == nil || res.Spent[i].Batch != "" {
				continue
			}
			answers++
			if res.Status == batch.Invalid || i < len(res.Spent)-1 {
				invalid++
			}
		}
	}
	if answers < enough {
		return assumed
	}
	return invalid / answers
}
