package manual

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown returns the reference of all commands as chapters of a page in Markdown. JobKey
// says which key of a job file a flag sets; it is empty if it sets none.
func (p *Program) Markdown(jobKey func(flag string) string) string {
	var b strings.Builder
	b.WriteString("## Commands\n\n| command | what it does |\n|---|---|\n")
	for _, c := range p.Commands() {
		fmt.Fprintf(&b, "| [`%[1]s %[2]s`](#%[1]s-%[2]s) | %[3]s |\n", p.Name, c.Name, cell(c.Usage))
	}
	var before []Command
	for _, c := range p.Commands() {
		p.chapter(&b, &c, before, jobKey)
		before = append(before, c)
	}
	entries(&b, "Exit codes", "exit code", p.Exits)
	entries(&b, "Environment", "variable", p.Variables)
	entries(&b, "Files", "file", p.Files)
	return b.String()
}

// chapter writes what there is to say about a command, behind the chapters of others.
func (p *Program) chapter(b *strings.Builder, c *Command, before []Command, jobKey func(string) string) {
	text, examples := split(c.Text)
	fmt.Fprintf(b, "\n## %s %s\n\n%s\n\n```text\n%s\n```\n", p.Name, c.Name, markdown(sentence(c.Usage)), strings.Join(c.Synopsis, "\n"))
	for _, block := range text {
		if block.Fixed {
			fmt.Fprintf(b, "\n```text\n%s\n```\n", strings.Join(block.Lines, "\n"))
			continue
		}
		fmt.Fprintf(b, "\n%s\n", markdown(block.Text()))
	}
	if len(examples) > 0 {
		b.WriteString("\n```sh\n")
		for i, block := range examples {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(strings.Join(block.Lines, "\n") + "\n")
		}
		b.WriteString("```\n")
	}
	same := make(map[string][]string) // groups by the command that has them too
	for _, g := range c.Groups {
		if first := sharedBy(before, g); first != "" {
			same[first] = append(same[first], strings.ToLower(g.Title))
			continue
		}
		fmt.Fprintf(b, "\n### %s: %s\n\n", c.Name, strings.ToLower(g.Title))
		b.WriteString("| flag | meaning | default | key, variable |\n|---|---|---|---|\n")
		for _, f := range g.Flags {
			var also []string
			if key := jobKey(f.Name); key != "" {
				also = append(also, "`"+key+":`")
			}
			if f.Variable != "" {
				also = append(also, "`"+f.Variable+"`")
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.ReplaceAll(strings.TrimSpace(f.spelled()), "|", `\|`), cell(f.Usage), cell(f.Default), strings.Join(also, " "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(same)) {
		fmt.Fprintf(b, "\nThese groups of flags are the same as those of [%[1]s %[2]s](#%[1]s-%[2]s): %[3]s.\n", p.Name, name, strings.Join(same[name], ", "))
	}
}

// sharedBy returns the command that has the same group of flags. Groups of one or two flags are
// written again.
func sharedBy(before []Command, g Group) string {
	for _, c := range before {
		for _, other := range c.Groups {
			if len(g.Flags) > 2 && other.Title == g.Title && slices.Equal(other.Flags, g.Flags) {
				return c.Name
			}
		}
	}
	return ""
}

// entries writes a chapter of names with what they mean.
func entries(b *strings.Builder, title, name string, all []Entry) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| %s | meaning |\n|---|---|\n", title, name)
	for _, e := range all {
		fmt.Fprintf(b, "| `%s` | %s |\n", e.Name, cell(e.Text))
	}
}

// markdown returns text in which nothing is markup.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, "`", "\\`", "[", `\[`, "]", `\]`).Replace(text)
}

// cell returns text as a cell of a table.
func cell(text string) string { return strings.ReplaceAll(markdown(text), "|", `\|`) }
