package output

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

const properties = `{type: object, $defs: {color: {type: string, enum: [red, blue]}}, properties: {
	n: {type: integer}, f: {type: [number, 'null']}, d: {type: string, format: date}, at: {type: string, format: date-time}, s: {type: string}, b: {type: boolean},
	e: {type: string, enum: [a, b]}, may: {const: a, enum: [a]}, ne: {anyOf: [{$ref: '#/$defs/color'}, {type: 'null'}]}, same: {type: string, enum: [a, A]}, list: {type: array, items: {type: string}},
	tags: {type: array, items: {$ref: '#/$defs/color'}}, o: {type: object, properties: {x: {type: string}}}, any: {type: [string, number]}, ints: {enum: [1, 2]}}, required: [e, ne, b]}`

// How a column is compared follows from its question or its schema.
func TestKindsOfComparisons(t *testing.T) {
	const extract = "extract: {text: '{{.q}}'}\nschema: " + properties + "\nexpected: "
	for expected, want := range map[string]string{
		"{n: x, f: x}":                      "n number, f number",
		"{at: x, d: x, s: x}":               "d date, at date, s text",
		"{may: x}":                          "may label [a null]", // it may be left out
		"{e: x, ne: x, tags: x, b: x}":      "b label [true false], e label [a b], ne label [red blue null], tags labels [red blue]",
		"{same: x, list: x, ints: x}":       "same text, list set, ints number",
		"{e: {column: x, as: text}}":        "e text",
		"{s: {column: x, as: date}}":        "s date",
		"{s: {column: x, as: set}}":         "s set",
		"{n: {column: x, as: text}}":        "n text",
		"{e: {column: x, as: label}}":       "e label [a b]",
		"{s: {column: x, normalize: true}}": "s text",
		"{f: {column: x, tolerance: 1%}}":   "f number",
		"x":                                 "error: expected does not say what is compared with x; the answers have n, f, d",
		"{o: x}":                            "error: o, which is an object or of several types",
		"{any: x}":                          "error: any, which is an object or of several types",
		"{S: x}":                            `error: did you mean "s"?`,
		"{s: {column: x, as: label}}":       "error: as label, and the schema does not list its values",
		"{s: {column: x, tolerance: 1}}":    "error: s has a tolerance, which is for numbers, and is compared as text",
		"{n: {column: x, normalize: true}}": "error: n has normalize, which is for texts, and is compared as number",
	} {
		checkComparisons(t, extract+expected, want)
	}
	const classify = "classify: {text: '{{.q}}', confidence: true, "
	for job, want := range map[string]string{
		classify + "labels: [a, b]}\nexpected: x":                                                "label label [a b]",
		classify + "labels: [a, b], multi: true}\nexpected: {labels: x}":                         "labels labels [a b]",
		classify + "questions: {m: {labels: [a, b]}}}\nexpected: x":                              "m label [a b]",
		classify + "questions: {m: {labels: [a, b]}, n: {labels: [c, d], expected: x}}}":         "n label [c d]",
		classify + "questions: {m: {labels: [a, b]}}}\nexpected: {m_confidence: x}":              `error: "m_confidence", which is no column of the answers`,
		classify + "labels: [a, b]}\nexpected: {label: {column: x, as: text}}":                   "error: as text, and is a question",
		"prompt: '{{.q}}'\nexpected: x":                                                          "error: the answers of this job have no columns",
		"summarize: {text: '{{.q}}'}\nexpected: {a: x}":                                          "error: the answers of this job have no columns",
		"prompt: '{{.q}}'\nschema: {type: object, properties: {a: {type: string}}}\nexpected: x": "a text",
	} {
		checkComparisons(t, job, want)
	}
}

func checkComparisons(t *testing.T, job, want string) {
	t.Helper()
	columns, err := newColumns(t, job)
	var parts []string
	for _, c := range columns.compared {
		text := fmt.Sprint(c.config.Column, " ", c.config.Kind)
		if c.config.Multi {
			text += "s"
		}
		if c.config.Kind == eval.Label {
			text += fmt.Sprint(" ", c.config.Labels)
		}
		parts = append(parts, text)
	}
	got := strings.Join(parts, ", ")
	if err != nil {
		jobtest.IsSpecError(t, job, err, strings.TrimPrefix(want, "error: "))
	} else if got != want {
		t.Errorf("%s compares %s, want %s", job, got, want)
	}
}

// Each column that is compared says by itself whether it is right, and a row without an answer
// is wrong in all of them.
func TestCorrectByColumn(t *testing.T) {
	const job = `extract: {text: '{{.q}}'}
schema: {type: object, properties: {total: {type: number}, day: {type: string, format: date}, mood: {type: [string, 'null'], enum: [good, bad, null]}}}
expected: {mood: mood_true, total: {column: total_true, tolerance: 0.01}, day: day_true}
`
	f := newFixture(t, job,
		`{"q":"a","total_true":1.5,"day_true":"31.01.2026","mood_true":"GOOD"}`, `{"q":"b","total_true":"null","day_true":null,"mood_true":"null"}`,
		`{"q":"c","total_true":1,"day_true":"2026-01-31","mood_true":"fine"}`, `{"q":"d","total_true":1,"day_true":"","mood_true":""}`)
	f.answer(func(q string, _ int64) *answer {
		return map[string]*answer{
			"a": {response: jobtest.AnswerBody(`{"total":1.51,"day":"2026-01-31","mood":"good"}`)},
			"b": {response: jobtest.AnswerBody(`{"mood":null}`)},
			"c": {response: jobtest.AnswerBody(`{"total":"much"}`)},
			"d": nil,
		}[q]
	})
	jobtest.Equal(t, "correct", f.mustDerive("q", "total_correct", "day_correct", "mood_correct", "status"),
		"a true true true ok", "b true null true ok", "c false false null invalid", "d null null null pending")
	totals, _, err := f.deriver.Derive(t.Context(), Target{To: new(bytes.Buffer), Path: "out.jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range totals.Evaluations {
		got = append(got, fmt.Sprintf("%s %s %d/%d, %d without", e.Column, e.Kind, e.Correct, e.Rows, e.NoLabel))
	}
	jobtest.Equal(t, "evaluations", got, "total number 2/3, 1 without", "day date 1/2, 1 without", "mood label 2/2, 0 without")
}

// A column that says whether another is right has a name of its own.
func TestCorrectClash(t *testing.T) {
	_, err := newColumns(t, "classify: {text: x, questions: {correct: {labels: [a, b]}}}\nexpected: x")
	jobtest.IsSpecError(t, "a question with the name correct", err, `a question "correct", and the output a result column of that name`)
}
