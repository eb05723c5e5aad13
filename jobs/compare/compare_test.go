package compare

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/record"
)

// sideWith returns a side with these rows.
func sideWith(name string, rows ...*record.Row) *Side {
	for i, r := range rows {
		r.Input.Source, r.Input.Line, r.Input.Number = "in.csv", int64(i+2), int64(i+1)
	}
	return &Side{
		Name: name, Labels: true,
		Rows: func(context.Context) iter.Seq2[*record.Row, error] {
			return func(yield func(*record.Row, error) bool) {
				for _, r := range rows {
					if !yield(r, nil) {
						return
					}
				}
			}
		},
	}
}

// answer returns a row with a text, which label is right, and a label. Without one, it is
// invalid.
func answer(text, truth, label string) *record.Row {
	r := &record.Row{
		Input: jobtest.Row("text", text, "truth", truth), Status: batch.OK,
		Columns: []batch.Column{{Name: "label"}, {Name: "status"}}, Values: []any{label, "ok"},
		Cost: 2_000_000, Priced: true,
		Usage:  &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: 2, TotalTokenCount: 12},
		Result: &batch.Result{LatencyMS: 100, ModelVersion: "m1"},
	}
	if label == "" {
		r.Status, r.Values = batch.Invalid, []any{nil, "invalid"}
	}
	return r
}

func mustRun(t *testing.T, c Config) *Comparison {
	t.Helper()
	got, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What changed, what it cost, and which labels became which, over the rows that both have,
// in whatever order.
func TestRun(t *testing.T) {
	slow := answer("four", "", "games")
	slow.Result.LatencyMS, slow.Cost, slow.Result.ModelVersion = 300, 6_000_000, "m2"
	a := sideWith("a", answer("one", "", "net"), answer("two", "", "net"), answer("three", "", "web"), answer("four", "", "games"), answer("only a", "", "net"))
	b := sideWith("b", answer("only b", "", "net"), answer("also only b", "", "net"), slow, answer("three", "", ""), answer("two", "", "web"), answer("one", "", "web"))
	c := mustRun(t, Config{A: a, B: b})
	if c.Pairs != 4 || c.Changed != 3 || c.Key != "" || strings.Join(c.Columns, " ") != "text truth" {
		t.Errorf("%d pairs by %q, %d changed", c.Pairs, c.Columns, c.Changed)
	}
	if c.A.Rows != 5 || c.A.Unpaired != 1 || c.B.Rows != 6 || c.B.Unpaired != 2 {
		t.Errorf("sides %+v, %+v", c.A, c.B)
	}
	jobtest.Equal(t, "only in A", c.A.Examples, "in.csv:6")
	jobtest.Equal(t, "only in B", c.B.Examples, "in.csv:2", "in.csv:3")
	f := c.Fields[0]
	if want := []Flow{{"net", "web", 2}, {"web", "", 1}}; !reflect.DeepEqual(f.Flows, want) {
		t.Errorf("flows %v, want %v", f.Flows, want)
	}
	if f.Known != nil {
		t.Errorf("it is known which labels are right: %+v", f.Known)
	}
	if want := []Flow{{"ok", "invalid", 1}}; !reflect.DeepEqual(c.Status, want) {
		t.Errorf("statuses %v, want %v", c.Status, want)
	}
	if want := (Example{Place: "in.csv:5", A: "web"}); f.Examples[0] != want || len(f.Examples) != 3 {
		t.Errorf("examples %+v", f.Examples)
	}
	if c.A.Cost != 8_000_000 || c.B.Cost != 12_000_000 || c.B.Priced != 4 || c.A.Tokens.Prompt != 40 || c.B.Tokens.Rows != 4 {
		t.Errorf("figures %+v, %+v", c.A, c.B)
	}
	if mean, ok := c.B.CostPerRow(); !ok || mean != 3_000_000 {
		t.Errorf("a row of B costs %v", mean)
	}
	if c.A.Latency.Median != 100 || math.Abs(c.B.Latency.P95-270) > 1e-9 {
		t.Errorf("latencies %+v, %+v", c.A.Latency, c.B.Latency)
	}
	if want := map[string]int64{"m1": 3, "m2": 1}; !reflect.DeepEqual(c.B.Models, want) {
		t.Errorf("models %v, want %v", c.B.Models, want)
	}
}

// Rows with the same values are paired in order: the second of A with the second of B.
func TestIdenticalRows(t *testing.T) {
	a := sideWith("a", answer("same", "", "1"), answer("same", "", "2"), answer("same", "", "3"), answer("same", "", "4"))
	b := sideWith("b", answer("same", "", "1"), answer("other", "", "9"), answer("other", "", "9"), answer("same", "", "2"), answer("same", "", "3"))
	c := mustRun(t, Config{A: a, B: b})
	if c.Pairs != 3 || c.Changed != 0 || c.A.Unpaired != 1 || c.B.Unpaired != 2 {
		t.Errorf("%d pairs, %d changed, unpaired %d and %d", c.Pairs, c.Changed, c.A.Unpaired, c.B.Unpaired)
	}
}

func TestKey(t *testing.T) {
	a := sideWith("a", answer("1", "x", "net"), answer("2", "x", "net"))
	b := sideWith("b", answer("2.0", "y", "web"), answer("1", "y", "net"))
	c := mustRun(t, Config{A: a, B: b, Key: "text"})
	if c.Pairs != 2 || c.Changed != 1 || c.Key != "text" || c.Columns != nil || c.Fields[0].Examples[0].Key != "2" {
		t.Errorf("%+v", c)
	}
	// The jobs' own key is the default.
	a.Key, b.Key = "text", "text"
	if c := mustRun(t, Config{A: a, B: b}); c.Key != "text" || c.Pairs != 2 {
		t.Errorf("by the jobs' key: %+v", c)
	}
	_, err := Run(t.Context(), Config{A: a, B: b, Key: "txt"})
	jobtest.IsSpecError(t, "no such key", err, `the key "txt" is no input column of a; did you mean "text"?`)
	twice := sideWith("twice", answer("1", "", "net"), answer("2", "", "net"), answer("1", "", "net"))
	_, err = Run(t.Context(), Config{A: twice, B: b, Key: "text"})
	jobtest.IsSpecError(t, "twice in A", err, `two rows of twice have the same text: "1"; the second is at in.csv:4`)
	_, err = Run(t.Context(), Config{A: b, B: twice, Key: "text"})
	jobtest.IsSpecError(t, "twice in B", err, `two rows of twice have the same text: "1"; the second is at in.csv:4`)
	_, err = Run(t.Context(), Config{A: b, B: sideWith("none", answer("", "", "net"), answer("", "", "net")), Key: "text"})
	jobtest.IsSpecError(t, "no key", err, `two rows of none have no text; the second is at in.csv:3`)
}

// What cannot be compared is refused, with what there is to do.
func TestRunRefuses(t *testing.T) {
	a := sideWith("a", answer("one", "", "net"))
	foreign := sideWith("foreign", &record.Row{Input: jobtest.Row("body", "one"), Status: batch.OK, Columns: []batch.Column{{Name: "label"}}, Values: []any{"net"}})
	_, err := Run(t.Context(), Config{A: a, B: foreign})
	jobtest.IsSpecError(t, "no column in common", err, "a and foreign have no input column in common: text, truth, and body")
	_, err = Run(t.Context(), Config{A: a, B: sideWith("b", answer("two", "", "net"))})
	jobtest.IsSpecError(t, "no row in common", err, "no row of a (1 row) is in b (1 row), by the values of text, truth")
	other := answer("one", "", "net")
	other.Columns = []batch.Column{{Name: "total"}, {Name: "status"}}
	_, err = Run(t.Context(), Config{A: a, B: sideWith("other", other)})
	jobtest.IsSpecError(t, "no field in common", err, "a and other have no column of answers in common: label, and total")
	_, err = Run(t.Context(), Config{A: a, B: sideWith("nothing")})
	jobtest.IsSpecError(t, "no rows", err, "nothing has no rows")
	_, err = Run(t.Context(), Config{A: a, B: a, Fields: []string{"lable"}})
	jobtest.IsSpecError(t, "no such field", err, `--field names "lable", which a does not have; did you mean "label"?`)
	_, err = Run(t.Context(), Config{A: a, B: a, Expected: map[string]string{"": "trut"}})
	jobtest.IsSpecError(t, "no such column", err, `--expected names the column "trut", which a does not have; did you mean "truth"?`)
	_, err = Run(t.Context(), Config{A: a, B: a, Expected: map[string]string{"total": "truth"}})
	jobtest.IsSpecError(t, "of no field", err, `it is not clear of which field the column "truth" has the right answers`)
	waiting := answer("one", "", "net")
	waiting.Status = batch.Pending
	_, err = Run(t.Context(), Config{A: a, B: sideWith("waiting", waiting)})
	jobtest.IsSpecError(t, "pending", err, "no row has an answer on both sides: 0 rows pending in a, and 1 in waiting")
	_, err = Run(t.Context(), Config{A: a, B: a, Changed: filepath.Join(t.TempDir(), "changed.xls")})
	jobtest.IsSpecError(t, "no such format", err, "changed.xls")
}

// A pending row is in no pair, whichever side it is on.
func TestPending(t *testing.T) {
	waiting := func(text string) *record.Row {
		r := answer(text, "", "net")
		r.Status = batch.Pending
		return r
	}
	a := sideWith("a", waiting("one"), answer("two", "", "net"), answer("three", "", "net"), waiting("four"))
	b := sideWith("b", answer("one", "", "net"), waiting("two"), answer("three", "", "net"), waiting("four"))
	c := mustRun(t, Config{A: a, B: b})
	if c.Pairs != 1 || c.A.Pending != 2 || c.B.Pending != 2 || c.A.Unpaired+c.B.Unpaired != 0 {
		t.Errorf("%+v", c)
	}
}

// The rows of package stats' test, whose macro F1 scikit-learn printed: 0.6919 and 0.8035.
func TestKnownLabels(t *testing.T) {
	labels := []string{"net", "web", "games"}
	var rowsA, rowsB []*record.Row
	for _, c := range [][4]int{
		{0, 0, 0, 60}, {0, 1, 0, 15}, {0, 0, 1, 5}, {0, 1, 1, 8}, {1, 1, 1, 50}, {1, 0, 1, 6}, {1, 1, 0, 4}, {1, 2, 1, 7},
		{2, 2, 2, 20}, {2, 0, 2, 6}, {2, 2, 0, 3}, {2, 0, 0, 9}, {2, 1, 1, 7},
	} {
		for range c[3] {
			text, truth := fmt.Sprint("text ", len(rowsA)), " "+strings.ToUpper(labels[c[0]])
			rowsA, rowsB = append(rowsA, answer(text, truth, labels[c[1]])), append(rowsB, answer(text, truth, labels[c[2]]))
		}
	}
	nobody, shown := answer("nobody knows", "", "net"), answer("an example", "net", "net")
	shown.Shown = true
	a := sideWith("a", append(rowsA, nobody, answer("an example", "net", "web"))...)
	b := sideWith("b", append(rowsB, answer("nobody knows", "", "web"), shown)...)
	c := mustRun(t, Config{A: a, B: b, Expected: map[string]string{"": "truth"}})
	k := c.Fields[0].Known
	if k.Rows != 200 || k.Both != 130 || k.OnlyA != 12 || k.OnlyB != 34 || k.Neither != 24 || k.Shown != 1 || k.Column != "truth" {
		t.Fatalf("%+v", k)
	}
	if k.AccuracyA != 0.71 || k.AccuracyB != 0.82 || math.Abs(k.Difference-0.11) > 1e-12 || k.Better() != 1 {
		t.Errorf("%+v", k)
	}
	if k.F1 == nil || math.Abs(k.F1.A-0.6918971860648043) > 1e-12 || math.Abs(k.F1.B-0.8034610643376086) > 1e-12 || k.F1.Interval[0] < 0.03 || k.F1.Interval[1] > 0.2 {
		t.Errorf("macro F1 %+v", k.F1)
	}
	if want := (Example{Place: "in.csv:77", A: "net", B: "web", Expected: " NET"}); k.Lost[0] != want {
		t.Errorf("lost %+v, want %+v", k.Lost[0], want)
	}
	for i := range 3 { // the same again, though the maps are in another order
		if again := mustRun(t, Config{A: a, B: b, Expected: map[string]string{"": "truth"}}); !reflect.DeepEqual(again, c) {
			t.Fatalf("run %d differs: %+v and %+v", i, again, c)
		}
	}
}

// A row that is not ok is wrong, and a run's own evaluation counts before a comparison of texts:
// it knows its labels.
func TestJudgement(t *testing.T) {
	judged := func(text, truth, label string, correct any) *record.Row {
		r := answer(text, truth, label)
		r.Columns, r.Values = append(r.Columns, batch.Column{Name: "correct", Type: batch.Bool}), append(r.Values, correct)
		return r
	}
	a := sideWith("a", judged("one", "1.0", "1", true), judged("two", "2", "", false), judged("three", "net", "web", nil), judged("four", "x", "y", false))
	b := sideWith("b", answer("one", "1.0", "one"), answer("two", "2", "2"), answer("three", "net", "net"), answer("four", "x", ""))
	a.Expected = map[string]string{"label": "truth"}
	k := mustRun(t, Config{A: a, B: b}).Fields[0].Known
	if k.Rows != 3 || k.OnlyA != 1 || k.OnlyB != 1 || k.Neither != 1 || k.OneSided != 1 {
		t.Errorf("%+v", k)
	}
	if k.Better() != 0 {
		t.Errorf("of three rows, %d is told to be better", k.Better())
	}
	// With several questions each has its own column.
	a.Expected = nil
	two := func(text string, values ...any) *record.Row {
		return &record.Row{Input: jobtest.Row("text", text), Status: batch.OK, Values: values,
			Columns: []batch.Column{{Name: "topic"}, {Name: "topic_confidence"}, {Name: "mood"}, {Name: "topic_correct"}, {Name: "mood_correct"}}}
	}
	a.Rows = sideWith("a", two("one", "net", 0.5, "good", true, false), two("two", "net", 0.5, "good", true, nil)).Rows
	b.Rows = sideWith("b", two("one", "web", 0.6, "bad", false, true), two("two", "net", 0.7, "good", true, nil)).Rows
	c := mustRun(t, Config{A: a, B: b})
	if len(c.Fields) != 2 || c.Fields[0].Known.OnlyA != 1 || c.Fields[0].Known.Both != 1 || c.Fields[1].Known.OnlyB != 1 || c.Fields[1].Known.Rows != 1 {
		t.Errorf("%+v", c.Fields)
	}
}

// A run that has compared one of its questions says in the column correct whether that one is
// right, and nothing of the others.
func TestJudgementOfOneQuestion(t *testing.T) {
	row := func(topic string, correct bool) *record.Row {
		return &record.Row{Input: jobtest.Row("text", "one", "truth", "a net"), Status: batch.OK, Values: []any{topic, "good", correct},
			Columns: []batch.Column{{Name: "topic"}, {Name: "mood"}, {Name: "correct"}}}
	}
	a, b := sideWith("a", row("net", true)), sideWith("b", row("web", false))
	a.Expected, b.Expected = map[string]string{"topic": "truth"}, map[string]string{"topic": "truth"}
	for _, fields := range [][]string{nil, {"topic"}} {
		if k := mustRun(t, Config{A: a, B: b, Fields: fields}).Fields[0].Known; k == nil || k.OnlyA != 1 {
			t.Errorf("of the fields %v, the topic: %+v", fields, k)
		}
	}
	if k := mustRun(t, Config{A: a, B: b, Fields: []string{"mood"}}).Fields[0].Known; k != nil {
		t.Errorf("the mood: %+v", k)
	}
}

// Texts have no flows: each is another one.
func TestTextsHaveNoFlows(t *testing.T) {
	var rowsA, rowsB []*record.Row
	for i := range 20 {
		rowsA, rowsB = append(rowsA, answer(fmt.Sprint(i), "", fmt.Sprint("a text ", i))), append(rowsB, answer(fmt.Sprint(i), "", fmt.Sprint("another text ", i)))
	}
	a, b := sideWith("a", rowsA...), sideWith("b", rowsB...)
	a.Labels, b.Labels = false, false
	a.Rows, b.Rows = renamed(a.Rows), renamed(b.Rows)
	if f := mustRun(t, Config{A: a, B: b}).Fields[0]; f.Flows != nil || f.Changed != 20 || len(f.Examples) != examples {
		t.Errorf("%+v", f)
	}
}

// renamed ranges over rows whose answer is in the column response.
func renamed(rows func(context.Context) iter.Seq2[*record.Row, error]) func(context.Context) iter.Seq2[*record.Row, error] {
	return func(ctx context.Context) iter.Seq2[*record.Row, error] {
		return func(yield func(*record.Row, error) bool) {
			for r, err := range rows(ctx) {
				r.Columns = []batch.Column{{Name: "response"}, {Name: "status"}}
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

func TestChangedFile(t *testing.T) {
	a := sideWith("a", answer("one", "net", "net"), answer("two", "net", "net"), answer("three", "", "net"))
	b := sideWith("b", answer("one", "net", "net"), answer("two", "net", "web"), answer("three", "", ""))
	path := filepath.Join(t.TempDir(), "changed.csv")
	mustRun(t, Config{A: a, B: b, Expected: map[string]string{"label": "truth"}, Changed: path})
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "text,truth,status_a,status_b,label_a,label_b,label_right_a,label_right_b\n" +
		"two,net,ok,ok,net,web,true,false\nthree,,ok,invalid,net,,,\n"
	if string(got) != want {
		t.Errorf("it holds\n%s\nwant\n%s", got, want)
	}
	// A comparison that fails leaves no file.
	path = filepath.Join(t.TempDir(), "none.csv")
	if _, err := Run(t.Context(), Config{A: a, B: sideWith("b", answer("four", "", "net")), Changed: path}); err == nil {
		t.Error("no row in common is no error")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestCanonical(t *testing.T) {
	for _, same := range [][]any{
		{"1.0", int64(1), 1.0, "1", "1e0"},
		{`{"b":1, "a":[1.50,"x"]}`, `{"a":[1.5,"x"],"b":1.0}`},
		{`["a", "b"]`, `["a","b"]`},
		{nil, ""},
		{[]byte("text"), "text"},
	} {
		for _, v := range same[1:] {
			if output.Canonical(v) != output.Canonical(same[0]) {
				t.Errorf("%v is %q, and %v %q", v, output.Canonical(v), same[0], output.Canonical(same[0]))
			}
		}
	}
	for _, differ := range [][2]any{
		{"01", "1"}, {"12345678901234567", "12345678901234568"}, {"1 a", "1"}, {"-", ""}, {"[1", "[1]"}, {"1 2", "1"}, {"true", "True"},
	} {
		if output.Canonical(differ[0]) == output.Canonical(differ[1]) {
			t.Errorf("%v and %v are both %q", differ[0], differ[1], output.Canonical(differ[0]))
		}
	}
}

func TestSameAnswer(t *testing.T) {
	for _, tt := range []struct {
		answer, expected string
		want             bool
	}{
		{"net", " Net ", true}, {"net", "web", false}, {`["a","b"]`, `["B","a"]`, true}, {`["a"]`, `["a","b"]`, false}, {`["a","b"]`, `["a"]`, false}, {`["a"]`, "a", false},
	} {
		if got := sameAnswer(tt.answer, tt.expected); got != tt.want {
			t.Errorf("%q is %q: %v", tt.answer, tt.expected, got)
		}
	}
}

// A file says by its columns which of them are answers, also behind a prefix, and beside
// columns of the input that are named like those.
func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		jobtest.WriteFile(t, dir, name, []byte(text))
		return filepath.Join(dir, name)
	}
	a := write("a.csv", "id,status,x_label,x_confidence,x_correct,x_status,x_error,x_prompt_tokens,x_output_tokens,x_cost_usd,x_model_version,x_attempts,x_latency_ms\n"+
		"1,open,net,0.9,true,ok,,10,2,0.000012,m,1,50\n2,shut,web,0.8,false,ok,,10,2,0.000012,m,0,50\n3,shut,,,false,invalid,none,10,2,0.000012,m,1,70\n")
	b := write("b.jsonl", `{"id":1,"status":"open","x_label":"web","x_confidence":0.5,"x_correct":false,"x_status":"ok","x_cost_usd":null}`+"\n"+
		`{"id":2,"status":"shut","x_label":"web","x_confidence":0.5,"x_correct":false,"x_status":"ok","x_cost_usd":0.00001}`+"\n"+
		`{"id":3,"status":"shut","x_label":"net","x_confidence":0.5,"x_correct":true,"x_status":"ok","x_cost_usd":0.00001}`+"\n")
	sideA, err := OpenFile(a)
	if err != nil {
		t.Fatal(err)
	}
	sideB, err := OpenFile(b)
	if err != nil {
		t.Fatal(err)
	}
	c := mustRun(t, Config{A: sideA, B: sideB})
	if strings.Join(c.Columns, " ") != "id status" || c.Pairs != 3 || len(c.Fields) != 1 || c.Fields[0].Name != "label" || !c.A.File {
		t.Errorf("%+v", c)
	}
	if k := c.Fields[0].Known; k == nil || k.OnlyA != 1 || k.OnlyB != 1 || k.Neither != 1 || k.F1 != nil || k.Column != "" {
		t.Errorf("known %+v", k)
	}
	if c.A.Cost != 36_000_000 || c.A.Tokens.Prompt != 30 || c.A.Latency.Rows != 2 || c.A.Status[batch.Invalid] != 1 || c.B.Priced != 2 || c.B.Unpriced != 1 {
		t.Errorf("figures %+v, %+v", c.A, c.B)
	}
	// Who names another column wants it to be compared, not what the file says of an older one.
	named, err := OpenFile(write("named.csv", "id,truth,label,correct,status\n1,net,net,false,ok\n"))
	if err != nil {
		t.Fatal(err)
	}
	if k := mustRun(t, Config{A: named, B: named, Expected: map[string]string{"": "truth"}}).Fields[0].Known; k.Both != 1 {
		t.Errorf("known %+v", k)
	}
	_, err = OpenFile(write("table.csv", "id,text\n1,x\n"))
	jobtest.IsSpecError(t, "no output", err, "is no output of a run: it has no column status")
	_, err = OpenFile(filepath.Join(dir, "none.csv"))
	jobtest.IsSpecError(t, "no file", err, "none.csv")
	other, err := OpenFile(write("status.csv", "id,text,status\n1,x,open\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), Config{A: other, B: other, Fields: []string{"text"}})
	jobtest.IsSpecError(t, "a status of another kind", err, `has the status "open", which rows of a run do not have`)
	questions, err := OpenFile(write("questions.csv", "id,topic,topic_confidence,mood,status\n1,net,0.5,good,ok\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), Config{A: questions, B: questions})
	jobtest.IsSpecError(t, "answers of unknown names", err, "which columns of "+filepath.Join(dir, "questions.csv")+" hold answers is not known; name the columns to compare with --field")
	if c := mustRun(t, Config{A: questions, B: questions, Fields: []string{"topic"}}); c.Pairs != 1 || c.Fields[0].Name != "topic" || strings.Join(c.Columns, " ") != "id" {
		t.Errorf("%+v", c)
	}
	// A job tells which columns of a file are answers.
	job := sideWith("job", &record.Row{
		Input: jobtest.Row("id", "1"), Status: batch.OK, Columns: []batch.Column{{Name: "topic"}, {Name: "mood"}, {Name: "status"}}, Values: []any{"net", "good", "ok"},
	})
	if c := mustRun(t, Config{A: questions, B: job}); len(c.Fields) != 2 || strings.Join(c.Columns, " ") != "id" {
		t.Errorf("%+v", c)
	}
}

func TestGate(t *testing.T) {
	c := &Comparison{Fields: []Field{
		{Name: "topic", Known: &Known{Rows: 100, Both: 80, OnlyA: 12, OnlyB: 1, Neither: 7}},
		{Name: "mood", Known: &Known{Rows: 100, Both: 80, OnlyA: 3, OnlyB: 4, Neither: 13}},
		{Name: "text"},
	}}
	for i := range c.Fields[:2] {
		c.Fields[i].Known.finish()
	}
	for _, tt := range []struct {
		gate Gate
		want []string
	}{
		{Gate{}, nil},
		// (2 + 13) / 2^13, since 1 of 13 coins shows heads in 13 ways of 2^13, and none in one.
		{Gate{Regression: true}, []string{"B is right less often than A in topic (McNemar mid-p 0.0018)"}},
		{Gate{Under: map[string]float64{"": 0.82}}, []string{"the accuracy of B in topic is 0.8100, below 0.82"}},
		{Gate{Under: map[string]float64{"mood": 0.85, "topic": 0.5}}, []string{"the accuracy of B in mood is 0.8400, below 0.85"}},
		{Gate{Under: map[string]float64{"": 0.81}}, nil},
	} {
		var got []string
		err := tt.gate.Check(c)
		if failed, ok := errors.AsType[*GateError](err); ok {
			got = failed.Reasons
		} else if err != nil {
			t.Fatal(err)
		}
		jobtest.Equal(t, fmt.Sprintf("failures of %+v", tt.gate), got, tt.want...)
	}
	err := (&Gate{Under: map[string]float64{"text": 0.5}}).Check(c)
	jobtest.IsSpecError(t, "nothing known of it", err, `--fail-under names the field "text", whose right answers are not known; it can name topic, mood`)
	err = (&Gate{Regression: true}).Check(&Comparison{Fields: []Field{{Name: "text"}}})
	jobtest.IsSpecError(t, "nothing known", err, "no row has one; name the column with the right ones with --expected")
}
