package gemini

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// An Auth is a way of sending a key.
type Auth string

// The ways of sending a key. The API takes only one of them in a request.
// https://ai.google.dev/gemini-api/docs/api-key
const (
	AuthGoogKey Auth = "x-goog-api-key" // x-goog-api-key: KEY
	AuthBearer  Auth = "bearer"         // Authorization: Bearer KEY
	AuthRaw     Auth = "raw"            // Authorization: KEY
	AuthQuery   Auth = "query"          // ?key=KEY
	AuthNone    Auth = "none"           // no key is sent
	AuthOAuth   Auth = "oauth"          // Authorization: Bearer TOKEN, with a token that is refreshed; Vertex AI only
)

// An Endpoint is where requests are sent, and in what form. Make one with
// [ParseEndpoint].
type Endpoint struct {
	Name    string // google, vertex, yescale, gptproto or sim; empty for a base URL
	BaseURL string // scheme, host and path prefix, without version and trailing slash
	Version string // the version segment of the path, such as v1beta
	Auth    Auth

	// Vertex selects the paths of Vertex AI and its stricter bodies. If Project is
	// empty, it is used in express mode, with an API key and without a project.
	Vertex            bool
	Project, Location string

	// KeyEnv names the environment variables that hold this endpoint's own key. The
	// first that is set wins. A key found there must not be sent to another endpoint.
	KeyEnv []string

	// ServerTimeout says that the server obeys the x-server-timeout header.
	ServerTimeout bool

	Facts
}

// EndpointOptions is what a user says about an endpoint. Every field may be empty.
type EndpointOptions struct {
	Name     string // google, vertex, yescale, gptproto, sim or a base URL; by default google, unless BaseURL is set
	BaseURL  string // another address for a named endpoint, or the only one
	Auth     string // by default the endpoint's own
	Project  string // for Vertex AI; by default GOOGLE_CLOUD_PROJECT
	Location string // for Vertex AI; by default GOOGLE_CLOUD_LOCATION, GOOGLE_CLOUD_REGION or global
}

// named holds the known endpoints. The variable baseEnv moves the endpoint to another
// address; Google's own SDKs obey it too.
var named = map[string]struct {
	Endpoint
	baseEnv string
}{
	"google": {Endpoint{
		BaseURL: "https://generativelanguage.googleapis.com", Auth: AuthGoogKey,
		KeyEnv: []string{"GOOGLE_API_KEY", "GEMINI_API_KEY"}, ServerTimeout: true,
		Facts: Facts{Dialect: GoogleDialect, ListPrices: true, FilesAPI: true, CountsTokens: true, InlineLimit: googleInlineLimit},
	}, "GOOGLE_GEMINI_BASE_URL"},
	"vertex": {Endpoint{
		Vertex: true, Version: "v1beta1", Auth: AuthOAuth, KeyEnv: []string{"GOOGLE_API_KEY"}, ServerTimeout: true,
		Facts: Facts{Dialect: VertexDialect, ListPrices: true, CountsTokens: true, InlineLimit: gatewayInlineLimit},
	}, "GOOGLE_VERTEX_BASE_URL"},
	"yescale": {Endpoint: Endpoint{
		Auth: AuthGoogKey, KeyEnv: []string{"YESCALE_API_KEY"},
		Facts: Facts{NoTiers: true, NoBatches: true, InlineLimit: gatewayInlineLimit},
	}},
	"gptproto": {Endpoint: Endpoint{
		BaseURL: "https://gptproto.com", Auth: AuthRaw, KeyEnv: []string{"GPTPROTO_API_KEY"},
		Facts: Facts{NoTiers: true, NoBatches: true, InlineLimit: gatewayInlineLimit},
	}},
	"sim": {Endpoint: Endpoint{
		Auth:  AuthNone,
		Facts: Facts{Simulated: true, ListPrices: true, FilesAPI: true, CountsTokens: true, InlineLimit: googleInlineLimit},
	}},
}

// ownKeyEnv holds the key of an endpoint that is none of the known ones.
const ownKeyEnv = "GENBATCH_API_KEY"

// KeyVariables returns the environment variables that hold the key of any endpoint, sorted.
func KeyVariables() []string {
	names := []string{ownKeyEnv}
	for _, e := range named {
		names = append(names, e.KeyEnv...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// defaultVersion is the version of the API that every known gateway serves.
const defaultVersion = "v1beta"

var (
	versionSuffix = regexp.MustCompile(`/(v\d+(?:(?:alpha|beta)\d*)?)$`)
	plainSegment  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.:_-]*$`) // a project or location in a host or path
)

// ParseEndpoint makes an Endpoint from what the user says. The function env is os.Getenv
// or a stand-in. ParseEndpoint reads no key and opens no connection. Its errors name
// the remedy.
func ParseEndpoint(o EndpointOptions, env func(string) string) (Endpoint, error) {
	name, base := o.Name, strings.TrimSpace(o.BaseURL)
	if strings.Contains(name, "://") {
		if base != "" {
			return Endpoint{}, errors.New("the endpoint is a base URL already: leave --base-url out")
		}
		name, base = "", strings.TrimSpace(name)
	} else if name == "" && base == "" {
		name = "google"
	}

	e := Endpoint{Auth: AuthGoogKey, KeyEnv: []string{ownKeyEnv}, Facts: FactsOf(name)}
	if name != "" {
		known, ok := named[name]
		if !ok {
			return Endpoint{}, fmt.Errorf("unknown endpoint %q: want google, vertex, yescale, gptproto, sim or a base URL such as https://host/prefix", name)
		}
		e = known.Endpoint
		e.Name = name
		if base == "" && known.baseEnv != "" {
			base = env(known.baseEnv)
		}
	}
	if e.Vertex {
		if err := e.locate(o, env); err != nil {
			return Endpoint{}, err
		}
	}
	if base != "" {
		if err := e.rebase(base); err != nil {
			return Endpoint{}, err
		}
	}
	e.Dialect = o.Dialect()
	e.ListPrices = e.ListPrices && (o.BaseURL == "" || e.Simulated)
	if e.BaseURL == "" {
		return Endpoint{}, fmt.Errorf("endpoint %s has no fixed address: give the host of your account with --base-url", name)
	}
	if e.Version == "" {
		e.Version = defaultVersion
	}
	switch a := Auth(o.Auth); a {
	case "":
	case AuthGoogKey, AuthBearer, AuthRaw, AuthQuery, AuthNone:
		e.Auth = a
	case AuthOAuth:
		if !e.Vertex {
			return Endpoint{}, errors.New("auth oauth is for the endpoint vertex only")
		}
		e.Auth = a
	default:
		return Endpoint{}, fmt.Errorf("unknown auth %q: want x-goog-api-key, bearer, raw, query or none", o.Auth)
	}
	if e.Vertex && e.Project == "" && e.Auth == AuthOAuth {
		return Endpoint{}, errors.New("vertex needs a project: set GOOGLE_CLOUD_PROJECT, or use an API key without a project (--auth x-goog-api-key)")
	}
	return e, nil
}

// rebase sets another address. Its last path segment may be the version.
func (e *Endpoint) rebase(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		// The text leaves the address out, because it may hold a password.
		return errors.New("the base URL is not of the form https://host/prefix")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the base URL must hold no user, query or fragment: give the key by --api-key-env")
	}
	if strings.Contains(u.Path, ":generateContent") || strings.Contains(u.Path, ":streamGenerateContent") {
		return errors.New("the base URL is the address of a call: give only what stands before /v1beta/models")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if strings.HasSuffix(path, "/openai") || strings.HasSuffix(path, "/chat/completions") {
		return errors.New("the base URL is of an OpenAI-compatible interface: give the one of generateContent")
	}
	path = strings.TrimRight(strings.TrimSuffix(path, "/models"), "/")
	if m := versionSuffix.FindStringSubmatch(path); m != nil {
		e.Version = m[1]
		path = strings.TrimRight(strings.TrimSuffix(path, m[0]), "/")
	}
	e.BaseURL = u.Scheme + "://" + u.Host + path
	// A gateway in the place of a named endpoint may bill countTokens.
	e.CountsTokens = e.CountsTokens && (e.Simulated || strings.HasSuffix(u.Hostname(), ".googleapis.com"))
	return nil
}

// String returns the endpoint's name for journals and messages. Endpoints that have
// quotas of their own have different names.
func (e Endpoint) String() string {
	switch {
	case e.Name == "":
		return e.BaseURL
	case e.Vertex && e.Project != "":
		return "vertex:" + e.Project + "/" + e.Location
	case e.BaseURL == named[e.Name].BaseURL || e.Vertex || e.Simulated:
		return e.Name
	}
	return e.Name + ":" + e.BaseURL
}

// Warning returns a warning if the key would be sent unencrypted to another machine, and
// otherwise an empty string.
func (e Endpoint) Warning() string {
	u, err := url.Parse(e.BaseURL)
	if err != nil || u.Scheme != "http" || e.Auth == AuthNone {
		return ""
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || strings.HasSuffix(host, ".localhost") || ip.IsLoopback() {
		return ""
	}
	return "the key goes to " + u.Host + " unencrypted: use https"
}

// URL returns the address of a model's method, such as ":generateContent", without a key.
// The model may have models/ before its name. Names that begin with tunedModels/ or
// dynamic/ are kept.
func (e Endpoint) URL(model, method string) string {
	return e.BaseURL + "/" + e.Version + "/" + e.modelPath(model) + method
}

func (e Endpoint) modelPath(model string) string {
	if e.Vertex {
		return e.vertexPath(model)
	}
	model = strings.TrimPrefix(model, "models/")
	for _, collection := range []string{"tunedModels/", "dynamic/"} {
		if id, ok := strings.CutPrefix(model, collection); ok {
			return collection + url.PathEscape(id)
		}
	}
	return "models/" + url.PathEscape(model)
}
