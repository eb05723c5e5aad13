package spec

import (
	"net/http"

	"github.com/genbatch/genbatch/batch/gemini"
)

// EndpointOptions returns what a Spec says of the endpoint.
func EndpointOptions(s *Spec) gemini.EndpointOptions {
	return gemini.EndpointOptions{Name: s.Endpoint, BaseURL: s.BaseURL, Auth: s.Auth, Project: s.Project, Location: s.Location}
}

// StartsSimulator reports whether a run starts a simulator of its own, whose address is not
// known before.
func StartsSimulator(o gemini.EndpointOptions) bool {
	return gemini.FactsOf(o.Name).Simulated && o.BaseURL == ""
}

// ParseEndpoint returns the endpoint and the headers that a Spec describes. The options are
// those of [EndpointOptions], with the address of a simulator that was started. The error is an
// [*Error].
func ParseEndpoint(s *Spec, o gemini.EndpointOptions, env func(string) string) (gemini.Endpoint, http.Header, error) {
	e, err := gemini.ParseEndpoint(o, env)
	if err != nil {
		return e, nil, &Error{Err: err}
	}
	if err := checkBatch(s, e.Name, e.Vertex, e.Facts); err != nil {
		return e, nil, err
	}
	if ByBatch(s) && e.Vertex && e.Project == "" {
		return e, nil, Errorf("name one with --project, or leave batch out of --tier",
			"batches of Vertex AI belong to a project, and an API key alone (express mode) has none")
	}
	if ByBatch(s) && e.Vertex && e.Auth != gemini.AuthOAuth && e.Auth != gemini.AuthNone {
		return e, nil, Errorf("leave --auth out, and log in by gcloud auth application-default login",
			"batches of Vertex AI are in Cloud Storage, which takes no API key")
	}
	if len(s.Tier) > 0 {
		if err := CheckTierEndpoint(e.Name, e.Facts); err != nil {
			return e, nil, err
		}
	}
	header, err := s.HTTPHeader()
	return e, header, err
}
