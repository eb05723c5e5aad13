package wire

import "testing"

// What is wrong with a body is told in the words of Google's parser, and never in Go's.
func TestRefusedBodies(t *testing.T) {
	const empty = "* GenerateContentRequest.contents: contents is not specified\n"
	for body, want := range map[string]string{
		"":                    empty,
		"{}":                  empty,
		`{"contents":null}`:   empty,
		`{"contents":[]}`:     empty,
		"null":                "Invalid JSON payload received. Unknown name \"\": Root element must be a message.",
		`[{}]`:                "Invalid JSON payload received. Unknown name \"\": Root element must be a message.",
		"{":                   "Invalid JSON payload received. Unexpected end of string. Expected a value.\n\n^",
		`{"contents": nil}`:   "Invalid JSON payload received. Unexpected token.\n{\"contents\": nil}\n              ^",
		`{} {}`:               "Invalid JSON payload received. Unexpected token.\n{} {}\n    ^",
		"<html>":              "Invalid JSON payload received. Unexpected token.\n<html>\n^",
		`{"contents":[null]}`: "Invalid value at 'contents[0]' (message), null",
		`{"contents":["hi"]}`: "Invalid value at 'contents[0]' (message), \"hi\"",
		`{"contents":[{}]}`:   "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n",
		`{"contents":[{"parts":[{"text":null}]}]}`:                "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one initialized field\n",
		`{"contents":[{"parts":[{"text":5}]}]}`:                   "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5",
		`{"contents":[{"role":"bot","parts":[{"text":"x"}]}]}`:    "Please use a valid role: user, model.",
		`{"contents":[{"parts":[{"txt":"x"}]}]}`:                  "Invalid JSON payload received. Unknown name \"txt\" at 'contents[0].parts[0]': Cannot find field.",
		`{"contents":[{"parts":[{"text":"x"}]}],"temperature":1}`: "Invalid JSON payload received. Unknown name \"temperature\": Cannot find field.",
	} {
		m, _ := FindModel(Google, flash3)
		q, e := ParseRequest([]byte(body), Google, false)
		if e == nil {
			e = q.Validate(Google, &m, false)
		}
		if e == nil || e.message != want || e.HTTPStatus != 400 {
			t.Errorf("%s: %+v, want %q", body, e, want)
		}
	}
}
