package answer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// The instruction has lines that would mean something to the answer to a single text: as the
// description of a label, and as a request for a summary.
const packInstruction = "Each line of the user's message is a JSON object with the id of a text and the text. Answer with a JSON array that has an object for each:\n" +
	"\"id\": the id of the text\n" +
	"\"answer\": what the text wants, be it cooking, a goal or a summary"

// A job is what single requests and packs of them have in common.
type job struct {
	system   string
	mime     string
	field    string // of the schema
	schema   string
	examples [][2]string // texts with their answers
}

// alone returns the request for one text.
func (j *job) alone(text string) string {
	var turns []string
	for _, e := range j.examples {
		turns = append(turns, turn("user", e[0]), turn("model", e[1]))
	}
	return j.body(append(turns, turn("user", text)), j.system, j.mime, j.schema)
}

// pack returns the request for several texts, whose ids are b, c, d and so on. An answer of
// the examples is JSON as it is.
func (j *job) pack(texts ...string) string {
	var turns []string
	if len(j.examples) > 0 {
		var shown, answers []string
		for i, e := range j.examples {
			id := "x" + string(rune('b'+i))
			shown = append(shown, line(id, e[0]))
			answer := e[1]
			if !strings.HasPrefix(answer, "{") {
				answer = quote(answer)
			}
			answers = append(answers, `{"id":"`+id+`","answer":`+answer+`}`)
		}
		turns = append(turns, turn("user", strings.Join(shown, "\n")), turn("model", "["+strings.Join(answers, ",")+"]"))
	}
	var lines []string
	for i, text := range texts {
		lines = append(lines, line(string(rune('b'+i)), text))
	}
	own := j.schema
	if own == "" {
		own = `{"type":"STRING"}`
	}
	var s map[string]any
	if err := json.Unmarshal([]byte(own), &s); err != nil {
		panic(err)
	}
	schema := map[string]any{"type": "array", "items": map[string]any{"type": "object", "required": []string{"id", "answer"},
		"properties": map[string]any{"id": map[string]any{"type": "string"}, "answer": s}}}
	if d := s["$defs"]; d != nil {
		schema["$defs"] = d
		delete(s, "$defs")
	}
	text, err := json.Marshal(schema)
	if err != nil {
		panic(err)
	}
	return j.body(append(turns, turn("user", strings.Join(lines, "\n"))), j.system+"\x00"+packInstruction, "application/json", string(text))
}

func (j *job) body(turns []string, system, mime, schema string) string {
	var parts []string
	for s := range strings.SplitSeq(system, "\x00") {
		if s != "" {
			parts = append(parts, `{"text":`+quote(s)+`}`)
		}
	}
	b := `{"contents":[` + strings.Join(turns, ",") + `]`
	if parts != nil {
		b += `,"systemInstruction":{"parts":[` + strings.Join(parts, ",") + `]}`
	}
	if mime != "" {
		b += `,"generationConfig":{"responseMimeType":"` + mime + `"`
		if schema != "" {
			field := j.field
			if field == "" {
				field = "responseSchema"
			}
			b += `,"` + field + `":` + schema
		}
		b += "}"
	}
	return b + "}"
}

func turn(role, text string) string {
	return `{"role":"` + role + `","parts":[{"text":` + quote(text) + `}]}`
}

func line(id, text string) string { return `{"id":` + quote(id) + `,"text":` + quote(text) + `}` }

// An element is one of the array that answers a pack.
type element struct {
	ID     string
	Answer json.RawMessage
}

// own returns a row's own answer.
func (e *element) own() string {
	var s string
	if json.Unmarshal(e.Answer, &s) == nil {
		return s
	}
	return string(e.Answer)
}

// elements reads the answer to a pack.
func elements(t *testing.T, text string) []element {
	t.Helper()
	var all []element
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return all
}

var packedTexts = []string{
	"The striker scored two goals before half time.",
	"Parliament votes on the new \"election\" law next week: 3 < 5 & more\nand a second line.",
	"Add the eggs, stir, and cook the pasta for ten minutes. It costs 12 euros. Serve it warm.",
	"zzz", "", "Größe 5 — 日本語 🙂 \u2028 goal",
	"This answer is wrong. The response was not valid, says the minister.",
	"label: sport is what others say",
	"- politics: in the text itself\nA match",
	`{"id":"q","text":"a goal"}`,
}

var packedJobs = map[string]job{
	"text/x.enum": {mime: "text/x.enum", schema: `{"type":"STRING","enum":["sport","politics","food"]}`},
	"described labels": {system: "Sort by topic.\n- answer: matches and goals\n- b: laws\n- c: cooking", mime: "text/x.enum",
		schema: `{"type":"STRING","enum":["answer","b","c"]}`},
	"several labels": {mime: "application/json", schema: `{"type":"ARRAY","items":{"type":"STRING","enum":["sport","politics","food"]}}`},
	"object": {mime: "application/json", field: "responseJsonSchema", schema: `{"type":"object","properties":{
		"label":{"$ref":"#/$defs/L"},"confidence":{"type":"number","minimum":0,"maximum":1},"price":{"type":["integer","null"]},"reason":{"type":"string"},"title":{"type":"string"}},
		"required":["label"],"$defs":{"L":{"type":"string","enum":["sport","politics","food"]}}}`},
	"ordered object": {mime: "application/json", schema: `{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"INTEGER"},"c":{"type":"BOOLEAN"}},
		"propertyOrdering":["b","a","c"],"required":["a","b","c"]}`},
	"summary":    {system: "Summarize the text in one sentence."},
	"plain text": {system: "Repeat the text."},
	"nothing":    {},
	"examples of labels": {mime: "text/x.enum", schema: `{"type":"STRING","enum":["sport","politics","food"]}`,
		examples: [][2]string{{"A goal!", "sport"}, {"What does the answer \"not valid\" say?", "politics"}}},
	"examples of objects": {mime: "application/json", schema: `{"type":"OBJECT","properties":{"label":{"type":"STRING","enum":["sport","food"]}}}`,
		examples: [][2]string{{"A goal!", `{"label":"sport"}`}}},
}

// A row of a pack has the answer that it has alone, whatever the answer is.
func TestPackAnswersAsAlone(t *testing.T) {
	for name, j := range packedJobs {
		t.Run(name, func(t *testing.T) {
			s := new(Classifiers)
			texts := packedTexts
			if len(j.examples) > 0 {
				// Behind an example, a text about answers is taken for a correction of it.
				texts = append(append([]string{}, texts[:6]...), texts[7:]...)
			}
			text := textOf(answerTo(t, s, flash, j.pack(texts...)))
			if strings.ContainsAny(text, "\n\r") || strings.HasPrefix(text, "[ ") {
				t.Errorf("the answer is not compact: %s", text)
			}
			got := elements(t, text)
			if len(got) != len(texts) {
				t.Fatalf("%d answers to %d texts: %s", len(got), len(texts), text)
			}
			for i, asked := range texts {
				if id := string(rune('b' + i)); got[i].ID != id {
					t.Errorf("the answer in place %d has the id %q, want %q", i, got[i].ID, id)
				}
				if asked == "" {
					continue // alone, it asks for nothing
				}
				if want := textOf(answerTo(t, s, flash, j.alone(asked))); got[i].own() != want {
					t.Errorf("%q is answered %s in a pack, and alone %s", asked, got[i].own(), want)
				}
			}
		})
	}
}

// A model knows a pack by its schema, or by its instructions where the schema is left out. The
// schema may stand in words behind the texts. Anything else is answered as a single text.
func TestPackIsKnown(t *testing.T) {
	j := packedJobs["text/x.enum"]
	lines := line("b", "A goal!") + "\n" + line("c", "This answer is not valid. A new law")
	full := j.pack("A goal!", "This answer is not valid. A new law")
	config := full[strings.Index(full, `,"generationConfig"`) : len(full)-1]
	schema := config[strings.Index(config, `"responseSchema":`)+len(`"responseSchema":`) : len(config)-1]
	instruction := strings.Replace(packInstruction, "a summary", "a law", 1) // or what is no pack would be summarized
	system := `,"systemInstruction":{"parts":[{"text":"Take it easy."},{"text":` + quote(instruction) + `}]}`
	inWords := `{"role":"user","parts":[{"text":` + quote(lines) + `},{"text":` + quote("Answer with JSON alone, by this JSON Schema:\n"+schema) + `}]}`
	shown := turn("user", line("x", "A goal!")) + "," + turn("model", `[{"id":"x","answer":"sport"}]`) + ","
	const labels, texts = `[{"id":"b","answer":"sport"},{"id":"c","answer":"politics"}]`, `[{"id":"b","answer":"A goal!"},{"id":"c","answer":"This answer is not valid. A new law"}]`
	for name, tt := range map[string]struct{ turns, more, want string }{
		"schema and instruction":   {turn("user", lines), system + config, labels},
		"schema":                   {turn("user", lines), config, labels},
		"instruction":              {turn("user", lines), system, texts},
		"instruction, in words":    {inWords, system, labels},
		"in words":                 {inWords, "", labels},
		"after examples":           {shown + turn("user", lines), system + config, labels},
		"after examples, in words": {shown + inWords, system, labels},
		"a line feed at the end":   {turn("user", lines+"\n"), config, labels},
		"corrected":                {turn("user", lines) + "," + turn("model", "[]") + "," + turn("user", "That is not valid: it has no items. Answer again."), config, labels},
		"one row":                  {turn("user", line("b", "A goal!")), config, `[{"id":"b","answer":"sport"}]`},

		"neither":                  {turn("user", lines), "", lines},
		"another key in a line":    {turn("user", lines+"\n"+`{"id":"d","text":"e","f":"g"}`), system, lines + "\n" + `{"id":"d","text":"e","f":"g"}`},
		"a number for an id":       {turn("user", `{"id":1,"text":"e"}`), system, `{"id":1,"text":"e"}`},
		"another line":             {turn("user", lines+"\nand so on"), system, lines + "\nand so on"},
		"instruction on its own":   {turn("user", "Hello."), system, "Hello."},
		"schema of other objects":  {turn("user", lines), strings.ReplaceAll(config, "answer", "reply"), ""},
		"another schema than told": {turn("user", lines), system + strings.ReplaceAll(config, "answer", "reply"), ""},
	} {
		got := textOf(answerTo(t, new(Classifiers), flash, `{"contents":[`+tt.turns+`]`+tt.more+`}`))
		if got != tt.want && tt.want != "" || tt.want == "" && (strings.Contains(got, `"answer"`) || !strings.Contains(got, `"reply"`)) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// Real models stop in the middle of an answer that grows too long.
func TestPackIsCut(t *testing.T) {
	j := packedJobs["text/x.enum"]
	body := j.pack(packedTexts...)
	whole := textOf(answerTo(t, new(Classifiers), flash, body))
	r := answerTo(t, new(Classifiers), flash, strings.Replace(body, `"generationConfig":{`, `"generationConfig":{"thinkingConfig":{"thinkingBudget":0},"maxOutputTokens":30,`, 1))
	if got := textOf(r); r.Candidates[0].Finish != "MAX_TOKENS" || got != whole[:120] || r.Usage.Candidates != 30 {
		t.Errorf("%s after %d tokens: %s", r.Candidates[0].Finish, r.Usage.Candidates, got)
	}
	if n := answerTo(t, new(Classifiers), flash, body).Usage.Candidates; n != wire.CountText(whole) {
		t.Errorf("%d tokens for %s", n, whole)
	}
}

// The log probabilities of a pack's labels stand where the labels do, and are those that they
// have alone.
func TestPackLogprobs(t *testing.T) {
	j := packedJobs["text/x.enum"]
	ask := func(body string) []tokens.Candidate {
		r := answerTo(t, new(Classifiers), flash, strings.Replace(body, `"generationConfig":{`, `"generationConfig":{"responseLogprobs":true,`, 1))
		return r.Candidates[0].Logprobs.Chosen
	}
	var want []float64
	for _, text := range packedTexts[:4] {
		want = append(want, ask(j.alone(text))[0].Log)
	}
	var got []float64
	text := ""
	for _, c := range ask(j.pack(packedTexts[:4]...)) {
		if text += c.Token; c.Log < math.Log(0.9998) {
			got = append(got, c.Log)
			if !strings.Contains(text[max(0, len(text)-20):], `"answer":"`) {
				t.Errorf("a choice after %s", text)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("log probabilities %v, and alone %v", got, want)
	}
}

// erring returns the answer to a pack in which each row errs, and where its log probabilities
// show a choice.
func erring(t *testing.T, body string) (text string, choices []int) {
	t.Helper()
	q, e := wire.ParseRequest([]byte(body), wire.Google, false)
	m, ok := wire.FindModel(wire.Google, flash)
	if e != nil || !ok {
		t.Fatal(e)
	}
	turn := Turn{Request: q, Prompt: q.Prompt(), Pack: q.Pack(), Model: &m, Dialect: wire.Google, Packs: Packs{Error: 1}, Classifiers: new(Classifiers)}
	r := turn.Reply()
	for _, c := range r.logprobs.Made {
		choices = append(choices, c.At)
	}
	return r.text, choices
}

// A row that errs says as much of its choices as one that does not, and they stand where its
// labels do.
func TestErringChoices(t *testing.T) {
	j := job{mime: "application/json", schema: `{"type":"OBJECT","properties":{
		"topic":{"type":"STRING","enum":["a","much longer","x"]},"tone":{"type":"STRING","enum":["b","another one"]}},"propertyOrdering":["topic","tone"]}`}
	text, choices := erring(t, j.pack("one", "two", "three"))
	if len(choices) != 6 {
		t.Fatalf("%d choices in three rows with two labels each", len(choices))
	}
	for i, at := range choices {
		if name := []string{`"topic":"`, `"tone":"`}[i%2]; !strings.HasSuffix(text[:at], name) {
			t.Errorf("choice %d follows %s, not %s", i, text[:at], name)
		}
	}
}

// How sure an answer is makes no other one.
func TestErringConfidence(t *testing.T) {
	j := job{mime: "application/json", schema: `{"type":"OBJECT","properties":{"confidence":{"type":"INTEGER"},"probability":{"type":"NUMBER"},"yes":{"type":"BOOLEAN"}}}`}
	text, _ := erring(t, j.pack(packedTexts...))
	for _, e := range elements(t, text) {
		var got struct{ Confidence, Probability float64 }
		if err := json.Unmarshal(e.Answer, &got); err != nil || got.Confidence != 50 || got.Probability != 0.5 {
			t.Errorf("%v: %s", err, e.Answer)
		}
	}
}
