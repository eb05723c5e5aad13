package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

func TestOpenAPISchema(t *testing.T) {
	for text, want := range map[string]string{
		jobtest.InvoiceSchema: `{"type":"OBJECT","required":["vendor"],"propertyOrdering":["vendor","total","count","paid","kind","due","items"],"properties":{
			"vendor":{"type":"STRING"},"total":{"type":"NUMBER"},"count":{"type":"INTEGER","nullable":true},"paid":{"type":"BOOLEAN"},
			"kind":{"type":"STRING","format":"enum","enum":["invoice","receipt"]},"due":{"type":"STRING"},
			"items":{"type":"ARRAY","items":{"type":"OBJECT","properties":{"price":{"type":"NUMBER"}},"propertyOrdering":["price"],"required":["price"]}}}}`,
		`{"type":"string","const":"x","description":"d","$comment":"c"}`: `{"type":"STRING","format":"enum","enum":["x"],"description":"d"}`,
		`{"enum":["a",null]}`:                   `{"type":"STRING","format":"enum","enum":["a"],"nullable":true}`,
		`{"enum":[1,2],"description":"Stars."}`: `{"type":"INTEGER","description":"Stars. One of: 1, 2."}`,
		`{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10,"multipleOf":2}`:                              `{"type":"INTEGER","minimum":1,"maximum":9}`,
		`{"type":"number","exclusiveMinimum":0.5,"format":"double"}`:                                                `{"type":"NUMBER","minimum":0.5,"format":"double"}`,
		`{"type":["integer","number","null"]}`:                                                                      `{"type":"NUMBER","nullable":true}`,
		`{"type":["string","boolean","null"],"maxLength":5}`:                                                        `{"nullable":true,"anyOf":[{"type":"BOOLEAN","maxLength":5},{"type":"STRING","maxLength":5}]}`,
		`{"anyOf":[{"type":"string"},{"type":"null"}],"description":"d"}`:                                           `{"type":"STRING","nullable":true,"description":"d"}`,
		`{"oneOf":[{"type":"string"},{"type":"integer"}]}`:                                                          `{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}`,
		`{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"string"}},"propertyOrdering":["a","b"]}`: `{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"STRING"}},"propertyOrdering":["a","b"]}`,
		`{"type":"null"}`: `{"type":"NULL"}`,
		`{"type":"array","prefixItems":[{"type":"string"},{"type":"number"},{"type":"string"}],"items":false}`: `{"type":"ARRAY","maxItems":3,"items":{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}}`,
		`{"type":"object","required":["a","gone"],"properties":{"a":{"$ref":"#/$defs/x","description":"own"},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string","description":"shared"}}}`: `{"type":"OBJECT","required":["a"],"propertyOrdering":["a","b"],"properties":{
			"a":{"type":"STRING","description":"own"},"b":{"type":"STRING","description":"shared"}}}`,
		`{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"b":{"type":"string"}},"required":["b"]}],"title":"t","$defs":{"base":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}}`: `{"type":"OBJECT","title":"t",
			"properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"propertyOrdering":["a","b"],"required":["a","b"]}`,
	} {
		got, err := OpenAPI([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		jobtest.SameJSON(t, string(got), want)
	}
	bomb := `{"$ref":"#/$defs/a0","$defs":{"a20":{"type":"string"}`
	for i := range 20 {
		bomb += fmt.Sprintf(`,"a%d":{"type":"object","properties":{"x":{"$ref":"#/$defs/a%d"},"y":{"$ref":"#/$defs/a%d"}}}`, i, i+1, i+1)
	}
	for text, want := range map[string]string{
		bomb + "}}": "more than 10000 parts",
		`{"properties":[],"allOf":[{"properties":7}]}`:                                                      "/allOf/0/properties",
		`{"properties":{"a":{}},"allOf":[{"properties":7}]}`:                                                "/properties/a has no type",
		`{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}}}`:                     "the top level refers to itself",
		`{"type":"object","properties":{"a":{"type":"object","properties":{"b":true}}}}`:                    "/properties/a/properties/b allows anything",
		`{"type":"object","properties":{"map":{"type":"object","additionalProperties":{"type":"number"}}}}`: "/properties/map is an object without properties",
		`{"type":"array"}`:                                          "the top level does not say what its items are",
		`{"properties":{"a":{"description":"x"}}}`:                  "/properties/a has no type",
		`{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}`: "#/nowhere at /properties/a",
		`{"allOf":[{"type":"string"},{"type":"number"}]}`:           "/allOf/1/type",
	} {
		if got, err := OpenAPI([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %s, %v; want %q", text, got, err, want)
		}
	}
}
