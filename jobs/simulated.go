package jobs

import (
	"net"
	"net/url"

	"github.com/genbatch/genbatch/batch/gemini"
)

// checkSimulated refuses to mix made-up answers with real ones. The endpoint is
// no part of a row's identity, so without it a job that was tried with the
// simulator would count as answered.
func (j *Job) checkSimulated() error {
	for r, err := range j.journal.All() {
		if err != nil || r.ModelVersion == "" {
			continue
		}
		switch simulated := isSimulated(r.ModelVersion); {
		case simulated && !isLocal(j.endpoint):
			return specErrorf("set them aside with --fresh, or choose another --output",
				"the answers in %s were made up by the simulator", j.spec.StateDir())
		case !simulated && j.endpoint.Name == "sim":
			return specErrorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", j.spec.StateDir())
		}
		return nil
	}
	return nil
}

// isLocal reports whether an endpoint is on this machine, as every simulator is.
func isLocal(e gemini.Endpoint) bool {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return false
	}
	return e.Name == "sim" || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}
