package gemini

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// The types of this file read the API's JSON tolerantly, because its many servers write
// it differently. A value of an unexpected type counts as absent: their UnmarshalJSON
// methods return no errors, and after a plain field of a wrong type encoding/json goes on.

// chunk is a GenerateContentResponse, or one event of a stream of them.
type chunk struct {
	Candidates     []candidate `json:"candidates"`
	PromptFeedback struct {
		BlockReason        enum   `json:"blockReason"`
		BlockReasonMessage string `json:"blockReasonMessage"`
	} `json:"promptFeedback"`
	UsageMetadata *usage          `json:"usageMetadata"`
	ModelVersion  string          `json:"modelVersion"`
	ResponseID    string          `json:"responseId"`
	Error         json.RawMessage `json:"error"`
}

type candidate struct {
	Index   *count `json:"index"`
	Content struct {
		Parts []part `json:"parts"`
	} `json:"content"`
	FinishReason  enum   `json:"finishReason"`
	FinishMessage string `json:"finishMessage"`

	GroundingMetadata  grounding `json:"groundingMetadata"`
	URLContextMetadata present   `json:"urlContextMetadata"`
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
	if err := json.Unmarshal(b, &v); err != nil && !tolerable(err) {
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
	var fields map[string]present
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

// present records that a field exists and is not null.
type present bool

func (p *present) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null"
	return nil
}

// enum is an enum's name. A server that is asked for numbers answers with a number. That
// is kept as digits until the field's own table gives its name.
type enum string

func (e *enum) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
		*e = enum(s)
	case len(b) > 0 && (b[0] == '-' || '0' <= b[0] && b[0] <= '9'):
		*e = enum(b)
	}
	return nil
}

// name returns the enum's name. A number is looked up in the table, and stays a number if
// it is not there.
func (e enum) name(table []string) string {
	if e == "" || e[0] > '9' {
		return string(e) // a name; this spares the allocation of Atoi's error
	}
	if i, err := strconv.Atoi(string(e)); err == nil && 0 <= i && i < len(table) {
		return table[i]
	}
	return string(e)
}

// The names of the enums, by number. Google AI and Vertex AI number finish reasons beyond
// OTHER, and block reasons beyond PROHIBITED_CONTENT, differently. So those stay numbers,
// which count as unknown reasons and never as success.
var (
	finishNumbers   = []string{"FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER"}
	blockNumbers    = []string{"BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"}
	modalityNumbers = []string{"MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"}
	trafficNumbers  = []string{"TRAFFIC_TYPE_UNSPECIFIED", "ON_DEMAND", "PROVISIONED_THROUGHPUT"}
)

// count is an int64 that may be written as a number or a string. A value that cannot be a
// count is 0: a negative one, or one beyond the exact range of a float64.
type count int64

func (c *count) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	*c = 0
	if err == nil && f > 0 && f <= 1<<53 {
		*c = count(math.Floor(f))
	}
	return nil
}

// usage is a usageMetadata.
type usage struct {
	PromptTokenCount           count    `json:"promptTokenCount"`
	CachedContentTokenCount    count    `json:"cachedContentTokenCount"`
	ToolUsePromptTokenCount    count    `json:"toolUsePromptTokenCount"`
	ThoughtsTokenCount         count    `json:"thoughtsTokenCount"`
	CandidatesTokenCount       count    `json:"candidatesTokenCount"`
	TotalTokenCount            count    `json:"totalTokenCount"`
	PromptTokensDetails        []detail `json:"promptTokensDetails"`
	CacheTokensDetails         []detail `json:"cacheTokensDetails"`
	CandidatesTokensDetails    []detail `json:"candidatesTokensDetails"`
	ToolUsePromptTokensDetails []detail `json:"toolUsePromptTokensDetails"`
	TrafficType                enum     `json:"trafficType"`
	ServiceTier                enum     `json:"serviceTier"`

	reported bool // whether it has any field
}

type detail struct {
	Modality   enum  `json:"modality"`
	TokenCount count `json:"tokenCount"`
}

func (u *usage) UnmarshalJSON(b []byte) error {
	type plain usage // without this method
	if err := json.Unmarshal(b, (*plain)(u)); err != nil && !tolerable(err) {
		return nil
	}
	u.reported = u.PromptTokenCount > 0 || u.TotalTokenCount > 0
	if !u.reported {
		var fields map[string]present
		u.reported = json.Unmarshal(b, &fields) == nil && len(fields) > 0
	}
	return nil
}

// addTo merges the usage of a chunk into to. A stream reports running totals, so they are
// never added up. Some events lack a count, and early ones estimate the prompt too high
// (recorded: 169, then 79). So the last count is right, and not the largest.
func (u *usage) addTo(to *batch.Usage) {
	for _, c := range []struct {
		to   *int64
		from count
	}{
		{&to.PromptTokenCount, u.PromptTokenCount},
		{&to.CachedContentTokenCount, u.CachedContentTokenCount},
		{&to.ToolUsePromptTokenCount, u.ToolUsePromptTokenCount},
		{&to.ThoughtsTokenCount, u.ThoughtsTokenCount},
		{&to.CandidatesTokenCount, u.CandidatesTokenCount},
		{&to.TotalTokenCount, u.TotalTokenCount},
	} {
		if c.from > 0 {
			*c.to = int64(c.from)
		}
	}
	for _, d := range []struct {
		to   *[]batch.ModalityTokens
		from []detail
	}{
		{&to.PromptTokensDetails, u.PromptTokensDetails},
		{&to.CacheTokensDetails, u.CacheTokensDetails},
		{&to.CandidatesTokensDetails, u.CandidatesTokensDetails},
		{&to.ToolUsePromptTokensDetails, u.ToolUsePromptTokensDetails},
	} {
		if len(d.from) == 0 {
			continue
		}
		*d.to = make([]batch.ModalityTokens, 0, len(d.from))
		for _, m := range d.from {
			*d.to = append(*d.to, batch.ModalityTokens{
				Modality: strings.ToUpper(m.Modality.name(modalityNumbers)), TokenCount: int64(m.TokenCount)})
		}
	}
	if u.TrafficType != "" {
		to.TrafficType = u.TrafficType.name(trafficNumbers)
	}
	if u.ServiceTier != "" {
		to.ServiceTier = string(u.ServiceTier)
	}
}

// tolerable reports whether err only says that some value has another type. The other
// values have been decoded all the same.
func tolerable(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError)
	return ok
}
