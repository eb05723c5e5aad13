package output

import (
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// An extra is a result column that only some jobs have: those whose request asks
// for what it holds, and those that name it in columns.
type extra struct {
	column
	// asked reports whether the job's request asks for it; see askedOf. nil: only its
	// name in columns does.
	asked func(request map[string]any) bool
}

// extras are all of them, in the order of the output's columns.
var extras = []extra{
	{column{Column: batch.Column{Name: "thoughts"}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.Thoughts)
	}}, apijson.AsksFor("generationConfig", "thinkingConfig", "includeThoughts")},
	{column{Column: batch.Column{Name: "files", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.paths) }, files: true}, makesMedia},
	{column{Column: batch.Column{Name: "function_calls", Type: batch.JSON}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optionalJSON(x.answer.FunctionCalls)
	}}, apijson.HasTool("functionDeclarations")},
	{column{Column: batch.Column{Name: "search_queries", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().SearchQueries) }}, apijson.Grounded},
	{column{Column: batch.Column{Name: "sources", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Sources) }}, apijson.Grounded},
	{column{Column: batch.Column{Name: "supports", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Supports) }}, apijson.Grounded},
	{column{Column: batch.Column{Name: "url_context", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().URLs) }}, apijson.HasTool("urlContext")},
	{column{Column: batch.Column{Name: "code", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Code) }}, apijson.HasTool("codeExecution")},
	{column{Column: batch.Column{Name: "candidates", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Candidates) }}, apijson.AsksFor("generationConfig", "candidateCount")},
	{column{Column: batch.Column{Name: "avg_logprobs", Type: batch.Float}, value: func(x *reply) any {
		if f := x.details().AvgLogprobs; f != nil {
			return *f
		}
		return nil
	}}, apijson.AsksFor("generationConfig", "responseLogprobs")},
	{column{Column: batch.Column{Name: "logprobs", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Logprobs) }}, apijson.AsksFor("generationConfig", "responseLogprobs")},
	{column{Column: batch.Column{Name: "safety_ratings", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().SafetyRatings) }}, nil},
	{column{Column: batch.Column{Name: "citations", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.details().Citations) }}, nil},
	{column{Column: batch.Column{Name: "finish_message"}, value: func(x *reply) any {
		if x.answer == nil {
			return nil
		}
		return optional(x.answer.FinishMessage)
	}}, nil},
	{column{Column: batch.Column{Name: "service_tier"}, value: func(x *reply) any {
		if x.result == nil || len(x.result.Spent) == 0 {
			return nil
		}
		return optional(x.result.Spent[len(x.result.Spent)-1].Tier)
	}}, apijson.AsksFor("serviceTier")},
	{column{Column: batch.Column{Name: "note"}, value: func(x *reply) any { return optional(x.note) }}, nil},
}

// askedOf returns what a job asks of each row, as far as the job itself says: its
// request with the model and, where a tier is named, with serviceTier.
func askedOf(s *spec.Spec) map[string]any {
	own := map[string]any{"model": s.Model}
	if len(s.Tier) > 0 {
		own["serviceTier"] = s.Tier[0]
	}
	return apijson.Merge(prompt.WithSet(s.Body(nil), s.Set), own)
}

// makesMedia reports whether the answers are images or sounds: the request says so,
// or the model's name, as image models draw without being told.
func makesMedia(request map[string]any) bool {
	config, _ := apijson.Field(request, "generationConfig").(map[string]any)
	modalities, _ := apijson.Field(config, "responseModalities").([]any)
	for _, m := range modalities {
		if name, _ := m.(string); strings.EqualFold(name, "IMAGE") || strings.EqualFold(name, "AUDIO") {
			return true
		}
	}
	model, _ := apijson.Field(request, "model").(string)
	for word := range strings.SplitSeq(model, "-") {
		if word == "image" || word == "tts" {
			return true
		}
	}
	return false
}
