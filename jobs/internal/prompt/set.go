package prompt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/preflight"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// settings are what rows say about their own requests, as the job's set has it. The zero
// value says nothing.
type settings struct {
	list []setting
	own  int // parts of systemInstruction that are the kind's, and stay
}

// A setting sets one field to what a template makes of the row.
type setting struct {
	name  string   // as it is written in the job
	path  []string // in the API's camelCase; for model and system that alone
	value *template.Template
}

// newSettings reads the job's set.
func newSettings(s job) (settings, error) {
	var all settings
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		path, err := setPath(name)
		if err != nil {
			return settings{}, err
		}
		if s.Set[name] == "" {
			return settings{}, spec.Errorf("write --set "+name+"={{.column}}", "set has no template for %s", name)
		}
		t, err := s.newTemplate("set "+name, s.Set[name])
		if err != nil {
			return settings{}, err
		}
		for _, other := range all.list {
			n := min(len(path), len(other.path))
			if slices.Equal(path[:n], other.path[:n]) {
				return settings{}, spec.Errorf("keep one of them", "set has both %s and %s, which is a part of the other", other.name, name)
			}
		}
		all.list = append(all.list, setting{name, path, t})
	}
	return all, nil
}

// setPath reads the path of a setting.
func setPath(name string) ([]string, error) {
	path := strings.Split(strings.TrimPrefix(name, "request."), ".")
	for _, part := range path {
		if strings.TrimSpace(part) == "" {
			return nil, spec.Errorf("write --set generationConfig.temperature={{.temp}}", "set names the path %q", name)
		}
		if strings.ContainsAny(part, "[]") || strings.Trim(part, "0123456789") == "" {
			return nil, spec.Errorf("set the whole list, as JSON", "set names the path %q, and cannot reach into lists", name)
		}
	}
	path = apijson.CamelPath(path)
	if path[0] == "system_instruction" || path[0] == "systemInstruction" && len(path) == 1 {
		return nil, spec.Errorf("write --set system={{.text}}", "set names the path %q", name)
	}
	if path[0] == "contents" {
		return nil, spec.Errorf("put the text into prompt:, or use raw: for whole requests", "set names the path %q, and the contents are the kind's", name)
	}
	single := len(path) == 1
	if single && (path[0] == "model" || path[0] == "system") {
		return path, nil
	}
	// The API refuses fields that it does not know, in each row anew.
	known := append([]string{"model", "system"}, preflight.TopFields()...)
	switch {
	case !slices.Contains(known, path[0]) || path[0] == "model" || path[0] == "system":
		hint := "a path is model, system, or a field of the request: generationConfig.temperature, labels.batch"
		if slices.Contains(apijson.ConfigFields(), path[0]) {
			hint = "write generationConfig." + strings.Join(path, ".")
		} else if near := preflight.NearestField(path[0], known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, spec.Errorf(hint, "set names the path %q, which no request has", name)
	case path[0] == "generationConfig" && !single:
		if near := preflight.NearestField(path[1], apijson.ConfigFields()); near != "" {
			return nil, spec.Errorf(fmt.Sprintf("did you mean %q?", near), "set names the path %q, which no request has", name)
		}
	}
	return path, nil
}

// templates are those that the job's columns are checked against.
func (s settings) templates() (list []*template.Template) {
	for _, x := range s.list {
		list = append(list, x.value)
	}
	return list
}

// covers reports whether there is a setting at the path, in it, or around it.
func (s settings) covers(path string) bool {
	for _, x := range s.list {
		own := strings.Join(x.path, ".")
		if own == path || strings.HasPrefix(own, path+".") || strings.HasPrefix(path, own+".") || strings.HasPrefix(path, own+"[") {
			return true
		}
	}
	return false
}

// split separates the settings that are the same for every row from those that use
// columns.
func (s settings) split() (same, byRow settings) {
	same, byRow = settings{own: s.own}, settings{own: s.own}
	for _, x := range s.list {
		if !x.value.IsConstant() {
			byRow.list = append(byRow.list, x)
		} else {
			same.list = append(same.list, x)
		}
	}
	return same, byRow
}

// over lays settings that use no columns over a request and its model.
func (s settings) over(request map[string]any, model string) (map[string]any, string, error) {
	if len(s.list) == 0 {
		return request, model, nil
	}
	var row batch.Row
	model, err := s.model(&row, model)
	if err != nil {
		return nil, "", err
	}
	body, err := apijson.Marshal(request)
	if err != nil {
		return nil, "", err
	}
	if body, err = s.apply(&row, body); err != nil {
		return nil, "", err
	}
	members, err := apijson.ParseAsWritten(body)
	if err != nil {
		return nil, "", err
	}
	request, err = members.Decode()
	return request, model, err
}

// model returns the model that a row is asked of, the job's where it names none.
func (s settings) model(row *batch.Row, job string) (string, error) {
	for _, x := range s.list {
		if x.path[0] != "model" {
			continue
		}
		name, err := x.value.Render(row)
		if err != nil {
			return "", err
		}
		if name = strings.TrimSpace(name); name == "" {
			break
		}
		if strings.ContainsAny(name, " \t\r\n?#%\\\"") || strings.Contains(name, "..") {
			return "", fmt.Errorf("set model makes %q of the row, which is no model's name", message.OneLine(name, 60))
		}
		return name, nil
	}
	return job, nil
}

// apply lays what the row says over its body.
func (s settings) apply(row *batch.Row, body []byte) ([]byte, error) {
	var members apijson.Object // of the body, once a row sets something
	for _, x := range s.list {
		if x.path[0] == "model" {
			continue
		}
		text, err := x.value.Render(row)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			continue // what the job says stands
		}
		if members == nil {
			if members, err = apijson.Parse(body); err != nil {
				return nil, fmt.Errorf("the request is no JSON object: %w", err)
			}
		}
		if x.path[0] == "system" {
			err = setSystem(members, text, s.own)
		} else {
			err = members.Set(x.path, x.json(text))
		}
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", x.name, err)
		}
	}
	if members == nil {
		return body, nil
	}
	return apijson.Marshal(members)
}

// json returns what a rendered text stands for: itself where it is JSON, else the
// text as a JSON string. The values of labels are always texts.
func (x *setting) json(text string) json.RawMessage {
	if trimmed := strings.TrimSpace(text); json.Valid([]byte(trimmed)) && (x.path[0] != "labels" || len(x.path) == 1 || trimmed[0] == '"') {
		return json.RawMessage(trimmed)
	}
	return apijson.AppendString(nil, text)
}

// setSystem replaces the job's system instruction in a body by the text. The first parts,
// of which own are the kind's, stay.
func setSystem(body apijson.Object, text string, own int) error {
	part, err := apijson.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	var content struct {
		Parts []json.RawMessage `json:"parts"`
	}
	if old := body["systemInstruction"]; own > 0 && json.Unmarshal(old, &content) != nil {
		return fmt.Errorf("systemInstruction has no parts")
	}
	content.Parts = append(content.Parts[:min(own, len(content.Parts))], part)
	return body.Put("systemInstruction", content)
}

// ownParts returns how many parts of the system instruction in a kind's body are the
// kind's own. The job's own text is the last part.
func ownParts(s *spec.Spec, body map[string]any) int {
	if s.Raw != nil || s.Prompt != "" || apijson.Field(s.Request, "systemInstruction") != nil {
		return 0
	}
	content, _ := apijson.Field(body, "systemInstruction").(map[string]any)
	parts, _ := apijson.Field(content, "parts").([]any)
	if s.System != "" && len(parts) > 0 {
		return len(parts) - 1
	}
	return len(parts)
}

// WithSet returns a request with the value true at each path that set names, for those
// who ask what the rows' requests may have. Fields at the top level, such as tools, are left
// out. It does not change the request.
func WithSet(request map[string]any, set map[string]string) map[string]any {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		path, err := setPath(name)
		if err != nil || len(path) == 1 {
			continue
		}
		var v any = true
		for _, name := range slices.Backward(path) {
			v = map[string]any{name: v}
		}
		request = apijson.Merge(request, v.(map[string]any))
	}
	return request
}
