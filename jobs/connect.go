package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file finds the endpoint, the key and the quota that a job uses.

// A connection is what a job needs to ask. The zero value is that of a job that is
// only looked at.
type connection struct {
	client   batch.Model
	endpoint gemini.Endpoint
	sim      *sim.Running   // nil: another endpoint
	keyID    string         // names the key without giving it away
	uploads  *media.Uploads // of a run with media, where the endpoint has a Files API
}

func (c *connection) close() error {
	if c.sim == nil {
		return nil
	}
	return c.sim.Close()
}

// connect makes the client of the job's endpoint, and starts the simulator when
// the job names it. It opens no connection, so that a mistake in the endpoint, or
// a missing key, is found before the state folder is made.
func connect(s *spec.Spec, o Options) (c connection, err error) {
	defer func() {
		if err != nil {
			_ = c.close()
			c = connection{}
		}
	}()
	address := spec.EndpointOptions(s)
	if spec.StartsSimulator(address) && o.Model == nil {
		prices, err := s.PriceTable()
		if err != nil {
			return c, err
		}
		if c.sim, err = sim.Listen("", sim.Config{Models: prices.Named()}); err != nil {
			return c, fmt.Errorf("the simulator cannot be started: %w", err)
		}
		address.BaseURL = c.sim.URL
	}
	e, header, err := spec.ParseEndpoint(s, address, o.Env)
	if err != nil {
		return c, err
	}
	if o.Model != nil {
		c.client, c.endpoint = o.Model, e
		return c, nil
	}
	if warning := e.Warning(); warning != "" {
		o.Log.Warn(warning)
	}
	if e.Simulated {
		e.Auth = gemini.AuthGoogKey // with any key, as a real endpoint wants one
	}
	key, from, err := apiKey(s, e, o.Env)
	if err != nil {
		return c, err
	}
	c.client, err = gemini.New(gemini.Config{
		Endpoint: e, Key: func() string { return key }, KeyFrom: from, Stream: s.Stream, Timeout: s.Timeout,
		Header: header, Concurrency: s.Concurrency, Version: version.Version(),
	})
	if err != nil {
		return c, &spec.Error{Err: err}
	}
	c.endpoint, c.keyID = e, quota.KeyID(key)
	return c, nil
}

// checkEndpoint refuses what connect refuses, but for a key that is missing: a job is often
// planned where it has none. A key that the job names, and that is not there, is warned of.
func checkEndpoint(s *spec.Spec, o Options) error {
	address := spec.EndpointOptions(s)
	if spec.StartsSimulator(address) {
		address.BaseURL = "http://127.0.0.1" // stands for the simulator that a run starts
	}
	e, _, err := spec.ParseEndpoint(s, address, o.Env)
	if err == nil && (s.APIKeyFile != "" || s.APIKeyEnv != "") {
		if _, _, err := apiKey(s, e, o.Env); err != nil {
			o.Log.Warn("run would refuse: " + message.Plain(err))
		}
	}
	return err
}

// apiKey finds the key that belongs to the endpoint, and says where: one
// provider's key is never sent to another's host.
func apiKey(s *spec.Spec, e gemini.Endpoint, env func(string) string) (key, from string, err error) {
	switch {
	case e.Auth == gemini.AuthNone || e.Auth == gemini.AuthOAuth:
		return "", "", nil
	case e.Simulated:
		return "simulator", "", nil
	}
	if path := s.APIKeyFile; path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", "", spec.Errorf("", "the key file cannot be read: %w", err)
		}
		if key = strings.TrimSpace(string(text)); key == "" {
			return "", "", spec.Errorf("", "the key file %s is empty", path)
		}
		return key, path, nil
	}
	names := e.KeyEnv
	if s.APIKeyEnv != "" {
		names = []string{s.APIKeyEnv}
	}
	for _, name := range names {
		if key = strings.TrimSpace(env(name)); key != "" {
			return key, name, nil
		}
	}
	hint := fmt.Sprintf("set %s, or name another variable with --api-key-env or a file with --api-key-file", strings.Join(names, " or "))
	if s.Endpoint == "" && s.BaseURL == "" {
		hint += "; to try genbatch without a key, add --endpoint sim"
	}
	return "", "", spec.Errorf(hint, "there is no API key for %s", e)
}

// checkSimulated refuses an endpoint whose answers are real if those of the journal in dir
// are made up, and the other way round. The endpoint is no part of a row's identity, so
// without it a job that was tried with the simulator would count as answered.
func checkSimulated(jl *journal.Journal, dir string, e gemini.Endpoint) error {
	switch simulated, known, err := simulatedBefore(jl); {
	case err != nil:
		return err
	case !known:
	case simulated && !isLocal(e):
		return spec.Errorf("set them aside with --fresh, or choose another --output",
			"the answers in %s were made up by the simulator", dir)
	case !simulated && e.Simulated:
		return spec.Errorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", dir)
	}
	return nil
}

// simulatedBefore reports whether the answers in a journal were made up; known is
// false when it has none.
func simulatedBefore(jl *journal.Journal) (simulated, known bool, err error) {
	for r, err := range readable(jl) {
		if err != nil {
			return false, false, err
		}
		if r.ModelVersion != "" {
			return cost.IsSimulated(r.ModelVersion), true, nil
		}
	}
	return false, false, nil
}

// readable ranges over the results of a journal that can be read. The row of a damaged one
// is asked again, and what it cost is not known. An error is the last thing yielded.
func readable(jl *journal.Journal) iter.Seq2[*batch.Result, error] {
	return func(yield func(*batch.Result, error) bool) {
		for r, err := range jl.All() {
			if _, damaged := errors.AsType[*journal.Damage](err); damaged {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// isLocal reports whether an endpoint is on this machine, as every simulator is.
func isLocal(e gemini.Endpoint) bool {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return false
	}
	return e.Simulated || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// quotaStore is where the day's count and the learned limits are kept for all jobs
// of this user on this machine; nil where nothing is to be kept.
func (j *Job) quotaStore() *quota.Store {
	return quotaStore(&j.spec, j.options, j.conn.endpoint, j.conn.keyID)
}

// plannedStore is the store of a job that is only looked at, without a connection;
// nil where it cannot be told whose quota it would be.
func plannedStore(j *Job) *quota.Store {
	if j.conn.client != nil {
		return j.quotaStore()
	}
	address := spec.EndpointOptions(&j.spec)
	if spec.StartsSimulator(address) {
		return nil
	}
	e, err := gemini.ParseEndpoint(address, j.options.Env)
	if err != nil {
		return nil // checkEndpoint says what is wrong with it
	}
	key, _, err := apiKey(&j.spec, e, j.options.Env)
	if err != nil && j.spec.QuotaGroup == "" {
		return nil
	}
	return quotaStore(&j.spec, j.options, e, quota.KeyID(key))
}

func quotaStore(s *spec.Spec, o Options, e gemini.Endpoint, keyID string) *quota.Store {
	dir := QuotaDir(o.Env)
	if dir == "" || e.Simulated || o.Model != nil { // the simulator begins anew with each run
		return nil
	}
	if s.QuotaGroup != "" {
		keyID = quota.GroupID(s.QuotaGroup)
	}
	return &quota.Store{Dir: dir, Endpoint: e.String(), KeyID: keyID, Log: o.Log}
}

// QuotaDir is the folder in which the runs of the user leave what they know of limits, for
// [quota.List] and [quota.Store]. It is empty if the environment names no folder for state.
func QuotaDir(env func(string) string) string {
	if dir := userState(env); dir != "" {
		return filepath.Join(dir, "genbatch", "quota")
	}
	return ""
}

// forgetLimits forgets what earlier runs learned about the limits of the models that rows
// ask. If it cannot, the run begins with what was learned.
func (j *Job) forgetLimits() {
	store := j.quotaStore()
	if store == nil {
		return
	}
	var forgot []string
	var err error
	for model, broken := range j.list.Models() {
		if err = broken; err != nil {
			break
		}
		learned := store.Peek(model).Learned
		if err = store.Forget(model); err != nil {
			break
		}
		for _, l := range learned {
			forgot = append(forgot, fmt.Sprintf("%v (model %s)", l, model))
		}
	}
	if len(forgot) > 0 {
		j.log().Info("forgot: " + strings.Join(forgot, "; "))
	}
	if err != nil {
		j.log().Warn(fmt.Sprintf("learned limits cannot be forgotten: %v; the run begins with them", err))
	}
}

// userState is the folder for state of the user's programs; empty where there is none.
// https://specifications.freedesktop.org/basedir-spec/latest/
func userState(env func(string) string) string {
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification has others ignored
		return dir
	}
	home := cmp.Or(env("HOME"), env("USERPROFILE"))
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}
