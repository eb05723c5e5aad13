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

// This file shows the ways to run a job as one table, of which the figures of one stand beside
// those of the others.

// ways returns the ways as a table with what there is to say of it. It is empty if there is
// nothing left to run and nothing was measured.
func (p Plan) ways() string {
	r := p.Plan
	if len(r.Ways) == 0 || r.Ask() == 0 && !p.measured() {
		return ""
	}
	g := grid{right: []int{1, 2, 3, 4, 5}}
	agreement := ""
	if slices.ContainsFunc(r.Ways, packed) {
		agreement = "agreement (95 %)"
	}
	g.add("way to run it", "tokens in", p.costHead(), "saves", "calls", "time", agreement)
	for i := range r.Ways {
		g.add(p.wayCells(i)...)
	}
	return "\n" + g.String() + terminal.Paragraph(p.wayNotes()) + p.accuracy()
}

// packed reports whether rows share calls in a way.
func packed(w jobs.Way) bool { return w.RowsPerCall > 1 }

func (p Plan) measured() bool {
	return slices.ContainsFunc(p.Plan.Ways, func(w jobs.Way) bool { return w.Measured != nil })
}

// costHead says what the costs are.
func (p Plan) costHead() string {
	switch p.Plan.Ways[0].Of {
	case "max_cost":
		return "at most"
	case "input_cost":
		return "input"
	}
	return "cost"
}

// base returns the way that others are compared with: one at a time, in the job's own tier or the
// standard one, whichever comes first.
func (p Plan) base() *jobs.Way { return &p.Plan.Ways[0] }

// wayCells returns the line of a way.
func (p Plan) wayCells(i int) []string {
	w := &p.Plan.Ways[i]
	first := i == 0 || p.Plan.Ways[i-1].RowsPerCall != w.RowsPerCall
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
	cells := []string{mark + name, "", p.wayCost(w), p.saving(w), "", p.wayTime(w), ""}
	if first {
		cells[1], cells[4], cells[6] = short(w.InputTokens), Count(w.Calls), p.agreement(w)
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

// wayCost writes a cost, and marks one that was not measured beside others that were.
func (p Plan) wayCost(w *jobs.Way) string {
	if w.Of == "" {
		return "unknown"
	}
	text := "$" + Money(w.Cost)
	if p.guessed(w) {
		text = "~" + text
	}
	return text
}

// guessed reports whether a way's cost is of answers in another way.
func (p Plan) guessed(w *jobs.Way) bool {
	return w.Answered == 0 && (w.Of == "forecast" || w.Of == "cost")
}

func (p Plan) saving(w *jobs.Way) string {
	b := p.base()
	if w == b || w.Of == "" || b.Of == "" || b.Cost <= 0 || w.Rows != b.Rows {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*(1-float64(w.Cost)/float64(b.Cost)))
}

func (p Plan) wayTime(w *jobs.Way) string {
	if w.Batches != nil {
		return "in a day"
	}
	if least, _ := p.wayLeast(w); least > 0 {
		return shortTime(least)
	}
	return "unknown"
}

// wayLeast returns how long a way takes at the least, and why. It is 0 if that is not known.
func (p Plan) wayLeast(w *jobs.Way) (time.Duration, string) {
	if w.Batches != nil {
		return 0, ""
	}
	return p.leastOf(w.Pace, w.Calls, w.PerCall)
}

// agreement says how far answers in a way agree with those to each row alone.
func (p Plan) agreement(w *jobs.Way) string {
	switch m := w.Measured; {
	case w.RowsPerCall == 1:
		return ""
	case !p.Plan.Compares:
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

// wayNotes says what the table cannot.
func (p Plan) wayNotes() string {
	r := p.Plan
	var notes []string
	say := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	has := func(f func(*jobs.Way) bool) bool {
		return slices.ContainsFunc(r.Ways, func(w jobs.Way) bool { return f(&w) })
	}
	say("> is how the job runs as it stands.")
	if has(p.guessed) && has(func(w *jobs.Way) bool { return w.Answered > 0 }) {
		say("~ is estimated from answers in another way.")
	}
	if has(func(w *jobs.Way) bool { return w.Batches != nil }) {
		say("In a day is the goal of the Batch API, not a promise.")
	}
	p.sayMeasured(say)
	for i := range r.Ways {
		if w := &r.Ways[i]; w.Rows != p.base().Rows && (i == 0 || r.Ways[i-1].RowsPerCall != w.RowsPerCall) {
			say("%s it would ask %s, and %s %s: answers in one way are none in another.", capital(inWay(w)), Many(w.Rows, "row"), inWay(p.base()), Count(p.base().Rows))
		}
	}
	if len(r.LeftOut) > 0 {
		say("Not shown: %s.", strings.Join(r.LeftOut, "; "))
	}
	return strings.Join(notes, "\n") + "\n"
}

// sayMeasured says what agreement is measured on, or how it could be measured.
func (p Plan) sayMeasured(say func(string, ...any)) {
	r := p.Plan
	if !slices.ContainsFunc(r.Ways, packed) {
		return
	}
	if !r.Compares {
		say("The answers are texts, of which no two are the same: read some of both with genbatch show.")
		return
	}
	least, most, fewest := int64(0), int64(0), int64(0)
	var open []string
	for i := range r.Ways {
		w := &r.Ways[i]
		switch m := w.Measured; {
		case !packed(*w) || i > 0 && r.Ways[i-1].RowsPerCall == w.RowsPerCall:
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
func (p Plan) accuracy() string {
	g := grid{right: []int{1, 3, 4, 5}}
	g.add("of known answers", "rows", "right (95 %)", "lost", "won", "mid-p")
	for i := range p.Plan.Ways {
		w := &p.Plan.Ways[i]
		m := w.Measured
		if m == nil || m.Accuracy == nil || i > 0 && p.Plan.Ways[i-1].RowsPerCall == w.RowsPerCall {
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
