package batches

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	const hello = `{"contents":[{"parts":[{"text":"Hello"}]}]}`
	for _, c := range []struct{ name, body, want, unfit string }{
		{"as it is", hello, hello, ""},
		{"on one line", "{\n \"contents\": [ {\"parts\": [{\"text\": \"a\u2028b <&>\"}]} ],\n \"generationConfig\": {\"temperature\": 0.10}\n}\n",
			"{\"contents\":[{\"parts\":[{\"text\":\"a\u2028b <&>\"}]}],\"generationConfig\":{\"temperature\":0.10}}", ""},
		{"no tier", `{"contents":[{"parts":[{"text":"Hello"}]}],"serviceTier":"flex"}`, hello, ""},
		{"no tier, in snake_case", `{"service_tier":"flex","contents":[{"parts":[{"text":"Hello"}]}]}`, hello, ""},
		{"a cache", `{"cachedContent":"cachedContents/x","contents":[{}]}`, `{"cachedContent":"cachedContents/x","contents":[{}]}`, ""},
		{"no object", `"Hello"`, "", "no JSON object"},
		{"null", `null`, "", "no JSON object"},
		{"no JSON", `{"contents":`, "", "no JSON object"},
		{"no contents", `{}`, "", "no contents"},
		{"null contents", `{"contents":null}`, "", "no contents"},
		{"empty contents", `{"contents":[ ]}`, "", "no contents"},
		{"empty system text", `{"contents":[{}],"systemInstruction":{"parts":[{"text":""}]}}`, "", "system instruction is empty"},
		{"in snake_case, as one part", `{"contents":[{}],"system_instruction":{"parts":{"text":""}}}`, "", "system instruction is empty"},
		{"a system instruction without parts", `{"contents":[{}],"systemInstruction":{"parts":[]}}`, "", "system instruction is empty"},
		{"a system text", `{"contents":[{}],"systemInstruction":{"parts":[{"text":""},{"text":"Be brief"}]}}`, `{"contents":[{}],"systemInstruction":{"parts":[{"text":""},{"text":"Be brief"}]}}`, ""},
	} {
		s, _ := newService(t, "google")
		got, err := s.Lines().Append([]byte("before\n"), "r1-é", flash, json.RawMessage(c.body))
		if c.unfit == "" {
			if want := "before\n" + `{"key":"r1-é","request":` + c.want + "}\n"; err != nil || string(got) != want {
				t.Errorf("%s: %s, %v", c.name, got, err)
			}
			continue
		}
		if u, ok := errors.AsType[*UnfitError](err); !ok || !strings.Contains(u.Reason, c.unfit) || string(got) != "before\n" {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
	}
}

// TestOneModel checks that a job has one model, which a row that is unfit does not choose.
func TestOneModel(t *testing.T) {
	s, _ := newService(t, "google")
	l := s.Lines()
	body := json.RawMessage(`{"contents":[{}]}`)
	if _, err := l.Append(nil, "r1", "other", json.RawMessage(`{}`)); err == nil {
		t.Error("no contents")
	}
	if _, err := l.Append(nil, "r2", flash, body); err != nil {
		t.Error(err)
	}
	if _, err := l.Append(nil, "r3", "other", body); err == nil || !strings.Contains(err.Error(), "the job is for the model "+flash) {
		t.Error(err)
	}
}

// TestImporter checks the rules for the lines of one job of Vertex AI. Each case is a job:
// its last row is changed as wanted or refused, and those before it are taken.
func TestImporter(t *testing.T) {
	row := func(more string) string {
		return `{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]` + more + `}`
	}
	schema := func(s string) string { return row(`,"generationConfig":{"responseJsonSchema":` + s + `}`) }
	call := func(args string) string {
		return `{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":` + args + `}}]}]}`
	}
	deep := func(levels int) string { // of objects, the request included
		return row(`,"generationConfig":` + strings.Repeat(`{"a":`, levels-1) + `1` + strings.Repeat(`}`, levels-1))
	}
	for _, c := range []struct {
		name  string
		rows  []string
		want  string // empty: the same
		unfit string
	}{
		{"a role is added", []string{`{"contents":[{"parts":[{"text":"Hello"}]}]}`}, row(""), ""},
		{"empty and null members that say nothing", []string{row(`,"generationConfig":{"temperature":null,"thinkingConfig":{}},"labels":{},"tools":null`)}, row(""), ""},
		{"arguments that are empty", []string{call(`{}`)}, `{"contents":[{"parts":[{"functionCall":{"name":"f"}}],"role":"model"}]}`, ""},
		{"an empty object among arguments", []string{call(`{"items":{}}`)}, "", "contents[].parts[].functionCall.args.items is an empty object"},
		{"a tool without options", []string{row(`,"tools":[{"googleSearch":{}}]`)}, "", "tools[].googleSearch is an empty object"},
		{"an empty object in a list", []string{row(`,"tools":[{}]`)}, "", "tools[] is an empty object"},
		{"numbers of both kinds", []string{row(`,"generationConfig":{"temperature":0}`), row(`,"generationConfig":{"temperature":0.5}`)}, "", ""},
		{"another type than before", []string{row(`,"generationConfig":{"seed":1}`), row(`,"generationConfig":{"seed":"1"}`)}, "", "generationConfig.seed is a text here and a number before"},
		{"another type within a row", []string{call(`{"list":[1,"a"]}`)}, "", "args.list[] is a text here and a number before"},
		{"a list and a text", []string{schema(`{"type":"string"}`), schema(`{"type":["string","null"]}`)}, "", "responseJsonSchema.type is a list here and a text before"},
		{"arguments that differ", []string{call(`{"x":{"y":1}}`), call(`{"x":[1]}`)}, "", "args.x is a list here and an object before"},
		{"null in a list", []string{schema(`{"enum":["a",null]}`)}, "", "enum[] is null"},
		{"a list of lists", []string{call(`{"x":[[1]]}`)}, "", "args.x is a list of lists"},
		{"a name with a space", []string{schema(`{"type":"object","properties":{"first name":{"type":"string"}}}`)}, "", `properties has the name "first name"`},
		{"a name with a dot", []string{call(`{"a.b":1}`)}, "", `has the name "a.b"`},
		{"a name in another alphabet", []string{call(`{"größe":1}`)}, "", `has the name "größe"`},
		{"a name of BigQuery's own", []string{call(`{"_table_x":1}`)}, "", `has the name "_table_x"`},
		{"a name of 300 letters", []string{call(`{"` + strings.Repeat("x", 300) + `":1}`)}, "", ""},
		{"a name of 301 letters", []string{call(`{"` + strings.Repeat("x", 301) + `":1}`)}, "", `has the name "xxx`},
		{"names that differ in case", []string{call(`{"Size":1}`), call(`{"size":1}`)}, "", "args.size is also written contents[].parts[].functionCall.args.Size"},
		{"15 levels", []string{deep(15)}, "", ""},
		{"16 levels", []string{deep(16)}, "", "is nested deeper than 15 levels"},
		{"a context cache", []string{row(`,"cached_content":"cachedContents/x"`)}, "", "takes no context cache"},

		{"references", []string{schema(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","type":"object","properties":{"home":{"$ref":"#/$defs/address","description":"where"},"items":{}},"$defs":{"address":{"type":"object","properties":{"city":{"$ref":"#/$defs/name"}}},"name":{"type":"string"}}}`)},
			"", "responseJsonSchema.properties.items is an empty object"},
		{"references, written out", []string{schema(`{"$schema":"s","type":"object","properties":{"home":{"$ref":"#/$defs/address","description":"where"}},"additionalProperties":{},"$defs":{"address":{"type":"object","properties":{"city":{"$ref":"#/$defs/name"}}},"name":{"type":"string"}}}`)},
			`{"contents":[{"parts":[{"text":"Hello"}],"role":"user"}],"generationConfig":{"responseJsonSchema":{"properties":{"home":{"description":"where","properties":{"city":{"type":"string"}},"type":"object"}},"type":"object"}}}`, ""},
		{"a property that is called $ref", []string{schema(`{"properties":{"$ref":{"type":"string"}}}`)}, "", `has the name "$ref"`},
		{"a property that is called definitions", []string{schema(`{"properties":{"definitions":{"type":"string"}}}`)}, "", ""},
		{"a tree", []string{schema(`{"$ref":"#/$defs/node","$defs":{"node":{"properties":{"left":{"$ref":"#/$defs/node"}}}}}`)}, "", "refers to itself (#/$defs/node)"},
		{"the schema itself", []string{schema(`{"properties":{"child":{"$ref":"#"}}}`)}, "", "refers to itself (#)"},
		{"a reference to nothing", []string{schema(`{"$ref":"#/$defs/x"}`)}, "", "refers to #/$defs/x, which it does not have"},
		{"a reference elsewhere", []string{schema(`{"$ref":"https://example.org/s.json"}`)}, "", "which it does not have"},
		{"the API's own form of references", []string{row(`,"generationConfig":{"responseSchema":{"ref":"#/defs/a","defs":{"a":{"type":"STRING"}}}}`)},
			row(`,"generationConfig":{"responseSchema":{"type":"STRING"}}`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newService(t, "vertex")
			l := s.Lines()
			last := len(c.rows) - 1
			for _, body := range c.rows[:last] {
				if _, err := l.Append(nil, "r0", flash, json.RawMessage(body)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := l.Append(nil, "r1", flash, json.RawMessage(c.rows[last]))
			if c.unfit != "" {
				if u, ok := errors.AsType[*UnfitError](err); !ok || !strings.Contains(u.Reason, c.unfit) || len(got) > 0 {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				c.want = c.rows[last]
			}
			if want := `{"genbatch_id":"r1","request":` + c.want + "}\n"; !same(t, string(got), want) {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// same reports whether two JSON texts mean the same.
func same(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// TestUnfitCountsForNothing checks that a row that is refused says nothing about later rows.
func TestUnfitCountsForNothing(t *testing.T) {
	s, _ := newService(t, "vertex")
	l := s.Lines()
	bad := `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"Labels":{"a":1},"zzz":{"no good":1}}`
	good := `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"labels":{"a":"1"},"zzz":[1]}`
	if _, err := l.Append(nil, "r1", flash, json.RawMessage(bad)); err == nil {
		t.Fatal("it has a name that is no column's")
	}
	for range 2 {
		if _, err := l.Append(nil, "r2", flash, json.RawMessage(good)); err != nil {
			t.Error(err)
		}
	}
}

// TestReferencesWithoutEnd checks that definitions which double at each step are refused
// before they fill the memory.
func TestReferencesWithoutEnd(t *testing.T) {
	var defs []string
	for i := range 40 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"properties":{"a":{"$ref":"#/$defs/d%d"},"b":{"$ref":"#/$defs/d%d"}}}`, i, i+1, i+1))
	}
	body := `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseJsonSchema":{"$ref":"#/$defs/d0","$defs":{` + strings.Join(defs, ",") + `,"d40":{"type":"string"}}}}}`
	s, _ := newService(t, "vertex")
	if _, err := s.Lines().Append(nil, "r1", flash, json.RawMessage(body)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
}
