package apijson

// AsksFor returns whether a request sets the field at the path, to anything but
// what leaves it off.
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

// HasTool returns whether a request gives the model the tool.
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
