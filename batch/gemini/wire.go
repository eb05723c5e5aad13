package gemini

import (
	"encoding/json"
	"slices"

	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// The types of this file read the API's JSON tolerantly, because its many servers write
// it differently (see package wire). UnmarshalJSON methods return no errors, and after a
// plain field of a wrong type encoding/json goes on.

// chunk is a GenerateContentResponse, or one event of a stream of them.
type chunk struct {
	Candidates     []candidate `json:"candidates"`
	PromptFeedback struct {
		BlockReason        wire.Enum `json:"blockReason"`
		BlockReasonMessage string    `json:"blockReasonMessage"`
	} `json:"promptFeedback"`
	UsageMetadata *wire.Usage     `json:"usageMetadata"`
	ModelVersion  string          `json:"modelVersion"`
	ResponseID    string          `json:"responseId"`
	Error         json.RawMessage `json:"error"`
}

type candidate struct {
	Index   *wire.Count `json:"index"`
	Content struct {
		Parts []part `json:"parts"`
	} `json:"content"`
	FinishReason  wire.Enum `json:"finishReason"`
	FinishMessage string    `json:"finishMessage"`

	GroundingMetadata  grounding    `json:"groundingMetadata"`
	URLContextMetadata wire.Present `json:"urlContextMetadata"`
}

// part is one piece of an answer.
type part struct {
	kind string // the name of its data field, or "thought"; empty if it has no data
	text string
	call *FunctionCall
}

// modifiers are the fields of a part that are not its data.
var modifiers = []string{"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}

func (p *part) UnmarshalJSON(b []byte) error {
	var v struct {
		Text         string        `json:"text"`
		Thought      bool          `json:"thought"`
		FunctionCall *FunctionCall `json:"functionCall"`
	}
	if err := json.Unmarshal(b, &v); err != nil && !wire.Tolerable(err) {
		return nil
	}
	p.text, p.call = v.Text, v.FunctionCall
	switch {
	case v.Text != "" && v.Thought:
		p.kind = "thought"
	case v.Text != "" && v.FunctionCall == nil:
		p.kind = "text"
	default:
		p.kind = dataField(b)
	}
	return nil
}

// dataField returns the name of a part's data field other than text. It looks only at the
// names, because a value may be an image of several megabytes.
func dataField(part []byte) string {
	var fields map[string]wire.Present
	if json.Unmarshal(part, &fields) != nil {
		return ""
	}
	var kinds []string
	for name, has := range fields {
		if bool(has) && name != "text" && !slices.Contains(modifiers, name) {
			kinds = append(kinds, name)
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return slices.Min(kinds)
}

// The names of the enums, by number. Google AI and Vertex AI number finish reasons beyond
// OTHER, and block reasons beyond PROHIBITED_CONTENT, differently. So those stay numbers,
// which count as unknown reasons and never as success.
var (
	finishNumbers = []string{"FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER"}
	blockNumbers  = []string{"BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"}
)
