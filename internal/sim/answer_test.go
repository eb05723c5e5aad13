package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

func TestClassify(t *testing.T) {
	const labels = `"sport","politics","food"`
	schemas := map[string]string{
		"x.enum":      `{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":[%s]}}`,
		"enum":        `{"responseMimeType":"application/json","responseSchema":{"type":"STRING","enum":[%s]}}`,
		"object":      `{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"label":{"type":"string","enum":[%s]}},"required":["label"]}}`,
		"snake case":  `{"response_mime_type":"application/json","response_schema":{"type":"object","properties":{"label":{"enum":[%s]}}}}`,
		"many labels": `{"responseMimeType":"application/json","responseJsonSchema":{"type":"array","minItems":1,"maxItems":1,"items":{"type":"string","enum":[%s]}}}`,
	}
	wraps := map[string]string{"x.enum": `%s`, "enum": `"%s"`, "object": `{"label":"%s"}`, "snake case": `{"label":"%s"}`, "many labels": `["%s"]`}
	texts := map[string]string{
		"The striker scored two goals before half time.":         "sport",
		"Parliament votes on the new election law next week.":    "politics",
		"Add the eggs, stir, and cook the pasta for ten minutes": "food",
	}
	const described = "Sort by topic.\n- sport: matches and athletes\n* **politics**: governments, laws\n3. \"food\" - cooking and eating\n"
	for name, schema := range schemas {
		for text, label := range texts {
			t.Run(name+"/"+label, func(t *testing.T) {
				config := `"generationConfig":` + fmt.Sprintf(schema, labels)
				want := fmt.Sprintf(wraps[name], label)
				s := New(Config{})
				for where, body := range map[string]string{
					"in the system instruction": ask(text, `"systemInstruction":{"parts":[{"text":`+quote(described)+`}]},`+config),
					"before the text":           ask(described+"\n"+text, config),
					"after the text":            ask(text+"\n"+described, config),
					"without descriptions":      ask(text, config),
				} {
					if got := textOf(read(t, call(s, flash, body))); got != want {
						t.Errorf("labels %s: %s, want %s", where, got, want)
					}
				}
			})
		}
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestClassifyWithoutAnyHit(t *testing.T) {
	config := `"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a1","b2","c3","d4"]}}`
	s, again := New(Config{}), New(Config{Seed: 7})
	counts := map[string]int{}
	for i := range 200 {
		body := ask(fmt.Sprintf("zzz %d", i), config)
		got := textOf(read(t, call(s, flash, body)))
		if other := textOf(read(t, call(again, flash, body))); other != got {
			t.Fatalf("%s, and the next time %s", got, other)
		}
		counts[got]++
	}
	if len(counts) != 4 || counts["a1"] < 25 || counts["d4"] < 25 {
		t.Errorf("200 texts that say nothing fall on %v", counts)
	}
}

func TestSummary(t *testing.T) {
	const text = "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast! Nobody else was there. It rained."
	tests := []struct{ system, user, want string }{
		{"Summarize the text in one sentence.", text, "Dr. J. Smith sails."},
		{"", "Summarise in 3 sentences:\n\n" + text, "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast! Nobody else was there."},
		{"", "Please summarize: " + text, "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast!"},
		{"You write a summary of each text.", "no full stop\nin here", "no full stop in here"},
	}
	for _, tt := range tests {
		body := ask(tt.user, `"systemInstruction":{"parts":[{"text":`+quote(tt.system)+`}]}`)
		got := textOf(read(t, call(New(Config{}), flash, body)))
		if got != tt.want {
			t.Errorf("%q + %q:\n got %q\nwant %q", tt.system, tt.user, got, tt.want)
		}
	}
}

func TestUsage(t *testing.T) {
	const image = `{"contents":[{"parts":[{"text":"abcdefgh"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}`
	r := read(t, call(New(Config{}), flash, image))
	details, _ := json.Marshal(r.Usage.PromptDetails)
	if want := `[{"modality":"TEXT","tokenCount":2},{"modality":"IMAGE","tokenCount":258}]`; string(details) != want || r.Usage.Prompt != 260 {
		t.Errorf("prompt of %d tokens: %s", r.Usage.Prompt, details)
	}
	if u := r.Usage; u.Total != u.Prompt+u.Candidates+u.Thoughts || u.Thoughts == 0 || u.Candidates != 2 {
		t.Errorf("usage %+v", u)
	}
}

func TestThinking(t *testing.T) {
	thinking := func(s string) string { return `"generationConfig":{"thinkingConfig":{` + s + `}}` }
	tests := []struct {
		model, more string
		least, most int // of the mean over many requests
	}{
		{"gemini-2.5-flash", "", 250, 600},
		{"gemini-2.5-flash", thinking(`"thinkingBudget":0`), 0, 0},
		{"gemini-2.5-flash", thinking(`"thinkingBudget":50`), 20, 50},
		{"gemini-2.5-pro", "", 700, 1500},
		{"gemini-2.5-flash-lite", "", 0, 0},
		{"gemini-2.5-flash-lite", thinking(`"thinkingBudget":-1`), 250, 600},
		{"gemini-3.5-flash-lite", "", 0, 0},
		{"gemini-3.8-flash", thinking(`"thinkingLevel":"LOW"`), 70, 180},
		{"gemma-4-31b-it", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.model+tt.more, func(t *testing.T) {
			s, sum := New(Config{}), 0
			const n = 300
			for i := range n {
				sum += read(t, call(s, "/v1beta/models/"+tt.model+":generateContent", ask(fmt.Sprint(i), tt.more))).Usage.Thoughts
			}
			if mean := sum / n; mean < tt.least || mean > tt.most {
				t.Errorf("%d thinking tokens on average, want %d to %d", mean, tt.least, tt.most)
			}
			if got := s.Stats().ThoughtsTokens; got != int64(sum) {
				t.Errorf("stats say %d thinking tokens, the answers %d", got, sum)
			}
		})
	}
}

func TestThoughtPart(t *testing.T) {
	body := ask("hi", `"generationConfig":{"thinkingConfig":{"includeThoughts":true}}`)
	r := read(t, call(New(Config{}), flash, body))
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
	s := New(Config{})

	r := read(t, call(s, flash, ask(text, config(10, 0))))
	if got := textOf(r); r.Candidates[0].Finish != "MAX_TOKENS" || wire.CountText(got) != 10 || r.Usage.Candidates != 10 {
		t.Errorf("cut answer: %+v, usage %+v", r.Candidates[0], r.Usage)
	}
	r = read(t, call(s, flash, ask(text, config(5, -1))))
	if c := r.Candidates[0]; c.Finish != "MAX_TOKENS" || len(c.Content.Parts) != 0 || r.Usage.Thoughts != 5 || r.Usage.Candidates != 0 {
		t.Errorf("all thought away: %+v, usage %+v", c, r.Usage)
	}
	r = read(t, call(s, flash, ask(text, config(1000, 0))))
	if r.Candidates[0].Finish != "STOP" {
		t.Errorf("enough room: %+v", r.Candidates[0])
	}
	r = read(t, call(s, flash, ask("one two STOP three", `"generationConfig":{"stopSequences":["STOP"]}`)))
	if got := textOf(r); got != "one two " {
		t.Errorf("stop sequence: %q", got)
	}
}

func TestLogprobs(t *testing.T) {
	body := ask("The striker scored two goals.", `"generationConfig":{"responseLogprobs":true,"logprobs":3,"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["sport","food"]}}`)
	c := read(t, call(New(Config{}), flash, body)).Candidates[0]
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

func TestCountText(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 1, "abcd": 1, "abcde": 2, "日本": 2, "éé": 1, "Привет!!": 4} {
		if got := wire.CountText(text); got != want {
			t.Errorf("countText(%q) = %d, want %d", text, got, want)
		}
	}
}
