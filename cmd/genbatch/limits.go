package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func limitsCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:     "limits",
		Usage:    "print the limits that earlier runs learned, or forget them",
		Category: commandsKnow,
		// "forget" is an argument, and no command of its own, so that flags may stand on either
		// side of it.
		UsageText: "genbatch limits [--json] [MODEL]\ngenbatch limits forget [--json] [MODEL]",
		Description: "Prints what earlier runs on this machine learned about the limits of each\n" +
			"endpoint, key and model. A limit that a server named counts for 24 hours. An\n" +
			"estimate only lets the next run start faster, and binds nothing. Neither\n" +
			"outlives a day.\n\n" +
			"forget removes both, for example after the quota was raised. It keeps the\n" +
			"requests of the day, which are counts. A run that is under way keeps what it\n" +
			"knows, and leaves it behind again. genbatch run --fresh forgets the limits of\n" +
			"the models that it asks.\n\n" +
			"genbatch limits\n\n" +
			"genbatch limits forget gemini-3.5-flash-lite",
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return limits(c, con) },
	}
}

func limits(c *cli.Context, con *console) error {
	models := c.Args().Slice()
	forgets := len(models) > 0 && models[0] == "forget"
	if forgets {
		models = models[1:]
	}
	if len(models) > 1 {
		return &jobs.SpecError{Err: fmt.Errorf("more than one model is named: %s", strings.Join(models, " ")), Hint: "name one, or none for all"}
	}
	kept, err := quota.List(jobs.QuotaDir(os.Getenv))
	if err != nil && kept == nil {
		return fmt.Errorf("what earlier runs left about limits cannot be read: %w", err)
	}
	if err != nil {
		con.printError(err, 0, c.Bool("json"))
	}
	known := modelsOf(kept)
	if len(models) == 1 {
		kept = slices.DeleteFunc(kept, func(k quota.Kept) bool { return k.Model != models[0] })
	}
	if forgets {
		if len(models) == 1 && len(kept) == 0 {
			return unknownModel(models[0], known)
		}
		return forgetLimits(c, con, kept)
	}
	kept = slices.DeleteFunc(kept, func(k quota.Kept) bool { return len(k.Learned) == 0 && k.Used == 0 && k.ParkedUntil.IsZero() })
	if c.Bool("json") {
		if len(kept) == 0 {
			writeJSON(con.text, report.ModelLimits{Kept: &quota.Kept{Model: c.Args().First()}})
		}
		for i := range kept {
			writeJSON(con.text, report.ModelLimits{Kept: &kept[i]})
		}
		return nil
	}
	fmt.Fprint(con.text, report.Limits{Kept: kept, Model: c.Args().First()})
	return nil
}

// modelsOf returns the models of which anything is kept, each of them once.
func modelsOf(kept []quota.Kept) (models []string) {
	for _, k := range kept {
		models = append(models, k.Model)
	}
	slices.Sort(models)
	return slices.Compact(models)
}

func unknownModel(name string, known []string) error {
	if len(known) == 0 {
		return &jobs.SpecError{Err: fmt.Errorf("nothing is kept about the model %q, nor about any other", name), Hint: "there is nothing to forget"}
	}
	return &jobs.SpecError{Err: fmt.Errorf("nothing is kept about the model %q", name), Hint: "name one of " + strings.Join(known, ", ")}
}

// forgetLimits forgets the learned limits among what is kept, and says which.
func forgetLimits(c *cli.Context, con *console, kept []quota.Kept) error {
	var forgotten []quota.Kept
	var failed error
	for _, k := range kept {
		if len(k.Learned) == 0 {
			continue
		}
		if err := forget(&k); err != nil {
			failed = errors.Join(failed, fmt.Errorf("the limits of %s at %s cannot be forgotten: %w", k.Model, k.Endpoint, err))
			continue
		}
		forgotten = append(forgotten, k)
	}
	switch {
	case c.Bool("json"):
		for i := range forgotten {
			writeJSON(con.text, report.ModelLimits{Kept: &forgotten[i], Forgotten: true})
		}
	case len(forgotten) > 0 || failed == nil:
		fmt.Fprint(con.text, report.ForgottenLimits{Forgotten: forgotten})
	}
	return failed
}

// forget forgets the learned limits of one model at one endpoint and key.
func forget(k *quota.Kept) error {
	store := quota.Store{Dir: jobs.QuotaDir(os.Getenv), Endpoint: k.Endpoint, KeyID: k.Key}
	if len(store.Peek(k.Model).Learned) == 0 {
		return errors.New("an older version of genbatch wrote them, and not for which key; run the job with --fresh, or wait until they are 24 hours old")
	}
	return store.Forget(k.Model)
}
