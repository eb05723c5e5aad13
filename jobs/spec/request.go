package spec

import (
	"encoding/json"
	"maps"

	"github.com/genbatch/genbatch/internal/apijson"
)

// body returns what the job's own fields put into each body, with request:
// laid over it.
func (s *Spec) Body(kind map[string]any) map[string]any {
	body := maps.Clone(kind)
	if s.MaxOutputTokens > 0 {
		body = apijson.Merge(body, map[string]any{"generationConfig": map[string]any{"maxOutputTokens": s.MaxOutputTokens}})
	}
	if len(s.Schema) > 0 {
		body = apijson.Merge(body, map[string]any{"generationConfig": map[string]any{
			"responseMimeType": "application/json", "responseJsonSchema": json.RawMessage(s.Schema),
		}})
	}
	return apijson.Merge(body, s.Request)
}
