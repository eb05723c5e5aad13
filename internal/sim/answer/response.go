package answer

import (
	"bytes"
	"encoding/json"

	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Response is the JSON of an answer, or of one event of a stream:
// https://ai.google.dev/api/generate-content#generatecontentresponse
type Response struct {
	Candidates []candidate     `json:"candidates,omitempty"`
	Feedback   *promptFeedback `json:"promptFeedback,omitempty"`
	Usage      *wire.Usage     `json:"usageMetadata,omitempty"`
	Version    string          `json:"modelVersion"`
	CreateTime string          `json:"createTime,omitempty"`
	ID         string          `json:"responseId"`
}

type (
	candidate struct {
		Content  *content       `json:"content,omitempty"`
		Finish   string         `json:"finishReason,omitempty"`
		Message  string         `json:"finishMessage,omitempty"`
		Index    *int           `json:"index,omitempty"` // Google says 0, Vertex AI leaves it out
		Average  *float64       `json:"avgLogprobs,omitempty"`
		Logprobs *tokens.Result `json:"logprobsResult,omitempty"`

		Ratings   []safetyRating      `json:"safetyRatings,omitempty"`
		Citations *citationMetadata   `json:"citationMetadata,omitempty"`
		Grounding *groundingMetadata  `json:"groundingMetadata,omitempty"`
		URLs      *urlContextMetadata `json:"urlContextMetadata,omitempty"`
	}
	content struct {
		Parts []part `json:"parts,omitempty"`
		Role  string `json:"role"`
	}
	part struct {
		Text      string `json:"text"`
		Thought   bool   `json:"thought,omitempty"`
		Signature string `json:"thoughtSignature,omitempty"`

		// At most one of these, and no text then.
		Call   *functionCall   `json:"functionCall,omitempty"`
		Blob   *blob           `json:"inlineData,omitempty"`
		Code   *executableCode `json:"executableCode,omitempty"`
		Result *codeResult     `json:"codeExecutionResult,omitempty"`
	}
	promptFeedback struct {
		BlockReason string `json:"blockReason"`
		Message     string `json:"blockReasonMessage,omitempty"`
	}
)

// thoughtSignature stands for the opaque text that the API sends.
const thoughtSignature = "c2ltdWxhdGVk"

// The parts that are no text: https://ai.google.dev/api/caching#Part
type (
	functionCall struct {
		ID   string          `json:"id,omitempty"` // since Gemini 3
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	blob struct {
		MIME string `json:"mimeType"`
		Data []byte `json:"data"` // base64 in JSON
	}
	executableCode struct {
		Language string `json:"language"`
		Code     string `json:"code"`
	}
	codeResult struct {
		Outcome string `json:"outcome"`
		Output  string `json:"output,omitempty"`
	}
)

// isData reports whether the part is no text.
func (p *part) isData() bool {
	return p.Call != nil || p.Blob != nil || p.Code != nil || p.Result != nil
}

// MarshalJSON leaves out the text of a part that is no text. An empty text stays, since
// it is a part too.
func (p part) MarshalJSON() ([]byte, error) {
	type fields part
	var b bytes.Buffer
	var err error
	if p.isData() {
		err = wire.Encode(&b, struct {
			Text *string `json:"text,omitempty"`
			fields
		}{fields: fields(p)})
	} else {
		err = wire.Encode(&b, fields(p))
	}
	return b.Bytes(), err
}

// What an answer says about its sources.
// https://ai.google.dev/api/generate-content#groundingmetadata
type (
	groundingMetadata struct {
		Queries  []string           `json:"webSearchQueries,omitempty"`
		Entry    *searchEntryPoint  `json:"searchEntryPoint,omitempty"`
		Chunks   []groundingChunk   `json:"groundingChunks,omitempty"`
		Supports []groundingSupport `json:"groundingSupports,omitempty"`
	}
	searchEntryPoint struct {
		Rendered string `json:"renderedContent"`
	}
	groundingChunk struct {
		Web webChunk `json:"web"`
	}
	webChunk struct {
		URI    string `json:"uri"`
		Title  string `json:"title"`
		Domain string `json:"domain,omitempty"` // Vertex AI
	}
	groundingSupport struct {
		Segment segment `json:"segment"`
		Chunks  []int   `json:"groundingChunkIndices"`
	}
	// The indices of a segment count the bytes of the text.
	segment struct {
		Start int    `json:"startIndex,omitempty"`
		End   int    `json:"endIndex"`
		Text  string `json:"text"`
	}
	urlContextMetadata struct {
		URLs []urlMetadata `json:"urlMetadata"`
	}
	urlMetadata struct {
		URL    string `json:"retrievedUrl"`
		Status string `json:"urlRetrievalStatus"`
	}
)

// https://ai.google.dev/api/generate-content#citationmetadata
type (
	citationMetadata struct {
		Sources   []citation `json:"citationSources,omitempty"` // Google AI
		Citations []citation `json:"citations,omitempty"`       // Vertex AI
	}
	citation struct {
		Start   int    `json:"startIndex,omitempty"`
		End     int    `json:"endIndex"`
		URI     string `json:"uri"`
		License string `json:"license,omitempty"`
	}
)

// safetyRating is what an answer says about its safety.
// https://ai.google.dev/api/generate-content#safetyrating
type safetyRating struct {
	Category         string  `json:"category"`
	Probability      string  `json:"probability"`
	ProbabilityScore float64 `json:"probabilityScore,omitempty"` // Vertex AI
	Severity         string  `json:"severity,omitempty"`         // Vertex AI
	SeverityScore    float64 `json:"severityScore,omitempty"`    // Vertex AI
	Blocked          bool    `json:"blocked,omitempty"`
}
