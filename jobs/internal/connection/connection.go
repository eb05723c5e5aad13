// Package connection finds the endpoint, the key and the quota that a job uses.
package connection

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Connection is what a job needs to ask. The zero value is that of a job that is only
// looked at.
type Connection struct {
	Client   batch.Model
	Endpoint gemini.Endpoint
	KeyID    string // names the key without giving it away
	KeyFrom  string // where the key comes from

	sim *sim.Running // nil: another endpoint
}

// Options are what a connection needs of its surroundings.
type Options struct {
	Env   func(string) string
	Log   *slog.Logger
	Model batch.Model // in the place of the endpoint's client; mostly nil

	FS        durable.FS        // writes what is kept of the quota
	Transport http.RoundTripper // of the endpoint's client, see [gemini.Config]; mostly nil
}

// Close ends the simulator, if the connection has started it.
func (c *Connection) Close() error {
	if c.sim == nil {
		return nil
	}
	return c.sim.Close()
}

// Open makes the client of the job's endpoint, and starts the simulator when
// the job names it. It opens no connection, so that a mistake in the endpoint, or
// a missing key, is found before the state folder is made.
func Open(s *spec.Spec, o Options) (c Connection, err error) {
	defer func() {
		if err != nil {
			_ = c.Close()
			c = Connection{}
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
		c.Client, c.Endpoint = o.Model, e
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
	c.Client, err = gemini.New(gemini.Config{
		Endpoint: e, Key: func() string { return key }, KeyFrom: from, Stream: s.Stream, Timeout: s.Timeout,
		Header: header, Concurrency: s.Concurrency, Version: version.Version(), Transport: o.Transport,
	})
	if err != nil {
		return c, &spec.Error{Err: err}
	}
	c.Endpoint, c.KeyID, c.KeyFrom = e, quota.KeyID(key), from
	return c, nil
}

// Check refuses what Open refuses, but for a key that is missing: a job is often
// planned where it has none. A key that the job names, and that is not there, is warned of.
func Check(s *spec.Spec, o Options) error {
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

// IsLocal reports whether an endpoint is on this machine, as every simulator is.
func IsLocal(e gemini.Endpoint) bool {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return false
	}
	return e.Simulated || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}
