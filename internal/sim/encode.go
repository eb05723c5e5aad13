package sim

import (
	"bytes"
	"encoding/json"
)

// encode appends v as JSON without a newline and without escaping HTML, as the
// API's own answers are.
func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}
