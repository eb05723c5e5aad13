package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// evaluate compares rows of an expected value and the labels given, as JSON; an
// empty text is a row that is not ok.
func evaluate(t *testing.T, c Config, rows ...[2]string) *Evaluation {
	t.Helper()
	c.Expected, c.Parse = "known", c.parse
	v := New(c)
	for i, r := range rows {
		g := Answer{OK: true}
		switch {
		case r[1] == "pending":
			g = Answer{Pending: true}
		case r[1] == "":
			g.OK = false
		case strings.HasPrefix(r[1], "["):
			if err := json.Unmarshal([]byte(r[1]), &g.Labels); err != nil {
				t.Fatal(err)
			}
		default:
			label, confidence, _ := strings.Cut(r[1], " ")
			g.Labels = []string{label}
			if confidence != "" {
				fmt.Sscan(confidence, &g.Confidence)
			}
		}
		v.Add(jobtest.Row("x", fmt.Sprint("text ", i), "known", r[0]), g)
	}
	return v.Result()
}

// parse reads labels with semicolons or commas between them, or a JSON list.
func (c Config) parse(text string) (labels []string, err error) {
	items := []string{text}
	switch {
	case !c.Multi:
	case strings.HasPrefix(text, "["):
		err = json.Unmarshal([]byte(text), &items)
	default:
		items = strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ',' })
	}
	for _, l := range c.Labels {
		if i := slices.IndexFunc(items, func(item string) bool { return strings.EqualFold(strings.TrimSpace(item), l) }); i >= 0 {
			labels, items = append(labels, l), slices.Delete(items, i, i+1)
		}
	}
	if len(items) > 0 {
		err = fmt.Errorf("%q are none of the labels", items)
	}
	return labels, err
}

func closeTo(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	switch {
	case math.IsNaN(want) && got == nil:
	case got == nil:
		t.Errorf("%s is not known, want %v", what, want)
	case math.IsNaN(want) || math.Abs(*got-want) > 5e-5:
		t.Errorf("%s is %v, want %v", what, *got, want)
	}
}

func scoresAre(t *testing.T, what string, got Scores, precision, recall, f1 float64) {
	t.Helper()
	closeTo(t, what+": precision", got.Precision, precision)
	closeTo(t, what+": recall", got.Recall, recall)
	closeTo(t, what+": F1", got.F1, f1)
}

// The example of scikit-learn's documentation of classification_report, in which
// y_true is 0 1 2 2 2 and y_pred 0 0 2 2 1.
func TestEvaluationIsThatOfScikitLearn(t *testing.T) {
	undefined := math.NaN()
	e := evaluate(t, Config{Labels: []string{"zero", "one", "two", "other"}},
		[2]string{"zero", "zero"}, [2]string{"ONE ", "zero"}, [2]string{"two", "two"}, [2]string{"two", "two"}, [2]string{"two", "one"},
		[2]string{"", "two"}, [2]string{"tow", "two"}, [2]string{"tow", "two"}, [2]string{"two", "pending"})
	if e.Rows != 5 || e.Correct != 3 || e.Missing != 1 || e.Unknown != 2 || e.Values["tow"] != 2 {
		t.Errorf("counts %+v", e)
	}
	closeTo(t, "accuracy", e.Accuracy, 0.6)
	scoresAre(t, "zero", e.Labels[0].Scores, 0.5, 1, 0.66667)
	scoresAre(t, "one", e.Labels[1].Scores, 0, 0, 0)
	scoresAre(t, "two", e.Labels[2].Scores, 1, 0.66667, 0.8)
	scoresAre(t, "a label that is nowhere", e.Labels[3].Scores, undefined, undefined, undefined)
	scoresAre(t, "macro", e.Macro, 0.5, 0.55556, 0.48889)
	scoresAre(t, "weighted", e.Weighted, 0.7, 0.6, 0.61333)
	scoresAre(t, "micro", e.Micro, 0.6, 0.6, 0.6)
	got, err := json.Marshal(e.Confusion)
	if err != nil {
		t.Fatal(err)
	}
	jobtest.SameJSON(t, string(got), `{"zero":{"zero":1},"one":{"zero":1},"two":{"two":2,"one":1}}`)
}

// A row without a label is wrong, and no label's false alarm.
func TestEvaluationCountsRowsWithoutLabel(t *testing.T) {
	e := evaluate(t, Config{Labels: []string{"a", "b"}}, [2]string{"a", "a"}, [2]string{"a", ""}, [2]string{"b", ""}, [2]string{"b", "b"})
	if e.Rows != 4 || e.NoLabel != 2 || e.Confusion["a"][""] != 1 {
		t.Errorf("counts %+v", e)
	}
	closeTo(t, "accuracy", e.Accuracy, 0.5)
	scoresAre(t, "a", e.Labels[0].Scores, 1, 0.5, 0.66667)
	scoresAre(t, "micro", e.Micro, 1, 0.5, 0.66667)
	// statsmodels' proportion_confint(2, 4, method="wilson").
	closeTo(t, "interval", &e.Interval[0], 0.15004)
	closeTo(t, "interval", &e.Interval[1], 0.84996)

	if e := evaluate(t, Config{Labels: []string{"a", "b"}}, [2]string{"", "a"}); e.Accuracy != nil || e.Interval != nil || e.Macro.F1 != nil {
		t.Errorf("of no rows, the evaluation knows %+v", e)
	}
	text, err := json.Marshal(evaluate(t, Config{Labels: []string{"a", "b"}}))
	if err != nil || !strings.Contains(string(text), `"accuracy":null`) {
		t.Errorf("an empty evaluation is %s, %v", text, err)
	}
}

// y_true is [[1 0 1] [0 0 0] [0 1 1] [1 1 0]] and y_pred [[1 0 0] [0 0 0] [0 1 1]
// [1 0 1]] here: by scikit-learn accuracy 0.5, Hamming loss 0.25, micro F1 0.7273.
func TestEvaluationOfManyLabels(t *testing.T) {
	e := evaluate(t, Config{Labels: []string{"a", "b", "c"}, Multi: true},
		[2]string{"C; a", `["a"]`}, [2]string{"[]", `[]`}, [2]string{`["b","c"]`, `["b","c"]`}, [2]string{"a, b", `["a","c"]`},
		[2]string{"", `[]`}, [2]string{"a;x", `["a"]`})
	if e.Rows != 4 || e.Correct != 2 || e.Missing != 1 || e.Unknown != 1 || e.Confusion != nil {
		t.Errorf("counts %+v", e)
	}
	closeTo(t, "exact match", e.Accuracy, 0.5)
	closeTo(t, "Hamming loss", e.HammingLoss, 0.25)
	scoresAre(t, "a", e.Labels[0].Scores, 1, 1, 1)
	scoresAre(t, "b", e.Labels[1].Scores, 1, 0.5, 0.66667)
	scoresAre(t, "c", e.Labels[2].Scores, 0.5, 0.5, 0.5)
	scoresAre(t, "micro", e.Micro, 0.8, 0.66667, 0.72727)
	scoresAre(t, "macro", e.Macro, 0.83333, 0.66667, 0.72222)
}

func TestCalibration(t *testing.T) {
	e := evaluate(t, Config{Labels: []string{"a", "b"}, Confidence: true},
		[2]string{"a", "a 1"}, [2]string{"a", "a 0.9"}, [2]string{"a", "b 0.98"}, [2]string{"b", "b 0.3"}, [2]string{"b", "a 0.3"}, [2]string{"a", ""})
	c := e.Calibration
	if len(c.Bands) != 2 || c.Bands[0].Rows != 2 || c.Bands[0].From != 0.3 || c.Bands[1].Rows != 3 || c.Bands[1].To != 1 || c.Bands[1].Correct != 2 {
		t.Fatalf("bands %+v", c.Bands)
	}
	closeTo(t, "mean confidence", &c.Bands[1].Mean, 0.96)
	closeTo(t, "accuracy", &c.Bands[1].Accuracy, 0.66667)
	// (2·|0.5−0.3| + 3·|2/3−0.96|) / 5
	closeTo(t, "calibration error", c.Error, 0.256)
}

// What a Parquet file or JSON holds in place of texts is compared too.
func TestExpectedOfOtherTypes(t *testing.T) {
	c := Config{Expected: "known", Labels: []string{"1", "true", "2.5"}}
	c.Parse = c.parse
	v := New(c)
	for _, value := range []any{int64(1), json.Number("1"), true, 2.5, []byte("true"), json.RawMessage("null"), nil} {
		v.Add(jobtest.Row("x", "y", "known", value), Answer{OK: true, Labels: []string{"1"}})
	}
	if e := v.Result(); e.Rows != 5 || e.Missing != 2 || e.Correct != 2 {
		t.Errorf("%+v", e)
	}
}
