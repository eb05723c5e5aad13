package pack_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/pack"
)

func TestSplit(t *testing.T) {
	const fence = "```"
	two := []pack.Piece{{ID: "bcd", Text: "positive"}, {ID: "fgh", Text: "negative"}}
	for _, tt := range []struct {
		name, text string
		want       []pack.Piece
		whole      bool
	}{
		{"as it should be", `[{"id":"bcd","answer":"positive"},{"id":"fgh","answer":"negative"}]`, two, true},
		{"over several lines, the answer first", "[\n  {\n    \"answer\": \"positive\",\n    \"id\": \"bcd\"\n  },\n  {\"answer\": \"negative\", \"id\": \"fgh\"}\n]\n", two, true},
		{"in a fence", fence + "json\n[{\"id\":\"bcd\",\"answer\":\"positive\"},{\"id\":\"fgh\",\"answer\":\"negative\"}]\n" + fence, two, true},
		{"in a fence, cut", fence + "json\n[{\"id\":\"bcd\",\"answer\":\"positive\"},{\"id\":\"fgh\",\"answer\":\"negative\"},{\"id\":\"jkl\",\"ans", two, false},
		{"in an object", `{"answers":[{"id":"bcd","answer":"positive"},{"id":"fgh","answer":"negative"}]}`, two, true},
		{"in an object, cut", `{"answers": [{"id":"bcd","answer":"positive"},{"id":"fgh","answer":"negative"}`, two, false},
		{"between words with brackets", "Of [2] rows:\n[\n {\"id\":\"bcd\",\"answer\":\"positive\"},\n {\"id\":\"fgh\",\"answer\":\"negative\"}]\nSee [1].", two, true},
		{"a byte order mark", "\ufeff[{\"id\":\"bcd\",\"answer\":\"positive\"},{\"id\":\"fgh\",\"answer\":\"negative\"}]", two, true},
		{"ids with capitals and blanks", `[{"id":" BCD\n","answer":"positive"},{"ID":"Fgh","answer":"negative"}]`, two, true},
		{"ids as numbers", `[{"id":12,"answer":"a"}]`, []pack.Piece{{ID: "12", Text: "a"}}, true},
		{"an answer that is no string keeps how it is written", `[{"id":"bcd","answer":{ "n": 1.50, "s": "\u00e9 <" , "l": [ {"id":"fgh"} ]}},{"id":"fgh","answer": null},{"id":"jkl","answer":0}]`,
			[]pack.Piece{{ID: "bcd", Text: `{"n":1.50,"s":"\u00e9 <","l":[{"id":"fgh"}]}`}, {ID: "fgh", Text: "null"}, {ID: "jkl", Text: "0"}}, true},
		{"brackets in an answer", `[{"id":"bcd","answer":"[{\"id\":\"fgh\",\"answer\":\"x\"}] ` + fence + `"}]`,
			[]pack.Piece{{ID: "bcd", Text: `[{"id":"fgh","answer":"x"}] ` + fence}}, true},
		{"an empty answer", `[{"id":"bcd","answer":""}]`, []pack.Piece{{ID: "bcd"}}, true},
		{"doubled", `[{"id":"bcd","answer":"a"},{"id":"bcd","answer":"b"}]`, []pack.Piece{{ID: "bcd", Text: "a"}, {ID: "bcd", Text: "b"}}, true},
		{"answered twice", `[{"id":"bcd","answer":"a"}] No, rather: [{"id":"bcd","answer":"b"}]`, []pack.Piece{{ID: "bcd", Text: "a"}, {ID: "bcd", Text: "b"}}, true},
		{"what is no answer to a row", `[{"id":"bcd"},{"answer":"x"},{"id":null,"answer":"x"},{"id":["bcd"],"answer":"x"},{"id":" ","answer":"x"},"bcd",7,{"id":"fgh","answer":"y"}]`,
			[]pack.Piece{{ID: "fgh", Text: "y"}}, true},
		{"cut in an element", `[{"id":"bcd","answer":"positive"},{"id":"fgh","answer":"nega`, two[:1], false},
		{"cut behind a comma", `[{"id":"bcd","answer":"positive"},`, two[:1], false},
		{"cut behind an element", `[{"id":"bcd","answer":"positive"}`, two[:1], false},
		{"cut in the first element", `[{"id":"bcd","answer":[{"id":"fgh","answer":"x"}],`, nil, false},
		{"broken in the middle", `[{"id":"bcd","answer":"positive"},{"id":"fgh" "answer":"x"},{"id":"jkl","answer":"y"}]`, two[:1], false},
		{"closed by the wrong bracket", `[{"id":"bcd","answer":"positive"}}`, two[:1], false},
		{"none at all", `[]`, nil, true},
		{"one label for all", `positive`, nil, false},
		{"a list of labels", `["positive","negative"]`, nil, false},
		{"nothing", ``, nil, false},
	} {
		got, whole := pack.Split(tt.text)
		if !slices.Equal(got, tt.want) || whole != tt.whole {
			t.Errorf("%s: %q, whole %v, want %q, %v", tt.name, got, whole, tt.want, tt.whole)
		}
	}
}

// TestSplitCutAnywhere cuts an answer at each of its bytes: what was whole before the cut is
// there, as it is written, and nothing else.
func TestSplitCutAnywhere(t *testing.T) {
	const text = "Here: ```json\n{ \"answers\" : [ {\"id\":\"bcd\",\"answer\":\"a, \\\"b\\\" ]}\"},\n{\"answer\":{\"x\":[{\"id\":\"q\"}]},\"id\":\"fgh\"} , {\"id\":\"jkl\",\"answer\":\"ü\"}]}\n```"
	all, whole := pack.Split(text)
	if len(all) != 3 || !whole {
		t.Fatalf("%q, %v", all, whole)
	}
	ends := []int{strings.Index(text, "},\n") + 1, strings.Index(text, " , ") + 0, strings.Index(text, "]}\n")}
	for cut := range text {
		n := 0
		for n < len(ends) && ends[n] <= cut {
			n++
		}
		got, whole := pack.Split(text[:cut])
		if !slices.Equal(got, all[:n]) || whole != (cut > ends[2]) {
			t.Errorf("of %q: %q, whole %v, want %q", text[:cut], got, whole, all[:n])
		}
	}
}

// TestSplitIsQuick has texts on which a search for JSON from each bracket on takes hours.
func TestSplitIsQuick(t *testing.T) {
	const n = 300_000
	for _, text := range []string{
		strings.Repeat("[", n), strings.Repeat(`[{"`, n), strings.Repeat(`[{"a":`, n), strings.Repeat("[]", n),
		strings.Repeat(`{"a":1}`, n), "[" + strings.Repeat(`{"id":1},`, n), strings.Repeat(`[{"id":"bcd","answer":"x"}] `, n/100),
	} {
		pack.Split(text)
	}
}

// shared is the result of the row with an id, by an answer that three rows have shared.
func shared(text, part string, row int, finish string) *batch.Result {
	quoted, _ := json.Marshal(text)
	return &batch.Result{
		Status: batch.OK, FinishReason: finish, Part: part,
		Response: fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":%s}]},"finishReason":%q}],
			"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":10,"thoughtsTokenCount":1,"totalTokenCount":111},"modelVersion":"m","responseId":"r"}`, quoted, finish),
		Spent: []batch.Spend{
			{Usage: &batch.Usage{PromptTokenCount: 7000}}, // alone, before
			{Usage: &batch.Usage{PromptTokenCount: 100, CandidatesTokenCount: 10, ThoughtsTokenCount: 1, TotalTokenCount: 111}, Share: batch.Share{Row: row, Of: 3}},
		},
	}
}

func TestParse(t *testing.T) {
	const text = `[{"id":"bcd","answer":"positive"},{"id":"fgh","answer":{"a": 1}},{"id":"jkl","answer":"x"},{"id":"JKL","answer":"x"},`
	var prompt, output, thoughts, total int64
	for row, want := range []string{"positive", `{"a":1}`, ""} {
		part := []string{"bcd", "fgh", "jkl"}[row]
		r := shared(text, part, row, "MAX_TOKENS")
		a, err := pack.Parse(r)
		if want == "" {
			if err == nil || err.Error() != `the shared answer has 2 answers for the id "jkl", which is the row's` {
				t.Errorf("doubled: %v", err)
			}
			u := r.Spent[1].Own()
			prompt, output, thoughts, total = prompt+u.PromptTokenCount, output+u.CandidatesTokenCount, thoughts+u.Thoughts(), total+u.TotalTokenCount
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if a.Text != want || a.FinishReason != "STOP" || a.Thoughts != "hm" || a.ModelVersion != "m" || a.ResponseID != "r" || a.Candidates != 1 {
			t.Errorf("%s: %+v", part, a)
		}
		u := a.Usage
		prompt, output, thoughts, total = prompt+u.PromptTokenCount, output+u.CandidatesTokenCount, thoughts+u.Thoughts(), total+u.TotalTokenCount
	}
	if prompt != 100 || output != 10 || thoughts != 1 || total != 111 {
		t.Errorf("the rows together used %d, %d, %d, %d, and the call 100, 10, 1, 111", prompt, output, thoughts, total)
	}
	if _, err := pack.Parse(shared(text, "mnp", 0, "STOP")); err == nil || err.Error() != `the shared answer has nothing for the id "mnp", which is the row's` {
		t.Errorf("missing: %v", err)
	}
	if _, err := pack.Parse(&batch.Result{Part: "bcd", Response: json.RawMessage(`{`)}); err == nil {
		t.Error("an answer that is no JSON has a piece")
	}
}

// TestParseAlone reads the answers of rows that have all of one. Its usage is the row's,
// whatever it shared before.
func TestParseAlone(t *testing.T) {
	r := shared("positive", "", 0, "MAX_TOKENS")
	r.Spent = []batch.Spend{r.Spent[1], {Usage: &batch.Usage{PromptTokenCount: 100}}}
	a, err := pack.Parse(r)
	want, _ := gemini.Parse(r.Response)
	if err != nil || a.Text != "positive" || a.FinishReason != "MAX_TOKENS" || a.Usage.TotalTokenCount != 111 || want.Usage.TotalTokenCount != 111 {
		t.Errorf("%+v, %v", a, err)
	}

	blocked := &batch.Result{Status: batch.Blocked, Response: json.RawMessage(`{"promptFeedback":{"blockReason":"SAFETY"}}`), Spent: r.Spent[:1]}
	if a, err := pack.Parse(blocked); err != nil || a.Usage != nil {
		t.Errorf("an attempt that reported nothing used %+v, %v", a.Usage, err)
	}

	// A row that shares an answer which is no row's has a share of its cost.
	whole := shared("no array", "", 1, "STOP")
	if a, err := pack.Parse(whole); err != nil || a.Usage.PromptTokenCount != 33 || a.Text != "no array" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Whoever sends calls takes their answers apart with Split, and whoever reads the journal does so
// with Parse: they have to find the same.
func FuzzParse(f *testing.F) {
	f.Add(`[{"id":"bcd","answer":"a"},{"id":"BCD ","answer":{"x":1}},{"ID":"fgh","answer":"\u0062"},{"id":"\u006akl","answer":null},{"id":"\u212amn","answer":1},{"id":7,"answer":"x`)
	f.Add(`{"answers":[{"answer":"fgh bcd","id":"jkl"},{"id":"bc d","answer":[]}, {"id":7.0,"answer":""}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Skip()
		}
		json.Unmarshal(quoted, &text) // what is not UTF-8 does not come through JSON
		texts := map[string][]string{"bcd": nil, "fgh": nil, "kmn": nil, "7": nil}
		answers, _ := pack.Split(text)
		for _, p := range answers {
			texts[p.ID] = append(texts[p.ID], p.Text)
		}
		for id, all := range texts {
			a, err := pack.Parse(&batch.Result{Part: id, Response: fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":%s}]}}]}`, quoted)})
			if (err == nil) != (len(all) == 1) || err == nil && a.Text != all[0] {
				t.Errorf("%s of %q: %v, %v, want %q", id, text, a, err, all)
			}
		}
	})
}
