package jobs

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/spec"
)

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

// endpointOptions are what the Spec says of the endpoint.
func (j *Job) endpointOptions() gemini.EndpointOptions {
	return gemini.EndpointOptions{
		Name: j.spec.Endpoint, BaseURL: j.spec.BaseURL, Auth: j.spec.Auth,
		Project: j.spec.Project, Location: j.spec.Location,
	}
}

// connect makes the client of the job's endpoint, and starts the simulator when
// the job names it. It opens no connection, so that a mistake in the endpoint, or
// a missing key, is found before the state folder is made.
func (j *Job) connect() error {
	o := j.endpointOptions()
	if gemini.FactsOf(o.Name).Simulated && o.BaseURL == "" && j.options.Model == nil {
		server, err := sim.Listen("", sim.Config{})
		if err != nil {
			return fmt.Errorf("the simulator cannot be started: %w", err)
		}
		o.BaseURL = server.URL
		j.conn.sim = server
	}
	e, err := gemini.ParseEndpoint(o, j.options.Env)
	if err != nil {
		return &spec.Error{Err: err}
	}
	if len(j.spec.Tier) > 0 {
		if err := spec.CheckTierEndpoint(e.Name); err != nil {
			return err
		}
	}
	if j.options.Model != nil {
		j.conn.client, j.conn.endpoint = j.options.Model, e
		return nil
	}
	if warning := e.Warning(); warning != "" {
		j.log().Warn(warning)
	}
	if e.Simulated {
		e.Auth = gemini.AuthGoogKey // with any key, as a real endpoint wants one
	}
	key, from, err := j.apiKey(e)
	if err != nil {
		return err
	}
	header, err := spec.ParseHeaders(j.spec.Header)
	if err != nil {
		return err
	}
	c, err := gemini.New(gemini.Config{
		Endpoint: e, Key: func() string { return key }, KeyFrom: from, Stream: j.spec.Stream, Timeout: j.spec.Timeout,
		Header: header, Concurrency: j.spec.Concurrency, Version: version.Version(),
	})
	if err != nil {
		return &spec.Error{Err: err}
	}
	j.conn.client, j.conn.endpoint, j.conn.keyID = c, e, quota.KeyID(key)
	return nil
}

// apiKey finds the key that belongs to the endpoint, and says where: one
// provider's key is never sent to another's host.
func (j *Job) apiKey(e gemini.Endpoint) (key, from string, err error) {
	switch {
	case e.Auth == gemini.AuthNone || e.Auth == gemini.AuthOAuth:
		return "", "", nil
	case e.Simulated:
		return "simulator", "", nil
	}
	if path := j.spec.APIKeyFile; path != "" {
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
	if j.spec.APIKeyEnv != "" {
		names = []string{j.spec.APIKeyEnv}
	}
	for _, name := range names {
		if key = strings.TrimSpace(j.options.Env(name)); key != "" {
			return key, name, nil
		}
	}
	hint := fmt.Sprintf("set %s, or name another variable with --api-key-env or a file with --api-key-file", strings.Join(names, " or "))
	if j.spec.Endpoint == "" && j.spec.BaseURL == "" {
		hint += "; to try genbatch without a key, add --endpoint sim"
	}
	return "", "", spec.Errorf(hint, "there is no API key for %s", e)
}

// checkSimulated refuses to mix made-up answers with real ones. The endpoint is
// no part of a row's identity, so without it a job that was tried with the
// simulator would count as answered.
func (j *Job) checkSimulated() error {
	switch simulated, known := j.simulatedBefore(); {
	case !known:
	case simulated && !isLocal(j.conn.endpoint):
		return spec.Errorf("set them aside with --fresh, or choose another --output",
			"the answers in %s were made up by the simulator", j.state.Dir)
	case !simulated && j.conn.endpoint.Simulated:
		return spec.Errorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", j.state.Dir)
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
func (j *Job) quotaStore() *quota.Store { return j.storeOf(j.conn.endpoint, j.conn.keyID) }

// plannedStore is the store of a job that is only looked at, without a connection;
// nil where it cannot be told whose quota it would be.
func (j *Job) plannedStore() *quota.Store {
	if j.conn.client != nil {
		return j.quotaStore()
	}
	o := j.endpointOptions()
	if gemini.FactsOf(o.Name).Simulated && o.BaseURL == "" {
		return nil
	}
	e, err := gemini.ParseEndpoint(o, j.options.Env)
	if err != nil {
		return nil // run says what is wrong with it
	}
	key, _, err := j.apiKey(e)
	if err != nil && j.spec.QuotaGroup == "" {
		return nil
	}
	return j.storeOf(e, quota.KeyID(key))
}

func (j *Job) storeOf(e gemini.Endpoint, keyID string) *quota.Store {
	dir := j.userState()
	if dir == "" || e.Simulated || j.options.Model != nil { // the simulator begins anew with each run
		return nil
	}
	if j.spec.QuotaGroup != "" {
		keyID = quota.GroupID(j.spec.QuotaGroup)
	}
	return &quota.Store{Dir: filepath.Join(dir, "genbatch", "quota"), Endpoint: e.String(), KeyID: keyID, Log: j.log()}
}

// userState is the folder for state of the user's programs; empty where there is none.
// https://specifications.freedesktop.org/basedir-spec/latest/
func (j *Job) userState() string {
	if dir := j.options.Env("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification has others ignored
		return dir
	}
	home := cmp.Or(j.options.Env("HOME"), j.options.Env("USERPROFILE"))
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}
