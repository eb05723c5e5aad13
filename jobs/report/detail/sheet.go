package detail

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/report"
)

// A sheet is text with sections, each of which has names with texts. No line is wider than
// [terminal.Columns], whatever the texts hold: words that are wider are divided. Long texts
// are cut, unless full is set.
type sheet struct {
	b     strings.Builder
	full  bool
	items []item // of the section that is being made
}

// An item is a text with its name. An empty name goes on with the item before.
type item struct {
	name  string
	lines []string // safe, and not yet broken to the width
	more  int      // characters that were cut off
	most  int      // lines that are shown; 0 means all
}

const (
	indent    = 2  // of what is in a section
	nameWidth = 20 // of the widest name that has its text beside it
)

func newSheet(full bool) *sheet { return &sheet{full: full} }

func (s *sheet) String() string { return s.b.String() }

// title begins the part of one row, with a rule by which one finds it.
func (s *sheet) title(text string) {
	if s.b.Len() > 0 {
		s.b.WriteByte('\n')
	}
	lines := terminal.Fold(terminal.Line("── "+text, 4*terminal.Columns), terminal.Columns)
	if last := lines[len(lines)-1]; terminal.Width(last) < terminal.Columns-1 {
		lines[len(lines)-1] = last + " " + strings.Repeat("─", terminal.Columns-1-terminal.Width(last))
	}
	s.write(0, lines)
}

// item adds a text to the section, of which so many lines are shown at most.
func (s *sheet) item(name, text string, most int) {
	s.items = append(s.items, s.newItem(name, text, most))
}

func (s *sheet) newItem(name, text string, most int) item {
	it := item{name: terminal.Line(name, terminal.Columns-indent), most: most}
	if s.full {
		it.most = 0
	} else if longest := most * 4 * terminal.Columns; len(text) > longest { // a character has four bytes at most
		for !utf8.RuneStart(text[longest]) {
			longest--
		}
		it.more = utf8.RuneCountInString(text[longest:])
		text = text[:longest]
	}
	if it.more == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	text = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(text)
	it.lines = strings.Split(terminal.Safe(text), "\n")
	return it
}

// section ends the section: its name and heading, and the items below. Without items it is
// left out.
func (s *sheet) section(name, heading string) {
	if len(s.items) == 0 {
		return
	}
	s.heading(name, heading)
	s.list(indent)
}

// flush writes the items without a heading.
func (s *sheet) flush() { s.list(0) }

// list writes the items, with their names side by side, and forgets them.
func (s *sheet) list(at int) {
	width := 0
	for _, it := range s.items {
		if w := terminal.Width(it.name); w <= nameWidth {
			width = max(width, w)
		}
	}
	for _, it := range s.items {
		lines := it.fold(terminal.Columns - at - width - 2)
		if terminal.Width(it.name) > width {
			s.write(at, []string{it.name})
		} else if len(lines) > 0 {
			fmt.Fprintf(&s.b, "%s%s%s", strings.Repeat(" ", at), it.name, strings.Repeat(" ", width-terminal.Width(it.name)))
			s.write(2, lines[:1])
			lines = lines[1:]
		}
		s.write(at+width+2, lines)
	}
	s.items = nil
}

// block writes a section that is one text.
func (s *sheet) block(name, heading, text string, most int) {
	s.heading(name, heading)
	it := s.newItem("", text, most)
	s.write(indent, it.fold(terminal.Columns-indent))
}

func (s *sheet) heading(name, more string) {
	s.write(0, terminal.Fold(strings.TrimSpace(name+"  "+terminal.Line(more, 2*terminal.Columns)), terminal.Columns))
}

// paragraph writes text of our own.
func (s *sheet) paragraph(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			s.write(0, terminal.Fold(terminal.Line(line, 20*terminal.Columns), terminal.Columns))
		}
	}
}

// write writes lines so many columns from the left.
func (s *sheet) write(at int, lines []string) {
	for _, line := range lines {
		if line = strings.TrimRight(line, " "); line != "" {
			s.b.WriteString(strings.Repeat(" ", at) + line)
		}
		s.b.WriteByte('\n')
	}
}

// fold returns the lines of the item at a width. The last of them says what was cut off.
func (it *item) fold(columns int) (lines []string) {
	more := it.more
	for i, line := range it.lines {
		if i > 0 && it.most > 0 && len(lines) >= it.most {
			more += len("\n") + utf8.RuneCountInString(line)
			continue
		}
		// Lines of JSON go on below where they began.
		inner := len(line) - len(strings.TrimLeft(line, " "))
		if inner > columns/2 {
			inner = 0
		}
		for _, part := range terminal.Fold(line[inner:], columns-inner) {
			lines = append(lines, strings.Repeat(" ", inner)+part)
		}
	}
	if it.most > 0 && len(lines) > it.most {
		for _, line := range lines[it.most:] {
			more += utf8.RuneCountInString(strings.TrimLeft(line, " "))
		}
		lines = lines[:it.most]
	}
	if more > 0 {
		lines = append(lines, terminal.Cut(fmt.Sprintf("… %s more; --full shows all", report.Many(int64(more), "character")), columns))
	}
	return lines
}
