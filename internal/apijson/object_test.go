package apijson

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func mustParse(t *testing.T, text string) Object {
	t.Helper()
	o, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// written returns what is sent for a value.
func written(t *testing.T, v any) string {
	t.Helper()
	text, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An edit changes nothing beside it: numbers keep their digits, texts their escapes.
func TestParse(t *testing.T) {
	for text, want := range map[string][2]string{ // as Parse has it, and as ParseAsWritten has it
		`{ "top_p" : 0.50, "b":"<\u00e9>" , "a":[ 1e3 ]}`: {`{"a":[1e3],"b":"<\u00e9>","topP":0.50}`, `{"a":[1e3],"b":"<\u00e9>","top_p":0.50}`},
		`{"generation_config":{"top_p":1}}`:               {`{"generationConfig":{"top_p":1}}`, `{"generation_config":{"top_p":1}}`},
		`{"top_p":1,"topP":2}`:                            {`{"topP":1}`, `{"topP":2,"top_p":1}`},
		`{"no_field":1,"Top_p":2}`:                        {`{"Top_p":2,"no_field":1}`, `{"Top_p":2,"no_field":1}`},
		`{"a":1,"a":2}`:                                   {`{"a":2}`, `{"a":2}`},
		`null`:                                            {`{}`, `null`},
		`{}`:                                              {`{}`, `{}`},
	} {
		if got := written(t, mustParse(t, text)); got != want[0] {
			t.Errorf("%s is parsed as %s, want %s", text, got, want[0])
		}
		o, err := ParseAsWritten([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := written(t, o); got != want[1] {
			t.Errorf("%s is parsed as it is written as %s, want %s", text, got, want[1])
		}
	}
	for _, text := range []string{``, `[]`, `7`, `"{}"`, `{"a":1`, `{"a":1} x`} {
		if o, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is parsed as %v", text, o)
		}
		if o, err := ParseAsWritten([]byte(text)); err == nil {
			t.Errorf("%s is parsed as it is written as %v", text, o)
		}
	}
}

func TestObjectMembers(t *testing.T) {
	o, err := ParseAsWritten([]byte(`{"service_tier":null,"generationConfig":{"top_k":40,"seed":null},"max_output_tokens":"12","topK":1.5,"labels":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"serviceTier": true, "service_tier": false, "topK": true, "seed": false} {
		if got := o.Has(name); got != want {
			t.Errorf("Has(%q) is %t", name, got)
		}
	}
	o = o.Camel()
	for name, want := range map[string]string{"generationConfig": `{"topK":40}`, "labels": `{}`, "missing": `{}`, "serviceTier": `{}`} {
		if got := written(t, o.Object(name)); got != want {
			t.Errorf("the object %s is %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]int64{"maxOutputTokens": 12, "topK": 0, "labels": 0, "missing": 0, "serviceTier": 0} {
		if got := o.Int(name); got != want {
			t.Errorf("the integer %s is %d, want %d", name, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	for _, tt := range []struct{ body, path, value, want string }{
		{`{}`, "serviceTier", `"flex"`, `{"serviceTier":"flex"}`},
		{`{"contents":[ {"parts":[]} ]}`, "generationConfig.temperature", `0.10`, `{"contents":[{"parts":[]}],"generationConfig":{"temperature":0.10}}`},
		{`{"generation_config":{"top_p":1,"seed":null}}`, "generationConfig.topK", `1`, `{"generationConfig":{"seed":null,"topK":1,"topP":1}}`},
		{`{"generationConfig":{"top_p":1}}`, "generationConfig.topP", `2`, `{"generationConfig":{"topP":2}}`},
		{`{"generationConfig":null}`, "generationConfig.topP", `2`, `{"generationConfig":{"topP":2}}`},
		{`{"generationConfig":{"topP":1}}`, "generationConfig.topP", `null`, `{"generationConfig":{}}`},
		{`{"generationConfig":{"topP":1}}`, "generationConfig", `null`, `{}`},
		{`{}`, "generationConfig.topP", `null`, `{"generationConfig":{}}`},
		{`{"generationConfig":{"thinking_config":{"thinking_budget":1}}}`, "generationConfig.thinkingConfig.includeThoughts", `true`,
			`{"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":1}}}`},
		// Below these fields a name is the user's, however much it looks like the API's.
		{`{"labels":{"top_p":"a"}}`, "labels.top_k", `"b"`, `{"labels":{"top_k":"b","top_p":"a"}}`},
		{`{"generationConfig":{"responseSchema":{"min_items":1}}}`, "generationConfig.responseSchema.title", `"<x>"`, `{"generationConfig":{"responseSchema":{"min_items":1,"title":"<x>"}}}`},
	} {
		o := mustParse(t, tt.body)
		if err := o.Set(strings.Split(tt.path, "."), json.RawMessage(tt.value)); err != nil {
			t.Errorf("%s in %s: %v", tt.path, tt.body, err)
		} else if got := written(t, o); got != tt.want {
			t.Errorf("%s set in %s makes %s, want %s", tt.path, tt.body, got, tt.want)
		}
	}
	for _, body := range []string{`{"toolConfig":7}`, `{"toolConfig":[]}`, `{"toolConfig":{"retrievalConfig":"x"}}`} {
		o := mustParse(t, body)
		if err := o.Set([]string{"toolConfig", "retrievalConfig", "languageCode"}, json.RawMessage(`"de"`)); err == nil || !strings.Contains(err.Error(), "is no object") {
			t.Errorf("%s: %v", body, err)
		}
		if got := written(t, o); got != body {
			t.Errorf("a path that cannot be set left %s of %s", got, body)
		}
	}
}

func TestDecode(t *testing.T) {
	o := mustParse(t, `{"top_p":0.50,"a":{"b":[1e400,"x",null]}}`)
	got, err := o.Decode()
	want := map[string]any{"topP": json.Number("0.50"), "a": map[string]any{"b": []any{json.Number("1e400"), "x", nil}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded as %v, %v; want %v", got, err, want)
	}
	if _, err := (Object{"a": json.RawMessage(`{`)}).Decode(); err == nil || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("a member that is no JSON: %v", err)
	}
}

// FuzzObject holds an edit against encoding/json: what is set is there, and the rest
// has the values that it had.
func FuzzObject(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `{"contents":[{"role":"user","parts":[{"text":"<&>\u2028\ud800"}]}],"labels":{"top_p":"x"}}`, `{"a":1E400,"a":{"b":-0.0}}`,
		`{"generationConfig":{"top_p":0.10,"seed":null}}`, `{"generation_config":{"topP":[]}}`, `{"generationConfig":7}`, `{"generationConfig":`,
	} {
		f.Add([]byte(body), "generationConfig", "topP", []byte(`0.50`))
		f.Add([]byte(body), "labels", "a.b", []byte(`"<x>"`))
		f.Add([]byte(body), "generationConfig", "topP", []byte(`null`))
	}
	f.Fuzz(func(t *testing.T, body []byte, field, name string, value []byte) {
		var before map[string]json.RawMessage
		wantErr := json.Unmarshal(body, &before)
		o, err := Parse(body)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, and encoding/json says %v", body, err, wantErr)
		}
		// Other names than UTF-8 do not come out of JSON.
		if err != nil || !json.Valid(value) || !utf8.ValidString(field) || !utf8.ValidString(name) {
			return
		}
		value = bytes.TrimSpace(value)
		rest := maps.Clone(o)
		if o.Set([]string{field, name}, value) != nil {
			return
		}
		text, err := Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		after := make(map[string]any)
		decode(t, text, &after)
		inner, ok := after[field].(map[string]any)
		if !ok {
			t.Fatalf("%q has no object %q once %q is set in it: %s", body, field, name, text)
		}
		got, there := inner[name]
		var want any
		decode(t, value, &want)
		if !reflect.DeepEqual(got, want) || there != (want != nil) {
			t.Errorf("%q.%q is %v, want %v", field, name, got, want)
		}
		for key, v := range rest {
			if key == field {
				continue
			}
			var want any
			decode(t, v, &want)
			if !reflect.DeepEqual(after[key], want) {
				t.Errorf("%q is %v beside what was set, and was %v", key, after[key], want)
			}
		}
	})
}

// decode decodes JSON text with numbers as they are written.
func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}
