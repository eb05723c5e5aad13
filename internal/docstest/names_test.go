package docstest_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A cli is the program that flags and commands are looked up in.
type cli struct {
	programs, home string
	flags          map[string]bool   // of all commands
	answers        map[string]string // what arguments got, see parse
}

func newCLI(t *testing.T) *cli {
	c := &cli{programs: program(t), home: t.TempDir(), flags: make(map[string]bool), answers: make(map[string]string)}
	list, _ := c.call(t, "--help")
	names := []string{""}
	for _, m := range regexp.MustCompile(`(?m)^ {2,}([a-z]+)(?:, [a-z]+)?(?: {2,}\S|$)`).FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if len(names) < 8 {
		t.Fatalf("genbatch --help lists the commands %q only", names)
	}
	for _, name := range names {
		help, _ := c.call(t, append(strings.Fields(name), "--help")...)
		for _, f := range regexp.MustCompile(`--[a-z][a-z0-9-]*`).FindAllString(help, -1) {
			c.flags[f] = true
		}
	}
	return c
}

// call runs genbatch in an empty folder.
func (c *cli) call(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(c.programs, "genbatch"), args...)
	command.Dir, command.Env = c.home, environment(c.programs, c.home)
	text, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}

// parse says what is wrong with the arguments of genbatch, if anything is. It has
// genbatch itself read them: --help keeps it from doing more.
func (c *cli) parse(t *testing.T, args []string) string {
	key := strings.Join(args, "\x00")
	answer, known := c.answers[key]
	if !known {
		if text, code := c.call(t, append(args[:len(args):len(args)], "--help")...); code != 0 {
			answer = text
		}
		c.answers[key] = answer
	}
	return answer
}

// TestFlags has genbatch read each command line of the pages that no test runs, and
// holds the flags and commands that the text names to those that there are.
func TestFlags(t *testing.T) {
	c := newCLI(t)
	for _, p := range pages(t) {
		for i := range p.blocks {
			b := &p.blocks[i]
			if b.language != "sh" && b.language != "bash" && b.language != "console" {
				continue
			}
			for _, call := range calls(b.typed()) {
				if wrong := c.parse(t, call); wrong != "" {
					t.Errorf("%s:%d: genbatch does not take: genbatch %s\n%s", p.name, b.first, strings.Join(call, " "), indent(wrong))
				}
			}
		}
		for i, line := range p.prose {
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				c.mention(t, p, i, m[1]+m[2])
			}
		}
	}
}

// mention looks up what a piece of code within a sentence names.
func (c *cli) mention(t *testing.T, p *page, i int, code string) {
	if m := regexp.MustCompile(`^genbatch ([a-z]+)\b`).FindStringSubmatch(code); m != nil {
		if wrong := c.parse(t, m[1:]); wrong != "" {
			t.Errorf("%s:%d: `%s` names a command that is not there", p.name, i+1, code)
		}
	} else if !strings.HasPrefix(code, "-") {
		return // a flag of another program, or none
	}
	for _, f := range regexp.MustCompile(`(?:^|\s)(--[a-z][a-z0-9-]*)`).FindAllStringSubmatch(code, -1) {
		if !c.flags[f[1]] {
			t.Errorf("%s:%d: `%s` names the flag %s, which is not there", p.name, i+1, code, f[1])
		}
	}
}

var called = regexp.MustCompile(`(?m)(?:^|[;&|(]|\b(?:sudo|exec|time|env|then|do|else)\s)\s*(?:\$ )?(?:[A-Z_]+=\S*\s+)*(?:go run \./cmd/genbatch|(?:\S*/)?genbatch)[ \t]`)

// calls returns the arguments of each call of genbatch in lines for the shell.
func calls(text string) (list [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, m := range called.FindAllStringIndex(text, -1) {
		list = append(list, words(text[m[1]:]))
	}
	return list
}

// words splits what follows the name of a program as a shell does, up to the end of
// the command.
func words(text string) (list []string) {
	var word strings.Builder
	open, quote := false, rune(0)
	escaped := false
	for _, r := range text + "\n" {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote != 0 && r == quote:
			quote = 0
		case quote == '\'' || quote != 0 && r != '\\':
			word.WriteRune(r)
		case r == '\\':
			open, escaped = true, true
		case r == '"' || r == '\'':
			open, quote = true, r
		case strings.ContainsRune(" \t\n;&|<>)", r) || r == '#' && !open:
			if r == '>' && (word.String() == "1" || word.String() == "2") {
				open = false // it is the number of what is redirected
			}
			if open {
				list = append(list, word.String())
			}
			if r != ' ' && r != '\t' {
				return list
			}
			word.Reset()
			open = false
		default:
			open = true
			word.WriteRune(r)
		}
	}
	return list
}

func TestCalls(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"genbatch run job.yaml # with a comment\n", "run job.yaml"},
		{"$ genbatch run -p 'a; b' --label \"x y\" \\\n  --yes >log 2>&1; echo genbatch is done\n", "run -p «a; b» --label «x y» --yes"},
		{"cd /srv && KEY=1 /usr/bin/genbatch plan a.yaml | head\n", "plan a.yaml"},
		{"go run ./cmd/genbatch status out.csv\n", "status out.csv"},
		{"genbatch run a.yaml || genbatch status a.yaml\n", "run a.yaml/status a.yaml"},
		{"echo genbatch run --bogus\ngo install ./cmd/genbatch\n", ""},
		{"genbatch export a.yaml -o - 2>/dev/null\n", "export a.yaml -o -"},
	} {
		var got []string
		for _, call := range calls(test.text) {
			for i, w := range call {
				if strings.Contains(w, " ") {
					call[i] = "«" + w + "»"
				}
			}
			got = append(got, strings.Join(call, " "))
		}
		if strings.Join(got, "/") != test.want {
			t.Errorf("%q has the calls %q, want %q", test.text, got, test.want)
		}
	}
}

// foreign are names in snake_case that the pages take from elsewhere.
var foreign = map[string]bool{
	"labels_files":    true, // a folder that is named after an output
	"name_2":          true, // columns that are named after others
	"column_1":        true,
	"response_format": true, // fields of other APIs
	"input_schema":    true,

	"hive_partitioning": true, // of DuckDB
	"read_text":         true,
	"last_modified":     true,
}

var snake = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)+:?$`)

// TestNames holds names in snake_case, which are columns, keys of the job file and
// fields of JSON, to those that the program knows, that the page shows in a block, or
// that a file of the example holds.
func TestNames(t *testing.T) {
	known := literals(t)
	for _, p := range pages(t) {
		var shown strings.Builder
		for i := range p.blocks {
			shown.WriteString(p.blocks[i].text())
		}
		if dir := filepath.Dir(filepath.FromSlash(p.name)); filepath.Dir(dir) == "examples" {
			files, err := filepath.Glob(filepath.Join(root, dir, "*.*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if filepath.Ext(file) == ".md" {
					continue
				}
				if text, err := os.ReadFile(file); err == nil { // or it is a folder
					shown.Write(text)
				}
			}
		}
		for i, line := range p.prose {
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				name := strings.TrimSuffix(m[1]+m[2], ":")
				if strings.HasPrefix(name, "genbatch_") {
					continue // a metric: internal/oteltest holds them to what a run tells
				}
				if snake.MatchString(name) && !known[name] && !foreign[name] && !regexp.MustCompile(`\b`+name+`\b`).MatchString(shown.String()) {
					t.Errorf("%s:%d: `%s` is no name that genbatch knows", p.name, i+1, name)
				}
			}
		}
	}
}

// literals returns the words of the texts and tags in the program's source.
func literals(t *testing.T) map[string]bool {
	words := make(map[string]bool)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				for _, w := range regexp.MustCompile(`[a-z]+(?:_[a-z0-9]+)+`).FindAllString(text, -1) {
					words[w] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return words
}
