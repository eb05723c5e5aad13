// Package shells speaks with the shells whose lines are completed. It holds a script for each
// of them, reads the lines that the scripts hand over, and writes candidates as they want them.
package shells

import (
	"embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/complete"
	"github.com/genbatch/genbatch/internal/terminal"
)

// Command is the command by which the scripts ask for candidates. Its arguments are for them
// alone, and may change with each version.
const Command = "__complete"

// Names are the shells that can be completed.
var Names = []string{"bash", "zsh", "fish", "powershell"}

//go:embed scripts
var scripts embed.FS

// Script returns the script for a shell, which is one of Names.
func Script(shell string) string {
	text, err := scripts.ReadFile("scripts/genbatch." + shell)
	if err != nil {
		return ""
	}
	return string(text)
}

// Answer writes the candidates that a script asks for by the arguments behind [Command]. What
// it does not understand it answers with none.
//
//	bash LINE BREAKS TYPE COLUMNS   the line up to the cursor, and variables of the shell
//	zsh COLUMNS WORD... CURRENT
//	fish WORD... CURRENT
//	powershell                      with the words in $GENBATCH_COMPLETE, a line each
func Answer(w io.Writer, args []string, env func(string) string, find func(words []string, current string) []complete.Candidate) {
	if len(args) == 0 {
		return
	}
	shell, args := args[0], args[1:]
	switch {
	case shell == "bash" && len(args) == 4:
		words, current := parseBash(args[0])
		writeBash(w, current, printable(find(words, current.text)), bashOptions{breaks: args[1], listing: args[2] != "37" && args[2] != "42", columns: number(args[3])})
	case shell == "zsh" && len(args) > 1:
		last := len(args) - 1
		writeZsh(w, printable(find(args[1:last], args[last])), number(args[0]))
	case shell == "fish" && len(args) > 0:
		last := len(args) - 1
		_, current := parseBash(args[last]) // a quote may be open
		writeTabs(w, printable(find(args[:last], current.text)))
	case shell == "powershell":
		words := strings.Split(strings.ReplaceAll(env("GENBATCH_COMPLETE"), "\r", ""), "\n")
		last := len(words) - 1
		writeTabs(w, printable(find(words[:last], words[last])))
	}
}

// number returns a number of columns; 80 if there is none.
func number(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return terminal.Columns
}

// printable leaves out candidates that no line of a shell can hold, and makes notes fit to be
// shown.
func printable(all []complete.Candidate) (kept []complete.Candidate) {
	for _, c := range all {
		if c.Value == "" || terminal.Safe(c.Value) != c.Value || strings.ContainsAny(c.Value, "\n\t") {
			continue
		}
		c.Note = terminal.Line(c.Note, 2*terminal.Columns)
		kept = append(kept, c)
	}
	return kept
}

// writeTabs writes a candidate and its note in each line, with a tab between.
func writeTabs(w io.Writer, all []complete.Candidate) {
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%s\n", c.Value, c.Note)
	}
}

// writeZsh writes three lines for each candidate: whether a blank follows, the word, and how it
// is shown. Words are not quoted: zsh does that.
func writeZsh(w io.Writer, all []complete.Candidate, columns int) {
	shown := displays(all)
	for i, c := range all {
		end := "closed"
		if c.Open {
			end = "open"
		}
		fmt.Fprintf(w, "%s\n%s\n%s\n", end, c.Value, terminal.Cut(shown[i], columns-1))
	}
}

// displays returns how candidates are shown, in columns: the word and its note. What all words
// have in common before their last part, such as a folder, is left out.
func displays(all []complete.Candidate) []string {
	width := 0
	for _, c := range all {
		if c.Note != "" {
			width = max(width, min(terminal.Width(lastPart(c.Value)), 30))
		}
	}
	list := make([]string, len(all))
	for i, c := range all {
		list[i] = lastPart(c.Value)
		if c.Note != "" {
			list[i] += strings.Repeat(" ", max(0, width-terminal.Width(list[i]))) + "  -- " + c.Note
		}
	}
	return list
}

// lastPart returns a path without its folder.
func lastPart(value string) string {
	if strings.Contains(value, "{{") || strings.Contains(value, "://") {
		return value
	}
	body := strings.TrimSuffix(value, "/")
	if i := strings.LastIndexByte(body, '/'); i >= 0 && i+1 < len(body) {
		return value[i+1:]
	}
	return value
}
