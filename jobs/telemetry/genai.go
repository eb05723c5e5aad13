package telemetry

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// These are the names that come from OpenTelemetry's conventions for generative AI, with the
// version that brought them. None of the conventions is stable (status: Development). Taken are
// only names that have kept their meaning since, as read on 2026-11-29 at
// https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai/gen-ai-spans.md
// and gen-ai-metrics.md), to which they moved in 2026.
//
// Not taken: gen_ai.client.token.usage, which counters named gen_ai.client.inference.* replace
// there; gen_ai.system, which became gen_ai.provider.name; the attributes of cached and of
// reasoning tokens, which were renamed; and everything that holds prompts or answers.
const (
	genAIOperation     = "gen_ai.operation.name"          // v1.26.0
	genAIProvider      = "gen_ai.provider.name"           // v1.37.0
	genAIRequestModel  = "gen_ai.request.model"           // v1.26.0
	genAIResponseModel = "gen_ai.response.model"          // v1.26.0
	genAIResponseID    = "gen_ai.response.id"             // v1.26.0
	genAIFinishReasons = "gen_ai.response.finish_reasons" // v1.26.0
	genAIInputTokens   = "gen_ai.usage.input_tokens"      // v1.27.0
	genAIOutputTokens  = "gen_ai.usage.output_tokens"     // v1.27.0; thoughts included

	genAIDuration = "gen_ai.client.operation.duration" // v1.27.0, a histogram in seconds

	generateContent = "generate_content" // of genAIOperation, v1.30.0
)

// errorType is stable: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/.
const errorType = "error.type"

// genAIDurationBounds are the bounds that the conventions name.
func genAIDurationBounds() []float64 {
	return []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
}

// provider returns the well-known value of genAIProvider for an endpoint, as
// [batch.Config].Endpoint names it.
func provider(endpoint string) attribute.KeyValue {
	name := "gcp.gen_ai" // "may be used when specific backend is unknown": gateways, and the simulator
	switch base, _, _ := strings.Cut(endpoint, ":"); base {
	case "google":
		name = "gcp.gemini"
	case "vertex":
		name = "gcp.vertex_ai"
	}
	return attribute.String(genAIProvider, name)
}
