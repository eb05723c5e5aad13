package sim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A toolset is a request's tools and toolConfig.
type toolset struct {
	given     bool
	functions []function
	mode      string   // AUTO, ANY, NONE, VALIDATED; AUTO when there is none
	allowed   []string // allowedFunctionNames

	search, urls, code bool
	oldSearch          bool // googleSearchRetrieval
	mixed              bool // includeServerSideToolInvocations
}

// builtIn reports whether a tool that runs at the server is among them.
func (t *toolset) builtIn() bool { return t.search || t.urls || t.code }

type function struct {
	name, description string
	schema            any  // parameters or parametersJsonSchema
	twice             bool // both
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

func parseTools(root map[string]any) toolset {
	var t toolset
	for _, v := range list(root["tools"]) {
		o, _ := v.(map[string]any)
		t.given = t.given || len(o) > 0
		t.search = t.search || o["googleSearch"] != nil || o["enterpriseWebSearch"] != nil
		t.oldSearch = t.oldSearch || o["googleSearchRetrieval"] != nil
		t.urls = t.urls || o["urlContext"] != nil
		t.code = t.code || o["codeExecution"] != nil
		for _, v := range list(o["functionDeclarations"]) {
			o, _ := v.(map[string]any)
			var f function
			f.name, _ = o["name"].(string)
			f.description, _ = o["description"].(string)
			f.schema = o["parameters"]
			if s := o["parametersJsonSchema"]; s != nil {
				f.twice = f.schema != nil
				f.schema = s
			}
			t.functions = append(t.functions, f)
		}
	}
	config, _ := root["toolConfig"].(map[string]any)
	t.mixed, _ = config["includeServerSideToolInvocations"].(bool)
	calling, _ := config["functionCallingConfig"].(map[string]any)
	t.mode, _ = calling["mode"].(string)
	t.mode = strings.ToUpper(t.mode)
	if t.mode == "" || t.mode == "MODE_UNSPECIFIED" {
		t.mode = "AUTO"
	}
	for _, v := range list(calling["allowedFunctionNames"]) {
		if s, ok := v.(string); ok {
			t.allowed = append(t.allowed, s)
		}
	}
	return t
}

var functionName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)

func (q *apiRequest) checkTools(_ Dialect, m *model) *apiError {
	t := &q.tools
	if !t.given {
		return nil
	}
	if m.speaks() || strings.HasPrefix(m.name, "gemini-2.5-flash-image") {
		return invalid("Tool use is not supported for models/%s.", m.name)
	}
	if t.oldSearch {
		return invalid("google_search_retrieval is not supported. Please use google_search tool instead.")
	}
	seen := map[string]bool{}
	for i, f := range t.functions {
		at := fmt.Sprintf("tools[0].function_declarations[%d]", i)
		switch {
		case !functionName.MatchString(f.name):
			return invalid("* GenerateContentRequest.%s.name: [Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.]\n", at)
		case seen[f.name]:
			return invalid("Duplicate function declaration found: %s", f.name)
		case f.twice:
			return invalid("* GenerateContentRequest.%s: only one of parameters and parameters_json_schema may be set.\n", at)
		}
		if _, ok := f.schema.(map[string]any); f.schema != nil && !ok {
			return errValue(at+".parameters", "message", f.schema)
		}
		seen[f.name] = true
	}
	if !slices.Contains([]string{"AUTO", "ANY", "NONE", "VALIDATED"}, t.mode) {
		return errValue("tool_config.function_calling_config.mode", "type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode", t.mode)
	}
	if len(t.allowed) > 0 && t.mode != "ANY" && t.mode != "VALIDATED" {
		return invalid("* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: allowed_function_names should only be set when the function calling mode is ANY or VALIDATED.\n")
	}
	for _, name := range t.allowed {
		if !seen[name] {
			return invalid("* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: %q is not among the declared functions.\n", name)
		}
	}
	if len(t.functions) > 0 && t.builtIn() {
		switch {
		case strings.HasPrefix(m.name, "gemini-2"):
			return invalid("Tool use with function calling is unsupported")
		case !t.mixed:
			return invalid("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.")
		}
	}
	return nil
}

// calls decides which functions the model calls. In modes AUTO and VALIDATED it
// calls the one that the text speaks of, if any, and in mode ANY always one; a
// function that the text clearly asks for is called besides.
func (t *turn) calls() []outPart {
	p, tools := t.prompt, &t.request.tools
	var names []string
	var lines strings.Builder
	byName := map[string]function{}
	for _, f := range tools.functions {
		if len(tools.allowed) > 0 && !slices.Contains(tools.allowed, f.name) {
			continue
		}
		names = append(names, f.name)
		byName[f.name] = f
		fmt.Fprintf(&lines, "%s: %s\n", f.name, strings.ReplaceAll(f.description, "\n", " "))
	}
	if len(names) == 0 || tools.mode == "NONE" || tools.mode != "ANY" && functionsSaid(t.request) != "" {
		return nil
	}
	c, text := t.sets.get(names, lines.String(), p.user)
	best, _ := c.pick(text)
	// One word of a description alone is chance.
	const sure = 1
	scores := c.scores(text)
	var called []string
	for i, name := range names {
		if i == best && (tools.mode == "ANY" || scores[i] >= sure) || scores[i] >= 2*sure || strings.Contains(p.user, name) {
			called = append(called, name)
		}
	}

	var parts []outPart
	for i, name := range called {
		call := &functionCall{Name: name, Args: json.RawMessage("{}")}
		if f := byName[name]; f.schema != nil {
			g := newGenerator(f.schema, p, t.sets)
			g.nouns = properNouns(g.subject())
			g.value(f.schema, "", 0)
			call.Args = g.buf
		}
		if !strings.HasPrefix(t.model.name, "gemini-2") {
			call.ID = token(hashText(p.user)+uint64(i), 8)
		}
		parts = append(parts, outPart{Call: call})
	}
	return parts
}

// functionsSaid returns what the functions have answered, when the conversation
// ends with that.
func functionsSaid(q *apiRequest) string {
	if len(q.contents) == 0 {
		return ""
	}
	var said []string
	for _, p := range q.contents[len(q.contents)-1].parts {
		if p.response == nil {
			continue
		}
		name, _ := p.response["name"].(string)
		text, err := json.Marshal(p.response["response"])
		if err != nil {
			continue
		}
		said = append(said, fmt.Sprintf("%s answers %s.", name, clip(string(text), echoLimit)))
	}
	return strings.Join(said, " ")
}

// properNouns returns the runs of capitalized words of a text that begin no
// sentence: the places and people that arguments are made of.
func properNouns(s string) []string {
	var found []string
	var run []string
	end := func() {
		if len(run) > 0 {
			found = append(found, strings.Join(run, " "))
		}
		run = nil
	}
	first := true
	for w := range strings.FieldsSeq(clip(s, 4000)) {
		bare := strings.TrimFunc(w, func(r rune) bool { return !isWord(r) })
		upper := bare != "" && unicode.IsUpper([]rune(bare)[0])
		if upper && !first {
			run = append(run, bare)
		} else {
			end()
		}
		if strings.TrimRight(w, ".,;:!?)\"'") != w {
			end()
		}
		first = strings.HasSuffix(w, ".") || strings.HasSuffix(w, "!") || strings.HasSuffix(w, "?") || strings.HasSuffix(w, ":")
	}
	end()
	return found
}
