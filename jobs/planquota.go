package jobs

import (
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
)

// A Pace is what a plan would ask one model, and what is known of its quota.
type Pace struct {
	Model  string
	Rows   int64
	Tokens int64 // of their input, estimated

	quota.Known
}

// pace looks up what earlier runs have learned of the models' quotas.
func (j *Job) pace(shares planShares) (list []Pace) {
	store := j.plannedStore()
	for _, s := range shares {
		p := Pace{Model: s.model, Rows: s.rows, Tokens: s.input}
		if store != nil {
			p.Known = store.Peek(s.model)
		}
		list = append(list, p)
	}
	return list
}

// plannedStore is the store of a job that is only looked at, without a connection;
// nil where it cannot be told whose quota it would be.
func (j *Job) plannedStore() *quota.Store {
	if j.client != nil {
		return j.quotaStore()
	}
	if gemini.FactsOf(j.spec.Endpoint).Simulated && j.spec.BaseURL == "" {
		return nil
	}
	e, err := gemini.ParseEndpoint(gemini.EndpointOptions{
		Name: j.spec.Endpoint, BaseURL: j.spec.BaseURL, Auth: j.spec.Auth, Project: j.spec.Project, Location: j.spec.Location,
	}, j.env)
	if err != nil {
		return nil // run says what is wrong with it
	}
	key, _, err := j.apiKey(e)
	if err != nil && j.spec.QuotaGroup == "" {
		return nil
	}
	return j.storeOf(e, quota.KeyID(key))
}
