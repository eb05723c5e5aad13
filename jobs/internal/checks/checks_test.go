package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// invoice is the schema of the answers in these tests.
const invoice = `{"type":"object","required":["total","currency","items","count"],"properties":{
	"total":{"type":"number"},"currency":{"type":"string"},"count":{"type":"integer"},
	"due":{"type":["string","null"]},"paid":{"type":"boolean"},
	"items":{"type":"array","items":{"type":"object","required":["price"],"properties":{"name":{"type":"string"},"price":{"type":"number"}}}}}}`

func shapeOf(t *testing.T, text string) *schema.Shape {
	t.Helper()
	s, err := schema.Parse(spec.Schema(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Shape()
}

// csv is a row of a CSV file, and jsonl one of which nothing is known beforehand.
var (
	csvColumns = []batch.Column{{Name: "amount"}, {Name: "odd name"}, {Name: "country"}}
	csv        = &batch.Row{Columns: csvColumns, Values: []any{"12.50", "x", "DE"}}
	jsonl      = &batch.Row{
		Columns: []batch.Column{{Name: "amount", Type: batch.Float}, {Name: "n", Type: batch.Int}, {Name: "tags", Type: batch.JSON}, {Name: "none"}},
		Values:  []any{json.Number("12.50"), int64(3), json.RawMessage(`["a",{"b":2}]`), nil},
	}
)

const answer = `{"total":12.5,"currency":"EUR","count":2.0,"due":null,"items":[{"name":"a","price":10},{"price":2.5}]}`

func TestJudge(t *testing.T) {
	shape := shapeOf(t, invoice)
	for _, tt := range []struct {
		expr    string
		columns []batch.Column
		row     *batch.Row
		fault   string // empty: it holds
	}{
		{`answer.total == sum(answer.items, .price)`, csvColumns, csv, ""},
		{`answer.total == float(row.amount) and row["odd name"] == "x"`, csvColumns, csv, ""},
		{`answer.total == row.amount`, nil, jsonl, ""},
		{`row.n % 2 == 1 and row.n / 2 == 1.5`, nil, jsonl, ""},
		{`row.tags[1].b == 2 and "a" in row.tags`, nil, jsonl, ""},
		{`answer.count % 2 == 0 and answer.count == len(answer.items)`, csvColumns, csv, ""},
		{`answer.currency in ["EUR", "USD"] and answer.currency matches "^[A-Z]{3}$"`, csvColumns, csv, ""},
		{`answer.due == nil or answer.due > "2024-01-01"`, csvColumns, csv, ""},
		{`response contains "EUR" and finish_reason == "STOP"`, csvColumns, csv, ""},
		{`all(answer.items, let p = .price; count(answer.items, .price == p) == 1)`, csvColumns, csv, ""},
		{`"a" + row.country == "aDE" and 1 + 2 == 3 and answer.total + 1 == 13.5`, csvColumns, csv, ""},
		{`not ("x" in map(answer.items, .name))`, csvColumns, csv, ""},
		{`abs(answer.total - sum(answer.items, .price)) < 0.005 and all(answer.items, .price > 0)`, csvColumns, csv, ""},
		{`count(split("One. Two!", ""), # in [".", "!", "?"]) == 2`, csvColumns, csv, ""},
		{`(answer.due ?? "") == "" and row.none?.x == nil`, nil, jsonl, ""},

		{`answer.total > 100`, csvColumns, csv, "the check answer.total > 100 does not hold"},
		{`answer.items[0].name == answer.items[1].name`, csvColumns, csv, "does not hold"},
		{`row.none.x == 1`, nil, jsonl, "cannot be evaluated: a value is null, at character 10"},
		{`len(answer.due) > 3`, csvColumns, csv, "cannot be evaluated: "},
		{`all(row.none, # > 1)`, nil, jsonl, "cannot be evaluated: a value is null"},
		{`row.amount > "x"`, nil, jsonl, "cannot be evaluated: invalid operation: float64 > string"},
		{`row.n`, nil, jsonl, "cannot be evaluated: its value is neither true nor false"},
		{`answer.items[7].price > 0`, csvColumns, csv, "cannot be evaluated: "},
		{`row.later > 1`, nil, jsonl, "cannot be evaluated: "},
	} {
		s, err := Compile(spec.Checks{{Expr: tt.expr}}, tt.columns, shape)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		v := s.Judge(Facts{Row: tt.row, Answer: json.RawMessage(answer), Response: answer, FinishReason: "STOP"})
		switch {
		case (v.Err == nil) != (tt.fault == "") || (len(v.Failed) == 0) != (tt.fault == ""):
			t.Errorf("%s: failed %q, %v", tt.expr, v.Failed, v.Err)
		case v.Err != nil && !strings.Contains(v.Err.Error(), tt.fault):
			t.Errorf("%s: %q, and want %q", tt.expr, v.Err, tt.fault)
		}
	}
}

// A check is told to the model by its message, or else by its expression. One that only flags
// makes no error.
func TestVerdict(t *testing.T) {
	s, err := Compile(spec.Checks{
		{Expr: "answer.total > 0"},
		{Name: "sum", Expr: "answer.total == 1", Message: "The total must be 1."},
		{Name: "bare", Expr: "answer.total == 2"},
		{Name: "large", Expr: "answer.total > 100", Flag: true},
	}, nil, shapeOf(t, invoice))
	if err != nil {
		t.Fatal(err)
	}
	v := s.Judge(Facts{Answer: json.RawMessage(answer)})
	if !slices.Equal(v.Failed, []string{"sum", "bare", "large"}) {
		t.Errorf("failed: %q", v.Failed)
	}
	if want := "the check sum does not hold: The total must be 1; the check bare does not hold: answer.total == 2"; v.Err == nil || v.Err.Error() != want {
		t.Errorf("the error is %v, and want %s", v.Err, want)
	}
}

// What cannot hold for any row is refused before anything is paid for, with the place and a
// remedy.
func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct{ expr, want string }{
		{`answer.totl > 0`, `check "answer.totl > 0" cannot be read: unknown field totl, at character 8, "totl > 0"; did you mean "total"?`},
		{`sum(answer.items, .prise) > 0`, `unknown field prise, at character 20`},
		{`row.amont == "1"`, `at character 5, "amont == \"1\""; did you mean "amount"?`},
		{`row["odd nam"] == ""`, `did you mean "odd name"?`},
		{`row.zzzzzz == ""`, `the input has amount, odd name, country`},
		{`amount == "1"`, `unknown name amount, at character 1, "amount == \"1\""; a column is written row.amount`},
		{`total > 1`, `a part of the answer is written answer.total`},
		{`anser.total > 1`, `did you mean answer?`},
		{`row.amount > 10`, `mismatched types string and int), at character 12, "> 10"; a cell of CSV and TSV is a text: float(row.NAME)`},
		{`answer.total > "10"`, `mismatched types float64 and string`},
		{`answer.total`, `is neither true nor false: expected bool, but got float64; write what must hold`},
		{`answer.total = 1`, `write == to compare`},
		{`answer.total >`, `unexpected token EOF`},
		{`now() > date("2024-01-01")`, `no check knows the time`},
		{"answer.total > 0 and\nanser.total > 1", `at line 2, character 1`},
		{`date(response) > date("2024-01-01")`, `dates such as 2026-01-31 are in order as texts are`},
		{`"".Local() == 1`, `has no method Local`},
		{`$env.row.amount == "1"`, `$env is not known`},
		{`keys(answer)[0] == "total"`, `unknown name keys`},
		{`answer.total + true > 1`, `mismatched types`},
		{`response matches "("`, `missing closing )`},
		{strings.Repeat("1 == 1 and ", 1000) + "true", `compilation failed: expression exceeds maximum allowed nodes`},
	} {
		_, err := Compile(spec.Checks{{Expr: tt.expr}}, csvColumns, shapeOf(t, invoice))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n got %v\nwant %s", tt.expr, err, tt.want)
		}
		if err != nil && len(err.Error()) > 700 {
			t.Errorf("%s: the error has %d bytes", tt.expr, len(err.Error()))
		}
	}
}

// However an expression and an answer are, an evaluation ends soon, and takes little memory.
// That it stopped is the same on each machine.
func TestBounds(t *testing.T) {
	numbers := make([]string, 100_000)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	long := `{"list":[` + strings.Join(numbers, ",") + `]}`
	for _, tt := range []struct{ expr, want string }{
		{`all(answer.list, let x = #; count(answer.list, # == x) == 1)`, "more than 10,000,000 steps"},
		{`all(answer.list, # in answer.list)`, "more than 10,000,000 steps"},
		{`all(answer.list, not (# not in answer.list))`, "more than 10,000,000 steps"},
		{`all(1..1000, all(1..1000, all(1..1000, all(1..1000, true))))`, "more than 10,000,000 steps"},
		{`let a = map(1..1000, #); all(a, all(a, all(a, all(a, true))))`, "more than 10,000,000 steps"},
		{`len(1..100000000) > 0`, "memory budget exceeded"},
		{`let a = response + response; let b = a + a; let c = b + b; let d = c + c; let e = d + d; let f = e + e; let g = f + f; let h = g + g; len(h) > 0`, "more than 64 MiB"},
	} {
		s, err := Compile(spec.Checks{{Expr: tt.expr}}, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		begin := time.Now()
		v := s.Judge(Facts{Answer: json.RawMessage(long), Response: long})
		if v.Err == nil || !strings.Contains(v.Err.Error(), tt.want) {
			t.Errorf("%s: %v, and want %s", tt.expr, v.Err, tt.want)
		}
		t.Logf("%v: %s", time.Since(begin), tt.expr)
	}
}

// A row that is not at hand is no reason to find fault. Of one that is kept, only what checks
// look at is.
func TestRows(t *testing.T) {
	s, err := Compile(spec.Checks{{Expr: `row.country == "FR"`}, {Expr: `any([1], row["odd name"] == "x")`}}, csvColumns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := s.Judge(Facts{Answer: json.RawMessage(`{}`)}); v.Err != nil || len(v.Failed) > 0 {
		t.Errorf("without the row: %+v", v)
	}
	kept := s.Trim(csv)
	if len(kept.Columns) != 2 || kept.Columns[0].Name != "odd name" || kept.Values[1] != "DE" {
		t.Errorf("kept: %+v", kept)
	}
	if v := s.Judge(Facts{Row: kept, Answer: json.RawMessage(`{}`)}); len(v.Failed) != 1 || !s.UsesRow() {
		t.Errorf("with the row: %+v", v)
	}
	whole, err := Compile(spec.Checks{{Expr: `len(row) == 3`}}, csvColumns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := whole.Judge(Facts{Row: whole.Trim(csv), Answer: json.RawMessage(`{}`)}); v.Err != nil {
		t.Errorf("the row as a whole: %v", v.Err)
	}
	var none *Set
	if none.UsesRow() || none.Judge(Facts{}).Err != nil {
		t.Error("no checks look at the row, or find fault")
	}
}
