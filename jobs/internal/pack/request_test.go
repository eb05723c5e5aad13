package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// single returns the request of a row, whose body is that of the kind with the row's text in
// the place of %s.
func single(t *testing.T, body string, row int, text string) *batch.Request {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	body = strings.Replace(body, "%s", string(quoted), 1)
	f, err := batch.FingerprintOf("m", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return &batch.Request{Row: int64(row), Model: "m", Fingerprint: f.Shared(), Body: []byte(body), InputTokens: len(body) / 4}
}

func newPacker(t *testing.T, rows int) *Packer {
	return New(Config{Rows: rows, Judge: func(*batch.Request, *gemini.Answer) error { return nil }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

const classify = `{"contents":[{"parts":[{"text":%s}],"role":"user"}],"generationConfig":{"maxOutputTokens":20,"responseMimeType":"text/x.enum","responseSchema":{"enum":["good","bad"],"type":"STRING"},"temperature":0},"systemInstruction":{"parts":[{"text":"Classify."}]}}`

// A pack is the single request in all that rows have in common, down to the last byte of
// their texts.
func TestJoin(t *testing.T) {
	p := newPacker(t, 10)
	rows := []*batch.Request{single(t, classify, 1, "it's <fine>\nreally"), single(t, classify, 2, "schlecht – „übel“")}
	call, err := p.Join(rows)
	if err != nil {
		t.Fatal(err)
	}
	ids := idsOf(rows)
	var lines bytes.Buffer
	fmt.Fprintf(&lines, `{"id":"%s","text":"it's <fine>\nreally"}`+"\n", ids[0])
	fmt.Fprintf(&lines, `{"id":"%s","text":"schlecht – „übel“"}`, ids[1])
	var got, want any
	if err := json.Unmarshal(call.Body, &got); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]any{
		"systemInstruction": map[string]any{"parts": []any{map[string]any{"text": "Classify."}, map[string]any{"text": instruction}}},
		"contents":          []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": lines.String()}}}},
		"generationConfig": map[string]any{
			"temperature": 0, "responseMimeType": "application/json", "maxOutputTokens": 2 * (20 + OutputRoom),
			"responseSchema": map[string]any{"type": "ARRAY", "items": map[string]any{
				"type": "OBJECT", "required": []string{"id", "answer"}, "propertyOrdering": []string{"id", "answer"},
				"properties": map[string]any{"id": map[string]any{"type": "STRING"}, "answer": map[string]any{"type": "STRING", "enum": []string{"good", "bad"}}},
			}},
		},
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if g, w := indented(got), indented(want); g != w {
		t.Errorf("the pack is\n%s\nwant\n%s", g, w)
	}
	if call.ID() != rows[0].ID() || call.Row != 1 || len(call.Rows) != 2 {
		t.Errorf("the call is of row %d and %d rows", call.Row, len(call.Rows))
	}
	if call.InputTokens < len(call.Body)/5 || call.InputTokens > len(call.Body)/3 {
		t.Errorf("%d tokens are estimated for %d bytes, of rows with a token for 4", call.InputTokens, len(call.Body))
	}
	if _, err := batch.Canonical(call.Body); err != nil {
		t.Error(err)
	}
}

func indented(v any) string {
	text, _ := json.MarshalIndent(v, "", "  ")
	return string(text)
}

// Examples are shown in the form of a pack, and their answers as JSON only where answers are.
func TestExamplesOfPack(t *testing.T) {
	turns := `{"parts":[{"text":"nice"}],"role":"user"},{"parts":[{"text":%q}],"role":"model"},{"parts":[{"text":"{\"a\":1}"}],"role":"user"},{"parts":[{"text":%q}],"role":"model"}`
	for _, c := range []struct{ mime, first, second, want string }{
		{"text/x.enum", `good`, `bad`, `[{"id":"x1","answer":"good"},{"id":"x2","answer":"bad"}]`},
		{"application/json", `["good"]`, `[]`, `[{"id":"x1","answer":["good"]},{"id":"x2","answer":[]}]`},
	} {
		body := `{"contents":[` + fmt.Sprintf(turns, c.first, c.second) + `,{"parts":[{"text":%s}],"role":"user"}],"generationConfig":{"responseMimeType":"` + c.mime + `"}}`
		call, err := newPacker(t, 9).Join([]*batch.Request{single(t, body, 1, "a"), single(t, body, 2, "b")})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Contents []struct {
				Role  string
				Parts []struct{ Text string }
			}
		}
		if err := json.Unmarshal(call.Body, &got); err != nil || len(got.Contents) != 3 {
			t.Fatalf("%s: %v", call.Body, err)
		}
		if text := got.Contents[0].Parts[0].Text; text != `{"id":"x1","text":"nice"}`+"\n"+`{"id":"x2","text":"{\"a\":1}"}` {
			t.Errorf("the examples are %s", text)
		}
		if text := got.Contents[1].Parts[0].Text; text != c.want || got.Contents[1].Role != "model" {
			t.Errorf("their answers are %s, want %s", text, c.want)
		}
	}
}

// The schema of a pack takes the answers that the row's own schema takes, and no others. An
// independent validator says so, wherever the row's schema refers to.
func TestSchemaOfPack(t *testing.T) {
	for name, c := range map[string]struct{ schema, good, bad string }{
		"plain":       {`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`, `{"a":1}`, `{"a":"1"}`},
		"definitions": {`{"$defs":{"n":{"type":"integer"}},"type":"object","properties":{"a":{"$ref":"#/$defs/n"}}}`, `{"a":1}`, `{"a":"1"}`},
		"old word":    {`{"definitions":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n"}}}`, `{"a":1}`, `{"a":"1"}`},
		"itself":      {`{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#"}},"required":["v"]}`, `{"v":1,"next":{"v":2}}`, `{"v":1,"next":{"w":2}}`},
		"another":     {`{"type":"object","properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}}}`, `{"b":1}`, `{"b":"1"}`},
		"chained":     {`{"$defs":{"t":{"type":"object","properties":{"of":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["of"]}},"$ref":"#/$defs/t"}`, `{"of":[{"of":[]}]}`, `{"of":[{}]}`},
		"a name":      {`{"type":"object","properties":{"v":{"type":"integer"},"default":{"$ref":"#/properties/v"}}}`, `{"default":1}`, `{"default":"1"}`},
		"named so":    {`{"type":"object","properties":{"$ref":{"type":"integer"}},"anyOf":[{"required":["$ref"]},false]}`, `{"$ref":1}`, `{}`},
		"a value":     {`{"enum":[{"$ref":"#/nowhere"}]}`, `{"$ref":"#/nowhere"}`, `{"$ref":"x"}`},
	} {
		body := `{"contents":[{"parts":[{"text":%s}],"role":"user"}],"generationConfig":{"responseJsonSchema":` + c.schema + `,"responseMimeType":"application/json"}}`
		call, err := newPacker(t, 9).Join([]*batch.Request{single(t, body, 1, "a"), single(t, body, 2, "b")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got struct {
			GenerationConfig struct{ ResponseJSONSchema json.RawMessage }
		}
		if err := json.Unmarshal(call.Body, &got); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.GenerationConfig.ResponseJSONSchema))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("pack.json", document); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("pack.json")
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, got.GenerationConfig.ResponseJSONSchema)
		}
		for text, valid := range map[string]bool{
			`[{"id":"bcd","answer":` + c.good + `},{"id":"bcf","answer":` + c.good + `}]`: true,
			`[{"id":"bcd","answer":` + c.good + `},{"id":"bcf","answer":` + c.bad + `}]`:  false,
			`[{"answer":` + c.good + `}]`: false,
			c.good:                        false,
		} {
			instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(instance); (err == nil) != valid {
				t.Errorf("%s: %s: %v", name, text, err)
			}
		}
	}
}

// Models write what a schema names in the order in which it does. A row's answer is in its job's
// order, and comes after the id.
func TestSchemaOfPackKeepsOrder(t *testing.T) {
	own := `{"type":"object","properties":{"why":{"type":"string"},"label":{"type":"string","maxLength":12345678901234567890}},"required":["why","label"]}`
	body := `{"contents":[{"parts":[{"text":%s}],"role":"user"}],"generationConfig":{"responseJsonSchema":` + own + `,"responseMimeType":"application/json"}}`
	call, err := newPacker(t, 9).Join([]*batch.Request{single(t, body, 1, "a"), single(t, body, 2, "b")})
	if err != nil {
		t.Fatal(err)
	}
	if want := `"properties":{"id":{"type":"string"},"answer":` + own + `}`; !strings.Contains(string(call.Body), want) {
		t.Errorf("the pack is %s, want %s in it", call.Body, want)
	}
}

// Rows share a call only if nothing but the text is theirs, and it can be taken apart again.
func TestWhoIsAlone(t *testing.T) {
	for name, body := range map[string]string{
		"another temperature":  strings.Replace(classify, `"temperature":0`, `"temperature":1`, 1),
		"another label":        strings.Replace(classify, `"bad"`, `"poor"`, 1),
		"another instruction":  strings.Replace(classify, `Classify.`, `Sort.`, 1),
		"two parts":            strings.Replace(classify, `[{"text":%s}]`, `[{"text":%s},{"text":"more"}]`, 1),
		"an image":             strings.Replace(classify, `[{"text":%s}]`, `[{"text":%s},{"inlineData":{"data":"dGV4dA","mimeType":"image/png"}}]`, 1),
		"tools":                strings.Replace(classify, `{"contents"`, `{"tools":[{"googleSearch":{}}],"contents"`, 1),
		"cached content":       strings.Replace(classify, `{"contents"`, `{"cachedContent":"cachedContents/x","contents"`, 1),
		"log probabilities":    strings.Replace(classify, `"temperature":0`, `"responseLogprobs":true`, 1),
		"candidates":           strings.Replace(classify, `"temperature":0`, `"candidateCount":2`, 1),
		"a stop sequence":      strings.Replace(classify, `"temperature":0`, `"stopSequences":["]"]`, 1),
		"a turn of the model":  strings.Replace(classify, `"role":"user"`, `"role":"model"`, 1),
		"examples by halves":   strings.Replace(classify, `"contents":[`, `"contents":[{"parts":[{"text":"nice"}],"role":"user"},`, 1),
		"contents is no list":  strings.Replace(strings.Replace(classify, `"contents":[`, `"contents":`, 1), `"role":"user"}]`, `"role":"user"}`, 1),
		"contents has nothing": `{"contents":[],"text":%s}`,
	} {
		rows := []*batch.Request{single(t, classify, 1, "a"), single(t, body, 2, "b"), single(t, classify, 3, "c")}
		var calls [][]int64
		for call, err := range form(newPacker(t, 10), rows) {
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, numbersOf(call))
		}
		slices.SortFunc(calls, func(a, b []int64) int { return len(a) - len(b) })
		if len(calls) != 2 || len(calls[0]) != 1 || calls[0][0] != 2 || len(calls[1]) != 2 {
			t.Errorf("%s: calls %v, want row 2 alone", name, calls)
		}
	}
}

// Ids are known by no text: they come from fingerprints. They are apart within a pack, also
// those of rows that say the same.
func TestIDs(t *testing.T) {
	var rows []*batch.Request
	for i := range 1000 {
		r := single(t, classify, i, fmt.Sprint(i/2))
		r.Occurrence = i % 2
		rows = append(rows, r)
	}
	ids := idsOf(rows)
	longer := 0
	for i, id := range ids {
		if strings.Trim(id, consonants) != "" || len(id) < idLetters || slices.Index(ids, id) != i {
			t.Fatalf("row %d has the id %q", i, id)
		}
		if len(id) > idLetters {
			longer++
		}
	}
	if longer > 120 { // of 1,000 in 8,000 about 60 fall on one that is taken
		t.Errorf("%d of 1,000 ids are longer than %d letters", longer, idLetters)
	}
	if other := idsOf(rows[500:501])[0]; !strings.HasPrefix(ids[500], other) {
		t.Errorf("row 500 is %q with others and %q alone", ids[500], other)
	}
}
