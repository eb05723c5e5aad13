package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A route is a method of the API, with what serves it.
type route struct {
	verb     string    // of HTTP; empty for any
	resource string    // a pattern, see match
	dialects []Dialect // that have the method
	serve    func(*exchange)
}

// The dialects of those who make the models, and those that have something to themselves.
var (
	makers = []Dialect{Google, Vertex}
	google = []Dialect{Google}
	vertex = []Dialect{Vertex}
)

// routes is the whole API: a new method is a line here. The first route that matches a
// call serves it.
var routes = []route{
	{http.MethodGet, "models", wire.Dialects, keyed((*exchange).listModels)},
	{http.MethodGet, "models/{model}", wire.Dialects, keyed(modelled((*exchange).getModel))},
	{http.MethodPost, "models/{model}:generateContent", wire.Dialects, unary(keyed(modelled((*exchange).generate)))},
	{http.MethodPost, "models/{model}:streamGenerateContent", wire.Dialects, streamed(keyed(modelled((*exchange).generate)))},
	// Gateways pass on what they bill, and counting is free.
	{http.MethodPost, "models/{model}:countTokens", makers, keyed(modelled((*exchange).countTokens))},
	{http.MethodPost, "models/{model}:batchGenerateContent", google, keyed(modelled(withBody(batch((*batches.Service).Create))))},
	{"", "models/{method...}", makers, keyed(unknownMethod)},

	// The Files API asks for the key before it looks at the verb.
	{"", "upload/files", google, (*exchange).upload},
	{http.MethodGet, "files", google, keyed((*exchange).listFiles)},
	{"", "files", google, keyed((*exchange).unknownPath)},
	{http.MethodGet, "files/{file...}", google, keyed((*exchange).getFile)},
	{http.MethodDelete, "files/{file...}", google, keyed((*exchange).deleteFile)},
	{"", "files/{file...}", google, keyed((*exchange).unknownPath)},

	{http.MethodGet, "batches", google, keyed(batch((*batches.Service).List))},
	{http.MethodGet, "batches/{batch...}", google, keyed(batch((*batches.Service).Get))},
	{http.MethodDelete, "batches/{batch...}", google, keyed(batch((*batches.Service).Delete))},
	{http.MethodPost, "batches/{batch...}:cancel", google, keyed(batch((*batches.Service).Cancel))},
	{http.MethodPatch, "batches/{batch...}:updateGenerateContentBatch", google, keyed(withBody(batch((*batches.Service).Update)))},

	{http.MethodPost, "batchPredictionJobs", vertex, keyed(withBody(vertexBatch(batches.Vertex.Create)))},
	{http.MethodGet, "batchPredictionJobs", vertex, keyed(vertexBatch(batches.Vertex.List))},
	{http.MethodGet, "batchPredictionJobs/{job}", vertex, keyed(vertexBatch(batches.Vertex.Get))},
	{http.MethodDelete, "batchPredictionJobs/{job}", vertex, keyed(vertexBatch(batches.Vertex.Delete))},
	{http.MethodPost, "batchPredictionJobs/{job}:cancel", vertex, keyed(batch((*batches.Service).Cancel))},
}

// serve answers a call by its route.
func (s *Server) serve(x *exchange) {
	d := s.config.Dialect
	path, ok := strings.CutPrefix(x.r.URL.Path, s.config.PathPrefix)
	path, uploading := strings.CutPrefix(path, "/upload")
	path = strings.TrimPrefix(path, "/download") // the same with and without
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

// match reports whether a resource matches a pattern, and returns the name that stands
// where the pattern has braces. {model} stands for a name without slashes and colons, and
// {file...} for anything.
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

// keyed serves a call only when it brings a key that is accepted.
func keyed(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		if x.authenticate() {
			next(x)
		}
	}
}

// authenticate sets the key of the call, or refuses the call.
func (x *exchange) authenticate() bool {
	var e *wire.Error
	if x.key, e = x.server.keys.authenticate(x.server.config.Dialect, x.r, x.at.Express); e != nil {
		x.refuse("auth", e)
		return false
	}
	return true
}

// withBody serves a call with its body.
func withBody(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		if x.readBody() {
			next(x)
		}
	}
}

// modelled serves a call only when its model exists.
func modelled(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		var ok bool
		if x.model, ok = wire.FindModel(x.server.config.Dialect, x.name, x.server.config.Models...); ok {
			next(x)
			return
		}
		_, method, _ := strings.Cut(x.r.URL.Path, ":")
		x.refuse("model", wire.UnknownModel(x.server.config.Dialect, x.at, x.name, cmp.Or(method, "generateContent")))
	}
}

// unknownMethod refuses a method that no model has.
func unknownMethod(x *exchange) {
	if model, method, _ := strings.Cut(x.name, ":"); model != "" && method != "" {
		x.refuse("model", wire.UnknownModel(x.server.config.Dialect, x.at, model, method))
		return
	}
	x.unknownPath()
}

// unary serves a call that asks for one answer. Gateways stream whatever is asked
// with alt=sse.
func unary(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		x.sse = x.server.config.Dialect.Gateway() && x.asksEvents()
		x.stream = x.sse
		next(x)
	}
}

// streamed serves a call that asks for a stream. It is an array, or events with alt=sse
// and behind gateways.
func streamed(next func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		x.sse = x.server.config.Dialect.Gateway() || x.asksEvents()
		x.stream = true
		next(x)
	}
}

// asksEvents reports whether the call asks for server-sent events.
func (x *exchange) asksEvents() bool { return strings.Contains(x.r.URL.RawQuery, "alt=sse") }
