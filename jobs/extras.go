package jobs

import (
	"github.com/genbatch/genbatch/batch"
)

// An extra is a result column that only some jobs have: those whose request asks
// for what it holds, and those that name it in columns.
type extra struct {
	resultColumn
	asked func(request map[string]any) bool // nil: only by name
}

// extras are all of them, in the order of the output's columns.
var extras = []extra{
	{resultColumn{batch.Column{Name: "thoughts"}, func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.Thoughts)
	}}, asksFor("generationConfig", "thinkingConfig", "includeThoughts")},
	{resultColumn{batch.Column{Name: "function_calls", Type: batch.JSON}, func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optionalJSON(x.answer.FunctionCalls)
	}}, hasTool("functionDeclarations")},
	{resultColumn{batch.Column{Name: "search_queries", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().SearchQueries) }}, grounded},
	{resultColumn{batch.Column{Name: "sources", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Sources) }}, grounded},
	{resultColumn{batch.Column{Name: "supports", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Supports) }}, grounded},
	{resultColumn{batch.Column{Name: "url_context", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().URLs) }}, hasTool("urlContext")},
	{resultColumn{batch.Column{Name: "code", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Code) }}, hasTool("codeExecution")},
	{resultColumn{batch.Column{Name: "candidates", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Candidates) }}, asksFor("generationConfig", "candidateCount")},
	{resultColumn{batch.Column{Name: "avg_logprobs", Type: batch.Float}, func(x *reply) any {
		if f := x.details().AvgLogprobs; f != nil {
			return *f
		}
		return nil
	}}, asksFor("generationConfig", "responseLogprobs")},
	{resultColumn{batch.Column{Name: "logprobs", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Logprobs) }}, asksFor("generationConfig", "responseLogprobs")},
	{resultColumn{batch.Column{Name: "safety_ratings", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().SafetyRatings) }}, nil},
	{resultColumn{batch.Column{Name: "citations", Type: batch.JSON}, func(x *reply) any { return optionalJSON(x.details().Citations) }}, nil},
	{resultColumn{batch.Column{Name: "finish_message"}, func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.FinishMessage)
	}}, nil},
	{resultColumn{batch.Column{Name: "service_tier"}, func(x *reply) any {
		if x.result == nil || len(x.result.Spent) == 0 {
			return nil
		}
		return optional(x.result.Spent[len(x.result.Spent)-1].Tier)
	}}, asksFor("serviceTier")},
	{resultColumn{batch.Column{Name: "note"}, func(x *reply) any { return optional(x.note) }}, nil},
}

// asksFor returns whether a request sets the field at the path, to anything but
// what leaves it off.
func asksFor(path ...string) func(map[string]any) bool {
	return func(request map[string]any) bool {
		var v any = request
		for _, name := range path {
			object, _ := v.(map[string]any)
			v = field(object, name)
		}
		return v != nil && v != false
	}
}

// hasTool returns whether a request gives the model the tool.
func hasTool(name string) func(map[string]any) bool {
	return func(request map[string]any) bool {
		tools, _ := field(request, "tools").([]any)
		for _, t := range tools {
			if tool, _ := t.(map[string]any); field(tool, name) != nil {
				return true
			}
		}
		return false
	}
}

// grounded reports whether a request has a tool whose answers name their sources.
func grounded(request map[string]any) bool {
	for _, name := range []string{"googleSearch", "googleSearchRetrieval", "googleMaps", "enterpriseWebSearch", "fileSearch", "retrieval"} {
		if hasTool(name)(request) {
			return true
		}
	}
	return false
}
