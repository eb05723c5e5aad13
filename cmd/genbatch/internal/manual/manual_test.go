package manual

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// testProgram has what descriptions and flags can be.
func testProgram() *Program {
	return Of(&cli.App{
		Name: "genbatch", Usage: "do things", Version: "v1.2.3",
		Description: "Does things\nto rows.\n\n# Do one\ngenbatch act x",
		Commands: []*cli.Command{
			{Name: "secret", Usage: "not shown", Hidden: true},
			{
				Name: "act", Category: "acts", Usage: "act on a file", ArgsUsage: "FILE",
				Description: "A first\nparagraph, .with a dot.\n\nWords:\n  one    the first\n  two    the second\n\n" +
					"genbatch act a \\\n    --size 3 &\n\n  # Twice\n  genbatch act b --path \"x y\"",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "path", Aliases: []string{"p"}, Usage: "`PATH` to go", EnvVars: []string{"GENBATCH_PATH"}},
					&cli.IntFlag{Name: "size", Category: "second", Usage: "how large", DefaultText: "all"},
					&cli.StringSliceFlag{Name: "name", Category: "first", Usage: "`NAME|-` of one; *repeatable*"},
					&cli.BoolFlag{Name: "go", Category: "first", Usage: "go"},
					&cli.BoolFlag{Name: "hidden", Usage: "not shown", Hidden: true},
				},
			},
			{Name: "rest", Usage: "do the rest"},
		},
	}, []string{"acts"}, []string{"first", "second"})
}

func TestOf(t *testing.T) {
	p := testProgram()
	if len(p.Sections) != 2 || p.Sections[0].Title != "Acts" || p.Sections[1].Title != "More commands" {
		t.Fatalf("the sections are %+v", p.Sections)
	}
	act := p.Commands()[0]
	var groups []string
	for _, g := range act.Groups {
		groups = append(groups, g.Title)
	}
	if want := []string{"First", "Second", "Flags"}; !slices.Equal(groups, want) {
		t.Errorf("the groups are %q, want %q", groups, want)
	}
	if want := (Flag{Name: "path", Short: "p", Value: "PATH", Usage: "PATH to go", Variable: "GENBATCH_PATH"}); act.Groups[2].Flags[0] != want {
		t.Errorf("the flag is %+v, want %+v", act.Groups[2].Flags[0], want)
	}
	if f := act.Groups[1].Flags[0]; f.Says() != "how large (default: all)" || f.Value != "N" {
		t.Errorf("the flag is %+v", f)
	}
	if got, want := act.Examples(), []string{"genbatch act a --size 3 &", `genbatch act b --path "x y"`}; !slices.Equal(got, want) {
		t.Errorf("the examples are %q, want %q", got, want)
	}
	if act.Synopsis[0] != "genbatch act FILE [flags]" || p.Commands()[1].Synopsis[0] != "genbatch rest" {
		t.Errorf("the synopses are %q and %q", act.Synopsis, p.Commands()[1].Synopsis)
	}
}

func TestCommandHelp(t *testing.T) {
	p := testProgram()
	p.Docs = "https://docs.invalid"
	want := `genbatch act: act on a file

Usage:
  genbatch act FILE [flags]

A first paragraph, .with a dot.

Words:
  one    the first
  two    the second

Examples:
  genbatch act a \
      --size 3 &

  # Twice
  genbatch act b --path "x y"

First:
      --name NAME|-         NAME|- of one; *repeatable*
      --go                  go

Second:
      --size N              how large (default: all)

Flags:
  -p, --path PATH           PATH to go

More: https://docs.invalid
`
	if got := p.CommandHelp(&p.Commands()[0], 80); got != want {
		t.Errorf("the help is\n%s\nwant\n%s", got, want)
	}
}

// What means something in roff or Markdown is written so that it is only text.
func TestMarkup(t *testing.T) {
	p := testProgram()
	pages := p.ManPages("2026-11-29")
	if len(pages) != 3 || pages[1].Name != "genbatch-act.1" {
		t.Fatalf("the pages are %v", pages)
	}
	for _, want := range []string{
		`.TH "GENBATCH\-ACT" "1" "2026-11-29" "genbatch v1.2.3" "genbatch manual"`,
		`\fB\-p\fR, \fB\-\-path\fR \fIPATH\fR`, `\-\-size 3 &`, `\-\-path \(dqx y\(dq`, "Twice:", ".SS First", "GENBATCH_PATH.",
	} {
		if !strings.Contains(pages[1].Text, want) {
			t.Errorf("the page has no %s:\n%s", want, pages[1].Text)
		}
	}
	reference := p.Markdown(func(flag string) string { return map[string]string{"size": "the_size"}[flag] })
	for _, want := range []string{
		"[`genbatch act`](#genbatch-act)", "| `--name NAME\\|-` | NAME\\|- of one; \\*repeatable\\* |", "| `--size N` | how large | all | `the_size:` |", "```sh\ngenbatch act a \\\n    --size 3 &\n",
	} {
		if !strings.Contains(reference, want) {
			t.Errorf("the reference has no %s:\n%s", want, reference)
		}
	}
}
