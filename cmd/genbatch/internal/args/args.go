// Package args reads the words of a command before the flags' parser does, and says what is
// wrong with them in words that help.
package args

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

// UsageError makes a SpecError of a mistake in the flags, so that it exits with 2. It points at
// the help on the command.
func UsageError(c *cli.Context, err error, _ bool) error {
	var refused *jobs.SpecError
	if errors.As(err, &refused) {
		return err
	}
	command := ""
	var flags []cli.Flag
	if c.Command != nil && c.Command.Name != "genbatch" {
		command, flags = c.Command.Name+" ", c.Command.Flags
	}
	return pointing(mistake(c.App, command, flags, err.Error()), command)
}

// pointing adds to the hint where the help is. The command has a blank behind it, or is empty.
func pointing(err *jobs.SpecError, command string) error {
	help := fmt.Sprintf("see genbatch %s--help", command)
	switch {
	case strings.HasSuffix(err.Hint, "?"):
		help = err.Hint + " S" + help[1:]
	case err.Hint != "":
		help = err.Hint + "; " + help
	}
	return &jobs.SpecError{Err: err.Err, Hint: help}
}

// mistake says what is wrong in what the flags' parser refuses.
func mistake(app *cli.App, command string, flags []cli.Flag, text string) *jobs.SpecError {
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		name = strings.TrimLeft(name, "-")
		hint := ""
		group := jobs.GroupOf(strings.ReplaceAll(name, "-", "_"))
		meant := nearestFlag(flags, name)
		switch {
		case meant != "" && (group == "" || strings.HasPrefix(name, meant)): // --labels
			hint = fmt.Sprintf("did you mean --%s?", meant)
		case group != "":
			hint = fmt.Sprintf("it is a key of a job file, under %s:", group)
		case command == "" && flagOfCommand(app, name) != "":
			hint = fmt.Sprintf("it goes after the command, as in genbatch %s --%s", flagOfCommand(app, name), name)
		}
		return &jobs.SpecError{Err: fmt.Errorf("there is no flag --%s", name), Hint: hint}
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return noValue(FlagNamed(flags, name), "")
	}
	if m := wrongFlag.FindStringSubmatch(text); m != nil {
		return wrongValue(FlagNamed(flags, m[2]), "--"+m[2], unquote(m[1]))
	}
	if m := wrongVariable.FindStringSubmatch(text); m != nil {
		return wrongValue(FlagNamed(flags, m[3]), m[2], unquote(m[1]))
	}
	if strings.HasPrefix(text, "bad flag syntax: ") {
		text = fmt.Sprintf("%q is no flag", strings.TrimPrefix(text, "bad flag syntax: "))
	}
	return &jobs.SpecError{Err: errors.New(text)}
}

// IsJobFile reports whether a path is that of a job file, by its name.
func IsJobFile(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// UnknownCommand refuses a command that there is not.
func UnknownCommand(c *cli.Context) error {
	name := c.Args().First()
	var names []string
	for _, command := range c.App.Commands {
		names = append(names, command.Name)
	}
	hint := "the commands are " + message.List(names)
	if IsJobFile(name) {
		hint = "did you mean genbatch run " + message.OneLine(name, 80) + "?"
	} else if meant := message.NearestWithin(near(name), name, names); meant != "" {
		hint = "did you mean genbatch " + meant + "?"
	}
	return &jobs.SpecError{Err: fmt.Errorf("there is no command %q", message.OneLine(name, 80)), Hint: hint}
}

// What the flags' parser says of a value that it cannot read, from the command line and from
// the environment.
var (
	wrongFlag     = regexp.MustCompile(`^invalid (?:boolean )?value ("(?s:.*)") for (?:flag )?-([\w-]+): `)
	wrongVariable = regexp.MustCompile(`^could not parse ("(?s:.*)") as .*value from environment variable "(\w+)" for flag ([\w-]+): `)
)

// unquote returns what a text is that was written with %q.
func unquote(quoted string) string {
	if text, err := strconv.Unquote(quoted); err == nil {
		return text
	}
	return strings.Trim(quoted, `"`)
}

// wrongValue says what is wrong with a value of a flag, which name says as the user gave it.
func wrongValue(f cli.Flag, name, text string) *jobs.SpecError {
	hint := message.Number(text, 0)
	switch f := f.(type) {
	case interface{ Words() string }:
		hint = "write " + f.Words()
	case *cli.GenericFlag:
		if v, ok := f.Value.(interface{ Hint() string }); ok {
			hint = v.Hint()
		}
	case *cli.Float64Flag:
		hint = "write a number, such as 0.8"
	case *cli.DurationFlag:
		hint = message.Duration(text)
	case *cli.BoolFlag:
		hint = message.Switch(text)
	}
	return &jobs.SpecError{Err: fmt.Errorf("%s is %q", name, message.OneLine(text, 80)), Hint: hint}
}

// noValue says that a flag has no value; next is what stands in its place.
func noValue(f cli.Flag, next string) *jobs.SpecError {
	name, example := "", "VALUE"
	if f != nil {
		name = f.Names()[0]
		switch f := f.(type) {
		case *cli.IntFlag, *cli.Uint64Flag:
			example = "10"
		case *cli.DurationFlag:
			example = "90s"
		case cli.DocGenerationFlag:
			if _, after, ok := strings.Cut(f.GetUsage(), "`"); ok {
				example, _, _ = strings.Cut(after, "`")
			}
		}
	}
	text := fmt.Sprintf("--%s has no value", name)
	if next != "" {
		text += ": the flag " + next + " follows it"
	}
	return &jobs.SpecError{Err: errors.New(text), Hint: fmt.Sprintf("write --%s %s", name, example)}
}

// FlagNamed returns the flag of that name, or nil. The name may have its dashes.
func FlagNamed(flags []cli.Flag, name string) cli.Flag {
	name = strings.TrimLeft(name, "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// flagOfCommand returns a command that has a flag of that name. It is empty if none has.
func flagOfCommand(app *cli.App, name string) string {
	for _, c := range app.Commands {
		if FlagNamed(c.Flags, name) != nil {
			return c.Name
		}
	}
	return ""
}

// near is how many letters of a name may differ from the one that was meant: two that changed
// places, or a third of a long name. More would suggest what nobody meant.
func near(name string) int {
	if len(name) < 4 {
		return 1
	}
	return max(2, len(name)/3)
}

// nearestFlag returns the flag that was most likely meant.
func nearestFlag(flags []cli.Flag, name string) string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return len(n) < 2 }) // a letter is near everything
	// People write --max_cost as the job file has it, and --labels for --label.
	return message.NearestWithin(near(name), strings.ReplaceAll(name, "_", "-"), names)
}

// CheckValues refuses a flag whose value is another flag: genbatch run -m --limit 5. A value
// that begins with two dashes is given as --prefix=--x.
func CheckValues(args []string, commands []*cli.Command) error {
	if len(args) < 3 {
		return nil
	}
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == args[1] })
	if i < 0 {
		return nil
	}
	name, flags := commands[i].Name, commands[i].Flags
	for i, a := range args[2:] {
		if a == "--" {
			break
		}
		if len(a) < 2 || a[0] != '-' {
			continue
		}
		f, ok := FlagNamed(flags, strings.TrimLeft(a, "-")).(cli.DocGenerationFlag)
		if !ok || !f.TakesValue() || i+3 >= len(args) {
			continue
		}
		next, isFlag := strings.CutPrefix(args[i+3], "--")
		next, _, _ = strings.Cut(next, "=")
		if isFlag && FlagNamed(flags, next) != nil {
			return pointing(noValue(f.(cli.Flag), "--"+next), name+" ")
		}
	}
	return nil
}

// UnknownVariables says which variables GENBATCH_… of the environment no flag reads. Others are
// known too, such as one that a job names as that of its key.
func UnknownVariables(environ []string, commands []*cli.Command, others ...string) (warnings []string) {
	known := map[string]bool{"GENBATCH_API_KEY": true, "GENBATCH_NATS_TOKEN": true}
	for _, name := range others {
		known[name] = true
	}
	for _, c := range commands {
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				for _, name := range d.GetEnvVars() {
					known[name] = true
				}
			}
		}
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, "GENBATCH_")
		if !ours || known[name] {
			continue
		}
		hint := "no setting has that name"
		if meant := message.NearestWithin(near(rest), name, slices.Sorted(maps.Keys(known))); meant != "" {
			hint = "did you mean " + meant + "?"
		}
		warnings = append(warnings, fmt.Sprintf("the variable %s of the environment is not read; %s", message.OneLine(name, 80), hint))
	}
	return warnings
}

// AsksJSON reports whether the flags or the environment ask for JSON. It reads them by
// itself, since an error of the flags' own parser is to be JSON too.
func AsksJSON(args []string) bool {
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

// Permute moves flags before arguments. The flags' parser stops at the first argument,
// and people type genbatch run job.yaml --limit 10.
func Permute(args []string, commands []*cli.Command) []string {
	if len(args) < 3 {
		return args
	}
	var known []cli.Flag
	for _, c := range commands {
		if c.Name == args[1] {
			known = c.Flags
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
			if TakesValue(FlagNamed(known, a)) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	if len(rest) > 0 {
		flags = append(flags, "--")
	}
	return append(flags, rest...)
}

// TakesValue reports whether the value of a flag is the word behind it, or behind its "=".
func TakesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}
