package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// How much of an evaluation the text shows. The JSON has all of it.
const (
	labelsShown     = 20 // in the table of scores
	matrixShown     = 12 // labels of a confusion matrix
	confusionsShown = 5
	bandsShown      = 4
	unknownShown    = 3
)

// writeJudgement writes how far the answers of an output can be believed, as far as anything
// is known of that.
func writeJudgement(w io.Writer, j *jobs.Judgement) {
	writeEvaluations(w, j.Evaluations)
	writeReview(w, j.Review)
	writeFindings(w, j.Findings)
}

// writeEvaluations writes how columns compare with known values, if any were compared: of
// several first all of them in one table, and then each by itself.
func writeEvaluations(w io.Writer, all []*jobs.Evaluation) {
	if len(all) == 1 {
		fmt.Fprintf(w, "\nCompared with the column %s:\n", terminal.Name(all[0].Expected))
		writeEvaluation(w, all[0])
		return
	}
	if len(all) > 1 {
		fmt.Fprint(w, "\nCompared with known values:\n\n")
		writeOverview(w, all)
	}
	for _, e := range all {
		fmt.Fprintf(w, "\n%s, compared with the column %s:\n", terminal.Name(e.Column), terminal.Name(e.Expected))
		writeEvaluation(w, e)
	}
}

// writeOverview writes a line for each column that was compared.
func writeOverview(w io.Writer, all []*jobs.Evaluation) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "  \tkind\trows\tright\t95% interval\tbesides\t\n")
	for _, e := range all {
		interval, besides := "–", "–"
		if e.Interval != nil {
			interval = Interval(e.Interval)
		}
		switch {
		case len(e.Labels) > 0 && e.Rows > 0:
			besides = "macro F1 " + Score(e.Macro.F1)
		case e.Jaccard != nil && e.Rows > 0:
			besides = "micro F1 " + Score(e.Micro.F1)
		case e.Numbers != nil && e.Numbers.Rows > 0:
			besides = "mean error ±" + figureText(*e.Numbers.MeanAbsoluteError)
		}
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\t%s\t%s\t\n", shortLabel(e.Column), e.Kind, Count(e.Rows), SharePercent(e.Accuracy), interval, besides)
	}
	tw.Flush()
}

// writeEvaluation writes how the values of a column compare with known ones.
func writeEvaluation(w io.Writer, e *jobs.Evaluation) {
	tw := newTable(w)
	what := "accuracy"
	switch {
	case e.Multi || e.Jaccard != nil:
		what = "exact match"
	case e.Numbers != nil && e.Numbers.Tolerance != "":
		what = "within " + e.Numbers.Tolerance
	}
	if e.Rows == 0 {
		fmt.Fprintf(tw, "  %s\tnot known: no row could be compared\n", what)
	} else {
		fmt.Fprintf(tw, "  %s\t%s (%s of %s; 95%% interval %s)\n", what, SharePercent(e.Accuracy), Count(e.Correct), Many(e.Rows, "row"), Interval(e.Interval))
	}
	if e.HammingLoss != nil {
		fmt.Fprintf(tw, "  Hamming loss\t%.4f\n", *e.HammingLoss)
	}
	if e.Jaccard != nil {
		fmt.Fprintf(tw, "  items\tprecision %s, recall %s, F1 %s; Jaccard %s in the mean\n",
			Score(e.Micro.Precision), Score(e.Micro.Recall), Score(e.Micro.F1), Score(e.Jaccard))
	}
	if n := e.Numbers; n != nil && n.Rows > 0 {
		fmt.Fprintf(tw, "  error\tmean ±%s, median ±%s, bias %+.4g, of %s with a number\n",
			figureText(*n.MeanAbsoluteError), figureText(*n.MedianAbsoluteError), *n.MeanError, Many(n.Rows, "row"))
	}
	if e.NoLabel > 0 {
		fmt.Fprintf(tw, "  no %s\t%s: not ok, and counted as wrong\n", valueName(e), Many(e.NoLabel, "row"))
	}
	if text := Excluded(e); text != "" {
		fmt.Fprintf(tw, "  not compared\t%s\n", text)
	}
	if e.Calibration != nil && len(e.Calibration.Bands) > 0 {
		fmt.Fprintf(tw, "  by confidence\t%s\n", bandsText(e.Calibration))
		if e.Calibration.Brier != nil { // a manifest of versions to 0.5.0 has none
			fmt.Fprintf(tw, "  Brier score\t%s\n", brierText(e.Calibration))
		}
	}
	tw.Flush()
	if e.Rows == 0 || len(e.Labels) == 0 {
		return
	}
	writeScores(w, e)
	if !e.Multi {
		writeConfusion(w, e)
	}
}

// valueName is what a column holds.
func valueName(e *jobs.Evaluation) string { return cmp.Or(string(e.Kind), "label") }

// figureText writes a figure that is not below 0, with four digits that count.
func figureText(f float64) string { return fmt.Sprintf("%.4g", f) }

// Excluded says which rows were not compared, and why.
func Excluded(e *jobs.Evaluation) string {
	var parts []string
	if e.Missing > 0 {
		text := Many(e.Missing, "row") + " without an expected " + valueName(e)
		if e.Multi || e.Kind == "set" {
			text += " ([] is one to which none applies)"
		}
		parts = append(parts, text)
	}
	if e.Unknown > 0 {
		var values []string
		for i, v := range ByCount(e.Values) {
			if i == unknownShown {
				values = append(values, "…")
				break
			}
			values = append(values, fmt.Sprintf("\"%s\" %s", terminal.Name(v), Count(e.Values[v])))
		}
		none := "label is none of the job's"
		if valueName(e) != "label" {
			none = "value is no " + valueName(e)
		}
		parts = append(parts, fmt.Sprintf("%s whose expected %s (%s)", Many(e.Unknown, "row"), none, strings.Join(values, ", ")))
	}
	if e.Examples > 0 {
		parts = append(parts, Many(e.Examples, "row")+" that the model was shown as examples")
	}
	return strings.Join(parts, ", ")
}

// writeScores writes the scores of each label. If there are many labels, it writes those
// that are expected most often.
func writeScores(w io.Writer, e *jobs.Evaluation) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\n  \tprecision\trecall\tF1\texpected\tgiven\t\n")
	labels := e.Labels
	if len(labels) > labelsShown {
		labels = slices.Clone(labels)
		slices.SortStableFunc(labels, func(a, b jobs.LabelScores) int { return cmp.Compare(b.Expected, a.Expected) })
		labels = labels[:labelsShown]
	}
	line := func(name string, s jobs.Scores) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t", name, Score(s.Precision), Score(s.Recall), Score(s.F1))
	}
	for _, l := range labels {
		line(shortLabel(l.Label), l.Scores)
		fmt.Fprintf(tw, "%s\t%s\t\n", Count(l.Expected), Count(l.Given))
	}
	if more := len(e.Labels) - len(labels); more > 0 {
		fmt.Fprintf(tw, "… %d more\t\n", more)
	}
	for _, mean := range []struct {
		name string
		jobs.Scores
	}{{"macro average", e.Macro}, {"weighted average", e.Weighted}, {"micro average", e.Micro}} {
		line(mean.name, mean.Scores)
		fmt.Fprintln(tw)
	}
	tw.Flush()
}

// writeConfusion writes which labels are taken for which: as a matrix if that fits on a
// page, else as a list of the most frequent pairs.
func writeConfusion(w io.Writer, e *jobs.Evaluation) {
	pairs := e.Confusions()
	if len(pairs) == 0 {
		return
	}
	if len(e.Labels) > matrixShown {
		fmt.Fprintf(w, "\n  expected, but given:\n")
		for i, p := range pairs {
			if i == 2*confusionsShown {
				fmt.Fprintf(w, "    … %d more pairs\n", len(pairs)-i)
				break
			}
			fmt.Fprintf(w, "    %s\n", confusedText(p))
		}
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "\n  expected \\ given\t")
	for i := range e.Labels {
		fmt.Fprintf(tw, "%c\t", 'a'+i)
	}
	if e.NoLabel > 0 {
		fmt.Fprint(tw, "none\t")
	}
	fmt.Fprintln(tw)
	for i, l := range e.Labels {
		fmt.Fprintf(tw, "%s = %c\t", shortLabel(l.Label), 'a'+i)
		for _, given := range e.Labels {
			fmt.Fprintf(tw, "%s\t", matrixCell(e.Confusion[l.Label][given.Label]))
		}
		if e.NoLabel > 0 {
			fmt.Fprintf(tw, "%s\t", matrixCell(e.Confusion[l.Label][""]))
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	var most []string
	for _, p := range pairs[:min(len(pairs), confusionsShown)] {
		most = append(most, confusedText(p))
	}
	fmt.Fprintf(w, "\n%s\n", strings.Join(terminal.Wrap("  expected, but given: "+strings.Join(most, ", "), terminal.Columns), "\n  "))
}

func confusedText(p jobs.Confused) string {
	given := p.Given
	if given == "" {
		given = "no label"
	}
	return fmt.Sprintf("%s → %s %s", shortLabel(p.Expected), shortLabel(given), Count(p.Rows))
}

// matrixCell writes a count in a matrix. The many zeros become dots, which stand out less.
func matrixCell(n int64) string {
	if n == 0 {
		return "."
	}
	return Count(n)
}

// shortLabel shortens a label so that it fits into a column.
func shortLabel(label string) string { return terminal.Line(label, 30) }

// SharePercent writes a share from 0 to 1 in percent, and nil, which is not defined, as a
// dash.
func SharePercent(share *float64) string {
	if share == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100**share)
}

// Interval writes an interval of shares, in percent.
func Interval(of *[2]float64) string { return SharePercent(&of[0]) + " to " + SharePercent(&of[1]) }

// Score writes a score from 0 to 1, and nil, which is not defined, as a dash.
func Score(score *float64) string {
	if score == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *score)
}
