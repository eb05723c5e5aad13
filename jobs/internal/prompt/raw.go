package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// rawRequests take each row as a request.
type rawRequests struct {
	column   string         // with the request; see request if empty
	defaults map[string]any // what the job adds where the row has nothing
}

// render returns the body of a row's own request, which may name no other model.
func (k *rawRequests) render(row *batch.Row, model string) ([]byte, error) {
	text, err := k.request(row)
	if err != nil {
		return nil, err
	}
	members, err := apijson.ParseAsWritten(text)
	if err != nil {
		return nil, fmt.Errorf("the request is no JSON object: %w", err)
	}
	// Batch files name the model in each request as well. It stands in the address of the
	// call, and so is no part of the body.
	named, ok := members["model"]
	if ok {
		var own string
		if json.Unmarshal(named, &own) != nil || strings.TrimPrefix(own, "models/") != strings.TrimPrefix(model, "models/") {
			return nil, fmt.Errorf("the request is for model %s, and the job for %q", named, model)
		}
	}
	if !ok && len(k.defaults) == 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			return nil, err
		}
		return compact.Bytes(), nil
	}
	delete(members, "model")
	own, err := members.Decode()
	if err != nil {
		return nil, err
	}
	return apijson.Marshal(apijson.Merge(k.defaults, own))
}

// request returns the JSON text of a row's request: the value of the column, which is
// called request unless the job names another, or the row itself when it is a body.
func (k *rawRequests) request(row *batch.Row) ([]byte, error) {
	column := k.column
	if column == "" {
		column = "request"
	}
	v, ok := row.Value(column)
	if !ok {
		if _, isBody := row.Value("contents"); isBody && k.column == "" && row.Raw != nil {
			return row.Raw, nil
		}
		return nil, fmt.Errorf("the row has no column %q with a request", column)
	}
	switch v := v.(type) {
	case json.RawMessage:
		return v, nil
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case nil:
		return nil, fmt.Errorf("the column %q is empty", column)
	}
	return nil, fmt.Errorf("the column %q holds no request", column)
}
