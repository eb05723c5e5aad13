package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
)

func manCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "man",
		Category:  commandsHelp,
		Usage:     "write the man pages",
		UsageText: "genbatch man [DIR]",
		Description: "Writes a page for genbatch and one for each command into a folder, which is made if\n" +
			"it is not there. Without a folder it prints the page of genbatch to stdout.\n\n" +
			"# Read the page without installing it\n" +
			"genbatch man | man -l -\n\n" +
			"# Install the pages for yourself\n" +
			"genbatch man ~/.local/share/man/man1",
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return &jobs.SpecError{Err: errors.New("more than one folder is named"), Hint: "write genbatch man DIR"}
			}
			pages := manualOf(c.App).ManPages(versionDate())
			dir := c.Args().First()
			if dir == "" {
				return terminal.Send(con.stdout, pages[0].Text)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("the man pages cannot be written: %w", err)
			}
			for _, page := range pages {
				if err := os.WriteFile(filepath.Join(dir, page.Name), []byte(page.Text), 0o644); err != nil {
					return fmt.Errorf("the man pages cannot be written: %w", err)
				}
			}
			fmt.Fprintf(con.text, "%d man pages written to %s\n", len(pages), dir)
			return nil
		},
	}
}

// versionDate returns the day of the commit that this program was built from. If that is not
// known it is the day of the price table, which is a part of the program too.
func versionDate() string {
	if at := version.Running().Time; !at.IsZero() {
		return at.UTC().Format(time.DateOnly)
	}
	return price.Default().Generated()
}
