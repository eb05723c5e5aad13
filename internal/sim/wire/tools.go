package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Toolset is the tools and the toolConfig of a request.
type Toolset struct {
	given     bool // there is a tool of any kind
	Functions []Function
	Mode      string   // of function calling: AUTO, ANY, NONE or VALIDATED
	Allowed   []string // allowedFunctionNames

	Search, URLs, Code bool // googleSearch, urlContext, codeExecution
	oldSearch          bool // googleSearchRetrieval
	mixed              bool // includeServerSideToolInvocations
}

// builtIn reports whether one of the tools runs at the server.
func (t *Toolset) builtIn() bool { return t.Search || t.URLs || t.Code }

// A Function is a functionDeclaration.
type Function struct {
	Name, Description string
	Schema            any  // parameters or parametersJsonSchema
	twice             bool // both are given
}

// toolFields: https://ai.google.dev/api/caching#Tool
var (
	toolFields = message{
		"functionDeclarations": {"name": nil, "description": nil, "parameters": nil, "parametersJsonSchema": nil,
			"response": nil, "responseJsonSchema": nil, "behavior": nil},
		"googleSearch": nil, "googleSearchRetrieval": nil, "urlContext": nil, "codeExecution": nil, "googleMaps": nil,
		"fileSearch": nil, "computerUse": nil, "mcpServers": nil,
		"retrieval": nil, "enterpriseWebSearch": nil, "parallelAiSearch": nil, "exaAiSearch": nil,
	}
	toolConfigFields = message{
		"functionCallingConfig": {"mode": nil, "allowedFunctionNames": nil, "streamFunctionCallArguments": nil},
		"retrievalConfig":       nil, "includeServerSideToolInvocations": nil,
	}
)

func parseTools(root map[string]any) Toolset {
	var t Toolset
	for _, v := range List(root["tools"]) {
		o, _ := v.(map[string]any)
		t.given = t.given || len(o) > 0
		t.Search = t.Search || o["googleSearch"] != nil || o["enterpriseWebSearch"] != nil
		t.oldSearch = t.oldSearch || o["googleSearchRetrieval"] != nil
		t.URLs = t.URLs || o["urlContext"] != nil
		t.Code = t.Code || o["codeExecution"] != nil
		for _, v := range List(o["functionDeclarations"]) {
			o, _ := v.(map[string]any)
			var f Function
			f.Name, _ = o["name"].(string)
			f.Description, _ = o["description"].(string)
			f.Schema = o["parameters"]
			if s := o["parametersJsonSchema"]; s != nil {
				f.twice = f.Schema != nil
				f.Schema = s
			}
			t.Functions = append(t.Functions, f)
		}
	}
	config, _ := root["toolConfig"].(map[string]any)
	t.mixed, _ = config["includeServerSideToolInvocations"].(bool)
	calling, _ := config["functionCallingConfig"].(map[string]any)
	t.Mode, _ = calling["mode"].(string)
	t.Mode = strings.ToUpper(t.Mode)
	if t.Mode == "" || t.Mode == "MODE_UNSPECIFIED" {
		t.Mode = "AUTO"
	}
	for _, v := range List(calling["allowedFunctionNames"]) {
		if s, ok := v.(string); ok {
			t.Allowed = append(t.Allowed, s)
		}
	}
	return t
}

var functionName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)

func (q *Request) checkTools(_ Dialect, m *Model) *Error {
	t := &q.Tools
	if !t.given {
		return nil
	}
	if m.Speaks() || strings.HasPrefix(m.Name, "gemini-2.5-flash-image") {
		return Invalid("Tool use is not supported for models/%s.", m.Name)
	}
	if t.oldSearch {
		return Invalid("google_search_retrieval is not supported. Please use google_search tool instead.")
	}
	seen := map[string]bool{}
	for i, f := range t.Functions {
		at := fmt.Sprintf("tools[0].function_declarations[%d]", i)
		switch {
		case !functionName.MatchString(f.Name):
			return Invalid("* GenerateContentRequest.%s.name: [Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.]\n", at)
		case seen[f.Name]:
			return Invalid("Duplicate function declaration found: %s", f.Name)
		case f.twice:
			return Invalid("* GenerateContentRequest.%s: only one of parameters and parameters_json_schema may be set.\n", at)
		}
		if _, ok := f.Schema.(map[string]any); f.Schema != nil && !ok {
			return invalidValue(at+".parameters", "message", f.Schema)
		}
		seen[f.Name] = true
	}
	if !slices.Contains([]string{"AUTO", "ANY", "NONE", "VALIDATED"}, t.Mode) {
		return invalidValue("tool_config.function_calling_config.mode", "type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode", t.Mode)
	}
	if len(t.Allowed) > 0 && t.Mode != "ANY" && t.Mode != "VALIDATED" {
		return Invalid("* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: allowed_function_names should only be set when the function calling mode is ANY or VALIDATED.\n")
	}
	for _, name := range t.Allowed {
		if !seen[name] {
			return Invalid("* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: %q is not among the declared functions.\n", name)
		}
	}
	if len(t.Functions) > 0 && t.builtIn() {
		switch {
		case m.Before3():
			return Invalid("Tool use with function calling is unsupported")
		case !t.mixed:
			return Invalid("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.")
		}
	}
	return nil
}
