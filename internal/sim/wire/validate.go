package wire

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// unaryLimit is the most output that gemini-4-argon gives without streaming.
const unaryLimit = 32768

// Validate returns why the API refuses the request, in its own words where they are
// known; nil when it does not. stream says how the answer is asked for.
func (q *Request) Validate(d Dialect, m *Model, stream bool) *Error {
	if d.Gateway() && len(q.Contents) == 0 {
		return GatewayError(http.StatusInternalServerError, "invalid_request", "contents is required")
	}
	for _, check := range []func(Dialect, *Model) *Error{
		q.checkContents, q.checkMedia, q.checkSafety, q.checkConfig, q.checkThinking,
		q.checkTools, q.checkURLs, q.checkModalities, q.checkSpeech, q.checkCandidates,
	} {
		if e := check(d, m); e != nil {
			return e
		}
	}
	switch {
	case q.cached != "":
		return Errorf(http.StatusForbidden, "PERMISSION_DENIED", "CachedContent not found (or permission denied)")
	case !stream && q.MaxOutput > unaryLimit && strings.HasPrefix(m.Name, "gemini-4-argon"):
		return Invalid("max_output_tokens must not exceed %d for this model in unary calls. Use streamGenerateContent for longer outputs.", unaryLimit)
	case q.tier != "" && !slices.Contains([]string{"standard", "flex", "priority", "unspecified"}, q.Tier()):
		return invalidValue("service_tier", "type.googleapis.com/google.ai.generativelanguage.v1beta.ServiceTier", q.tier)
	}
	return nil
}

func (q *Request) checkContents(d Dialect, _ *Model) *Error {
	if len(q.Contents) == 0 {
		return Invalid("* GenerateContentRequest.contents: contents is not specified\n")
	}
	for i, c := range q.Contents {
		if c.role != "user" && c.role != "model" && c.role != "function" && (c.role != "" || d == Vertex) {
			return Invalid("Please use a valid role: user, model.")
		}
		if len(c.Parts) == 0 {
			return Invalid("* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.\n", i)
		}
		for j, p := range c.Parts {
			text, given := p.options["text"]
			if _, ok := text.(string); given && !ok && text != nil {
				return invalidValue(fmt.Sprintf("contents[%d].parts[%d].text", i, j), "TYPE_STRING", text)
			}
			if len(p.options) == 0 || given && text == nil && len(p.options) == 1 {
				return Invalid("* GenerateContentRequest.contents[%d].parts[%d].data: required oneof field 'data' must have one initialized field\n", i, j)
			}
		}
	}
	return nil
}

func (q *Request) checkConfig(_ Dialect, m *Model) *Error {
	if t, ok := Number(q.config["temperature"]); ok && (t < 0 || t > 2) {
		return Invalid("* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n")
	}
	if p, ok := Number(q.config["topP"]); ok && (p < 0 || p > 1) {
		return Invalid("* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].\n")
	}
	if len(q.Stop) > 5 {
		return Invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed.\n")
	}
	switch q.MIME {
	case "", "text/plain", "application/json", "text/x.enum":
	default:
		return Invalid("* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n")
	}
	if q.config["responseSchema"] != nil && (q.config["responseJsonSchema"] != nil || q.config["_responseJsonSchema"] != nil) {
		return Invalid("* GenerateContentRequest.generation_config: only one of response_schema and response_json_schema may be set.\n")
	}
	if q.Schema != nil {
		if q.MIME != "application/json" && q.MIME != "text/x.enum" {
			return Invalid("* GenerateContentRequest.generation_config.response_schema: only allowed with response_mime_type application/json or text/x.enum.\n")
		}
		if _, ok := q.Schema.(map[string]any); !ok {
			return invalidValue("generation_config.response_schema", "message", q.Schema)
		}
	}
	if q.MIME == "text/x.enum" && len(EnumOf(q.Schema)) == 0 {
		return Invalid("* GenerateContentRequest.generation_config.response_schema: response_mime_type text/x.enum needs a schema of type STRING with an enum.\n")
	}
	if q.Tools.given && q.MIME == "application/json" && m.Before3() {
		return Invalid("Function calling with a response mime type: 'application/json' is unsupported")
	}
	return nil
}

func (q *Request) checkThinking(_ Dialect, m *Model) *Error {
	switch {
	case !q.Thinking.HasBudget && q.Thinking.level == "":
		return nil
	case q.Thinking.HasBudget && q.Thinking.level != "":
		return Invalid("You can only set only one of thinking budget and thinking level.")
	case !m.Thinks():
		return Invalid("Thinking is not enabled for models/%s.", m.Name)
	case q.Thinking.level != "" && m.levels == "":
		return Invalid("Thinking level is not supported for this model.")
	case q.Thinking.level != "" && !slices.Contains(strings.Fields(m.levels), q.Thinking.level):
		return Invalid("Thinking level %s is not supported for this model. Supported levels: %s.", strings.ToUpper(q.Thinking.level), strings.ToUpper(m.levels))
	case q.Thinking.level != "":
		return nil
	case !m.budget:
		return Invalid("Thinking budget is not supported for this model. Please use thinking level instead.")
	case q.Thinking.Budget == -1 || q.Thinking.Budget == 0 && m.mayBeOff:
		return nil
	case q.Thinking.Budget == 0:
		return Invalid("Budget 0 is invalid. This model only works in thinking mode.")
	case q.Thinking.Budget < max(m.min, 1) || q.Thinking.Budget > m.max:
		return Invalid("The thinking budget %d is invalid. Please choose a value between %d and %d.", q.Thinking.Budget, m.min, m.max)
	}
	return nil
}

// candidatesLimit is the most candidates that one request may ask for.
const candidatesLimit = 8

// checkCandidates checks candidateCount, and what is asked about the tokens of the
// candidates.
func (q *Request) checkCandidates(_ Dialect, m *Model) *Error {
	n := q.Candidates()
	switch {
	case n < 1 || n > candidatesLimit:
		return Invalid("* GenerateContentRequest.generation_config.candidate_count: candidate_count must be in the range [1, %d].\n", candidatesLimit)
	case n > 1 && (m.Draws() || m.Speaks() || strings.HasPrefix(m.Name, "gemini-3.8") || strings.HasPrefix(m.Name, "gemini-4")):
		return Invalid("Multiple candidates is not enabled for models/%s", m.Name)
	}
	if top, ok := Number(q.config["logprobs"]); ok {
		asked, _ := q.config["responseLogprobs"].(bool)
		switch {
		case !asked:
			return Invalid("* GenerateContentRequest.generation_config.logprobs: logprobs can only be set if response_logprobs is true.\n")
		case top < 0 || top > 20:
			return Invalid("* GenerateContentRequest.generation_config.logprobs: logprobs must be in the range [0, 20].\n")
		}
	}
	return nil
}
