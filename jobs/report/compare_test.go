package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/compare"
)

// aComparison is one with a bit of everything, and with names that fit into no line.
func aComparison() *compare.Comparison {
	long := strings.Repeat("Überprüfung ", 12)
	return &compare.Comparison{
		A: compare.Figures{
			Name: "old.csv", Rows: 210, Unpaired: 7, Examples: []string{"/data/in.csv:3", "/data/in.csv:4"}, Pending: 3,
			Status: map[batch.Status]int64{batch.OK: 200}, Cost: 1_000_000_000, Priced: 200,
			Tokens: compare.Tokens{Rows: 200, Prompt: 4000, Output: 500}, Latency: compare.Latency{Rows: 200, Median: 300, P95: 900},
			Models: map[string]int64{"m-1": 200},
		},
		B: compare.Figures{
			Name: "new.csv", File: true, Rows: 200, Status: map[batch.Status]int64{batch.OK: 195, batch.Blocked: 5}, Cost: 1_500_000_000, Priced: 195, Unpriced: 5,
			Tokens: compare.Tokens{Rows: 195, Prompt: 3900, Thoughts: 70, Output: 400}, Latency: compare.Latency{Rows: 195, Median: 150, P95: 910},
			Models: map[string]int64{"m-2": 190, "m-1": 5},
		},
		Columns: []string{"id", "text"}, Pairs: 200, Changed: 45, ChangedFile: "changed.csv",
		Status: []compare.Flow{{A: "ok", B: "blocked", Pairs: 5}},
		Fields: []compare.Field{
			{
				Name: "label", Pairs: 200, Changed: 45, Churn: new(0.225), Interval: &[2]float64{0.172, 0.288},
				Flows:    []compare.Flow{{A: "billing", B: "refund", Pairs: 31}, {A: long + "1", B: long + "2", Pairs: 9}, {A: "請求", Pairs: 5}},
				Examples: []compare.Example{{Place: "/data/in.csv:9", A: "billing", B: "refund"}},
				Known: &compare.Known{
					Column: "truth", Rows: 190, Both: 120, OnlyA: 30, OnlyB: 8, Neither: 32, Shown: 2, OneSided: 8,
					AccuracyA: 0.7895, AccuracyB: 0.6737, Difference: -0.1158, Interval: &[2]float64{-0.177, -0.053}, MidP: 0.00032,
					F1:   &compare.F1{A: 0.7, B: 0.65, Difference: -0.05, Interval: [2]float64{-0.1, 0.0001}, Resamples: 2000},
					Lost: []compare.Example{{Key: "k|1", A: "a", B: "<b>", Expected: "a"}, {Place: "/data/in.csv:10", A: long + "1", B: long + "2", Expected: long}},
				},
			},
			{Name: "total", Pairs: 200, Churn: new(0.0), Interval: &[2]float64{0, 0.019}},
		},
	}
}

const comparisonText = `A        old.csv: 210 rows, 7 only here (in.csv:3, in.csv:4, …), 3 pending
B        new.csv (the file alone): 200 rows
pairs    200, by their id, text
written  changed.csv: 45 rows that changed

label, compared with the column truth:
  B is right in 11.6 points fewer of the rows than A (95% interval -17.7 to
  -5.3; McNemar mid-p 0.00032): more than chance explains.
                  A      B   B - A     95% interval
    accuracy  79.0%  67.4%   -11.6    -17.7 to -5.3
    macro F1  0.700  0.650  -0.050  -0.100 to 0.000
  of 190 rows: both right 120, only A 30, only B 8, neither 32
  left out  2 rows that a model was shown as an example
  left out  8 rows whose right label is one of a run's labels, and none of the
            other's
  changed  45 of 200 rows (22.5%; 95% interval 17.2% to 28.8%)
    billing → refund             31
    …erprüfung 1 → …erprüfung 2  9
    請求 → (none)                5
  right in A, and wrong in B:
    k|1  a → <b>, expected a
    in.csv:10
      A  …berprüfung Überprüfung 1
      B  …berprüfung Überprüfung 2
      expected  Überprüfung Überprüfung Überprüfung Überprüfung Überprüfung Übe…

total:
  changed  0 of 200 rows (0.0%; 95% interval 0.0% to 1.9%)

                            A        B      B - A  B / A
                  ok      200      195         -5   0.97
             blocked        0        5         +5      –
                cost  $0.0010  $0.0015  +$0.00050   1.50
  cost of 1,000 rows  $0.0050  $0.0077   +$0.0027   1.54
       prompt tokens    4,000    3,900       -100   0.97
     thoughts tokens        0       70        +70      –
       output tokens      500      400       -100   0.80
  median latency, ms      300      150       -150   0.50
   95% are below, ms      900      910        +10   1.01
status changed  ok → blocked 5
models          A m-1; B m-2, m-1
cost            not known of 0 rows of A and 5 rows of B, which are left out

FAILED  the accuracy of B in label is 0.6737, below 0.7
`

func TestComparisonText(t *testing.T) {
	text := Comparison{Comparison: aComparison(), Failures: []string{"the accuracy of B in label is 0.6737, below 0.7"}}.String()
	for line := range strings.Lines(text) {
		if terminal.Width(strings.TrimSuffix(line, "\n")) > terminal.Columns {
			t.Errorf("a line is too wide: %s", line)
		}
	}
	if text != comparisonText {
		t.Errorf("the text is\n%s\nwant\n%s", text, comparisonText)
	}
}

// What users and models wrote is no markup, and ends no cell of a table.
func TestComparisonMarkdown(t *testing.T) {
	c := aComparison()
	c.Fields[0].Flows[0].A = "a|b <img src=x> @everyone *x*"
	text := Comparison{Comparison: c, Failures: []string{"B is right less often"}}.Markdown()
	for _, want := range []string{
		"\n**Failed**: B is right less often.\n", "\n| a\\|b &lt;img src=x&gt; @\u200beveryone \\*x\\* | refund | 31 |\n", "\n| accuracy | 79.0% | 67.4% | -11.6 | -17.7 to -5.3 |\n",
		"\n#### label\n\nB is right in 11.6 points fewer", "\n- status changed: ok → blocked 5\n", "\nLeft out: 2 rows that a model was shown as an example.\n", "\n| 請求 | (none) | 5 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Markdown has no %q:\n%s", want, text)
		}
	}
}

func TestComparisonJSON(t *testing.T) {
	text, err := json.Marshal(Comparison{Comparison: aComparison(), ExitCode: 9, Failures: []string{"it is worse"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"type":"comparison"`, `"exit_code":9`, `"failures":["it is worse"]`, `"flows":[{"a":"billing","b":"refund","rows":31},`, `"better":"a"`, `"mcnemar_mid_p":0.00032`,
		`"cost_per_row_ratio":1.538`, `"cost_usd":null`, `"known_cost_usd":0.0015`, `"median_latency_ms":300`, `"status_changed":[{"a":"ok","b":"blocked","rows":5}]`, `"paired_by":["id","text"]`,
		`"sentence":"B is right in 11.6 points fewer`, `"only_a_right":30`, `"unknown_to_one":8`, `"resamples":2000`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the JSON has no %s:\n%s", want, text)
		}
	}
	empty, err := json.Marshal(Comparison{Comparison: &compare.Comparison{Fields: []compare.Field{{Name: "label", Known: &compare.Known{MidP: 1}}}}})
	if err != nil || !strings.Contains(string(empty), `"accuracy_a":null`) || !strings.Contains(string(empty), `"failures":[]`) || !strings.Contains(string(empty), `"mcnemar_mid_p":null`) {
		t.Errorf("of nothing it is %s, %v", empty, err)
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		known compare.Known
		want  string
	}{
		{compare.Known{}, "Which of the two is right is not known: no row has a known answer that both could be compared with."},
		{compare.Known{Rows: 5, Both: 4, Neither: 1, MidP: 1}, "A and B are right in the same rows: 4 of 5 rows."},
		{compare.Known{Rows: 200, OnlyA: 5, OnlyB: 5, MidP: 0.88, Interval: &[2]float64{-0.031, 0.031}},
			"No difference can be told from these 200 rows: B is right as often as A (95% interval -3.1 to +3.1; McNemar mid-p 0.88)."},
		{compare.Known{Rows: 1, OnlyB: 1, MidP: 0.5, Difference: 1, Interval: &[2]float64{-0.1, 1}},
			"No difference can be told from this row: B is right in 100.0 points more of the rows (95% interval -10.0 to +100.0; McNemar mid-p 0.50)."},
		{compare.Known{Rows: 1000, OnlyA: 10, OnlyB: 33, MidP: 0.00003, Difference: 0.023, Interval: &[2]float64{0.009, 0.037}},
			"B is right in 2.3 points more of the rows than A (95% interval +0.9 to +3.7; McNemar mid-p below 0.0001): more than chance explains."},
		{compare.Known{Rows: 1_000_000, OnlyA: 1000, OnlyB: 1200, MidP: 0.012, Difference: 0.0002, Interval: &[2]float64{0.00011, 0.00029}},
			"B is right in 0.02 points more of the rows than A (95% interval +0.01 to +0.03; McNemar mid-p 0.012): more than chance explains."},
	} {
		if got := Verdict(&tt.known); got != tt.want {
			t.Errorf("of %+v it is\n%s\nwant\n%s", tt.known, got, tt.want)
		}
	}
}
