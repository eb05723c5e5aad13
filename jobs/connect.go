package jobs

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/sim"
)

// A connection is what a job needs to ask.
type connection struct {
	client   batch.Model
	endpoint gemini.Endpoint
	sim      *sim.Running // nil: another endpoint
	failures batch.FailureLimit
	keyID    string   // names the key without giving it away
	uploads  *uploads // of a run with media, where the endpoint has a Files API
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
		return &SpecError{Err: err}
	}
	if len(j.spec.Tier) > 0 {
		if err := checkTierEndpoint(e.Name); err != nil {
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
	header, err := parseHeaders(j.spec.Header)
	if err != nil {
		return err
	}
	c, err := gemini.New(gemini.Config{
		Endpoint: e, Key: func() string { return key }, KeyFrom: from, Stream: j.spec.Stream, Timeout: j.spec.Timeout,
		Header: header, Concurrency: j.spec.Concurrency, Version: Version(),
	})
	if err != nil {
		return &SpecError{Err: err}
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
			return "", "", specErrorf("", "the key file cannot be read: %w", err)
		}
		if key = strings.TrimSpace(string(text)); key == "" {
			return "", "", specErrorf("", "the key file %s is empty", path)
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
	return "", "", specErrorf(hint, "there is no API key for %s", e)
}

// parseHeaders reads NAME=VALUE pairs.
func parseHeaders(list []string) (http.Header, error) {
	header := make(http.Header)
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, specErrorf("write --header NAME=VALUE", "the header %q is not of that form", pair[:strings.IndexAny(pair+"=", "=: ")])
		}
		header.Add(name, value)
	}
	return header, nil
}
