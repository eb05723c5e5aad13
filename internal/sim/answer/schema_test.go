package answer

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// structured asks with a JSON schema and decodes the answer into v.
func structured(t *testing.T, s *Classifiers, text, schema string, v any) string {
	t.Helper()
	body := ask(text, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":`+schema+`}`)
	answer := textOf(answerTo(t, s, flash, body))
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return answer
}

func TestLabelWithConfidence(t *testing.T) {
	s := new(Classifiers)
	const text = "The striker scored two goals before half time."
	for name, confidence := range map[string]string{
		"free": `{"type":"number"}`, "bounded": `{"type":"number","minimum":0,"maximum":1}`,
	} {
		var got struct {
			Label      string
			Confidence float64
			Rationale  string
		}
		structured(t, s, text, `{"type":"object","properties":{"label":{"enum":["sport","politics","food"]},"confidence":`+confidence+`,"rationale":{"type":"string"}}}`, &got)
		if got.Label != "sport" || got.Confidence <= 0.5 || got.Confidence > 1 || got.Rationale == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLabelSubset(t *testing.T) {
	var got struct{ Labels []string }
	structured(t, new(Classifiers), "The striker scored a goal, then parliament voted on the election law.",
		`{"type":"object","properties":{"labels":{"type":"array","items":{"$ref":"#/$defs/L"}}},"$defs":{"L":{"type":"string","enum":["sport","politics","food"]}}}`, &got)
	slices.Sort(got.Labels)
	if !slices.Equal(got.Labels, []string{"politics", "sport"}) {
		t.Errorf("%v", got.Labels)
	}
}

// Each label of an object is classified by itself, and has a confidence of its own.
func TestSeveralLabels(t *testing.T) {
	var got struct {
		Topic, Tone                                          string
		Topic_confidence, Fields_confidence, Tone_confidence float64
		Fields                                               []string
	}
	number := `{"type":"NUMBER","minimum":0,"maximum":1}`
	structured(t, new(Classifiers), "The striker scored a great goal, and parliament voted on it. A great day, and a great goal!",
		`{"type":"OBJECT","properties":{"topic":{"type":"STRING","enum":["sport","food"]},"topic_confidence":`+number+`,
			"fields":{"type":"ARRAY","items":{"type":"STRING","enum":["sport","politics","food"]}},"fields_confidence":`+number+`,
			"tone":{"type":"STRING","enum":["great","bad","plain"]},"tone_confidence":`+number+`},
			"propertyOrdering":["topic","topic_confidence","fields","fields_confidence","tone","tone_confidence"]}`, &got)
	slices.Sort(got.Fields)
	if got.Topic != "sport" || got.Tone != "great" || !slices.Equal(got.Fields, []string{"politics", "sport"}) {
		t.Errorf("%+v", got)
	}
	if got.Topic_confidence <= 0.5 || got.Fields_confidence != 0.5 || got.Tone_confidence <= 0.5 || got.Tone_confidence == got.Topic_confidence {
		t.Errorf("the confidences are %+v", got)
	}
}

func TestSchemaChoices(t *testing.T) {
	s := new(Classifiers)
	var union struct{ Pet map[string]any }
	structured(t, s, "Tell me about a dog that barks at 7.", `{"type":"object","properties":{"pet":{"oneOf":[
		{"type":"object","properties":{"kind":{"const":"cat"},"meow":{"type":"integer"}}},
		{"type":"object","properties":{"kind":{"const":"dog"},"bark":{"type":"integer"}}}]}}}`, &union)
	if union.Pet["kind"] != "dog" || union.Pet["bark"] != 7.0 {
		t.Errorf("%v", union.Pet)
	}
	for text, want := range map[string]string{"It costs 12 euros.": "12", "It costs nothing.": "null"} {
		for _, schema := range []string{`{"type":"integer","nullable":true}`, `{"type":["integer","null"]}`, `{"anyOf":[{"type":"integer"},{"type":"null"}]}`} {
			var v any
			if got := structured(t, s, text, schema, &v); got != want {
				t.Errorf("%s of %q: %s, want %s", schema, text, got, want)
			}
		}
	}
	for _, pattern := range []string{`^[A-Z]{2}-\d{4}$`, `^(red|green)$`, `^\w+@\w+\.com$`, `^[^,]+$`, `^a?b*c+.$`} {
		var v string
		structured(t, s, "x", `{"type":"string","pattern":`+quote(pattern)+`}`, &v)
		if !regexp.MustCompile(pattern).MatchString(v) {
			t.Errorf("%q does not match %s", v, pattern)
		}
	}
}

func TestSeed(t *testing.T) {
	s := new(Classifiers)
	draw := func(seed string) string {
		body := ask("no figures", `"generationConfig":{"seed":`+seed+`,"responseMimeType":"application/json","responseSchema":{"type":"INTEGER","maximum":1000000,"minimum":0}}`)
		return textOf(answerTo(t, s, flash, body))
	}
	first, again, other := draw("1"), draw("1"), draw("2")
	if first != again || first == other {
		t.Errorf("seeds 1, 1 and 2: %s %s %s", first, again, other)
	}
}

// satisfies is a small validator of the keywords that the API knows, written
// apart from the generator so that one checks the other.
func satisfies(v, schema, root any, at string) error {
	o, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := o["$ref"].(string); ok {
		target := root
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			target = target.(map[string]any)[step]
		}
		return satisfies(v, target, root, at)
	}
	if options, ok := o["anyOf"].([]any); ok {
		var err error
		for _, option := range options {
			if err = satisfies(v, option, root, at); err == nil {
				return nil
			}
		}
		return err
	}
	if enum, ok := o["enum"].([]any); ok {
		for _, e := range enum {
			if fmt.Sprint(e) == fmt.Sprint(v) {
				return nil
			}
		}
		return fmt.Errorf("%s: %v is not in %v", at, v, enum)
	}
	num := func(key string, def float64) float64 {
		if n, ok := o[key].(float64); ok {
			return n
		}
		return def
	}
	types := wire.List(o["type"])
	kind := ""
	if len(types) > 0 {
		kind = strings.ToLower(types[0].(string))
	}
	switch v := v.(type) {
	case map[string]any:
		if kind != "object" {
			return fmt.Errorf("%s: an object where %s belongs", at, kind)
		}
		for _, name := range wire.List(o["required"]) {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Errorf("%s: no %s", at, name)
			}
		}
		properties, _ := o["properties"].(map[string]any)
		for name, inner := range v {
			if err := satisfies(inner, properties[name], root, at+"."+name); err != nil {
				return err
			}
		}
	case []any:
		if n := float64(len(v)); kind != "array" || n < num("minItems", 0) || n > num("maxItems", math.Inf(1)) {
			return fmt.Errorf("%s: an array of %d", at, len(v))
		}
		for i, item := range v {
			if err := satisfies(item, o["items"], root, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case float64:
		if kind != "number" && (kind != "integer" || v != math.Trunc(v)) || v < num("minimum", math.Inf(-1)) || v > num("maximum", math.Inf(1)) {
			return fmt.Errorf("%s: number %v", at, v)
		}
		if v <= num("exclusiveMinimum", math.Inf(-1)) || v >= num("exclusiveMaximum", math.Inf(1)) || math.Mod(v, num("multipleOf", v)) != 0 && v != 0 {
			return fmt.Errorf("%s: number %v", at, v)
		}
	case string:
		if n := float64(utf8.RuneCountInString(v)); kind != "string" || n < num("minLength", 0) || n > num("maxLength", math.Inf(1)) || n == 0 {
			return fmt.Errorf("%s: string %q where %s belongs", at, v, kind)
		}
	case bool:
		if kind != "boolean" {
			return fmt.Errorf("%s: a boolean", at)
		}
	case nil:
		if kind != "null" {
			return fmt.Errorf("%s: null", at)
		}
	}
	return nil
}

func TestSchemaInstances(t *testing.T) {
	schemas := map[string]string{
		"nested": `{"type":"OBJECT","required":["name","address"],"properties":{"name":{"type":"STRING"},
			"address":{"type":"OBJECT","required":["city"],"properties":{"city":{"type":"STRING"},"zip":{"type":"STRING","maxLength":5,"minLength":5}}},
			"tags":{"type":"ARRAY","minItems":"2","items":{"type":"STRING"}},"ok":{"type":"BOOLEAN"}}}`,
		"numbers": `{"type":"object","required":["a","b","c","d","e","f"],"properties":{
			"a":{"type":"integer","minimum":3,"maximum":3},"b":{"type":"number","minimum":0.5,"maximum":0.75},
			"c":{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":2},"d":{"type":"integer","multipleOf":7,"minimum":10,"maximum":20},
			"e":{"type":"number"},"f":{"type":"integer","maximum":-5}}}`,
		"enum of integers": `{"type":"object","required":["p"],"properties":{"p":{"type":"integer","enum":[1,2,3]}}}`,
		"references": `{"type":"object","required":["pet","pets"],"properties":{"pet":{"$ref":"#/$defs/Pet"},"pets":{"type":"array","minItems":1,"maxItems":2,"items":{"$ref":"#/$defs/Pet"}}},
			"$defs":{"Pet":{"type":"object","required":["kind"],"properties":{"kind":{"type":"string","enum":["cat","dog"]},"age":{"type":"integer","minimum":0}}}}}`,
		"anyOf":        `{"type":"object","required":["x","y"],"properties":{"x":{"anyOf":[{"type":"null"},{"type":"integer"}]},"y":{"anyOf":[{"type":"string"},{"type":"null"}]}}}`,
		"recursive":    `{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"next":{"$ref":"#"},"all":{"type":"array","items":{"$ref":"#"}}}}`,
		"array on top": `{"type":"array","minItems":3,"maxItems":3,"items":{"type":"object","required":["n"],"properties":{"n":{"type":"number"}}}}`,
		"nullable":     `{"type":"object","required":["s"],"properties":{"s":{"type":["string","null"]}}}`,
	}
	for name, schema := range schemas {
		t.Run(name, func(t *testing.T) {
			var root any
			if err := json.Unmarshal([]byte(schema), &root); err != nil {
				t.Fatal(err)
			}
			if name == "recursive" { // the test's own walk knows paths, not "#" alone
				schema = strings.ReplaceAll(schema, `"#"`, `"#/$defs/Node"`)
				schema = `{"$ref":"#/$defs/Node","$defs":{"Node":` + schema + `}}`
				_ = json.Unmarshal([]byte(schema), &root)
			}
			if name == "nested" {
				root.(map[string]any)["properties"].(map[string]any)["tags"].(map[string]any)["minItems"] = 2.0
			}
			s := new(Classifiers)
			for i := range 20 {
				body := ask(fmt.Sprintf("Order %d from Anna in Hamburg costs 12.50 and has 4 items.", i), `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":`+schema+`}`)
				text := textOf(answerTo(t, s, flash, body))
				var v any
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					t.Fatalf("%v in %s", err, text)
				}
				if err := satisfies(v, root, root, "$"); err != nil {
					t.Fatalf("%v in %s", err, text)
				}
			}
		})
	}
}

func TestSchemaThatNeverEnds(t *testing.T) {
	for name, properties := range map[string]string{
		"one":  `"required":["a"],"properties":{"a":{"$ref":"#"}}`,
		"two":  `"required":["a","b"],"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}`,
		"loop": `"anyOf":[{"$ref":"#"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			body := ask("x", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT",`+properties+`}}`)
			text := textOf(answerTo(t, new(Classifiers), flash, body))
			if !json.Valid([]byte(text)) || len(text) > 4<<20 {
				t.Errorf("%d bytes: %.200s", len(text), text)
			}
		})
	}
}

func TestPropertyOrdering(t *testing.T) {
	body := ask("x", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","propertyOrdering":["z","a"],"properties":{"a":{"type":"NULL"},"m":{"type":"NULL"},"z":{"type":"NULL"}}}}`)
	if got, want := textOf(answerTo(t, new(Classifiers), flash, body)), `{"z":null,"a":null,"m":null}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
