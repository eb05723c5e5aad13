package planner

import "github.com/genbatch/genbatch/batch"

// TokenCounts compare the estimated tokens of requests with what the API counted, for each
// model that was asked. Both include media. A nil map has no counts; one that is added to
// must be made. They are not safe for concurrent use.
type TokenCounts map[string]tokenCount

// allModels is the key of the counts of all models together.
const allModels = ""

// A tokenCount adds up the tokens of rows in calls.
type tokenCount struct {
	calls    int64 // for each of the rows that have shared one
	estimate int64 // of the prompts
	prompt   int64 // counted
	output   int64 // counted, thinking included; of a shared call each row's share
}

// Add adds the calls of a row's result that reported their usage. A nil result adds nothing. What
// a row has of a prompt that it shared says nothing of how far its estimate was off, which is
// that of a prompt of its own.
func (m TokenCounts) Add(req *batch.Request, r *batch.Result) {
	if r == nil {
		return
	}
	var row tokenCount
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		row.calls++
		if s.Share.Of == 0 {
			row.estimate += int64(req.InputTokens)
			row.prompt += s.Usage.PromptTokenCount
		}
		own := s.Own()
		row.output += own.CandidatesTokenCount + own.Thoughts()
	}
	for _, name := range []string{req.Model, allModels} {
		c := m[name]
		c.calls += row.calls
		c.estimate += row.estimate
		c.prompt += row.prompt
		c.output += row.output
		m[name] = c
	}
}

// of returns the counts of a model. If there are none, it returns those of all models, though
// models differ in how they count, media above all, and in how much they think.
func (m TokenCounts) of(model string) tokenCount {
	if c := m[model]; c.calls > 0 {
		return c
	}
	return m.total()
}

// total returns the counts of all models together.
func (m TokenCounts) total() tokenCount { return m[allModels] }
