package gemini

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
)

// locate sets the project, the location and the host that belongs to them.
// https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
func (e *Endpoint) locate(o EndpointOptions, env func(string) string) error {
	e.Project = o.Project
	if e.Project == "" && (o.Auth == "" || o.Auth == string(AuthOAuth)) {
		e.Project = env("GOOGLE_CLOUD_PROJECT")
	}
	e.Location = cmp.Or(o.Location, env("GOOGLE_CLOUD_LOCATION"), env("GOOGLE_CLOUD_REGION"), "global")
	if e.Project != "" && !plainSegment.MatchString(e.Project) {
		return fmt.Errorf("project %q is not a project id", e.Project)
	}
	if !plainSegment.MatchString(e.Location) || strings.ContainsAny(e.Location, ".:_") {
		return fmt.Errorf("location %q is not a location such as global or us-central1", e.Location)
	}
	switch {
	case e.Project == "" || e.Location == "global": // express mode has no locations
		e.BaseURL = "https://aiplatform.googleapis.com"
	case e.Location == "us" || e.Location == "eu":
		e.BaseURL = "https://aiplatform." + e.Location + ".rep.googleapis.com"
	default:
		e.BaseURL = "https://" + e.Location + "-aiplatform.googleapis.com"
	}
	return nil
}

// vertexPath returns the path of a model. The model may be an id, a publisher's model
// (publishers/p/models/m), or a full resource name, such as that of a tuned model's
// endpoint.
func (e Endpoint) vertexPath(model string) string {
	escaped := func(name string) string {
		parts := strings.Split(name, "/")
		for i, p := range parts {
			parts[i] = url.PathEscape(p)
		}
		return strings.Join(parts, "/")
	}
	if strings.HasPrefix(model, "projects/") {
		return escaped(model)
	}
	scope := ""
	if e.Project != "" {
		scope = "projects/" + e.Project + "/locations/" + e.Location + "/"
	}
	for _, collection := range []string{"publishers/", "endpoints/"} {
		if strings.HasPrefix(model, collection) {
			return scope + escaped(model)
		}
	}
	return scope + "publishers/google/models/" + url.PathEscape(strings.TrimPrefix(model, "models/"))
}

// withField returns the body with a top-level field set, unless the body has that field
// already, in either spelling.
func withField(body json.RawMessage, name, value string) (json.RawMessage, error) {
	top, err := apijson.ParseAsWritten(body)
	if err != nil || top == nil || top.Has(name) {
		return body, nil
	}
	if err := top.Put(name, value); err != nil {
		return nil, err
	}
	return apijson.Marshal(top)
}
