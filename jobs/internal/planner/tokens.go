package planner

import "github.com/genbatch/genbatch/batch"

// TokenCounts compare the estimated tokens of requests with what the API counted, for each
// model that was asked. Both include media. A nil map has no counts; one that is added to
// must be made. They are not safe for concurrent use.
type TokenCounts map[string]tokenCount

// allModels is the key of the counts of all models together.
const allModels = ""

// A tokenCount adds up the tokens of calls. Of a call that rows have shared each row adds its
// share.
type tokenCount struct {
	calls    int64 // of a row, shared or not
	estimate int64 // of the prompts
	prompt   int64 // counted
	output   int64 // counted, thinking included
}

// Add adds the calls of a row's result that reported their usage. A nil result adds nothing.
func (m TokenCounts) Add(req *batch.Request, r *batch.Result) { m.add(req, r, nil) }

// add is Add for rows that may have shared calls: share estimates the tokens of a row's share of
// a call that had so many rows. The estimate of the row's own request would be far above it,
// since the rows of a call share the instructions. Without share, such calls say nothing of how far
// estimates were off.
func (m TokenCounts) add(req *batch.Request, r *batch.Result, share func(*batch.Request, int) int) {
	if r == nil {
		return
	}
	var row tokenCount
	for i := range r.Spent {
		s := &r.Spent[i]
		if s.Usage == nil {
			continue
		}
		own := s.Own()
		row.calls++
		switch {
		case s.Share.Of <= 1:
			row.estimate += int64(req.InputTokens)
			row.prompt += own.PromptTokenCount
		case share != nil:
			row.estimate += int64(share(req, s.Share.Of))
			row.prompt += own.PromptTokenCount
		}
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
