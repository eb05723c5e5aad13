package answer

import (
	"slices"
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	const text = "Über wen? Who won the final, and where was it played?"
	r := answerTo(t, new(Classifiers), flash, ask(text, `"tools":[{"googleSearch":{}}]`))
	c := r.Candidates[0]
	g := c.Grounding
	if g == nil || len(g.Queries) != 2 || len(g.Chunks) < 2 || len(g.Supports) != 2 {
		t.Fatalf("grounding %+v", g)
	}
	if !strings.Contains(g.Entry.Rendered, g.Queries[0]) || g.Chunks[0].Web.Title == "" || !strings.HasPrefix(g.Chunks[0].Web.URI, "https://vertexaisearch") {
		t.Errorf("grounding %+v", g)
	}
	for _, s := range g.Supports {
		if seg := s.Segment; textOf(r)[seg.Start:seg.End] != seg.Text || slices.Max(s.Chunks) >= len(g.Chunks) {
			t.Errorf("support %+v of %q", s, textOf(r))
		}
	}
	u := r.Usage
	if u.ToolUse == 0 || u.Total != u.Prompt+u.Candidates+u.Thoughts+u.ToolUse || u.ToolUseDetails[0].Tokens != u.ToolUse {
		t.Errorf("usage %+v", u)
	}
}

func TestURLContext(t *testing.T) {
	const text = "Compare https://example.com/a, https://example.com/missing and https://shop.example/paywall."
	r := answerTo(t, new(Classifiers), flash, ask(text, `"tools":[{"urlContext":{}}]`))
	c := r.Candidates[0]
	var got []string
	for _, u := range c.URLs.URLs {
		got = append(got, u.URL+" "+strings.TrimPrefix(u.Status, "URL_RETRIEVAL_STATUS_"))
	}
	if want := []string{"https://example.com/a SUCCESS", "https://example.com/missing ERROR", "https://shop.example/paywall PAYWALL"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(c.Grounding.Chunks) != 1 || c.Grounding.Chunks[0].Web.URI != "https://example.com/a" || r.Usage.ToolUse < 200 {
		t.Errorf("%+v, usage %+v", c.Grounding, r.Usage)
	}
	r = answerTo(t, new(Classifiers), flash, ask("no address", `"tools":[{"urlContext":{}}]`))
	if c := r.Candidates[0]; c.URLs != nil || c.Grounding != nil || r.Usage.ToolUse != 0 {
		t.Errorf("nothing to fetch: %+v", c)
	}
}
