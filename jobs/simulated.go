package jobs

import (
	"net"
	"net/url"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/repair"
	"github.com/genbatch/genbatch/jobs/spec"
)

// checkSimulated refuses to mix made-up answers with real ones. The endpoint is
// no part of a row's identity, so without it a job that was tried with the
// simulator would count as answered.
func (j *Job) checkSimulated() error {
	switch simulated, known := j.simulatedBefore(); {
	case !known:
	case simulated && !isLocal(j.endpoint):
		return spec.Errorf("set them aside with --fresh, or choose another --output",
			"the answers in %s were made up by the simulator", j.spec.StateDir())
	case !simulated && j.endpoint.Simulated:
		return spec.Errorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", j.spec.StateDir())
	}
	return nil
}

// simulatedBefore reports whether the answers in the journal were made up; known is
// false when it has none.
func (j *Job) simulatedBefore() (simulated, known bool) {
	for r, err := range j.journal.All() {
		if err == nil && r.ModelVersion != "" {
			return cost.IsSimulated(r.ModelVersion), true
		}
	}
	return false, false
}

// unmixed guards a model by what the journal has.
func (j *Job) unmixed(m batch.Model) batch.Model {
	if !isLocal(j.endpoint) {
		return m // see checkSimulated
	}
	if simulated, known := j.simulatedBefore(); known {
		return repair.KeepProvenance(m, simulated)
	}
	return m
}

// isLocal reports whether an endpoint is on this machine, as every simulator is.
func isLocal(e gemini.Endpoint) bool {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return false
	}
	return e.Simulated || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}
