package terminal

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

const (
	// Columns is how wide text is that stays: what every terminal, mail and log shows.
	Columns = 80

	gap = 2 // columns between two cells

	maxLabel = 24 // the default of Table.MaxLabel
)

// A Table aligns the cells of lines, which tabs separate, and breaks the last cell of a line
// that is wider than [Columns]. A line whose first cell is very wide has its other cells in
// the next line. It writes when it is flushed.
type Table struct {
	// MaxLabel is how many columns a first cell may have to stand beside the others; 0 means
	// 24.
	MaxLabel int

	w    io.Writer
	text strings.Builder
}

// NewTable returns an empty table that writes to w.
func NewTable(w io.Writer) *Table { return &Table{w: w} }

// Write implements io.Writer.
func (t *Table) Write(text []byte) (int, error) { return t.text.Write(text) }

// Flush writes the lines that were written to the table, and empties it.
func (t *Table) Flush() error {
	text := t.text.String()
	t.text.Reset()
	if text == "" {
		return nil
	}
	var rows [][]string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\t"), "\t")) // without empty cells at the end
	}
	widths := columnWidths(rows, cmp.Or(t.MaxLabel, maxLabel))
	var b strings.Builder
	for _, cells := range rows {
		writeRow(&b, cells, widths)
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// columnWidths returns how wide each column is. The last cell of a line belongs to none.
func columnWidths(rows [][]string, label int) (widths []int) {
	for _, cells := range rows {
		for i, cell := range cells[:len(cells)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if w := Width(cell); i > 0 || w <= label {
				widths[i] = max(widths[i], w)
			}
		}
	}
	return widths
}

func writeRow(b *strings.Builder, cells []string, widths []int) {
	last := len(cells) - 1
	if last == 0 { // goes on below where its text began
		indent := len(cells[0]) - len(strings.TrimLeft(cells[0], " "))
		fmt.Fprintln(b, strings.Join(Wrap(cells[0], Columns), "\n"+strings.Repeat(" ", indent)))
		return
	}
	at := 0 // the column in which the next cell begins
	for i, cell := range cells[:last] {
		b.WriteString(cell)
		used := Width(cell)
		if used > widths[i] { // a very wide first cell
			b.WriteByte('\n')
			used = 0
		}
		at += widths[i] + gap
		b.WriteString(strings.Repeat(" ", widths[i]+gap-used))
	}
	lines := Wrap(cells[last], max(Columns-at, Columns/4))
	fmt.Fprintln(b, strings.Join(lines, "\n"+strings.Repeat(" ", at)))
}

// Paragraph breaks each line of text that is wider than [Columns] at its spaces.
func Paragraph(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, hasEnd := strings.CutSuffix(line, "\n")
		b.WriteString(strings.Join(Wrap(body, Columns), "\n"))
		if hasEnd {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
