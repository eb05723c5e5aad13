package manual

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/terminal"
)

// A ManPage is a manual page in the language of man(7), which groff and mandoc read.
type ManPage struct {
	Name string // of its file, such as genbatch-run.1
	Text string
}

// ManPages returns the page of the program, and one for each command, as git and others have
// them: man genbatch-run. The date is that of the version, such as 2026-11-29.
func (p *Program) ManPages(date string) []ManPage {
	pages := []ManPage{{p.Name + ".1", p.man(date)}}
	for _, c := range p.Commands() {
		pages = append(pages, ManPage{fmt.Sprintf("%s-%s.1", p.Name, c.Name), p.manOf(&c, date)})
	}
	return pages
}

// roff is text in the language of man(7).
type roff struct {
	strings.Builder
	begun bool // the section has text, so that a paragraph must be set off from it
}

// escaper writes characters that would mean something else in the language: a hyphen of a
// flag must stay one that can be copied, and is no place to break a line.
var escaper = strings.NewReplacer(
	`\`, `\e`, "-", `\-`, "…", `\[u2026]`, "·", `\[pc]`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`,
)

// escaped returns a text as it stands in a line.
func escaped(text string) string { return escaper.Replace(text) }

// text writes a text, whose lines may end anywhere: there are tools that want none of more
// than 80 bytes.
func (r *roff) text(text string) {
	const longest = 72
	for _, line := range terminal.Wrap(escaped(text), longest) {
		r.line(line)
	}
}

// line writes a line of text.
func (r *roff) line(line string) {
	if strings.HasPrefix(line, ".") {
		line = `\&` + line // it is no request
	}
	fmt.Fprintln(r, line)
	r.begun = true
}

// paragraph begins one.
func (r *roff) paragraph() {
	if r.begun {
		fmt.Fprintln(r, ".PP")
	}
}

func (r *roff) head(name, date, version, program string) {
	fmt.Fprintf(r, ".\\\" Written by %s man.\n", program)
	fmt.Fprintf(r, ".TH \"%s\" \"1\" \"%s\" \"%s\" \"%s manual\"\n", strings.ToUpper(escaped(name)), date, escaped(program+" "+version), program)
	fmt.Fprintln(r, ".nh\n.ad l") // names of flags and variables stay whole
}

func (r *roff) section(title string) {
	fmt.Fprintf(r, ".SH %s\n", strings.ToUpper(escaped(title)))
	r.begun = false
}

// term writes a name, which is in the language already, and what it means.
func (r *roff) term(name, text string) {
	fmt.Fprintf(r, ".TP\n%s\n", name)
	r.text(text)
}

func (r *roff) blocks(all []Block) {
	for _, b := range all {
		if b.Fixed {
			r.fixed(b.Lines)
			continue
		}
		r.paragraph()
		r.text(b.Text())
	}
}

// fixed writes lines that stay as they are.
func (r *roff) fixed(lines []string) {
	r.paragraph()
	fmt.Fprintln(r, ".nf\n.RS 4")
	for _, line := range lines {
		r.line(escaped(line))
	}
	fmt.Fprintln(r, ".RE\n.fi")
}

func (r *roff) examples(all []Block) {
	if len(all) == 0 {
		return
	}
	r.section("examples")
	for _, b := range all {
		for len(b.Lines) > 0 && strings.HasPrefix(b.Lines[0], "# ") {
			r.paragraph()
			r.text(strings.TrimPrefix(b.Lines[0], "# ") + ":")
			b.Lines = b.Lines[1:]
		}
		r.fixed(b.Lines)
	}
}

// entries writes a section of names with what they mean.
func (r *roff) entries(title string, all []Entry) {
	if len(all) == 0 {
		return
	}
	r.section(title)
	for _, e := range all {
		r.term(`\fB`+escaped(e.Name)+`\fR`, sentence(e.Text))
	}
}

// variables writes which variables of the environment stand for flags of a command.
func (r *roff) variables(flags []Flag) {
	var names []string
	for _, f := range flags {
		if f.Variable != "" {
			names = append(names, f.Variable)
		}
	}
	if len(names) == 0 {
		return
	}
	r.section("environment")
	r.text("These variables stand for the flags of their names, which count before them: " + strings.Join(names, ", ") + ".")
}

// see writes the references to other pages.
func (r *roff) see(pages []string, docs string) {
	r.section("see also")
	for _, name := range pages {
		fmt.Fprintf(r, ".BR %s (1),\n", escaped(name))
	}
	r.line(escaped(docs))
}

// man returns the page of the program.
func (p *Program) man(date string) string {
	var r roff
	text, examples := split(p.Text)
	r.head(p.Name, date, p.Version, p.Name)
	r.section("name")
	r.text(p.Name + " - " + p.Usage)
	r.section("synopsis")
	fmt.Fprintf(&r, ".B %s\n.I command\n[\\fIflags\\fR]\n", escaped(p.Name))
	r.section("description")
	r.blocks(text)
	var pages []string
	r.section("commands")
	for _, s := range p.Sections {
		fmt.Fprintf(&r, ".SS %s\n", escaped(s.Title))
		for _, c := range s.Commands {
			name := p.Name + "-" + c.Name
			pages = append(pages, name)
			fmt.Fprintf(&r, ".TP\n.BR %s (1)\n", escaped(name))
			r.text(sentence(c.Usage))
		}
	}
	r.examples(examples)
	r.entries("exit status", p.Exits)
	r.entries("environment", p.Variables)
	r.entries("files", p.Files)
	r.see(pages, p.Docs)
	return r.String()
}

// manOf returns the page of a command.
func (p *Program) manOf(c *Command, date string) string {
	var r roff
	text, examples := split(c.Text)
	name := p.Name + "-" + c.Name
	r.head(name, date, p.Version, p.Name)
	r.section("name")
	r.text(name + " - " + c.Usage)
	r.section("synopsis")
	for i, line := range c.Synopsis {
		if i > 0 {
			fmt.Fprintln(&r, ".br")
		}
		command := p.Name + " " + c.Name
		rest := strings.TrimPrefix(line, command)
		fmt.Fprintf(&r, "\\fB%s\\fR%s\n", escaped(command), escaped(rest))
	}
	r.section("description")
	if len(text) == 0 {
		r.text(sentence(c.Usage))
	}
	r.blocks(text)
	if len(c.Groups) > 0 {
		r.section("options")
	}
	for _, g := range c.Groups {
		if len(c.Groups) > 1 {
			fmt.Fprintf(&r, ".SS %s\n", escaped(g.Title))
		}
		for _, f := range g.Flags {
			r.term(f.roff(), sentence(f.Says()))
		}
	}
	r.examples(examples)
	r.variables(c.Flags())
	r.see([]string{p.Name}, p.Docs)
	return r.String()
}

// roff returns a flag as it is written.
func (f *Flag) roff() string {
	text := ""
	if f.Short != "" {
		text = `\fB\-` + escaped(f.Short) + `\fR, `
	}
	text += `\fB\-\-` + escaped(f.Name) + `\fR`
	if f.Value != "" {
		text += ` \fI` + escaped(f.Value) + `\fR`
	}
	return text
}
