package apijson

import (
	"strings"
	"testing"
)

func TestAppendCanonical(t *testing.T) {
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc"
	for body, want := range map[string]string{
		` { } `: `{}`,
		`{"b":1, "a":[ 1.50 , -0e+1, true,null ]}`:                       `{"a":[1.50,-0e+1,true,null],"b":1}`,
		`{"generation_config":{"top_p":1,"seed":2}}`:                     `{"generationConfig":{"seed":2,"topP":1}}`,
		`{"\u0074op_p":1,"a":"\u0041\/\ud83d\ude00"}`:                    `{"a":"A/😀","topP":1}`,
		`{"a":"\u2028<&>\u0001"}`:                                        "{\"a\":\"\u2028<&>\\u0001\"}",
		"{\"\uffff\":1,\"\U0001f600\":2}":                                "{\"\U0001f600\":2,\"\uffff\":1}", // by UTF-16
		`{"labels":{"top_p":"x","a":"y"}}`:                               `{"labels":{"a":"y","top_p":"x"}}`,
		`{"x":{"args":{"top_p":{"top_k":1}}}}`:                           `{"x":{"args":{"top_p":{"top_k":1}}}}`,
		`{"properties":{"top_p":{"min_items":1}}}`:                       `{"properties":{"top_p":{"minItems":1}}}`,
		`{"inline_data":{"mime_type":"image/png","data":"YWJj"}}`:        `{"inlineData":{"data":{"sha256":"` + sum + `"},"mimeType":"image/png"}}`,
		`{"inlineData":{"data":"no base64!"}}`:                           `{"inlineData":{"data":"no base64!"}}`,
		`{"data":"YWJj"}`:                                                `{"data":"YWJj"}`,
		`{"args":{"inlineData":{"data":"YWJj"}}}`:                        `{"args":{"inlineData":{"data":"YWJj"}}}`,
		`{"inlineData":{"data":["YWJj"]},"x":[{"b":{},"a":[]}], "y":""}`: `{"inlineData":{"data":["YWJj"]},"x":[{"a":[],"b":{}}],"y":""}`,
	} {
		got, err := AppendCanonical([]byte("x"), []byte(body))
		if err != nil || string(got) != "x"+want {
			t.Errorf("%s is in canonical form\n%s, %v; want\nx%s", body, got, err, want)
		}
		again, err := AppendCanonical(nil, got[1:])
		if !strings.Contains(want, "sha256") && (err != nil || string(again) != want) {
			t.Errorf("the canonical form %s has the canonical form %s, %v", got[1:], again, err)
		}
	}
	for body, want := range map[string]string{
		``: "is a JSON object", ` []`: "is a JSON object", `{"a":1`: "not valid JSON", `{} {}`: "not valid JSON", `{"a":01}`: "not valid JSON",
		`{"topP":1,"a":2,"top_p":1}`: `the field "topP" twice`, `{"labels":{"a":1,"\u0061":2}}`: `the field "a" twice`,
	} {
		if got, err := AppendCanonical(nil, []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want %q", body, got, err, want)
		}
	}
}
