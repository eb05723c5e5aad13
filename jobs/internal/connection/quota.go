package connection

import (
	"path/filepath"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Store is where the day's count and the learned limits are kept for all jobs of this user
// on this machine; nil where nothing is to be kept.
func (c *Connection) Store(s *spec.Spec, o Options) *quota.Store {
	return quotaStore(s, o, c.Endpoint, c.KeyID)
}

// SharedStore is where the limits are kept for processes on several machines.
func (c *Connection) SharedStore(s *spec.Spec, l quota.Ledger, o Options) *quota.Store {
	return &quota.Store{Ledger: l, Endpoint: c.Endpoint.String(), KeyID: groupOr(s, c.KeyID), Log: o.Log}
}

// groupOr names the group of keys that the job says it belongs to, or else the key.
func groupOr(s *spec.Spec, keyID string) string {
	if s.QuotaGroup != "" {
		return quota.GroupID(s.QuotaGroup)
	}
	return keyID
}

// PlannedStore is the store of a job that is only looked at, without a connection; nil
// where it cannot be told whose quota it would be.
func PlannedStore(s *spec.Spec, o Options) *quota.Store {
	address := spec.EndpointOptions(s)
	if spec.StartsSimulator(address) {
		return nil
	}
	e, err := gemini.ParseEndpoint(address, o.Env)
	if err != nil {
		return nil // Check says what is wrong with it
	}
	key, _, err := apiKey(s, e, o.Env)
	if err != nil && s.QuotaGroup == "" {
		return nil
	}
	return quotaStore(s, o, e, quota.KeyID(key))
}

func quotaStore(s *spec.Spec, o Options, e gemini.Endpoint, keyID string) *quota.Store {
	dir := QuotaDir(o.Env)
	if dir == "" || e.Simulated || o.Model != nil { // the simulator begins anew with each run
		return nil
	}
	share, err := s.Share()
	if err != nil {
		return nil // Check says what is wrong with it
	}
	return &quota.Store{Part: share.Name, Dir: dir, Endpoint: e.String(), KeyID: groupOr(s, keyID), Log: o.Log, FS: o.FS}
}

// LogprobsDir is the folder in which it is kept which models serve no log probabilities. It is
// empty where nothing is to be kept.
func LogprobsDir(o Options, e gemini.Endpoint) string {
	dir := durable.UserDir(o.Env)
	if dir == "" || e.Simulated || o.Model != nil {
		return ""
	}
	return filepath.Join(dir, "genbatch", "logprobs")
}

// QuotaDir is the folder in which the runs of the user leave what they know of limits, for
// [quota.List] and [quota.Store]. It is empty if the environment names no folder for state.
func QuotaDir(env func(string) string) string {
	if dir := durable.UserDir(env); dir != "" {
		return filepath.Join(dir, "genbatch", "quota")
	}
	return ""
}
