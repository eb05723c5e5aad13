package wire

import (
	"net/http"
	"strings"
	"testing"
)

const weatherTools = `"tools":[{"functionDeclarations":[

	{"name":"get_weather","description":"Current weather at a place","parameters":{"type":"OBJECT","required":["city","days"],"properties":{"city":{"type":"STRING"},"unit":{"type":"STRING","enum":["celsius","fahrenheit"]},"days":{"type":"INTEGER"}}}},
	{"name":"book_flight","description":"Books a flight","parametersJsonSchema":{"type":"object","properties":{"to":{"type":"string"}},"required":["to"]}},
	{"name":"ping"}]}]`

func calling(mode, allowed string) string {
	if allowed != "" {
		allowed = `,"allowedFunctionNames":[` + allowed + `]`
	}
	return weatherTools + `,"toolConfig":{"functionCallingConfig":{"mode":"` + mode + `"` + allowed + `}}`
}

func TestToolRefusals(t *testing.T) {
	tests := []struct{ name, model, more, message string }{
		{"bad name", flash, `"tools":[{"functionDeclarations":[{"name":"get weather"}]}]`, "Invalid function name"},
		{"twice", flash, `"tools":[{"functionDeclarations":[{"name":"a"},{"name":"a"}]}]`, "Duplicate function declaration found: a"},
		{"two schemas", flash, `"tools":[{"functionDeclarations":[{"name":"a","parameters":{"type":"OBJECT"},"parametersJsonSchema":{}}]}]`, "only one of parameters"},
		{"unknown tool", flash, `"tools":[{"telepathy":{}}]`, `Unknown name "telepathy" at 'tools[0]'`},
		{"unknown mode", flash, calling("SOME", ""), "FunctionCallingConfig.Mode"},
		{"allowed in auto", flash, calling("AUTO", `"ping"`), "mode is ANY"},
		{"allowed but not declared", flash, calling("ANY", `"pong"`), "is not among the declared"},
		{"search and functions", flash, `"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"a"}]}]`, "Tool use with function calling is unsupported"},
		{"the same on 3", flash3, `"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"a"}]}]`, "include_server_side_tool_invocations"},
		{"old search", flash, `"tools":[{"googleSearchRetrieval":{}}]`, "use google_search tool instead"},
		{"JSON on 2.5", flash, `"tools":[{"googleSearch":{}}],"generationConfig":{"responseMimeType":"application/json"}`, "is unsupported"},
		{"too many URLs", flash, `"tools":[{"urlContext":{}}]`, "exceeds the limit (21 > 20)"},
		{"candidates", flash, `"generationConfig":{"candidateCount":9}`, "candidate_count must be in the range [1, 8]"},
		{"candidates of 3.8", "gemini-3.8-flash", `"generationConfig":{"candidateCount":2}`, "Multiple candidates is not enabled"},
		{"logprobs alone", flash, `"generationConfig":{"logprobs":3}`, "response_logprobs is true"},
		{"logprobs out of range", flash, `"generationConfig":{"responseLogprobs":true,"logprobs":21}`, "range [0, 20]"},
	}
	urls := ""
	for i := range 21 {
		urls += " https://example.com/" + string(rune('a'+i))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, e := check(t, Google, tt.model, ask("x"+urls, tt.more))
			if e == nil || e.HTTPStatus != http.StatusBadRequest || e.status != "INVALID_ARGUMENT" || !strings.Contains(e.message, tt.message) {
				t.Errorf("%+v, want %q", e, tt.message)
			}
		})
	}
}
