// Package manual writes what there is to read about commands: help for the terminal, man
// pages, and the reference in Markdown. All three are made of the definitions that the
// parser of the flags goes by, so that none of them can differ from what a command does.
package manual

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// A Program is all that is said of a program and its commands. Use [Of].
type Program struct {
	Name     string
	Usage    string // one sentence without a full stop
	Text     []Block
	Version  string
	Docs     string // the address of the documentation
	Sections []Section

	Exits     []Entry // exit codes
	Variables []Entry // of the environment, beside those of flags
	Files     []Entry
}

// An Entry is a name with what it means, which is one or more sentences.
type Entry struct{ Name, Text string }

// A Section is a group of commands.
type Section struct {
	Title    string
	Commands []Command
}

// A Command is all that is said of a command.
type Command struct {
	Name     string
	Usage    string   // one sentence without a full stop, beginning in lower case
	Synopsis []string // how the command is called, one line for each way
	Text     []Block
	Groups   []Group
}

// A Group is a group of flags.
type Group struct {
	Title string
	Flags []Flag
}

// A Flag is all that is said of a flag.
type Flag struct {
	Name       string // without dashes
	Short      string // the same in one letter; may be empty
	Value      string // what stands for its value, such as PATH; empty for a switch
	Usage      string
	Default    string // in words; may be empty
	Variable   string // of the environment; may be empty
	Repeatable bool
}

// A Block is a part of a description: a paragraph, or lines that stay as they are.
type Block struct {
	Lines   []string
	Fixed   bool // the lines are not to be joined
	Example bool // they are commands to copy, each below a comment that says what it does
}

// Of returns what an app says of itself. Commands and flags are grouped by their categories,
// which come in the order that is given; others come behind, and those without one last.
// Hidden commands and flags are left out.
func Of(app *cli.App, commandOrder, flagOrder []string) *Program {
	p := &Program{Name: app.Name, Usage: app.Usage, Text: blocks(app.Description), Version: app.Version}
	for _, g := range grouped(app.Commands, commandOrder, "more commands", func(c *cli.Command) (string, bool) { return c.Category, !c.Hidden }) {
		s := Section{Title: capital(g.title)}
		for _, c := range g.items {
			s.Commands = append(s.Commands, commandOf(app.Name, c, flagOrder))
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// Commands returns the commands of all sections.
func (p *Program) Commands() (all []Command) {
	for _, s := range p.Sections {
		all = append(all, s.Commands...)
	}
	return all
}

// Examples returns the commands to copy, each in one line without its comment.
func (c *Command) Examples() (commands []string) {
	for _, b := range c.Text {
		if !b.Example {
			continue
		}
		going := false
		for _, line := range b.Lines {
			part, more := strings.CutSuffix(line, `\`)
			switch part = strings.TrimSpace(part); {
			case going:
				commands[len(commands)-1] += " " + part
			case !strings.HasPrefix(part, "#"):
				commands = append(commands, part)
			}
			going = more
		}
	}
	return commands
}

// Flags returns the flags of all groups.
func (c *Command) Flags() (all []Flag) {
	for _, g := range c.Groups {
		all = append(all, g.Flags...)
	}
	return all
}

func commandOf(program string, c *cli.Command, flagOrder []string) Command {
	m := Command{Name: c.Name, Usage: c.Usage, Text: blocks(c.Description)}
	switch {
	case c.UsageText != "":
		m.Synopsis = strings.Split(c.UsageText, "\n")
	default:
		line := program + " " + c.Name
		if c.ArgsUsage != "" {
			line += " " + c.ArgsUsage
		}
		if len(c.Flags) > 0 {
			line += " [flags]"
		}
		m.Synopsis = []string{line}
	}
	for _, g := range grouped(c.Flags, flagOrder, "flags", category) {
		group := Group{Title: capital(g.title)}
		for _, f := range g.items {
			group.Flags = append(group.Flags, FlagOf(f))
		}
		m.Groups = append(m.Groups, group)
	}
	return m
}

func category(f cli.Flag) (name string, visible bool) {
	if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
		return "", false
	}
	if g, ok := f.(cli.CategorizableFlag); ok {
		name = g.GetCategory()
	}
	return name, true
}

// FlagOf returns what a flag says of itself.
func FlagOf(f cli.Flag) Flag {
	m := Flag{Name: f.Names()[0]}
	for _, name := range f.Names()[1:] {
		if utf8.RuneCountInString(name) == 1 {
			m.Short = name
		}
	}
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return m
	}
	before, value, quoted := strings.Cut(d.GetUsage(), "`")
	m.Usage = before
	if quoted {
		name, after, _ := strings.Cut(value, "`")
		m.Value = name
		m.Usage += name + after
	}
	if vars := d.GetEnvVars(); len(vars) > 0 {
		m.Variable = vars[0]
	}
	if s, ok := f.(cli.DocGenerationSliceFlag); ok {
		m.Repeatable = s.IsSliceFlag()
	}
	if !d.TakesValue() {
		m.Value = ""
		return m
	}
	if m.Value == "" {
		m.Value = placeholder(f)
	}
	m.Default = defaultOf(f)
	return m
}

// placeholder stands for the value of a flag whose usage names none: the last word of the
// flag's name, if the type says no more.
func placeholder(f cli.Flag) string {
	switch f.(type) {
	case *cli.IntFlag, *cli.Int64Flag, *cli.Uint64Flag, *cli.UintFlag:
		return "N"
	case *cli.DurationFlag:
		return "DURATION"
	}
	name := f.Names()[0]
	return strings.ToUpper(name[strings.LastIndexByte(name, '-')+1:])
}

// defaultOf returns the default of a flag: the words that it has for it, or a value that is
// not the zero of its type.
func defaultOf(f cli.Flag) string {
	switch f := f.(type) {
	case *cli.StringFlag:
		if f.DefaultText == "" {
			return f.Value
		}
		return f.DefaultText
	case *cli.IntFlag:
		return f.DefaultText
	case *cli.DurationFlag:
		if f.DefaultText == "" && f.Value != 0 {
			return f.Value.String()
		}
		return f.DefaultText
	case *cli.StringSliceFlag:
		return f.DefaultText
	}
	return ""
}

// Says returns the usage and the default.
func (f *Flag) Says() string {
	if f.Default == "" {
		return f.Usage
	}
	return f.Usage + " (default: " + f.Default + ")"
}

// blocks divides a description at its empty lines. Lines that begin with a blank stay as they
// are, and so do the commands of a paragraph that begins with the program's name, or with a
// comment. Those may be indented all together.
func blocks(text string) (all []Block) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var b Block
		margin := ""
		for line := range strings.SplitSeq(strings.Trim(part, "\n"), "\n") {
			indented := strings.HasPrefix(line, " ")
			if command := strings.TrimSpace(line); len(b.Lines) == 0 && (strings.HasPrefix(command, "genbatch ") || strings.HasPrefix(command, "# ")) {
				b.Example = true
				margin = line[:len(line)-len(strings.TrimLeft(line, " "))]
			}
			if b.Example {
				line = strings.TrimPrefix(line, margin)
			}
			if len(b.Lines) > 0 && !b.Example && indented != b.Fixed { // a table below its heading
				all = append(all, b)
				b = Block{}
			}
			if len(b.Lines) == 0 {
				b.Fixed = b.Example || indented
			}
			b.Lines = append(b.Lines, line)
		}
		if len(b.Lines) > 0 && b.Lines[0] != "" {
			all = append(all, b)
		}
	}
	return all
}

// Text returns a paragraph as one line.
func (b *Block) Text() string { return strings.Join(b.Lines, " ") }

// split divides blocks into descriptions and examples.
func split(all []Block) (text, examples []Block) {
	for _, b := range all {
		if b.Example {
			examples = append(examples, b)
		} else {
			text = append(text, b)
		}
	}
	return text, examples
}

type group[T any] struct {
	title string
	items []T
}

// grouped puts items into the groups that they name, which come in the given order. Items
// keep their order within a group.
func grouped[T any](items []T, order []string, rest string, of func(T) (name string, visible bool)) (groups []group[T]) {
	order = slices.Clone(order)
	byName := make(map[string][]T)
	for _, item := range items {
		name, visible := of(item)
		if !visible {
			continue
		}
		if name == "" {
			name = rest
		}
		if !slices.Contains(order, name) && name != rest {
			order = append(order, name)
		}
		byName[name] = append(byName[name], item)
	}
	if !slices.Contains(order, rest) {
		order = append(order, rest)
	}
	for _, name := range order {
		if len(byName[name]) > 0 {
			groups = append(groups, group[T]{name, byName[name]})
		}
	}
	return groups
}

// capital returns text with its first letter as a capital.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// sentence returns text as a sentence of its own.
func sentence(text string) string {
	text = capital(text)
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
