package answer

import (
	"fmt"
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
