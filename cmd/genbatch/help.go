package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/manual"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

const documentation = "https://github.com/genbatch/genbatch/tree/main/docs"

// The groups of commands in the help.
const (
	commandsRun  = "run a job"
	commandsLook = "look after a job"
	commandsKnow = "limits and prices"
	commandsHelp = "help and tools"
)

func helpCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "help",
		Aliases:     []string{"h"},
		Category:    commandsHelp,
		Usage:       "show help on genbatch, or on a command",
		UsageText:   "genbatch help [COMMAND]\ngenbatch COMMAND --help",
		Description: "genbatch help run\n\ngenbatch simulate --help",
		Action: func(c *cli.Context) error {
			p := manualOf(c.App)
			columns, _ := con.text.Columns()
			if !c.Args().Present() {
				fmt.Fprint(con.text, p.Help(columns))
				return nil
			}
			if c.NArg() > 1 {
				return &jobs.SpecError{Err: fmt.Errorf("more than one command is named: %s", message.OneLine(strings.Join(c.Args().Slice(), " "), 80)), Hint: "name one, as in genbatch help run"}
			}
			command := c.App.Command(c.Args().First())
			if command == nil {
				return args.UnknownCommand(c)
			}
			fmt.Fprint(con.text, commandHelp(p, command.Name, columns))
			return nil
		},
	}
}

// helpAsked returns the help that --help or -h asks for, wherever it stands. So it helps too
// whose other flags are wrong.
func helpAsked(con *console, app *cli.App, words []string) (text string, asked bool) {
	if len(words) < 2 {
		return "", false
	}
	columns, _ := con.text.Columns()
	if strings.HasPrefix(words[1], "-") && slices.ContainsFunc(words[1:], isHelp) {
		return manualOf(app).Help(columns), true
	}
	i := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(words[1]) })
	if i < 0 {
		return "", false
	}
	command := app.Commands[i]
	for rest := words[2:]; len(rest) > 0 && rest[0] != "--"; rest = rest[1:] {
		if isHelp(rest[0]) {
			return commandHelp(manualOf(app), command.Name, columns), true
		}
		if args.TakesValue(args.FlagNamed(command.Flags, rest[0])) && len(rest) > 1 {
			rest = rest[1:] // a value such as -h is none of ours
		}
	}
	return "", false
}

func isHelp(word string) bool { return word == "--help" || word == "-help" || word == "-h" }

func commandHelp(p *manual.Program, name string, columns int) string {
	for _, c := range p.Commands() {
		if c.Name == name {
			return p.CommandHelp(&c, columns)
		}
	}
	return ""
}

// manualOf returns all that there is to read about the commands.
func manualOf(app *cli.App) *manual.Program {
	p := manual.Of(app, []string{commandsRun, commandsLook, commandsKnow, commandsHelp}, flagGroups())
	p.Docs = documentation
	p.Exits, p.Variables, p.Files = manual.Exits(), manual.Variables(), manual.Files()
	return p
}
