package apijson

import (
	"bytes"
	"encoding/json"
)

// WithRoles returns the body with the role "user" in each content that has no role.
// Vertex AI requires it, and Google AI adds it by itself. A body that needs no change,
// or does not have the expected form, is returned as it is.
func WithRoles(body json.RawMessage) (json.RawMessage, error) {
	top, err := ParseAsWritten(body)
	if err != nil {
		return body, nil
	}
	var contents []Object
	if err := json.Unmarshal(top["contents"], &contents); err != nil {
		var one Object // the API reads a single object as a list of one
		if json.Unmarshal(top["contents"], &one) != nil || one == nil {
			return body, nil
		}
		contents = []Object{one}
	}
	changed := false
	for _, c := range contents {
		role := bytes.TrimSpace(c["role"])
		if c != nil && (len(role) == 0 || string(role) == "null" || string(role) == `""`) {
			c["role"] = json.RawMessage(`"user"`)
			changed = true
		}
	}
	if !changed {
		return body, nil
	}
	if err := top.Put("contents", contents); err != nil {
		return nil, err
	}
	return Marshal(top)
}
