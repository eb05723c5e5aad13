package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
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
			if err := foreign(text); err != nil { // its model is not the point
				return nil, err
			}
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

// rightForm is how a row brings its request.
const rightForm = `{"key":"r1","request":{"contents":[{"role":"user","parts":[{"text":"..."}]}]}}`

// otherAPIs are formats of other APIs' batch files, by the columns that tell them.
var otherAPIs = []struct {
	name    string
	columns []string
}{
	{"OpenAI's batch files (also Mistral's, Groq's and Azure's)", []string{"custom_id", "body"}},
	{"Anthropic's message batches", []string{"custom_id", "params"}},
	{"Amazon Bedrock's batch files", []string{"recordId", "modelInput"}},
	{"a chat API such as OpenAI's", []string{"messages"}},
	{"a completion API", []string{"prompt", "max_tokens"}},
}

// otherAPI returns the API whose requests have these members, or "".
func otherAPI(has func(name string) bool) string {
	for _, api := range otherAPIs {
		if !slices.ContainsFunc(api.columns, func(name string) bool { return !has(name) }) {
			return api.name
		}
	}
	return ""
}

// checkMeant returns an error if the input has no requests, by its columns.
func (k *rawRequests) checkMeant(names []string) error {
	has := func(name string) bool { return slices.Contains(names, name) }
	if k.column != "" {
		return spec.CheckColumns("raw", []string{k.column}, names)
	}
	if has("request") || has("contents") {
		return nil
	}
	if name := otherAPI(has); name != "" {
		return spec.Errorf("for raw a row is "+rightForm, "the input has the form of %s, and raw takes generateContent requests", name)
	}
	return spec.Errorf("name the column with raw: {column: NAME}, or write each row as "+rightForm,
		"raw looks for a request in each row, and the input has neither a column request nor contents; it has %s", message.List(names))
}

// A foreignError says that a request is not one of generateContent.
type foreignError struct{ text string }

// Error returns what is wrong.
func (e *foreignError) Error() string { return e.text }

func foreignf(format string, args ...any) error { return &foreignError{fmt.Sprintf(format, args...)} }

// foreign returns what makes a request one of another API, or of an SDK, which the API is
// sure to refuse, as a [*foreignError]; nil if there is nothing.
func foreign(body []byte) error {
	request, err := apijson.Parse(body)
	if err != nil {
		return nil // it is found elsewhere
	}
	has := func(name string) bool { _, ok := request[name]; return ok }
	contents := bytes.TrimSpace(request["contents"])
	switch {
	case !has("contents"):
		if name := otherAPI(has); name != "" {
			return foreignf("the request is one of %s, and raw takes generateContent requests: %s", name, rightForm)
		}
		return foreignf("the request has no contents: for raw a row is %s", rightForm)
	case has("config"):
		return foreignf("the request has config, which is the SDK's own: write its fields under generationConfig, and systemInstruction, tools and safetySettings beside contents")
	case contents[0] == '"':
		return foreignf(`contents is a text, which the SDK takes and the API does not: write [{"role":"user","parts":[{"text":...}]}]`)
	}
	var list []struct {
		Role  json.RawMessage   `json:"role"`
		Parts []json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(contents, &list) != nil {
		if contents[0] == '[' && len(contents) > 1 && bytes.TrimSpace(contents[1:])[0] == '"' {
			return foreignf(`contents is a list of texts, which the SDK takes and the API does not: write [{"role":"user","parts":[{"text":...}]}]`)
		}
		return nil
	}
	for _, c := range list {
		var role string
		if _ = json.Unmarshal(c.Role, &role); role == "assistant" || role == "system" {
			return foreignf("contents have the role %s, and the API takes user and model; a system text is the systemInstruction", role)
		}
		for _, p := range c.Parts {
			if p[0] == '"' {
				return foreignf(`a part is a text, which the SDK takes and the API does not: write {"text":...}`)
			}
		}
	}
	return nil
}
