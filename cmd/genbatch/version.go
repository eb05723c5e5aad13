package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
)

func versionCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:     "version",
		Usage:    "print version, commit, Go, platform and the date of the prices",
		Category: commandsHelp,
		Description: "The commit is the one that the binary was built from. If files differed from it, version\n" +
			"says so. A binary that was built outside a clone of Git knows no commit.\n\n" +
			"# For a script\n" +
			"genbatch version --json",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &jobs.SpecError{Err: fmt.Errorf("version takes no %q", message.OneLine(c.Args().First(), 80)), Hint: "write genbatch version alone, or with --json"}
			}
			con.print(c, buildInfo{version.Running(), price.Default().Generated()})
			return nil
		},
	}
}

// versionLine is what --version prints behind the program's name.
func versionLine() string {
	return fmt.Sprintf("%s, prices of %s", version.Running(), price.Default().Generated())
}

// A buildInfo is what genbatch version prints.
type buildInfo struct {
	version.Build
	prices string // the day of the built-in table
}

func (b buildInfo) String() string {
	var text strings.Builder
	for _, line := range [...][2]string{
		{"genbatch", b.Version},
		{"commit", b.CommitText()},
		{"go", b.Go},
		{"platform", b.Platform},
		{"prices of", b.prices},
	} {
		fmt.Fprintf(&text, "%-10s %s\n", line[0], line[1])
	}
	return text.String()
}

// MarshalJSON writes null for what the build does not know.
func (b buildInfo) MarshalJSON() ([]byte, error) {
	r := struct {
		Version    string     `json:"version"`
		Commit     *string    `json:"commit"`
		CommitTime *time.Time `json:"commit_time"`
		Modified   *bool      `json:"modified"`
		Go         string     `json:"go"`
		Platform   string     `json:"platform"`
		Prices     string     `json:"prices"`
	}{Version: b.Version, Go: b.Go, Platform: b.Platform, Prices: b.prices}
	if b.Commit != "" {
		r.Commit, r.Modified = &b.Commit, &b.Modified
	}
	if !b.Time.IsZero() {
		r.CommitTime = &b.Time
	}
	return json.Marshal(r)
}
