package sim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// structured asks with a JSON schema and decodes the answer into v.
func structured(t *testing.T, s *Server, text, schema string, v any) string {
	t.Helper()
	body := ask(text, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":`+schema+`}`)
	answer := textOf(read(t, call(s, flash, body)))
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return answer
}

func TestLabelWithConfidence(t *testing.T) {
	s := New(Config{})
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
	structured(t, New(Config{}), "The striker scored a goal, then parliament voted on the election law.",
		`{"type":"object","properties":{"labels":{"type":"array","items":{"$ref":"#/$defs/L"}}},"$defs":{"L":{"type":"string","enum":["sport","politics","food"]}}}`, &got)
	slices.Sort(got.Labels)
	if !slices.Equal(got.Labels, []string{"politics", "sport"}) {
		t.Errorf("%v", got.Labels)
	}
}

func TestSchemaChoices(t *testing.T) {
	s := New(Config{})
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
	s := New(Config{})
	draw := func(seed string) string {
		body := ask("no figures", `"generationConfig":{"seed":`+seed+`,"responseMimeType":"application/json","responseSchema":{"type":"INTEGER","maximum":1000000,"minimum":0}}`)
		return textOf(read(t, call(s, flash, body)))
	}
	first, again, other := draw("1"), draw("1"), draw("2")
	if first != again || first == other {
		t.Errorf("seeds 1, 1 and 2: %s %s %s", first, again, other)
	}
}

// A schema that is broken at first is kept once the answer has been corrected, and
// the answer to a correction is about the text, not about the correction.
func TestBadSchemaUntilCorrected(t *testing.T) {
	s := New(Config{})
	const config = `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"label":{"type":"STRING","enum":["sport","food"]}}}}`
	first := ask("The striker scored. [[sim:badschema]]", config)
	if got := textOf(read(t, call(s, flash, first))); got != `{"label_":"sport"}` {
		t.Errorf("first answer %s", got)
	}
	turns := `{"role":"model","parts":[{"text":"{}"}]},{"role":"user","parts":[{"text":"That is not valid: food is missing. Answer again, and correctly."}]}]`
	second := strings.Replace(first, `"}]}]`, `"}]},`+turns, 1)
	if got := textOf(read(t, call(s, flash, second))); got != `{"label":"sport"}` {
		t.Errorf("corrected answer %s", got)
	}
}

func TestOldSchemas(t *testing.T) {
	s := New(Config{Dialect: YEScale, OldSchemas: true})
	for key, want := range map[string]int{"responseJsonSchema": 400, "response_json_schema": 400, "responseSchema": 200} {
		w := call(s, flash, ask("x", `"generationConfig":{"responseMimeType":"application/json","`+key+`":{"type":"string"}}`))
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), `Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config'`) {
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
}

func TestServiceTier(t *testing.T) {
	s := New(Config{})
	tests := []struct{ tier, text, want string }{
		{"flex", "hi", "flex"}, {"PRIORITY", "hi", "priority"}, {"standard", "hi", "standard"},
		{"priority", "hi [[sim:downgrade]]", "standard"}, {"flex", "hi [[sim:flexbusyx1]]", ""},
		{"flex", "hi [[sim:flexbusyx1]]", "flex"}, // the second try
	}
	for _, tt := range tests {
		w := call(s, flash, ask(tt.text, `"serviceTier":"`+tt.tier+`"`))
		if tt.want == "" {
			if w.Code != 503 {
				t.Errorf("%s %q: %d", tt.tier, tt.text, w.Code)
			}
			continue
		}
		if got := read(t, w).Usage.ServiceTier; got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.tier, tt.text, got, tt.want)
		}
	}
}
