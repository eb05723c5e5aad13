package wire

import (
	"fmt"
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

// Gateway reports whether errors come in the new-api family's shape, which both
// gateways are taken to belong to: https://github.com/QuantumNous/new-api.
func (d Dialect) Gateway() bool { return d == YEScale || d == GPTProto }

// VertexShaped reports whether answers have Vertex AI's fields.
func (d Dialect) VertexShaped() bool { return d == Vertex || d == GPTProto }

// An Address is where a call goes, besides its resource.
type Address struct {
	Version   string // v1, v1beta, ...
	publisher string // "publishers/google/" on Vertex AI
	Express   bool   // Vertex AI without a project
}

// CutPath takes the version and the publisher off a path such as
// /v1beta/models/X:generateContent. rest is the resource, with its verb.
func (d Dialect) CutPath(path string) (at Address, rest string, ok bool) {
	version, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return Address{}, "", false
	}
	at.Version = version
	if d != Vertex {
		return at, rest, version == "v1" || version == "v1beta" || version == "v1alpha"
	}
	before, rest, ok := strings.Cut(rest, "publishers/google/")
	at.publisher, at.Express = "publishers/google/", before == ""
	return at, rest, ok && (version == "v1" || version == "v1beta1") && (at.Express || isProject(before))
}

// isProject reports whether s is projects/{p}/locations/{l}/.
func isProject(s string) bool {
	f := strings.Split(s, "/")
	return len(f) == 5 && f[0] == "projects" && f[1] != "" && f[2] == "locations" && f[3] != "" && f[4] == ""
}
