package findings

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// The thresholds. Below them a finding says more about chance, or about the data as they are,
// than about what is wrong.
const (
	// fewestRows is how many rows an output has before shares of them mean anything.
	fewestRows = 20
	// refusedShare is the share of the rows from which on a status is a finding. The summary
	// counts fewer as well, without a word about them.
	refusedShare, refusedHigh = 0.02, 0.10

	// oneLabel is the share above which a label swallows the others. Of two labels one has
	// often more than that, such as "no spam", so that it takes more there. The share must be
	// above it for all that chance can do to so many rows: the lower end of its interval is.
	oneLabel, oneOfTwo = 0.60, 0.90
	// asKnown is by how much a label may be more frequent than the known labels say.
	asKnown = 0.10
	// rowsForEachLabel is how many rows there are for each label before one that no row has
	// says something. A label with a fair share would then be missing once in 500 million
	// times, and even one with a fifth of a fair share once in 50.
	rowsForEachLabel = 20

	// fewestCosts is how many rows tell what is usual. matters is the share of all cost, or
	// length, that outliers must make up, and rare the share of the rows that they may be:
	// more of them are no outliers. leastDeviation is ln(1.1), for answers that are nearly of
	// one length.
	fewestCosts, matters, rare, leastDeviation = 50, 0.10, 0.05, 0.0953

	// movedBy is the least change of a share that is drift, and driftP how rarely chance alone
	// may make a change as great as the one that is seen: once in three years of daily runs.
	// Among a million rows a change of 0.1 points is no chance either, and yet no drift.
	movedBy, driftP = 0.05, 0.001
	fewestNew       = 50

	// sameShare is the share of the rows that ask the same as others.
	sameShare = 0.10
)

// Known returns the share that a label has among the known labels of a question. ok is false
// if none are known.
type Known func(question, label string) (share float64, ok bool)

// Result returns the findings, the most important first. A nil Fold has none. Known may be nil.
func (f *Fold) Result(known Known) []Finding {
	if f == nil {
		return nil
	}
	if known == nil {
		known = func(string, string) (float64, bool) { return 0, false }
	}
	var all []Finding
	for _, status := range batch.Statuses {
		all = append(all, f.refusals(status)...)
	}
	for i := range f.Questions {
		all = append(all, f.dominance(i, known)...)
		all = append(all, f.unused(i, known)...)
		all = append(all, f.drift(i)...)
	}
	all = append(all, f.outliers()...)
	all = append(all, f.sameRequests()...)
	for _, check := range slices.Sorted(maps.Keys(f.flagged)) {
		rows := *f.flagged[check]
		all = append(all, Finding{Code: Flagged, Severity: Low, Rows: rows,
			Text:   fmt.Sprintf("%s the check %s, which only flags", ofRows(rows.Count, f.rows, "fails", "fail"), message.OneLine(check, 80)),
			Remedy: "see the column failed_checks"})
	}
	severities := []Severity{High, Medium, Low}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)), cmp.Compare(b.Rows.Count, a.Rows.Count))
	})
	return all
}

// refused says what a status is called in a finding, and what to do about it.
var refused = map[batch.Status]struct{ code, is, are, remedy string }{
	batch.Blocked:   {Blocked, "was blocked", "were blocked", "see whether request.safetySettings or another prompt lets them pass, then --retry blocked"},
	batch.Rejected:  {Rejected, "is refused by the API", "are refused by the API", "correct what the column error says of them; rows that ask another thing are asked again"},
	batch.Failed:    {Failed, "has failed", "have failed", "the same command asks them again"},
	batch.Empty:     {Empty, "has an empty answer", "have empty answers", "--retry empty asks them again; an empty answer to the same prompt again is the prompt's"},
	batch.Invalid:   {Invalid, "is invalid", "are invalid", "look at the column error, and make the prompt, the schema or the check fit; --retry invalid asks them again"},
	batch.Skipped:   {Skipped, "was skipped", "were skipped", "mend the input; the same command asks them then"},
	batch.Truncated: {Cut, "was cut at a token limit", "were cut at a token limit", "raise max_output_tokens, or ask for less, then --retry truncated"},
}

// Remedy says what to do about rows with a status; it is empty for ok and pending.
func Remedy(status batch.Status) string { return refused[status].remedy }

// refusals returns the finding of a status other than ok.
func (f *Fold) refusals(status batch.Status) []Finding {
	c, what := f.statuses[status], refused[status]
	if c == nil || f.rows < fewestRows || share(c.Count, f.rows) < refusedShare {
		return nil
	}
	severity, remedy := Medium, what.remedy
	if share(c.Count, f.rows) >= refusedHigh {
		severity = High
	}
	if status == batch.Truncated && 2*f.thinking > c.Count {
		remedy = "thinking took most of their tokens: lower thinkingConfig, or raise max_output_tokens, then --retry truncated"
	}
	text := ofRows(c.Count, f.rows, what.is, what.are)
	if why := causes(c.why); why != "" {
		text += ": " + why
	}
	return []Finding{{Code: what.code, Severity: severity, Text: text, Remedy: remedy, Rows: c.Rows}}
}

// causeOf returns why a row has its status, without what is the row's own.
func causeOf(r *Row) string {
	switch {
	case r.Status == batch.Truncated:
		return ""
	case r.Status == batch.Blocked && r.Reason != "":
		return r.Reason
	case r.Status == batch.Skipped: // the place comes first
		return ""
	case r.Status == batch.Invalid && len(r.Failed) > 0:
		return "the check " + message.OneLine(r.Failed[0], 60)
	}
	why, _, _ := strings.Cut(r.Problem, `"`)
	parts := strings.SplitN(why, ": ", 3)
	return message.OneLine(strings.TrimRight(strings.Join(parts[:min(2, len(parts))], ": "), " :;,"), 80)
}

// causes lists causes with their numbers of rows, the most frequent first.
func causes(why map[string]int64) string {
	const most = 3
	var list []string
	var others int64
	names := slices.SortedFunc(maps.Keys(why), func(a, b string) int { return cmp.Or(cmp.Compare(why[b], why[a]), cmp.Compare(a, b)) })
	for _, name := range names {
		if name == "" || len(list) == most {
			others += why[name]
			continue
		}
		list = append(list, fmt.Sprintf("%s %s", name, message.Count(why[name])))
	}
	if len(list) > 0 && others > 0 {
		list = append(list, "others "+message.Count(others))
	}
	return strings.Join(list, ", ")
}

// dominance finds a label that most rows have.
func (f *Fold) dominance(i int, known Known) []Finding {
	q, a := f.Questions[i], &f.answers[i]
	if a.rows < fewestRows || len(q.Labels) < 2 {
		return nil
	}
	limit := oneLabel
	if len(q.Labels) == 2 {
		limit = oneOfTwo
	}
	for _, label := range slices.Sorted(maps.Keys(a.labels)) {
		rows := a.labels[label]
		given := share(rows.Count, a.rows)
		if stats.Wilson(rows.Count, a.rows)[0] <= limit {
			continue
		}
		if expected, ok := known(q.Name, label); ok && given-expected < asKnown {
			continue
		}
		return []Finding{{Code: OneLabel, Severity: Medium, Question: q.Name, Rows: *rows,
			Text:   fmt.Sprintf("%s of the answers%s are %s: %s of %s", percent(given), to(q), labelName(label), message.Count(rows.Count), message.Many(a.rows, "row")),
			Remedy: remedyFor(label)}}
	}
	return nil
}

// remedyFor says what to do about a label that most rows have; an empty one is none.
func remedyFor(label string) string {
	if label == "" {
		return "look at some of them; if labels do apply, describe when"
	}
	return "look at some of them; if they are not all alike, describe the labels or split this one"
}

// unused finds the labels that no row has.
func (f *Fold) unused(i int, known Known) []Finding {
	q, a := f.Questions[i], &f.answers[i]
	if a.rows < int64(rowsForEachLabel*len(q.Labels)) {
		return nil
	}
	var names []string
	for _, label := range q.Labels {
		if expected, ok := known(q.Name, label); a.labels[label] == nil && !(ok && expected == 0) {
			names = append(names, message.OneLine(label, 40))
		}
	}
	if len(names) == 0 || len(names) == len(q.Labels) { // that no row has any is another finding
		return nil
	}
	is := "labels are"
	if len(names) == 1 {
		is = "label is"
	}
	return []Finding{{Code: Unused, Severity: Low, Question: q.Name,
		Text:   fmt.Sprintf("%d %s never used%s in %s: %s", len(names), is, in(q), message.Many(a.rows, "row"), message.List(names)),
		Remedy: "describe what each means, or leave out what the data do not have"}}
}

// drift finds that the answers of the new rows are other ones than those of the last run.
func (f *Fold) drift(i int) []Finding {
	q, a := f.Questions[i], &f.answers[i]
	if f.Before == nil {
		return nil
	}
	before := f.Before.Labels[q.Name]
	var past int64
	for _, n := range before {
		past += n
	}
	if a.recent < fewestNew || past < fewestNew {
		return nil
	}
	names := slices.Sorted(maps.Keys(merged(before, a.since)))
	var now, then []int64
	for _, name := range names {
		n := int64(0)
		if r := a.since[name]; r != nil {
			n = r.Count
		}
		now, then = append(now, n), append(then, before[name])
	}
	// With several labels a row, the rows of one label and those without it are compared.
	total := past
	if q.Multi {
		total = f.Before.Rows
	}
	if total == 0 {
		return nil
	}
	most, index := 0.0, -1
	for k := range names {
		if d := share(now[k], a.recent) - share(then[k], total); math.Abs(d) > math.Abs(most) {
			most, index = d, k
		}
	}
	if index < 0 || math.Abs(most) < movedBy {
		return nil
	}
	test := stats.TestHomogeneity(now, then)
	if q.Multi {
		test = stats.TestHomogeneity([]int64{now[index], a.recent - now[index]}, []int64{then[index], total - then[index]})
		test.P = min(1, test.P*float64(len(names))) // Bonferroni: it is the greatest of so many changes
	}
	if test.P >= driftP {
		return nil
	}
	interval := stats.DifferenceOfShares(now[index], a.recent, then[index], total)
	var rows Rows
	if r := a.since[names[index]]; r != nil {
		rows = *r
	}
	return []Finding{{Code: Drift, Severity: Medium, Question: q.Name, Rows: rows,
		Text: fmt.Sprintf("the answers%s have moved since the last run: %s from %s to %s of the rows (%+.0f points; 95%% interval %+.0f to %+.0f), %s new",
			to(q), labelName(names[index]), percent(share(then[index], total)), percent(share(now[index], a.recent)), 100*most, 100*interval[0], 100*interval[1], message.Count(a.recent)),
		Remedy: "look at new rows: the data are other ones, or the model answers otherwise (column model_version)"}}
}

// outliers finds few rows that make much of the cost, or else of the length.
func (f *Fold) outliers() []Finding {
	if f.cost.Count() > 0 {
		return f.cost.finding(CostlyRows, "the cost", f.rows)
	}
	return f.length.finding(LongRows, "the output tokens", f.rows)
}

func (x *extremes) finding(code, what string, all int64) []Finding {
	o := x.Outliers(leastDeviation)
	if x.Count() < fewestCosts || o.Count == 0 || share(o.Count, x.Count()) > rare || o.Amount < matters*o.Total {
		return nil
	}
	rows := Rows{Count: o.Count}
	for _, e := range x.top {
		if e.value >= o.Above {
			rows.Examples = append(rows.Examples, e.name)
		}
	}
	severity := Low
	if o.Amount >= 0.25*o.Total {
		severity = Medium
	}
	return []Finding{{Code: code, Severity: severity, Rows: rows,
		Text:   fmt.Sprintf("%s %s of %s, each more than %.1f times the median", ofRows(o.Count, all, "makes", "make"), percent(o.Amount/o.Total), what, o.Above/o.Median),
		Remedy: "look at them: long inputs can be cut with truncate in the template, long answers with max_output_tokens"}}
}

// sameRequests finds rows that differ and ask the same.
func (f *Fold) sameRequests() []Finding {
	rows := f.same.differing()
	if f.Dedupe || f.asked < fewestRows || share(rows.Count, f.asked) < sameShare {
		return nil
	}
	severity := Medium
	if share(rows.Count, f.asked) >= 0.5 {
		severity = High
	}
	return []Finding{{Code: SameAsked, Severity: severity, Rows: rows,
		Text:   fmt.Sprintf("%s just what a row before asks, though the cells differ", ofRows(rows.Count, f.asked, "asks", "ask")),
		Remedy: "put the column that tells them apart into the template, or ask once for all of them with --dedupe"}}
}

func share(part, whole int64) float64 { return float64(part) / float64(max(whole, 1)) }

func percent(s float64) string { return fmt.Sprintf("%.0f%%", 100*s) }

// ofRows says how many rows of all are or do something.
func ofRows(n, all int64, is, are string) string {
	if n == 1 {
		are = is
	}
	return fmt.Sprintf("%s of %s %s", message.Count(n), message.Many(all, "row"), are)
}

func labelName(label string) string {
	if label == "" {
		return "no label"
	}
	return message.OneLine(label, 40)
}

func to(q Question) string {
	if q.Name == "" {
		return ""
	}
	return " to " + q.Name
}

func in(q Question) string {
	if q.Name == "" {
		return ""
	}
	return " for " + q.Name
}

func merged(a map[string]int64, b map[string]*Rows) map[string]bool {
	all := make(map[string]bool)
	for name := range a {
		all[name] = true
	}
	for name := range b {
		all[name] = true
	}
	return all
}
