package manual

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/terminal"
)

// A page is text for a terminal of so many columns.
type page struct {
	strings.Builder
	columns int
}

// newPage returns an empty page. Text wider than terminal.Columns is hard to read, and in
// fewer than 40 columns nothing can be laid out.
func newPage(columns int) *page {
	return &page{columns: max(40, min(columns, terminal.Columns))}
}

// paragraph writes text, whose lines begin with so many blanks.
func (p *page) paragraph(indent int, text string) {
	margin := strings.Repeat(" ", indent)
	for _, line := range terminal.Wrap(text, p.columns-indent) {
		fmt.Fprintln(p, strings.TrimRight(margin+line, " "))
	}
}

// item writes a name and, beside it, what it means. A name that is too long for its column
// has the text below it.
func (p *page) item(name, text string, at int) {
	if terminal.Width(name)+2 > at {
		fmt.Fprintln(p, name)
		p.paragraph(at, text)
		return
	}
	lines := terminal.Wrap(text, p.columns-at)
	fmt.Fprintf(p, "%s%s%s\n", name, strings.Repeat(" ", at-terminal.Width(name)), lines[0])
	for _, line := range lines[1:] {
		fmt.Fprintf(p, "%s%s\n", strings.Repeat(" ", at), line)
	}
}

// heading writes a title below an empty line.
func (p *page) heading(title string) { fmt.Fprintf(p, "\n%s:\n", title) }

// blocks writes descriptions.
func (p *page) blocks(all []Block) {
	for i, b := range all {
		// A table stands directly below its heading.
		if !b.Fixed || i == 0 || !strings.HasSuffix(all[i-1].Text(), ":") {
			fmt.Fprintln(p)
		}
		if !b.Fixed {
			p.paragraph(0, b.Text())
			continue
		}
		for _, line := range b.Lines {
			p.fixed(line)
		}
	}
}

// fixed writes a line of a table. If it is too wide it goes on below its last column.
func (p *page) fixed(line string) {
	if terminal.Width(line) <= p.columns {
		fmt.Fprintln(p, line)
		return
	}
	body := strings.TrimLeft(line, " ")
	at := len(line) - len(body)
	if gap := strings.LastIndex(body, "  "); gap >= 0 {
		at += gap + 2
	}
	if at > p.columns/2 {
		at = 4
	}
	lines := terminal.Wrap(line[at:], p.columns-at)
	fmt.Fprintln(p, line[:at]+lines[0])
	for _, more := range lines[1:] {
		fmt.Fprintln(p, strings.Repeat(" ", at)+more)
	}
}

// examples writes commands to copy.
func (p *page) examples(all []Block) {
	if len(all) == 0 {
		return
	}
	p.heading("Examples")
	for i, b := range all {
		if i > 0 {
			fmt.Fprintln(p)
		}
		for _, line := range b.Lines {
			if comment, ok := strings.CutPrefix(line, "# "); ok {
				for _, part := range terminal.Wrap(comment, p.columns-4) {
					fmt.Fprintf(p, "  # %s\n", part)
				}
				continue
			}
			fmt.Fprintf(p, "  %s\n", line) // whole, so that it can be copied
		}
	}
}

// Help returns the help on a program for a terminal of so many columns. It names all commands.
func (p *Program) Help(columns int) string {
	out := newPage(columns)
	text, examples := split(p.Text)
	out.paragraph(0, p.Name+": "+p.Usage)
	out.heading("Usage")
	fmt.Fprintf(out, "  %s COMMAND [flags]\n", p.Name)
	out.blocks(text)
	for _, s := range p.Sections {
		out.heading(s.Title)
		for _, c := range s.Commands {
			out.item("  "+c.Name, c.Usage, 14)
		}
	}
	out.examples(examples)
	fmt.Fprintln(out)
	out.paragraph(0, fmt.Sprintf("%s help COMMAND tells about a command: its flags, with examples. %s --version prints the version. The documentation: %s", p.Name, p.Name, p.Docs))
	return out.String()
}

// FirstScreen returns what a program says that is called without anything: what it is, how to
// begin, and where to read on.
func (p *Program) FirstScreen(columns int) string {
	out := newPage(columns)
	_, examples := split(p.Text)
	out.paragraph(0, p.Name+": "+p.Usage)
	out.examples(examples[:min(2, len(examples))])
	out.heading("Commands")
	for _, s := range p.Sections {
		var names []string
		for _, c := range s.Commands {
			names = append(names, c.Name)
		}
		out.item("  "+s.Title, strings.Join(names, ", "), 26)
	}
	fmt.Fprintln(out)
	out.item(fmt.Sprintf("  %s help", p.Name), "all commands", 26)
	out.item(fmt.Sprintf("  %s help run", p.Name), "the flags of a command, with examples", 26)
	return out.String()
}

// CommandHelp returns the help on a command for a terminal of so many columns.
func (p *Program) CommandHelp(c *Command, columns int) string {
	out := newPage(columns)
	text, examples := split(c.Text)
	out.paragraph(0, fmt.Sprintf("%s %s: %s", p.Name, c.Name, c.Usage))
	out.heading("Usage")
	for _, line := range c.Synopsis {
		fmt.Fprintf(out, "  %s\n", line)
	}
	out.blocks(text)
	out.examples(examples)
	at := 28
	if out.columns < 64 {
		at = 10
	}
	for _, g := range c.Groups {
		out.heading(g.Title)
		for _, f := range g.Flags {
			out.item("  "+f.spelled(), f.Says(), at)
		}
	}
	fmt.Fprintln(out)
	out.paragraph(0, "More: "+p.Docs)
	return out.String()
}

// spelled returns a flag as it is written, with room for its short form.
func (f *Flag) spelled() string {
	text := "    --" + f.Name
	if f.Short != "" {
		text = fmt.Sprintf("-%s, --%s", f.Short, f.Name)
	}
	if f.Value != "" {
		text += " " + f.Value
	}
	return text
}
