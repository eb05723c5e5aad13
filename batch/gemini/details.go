package gemini

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// Details are what an answer holds beside its text. All of them but Candidates are about
// the first candidate. Fields that the answer does not have are empty. JSON fields have
// the API's own form.
type Details struct {
	Candidates []string // the text of each candidate, by its index

	Media []Media     // images and sounds, in order
	Code  []Execution // the runs of the code execution tool, in order

	SearchQueries []string          // groundingMetadata.webSearchQueries
	Sources       []Source          // groundingMetadata.groundingChunks
	Supports      []json.RawMessage // groundingMetadata.groundingSupports
	URLs          []json.RawMessage // urlContextMetadata.urlMetadata

	SafetyRatings []json.RawMessage // safetyRatings of the candidate, or of a blocked prompt
	Citations     []json.RawMessage // citationMetadata.citationSources; Vertex AI: citations
	Logprobs      []json.RawMessage // logprobsResult, one for each chunk of a stream
	AvgLogprobs   *float64          // nil if it is missing or not a number
}

// Media is a piece of an answer that is not text.
type Media struct {
	MIMEType string // the API's own words: image/png, audio/L16;codec=pcm;rate=24000
	data     string // base64
}

// Bytes returns the decoded content.
func (m *Media) Bytes() ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(m.data)
	if err == nil {
		return b, nil
	}
	// The JSON form of protobuf allows both alphabets, with padding or without.
	unpadded := strings.TrimRight(m.data, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := encoding.DecodeString(unpadded); err == nil {
			return b, nil
		}
	}
	return nil, errors.New("the answer's inlineData is not base64")
}

// An Execution is one run of code by the model's tool.
type Execution struct {
	ID       string `json:"id,omitempty"`
	Language string `json:"language,omitempty"`
	Code     string `json:"code"`
	Outcome  string `json:"outcome,omitempty"` // OUTCOME_OK, OUTCOME_FAILED, OUTCOME_DEADLINE_EXCEEDED or empty
	Output   string `json:"output,omitempty"`
}

// A Source is what an answer is grounded on: a page, an image, a place or a passage.
type Source struct {
	URI   string `json:"uri,omitempty"` // empty for a passage of a file store
	Title string `json:"title,omitempty"`
	Text  string `json:"text,omitempty"` // the text of a passage
}

// ParseDetails reads what a raw answer holds beside its text. Like [Parse], it ignores
// what does not have the API's own form.
func ParseDetails(raw json.RawMessage) *Details {
	d := new(Details)
	chosen := -1
	chunks := split(raw).chunks
	for _, chunk := range chunks {
		var c detailChunk
		if err := json.Unmarshal(wire.Camel(chunk), &c); err != nil && !wire.Tolerable(err) {
			continue
		}
		d.SafetyRatings = or(c.PromptFeedback.SafetyRatings, d.SafetyRatings)
		for i := range c.Candidates {
			candidate := &c.Candidates[i]
			index := i
			if candidate.Index != nil {
				index = max(0, int(*candidate.Index))
			}
			if chosen < 0 {
				chosen = index
			}
			d.addText(index, candidate)
			if index == chosen {
				d.add(candidate)
			}
		}
	}
	return d
}

type detailChunk struct {
	Candidates     []detailCandidate `json:"candidates"`
	PromptFeedback struct {
		SafetyRatings []json.RawMessage `json:"safetyRatings"`
	} `json:"promptFeedback"`
}

type detailCandidate struct {
	Index   *wire.Count `json:"index"`
	Content struct {
		Parts []detailPart `json:"parts"`
	} `json:"content"`
	SafetyRatings    []json.RawMessage `json:"safetyRatings"`
	CitationMetadata struct {
		CitationSources []json.RawMessage `json:"citationSources"`
		Citations       []json.RawMessage `json:"citations"`
	} `json:"citationMetadata"`
	GroundingMetadata struct {
		WebSearchQueries  []string                     `json:"webSearchQueries"`
		GroundingChunks   []map[string]json.RawMessage `json:"groundingChunks"`
		GroundingSupports []json.RawMessage            `json:"groundingSupports"`
	} `json:"groundingMetadata"`
	URLContextMetadata struct {
		URLMetadata []json.RawMessage `json:"urlMetadata"`
	} `json:"urlContextMetadata"`
	AvgLogprobs    json.RawMessage `json:"avgLogprobs"`
	LogprobsResult json.RawMessage `json:"logprobsResult"`
}

type detailPart struct {
	Text       string `json:"text"`
	Thought    bool   `json:"thought"`
	InlineData *struct {
		MIMEType string `json:"mimeType"`
		Data     string `json:"data"`
	} `json:"inlineData"`
	ExecutableCode      *Execution `json:"executableCode"`
	CodeExecutionResult *Execution `json:"codeExecutionResult"`
}

// addText adds to the text of a candidate. Answers have only a few candidates, so one
// with a very large index is ignored.
func (d *Details) addText(index int, c *detailCandidate) {
	const most = 64
	if index < 0 || index >= most {
		return
	}
	for len(d.Candidates) <= index {
		d.Candidates = append(d.Candidates, "")
	}
	for i := range c.Content.Parts {
		if p := &c.Content.Parts[i]; !p.Thought {
			d.Candidates[index] += p.Text
		}
	}
}

// execution returns the run that a result belongs to: the one with its id, or the last.
func (d *Details) execution(id string) *Execution {
	for i := range d.Code {
		if id != "" && d.Code[i].ID == id {
			return &d.Code[i]
		}
	}
	if n := len(d.Code); n > 0 && (id == "" || d.Code[n-1].ID == "") {
		return &d.Code[n-1]
	}
	d.Code = append(d.Code, Execution{ID: id})
	return &d.Code[len(d.Code)-1]
}

func (d *Details) add(c *detailCandidate) {
	for i := range c.Content.Parts {
		p := &c.Content.Parts[i]
		switch {
		case p.InlineData != nil && p.InlineData.Data != "" && !p.Thought: // a thinking image model shows its drafts
			d.Media = append(d.Media, Media{MIMEType: p.InlineData.MIMEType, data: p.InlineData.Data})
		case p.ExecutableCode != nil:
			d.Code = append(d.Code, *p.ExecutableCode)
		case p.CodeExecutionResult != nil:
			ran := d.execution(p.CodeExecutionResult.ID)
			ran.Outcome, ran.Output = p.CodeExecutionResult.Outcome, ran.Output+p.CodeExecutionResult.Output
		}
	}
	// Each chunk of a stream has the citations of its own text (recorded).
	for _, citation := range or(c.CitationMetadata.CitationSources, c.CitationMetadata.Citations) {
		if !slices.ContainsFunc(d.Citations, func(known json.RawMessage) bool { return bytes.Equal(known, citation) }) {
			d.Citations = append(d.Citations, citation)
		}
	}
	// The chunks of a stream repeat these, or only the last has them.
	d.SafetyRatings = or(c.SafetyRatings, d.SafetyRatings)
	d.SearchQueries = or(c.GroundingMetadata.WebSearchQueries, d.SearchQueries)
	d.Supports = or(c.GroundingMetadata.GroundingSupports, d.Supports)
	d.URLs = or(c.URLContextMetadata.URLMetadata, d.URLs)
	if chunks := c.GroundingMetadata.GroundingChunks; len(chunks) > 0 {
		d.Sources = sources(chunks)
	}
	if f, err := strconv.ParseFloat(string(bytes.Trim(c.AvgLogprobs, `"`)), 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		d.AvgLogprobs = &f
	}
	if len(c.LogprobsResult) > 0 && c.LogprobsResult[0] == '{' {
		d.Logprobs = append(d.Logprobs, c.LogprobsResult)
	}
}

// sources reads grounding chunks. Each is a web page, an image, a place or a passage.
// A chunk that cannot be read stays in the list, empty, because supports refer to the
// chunks by number.
func sources(chunks []map[string]json.RawMessage) []Source {
	list := make([]Source, len(chunks))
	for i, kinds := range chunks {
		for _, kind := range []string{"web", "image", "maps", "retrievedContext"} {
			var s struct {
				Source
				SourceURI string `json:"sourceUri"` // the uri of an image
			}
			if raw, ok := kinds[kind]; ok && json.Unmarshal(raw, &s) == nil {
				list[i] = s.Source
				if list[i].URI == "" {
					list[i].URI = s.SourceURI
				}
				break
			}
		}
	}
	return list
}

// or returns list, or other if list is empty.
func or[T any](list, other []T) []T {
	if len(list) > 0 {
		return list
	}
	return other
}
