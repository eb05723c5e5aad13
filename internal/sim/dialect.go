package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A Dialect is whose way of speaking the protocol is imitated. The zero value is
// Google's.
type Dialect string

// The dialects.
const (
	Google   Dialect = "google"   // generativelanguage.googleapis.com: x-goog-api-key, ?key= or an OAuth bearer
	Vertex   Dialect = "vertex"   // aiplatform.googleapis.com: an OAuth bearer, or x-goog-api-key in express mode
	YEScale  Dialect = "yescale"  // x-goog-api-key; reports no thoughtsTokenCount, but counts it in the total
	GPTProto Dialect = "gptproto" // Authorization, raw or bearer; answers in Vertex AI's shape
)

// Dialects lists the dialects by name.
var Dialects = []Dialect{Google, Vertex, YEScale, GPTProto}

// ParseDialect returns the dialect with this name; the empty name is Google's.
func ParseDialect(name string) (Dialect, error) {
	if name == "" {
		return Google, nil
	}
	if d := Dialect(name); slices.Contains(Dialects, d) {
		return d, nil
	}
	return "", fmt.Errorf("no dialect %q: the simulator speaks google, vertex, yescale and gptproto", name)
}

// gateway reports whether errors come in the new-api family's shape, which both
// gateways are taken to belong to: https://github.com/QuantumNous/new-api.
func (d Dialect) gateway() bool { return d == YEScale || d == GPTProto }

// vertexShaped reports whether answers have Vertex AI's fields.
func (d Dialect) vertexShaped() bool { return d == Vertex || d == GPTProto }

type action uint8

const (
	actGenerate action = iota
	actStream
	actCount
	actList
	actGet
)

var actions = map[string]action{
	"generateContent":       actGenerate,
	"streamGenerateContent": actStream,
	"countTokens":           actCount,
}

// A route is what a path asks for.
type route struct {
	action  action
	model   string
	version string // v1, v1beta, ...
	publish string // "publishers/google/" on Vertex AI
	express bool   // Vertex AI without a project
}

// parsePath reads a path below the prefix, such as /v1beta/models/X:generateContent.
func (d Dialect) parsePath(path string) (route, bool) {
	version, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return route{}, false
	}
	rt := route{version: version}
	if d == Vertex {
		if version != "v1" && version != "v1beta1" {
			return route{}, false
		}
		before, after, found := strings.Cut(rest, "publishers/google/")
		if !found || before != "" && !isProject(before) {
			return route{}, false
		}
		rt.publish, rt.express, rest = "publishers/google/", before == "", after
	} else if version != "v1" && version != "v1beta" && version != "v1alpha" {
		return route{}, false
	}

	if rest == "models" {
		rt.action = actList
		return rt, true
	}
	name, ok := strings.CutPrefix(rest, "models/")
	if !ok || name == "" || strings.Contains(name, "/") {
		return route{}, false
	}
	model, verb, hasVerb := strings.Cut(name, ":")
	rt.model = model
	if !hasVerb {
		rt.action = actGet
		return rt, true
	}
	rt.action, ok = actions[verb]
	// Gateways pass on what they bill, and counting is free.
	if d.gateway() && rt.action == actCount {
		ok = false
	}
	return rt, ok && model != ""
}

// isProject reports whether s is projects/{p}/locations/{l}/.
func isProject(s string) bool {
	f := strings.Split(s, "/")
	return len(f) == 5 && f[0] == "projects" && f[1] != "" && f[2] == "locations" && f[3] != "" && f[4] == ""
}

// authenticate returns the key or token of a request, or why it is refused.
func (s *Server) authenticate(r *http.Request, express bool) (string, *apiError) {
	header := r.Header.Get("X-Goog-Api-Key")
	authorization := r.Header.Get("Authorization")
	bearer, isBearer := cutBearer(authorization)
	var query string
	if strings.Contains(r.URL.RawQuery, "key=") {
		query = r.URL.Query().Get("key")
	}

	d := s.config.Dialect
	switch d {
	case YEScale:
		return s.checkKey(header)
	case GPTProto:
		if isBearer {
			authorization = bearer
		}
		return s.checkKey(authorization)
	}

	given := 0
	for _, c := range [...]string{header, query, authorization} {
		if c != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return "", errMultipleCredentials()
	case given == 0:
		return "", errNoCredentials(d)
	case authorization != "" && (!isBearer || s.keys != nil && !s.keys[bearer]):
		return "", errBadToken()
	case authorization != "":
		return bearer, nil
	case d == Vertex && !express:
		return "", errKeyNotSupported()
	}
	return s.checkKey(header + query)
}

func (s *Server) checkKey(key string) (string, *apiError) {
	d := s.config.Dialect
	switch {
	case d.gateway() && key == "":
		return "", gatewayError(http.StatusUnauthorized, "", "No token provided")
	case s.keys == nil || s.keys[key]:
		return key, nil
	case d.gateway():
		return "", gatewayError(http.StatusUnauthorized, "", "Invalid token")
	}
	return "", errBadKey()
}

func cutBearer(authorization string) (token string, ok bool) {
	const scheme = "bearer "
	if len(authorization) <= len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return "", false
	}
	return authorization[len(scheme):], true
}
