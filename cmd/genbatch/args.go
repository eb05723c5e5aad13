package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

// usageError makes a SpecError of a mistake in the flags, so that it exits with 2.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	hint := "see genbatch --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "genbatch" {
		hint = fmt.Sprintf("see genbatch %s --help", c.Command.Name)
	}
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = fmt.Sprintf("there is no flag --%s", strings.TrimLeft(name, "-"))
		name = strings.TrimLeft(name, "-")
		group := jobs.GroupOf(strings.ReplaceAll(name, "-", "_"))
		near := nearestFlag(c, name)
		switch {
		case near != "" && (group == "" || strings.HasPrefix(name, near)): // --labels
			hint = fmt.Sprintf("did you mean --%s?", near)
		case group != "":
			hint = fmt.Sprintf("it is a key of a job file, under %s:", group)
		}
	}
	return &jobs.SpecError{Err: errors.New(text), Hint: hint}
}

// nearestFlag returns the flag that a name is most likely meant to be, or "".
func nearestFlag(c *cli.Context, name string) string {
	if c.Command == nil {
		return ""
	}
	var names []string
	for _, f := range c.Command.Flags {
		names = append(names, f.Names()[0])
	}
	return message.Nearest(name, names)
}

// asksJSON reports whether the flags or the environment ask for JSON. It reads them by
// itself, since an error of the flags' own parser is to be JSON too.
func asksJSON(args []string) bool {
	for _, a := range args {
		if a == "--" {
			break
		}
		switch name, value, given := strings.Cut(strings.TrimLeft(a, "-"), "="); {
		case name != "json" || a == name:
		case !given:
			return true
		default:
			yes, _ := strconv.ParseBool(value) // the parser reports a value that is no boolean
			return yes
		}
	}
	yes, _ := strconv.ParseBool(os.Getenv("GENBATCH_JSON"))
	return yes
}

// permute moves flags before arguments. The flags' parser stops at the first argument,
// and people type genbatch run job.yaml --limit 10.
func permute(args []string, commands []*cli.Command) []string {
	if len(args) < 3 {
		return args
	}
	valued := make(map[string]bool) // flags that take a value
	for _, c := range commands {
		if c.Name != args[1] {
			continue
		}
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
				for _, name := range f.Names() {
					valued[name] = true
				}
			}
		}
	}
	flags, rest := args[:2:2], []string(nil)
	for i := 2; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(append(flags, "--"), append(rest, args[i+1:]...)...)
		case len(a) < 2 || a[0] != '-':
			rest = append(rest, a)
		default:
			flags = append(flags, a)
			if valued[strings.TrimLeft(a, "-")] && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	if len(rest) > 0 {
		if slices.ContainsFunc(flags[2:], func(a string) bool { return a == "--help" || a == "-h" }) {
			return flags // help on the command, not on its argument
		}
		flags = append(flags, "--")
	}
	return append(flags, rest...)
}
