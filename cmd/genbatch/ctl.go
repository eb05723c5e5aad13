package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/remote"
)

// What ctl does beside the actions.
const (
	ctlSet   = "set"
	ctlState = "state"
)

func ctlCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "ctl",
		Usage:     "steer a run that is going on: pause it, change its limits, stop it",
		UsageText: "genbatch ctl JOB pause | resume | retry | stop | state\ngenbatch ctl JOB set NAME=VALUE...",
		Category:  commandsRun,
		Description: "Tells the process that runs the job what to do, and shows what is in force then. JOB is\n" +
			"the job file, the output, or the state folder. What is set holds for this run alone.\n\n" +
			"  pause   sends nothing new until resume; calls in flight finish, and nothing fails\n" +
			"  resume  goes on\n" +
			"  retry   asks rows that failed in this run again, once the others are through\n" +
			"  stop    ends the run as Ctrl-C does: genbatch run carries on\n" +
			"  state   shows how the run is, and changes nothing\n" +
			"  set     changes rpm, tpm, rpd, concurrency or max_cost at once; 0 takes a limit\n" +
			"          away, so that it is learned\n\n" +
			"genbatch ctl labels.csv pause\n\n" +
			"genbatch ctl job.yaml set rpm=600 concurrency=200",
		Flags:  []cli.Flag{stateFlag(), jsonFlag()},
		Action: func(c *cli.Context) error { return ctl(c, con) },
	}
}

// ctlWords are what the command can be told.
func ctlWords() (words []string) {
	for _, a := range remote.Actions {
		words = append(words, string(a))
	}
	return append(words, ctlSet, ctlState)
}

func ctl(c *cli.Context, con *console) error {
	words, name := c.Args().Slice(), ""
	if !c.IsSet("state") && len(words) > 0 {
		name, words = words[0], words[1:]
	}
	if len(words) == 0 {
		if slices.Contains(ctlWords(), name) {
			return &jobs.SpecError{Err: fmt.Errorf("no job is named"), Hint: fmt.Sprintf("write genbatch ctl JOB %s, with the job file, the output, or --state", name)}
		}
		return unknownAction("")
	}
	action, rest := words[0], words[1:]
	if !slices.Contains(ctlWords(), action) {
		return unknownAction(action)
	}
	change, err := changeOf(action, rest)
	if err != nil {
		return err
	}
	job, err := findJob(name, c.String("state"))
	if err != nil {
		return err
	}
	client, err := remote.Dial(job.StateDir())
	if err != nil {
		return err
	}
	defer client.Close()
	var s *remote.State
	switch action {
	case ctlSet:
		s, err = client.Set(c.Context, change)
	case ctlState:
		s, err = client.State(c.Context, 0)
	default:
		s, err = client.Do(c.Context, remote.Action(action))
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		writeJSON(con.text, s)
		return nil
	}
	fmt.Fprint(con.text, s)
	return nil
}

func unknownAction(word string) error {
	e := &jobs.SpecError{Err: fmt.Errorf("what to do is not said"), Hint: "write one of " + message.List(ctlWords()) + " behind the job"}
	if word != "" {
		e.Err = fmt.Errorf("there is no action %q", message.OneLine(word, 80))
		if near := message.Nearest(word, ctlWords()); near != "" {
			e.Hint = fmt.Sprintf("did you mean %s? %s%s", near, strings.ToUpper(e.Hint[:1]), e.Hint[1:])
		}
	}
	return e
}

// changeOf reads what stands behind an action: limits behind set, and nothing behind others.
func changeOf(action string, words []string) (change jobs.Limits, err error) {
	if action != ctlSet {
		if len(words) > 0 {
			return change, &jobs.SpecError{Err: fmt.Errorf("%q stands behind %s, which takes nothing", message.OneLine(words[0], 80), action), Hint: "limits are changed with set"}
		}
		return change, nil
	}
	numbers := map[string]**int{"rpm": &change.RPM, "tpm": &change.TPM, "rpd": &change.RPD, "concurrency": &change.Concurrency}
	const names = "write rpm, tpm, rpd, concurrency or max_cost, as in rpm=600"
	if len(words) == 0 {
		return change, &jobs.SpecError{Err: fmt.Errorf("set has no limit behind it"), Hint: names}
	}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		name = strings.ReplaceAll(strings.TrimLeft(name, "-"), "-", "_")
		number := numbers[name]
		switch {
		case !ok || number == nil && name != "max_cost":
			return change, &jobs.SpecError{Err: fmt.Errorf("%q is no limit to set", message.OneLine(word, 80)), Hint: names}
		case name == "max_cost":
			change.MaxCost = &value
		default:
			n, err := strconv.Atoi(value)
			if err != nil {
				return change, &jobs.SpecError{Err: fmt.Errorf("%s is %q", name, message.OneLine(value, 80)), Hint: message.Number(value, 0)}
			}
			*number = &n
		}
	}
	return change, nil
}

// A steered is a run that others see and steer. It is told how it has ended.
type steered interface {
	remote.Controller
	End(exitCode int, err error)
}

// serve has others see and steer a run until the function that it returns is called, with how
// the run has ended: by the page that --ui asks for, and by a socket in the state folder. A run
// goes on without the latter where there can be none.
func serve(c *cli.Context, con *console, stateDir string, run steered, log *slog.Logger) (end func(code int, err error), err error) {
	closePage, err := con.openPage(c, run)
	if err != nil {
		return nil, err
	}
	server, err := remote.Serve(stateDir, run)
	if err != nil {
		log.Info("the run cannot be steered by genbatch ctl: " + message.Plain(err))
	}
	return func(code int, err error) {
		run.End(code, err)
		closePage()
		if server == nil {
			return
		}
		if err := server.Close(); err != nil {
			log.Info("the socket of the run cannot be removed: " + message.Plain(err))
		}
	}, nil
}
