// Package complete finds what a word on the command line may become: commands, flags and
// the values of flags. It reads files that the line names, and nothing else: it writes
// nothing, opens no connection, and says nothing of what is wrong.
package complete

import (
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/manual"
	"github.com/genbatch/genbatch/jobs"
)

// A Candidate is what a word may become.
type Candidate struct {
	Value string // the whole word
	Note  string // what it means, in a few words; may be empty
	Open  bool   // the word goes on, as a folder does, so that no blank follows
}

// A Completer completes lines. All fields but Environ are required.
type Completer struct {
	App *cli.App

	// Spec returns the job that the words of a command describe, as far as they do. It is
	// never nil.
	Spec func(words []string) *jobs.Spec

	// Named returns the job that a command looks at, by what it names. It is nil if there is
	// none.
	Named func(arg, state string) *jobs.Spec

	Env     func(name string) string
	Environ []string // as NAME=VALUE; only the names are shown
}

// A line is a command line up to the word that is completed.
type line struct {
	*Completer
	command *cli.Command
	words   []string            // behind the command, without those that are not finished
	given   map[string][]string // values of flags by the flag's first name
	args    []string            // the arguments that are no flags
	current string              // the word, or the part of it that is a flag's value
}

// Complete returns the candidates for the current word behind words, which begin with the name
// of the program. Candidates need not begin with the current word: some shells have their own
// idea of what matches it. Those that are files are in the folder that it names.
func (c *Completer) Complete(words []string, current string) []Candidate {
	if len(words) == 0 {
		return nil
	}
	words = words[1:]
	if len(words) == 0 {
		if strings.HasPrefix(current, "-") {
			return []Candidate{{Value: "--help", Note: "show help"}, {Value: "--version", Note: "print the version"}}
		}
		return c.commands()
	}
	command := c.App.Command(words[0])
	if command == nil || command.Hidden {
		return nil
	}
	l := &line{Completer: c, command: command, given: make(map[string][]string), current: current}
	pending, onlyArgs := l.parse(words[1:])
	name, value, assigned := strings.Cut(current, "=")
	switch {
	case pending != nil:
		return l.values(pending)
	case onlyArgs || !strings.HasPrefix(current, "-"):
		return l.arguments()
	case !assigned:
		return l.flags()
	}
	f := args.FlagNamed(command.Flags, name)
	if f == nil {
		return nil
	}
	l.current = value
	list := l.values(f)
	for i := range list {
		list[i].Value = name + "=" + list[i].Value
	}
	return list
}

// parse sorts the words into flags and arguments. It returns the flag whose value is to come
// next, if any, and whether flags have ended.
func (l *line) parse(words []string) (pending cli.Flag, onlyArgs bool) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			l.args = append(l.args, words[i+1:]...)
			l.words = append(l.words, words[i:]...)
			return nil, true
		}
		if len(word) < 2 || word[0] != '-' {
			l.args = append(l.args, word)
			l.words = append(l.words, word)
			continue
		}
		name, value, assigned := strings.Cut(word, "=")
		f := args.FlagNamed(l.command.Flags, name)
		switch {
		case f == nil:
			continue // a mistake, which says nothing of the others
		case !assigned && args.TakesValue(f) && i+1 == len(words):
			return f, false
		case !assigned && args.TakesValue(f):
			i++
			value = words[i]
			l.words = append(l.words, word, value)
		default:
			l.words = append(l.words, word)
		}
		l.given[f.Names()[0]] = append(l.given[f.Names()[0]], value)
	}
	return nil, false
}

// commands returns all commands.
func (c *Completer) commands() (list []Candidate) {
	for _, command := range c.App.Commands {
		if !command.Hidden {
			list = append(list, Candidate{Value: command.Name, Note: command.Usage})
		}
	}
	return list
}

// flags returns the flags of the command that may still be given.
func (l *line) flags() (list []Candidate) {
	for _, f := range l.command.Flags {
		m := manual.FlagOf(f)
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() || len(l.given[m.Name]) > 0 && !m.Repeatable {
			continue
		}
		list = append(list, Candidate{Value: "--" + m.Name, Note: m.Says()})
	}
	return append(list, Candidate{Value: "--help", Note: "show help on " + l.command.Name})
}

// values returns the values of a flag. A command can have its own for it; else the flag's name
// says what they are, or what stands for the value in the help, such as COLUMN, or a list of
// them in its usage.
func (l *line) values(f cli.Flag) []Candidate {
	m := manual.FlagOf(f)
	if kind, ok := kinds()[l.command.Name+" --"+m.Name]; ok {
		return kind(l)
	}
	if kind, ok := kinds()["--"+m.Name]; ok {
		return kind(l)
	}
	if kind, ok := kinds()[m.Value]; ok {
		return kind(l)
	}
	return listed(m.Usage)
}

// oneOf matches a word of a list of values in a usage, and what it means.
var oneOf = regexp.MustCompile(`^([\w.-]*\w)(?: \(([^()]*)\))?$`)

// listed returns the values that a usage lists behind its last colon: "KIND of job: classify,
// summarize or raw (each row is a request)". It is empty if there is no such list.
func listed(usage string) (candidates []Candidate) {
	usage, _, _ = strings.Cut(usage, " (default: ")
	usage, _, _ = strings.Cut(usage, ", ...")
	i := strings.LastIndex(usage, ": ")
	if i < 0 {
		return nil
	}
	for item := range strings.SplitSeq(strings.ReplaceAll(usage[i+2:], " or ", ", "), ", ") {
		m := oneOf.FindStringSubmatch(item)
		if m == nil {
			return nil
		}
		candidates = append(candidates, Candidate{Value: m[1], Note: m[2]})
	}
	if len(candidates) < 2 {
		return nil
	}
	return candidates
}

// arguments returns what may stand behind the flags.
func (l *line) arguments() []Candidate {
	if kind, ok := kinds()[l.command.Name]; ok {
		return kind(l)
	}
	name, many := strings.CutSuffix(l.command.ArgsUsage, "...")
	if kind, ok := kinds()[strings.Trim(name, "[]")]; ok && (many || len(l.args) == 0) {
		return kind(l)
	}
	return nil
}
