package gemini

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// An Answer is what a raw answer says. If there are several candidates, it is about the
// first.
type Answer struct {
	Text          string         // the text parts joined, without thoughts
	Thoughts      string         // the thought summaries joined
	FunctionCalls []FunctionCall // in order
	Parts         []string       // what each part with data holds: text, thought, functionCall, inlineData, ...

	FinishReason  string // the API's name, in upper case; a number is replaced by its name if both APIs agree on it
	FinishMessage string
	BlockReason   string // why the prompt was blocked; empty if it was not
	BlockMessage  string

	Usage        *batch.Usage // nil if none was reported, or none that can be
	ModelVersion string
	ResponseID   string
	Candidates   int // the number of candidates
}

// A FunctionCall is a function call that the model asks for.
type FunctionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"` // a JSON object
}

// Parse reads a raw answer: one GenerateContentResponse, or an array of the chunks of a
// stream. It ignores unknown fields and values of a wrong type. It returns an error only
// if raw is not JSON of one of these forms.
func Parse(raw json.RawMessage) (*Answer, error) {
	d := split(raw)
	if d.form != formObject && d.form != formList {
		return nil, errors.New("the answer is not a JSON object or array")
	}
	if d.cut {
		return nil, errors.New("the answer is not valid JSON")
	}
	return &d.answer().Answer, nil
}

// A reading is an Answer that is being put together, with what else the classification
// needs to know.
type reading struct {
	Answer

	texts, thoughts []string
	chosen          int             // the index of the first candidate; -1 before there is one
	seen            []int           // the candidates' indexes so far
	searches        []searched      // by candidate, for those that report searches
	refusal         json.RawMessage // the chunk that holds an error
	usage           wire.Usage      // what the chunks report; see Usage
	uncounted       bool            // a candidate came after the last report
	known           bool            // some field of a GenerateContentResponse is present
	objects         int             // the number of chunks with any field at all
}

// answer combines what the chunks say.
func (d *document) answer() *reading {
	a := &reading{chosen: -1}
	for _, raw := range d.chunks {
		var c chunk
		if d.plain == nil {
			raw = wire.Camel(raw)
		}
		if d.plain != nil {
			c = d.plain.chunk
		} else if err := json.Unmarshal(raw, &c); err != nil && !wire.Tolerable(err) {
			d.cut = true
			continue
		}
		a.note(raw, &c)
		if len(c.Error) > 0 && string(c.Error) != "null" && a.refusal == nil {
			a.refusal = raw
		}
		a.add(&c)
	}
	a.Text, a.Thoughts = strings.Join(a.texts, ""), strings.Join(a.thoughts, "")
	if u := a.usage.Counts(); u != nil && a.whole(u) {
		a.Usage = u
		a.addSearches(u)
	}
	return a
}

// whole reports whether a usage has the parts that this answer must have used. Only a prompt
// that was blocked uses no tokens, and only an answer that was blocked is put out for nothing.
func (a *reading) whole(u *batch.Usage) bool {
	switch {
	case a.uncounted:
		return false
	case u.PromptTokenCount == 0:
		return a.Candidates == 0 && a.BlockReason != ""
	}
	ended := a.FinishReason == "STOP" || a.FinishReason == "MAX_TOKENS"
	return !ended || len(a.Parts) == 0 || u.CandidatesTokenCount+u.Thoughts() > 0
}

// note records whether a chunk has any fields, and any field of an answer. It looks at
// the names only if the values do not show it.
func (a *reading) note(raw json.RawMessage, c *chunk) {
	if len(c.Candidates) > 0 || c.UsageMetadata != nil {
		a.objects++
		a.known = true
		return
	}
	var fields map[string]wire.Present
	if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
		return
	}
	a.objects++
	for _, name := range []string{"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"} {
		if _, ok := fields[name]; ok {
			a.known = true
		}
	}
	if _, ok := fields["message"]; ok && !a.known && a.refusal == nil {
		a.refusal = raw // a gateway's {"code","message"}
	}
}

func (a *reading) add(c *chunk) {
	if r := c.PromptFeedback.BlockReason; r != "" {
		a.BlockReason = r.Name(blockNumbers)
		a.BlockMessage = c.PromptFeedback.BlockReasonMessage
	}
	if c.ModelVersion != "" {
		a.ModelVersion = c.ModelVersion
	}
	if c.ResponseID != "" {
		a.ResponseID = c.ResponseID
	}
	switch {
	case c.UsageMetadata != nil:
		a.usage.Merge(c.UsageMetadata)
		a.uncounted = false
	case len(c.Candidates) > 0:
		a.uncounted = true
	}
	for i := range c.Candidates {
		candidate := &c.Candidates[i]
		index := i // some gateways leave index out
		if candidate.Index != nil {
			index = max(0, int(*candidate.Index))
		}
		if !slices.Contains(a.seen, index) {
			a.seen = append(a.seen, index)
			a.Candidates++
		}
		if a.chosen < 0 {
			a.chosen = index
		}
		a.search(index, candidate)
		if index != a.chosen {
			continue
		}
		a.addCandidate(candidate)
	}
}

func (a *reading) addCandidate(c *candidate) {
	if c.FinishReason != "" {
		a.FinishReason = finishName(c.FinishReason.Name(finishNumbers))
	}
	if c.FinishMessage != "" {
		a.FinishMessage = c.FinishMessage
	}
	for _, p := range c.Content.Parts {
		switch p.kind {
		case "":
			continue
		case "thought":
			a.thoughts = append(a.thoughts, p.text)
		default:
			a.texts = append(a.texts, p.text)
		}
		a.Parts = append(a.Parts, p.kind)
		if p.call != nil {
			a.FunctionCalls = append(a.FunctionCalls, *p.call)
		}
	}
}

// content reports whether the answer holds anything but thoughts.
func (a *reading) content() bool {
	return slices.ContainsFunc(a.Parts, func(kind string) bool { return kind != "thought" })
}

// unreported reports whether the exchange may cost something although no usage was
// reported. An error alone costs nothing, nor does a JSON object of another API, unless
// foreignUsage finds an answer in it.
func (a *reading) unreported() bool {
	nothing := a.Candidates == 0 && (a.refusal != nil || a.objects > 0 && !a.known)
	return a.Usage == nil && !nothing
}
