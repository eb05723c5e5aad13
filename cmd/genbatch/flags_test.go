package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
)

// Each flag of run has its variable, and sets something of the Spec.
func TestSettings(t *testing.T) {
	for _, s := range settings() {
		name := s.flag.Names()[0]
		t.Run(name, func(t *testing.T) {
			f, ok := s.flag.(cli.DocGenerationFlag)
			if !ok || !slices.Contains(f.GetEnvVars(), "GENBATCH_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))) {
				t.Errorf("there is no variable for --%s", name)
			}
			// 1 is a value of every type but one.
			value := "1"
			if _, ok := s.flag.(*cli.DurationFlag); ok {
				value = "1s"
			}
			set := flag.NewFlagSet("run", flag.ContinueOnError)
			if err := s.flag.Apply(set); err != nil {
				t.Fatal(err)
			}
			if err := set.Set(name, value); err != nil {
				t.Fatal(err)
			}
			var spec jobs.Spec
			s.set(cli.NewContext(nil, set, nil), &spec)
			if fmt.Sprintf("%+v", spec) == fmt.Sprintf("%+v", jobs.Spec{}) {
				t.Errorf("--%s sets nothing", name)
			}
		})
	}
}
