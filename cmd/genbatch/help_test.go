package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/manual"
	"github.com/genbatch/genbatch/internal/terminal"
)

// testApp returns the commands as they are.
func testApp() *cli.App { return newApp(newConsole(strings.NewReader(""), io.Discard, io.Discard)) }

// said returns what genbatch writes to stdout, and its exit code.
func said(words ...string) (string, int) {
	var out bytes.Buffer
	code := run(append([]string{"genbatch"}, words...), make(chan os.Signal), strings.NewReader(""), &out, &out)
	return out.String(), code
}

// Help fits the terminal: 80 columns at most, and narrower ones too. What is there to be
// copied stays in one line, and no such line is wider than 80 columns either.
func TestHelpFits(t *testing.T) {
	p := manualOf(testApp())
	for _, columns := range []int{200, 80, 66, 60, 40} {
		pages := map[string]string{"genbatch": p.FirstScreen(columns), "genbatch help": p.Help(columns)}
		copied := make(map[string]bool)
		for _, c := range p.Commands() {
			pages["genbatch help "+c.Name] = p.CommandHelp(&c, columns)
			for _, line := range c.Synopsis {
				copied["  "+line] = true
			}
		}
		for name, page := range pages {
			inExamples := false
			for line := range strings.SplitSeq(page, "\n") {
				inExamples = line == "Examples:" || inExamples && (line == "" || strings.HasPrefix(line, "  "))
				most := min(columns, terminal.Columns)
				if inExamples || copied[line] || !strings.Contains(strings.TrimLeft(line, " "), " ") { // a word such as an address stays whole
					most = terminal.Columns
				}
				if w := terminal.Width(line); w > most {
					t.Errorf("%s: in %d columns a line has %d: %s", name, columns, w, line)
				}
			}
		}
	}
}

// Each flag stands in a group, has a name for its value, and a usage that reads well behind it.
func TestFlagsReadWell(t *testing.T) {
	capitals := regexp.MustCompile(`^(TSV|CSV|JSON|Vertex|URL|[A-Z][A-Z|=.,%_-]*)\b`)
	for _, c := range manualOf(testApp()).Commands() {
		for _, g := range c.Groups {
			if g.Title == "Flags" && len(g.Flags) > 6 {
				t.Errorf("%s: --%s and others have no group (Category), and there are many of them", c.Name, g.Flags[0].Name)
			}
			for _, f := range g.Flags {
				first := f.Usage[:min(1, len(f.Usage))]
				switch {
				case len(strings.Fields(f.Usage)) < 2:
					t.Errorf("%s --%s: the usage %q says too little", c.Name, f.Name, f.Usage)
				case strings.HasSuffix(f.Usage, "."), strings.TrimSpace(f.Usage) != f.Usage, strings.Contains(f.Usage, "  "), strings.Contains(f.Usage, "\n"):
					t.Errorf("%s --%s: the usage %q is to be one line without a full stop", c.Name, f.Name, f.Usage)
				case strings.ToLower(first) != first && !capitals.MatchString(f.Usage):
					t.Errorf("%s --%s: the usage %q is to begin in lower case, or with what stands for the value", c.Name, f.Name, f.Usage)
				case strings.Count(f.Usage, "(") != strings.Count(f.Usage, ")"):
					t.Errorf("%s --%s: the usage %q has brackets that do not match", c.Name, f.Name, f.Usage)
				case strings.Contains(f.Usage, "(default: ") && f.Default != "":
					t.Errorf("%s --%s: two defaults: %q", c.Name, f.Name, f.Says())
				}
			}
		}
		if c.Usage == "" || strings.HasSuffix(c.Usage, ".") || strings.ToLower(c.Usage[:1]) != c.Usage[:1] {
			t.Errorf("%s: the usage %q is to begin in lower case and have no full stop", c.Name, c.Usage)
		}
	}
}

// Each command has examples, which the flags' own parser reads.
func TestExamplesParse(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh to divide examples into words: run the test where a POSIX shell is in PATH")
	}
	app := testApp()
	p := manualOf(app)
	all := p.Commands()
	all = append(all, manual.Command{Name: "genbatch", Text: p.Text})
	for _, c := range all {
		examples := c.Examples()
		if len(examples) < 2 && len(c.Flags()) > 1 {
			t.Errorf("%s has %d examples: add some to its description, as paragraphs that begin with genbatch", c.Name, len(examples))
		}
		for _, example := range examples {
			if !strings.HasPrefix(example, "genbatch ") {
				continue // source <(genbatch …
			}
			plain := regexp.MustCompile(` (&|[|>] .*)$`).ReplaceAllString(example, "")
			text, err := exec.Command(sh, "-c", "printf '%s\\0' "+plain).Output()
			if err != nil {
				t.Fatalf("%s: %v", example, err)
			}
			words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
			if err := parses(words); err != nil {
				t.Errorf("%s: %v", example, err)
			}
		}
	}
	if err := parses([]string{"genbatch", "run", "--no-such-flag"}); err == nil {
		t.Error("a flag that there is not is accepted")
	}
	if err := parses([]string{"genbatch", "no-such-command"}); err == nil {
		t.Error("a command that there is not is accepted")
	}
}

// parses reads words as a run would, without doing anything.
func parses(words []string) error {
	app := testApp()
	for _, c := range app.Commands {
		c.Action = func(*cli.Context) error { return nil }
	}
	if _, asked := helpAsked(newConsole(nil, io.Discard, io.Discard), app, words); asked {
		return nil
	}
	return call(context.Background(), app, words)
}

// The help comes by each of its ways, whatever else is on the line, and exits with 0.
func TestHelpAsked(t *testing.T) {
	want, _ := said("help", "run")
	if !strings.HasPrefix(want, "genbatch run: ") {
		t.Fatalf("genbatch help run says %s", want)
	}
	for _, words := range []string{"run --help", "run -h", "run job.yaml --help", "run --limit x --help", "run --nonsense -h", "run -m model --help"} {
		if got, code := said(strings.Fields(words)...); got != want || code != 0 {
			t.Errorf("genbatch %s exits with %d and says\n%s", words, code, got)
		}
	}
	all, _ := said("help")
	for _, words := range []string{"--help", "-h", "h"} {
		if got, code := said(words); got != all || code != 0 {
			t.Errorf("genbatch %s exits with %d and says\n%s", words, code, got)
		}
	}
	// A value that looks like it asks for nothing.
	if got, code := said("run", "-i", "no.csv", "--prompt", "-h"); code != 2 || strings.HasPrefix(got, "genbatch run: ") {
		t.Errorf("-h as a value exits with %d and says\n%s", code, got)
	}
	if got, code := said("run", "--", "--help"); code != 2 || strings.HasPrefix(got, "genbatch run: ") {
		t.Errorf("--help as an argument exits with %d and says\n%s", code, got)
	}
	if got, code := said("help", "rnu"); code != 2 || !strings.Contains(got, "did you mean genbatch run?") {
		t.Errorf("help on an unknown command exits with %d and says\n%s", code, got)
	}
	first, code := said()
	if lines := strings.Count(first, "\n"); code != 0 || lines > 24 || !strings.Contains(first, "genbatch help run") {
		t.Errorf("genbatch alone exits with %d and says %d lines:\n%s", code, lines, first)
	}
}

// The help tells every exit code that a command can end with, and no other.
func TestExitCodesAreTold(t *testing.T) {
	source, err := os.ReadFile("exit.go")
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]bool)
	for _, e := range manual.Exits() {
		told[e.Name] = true
	}
	returned := regexp.MustCompile(`return (\d+)\n`).FindAllStringSubmatch(string(source), -1)
	for _, m := range returned {
		if !told[m[1]] {
			t.Errorf("the help does not tell what the exit code %s means", m[1])
		}
	}
	if len(told) != len(returned) {
		t.Errorf("%d exit codes are told, and there are %d", len(told), len(returned))
	}
}

// The man pages are what mandoc and groff accept without a word, and have every flag.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if got, code := said("man", dir); code != 0 {
		t.Fatalf("genbatch man exits with %d and says %s", code, got)
	}
	p := manualOf(testApp())
	for _, c := range p.Commands() {
		text, err := os.ReadFile(filepath.Join(dir, "genbatch-"+c.Name+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range c.Flags() {
			if !strings.Contains(string(text), `\fB\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)+`\fR`) {
				t.Errorf("the page of %s does not have --%s", c.Name, f.Name)
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) != len(p.Commands())+1 {
		t.Errorf("there are %d pages, %v", len(pages), err)
	}
	for _, checker := range [][]string{{"mandoc", "-Tlint", "-Wall"}, {"groff", "-man", "-ww", "-z", "-Kutf8"}} {
		t.Run(checker[0], func(t *testing.T) {
			path, err := exec.LookPath(checker[0])
			if err != nil {
				t.Skipf("%s is not installed; on Debian: apt-get install %[1]s", checker[0])
			}
			if out, err := exec.Command(path, append(checker[1:], pages...)...).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
