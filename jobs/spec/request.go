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

// OutputBound returns the bound in tokens that the job sets to each answer; 0: none.
func (s *Spec) OutputBound() (int64, error) {
	if s.MaxOutputTokens > 0 {
		return int64(s.MaxOutputTokens), nil
	}
	config, _ := apijson.Field(s.Request, "generationConfig").(map[string]any)
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
