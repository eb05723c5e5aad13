package apijson

// Field returns a member of an API object by its camelCase name, in whichever spelling it
// stands there. It returns nil when the member is missing.
func Field(object map[string]any, name string) any {
	for key, v := range object {
		if FieldName(key) == name {
			return v
		}
	}
	return nil
}

// Config returns the generationConfig of a request. It is nil when there is none.
func Config(request map[string]any) map[string]any {
	config, _ := Field(request, "generationConfig").(map[string]any)
	return config
}

// Merge lays the members of over onto base: objects member by member, everything
// else as a whole. Names are compared in the API's camelCase. It changes neither.
func Merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for name, v := range base {
		out[FieldName(name)] = v
	}
	for name, v := range over {
		name = FieldName(name)
		old, ok1 := out[name].(map[string]any)
		m, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = Merge(old, m)
		}
		out[name] = v
	}
	return out
}

// TextContent returns a content that has one text part. An empty role is left out.
func TextContent(role string, text any) map[string]any {
	content := map[string]any{"parts": []any{map[string]any{"text": text}}}
	if role != "" {
		content["role"] = role
	}
	return content
}

// AsksFor returns a function that reports whether a request sets the field at the path.
// The values null and false do not count, since they leave off what the field stands for.
func AsksFor(path ...string) func(request map[string]any) bool {
	return func(request map[string]any) bool {
		var v any = request
		for _, name := range path {
			object, _ := v.(map[string]any)
			v = Field(object, name)
		}
		return v != nil && v != false
	}
}

// HasTool returns a function that reports whether a request gives the model the tool.
func HasTool(name string) func(request map[string]any) bool {
	return func(request map[string]any) bool {
		tools, _ := Field(request, "tools").([]any)
		for _, t := range tools {
			if tool, _ := t.(map[string]any); Field(tool, name) != nil {
				return true
			}
		}
		return false
	}
}

// Grounded reports whether a request has a tool whose answers name their sources.
func Grounded(request map[string]any) bool {
	for _, name := range []string{"googleSearch", "googleSearchRetrieval", "googleMaps", "enterpriseWebSearch", "fileSearch", "retrieval"} {
		if HasTool(name)(request) {
			return true
		}
	}
	return false
}
