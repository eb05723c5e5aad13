package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/objects"
)

// specOf reads the job file that a command names, if it names one. The environment and
// the flags override it.
func specOf(c *cli.Context) (*jobs.Spec, error) {
	s := new(jobs.Spec)
	for _, word := range c.Args().Slice() {
		if how, err := jobs.ParseConfidence(word); err == nil && how != "" && c.IsSet("confidence") {
			return nil, &jobs.SpecError{Err: fmt.Errorf("--confidence may stand alone, so that %s behind it is not its value", word), Hint: "write --confidence=" + word}
		}
	}
	if c.NArg() > 1 {
		return nil, &jobs.SpecError{Err: fmt.Errorf("more than one job file is given: %s", strings.Join(c.Args().Slice(), " ")),
			Hint: "name inputs with --input, and quote globs"}
	}
	if path := c.Args().First(); path != "" {
		if !args.IsJobFile(path) && filepath.Ext(path) != ".json" {
			return nil, &jobs.SpecError{Err: fmt.Errorf("%s is no job file, by its name", path), Hint: "name a table with --input; a job file ends in .yaml"}
		}
		var err error
		if s, err = jobs.Load(path); err != nil {
			return nil, err
		}
	}
	if err := refuseZero(c); err != nil {
		return nil, err
	}
	if err := refuseEmpty(c); err != nil {
		return nil, err
	}
	override(c, s)
	return s, s.ResolveShard(os.Getenv)
}

// refuseEmpty refuses a guard of money or time that is given and empty, by a flag or the
// environment: a variable that a script failed to fill must not take the guard away.
func refuseEmpty(c *cli.Context) error {
	for key, what := range jobs.Guards() {
		if name := strings.ReplaceAll(key, "_", "-"); c.IsSet(name) && jobs.Blank(key, c.String(name)) {
			return &jobs.SpecError{Err: fmt.Errorf("%s is empty", key), Hint: fmt.Sprintf("write %s, or leave out --%s and %s", what, name, env(name)[0])}
		}
	}
	return nil
}

// refuseZero refuses 0 where it would mean the default: who writes --limit 0 does not want all
// rows. A quota of 0 is one that is learned.
func refuseZero(c *cli.Context) error {
	for name, instead := range map[string]string{
		"limit": "all rows", "sample": "all rows", "concurrency": "64", "max-attempts": "6", "timeout": "5m", "tier-wait": "15m",
	} {
		if c.IsSet(name) && (c.Value(name) == 0 || c.Value(name) == time.Duration(0)) {
			return &jobs.SpecError{Err: fmt.Errorf("--%s is 0", name), Hint: fmt.Sprintf("write more than 0, or leave it out for the default, %s", instead)}
		}
	}
	return nil
}

// override sets in s what the flags or the environment give: all settings, or those that
// are named.
func override(c *cli.Context, s *jobs.Spec, names ...string) {
	for _, o := range settings() {
		name := o.flag.Names()[0]
		if c.IsSet(name) && (len(names) == 0 || slices.Contains(names, name)) {
			o.set(c, s)
		}
	}
}

// A named job is one that a command looks at.
type namedJob struct {
	*jobs.Spec
	changed []string // keys of its job file that have changed since it was run
}

// savedJob returns the job that a command names by its job file, by its output or by
// --state: as it was last run, and as the job file has it now.
func savedJob(c *cli.Context) (*namedJob, error) {
	if c.NArg() > 1 {
		return nil, &jobs.SpecError{Err: fmt.Errorf("more than one job is named")}
	}
	return findJob(c.Args().First(), c.String("state"))
}

// findJob returns the job that an argument names, which is a job file, an output or a state
// folder. dir is the state folder if it is given apart, and else empty.
func findJob(arg, dir string) (*namedJob, error) {
	switch {
	case args.IsJobFile(arg):
		file, err := jobs.Load(arg)
		if err != nil {
			return nil, err
		}
		if dir != "" {
			file.State = dir
		}
		spec, changed, err := jobs.LoadFile(*file)
		return &namedJob{spec, changed}, err
	case dir != "":
	case arg == "":
		return nil, &jobs.SpecError{Err: fmt.Errorf("no job is named"), Hint: "name the job file, the output of a run, or its folder or address with --state"}
	case isFolder(arg):
		dir = arg
	default:
		dir = jobs.StateDirOf(arg)
	}
	spec, err := jobs.LoadState(dir)
	return &namedJob{Spec: spec}, err
}

// warnChanged says that a command goes by a job file that is not as it was run.
func (j *namedJob) warnChanged(log *slog.Logger) {
	if len(j.changed) > 0 {
		log.Warn(fmt.Sprintf("the job file has changed since it was run: %s; this goes by the file as it is now, and by the run if you name its output instead", strings.Join(j.changed, ", ")))
	}
}

// absolute returns the absolute path of a file, or an address as it is.
func absolute(path string) (string, error) {
	if objects.IsAddress(path) {
		return path, nil
	}
	return filepath.Abs(path)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
