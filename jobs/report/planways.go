package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A waysTable shows the ways to run a job as one table, in which the figures of one stand beside
// those of the others.
type waysTable struct {
	*jobs.Plan
	least func(*jobs.Way) (time.Duration, string) // how long a way takes at the least, and why; 0 if that is not known
}

// String returns the table with what there is to say of it. It is empty if there is nothing left
// to run and nothing was measured.
func (t waysTable) String() string {
	if len(t.Ways) == 0 || t.Ask() == 0 && !t.measured() {
		return ""
	}
	g := grid{right: []int{1, 2, 3, 4, 5}}
	agreement := ""
	if slices.ContainsFunc(t.Ways, packed) {
		agreement = "agreement (95 %)"
	}
	g.add("way to run it", "tokens in", t.costHead(), "saves", "calls", "time", agreement)
	for i := range t.Ways {
		g.add(t.cells(i)...)
	}
	return "\n" + g.String() + terminal.Paragraph(t.notes()) + t.accuracy()
}

// packed reports whether rows share calls in a way.
func packed(w jobs.Way) bool { return w.RowsPerCall > 1 }

func (t waysTable) measured() bool {
	return slices.ContainsFunc(t.Ways, func(w jobs.Way) bool { return w.Measured != nil })
}

// costHead says what the costs are.
func (t waysTable) costHead() string {
	switch t.Ways[0].Of {
	case "max_cost":
		return "at most"
	case "input_cost":
		return "input"
	}
	return "cost"
}

// base returns the way that others are compared with: one at a time, in the job's own tier or the
// standard one, whichever comes first.
func (t waysTable) base() *jobs.Way { return &t.Ways[0] }

// cells returns the line of a way.
func (t waysTable) cells(i int) []string {
	w := &t.Ways[i]
	first := i == 0 || t.Ways[i-1].RowsPerCall != w.RowsPerCall
	name := wayName(w.RowsPerCall)
	if !first {
		name = "  " + w.Tier
	} else if w.Tier != string(price.Standard) {
		name += ", " + w.Tier
	}
	mark := "  "
	if w.Chosen {
		mark = "> "
	}
	cells := []string{mark + name, "", t.cost(w), t.saving(w), "", t.time(w), ""}
	if first {
		cells[1], cells[4], cells[6] = short(w.InputTokens), Count(w.Calls), t.agreement(w)
	}
	return cells
}

// wayName says how many rows share a call.
func wayName(rowsPerCall int) string {
	if rowsPerCall == 1 {
		return "one at a time"
	}
	return fmt.Sprintf("%d rows a call", rowsPerCall)
}

// cost writes a cost, and marks one that was not measured beside others that were.
func (t waysTable) cost(w *jobs.Way) string {
	if w.Of == "" {
		return "unknown"
	}
	text := "$" + Money(w.Cost)
	if t.guessed(w) {
		text = "~" + text
	}
	return text
}

// guessed reports whether a way's cost is of answers in another way.
func (t waysTable) guessed(w *jobs.Way) bool {
	return w.Answered == 0 && (w.Of == "forecast" || w.Of == "cost")
}

func (t waysTable) saving(w *jobs.Way) string {
	b := t.base()
	if w == b || w.Of == "" || b.Of == "" || b.Cost <= 0 || w.Rows != b.Rows {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*(1-float64(w.Cost)/float64(b.Cost)))
}

func (t waysTable) time(w *jobs.Way) string {
	if w.Batches != nil {
		return "in a day"
	}
	if least, _ := t.least(w); least > 0 {
		return shortTime(least)
	}
	return "unknown"
}

// agreement says how far answers in a way agree with those to each row alone.
func (t waysTable) agreement(w *jobs.Way) string {
	switch m := w.Measured; {
	case w.RowsPerCall == 1:
		return ""
	case !t.Compares:
		return "–"
	case m == nil || m.Agreement == nil:
		return "not measured"
	default:
		return share(m.Same, m.Rows, m.Agreement)
	}
}

// share writes a share in percent, with its interval.
func share(part, whole int64, interval *[2]float64) string {
	return fmt.Sprintf("%.1f %% (%.1f-%.1f)", 100*float64(part)/float64(whole), 100*interval[0], 100*interval[1])
}

// notes says what the table cannot.
func (t waysTable) notes() string {
	var notes []string
	say := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	has := func(f func(*jobs.Way) bool) bool {
		return slices.ContainsFunc(t.Ways, func(w jobs.Way) bool { return f(&w) })
	}
	say("> is how the job runs as it stands.")
	if has(t.guessed) && has(func(w *jobs.Way) bool { return w.Answered > 0 }) {
		say("~ is estimated from answers in another way.")
	}
	if has(func(w *jobs.Way) bool { return w.Batches != nil }) {
		say("In a day is the goal of the Batch API, not a promise.")
	}
	t.sayMeasured(say)
	for i := range t.Ways {
		if w := &t.Ways[i]; w.Rows != t.base().Rows && (i == 0 || t.Ways[i-1].RowsPerCall != w.RowsPerCall) {
			say("%s it would ask %s, and %s %s: answers in one way are none in another.", capital(inWay(w)), Many(w.Rows, "row"), inWay(t.base()), Count(t.base().Rows))
		}
	}
	if len(t.LeftOut) > 0 {
		say("Not shown: %s.", strings.Join(t.LeftOut, "; "))
	}
	return strings.Join(notes, "\n") + "\n"
}

// sayMeasured says what agreement is measured on, or how it could be measured.
func (t waysTable) sayMeasured(say func(string, ...any)) {
	if !slices.ContainsFunc(t.Ways, packed) {
		return
	}
	if !t.Compares {
		say("The answers are texts, of which no two are the same: read some of both with genbatch show.")
		return
	}
	least, most, fewest := int64(0), int64(0), int64(0)
	var open []string
	for i := range t.Ways {
		w := &t.Ways[i]
		switch m := w.Measured; {
		case !packed(*w) || i > 0 && t.Ways[i-1].RowsPerCall == w.RowsPerCall:
		case m == nil || m.Agreement == nil:
			open = append(open, fmt.Sprint(w.RowsPerCall))
		case most == 0:
			least, most, fewest = m.Rows, m.Rows, m.Calls
		default:
			least, most, fewest = min(least, m.Rows), max(most, m.Rows), min(fewest, m.Calls)
		}
	}
	if most > 0 {
		rows := Many(most, "row")
		if least < most {
			rows = Count(least) + " to " + rows
		}
		say("Agreement is that with one at a time, on %s that a pilot has asked in both ways, with its 95 %% interval.", rows)
		if fewest < 10 {
			say("Rows of a call may err together, so %s tell little: a larger pilot tells more.", Many(fewest, "call"))
		}
	}
	if len(open) > 0 {
		say("genbatch plan --pilot 200 --rows-per-call 1,%s measures what is not.", strings.Join(open, ","))
	}
}

func inWay(w *jobs.Way) string {
	if w.RowsPerCall == 1 {
		return "one at a time"
	}
	return "at " + wayName(w.RowsPerCall)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// accuracy returns how often each way is right, as a table, if right answers are known.
func (t waysTable) accuracy() string {
	g := grid{right: []int{1, 3, 4, 5}}
	g.add("of known answers", "rows", "right (95 %)", "lost", "won", "mid-p")
	for i := range t.Ways {
		w := &t.Ways[i]
		m := w.Measured
		if m == nil || m.Accuracy == nil || i > 0 && t.Ways[i-1].RowsPerCall == w.RowsPerCall {
			continue
		}
		cells := []string{"  " + wayName(w.RowsPerCall), Count(m.Labelled), share(m.Right, m.Labelled, m.Accuracy), "", "", ""}
		if w.RowsPerCall > 1 {
			cells[3], cells[4], cells[5] = Count(m.OnlyOne), Count(m.OnlyThis), fmt.Sprintf("%.3f", m.MidP)
		}
		g.add(cells...)
	}
	if len(g.rows) == 1 {
		return ""
	}
	return "\n" + g.String() + terminal.Paragraph("Lost are rows that only one at a time has right, won those that only this way has. "+
		"Mid-p is that of McNemar's test: below 0.05, the way is more often right, or wrong, than chance explains.\n")
}

// short writes a number in at most four digits.
func short(n int64) string {
	x := float64(n)
	for _, unit := range []string{"", " k", " M", " G"} {
		if x < 999.5 {
			if unit == "" || x >= 99.95 {
				return fmt.Sprintf("%.0f%s", x, unit)
			}
			return fmt.Sprintf("%.1f%s", x, unit)
		}
		x /= 1000
	}
	return fmt.Sprintf("%.0f T", x)
}

// shortTime writes how long something takes in one unit.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// A grid aligns cells in columns, some of them to the right.
type grid struct {
	right []int // columns
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) String() string {
	widths := make([]int, len(g.rows[0]))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], terminal.Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range g.rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			space := strings.Repeat(" ", widths[i]-terminal.Width(cell))
			if slices.Contains(g.right, i) {
				line.WriteString(space + cell)
			} else {
				line.WriteString(cell + space)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
