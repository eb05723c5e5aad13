package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/compare"
)

// flowsShown is how many flows of a field the text shows. The JSON has all of them.
const flowsShown = 10

// A Comparison shows how two runs compare.
type Comparison struct {
	Comparison *compare.Comparison
	Failures   []string // why it did not pass; see [compare.Gate]
	ExitCode   int      // what the process is to end with, for the JSON
}

func (r Comparison) String() string {
	var b strings.Builder
	c := r.Comparison
	writeSimulated(&b, c.A.Simulated || c.B.Simulated)
	w := newTable(&b)
	fmt.Fprintf(w, "A\t%s\n", SideText(&c.A))
	fmt.Fprintf(w, "B\t%s\n", SideText(&c.B))
	fmt.Fprintf(w, "pairs\t%s\n", PairsText(c))
	if c.ChangedFile != "" {
		fmt.Fprintf(w, "written\t%s: %s that changed\n", c.ChangedFile, Many(c.Changed, "row"))
	}
	w.Flush()
	if c.A.Sampled && c.B.Sampled && c.A.Unpaired > 0 {
		b.WriteString(terminal.Paragraph("Both runs took a sample. It is drawn by what is asked, so that another prompt draws other rows; --limit takes the same ones.\n"))
	}
	for i := range c.Fields {
		writeField(&b, &c.Fields[i])
	}
	writeFigures(&b, c)
	if len(r.Failures) > 0 {
		b.WriteByte('\n')
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(&b, "%s\n", strings.Join(terminal.Wrap("FAILED  "+failure, terminal.Columns), "\n        "))
	}
	return b.String()
}

// SideText says what a side is, and which of its rows are in no pair.
func SideText(f *compare.Figures) string {
	text := terminal.Line(f.Name, faultWidth)
	if f.File {
		text += " (the file alone)"
	}
	text += ": " + Many(f.Rows, "row")
	if f.Unpaired > 0 {
		var places []string
		for _, place := range f.Examples {
			places = append(places, fileLine(place))
		}
		text += fmt.Sprintf(", %s only here (%s%s)", Count(f.Unpaired), strings.Join(places, ", "), ifMore(f.Unpaired, len(places)))
	}
	if f.Pending > 0 {
		text += fmt.Sprintf(", %s pending", Count(f.Pending))
	}
	return text
}

// ifMore returns an ellipsis if a list does not show all.
func ifMore(n int64, shown int) string {
	if n > int64(shown) {
		return ", …"
	}
	return ""
}

// PairsText says how many pairs there are and what makes them.
func PairsText(c *compare.Comparison) string {
	by := "the key " + terminal.Name(c.Key)
	if c.Key == "" {
		names := make([]string, len(c.Columns))
		for i, name := range c.Columns {
			names[i] = terminal.Name(name)
		}
		by = "their " + strings.Join(names[:min(len(names), listed)], ", ")
		if more := len(names) - listed; more > 0 {
			by += fmt.Sprintf(" and %s", Many(int64(more), "more column"))
		}
	}
	return fmt.Sprintf("%s, by %s", Count(c.Pairs), by)
}

// fileLine shortens a place to the name of the file.
func fileLine(place string) string { return terminal.Name(filepath.Base(place)) }

// writeField writes how a field compares.
func writeField(b io.Writer, f *compare.Field) {
	title := terminal.Name(f.Name)
	if k := f.Known; k != nil && k.Column != "" {
		title += ", compared with the column " + terminal.Name(k.Column)
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	if k := f.Known; k != nil {
		fmt.Fprintf(b, "  %s\n", strings.Join(terminal.Wrap(Verdict(k), terminal.Columns-2), "\n  "))
		if k.Rows > 0 {
			writeKnown(b, k)
		}
		w := newTable(b)
		for _, line := range LeftOut(k) {
			fmt.Fprintf(w, "  left out\t%s\n", line)
		}
		w.Flush()
	}
	w := newTable(b)
	fmt.Fprintf(w, "  changed\t%s\n", ChurnText(f))
	w.Flush()
	w.MaxLabel = terminal.Columns - 10
	for i, flow := range f.Flows {
		if i == flowsShown {
			fmt.Fprintf(w, "    … %d more\n", len(f.Flows)-i)
			break
		}
		from, to := apart(flow.A, flow.B, 30)
		fmt.Fprintf(w, "    %s → %s\t%s\n", from, to, Count(flow.Pairs))
	}
	w.Flush()
	title, list := "for example", f.Examples
	if k := f.Known; k != nil && len(k.Lost) > 0 {
		title, list = "right in A, and wrong in B", k.Lost
	}
	if len(list) > 0 {
		fmt.Fprintf(b, "  %s:\n", title)
	}
	for _, e := range list {
		writeExample(b, &e)
	}
}

// writeKnown writes the figures of two sides whose right answers are known.
func writeKnown(b io.Writer, k *compare.Known) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "  \tA\tB\tB - A\t95% interval\t\n")
	for _, line := range KnownLines(k) {
		fmt.Fprintf(w, "  %s\t\n", strings.Join(line[:], "\t"))
	}
	w.Flush()
	line := fmt.Sprintf("of %s: both right %s, only A %s, only B %s, neither %s", Many(k.Rows, "row"), Count(k.Both), Count(k.OnlyA), Count(k.OnlyB), Count(k.Neither))
	fmt.Fprintf(b, "  %s\n", strings.Join(terminal.Wrap(line, terminal.Columns-2), "\n  "))
}

// KnownLines are the lines of the table of [compare.Known].
func KnownLines(k *compare.Known) [][5]string {
	lines := [][5]string{{
		"accuracy", SharePercent(&k.AccuracyA), SharePercent(&k.AccuracyB), points(k, k.Difference), points(k, k.Interval[0]) + " to " + points(k, k.Interval[1]),
	}}
	if f := k.F1; f != nil {
		lines = append(lines, [5]string{
			"macro F1", Score(&f.A), Score(&f.B), signed(f.Difference, 3), signed(f.Interval[0], 3) + " to " + signed(f.Interval[1], 3),
		})
	}
	return lines
}

// LeftOut says which pairs say nothing of who is right.
func LeftOut(k *compare.Known) (lines []string) {
	if k.Shown > 0 {
		lines = append(lines, Many(k.Shown, "row")+" that a model was shown as an example")
	}
	if k.OneSided > 0 {
		lines = append(lines, Many(k.OneSided, "row")+" whose right label is one of a run's labels, and none of the other's")
	}
	return lines
}

// Verdict says in a sentence which side is right more often, and whether chance explains it.
func Verdict(k *compare.Known) string {
	if k.Rows == 0 {
		return "Which of the two is right is not known: no row has a known answer that both could be compared with."
	}
	if k.OnlyA+k.OnlyB == 0 {
		return fmt.Sprintf("A and B are right in the same rows: %s of %s.", Count(k.Both), Many(k.Rows, "row"))
	}
	how := "as often as A"
	if k.OnlyA != k.OnlyB {
		more := "more"
		if k.OnlyB < k.OnlyA {
			more = "fewer"
		}
		how = fmt.Sprintf("in %s points %s of the rows", strings.TrimPrefix(points(k, math.Abs(k.Difference)), "+"), more)
	}
	figures := fmt.Sprintf("(95%% interval %s to %s; McNemar mid-p %s)", points(k, k.Interval[0]), points(k, k.Interval[1]), probability(k.MidP))
	if k.Better() == 0 {
		return fmt.Sprintf("No difference can be told from %s: B is right %s %s.", theseRows(k.Rows), how, figures)
	}
	return fmt.Sprintf("B is right %s than A %s: more than chance explains.", how, figures)
}

func theseRows(n int64) string {
	if n == 1 {
		return "this row"
	}
	return "these " + Many(n, "row")
}

// points writes a share as percentage points with its sign. Many rows tell it more exactly.
func points(k *compare.Known, share float64) string {
	decimals := 1
	if k.Rows >= 10_000 {
		decimals = 2
	}
	return signed(100*share, decimals)
}

// signed writes a number with its sign. What rounds to nothing has none.
func signed(f float64, decimals int) string {
	text := fmt.Sprintf("%+.*f", decimals, f)
	if strings.Trim(text, "+-0.") == "" {
		return text[1:]
	}
	return text
}

// probability writes a p value.
func probability(p float64) string {
	switch {
	case p < 0.0001:
		return "below 0.0001"
	case p >= 0.1:
		return fmt.Sprintf("%.2f", p)
	}
	return strconv.FormatFloat(p, 'g', 2, 64)
}

// ChurnText says how many pairs changed.
func ChurnText(f *compare.Field) string {
	if f.Churn == nil {
		return "not known: there is no pair"
	}
	return fmt.Sprintf("%s of %s (%s; 95%% interval %s)", Count(f.Changed), Many(f.Pairs, "row"), SharePercent(f.Churn), Interval(f.Interval))
}

// valueText writes a value in so many columns.
func valueText(value string, columns int) string {
	return terminal.Line(cmp.Or(value, "(none)"), columns)
}

// apart writes two values that differ in so many columns each. If they differ only behind
// that, they begin shortly before they do.
func apart(a, b string, columns int) (string, string) {
	x, y := valueText(a, columns), valueText(b, columns)
	if x != y || a == b {
		return x, y
	}
	from, to := []rune(a), []rune(b)
	same := 0
	for same < min(len(from), len(to)) && from[same] == to[same] {
		same++
	}
	same = max(0, same-columns/3)
	return terminal.Line("…"+string(from[same:]), columns), terminal.Line("…"+string(to[same:]), columns)
}

// writeExample writes a pair that changed: in a line if it fits into one.
func writeExample(b io.Writer, e *compare.Example) {
	name := fileLine(e.Place)
	if e.Key != "" {
		name = terminal.Name(e.Key)
	}
	line := fmt.Sprintf("    %s  %s → %s", name, valueText(e.A, terminal.Columns), valueText(e.B, terminal.Columns))
	if e.Expected != "" {
		line += ", expected " + valueText(e.Expected, terminal.Columns)
	}
	if terminal.Width(line) <= terminal.Columns {
		fmt.Fprintln(b, line)
		return
	}
	from, to := apart(e.A, e.B, terminal.Columns-9)
	fmt.Fprintf(b, "    %s\n      A  %s\n      B  %s\n", name, from, to)
	if e.Expected != "" {
		fmt.Fprintf(b, "      expected  %s\n", valueText(e.Expected, terminal.Columns-16))
	}
}

// writeFigures writes what both sides came to and cost.
func writeFigures(b io.Writer, c *compare.Comparison) {
	fmt.Fprintln(b)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\tA\tB\tB - A\tB / A\t\n")
	for _, line := range FigureLines(c) {
		fmt.Fprintf(w, "%s\t\n", strings.Join(line[:], "\t"))
	}
	w.Flush()
	t := newTable(b)
	if len(c.Status) > 0 {
		fmt.Fprintf(t, "status changed\t%s\n", StatusFlows(c))
	}
	if text := ModelsText(c); text != "" {
		fmt.Fprintf(t, "models\t%s\n", text)
	}
	if n := max(c.A.Unpriced, c.B.Unpriced); n > 0 {
		fmt.Fprintf(t, "cost\tnot known of %s of A and %s of B, which are left out\n", Many(c.A.Unpriced, "row"), Many(c.B.Unpriced, "row"))
	}
	t.Flush()
}

// StatusFlows lists which statuses became which.
func StatusFlows(c *compare.Comparison) string {
	var parts []string
	for _, f := range c.Status {
		parts = append(parts, fmt.Sprintf("%s → %s %s", f.A, f.B, Count(f.Pairs)))
	}
	return strings.Join(parts, ", ")
}

// ModelsText says which models answered.
func ModelsText(c *compare.Comparison) string {
	list := func(f *compare.Figures) string {
		names := ByCount(f.Models)
		for i := range names {
			names[i] = terminal.Name(names[i])
		}
		return strings.Join(names[:min(len(names), listed)], ", ") + ifMore(int64(len(names)), min(len(names), listed))
	}
	a, b := list(&c.A), list(&c.B)
	if a == b {
		return a
	}
	return fmt.Sprintf("A %s; B %s", cmp.Or(a, "not known"), cmp.Or(b, "not known"))
}

// FigureLines are the lines of the table of both sides' figures: what it is, A, B, B less A,
// and B divided by A.
func FigureLines(c *compare.Comparison) (lines [][5]string) {
	count := func(what string, a, b int64) {
		if a != 0 || b != 0 {
			lines = append(lines, [5]string{what, Count(a), Count(b), countDifference(b - a), ratioText(float64(a), float64(b))})
		}
	}
	for _, s := range batch.Statuses {
		count(string(s), c.A.Status[s], c.B.Status[s])
	}
	money := func(what string, a, b price.USD) {
		sign := ""
		if b < a {
			sign = "-"
		} else if b > a {
			sign = "+"
		}
		lines = append(lines, [5]string{what, "$" + Money(a), "$" + Money(b), sign + "$" + Money(max(a, b)-min(a, b)), ratioText(float64(a), float64(b))})
	}
	if c.A.Priced > 0 && c.B.Priced > 0 {
		money("cost", c.A.Cost, c.B.Cost)
		a, _ := c.A.CostPerRow()
		b, _ := c.B.CostPerRow()
		money("cost of 1,000 rows", 1000*a, 1000*b)
	}
	count("prompt tokens", c.A.Tokens.Prompt, c.B.Tokens.Prompt)
	count("cached tokens", c.A.Tokens.Cached, c.B.Tokens.Cached)
	count("tool tokens", c.A.Tokens.Tool, c.B.Tokens.Tool)
	count("thoughts tokens", c.A.Tokens.Thoughts, c.B.Tokens.Thoughts)
	count("output tokens", c.A.Tokens.Output, c.B.Tokens.Output)
	if c.A.Latency.Rows > 0 && c.B.Latency.Rows > 0 {
		for _, l := range []struct {
			what string
			a, b float64
		}{{"median latency, ms", c.A.Latency.Median, c.B.Latency.Median}, {"95% are below, ms", c.A.Latency.P95, c.B.Latency.P95}} {
			count(l.what, int64(math.Round(l.a)), int64(math.Round(l.b)))
		}
	}
	return lines
}

func countDifference(n int64) string {
	if n > 0 {
		return "+" + Count(n)
	}
	return Count(n)
}

func ratioText(a, b float64) string {
	if a == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", b/a)
}

// Markdown returns the comparison as a comment on a change: with tables, as GitHub and GitLab
// show them.
func (r Comparison) Markdown() string {
	var b strings.Builder
	c := r.Comparison
	b.WriteString("### genbatch compare\n\n")
	if c.A.Simulated || c.B.Simulated {
		b.WriteString("**Simulated**: the answers were made up by the simulator.\n\n")
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(&b, "**Failed**: %s.\n\n", markdown(failure))
	}
	fmt.Fprintf(&b, "- A: %s\n- B: %s\n- pairs: %s\n", markdown(SideText(&c.A)), markdown(SideText(&c.B)), markdown(PairsText(c)))
	if len(c.Status) > 0 {
		fmt.Fprintf(&b, "- status changed: %s\n", StatusFlows(c))
	}
	if text := ModelsText(c); text != "" {
		fmt.Fprintf(&b, "- models: %s\n", markdown(text))
	}
	for i := range c.Fields {
		writeFieldMarkdown(&b, &c.Fields[i])
	}
	b.WriteString("\n")
	writeMarkdownTable(&b, []string{"", "A", "B", "B - A", "B / A"}, FigureLines(c))
	return b.String()
}

func writeFieldMarkdown(b *strings.Builder, f *compare.Field) {
	fmt.Fprintf(b, "\n#### %s\n", markdown(terminal.Name(f.Name)))
	if k := f.Known; k != nil {
		fmt.Fprintf(b, "\n%s\n", Verdict(k))
		if k.Rows > 0 {
			b.WriteString("\n")
			writeMarkdownTable(b, []string{"", "A", "B", "B - A", "95% interval"}, KnownLines(k))
		}
		for _, line := range LeftOut(k) {
			fmt.Fprintf(b, "\nLeft out: %s.\n", line)
		}
	}
	fmt.Fprintf(b, "\nChanged: %s.\n", ChurnText(f))
	if len(f.Flows) == 0 {
		return
	}
	b.WriteString("\n| A | B | rows |\n|---|---|---:|\n")
	for i, flow := range f.Flows {
		if i == flowsShown {
			fmt.Fprintf(b, "| … %d more | | |\n", len(f.Flows)-i)
			break
		}
		from, to := apart(flow.A, flow.B, valueWidth)
		fmt.Fprintf(b, "| %s | %s | %s |\n", markdown(from), markdown(to), Count(flow.Pairs))
	}
}

// valueWidth is how many columns a value may take in a table.
const valueWidth = 60

func writeMarkdownTable(b *strings.Builder, head []string, lines [][5]string) {
	fmt.Fprintf(b, "| %s |\n|---|%s\n", strings.Join(head, " | "), strings.Repeat("---:|", len(head)-1))
	for _, line := range lines {
		fmt.Fprintf(b, "| %s |\n", strings.Join(line[:], " | "))
	}
}

// markdown returns text of users and models in which nothing is markup, nor ends a cell.
func markdown(text string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`, "@", "@\u200b",
		"<", "&lt;", ">", "&gt;", "&", "&amp;",
	).Replace(cmp.Or(text, " "))
}
