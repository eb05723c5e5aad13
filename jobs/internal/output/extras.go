package output

import (
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// An extra is a result column that only some jobs have. A job has it if its request asks
// for what the column holds, or if its --columns name it.
type extra struct {
	column

	// asked reports whether a request asks for the column; see askedOf. If it is nil, no
	// request does.
	asked func(request map[string]any) bool
}

// extras are all extras in the order of the output.
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

// askedOf returns the request of a job as the extras look at it: what is the same for all
// rows, what rows may set, the model, and serviceTier if the job names a tier.
func askedOf(s *spec.Spec) map[string]any {
	own := map[string]any{"model": s.Model}
	if len(s.Tier) > 0 {
		own["serviceTier"] = s.Tier[0]
	}
	return apijson.Merge(prompt.WithSet(s.Body(nil), s.Set), own)
}

// makesMedia reports whether answers are images or sounds. The request says so, or the
// model's name does: image models draw without being told.
func makesMedia(request map[string]any) bool {
	config := apijson.Config(request)
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
