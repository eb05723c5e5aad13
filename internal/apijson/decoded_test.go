package apijson

import (
	"reflect"
	"testing"
)

func TestField(t *testing.T) {
	object := map[string]any{"top_p": 1, "topK": 2, "seed": nil, "no_field": 3}
	for name, want := range map[string]any{"topP": 1, "topK": 2, "top_p": nil, "seed": nil, "missing": nil, "no_field": 3} {
		if got := Field(object, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := Field(nil, "topP"); got != nil {
		t.Errorf("a missing object has the field %v", got)
	}
}

func TestMerge(t *testing.T) {
	type object = map[string]any
	for _, tt := range []struct{ base, over, want object }{
		{nil, nil, object{}},
		{object{"top_p": 1}, nil, object{"topP": 1}},
		{object{"topP": 1, "seed": 2}, object{"top_p": 3}, object{"topP": 3, "seed": 2}},
		{object{"generation_config": object{"top_p": 1, "seed": 2}}, object{"generationConfig": object{"topP": 3}}, object{"generationConfig": object{"topP": 3, "seed": 2}}},
		{object{"a": object{"b": 1}}, object{"a": []any{1}}, object{"a": []any{1}}},
		{object{"a": 1}, object{"a": object{"top_p": 1}}, object{"a": object{"top_p": 1}}},
		{object{"a": object{"b": 1}}, object{"a": nil}, object{"a": nil}},
	} {
		got := Merge(tt.base, tt.over)
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v over %v is %v, want %v", tt.over, tt.base, got, tt.want)
		}
	}
	base, over := object{"a": object{"b": 1}}, object{"a": object{"c": 2}}
	Merge(base, over)
	if !reflect.DeepEqual(base, object{"a": object{"b": 1}}) || !reflect.DeepEqual(over, object{"a": object{"c": 2}}) {
		t.Errorf("merging changed %v or %v", base, over)
	}
}

func TestTextContent(t *testing.T) {
	for role, want := range map[string]string{"": `{"parts":[{"text":"<a>"}]}`, "user": `{"parts":[{"text":"<a>"}],"role":"user"}`} {
		if got := written(t, TextContent(role, "<a>")); got != want {
			t.Errorf("the content of %q is %s, want %s", role, got, want)
		}
	}
}

func TestAsks(t *testing.T) {
	thoughts := AsksFor("generationConfig", "thinkingConfig", "includeThoughts")
	for _, tt := range []struct {
		request                      string
		thoughts, functions, sources bool
	}{
		{`{}`, false, false, false},
		{`{"generation_config":{"thinking_config":{"include_thoughts":true}}}`, true, false, false},
		{`{"generationConfig":{"thinkingConfig":{"includeThoughts":false}}}`, false, false, false},
		{`{"generationConfig":{"thinkingConfig":null}}`, false, false, false},
		{`{"generationConfig":7,"tools":7}`, false, false, false},
		{`{"tools":[{"google_search":{}},{"function_declarations":[]}]}`, false, true, true},
		{`{"tools":["x",{"googleMaps":{}}]}`, false, false, true},
		{`{"tools":{"googleMaps":{}}}`, false, false, false},
	} {
		request, err := mustParse(t, tt.request).Decode()
		if err != nil {
			t.Fatal(err)
		}
		if thoughts(request) != tt.thoughts || HasTool("functionDeclarations")(request) != tt.functions || Grounded(request) != tt.sources {
			t.Errorf("%s asks for thoughts: %t, functions: %t, sources: %t", tt.request, thoughts(request), HasTool("functionDeclarations")(request), Grounded(request))
		}
	}
}
