package wire

import (
	"fmt"
	"slices"
	"strings"
)

// A Dialect is the way in which one provider speaks the protocol. An empty one is
// Google's, see [ParseDialect].
type Dialect string

// The dialects.
const (
	Google   Dialect = "google"   // generativelanguage.googleapis.com: x-goog-api-key, ?key= or an OAuth bearer
	Vertex   Dialect = "vertex"   // aiplatform.googleapis.com: an OAuth bearer, or x-goog-api-key in express mode
	YEScale  Dialect = "yescale"  // x-goog-api-key; reports no thoughtsTokenCount, but counts it in the total
	GPTProto Dialect = "gptproto" // Authorization, raw or bearer; answers in Vertex AI's shape
)

// Dialects lists them all.
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

// Gateway reports whether the provider is a gateway. Both that are known send errors
// in the shape of new-api: https://github.com/QuantumNous/new-api.
func (d Dialect) Gateway() bool { return d == YEScale || d == GPTProto }

// VertexShaped reports whether answers have the fields of Vertex AI.
func (d Dialect) VertexShaped() bool { return d == Vertex || d == GPTProto }

// An Address is what a path says before its resource.
type Address struct {
	Version   string // v1, v1beta, ...
	publisher string // "publishers/google/" on Vertex AI
	Express   bool   // Vertex AI without a project
	Parent    string // projects/{p}/locations/{l} on Vertex AI, with a project
}

// CutPath splits a path such as /v1beta/models/X:generateContent. rest is the resource
// with its verb, models/X:generateContent. ok is false for a path outside of the API.
func (d Dialect) CutPath(path string) (at Address, rest string, ok bool) {
	version, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return Address{}, "", false
	}
	at.Version = version
	if d != Vertex {
		return at, rest, version == "v1" || version == "v1beta" || version == "v1alpha"
	}
	known := version == "v1" || version == "v1beta1"
	if at.Parent, ok = projectPath(rest); ok {
		// Jobs belong to a project, and models to their publisher.
		if jobs := strings.TrimPrefix(rest, at.Parent+"/"); strings.HasPrefix(jobs, "batchPredictionJobs") {
			return at, jobs, known
		}
	}
	before, rest, ok := strings.Cut(rest, "publishers/google/")
	at.publisher, at.Express = "publishers/google/", before == ""
	return at, rest, ok && known && (at.Express || isProject(before))
}

// projectPath returns the projects/{p}/locations/{l} that a path begins with.
func projectPath(path string) (parent string, ok bool) {
	f := strings.SplitN(path, "/", 5)
	if len(f) < 5 || !isProject(strings.Join(f[:4], "/")+"/") {
		return "", false
	}
	return strings.Join(f[:4], "/"), true
}

// isProject reports whether s is projects/{p}/locations/{l}/.
func isProject(s string) bool {
	f := strings.Split(s, "/")
	return len(f) == 5 && f[0] == "projects" && f[1] != "" && f[2] == "locations" && f[3] != "" && f[4] == ""
}
