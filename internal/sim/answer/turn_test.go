package answer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

func TestUsage(t *testing.T) {
	const image = `{"contents":[{"parts":[{"text":"abcdefgh"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}`
	r := answerTo(t, new(Classifiers), flash, image)
	details, _ := json.Marshal(r.Usage.PromptDetails)
	if want := `[{"modality":"TEXT","tokenCount":2},{"modality":"IMAGE","tokenCount":258}]`; string(details) != want || r.Usage.Prompt != 260 {
		t.Errorf("prompt of %d tokens: %s", r.Usage.Prompt, details)
	}
	if u := r.Usage; u.Total != u.Prompt+u.Candidates+u.Thoughts || u.Thoughts == 0 || u.Candidates != 2 {
		t.Errorf("usage %+v", u)
	}
}

func TestThoughtPart(t *testing.T) {
	body := ask("hi", `"generationConfig":{"thinkingConfig":{"includeThoughts":true}}`)
	r := answerTo(t, new(Classifiers), flash, body)
	parts := r.Candidates[0].Content.Parts
	if len(parts) != 2 || !parts[0].Thought || parts[0].Text == "" || parts[1].Text != "hi" {
		t.Errorf("parts %+v", parts)
	}
}

func TestMaxOutputTokens(t *testing.T) {
	text := strings.Repeat("many words ", 30)
	config := func(n, budget int) string {
		return fmt.Sprintf(`"generationConfig":{"maxOutputTokens":%d,"thinkingConfig":{"thinkingBudget":%d}}`, n, budget)
	}
	s := new(Classifiers)

	r := answerTo(t, s, flash, ask(text, config(10, 0)))
	if got := textOf(r); r.Candidates[0].Finish != "MAX_TOKENS" || wire.CountText(got) != 10 || r.Usage.Candidates != 10 {
		t.Errorf("cut answer: %+v, usage %+v", r.Candidates[0], r.Usage)
	}
	r = answerTo(t, s, flash, ask(text, config(5, -1)))
	if c := r.Candidates[0]; c.Finish != "MAX_TOKENS" || len(c.Content.Parts) != 0 || r.Usage.Thoughts != 5 || r.Usage.Candidates != 0 {
		t.Errorf("all thought away: %+v, usage %+v", c, r.Usage)
	}
	r = answerTo(t, s, flash, ask(text, config(1000, 0)))
	if r.Candidates[0].Finish != "STOP" {
		t.Errorf("enough room: %+v", r.Candidates[0])
	}
	r = answerTo(t, s, flash, ask("one two STOP three", `"generationConfig":{"stopSequences":["STOP"]}`))
	if got := textOf(r); got != "one two " {
		t.Errorf("stop sequence: %q", got)
	}
}

func TestCandidates(t *testing.T) {
	s := new(Classifiers)
	body := ask("One two three.", `"generationConfig":{"candidateCount":3}`)
	r := answerTo(t, s, flash, body)
	seen := map[string]bool{}
	for i, c := range r.Candidates {
		if c.Index == nil || *c.Index != i || c.Finish != "STOP" {
			t.Errorf("candidate %d: %+v", i, c)
		}
		seen[c.Content.Parts[0].Text] = true
	}
	if len(seen) != 3 {
		t.Errorf("candidates %v", seen)
	}
	one := answerTo(t, s, flash, ask("One two three.", ""))
	if r.Usage.Candidates < 3*one.Usage.Candidates {
		t.Errorf("3 candidates of %d tokens, one of %d", r.Usage.Candidates, one.Usage.Candidates)
	}
	events := eventsOf(t, s, flash, body)
	streamed, last := map[int]string{}, events[len(events)-1]
	for _, e := range events {
		for _, c := range e.Candidates {
			streamed[*c.Index] += c.Content.Parts[0].Text
		}
	}
	if len(streamed) != 3 || !seen[streamed[0]] || !seen[streamed[2]] || last.Usage == nil || last.Usage.Total == 0 {
		t.Errorf("streamed %v, usage %+v", streamed, last.Usage)
	}
}
