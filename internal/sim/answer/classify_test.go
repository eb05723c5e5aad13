package answer

import (
	"fmt"
	"strings"
	"testing"
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
				s := new(Classifiers)
				for where, body := range map[string]string{
					"in the system instruction": ask(text, `"systemInstruction":{"parts":[{"text":`+quote(described)+`}]},`+config),
					"before the text":           ask(described+"\n"+text, config),
					"after the text":            ask(text+"\n"+described, config),
					"without descriptions":      ask(text, config),
				} {
					if got := textOf(answerTo(t, s, flash, body)); got != want {
						t.Errorf("labels %s: %s, want %s", where, got, want)
					}
				}
			})
		}
	}
}

// FuzzClassify picks among labels of all kinds, as users write them.
func FuzzClassify(f *testing.F) {
	f.Add("e-mail\x00post", "e-mail: letters, e.g. by post\n- post: i.e. paper", "an e-mail")
	f.Add("e\x00E\x00", "e: ", "e")
	f.Add("\x00 \x00!\x00\n", "", "")
	f.Add("日本\x00é\x00ß\x00\u0301", "日本: 東京", "東京 é")
	f.Add("a:b\x00(c)\x00[d]", "a:b: c = d\n(c) (e.g.)", "[d]")
	f.Add(strings.Repeat("label e\x00", 3000), "e", "label")
	f.Fuzz(func(t *testing.T, labels, described, text string) {
		list := strings.Split(labels, "\x00")
		var cs Classifiers
		c, rest := cs.classifier(list, described, text)
		if label, sure := c.pick(rest); label < 0 || label >= len(list) || !(sure > 0 && sure <= 1) {
			t.Errorf("label %d of %d, with %f", label, len(list), sure)
		}
		for _, l := range c.ranked(text) {
			if l < 0 || l >= len(list) {
				t.Errorf("label %d of %d", l, len(list))
			}
		}
	})
}
