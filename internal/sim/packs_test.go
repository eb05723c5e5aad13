package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/internal/sim/answer"
)

// packOf returns the request that rows with the ids b0, b1 and so on share. The schema is that
// of a single answer.
func packOf(schema string, texts ...string) string {
	var lines []string
	for i, text := range texts {
		line, _ := json.Marshal(map[string]string{"id": fmt.Sprint("b", i), "text": text})
		lines = append(lines, string(line))
	}
	return ask(strings.Join(lines, "\n"), `"systemInstruction":{"parts":[{"text":"Answer each line with an object in a JSON array, {\"id\":…,\"answer\":…}."}]},`+
		`"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":`+packSchema(schema)+`}`)
}

func packSchema(schema string) string {
	return `{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"answer":` + schema + `},"required":["id","answer"],"additionalProperties":false},"$defs":{"L":` + labelSchema + `}}`
}

// aloneOf returns the request that one of these rows is by itself.
func aloneOf(schema, text string) string {
	if schema == plainSchema {
		return ask(text, "")
	}
	return ask(text, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":`+schema+`}`)
}

const (
	plainSchema = `{"type":"string"}`
	labelSchema = `{"type":"string","enum":["sport","politics","food"]}`
)

// A told is what a pack's answer says of a row.
type told struct {
	ID     string
	Answer json.RawMessage
}

// toldBy reads a pack's answer.
func toldBy(t *testing.T, text string) (all []told) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return all
}

func rowTexts(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s is what row %d is about, in 3 words. There is more.", []string{"A goal", "Parliament", "A recipe", "Nothing"}[i%4], i)
	}
	return texts
}

// The answer to a pack follows the schema that was sent, also where rows are wrong. A wrong
// row is answered otherwise than alone, and in no more than one member of an object.
func TestPackFollowsItsSchema(t *testing.T) {
	schemas := map[string]string{
		"label":         labelSchema,
		"labels":        `{"type":"array","minItems":1,"maxItems":2,"items":{"enum":["sport","politics","food"]}}`,
		"no other":      `{"type":"array","minItems":2,"maxItems":2,"items":{"enum":["sport","food"]}}`,
		"one label":     `{"type":"array","minItems":1,"maxItems":1,"items":{"enum":["sport","food"]}}`,
		"plain text":    plainSchema,
		"short text":    `{"type":"string","maxLength":7,"minLength":5}`,
		"number":        `{"type":"number","minimum":0,"maximum":1}`,
		"integer":       `{"type":"integer","minimum":3,"maximum":4}`,
		"multiple":      `{"type":"integer","multipleOf":5,"minimum":0}`,
		"boolean":       `{"type":"boolean"}`,
		"other values":  `{"enum":[1,true,null,"a"]}`,
		"object":        `{"type":"object","properties":{"label":` + labelSchema + `,"confidence":{"type":"number","minimum":0,"maximum":1},"reason":{"type":"string"}},"required":["label","confidence","reason"],"additionalProperties":false}`,
		"extraction":    `{"type":"object","properties":{"day":{"type":"string","format":"date"},"words":{"type":"integer"},"code":{"type":"string","pattern":"^[A-Z]$"}},"required":["day","words","code"]}`,
		"nested":        `{"type":"object","properties":{"of":{"type":"array","minItems":1,"items":{"type":"object","properties":{"good":{"type":"boolean"},"kind":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["good"]}}},"required":["of"]}`,
		"reference":     `{"type":"object","properties":{"label":{"$ref":"#/$defs/L"}},"required":["label"],"$defs":{"L":` + labelSchema + `}}`,
		"all of a kind": `{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"enum":["x","y"]}},"required":["b"]}]}`,
	}
	right, wrong := httptest.NewServer(New(Config{})), httptest.NewServer(New(Config{Packs: Packs{Error: 1}}))
	defer right.Close()
	defer wrong.Close()
	for name, schema := range schemas {
		t.Run(name, func(t *testing.T) {
			validator := compile(t, packSchema(schema))
			texts := rowTexts(12)
			for i, s := range []*httptest.Server{right, wrong} {
				said := toldBy(t, answerOver(t, s, packOf(schema, texts...), validator))
				if len(said) != len(texts) {
					t.Fatalf("%d answers to %d texts", len(said), len(texts))
				}
				for row, text := range texts {
					_, body, err := send(t, right, t.Context(), flash, aloneOf(schema, text))
					var r answer.Response
					if err := json.Unmarshal([]byte(body), &r); err != nil {
						t.Fatal(err)
					}
					alone := textOf(r)
					if schema == plainSchema {
						quoted, _ := json.Marshal(alone)
						alone = string(quoted)
					}
					if said[row].ID != fmt.Sprint("b", row) || err != nil {
						t.Fatalf("%v: row %d is %s", err, row, said[row].ID)
					}
					want := i
					if name == "no other" { // the schema leaves only one set of labels
						want = 0
					}
					if n := differences(t, alone, string(said[row].Answer)); n != want {
						t.Errorf("errors with probability %d: %s, and alone %s", i, said[row].Answer, alone)
					}
				}
			}
		})
	}
}

// answerOver returns the answer over HTTP, which must be of the schema.
func answerOver(t *testing.T, s *httptest.Server, body string, schema *jsonschema.Schema) string {
	t.Helper()
	resp, text, err := send(t, s, t.Context(), flash, body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v: %s", err, text)
	}
	var r answer.Response
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(textOf(r)))
	if err != nil {
		t.Fatalf("%v in %s", err, textOf(r))
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%v in %s", err, textOf(r))
	}
	return textOf(r)
}

func compile(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// differences counts the values in which two JSON texts differ, those of objects and of the
// arrays of objects one by one.
func differences(t *testing.T, a, b string) int {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Fatalf("%s or %s is no JSON", a, b)
	}
	var count func(x, y any) int
	count = func(x, y any) int {
		n := 0
		switch x := x.(type) {
		case map[string]any:
			for name := range x {
				n += count(x[name], y.(map[string]any)[name])
			}
			return n + len(y.(map[string]any)) - len(x)
		case []any:
			if len(x) > 0 && len(x) == len(y.([]any)) {
				if _, ok := x[0].(map[string]any); ok {
					for i := range x {
						n += count(x[i], y.([]any)[i])
					}
					return n
				}
			}
		}
		if fmt.Sprint(x) != fmt.Sprint(y) {
			return 1
		}
		return 0
	}
	return count(x, y)
}

// What a directive of one row does to the answer of all.
func TestPackFaults(t *testing.T) {
	s := httptest.NewServer(New(Config{}))
	defer s.Close()
	const a, b, c = `{"id":"b0","answer":"sport"}`, `{"id":"b1","answer":"politics"}`, `{"id":"b2","answer":"food"}`
	for kind, want := range map[string]string{
		"":                `[` + a + `,` + b + `,` + c + `]`,
		"leftout":         `[` + a + `,` + c + `]`,
		"twice":           `[` + a + `,` + b + `,{"id":"b1","answer":"food"},` + c + `]`,
		"foreign":         `[` + a + `,` + b + `,{"id":"x","answer":"politics"},` + c + `]`,
		"noarray":         `{"answers":[` + a + `,` + b + `,` + c + `]}`,
		"invalid":         `[` + a + `,{"id":"b1","answer":"poli I am not sure"},` + c + `]`,
		"badschema":       `[` + a + `,{"id":"b1","answer":{"unexpected":true}},` + c + `]`,
		"answer=food":     `[` + a + `,{"id":"b1","answer":"food"},` + c + `]`,
		"answer=17":       `[` + a + `,{"id":"b1","answer":"17"},` + c + `]`,
		"digest":          `[` + a + `,{"id":"b1","answer":"` + digestOfPolitics + `"},` + c + `]`,
		"fenced":          "```json\n[" + a + `,` + b + `,` + c + "]\n```",
		"recitation":      `[` + a + `,{"id":"b1","ans`,
		"block":           "",
		"safety":          "",
		"maxtokens":       "",
		"empty":           "",
		"finish=LANGUAGE": `[` + a + `,` + b + `,` + c + `]`,
	} {
		body := packOf(labelSchema, "A goal", "A law of parliament [[sim:"+kind+"]]", "A recipe to cook")
		resp, text, err := send(t, s, t.Context(), flash, body)
		var r answer.Response
		if err != nil || resp.StatusCode != 200 || json.Unmarshal([]byte(text), &r) != nil {
			t.Fatalf("%s: %v %s", kind, err, text)
		}
		if got := textOf(r); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
		if r.Feedback != nil != (kind == "block") {
			t.Errorf("%s: %s", kind, text)
		}
	}
	// An answer does not depend on directives, whichever row they stand in.
	if got := textOf(read(t, call(New(Config{}), flash, packOf(plainSchema, "[[sim:nonsense]] one", "two [[sim:slow=0s]]")))); got != `[{"id":"b0","answer":"one"},{"id":"b1","answer":"two"}]` {
		t.Errorf("plain texts with directives: %s", got)
	}
	resp, text, err := send(t, s, t.Context(), flash, packOf(labelSchema, "A goal", "A law [[sim:400]]"))
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("400: %v %s", err, text)
	}
	// A row that has the directives of packs is answered alone as if they were not there.
	for _, kind := range []string{"leftout", "twice", "foreign", "noarray"} {
		if got := textOf(read(t, call(New(Config{}), flash, aloneOf(labelSchema, "A law of parliament [[sim:"+kind+"]]")))); got != `"politics"` {
			t.Errorf("%s alone: %s", kind, got)
		}
	}
}

const digestOfPolitics = "1a1d1484d3cbc721070469e555f6a0cc89c03d60181e1f13694014e9249d19b6"

// Faults by chance hit packs too, and then any of their rows.
func TestPackFaultsByChance(t *testing.T) {
	faults, err := ParseFaults("leftout=0.5,twice=0.2")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Faults: faults})
	sizes, missing := map[int]int{}, map[string]bool{}
	for i := range 300 {
		said := toldBy(t, textOf(read(t, call(s, flash, packOf(labelSchema, fmt.Sprint("goal ", i), "a law", "a recipe")))))
		sizes[len(said)]++
		for _, id := range []string{"b0", "b1", "b2"} {
			if !slices.ContainsFunc(said, func(a told) bool { return a.ID == id }) {
				missing[id] = true
			}
		}
	}
	if sizes[2] < 120 || sizes[2] > 180 || sizes[4] < 40 || sizes[4] > 80 || len(missing) != 3 {
		t.Errorf("the numbers of answers to three rows: %v; missing at times: %v", sizes, missing)
	}
}

// The tries of a row's text are counted wherever it is asked: in one pack, in another, alone.
func TestPackTries(t *testing.T) {
	s := New(Config{})
	code := func(body string) int { return call(s, flash, body).Code }
	const first, second = `the first says "503" [[sim:503x2]] and more`, "the second [[sim:500x1]]"
	for i, step := range []struct {
		body string
		want int
	}{
		{packOf(labelSchema, "before", first, second), 503}, // both have been tried
		{packOf(labelSchema, first, second, "behind"), 503},
		{aloneOf(labelSchema, second), 200},
		{packOf(labelSchema, "before", first), 200},
		{aloneOf(labelSchema, first), 503}, // from the start again once answered
	} {
		if got := code(step.body); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	leftOut := packOf(labelSchema, "a goal [[sim:leftoutx1]]", "a law")
	for i, want := range []int{1, 2, 1} {
		if got := len(toldBy(t, textOf(read(t, call(s, flash, leftOut))))); got != want {
			t.Errorf("try %d has %d answers, want %d", i, got, want)
		}
	}
	// Outside of the rows, a directive is about all of the answer.
	told := strings.Replace(packOf(labelSchema, "a goal", "a law"), "Answer each", "[[sim:answer=no]] [[sim:503x1]] Answer each", 1)
	if got := code(told); got != 503 {
		t.Errorf("a directive in the instructions: %d", got)
	}
	if got := textOf(read(t, call(s, flash, told))); got != "no" {
		t.Errorf("a directive in the instructions: %s", got)
	}
}

// The probability of an error, worked out by hand: each doubling spoils a tenth of what is right.
func TestPackErrorAt(t *testing.T) {
	p := Packs{Error: 0.1}
	for n, want := range map[int]float64{0: 0, 1: 0, 2: 0.1, 4: 0.19, 8: 0.271, 16: 0.3439, 32: 0.40951} {
		if got := p.ErrorAt(n); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d rows: %v, want %v", n, got, want)
		}
	}
	if got := (Packs{Error: 1}).ErrorAt(2); got != 1 {
		t.Errorf("an error of 1: %v", got)
	}
	if got := (Packs{}).ErrorAt(1000); got != 0 {
		t.Errorf("no error: %v", got)
	}
	if a, b := p.ErrorAt(5), p.ErrorAt(6); a <= 0.19 || b <= a || b >= 0.271 {
		t.Errorf("5 and 6 rows: %v %v", a, b)
	}
	for _, p := range []Packs{{Error: -0.1}, {Error: math.NaN()}, {Shift: 1.1}} {
		c := Config{Packs: p}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "of packs must be a probability from 0 to 1") {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// mistakes asks for rows in packs of n, and returns how many of each pack are answered
// otherwise than alone.
func mistakes(t *testing.T, s *Server, texts []string, n int) (wrong []int) {
	t.Helper()
	alone := New(Config{})
	for pack := range slices.Chunk(texts, n) {
		count := 0
		for i, a := range toldBy(t, textOf(read(t, call(s, flash, packOf(labelSchema, pack...))))) {
			if textOf(read(t, call(alone, flash, aloneOf(labelSchema, pack[i])))) != string(a.Answer) {
				count++
			}
		}
		wrong = append(wrong, count)
	}
	return wrong
}

// The errors come as often as ErrorAt says, and the rows of a pack err independently of each
// other: the numbers of errors in packs have the mean and the variance of the binomial
// distribution, within five standard errors.
func TestPackErrorsAreBinomial(t *testing.T) {
	const rows = 4000
	for _, n := range []int{2, 5, 20} {
		p := Packs{Error: 0.1}
		wrong := mistakes(t, New(Config{Packs: p, Seed: 3}), rowTexts(rows), n)
		mean, variance := meanAndVariance(wrong)
		q, packs := p.ErrorAt(n), float64(rows/n)
		wantMean, wantVariance := float64(n)*q, float64(n)*q*(1-q)
		if off := math.Abs(mean - wantMean); off > 5*math.Sqrt(wantVariance/packs) {
			t.Errorf("packs of %d: %v errors on average, want %v", n, mean, wantMean)
		}
		// The fourth moment of the distribution: https://en.wikipedia.org/wiki/Binomial_distribution
		fourth := wantVariance * (1 + 3*float64(n-2)*q*(1-q))
		if off := math.Abs(variance - wantVariance); off > 5*math.Sqrt((fourth-wantVariance*wantVariance)/packs) {
			t.Errorf("packs of %d: their errors have the variance %v, want %v", n, variance, wantVariance)
		}
	}
}

func meanAndVariance(counts []int) (mean, variance float64) {
	for _, c := range counts {
		mean += float64(c) / float64(len(counts))
	}
	for _, c := range counts {
		variance += (float64(c) - mean) * (float64(c) - mean) / float64(len(counts)-1)
	}
	return mean, variance
}

// The same rows err again under the same seed, and others under another one or in a pack of
// another size.
func TestPackErrorsRepeat(t *testing.T) {
	texts := rowTexts(200)
	run := func(seed uint64, n int) string {
		return fmt.Sprint(mistakes(t, New(Config{Packs: Packs{Error: 0.2}, Seed: seed}), texts, n))
	}
	first := run(1, 10)
	if again := run(1, 10); again != first {
		t.Errorf("%s, and again %s", first, again)
	}
	if other := run(2, 10); other == first {
		t.Errorf("another seed errs the same: %s", first)
	}
	erring := func(texts ...string) string {
		return textOf(read(t, call(New(Config{Packs: Packs{Error: 0.5}}), flash, packOf(labelSchema, texts...))))
	}
	same := 0
	for i := range 64 { // the first row, with the same neighbour or a further one
		two, three := toldBy(t, erring(texts[i], "x")), toldBy(t, erring(texts[i], "x", "y"))
		if string(two[0].Answer) == string(three[0].Answer) {
			same++
		}
		if swapped := toldBy(t, erring("x", texts[i])); string(swapped[1].Answer) != string(two[0].Answer) {
			t.Errorf("%s is answered otherwise in another place", texts[i])
		}
	}
	if same == 64 {
		t.Error("what errs does not depend on the number of rows")
	}
}

// A share of the packs is shifted as a whole: each row has the answer to the next one.
func TestPackShift(t *testing.T) {
	const packs = 400
	s := New(Config{Packs: Packs{Shift: 0.25}})
	shifted := 0
	for i := range packs {
		text := textOf(read(t, call(s, flash, packOf(plainSchema, fmt.Sprint("one ", i), "two", "three"))))
		switch text {
		case fmt.Sprintf(`[{"id":"b0","answer":"two"},{"id":"b1","answer":"three"},{"id":"b2","answer":"one %d"}]`, i):
			shifted++
		case fmt.Sprintf(`[{"id":"b0","answer":"one %d"},{"id":"b1","answer":"two"},{"id":"b2","answer":"three"}]`, i):
		default:
			t.Errorf("neither as it should be nor shifted: %s", text)
		}
	}
	if shifted < 60 || shifted > 140 { // 100, within 4.6 standard deviations
		t.Errorf("%d of %d packs are shifted", shifted, packs)
	}
	if got := textOf(read(t, call(New(Config{Packs: Packs{Shift: 1}}), flash, packOf(plainSchema, "one")))); got != `[{"id":"b0","answer":"one"}]` {
		t.Errorf("one row, shifted: %s", got)
	}
}

// What the bill knows of answers is the same whether rows share calls or not.
func TestPackDigest(t *testing.T) {
	packed, alone := New(Config{}), New(Config{})
	texts := rowTexts(7)
	call(packed, flash, packOf(plainSchema, texts...))
	for _, text := range texts {
		call(alone, flash, aloneOf(plainSchema, text))
	}
	if a, b := packed.Stats().AnswersXOR, alone.Stats().AnswersXOR; a != b || packed.Stats().Answered != 1 {
		t.Errorf("%s, and alone %s", a, b)
	}
	// An answer that is cut is no row's.
	cut := New(Config{})
	call(cut, flash, strings.Replace(packOf(plainSchema, texts...), `"responseMimeType"`, `"maxOutputTokens":20,"thinkingConfig":{"thinkingBudget":0},"responseMimeType"`, 1))
	if a, b := cut.Stats().AnswersXOR, alone.Stats().AnswersXOR; a == b {
		t.Errorf("a cut answer counts like the whole one: %s", a)
	}
}

// A stream of a pack's answer ends up as the same text.
func TestPackStreams(t *testing.T) {
	s := New(Config{})
	body := packOf(labelSchema, rowTexts(30)...)
	whole := textOf(read(t, call(s, flash, body)))
	w := call(s, "/v1beta/models/gemini-2.5-flash:streamGenerateContent", body)
	var events []answer.Response
	if err := json.Unmarshal(w.Body.Bytes(), &events); err != nil || len(events) < 3 {
		t.Fatalf("%v in %d events", err, len(events))
	}
	streamed := ""
	for _, e := range events {
		streamed += textOf(e)
	}
	if streamed != whole {
		t.Errorf("%s, and in one piece %s", streamed, whole)
	}
}
