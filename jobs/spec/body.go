package spec

import (
	"encoding/json"

	"github.com/genbatch/genbatch/internal/apijson"
)

// Body returns what the job's settings put into the request body of every row. The members
// that the kind makes come first, and may be nil. Then max_output_tokens and the schema are
// merged into them, and last what stands under request:, which overrides the others. Nothing
// that is passed in is changed.
func (s *Spec) Body(kind map[string]any) map[string]any {
	body := kind
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

// OutputBound returns the most tokens that the job lets each answer have. It is 0 if the job
// sets no bound.
func (s *Spec) OutputBound() (int64, error) {
	if s.MaxOutputTokens > 0 {
		return int64(s.MaxOutputTokens), nil
	}
	config := apijson.Config(s.Request)
	text, err := json.Marshal(apijson.Field(config, "maxOutputTokens"))
	if err != nil {
		return 0, err
	}
	var n int64
	if err := json.Unmarshal(text, &n); err != nil {
		return 0, Errorf("write a whole number", "request.generationConfig.maxOutputTokens is %s", text)
	}
	return n, nil
}
