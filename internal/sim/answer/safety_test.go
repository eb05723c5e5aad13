package answer

import "testing"

func TestSafetyRatingsAndCitations(t *testing.T) {
	settings := func(threshold string) string {
		return `"safetySettings":[{"category":"HARM_CATEGORY_DANGEROUS_CONTENT","threshold":"` + threshold + `"},{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`
	}
	const text = "A novel about a bomb and a weapon."
	s := new(Classifiers)
	c := answerTo(t, s, flash, ask(text, settings("BLOCK_ONLY_HIGH"))).Candidates[0]
	if len(c.Ratings) != 2 || c.Ratings[0].Probability != "MEDIUM" || c.Ratings[1].Probability != "NEGLIGIBLE" || c.Finish != "STOP" {
		t.Errorf("%+v", c)
	}
	c = answerTo(t, s, flash, ask(text, settings("BLOCK_MEDIUM_AND_ABOVE"))).Candidates[0]
	if !c.Ratings[0].Blocked || c.Finish != "SAFETY" || c.Content != nil {
		t.Errorf("%+v", c)
	}
	if c := answerTo(t, s, flash, ask(text, "")).Candidates[0]; c.Ratings != nil || c.Citations != nil {
		t.Errorf("%+v", c)
	}
	c = answerTo(t, s, flash, ask("Please quote this. To be or not to be.", "")).Candidates[0]
	if c.Citations == nil || len(c.Citations.Sources) != 1 || c.Citations.Sources[0].End != len("Please quote this.") {
		t.Errorf("%+v", c.Citations)
	}
}
