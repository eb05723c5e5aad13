package page

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// This file says what the answers are, and how far they can be believed.

// LabelShares are the shares of labels, by question.
func (c *content) LabelShares() (tables []labelTable) {
	answered := c.Totals.Status[batch.OK]
	for _, question := range slices.Sorted(maps.Keys(c.Totals.Labels)) {
		counts := c.Totals.Labels[question]
		t := labelTable{Question: short(question), Answered: answered}
		for i, name := range report.ByCount(counts) {
			if i == labelsShown {
				t.More = len(counts) - i
				break
			}
			t.Lines = append(t.Lines, labelLine{cmp.Or(short(name), "none of them"), counts[name]})
		}
		tables = append(tables, t)
	}
	return tables
}

// A labelTable counts the rows of each label.
type labelTable struct {
	Question string
	Answered int64
	Lines    []labelLine
	More     int
}

type labelLine struct {
	Name string
	Rows int64
}

// Judged are how columns compare with known values.
func (c *content) Judged() (list []*judged) {
	for _, e := range c.Evaluations {
		list = append(list, &judged{e})
	}
	return list
}

// A judged is an evaluation as it is shown.
type judged struct{ *jobs.Evaluation }

// What names the figure that says how many values are right.
func (e *judged) What() string {
	switch {
	case e.Multi || e.Jaccard != nil:
		return "Exact match"
	case e.Numbers != nil && e.Numbers.Tolerance != "":
		return "Within " + safe(e.Numbers.Tolerance)
	}
	return "Accuracy"
}

// Besides are figures that only some kinds of values have.
func (e *judged) Besides() (facts []fact) {
	if e.NoLabel > 0 {
		facts = append(facts, fact{"without a value", report.Many(e.NoLabel, "row") + ": not ok, and counted as wrong"})
	}
	if text := report.Excluded(e.Evaluation); text != "" {
		facts = append(facts, fact{"not compared", safe(text)})
	}
	if e.HammingLoss != nil {
		facts = append(facts, fact{"Hamming loss", fmt.Sprintf("%.4f", *e.HammingLoss)})
	}
	if e.Jaccard != nil {
		facts = append(facts, fact{"items", fmt.Sprintf("precision %s, recall %s, F1 %s; Jaccard %s in the mean",
			report.Score(e.Micro.Precision), report.Score(e.Micro.Recall), report.Score(e.Micro.F1), report.Score(e.Jaccard))})
	}
	if n := e.Numbers; n != nil && n.Rows > 0 {
		facts = append(facts, fact{"error", fmt.Sprintf("mean ±%.4g, median ±%.4g, bias %+.4g, of %s with a number",
			*n.MeanAbsoluteError, *n.MedianAbsoluteError, *n.MeanError, report.Many(n.Rows, "row"))})
	}
	if c := e.Calibration; c != nil && c.Error != nil {
		facts = append(facts, fact{"calibration error", fmt.Sprintf("%.4f", *c.Error)})
		if c.Brier != nil {
			facts = append(facts, fact{"Brier score", fmt.Sprintf("%.4f", *c.Brier)})
		}
	}
	return facts
}

// Scores are those of the labels that are expected most often, in their order.
func (e *judged) Scores() []jobs.LabelScores {
	return e.Labels[:min(len(e.Labels), labelsShown)]
}

// MoreLabels is how many labels are not among them.
func (e *judged) MoreLabels() int { return len(e.Labels) - len(e.Scores()) }

// Means are the means over all labels.
func (e *judged) Means() []jobs.LabelScores {
	if len(e.Labels) == 0 {
		return nil
	}
	return []jobs.LabelScores{{Label: "macro average", Scores: e.Macro}, {Label: "weighted average", Scores: e.Weighted}, {Label: "micro average", Scores: e.Micro}}
}

// A cell is one of a confusion matrix. Its class says how large a share of the row it is.
type cell struct {
	Rows  int64
	Class string
}

// A matrixRow has the rows of an expected label.
type matrixRow struct {
	Label string
	Cells []cell
}

// MatrixHead are the labels that were given. It is empty if there is no matrix, or if it would
// have too many columns to be read.
func (e *judged) MatrixHead() (names []string) {
	if e.Confusion == nil || len(e.Labels) > matrixShown || e.Rows == 0 {
		return nil
	}
	for _, l := range e.Labels {
		names = append(names, short(l.Label))
	}
	if e.NoLabel > 0 {
		names = append(names, "none")
	}
	return names
}

// Matrix has a row for each expected label.
func (e *judged) Matrix() (rows []matrixRow) {
	given := make([]string, 0, len(e.Labels)+1)
	for _, l := range e.Labels {
		given = append(given, l.Label)
	}
	if e.NoLabel > 0 {
		given = append(given, "")
	}
	for _, l := range e.Labels {
		r := matrixRow{Label: short(l.Label)}
		for _, name := range given {
			n := e.Confusion[l.Label][name]
			class := "wrong-"
			if name == l.Label {
				class = "right-"
			}
			if n == 0 {
				class = "none-"
			}
			r.Cells = append(r.Cells, cell{n, fmt.Sprint(class, shade(n, l.Expected))})
		}
		rows = append(rows, r)
	}
	return rows
}

// shade returns a number from 0 to 4 for a part of a whole.
func shade(part, whole int64) int64 {
	if whole == 0 {
		return 0
	}
	return min(4, 5*part/whole)
}

// Confusions are the pairs of labels that are taken for each other most often.
func (e *judged) Confusions() []jobs.Confused {
	const most = 10
	pairs := e.Evaluation.Confusions()
	return pairs[:min(len(pairs), most)]
}

// Bands are the rows by how sure the model said to be.
func (e *judged) Bands() []jobs.ConfidenceBand {
	if e.Calibration == nil {
		return nil
	}
	return e.Calibration.Bands
}

// Diagram draws them.
func (e *judged) Diagram() template.HTML { return calibration(e.Calibration) }
