package jobs

import (
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// An extra is a result column that only some jobs have: those whose request asks
// for what it holds, and those that name it in columns.
type extra struct {
	resultColumn
	// asked reports whether the job's request asks for it; see askedOf. nil: only its
	// name in columns does.
	asked func(request map[string]any) bool
}

// extras are all of them, in the order of the output's columns.
var extras = []extra{
	{resultColumn{Column: batch.Column{Name: "thoughts"}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.Thoughts)
	}}, asksFor("generationConfig", "thinkingConfig", "includeThoughts")},
	{resultColumn{Column: batch.Column{Name: "files", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.paths) }, files: true}, makesMedia},
	{resultColumn{Column: batch.Column{Name: "function_calls", Type: batch.JSON}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optionalJSON(x.answer.FunctionCalls)
	}}, hasTool("functionDeclarations")},
	{resultColumn{Column: batch.Column{Name: "search_queries", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().SearchQueries) }}, grounded},
	{resultColumn{Column: batch.Column{Name: "sources", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Sources) }}, grounded},
	{resultColumn{Column: batch.Column{Name: "supports", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Supports) }}, grounded},
	{resultColumn{Column: batch.Column{Name: "url_context", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().URLs) }}, hasTool("urlContext")},
	{resultColumn{Column: batch.Column{Name: "code", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Code) }}, hasTool("codeExecution")},
	{resultColumn{Column: batch.Column{Name: "candidates", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Candidates) }}, asksFor("generationConfig", "candidateCount")},
	{resultColumn{Column: batch.Column{Name: "avg_logprobs", Type: batch.Float}, value: func(x *reply) any {
		if f := x.details().AvgLogprobs; f != nil {
			return *f
		}
		return nil
	}}, asksFor("generationConfig", "responseLogprobs")},
	{resultColumn{Column: batch.Column{Name: "logprobs", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Logprobs) }}, asksFor("generationConfig", "responseLogprobs")},
	{resultColumn{Column: batch.Column{Name: "safety_ratings", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().SafetyRatings) }}, nil},
	{resultColumn{Column: batch.Column{Name: "citations", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Citations) }}, nil},
	{resultColumn{Column: batch.Column{Name: "finish_message"}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.FinishMessage)
	}}, nil},
	{resultColumn{Column: batch.Column{Name: "service_tier"}, value: func(x *reply) any {
		if x.result == nil || len(x.result.Spent) == 0 {
			return nil
		}
		return optional(x.result.Spent[len(x.result.Spent)-1].Tier)
	}}, asksFor("serviceTier")},
	{resultColumn{Column: batch.Column{Name: "note"}, value: func(x *reply) any { return optional(x.note) }}, nil},
}

// askedOf returns what a job asks of each row, as far as the job itself says: its
// request with the model and, where a tier is named, with serviceTier.
func askedOf(s *Spec) map[string]any {
	own := map[string]any{"model": s.Model}
	if len(s.Tier) > 0 {
		own["serviceTier"] = s.Tier[0]
	}
	return merge(withSet(s.body(nil), s.Set), own)
}

// makesMedia reports whether the answers are images or sounds: the request says so,
// or the model's name, as image models draw without being told.
func makesMedia(request map[string]any) bool {
	config, _ := field(request, "generationConfig").(map[string]any)
	modalities, _ := field(config, "responseModalities").([]any)
	for _, m := range modalities {
		if name, _ := m.(string); strings.EqualFold(name, "IMAGE") || strings.EqualFold(name, "AUDIO") {
			return true
		}
	}
	model, _ := field(request, "model").(string)
	for word := range strings.SplitSeq(model, "-") {
		if word == "image" || word == "tts" {
			return true
		}
	}
	return false
}

// asksFor returns whether a request sets the field at the path, to anything but
// what leaves it off.
func asksFor(path ...string) func(request map[string]any) bool {
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
func hasTool(name string) func(request map[string]any) bool {
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
