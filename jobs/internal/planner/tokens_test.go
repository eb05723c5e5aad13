package planner

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// What rows have of a prompt that they shared does not correct the estimates of prompts, which
// are of a row's own. Of the output each row has its share.
func TestTokenCountsOfSharedCalls(t *testing.T) {
	r := &batch.Request{Model: "m", InputTokens: 100}
	shared := &batch.Usage{PromptTokenCount: 150, CandidatesTokenCount: 50, TotalTokenCount: 203} // 3 of thinking
	m := make(TokenCounts)
	for row := range 10 {
		m.Add(r, &batch.Result{Spent: []batch.Spend{{Usage: shared, Share: batch.Share{Row: row, Of: 10}}}})
	}
	d := demands{{model: "m", rows: 4, input: 400}}
	if n := d.correct(m, nil); n != 400 {
		t.Errorf("by shares alone 400 tokens are corrected to %d", n)
	}
	if n := d.correct(m, TokenCounts{"m": {calls: 1, estimate: 100, prompt: 110}}); n != 440 {
		t.Errorf("by prompts that were counted, and shares, 400 tokens are corrected to %d, want 440", n)
	}
	if n := d.expect(m, false); n != 4*53/10 {
		t.Errorf("%d tokens of output are expected of 4 rows, where 10 had 53", n)
	}
	m.Add(r, &batch.Result{Spent: []batch.Spend{{Usage: &batch.Usage{PromptTokenCount: 120}}}})
	if n := (demands{{model: "m", rows: 4, input: 400}}).correct(m, nil); n != 480 {
		t.Errorf("400 tokens are corrected to %d, want 480", n)
	}
}
