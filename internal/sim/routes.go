package sim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A route is a method of the API and what serves it.
type route struct {
	verb     string // of HTTP; empty stands for any
	resource string // a pattern, see match
	dialects []Dialect
	serve    func(*exchange)
}

var (
	makers = []Dialect{Google, Vertex}
	google = []Dialect{Google}
)

// routes is the whole API. The first route that matches serves; where none does,
// the path is unknown.
var routes = []route{
	{http.MethodGet, "models", wire.Dialects, keyed((*exchange).listModels)},
	{http.MethodGet, "models/{model}", wire.Dialects, keyed(modelled((*exchange).getModel))},
	{http.MethodPost, "models/{model}:generateContent", wire.Dialects, unary(keyed(modelled((*exchange).generate)))},
	{http.MethodPost, "models/{model}:streamGenerateContent", wire.Dialects, streamed(keyed(modelled((*exchange).generate)))},
	// Gateways pass on what they bill, and counting is free.
	{http.MethodPost, "models/{model}:countTokens", makers, keyed(modelled((*exchange).countTokens))},

	{"", "upload/files", google, (*exchange).upload},
	{http.MethodGet, "files", google, keyed((*exchange).listFiles)},
	{"", "files", google, keyed((*exchange).unknownPath)},
	{http.MethodGet, "files/{file...}", google, keyed((*exchange).getFile)},
	{http.MethodDelete, "files/{file...}", google, keyed((*exchange).deleteFile)},
	{"", "files/{file...}", google, keyed((*exchange).unknownPath)},
}

// serve answers with the first route that matches.
func (s *Server) serve(x *exchange) {
	d := s.config.Dialect
	path, ok := strings.CutPrefix(x.r.URL.Path, s.config.PathPrefix)
	path, uploading := strings.CutPrefix(path, "/upload")
	at, resource, known := d.CutPath(path)
	if !ok || !known {
		x.unknownPath()
		return
	}
	x.at = at
	if uploading {
		resource = "upload/" + resource
	}
	for _, r := range routes {
		if r.verb != "" && r.verb != x.r.Method || !slices.Contains(r.dialects, d) {
			continue
		}
		if x.name, ok = match(r.resource, resource); ok {
			r.serve(x)
			return
		}
	}
	x.unknownPath()
}

// match compares a resource with a pattern, and returns the name that stands where
// the pattern has braces: one without slashes and colons, or, where the pattern has
// dots after the brace's word, all that is there.
func match(pattern, resource string) (name string, ok bool) {
	before, rest, named := strings.Cut(pattern, "{")
	if !named {
		return "", resource == pattern
	}
	word, after, _ := strings.Cut(rest, "}")
	name, ok = strings.CutPrefix(resource, before)
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, after)
	if strings.HasSuffix(word, "...") {
		return name, ok
	}
	return name, ok && name != "" && !strings.ContainsAny(name, "/:")
}

// keyed serves who has a key.
func keyed(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		if x.authenticate() {
			next(x)
		}
	}
}

// authenticate learns the key of a call, or refuses it.
func (x *exchange) authenticate() bool {
	var e *wire.Error
	if x.key, e = x.s.keys.authenticate(x.s.config.Dialect, x.r, x.at.Express); e != nil {
		x.refuse("auth", e)
		return false
	}
	return true
}

// modelled serves calls of a model that exists.
func modelled(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		d, ok := x.s.config.Dialect, false
		if x.model, ok = wire.FindModel(d, x.name); !ok {
			x.refuse("model", wire.UnknownModel(d, x.at, x.name))
			return
		}
		next(x)
	}
}

// unary serves a call that asks for one answer. Gateways stream whatever is asked
// with alt=sse.
func unary(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		x.sse = x.s.config.Dialect.Gateway() && x.asksEvents()
		x.stream = x.sse
		next(x)
	}
}

// streamed serves a call that asks for a stream: of events with alt=sse and behind
// gateways, else as an array.
func streamed(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		x.sse = x.s.config.Dialect.Gateway() || x.asksEvents()
		x.stream = true
		next(x)
	}
}

func (x *exchange) asksEvents() bool { return strings.Contains(x.r.URL.RawQuery, "alt=sse") }
