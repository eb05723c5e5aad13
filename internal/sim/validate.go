package sim

import (
	"net/http"
	"slices"
	"strings"
)

// unaryLimit is the most output that gemini-4-argon gives without streaming.
const unaryLimit = 32768

// validate refuses what the API refuses, in its words where they are known.
func (q *apiRequest) validate(d Dialect, m *model, stream bool) *apiError {
	if d.gateway() && len(q.contents) == 0 {
		return gatewayError(http.StatusInternalServerError, "invalid_request", "contents is required")
	}
	for _, check := range []func(Dialect, *model) *apiError{q.checkContents, q.checkMedia, q.checkSafety, q.checkConfig, q.checkThinking, q.checkTools, q.checkURLs, q.checkModalities, q.checkSpeech, q.checkCandidates} {
		if e := check(d, m); e != nil {
			return e
		}
	}
	switch {
	case q.cached != "":
		return errorf(http.StatusForbidden, "PERMISSION_DENIED", "CachedContent not found (or permission denied)")
	case !stream && q.maxOutput > unaryLimit && strings.HasPrefix(m.name, "gemini-4-argon"):
		return invalid("max_output_tokens must not exceed %d for this model in unary calls. Use streamGenerateContent for longer outputs.", unaryLimit)
	case q.tier != "" && !slices.Contains([]string{"standard", "flex", "priority", "unspecified"}, q.tierName()):
		return errValue("service_tier", "type.googleapis.com/google.ai.generativelanguage.v1beta.ServiceTier", q.tier)
	}
	return nil
}

// tierName is the serviceTier without the prefix of the enum's full names.
func (q *apiRequest) tierName() string { return strings.TrimPrefix(q.tier, "service_tier_") }

func (q *apiRequest) checkContents(d Dialect, _ *model) *apiError {
	if len(q.contents) == 0 {
		return invalid("* GenerateContentRequest.contents: contents is not specified\n")
	}
	for i, c := range q.contents {
		if c.role != "user" && c.role != "model" && c.role != "function" && (c.role != "" || d == Vertex) {
			return invalid("Please use a valid role: user, model.")
		}
		if len(c.parts) == 0 {
			return invalid("* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.\n", i)
		}
		for j, p := range c.parts {
			if p.empty {
				return invalid("* GenerateContentRequest.contents[%d].parts[%d].data: required oneof field 'data' must have one initialized field\n", i, j)
			}
		}
	}
	return nil
}

func (q *apiRequest) checkConfig(_ Dialect, m *model) *apiError {
	if t, ok := number(q.config["temperature"]); ok && (t < 0 || t > 2) {
		return invalid("* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n")
	}
	if p, ok := number(q.config["topP"]); ok && (p < 0 || p > 1) {
		return invalid("* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].\n")
	}
	if len(q.stop) > 5 {
		return invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed.\n")
	}
	switch q.mime {
	case "", "text/plain", "application/json", "text/x.enum":
	default:
		return invalid("* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n")
	}
	if q.config["responseSchema"] != nil && (q.config["responseJsonSchema"] != nil || q.config["_responseJsonSchema"] != nil) {
		return invalid("* GenerateContentRequest.generation_config: only one of response_schema and response_json_schema may be set.\n")
	}
	if q.schema != nil {
		if q.mime != "application/json" && q.mime != "text/x.enum" {
			return invalid("* GenerateContentRequest.generation_config.response_schema: only allowed with response_mime_type application/json or text/x.enum.\n")
		}
		if _, ok := q.schema.(map[string]any); !ok {
			return errValue("generation_config.response_schema", "message", q.schema)
		}
	}
	if q.mime == "text/x.enum" && len(enumOf(q.schema)) == 0 {
		return invalid("* GenerateContentRequest.generation_config.response_schema: response_mime_type text/x.enum needs a schema of type STRING with an enum.\n")
	}
	if q.tools.given && q.mime == "application/json" && strings.HasPrefix(m.name, "gemini-2") {
		return invalid("Function calling with a response mime type: 'application/json' is unsupported")
	}
	return nil
}

func (q *apiRequest) checkThinking(_ Dialect, m *model) *apiError {
	switch {
	case !q.thinking.hasBudget && q.thinking.level == "":
		return nil
	case q.thinking.hasBudget && q.thinking.level != "":
		return invalid("You can only set only one of thinking budget and thinking level.")
	case !m.thinks():
		return invalid("Thinking is not enabled for models/%s.", m.name)
	case q.thinking.level != "" && m.levels == "":
		return invalid("Thinking level is not supported for this model.")
	case q.thinking.level != "" && !slices.Contains(strings.Fields(m.levels), q.thinking.level):
		return invalid("Thinking level %s is not supported for this model. Supported levels: %s.", strings.ToUpper(q.thinking.level), strings.ToUpper(m.levels))
	case q.thinking.level != "":
		return nil
	case !m.budget:
		return invalid("Thinking budget is not supported for this model. Please use thinking level instead.")
	case q.thinking.budget == -1 || q.thinking.budget == 0 && m.canOff:
		return nil
	case q.thinking.budget == 0:
		return invalid("Budget 0 is invalid. This model only works in thinking mode.")
	case q.thinking.budget < max(m.min, 1) || q.thinking.budget > m.max:
		return invalid("The thinking budget %d is invalid. Please choose a value between %d and %d.", q.thinking.budget, m.min, m.max)
	}
	return nil
}

// enumOf returns the strings of a schema's enum; nil when it has none or others.
func enumOf(schema any) []string {
	o, _ := schema.(map[string]any)
	values, _ := o["enum"].([]any)
	var labels []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		labels = append(labels, s)
	}
	return labels
}

// candidatesLimit is the most candidates that one request may ask for.
const candidatesLimit = 8

// checkCandidates checks how many answers are asked for, and what is asked about
// their tokens.
func (q *apiRequest) checkCandidates(_ Dialect, m *model) *apiError {
	n := q.candidates()
	switch {
	case n < 1 || n > candidatesLimit:
		return invalid("* GenerateContentRequest.generation_config.candidate_count: candidate_count must be in the range [1, %d].\n", candidatesLimit)
	case n > 1 && (m.draws() || m.speaks() || strings.HasPrefix(m.name, "gemini-3.8") || strings.HasPrefix(m.name, "gemini-4")):
		return invalid("Multiple candidates is not enabled for models/%s", m.name)
	}
	if top, ok := number(q.config["logprobs"]); ok {
		asked, _ := q.config["responseLogprobs"].(bool)
		switch {
		case !asked:
			return invalid("* GenerateContentRequest.generation_config.logprobs: logprobs can only be set if response_logprobs is true.\n")
		case top < 0 || top > 20:
			return invalid("* GenerateContentRequest.generation_config.logprobs: logprobs must be in the range [0, 20].\n")
		}
	}
	return nil
}
