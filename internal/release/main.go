// Command release makes what a release needs beside the work of goreleaser. That is the
// text of the release, cut from the changelog; the man pages and completions that the
// packages carry; and packages for npm and pip around the binaries that goreleaser built.
// The workflow .github/workflows/release.yml and .ci/snapshot call it.
package main

import (
	"fmt"
	"os"
)

const usage = `usage:
  release notes VERSION          print what CHANGELOG.md says of a version
  release manuals GENBATCH DIR   write man page and completions, as the binary prints them
  release npm DIST DIR           write npm packages of the binaries in goreleaser's DIST
  release wheels DIST DIR        write Python wheels of them
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "notes":
		changelog, err := os.ReadFile("CHANGELOG.md")
		if err != nil {
			return err
		}
		text, err := notes(string(changelog), args[1])
		if err != nil {
			return fmt.Errorf("CHANGELOG.md: %w", err)
		}
		fmt.Print(text)
		return nil
	case len(args) == 3 && args[0] == "manuals":
		return writeManuals(args[1], args[2])
	case len(args) == 3 && (args[0] == "npm" || args[0] == "wheels"):
		d, err := readDist(args[1])
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		if err := os.MkdirAll(args[2], 0o755); err != nil {
			return err
		}
		if args[0] == "npm" {
			return writeNPM(d, args[2])
		}
		return writeWheels(d, args[2])
	default:
		return fmt.Errorf("these are no arguments of it\n%s", usage)
	}
}
