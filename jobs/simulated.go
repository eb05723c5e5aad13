package jobs

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// checkSimulated refuses to mix made-up answers with real ones. The endpoint is
// no part of a row's identity, so without it a job that was tried with the
// simulator would count as answered.
func (j *Job) checkSimulated() error {
	switch simulated, known := j.simulatedBefore(); {
	case !known:
	case simulated && !isLocal(j.endpoint):
		return specErrorf("set them aside with --fresh, or choose another --output",
			"the answers in %s were made up by the simulator", j.spec.StateDir())
	case !simulated && j.endpoint.Simulated:
		return specErrorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", j.spec.StateDir())
	}
	return nil
}

// simulatedBefore reports whether the answers in the journal were made up; known is
// false when it has none.
func (j *Job) simulatedBefore() (simulated, known bool) {
	for r, err := range j.journal.All() {
		if err == nil && r.ModelVersion != "" {
			return isSimulated(r.ModelVersion), true
		}
	}
	return false, false
}

// unmixedModel stops a run whose answers are made up while the journal's are real,
// or the other way round: at an address of this machine only the answers tell.
type unmixedModel struct {
	batch.Model
	simulated bool // the journal's answers
}

// newUnmixed returns the model m for a journal whose answers are simulated, or are not.
func newUnmixed(m batch.Model, simulated bool) batch.Model { return unmixedModel{m, simulated} }

// unmixed guards a model by what the journal has.
func (j *Job) unmixed(m batch.Model) batch.Model {
	if !isLocal(j.endpoint) {
		return m // see checkSimulated
	}
	if simulated, known := j.simulatedBefore(); known {
		return newUnmixed(m, simulated)
	}
	return m
}

func (m unmixedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.ModelVersion == "" || isSimulated(o.ModelVersion) == m.simulated {
		return o
	}
	e := &batch.Error{Kind: batch.KindConfig, HTTPStatus: http.StatusOK, Message: "the endpoint answers with a real model, and the answers in the journal were made up by the simulator",
		Hint: "set those aside with --fresh, or choose another --output"}
	if !m.simulated {
		e.Message = "the endpoint is a simulator, and the journal holds real answers"
		e.Hint = "choose another --output"
		return batch.Outcome{Consequence: batch.Stop, Err: e} // nobody is billed for it
	}
	return batch.Outcome{Consequence: batch.Stop, Err: e, Usage: o.Usage, Tier: o.Tier, ModelVersion: o.ModelVersion}
}

// isLocal reports whether an endpoint is on this machine, as every simulator is.
func isLocal(e gemini.Endpoint) bool {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return false
	}
	return e.Simulated || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}
