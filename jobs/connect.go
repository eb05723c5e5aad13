package jobs

import (
	"fmt"
	"os"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A connection is what a job needs to ask.
type connection struct {
	client   batch.Model
	endpoint gemini.Endpoint
	sim      *sim.Running // nil: another endpoint
	failures batch.FailureLimit
	keyID    string         // names the key without giving it away
	uploads  *media.Uploads // of a run with media, where the endpoint has a Files API
}

// connect makes the client of the job's endpoint, and starts the simulator when
// the job names it. It opens no connection, so that a mistake in the endpoint, or
// a missing key, is found before the state folder is made.
func (j *Job) connect() error {
	o := gemini.EndpointOptions{
		Name: j.spec.Endpoint, BaseURL: j.spec.BaseURL, Auth: j.spec.Auth,
		Project: j.spec.Project, Location: j.spec.Location,
	}
	if gemini.FactsOf(o.Name).Simulated && o.BaseURL == "" {
		server, err := sim.Listen("", sim.Config{})
		if err != nil {
			return fmt.Errorf("the simulator cannot be started: %w", err)
		}
		o.BaseURL = server.URL
		j.sim = server
	}
	e, err := gemini.ParseEndpoint(o, j.env)
	if err != nil {
		return &spec.Error{Err: err}
	}
	if len(j.spec.Tier) > 0 {
		if err := spec.CheckTierEndpoint(e.Name); err != nil {
			return err
		}
	}
	if warning := e.Warning(); warning != "" {
		j.log.Warn(warning)
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
	j.client, j.endpoint, j.keyID = c, e, quota.KeyID(key)
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
		if key = strings.TrimSpace(j.env(name)); key != "" {
			return key, name, nil
		}
	}
	hint := fmt.Sprintf("set %s, or name another variable with --api-key-env or a file with --api-key-file", strings.Join(names, " or "))
	if j.spec.Endpoint == "" && j.spec.BaseURL == "" {
		hint += "; to try genbatch without a key, add --endpoint sim"
	}
	return "", "", spec.Errorf(hint, "there is no API key for %s", e)
}
