package answer

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestLogprobs(t *testing.T) {
	body := ask("The striker scored two goals.", `"generationConfig":{"responseLogprobs":true,"logprobs":3,"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["sport","food"]}}`)
	c := answerTo(t, new(Classifiers), flash, body).Candidates[0]
	if c.Average == nil || c.Logprobs == nil || len(c.Logprobs.Top) != len(c.Logprobs.Chosen) || len(c.Logprobs.Top[0].Candidates) != 3 {
		t.Fatalf("candidate %+v", c)
	}
	var text strings.Builder
	for _, tok := range c.Logprobs.Chosen {
		text.WriteString(tok.Token)
	}
	if p := math.Exp(c.Logprobs.Chosen[0].Log); text.String() != "sport" || p <= 0.5 || p >= 1 {
		t.Errorf("tokens %q, the first with probability %v", text.String(), p)
	}
}

// In an object, the token that begins a label is what the model chose. A list has one such
// token for each label, and a fault leaves all of it out.
func TestLogprobsInObject(t *testing.T) {
	body := func(schema string) string {
		return ask("The striker scored two goals, and then ate a pizza.", `"generationConfig":{"responseLogprobs":true,"responseMimeType":"application/json","responseSchema":`+schema+`}`)
	}
	enum := `{"type":"STRING","enum":["sport","food","travel"]}`
	for schema, want := range map[string][]string{
		`{"type":"OBJECT","properties":{"why":{"type":"STRING"},"label":` + enum + `},"propertyOrdering":["why","label"]}`: {"sport"},
		`{"type":"ARRAY","items":` + enum + `}`: {"sport", "food"},
	} {
		c := answerTo(t, new(Classifiers), flash, body(schema)).Candidates[0]
		var text strings.Builder
		var unsure []int
		for _, tok := range c.Logprobs.Chosen {
			if math.Exp(tok.Log) < 0.99989 {
				unsure = append(unsure, text.Len())
			}
			text.WriteString(tok.Token)
		}
		if text.String() != c.Content.Parts[0].Text || len(unsure) != len(want) {
			t.Fatalf("tokens %q, unsure at %v, want that of %q", text.String(), unsure, want)
		}
		for i, label := range want {
			if at := strings.Index(text.String(), `"`+label) + 1; unsure[i] > at || unsure[i]+4 <= at {
				t.Errorf("%q is unsure at %d, and %s begins at %d", text.String(), unsure[i], label, at)
			}
		}
	}
}

// Parts of all kinds keep their order in a stream, and what refers to the whole
// text comes with the last event.
func TestStreamOfTools(t *testing.T) {
	s := new(Classifiers)
	events := eventsOf(t, s, flash, ask("How much is 3 * 4?", `"tools":[{"codeExecution":{}},{"googleSearch":{}}]`))
	var kinds []string
	for i, e := range events {
		p := e.Candidates[0].Content.Parts[0]
		switch {
		case p.Code != nil:
			kinds = append(kinds, "code")
		case p.Result != nil:
			kinds = append(kinds, "result")
		default:
			kinds = append(kinds, "text")
		}
		if last := i == len(events)-1; last != (e.Candidates[0].Grounding != nil) {
			t.Errorf("event %d of %d: grounding %+v", i, len(events), e.Candidates[0].Grounding)
		}
	}
	if !slices.Equal(kinds, []string{"code", "result", "text"}) {
		t.Errorf("%v", kinds)
	}
	events = eventsOf(t, s, flash, ask("What is the weather in Rome?", weatherTools))
	if len(events) != 1 || callsOf(events[0]) == nil || events[0].Candidates[0].Finish != "STOP" || events[0].Usage.Candidates == 0 {
		t.Errorf("%+v", events)
	}
}
