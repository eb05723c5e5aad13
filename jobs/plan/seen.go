package plan

import "github.com/genbatch/genbatch/batch"

// A seen is what the answered rows of one model were estimated to have, and had in
// truth. Media are among both.
type seen struct {
	estimate, prompt int64
	output           int64 // thinking included
	calls            int64
}

// Seen is what the answered rows of each model were estimated to have, and had in
// truth, by the model's name. The empty name is all of them together.
type Seen map[string]seen

// Add adds a row with its result; a nil one changes nothing.
func (m Seen) Add(req *batch.Request, r *batch.Result) {
	if r == nil {
		return
	}
	row := seen{}
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		row.estimate += int64(req.InputTokens)
		row.prompt += s.Usage.PromptTokenCount
		row.output += s.Usage.CandidatesTokenCount + s.Usage.Thoughts()
		row.calls++
	}
	for _, name := range []string{req.Model, ""} {
		all := m[name]
		all.estimate += row.estimate
		all.prompt += row.prompt
		all.output += row.output
		all.calls += row.calls
		m[name] = all
	}
}

// of is what was seen of a model, or of all where that one has no answer yet: models
// differ in how they count, media above all, and in how much they think.
func (m Seen) of(model string) seen {
	if s := m[model]; s.calls > 0 {
		return s
	}
	return m[""]
}
