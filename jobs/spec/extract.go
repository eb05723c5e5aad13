package spec

// Extract asks for data out of a text of each row, in the form of a JSON Schema.
type Extract struct {
	Text   string `json:"text"`             // template; required
	Schema Schema `json:"schema,omitempty"` // or Spec.Schema
}
