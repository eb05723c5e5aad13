package apijson

import (
	"slices"
	"strings"
)

// FieldName returns the camelCase form of an API field given in snake_case, and
// any other name as it is.
func FieldName(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	if camel, ok := snakeFields[name]; ok {
		return camel
	}
	return name
}

// userObjects are the fields below which a path has names that are the user's. They are
// not those of userScopes, because a path meets other fields than a whole body does: it
// cannot reach into contents, and in the API's own form of a schema it soon meets the
// names of properties.
var userObjects = strings.Fields(`labels responseJsonSchema _responseJsonSchema parametersJsonSchema responseSchema parameters`)

// CamelPath returns a path of fields below a body in camelCase, up to where the names
// are the user's.
func CamelPath(path []string) []string {
	named := slices.Clone(path)
	for i, name := range named {
		named[i] = FieldName(name)
		if slices.Contains(userObjects, named[i]) {
			break
		}
	}
	return named
}

// snakeFields maps the snake_case form of every generateContent field that has
// one to its camelCase form. Source: the discovery document of v1beta, revision
// 20260415, and Vertex AI's v1beta1.
var snakeFields = snakeNames(`
	systemInstruction toolConfig safetySettings generationConfig cachedContent serviceTier modelArmorConfig
	inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse
	thoughtSignature videoMetadata mediaResolution partMetadata mimeType displayName fileUri startOffset endOffset
	numTokens willContinue partialArgs
	candidateCount stopSequences maxOutputTokens topP topK presencePenalty frequencyPenalty responseLogprobs
	responseMimeType responseSchema responseJsonSchema responseFormat responseModalities speechConfig imageConfig
	thinkingConfig enableEnhancedCivicAnswers audioTranscriptionConfig translationConfig audioTimestamp routingConfig
	modelSelectionConfig includeThoughts thinkingBudget thinkingLevel aspectRatio imageSize voiceConfig
	prebuiltVoiceConfig voiceName multiSpeakerVoiceConfig speakerVoiceConfigs languageCode
	functionDeclarations googleSearch googleSearchRetrieval urlContext codeExecution googleMaps fileSearch
	computerUse mcpServers enterpriseWebSearch parametersJsonSchema responseJsonSchema functionCallingConfig
	allowedFunctionNames retrievalConfig latLng includeServerSideToolInvocations searchTypes timeRangeFilter
	excludeDomains blockingConfidence dynamicRetrievalConfig dynamicThreshold
	anyOf prefixItems minItems maxItems minLength maxLength minProperties maxProperties propertyOrdering
	additionalProperties continuationToken promptTemplateName responseTemplateName
`)

func snakeNames(camel string) map[string]string {
	names := make(map[string]string)
	for _, name := range strings.Fields(camel) {
		names[SnakeCase(name)] = name
	}
	return names
}

// SnakeCase returns a camelCase name in snake_case, as Google's Python library writes it.
func SnakeCase(name string) string {
	var snake strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			snake.WriteByte('_')
			r += 'a' - 'A'
		}
		snake.WriteRune(r)
	}
	return snake.String()
}

// ConfigFields returns the fields of a request's generationConfig that either of Google's
// two APIs knows, in camelCase.
func ConfigFields() []string {
	return strings.Fields(`candidateCount stopSequences maxOutputTokens temperature topP topK seed presencePenalty
		frequencyPenalty responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema _responseJsonSchema
		responseFormat responseModalities speechConfig imageConfig mediaResolution thinkingConfig enableEnhancedCivicAnswers
		audioTranscriptionConfig translationConfig audioTimestamp routingConfig modelSelectionConfig continuationToken`)
}

// ThinkingFields returns those of its thinkingConfig.
func ThinkingFields() []string { return strings.Fields(`thinkingBudget thinkingLevel includeThoughts`) }
