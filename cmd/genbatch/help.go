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
	p.Exits = exitCodes()
	p.Variables = variables()
	p.Files = []manual.Entry{
		{Name: "OUTPUT.genbatch", Text: "the state folder of a job: its journal with every answer, and what the next run needs to carry on. --state names another place"},
		{Name: "$XDG_STATE_HOME/genbatch", Text: "what runs leave about the limits of endpoints, keys and models; ~/.local/state/genbatch if the variable is not set"},
	}
	return p
}

// exitCodes returns what the exit codes mean, which exitCode decides on.
func exitCodes() []manual.Entry {
	return []manual.Entry{
		{Name: "0", Text: "every row is ok"},
		{Name: "1", Text: "the run broke, for example at a full disk; once that is mended, the same command carries on"},
		{Name: "2", Text: "a mistake in the flags, the job file or the input; nothing was sent"},
		{Name: "3", Text: "the run has finished, and some rows are not ok; they are in the output with their status"},
		{Name: "4", Text: "the endpoint refuses every request (the key, the balance, the model), or does not answer"},
		{Name: "5", Text: "the quota of the day is used up, or the deadline has come; run the command again later"},
		{Name: "6", Text: "--max-cost is reached, or a model of unknown price has answered under it"},
		{Name: "7", Text: "another process runs this job"},
		{Name: "8", Text: "--max-failures is reached"},
		{Name: "130", Text: "the run was interrupted; what was answered is safe"},
	}
}

// variables returns the variables of the environment that are read beside those of the flags.
func variables() []manual.Entry {
	return []manual.Entry{
		{Name: "GENBATCH_…", Text: "any flag of run: --max-cost is GENBATCH_MAX_COST. A flag counts before the environment, and the environment before the job file"},
		{Name: "GEMINI_API_KEY", Text: "the key for Google's own API; GOOGLE_API_KEY counts before it"},
		{Name: "GOOGLE_API_KEY", Text: "the key for Google's own API, or for Vertex AI in express mode"},
		{Name: "YESCALE_API_KEY", Text: "the key for --endpoint yescale"},
		{Name: "GPTPROTO_API_KEY", Text: "the key for --endpoint gptproto"},
		{Name: "GENBATCH_API_KEY", Text: "the key for an --endpoint that is a base URL; the key of one provider is never sent to another"},
		{Name: "GOOGLE_APPLICATION_CREDENTIALS", Text: "the file with the credentials for Vertex AI"},
		{Name: "GOOGLE_CLOUD_PROJECT", Text: "the project of Vertex AI, without --project"},
		{Name: "GOOGLE_CLOUD_LOCATION", Text: "the location of Vertex AI, without --location; GOOGLE_CLOUD_REGION comes after it"},
		{Name: "GOOGLE_GEMINI_BASE_URL", Text: "another address of Google's own API, without --base-url; GOOGLE_VERTEX_BASE_URL is that of Vertex AI"},
		{Name: "HTTPS_PROXY", Text: "the proxy for requests; HTTP_PROXY and NO_PROXY are obeyed too"},
		{Name: "NO_COLOR", Text: "if it is set, no colours, as with --no-color"},
		{Name: "XDG_STATE_HOME", Text: "the folder under which learned limits are kept"},
		{Name: "TMPDIR", Text: "where temporary files go"},
	}
}
