package docstest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A page is a Markdown file, taken apart.
type page struct {
	name   string // below the top folder, with slashes
	lines  []string
	blocks []block
	prose  []string // the lines, with those of blocks left empty
}

// A block is what stands between two fences.
type block struct {
	language string
	file     string // the name behind the language; empty if there is none
	first    int    // index of the first line behind the opening fence
	lines    []string
}

func (b *block) text() string {
	return strings.Join(b.lines, "\n") + "\n"
}

// typed returns what a reader types: the whole block, or in a session the commands
// without what they print.
func (b *block) typed() string {
	if b.language != "console" {
		return b.text()
	}
	var list []string
	open := false // the line before ends in a backslash
	for _, line := range b.lines {
		if command, typed := strings.CutPrefix(line, "$ "); typed || open {
			list = append(list, command)
			open = strings.HasSuffix(line, "\\")
		}
	}
	return strings.Join(list, "\n") + "\n"
}

var fence = regexp.MustCompile("^(\\s*)(```+)\\s*(\\S*)\\s*(\\S*)")

func parsePage(name, text string) (*page, error) {
	p := &page{name: name, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	open, margin := "", ""
	for i, line := range p.lines {
		m := fence.FindStringSubmatch(line)
		prose := ""
		switch {
		case open == "" && m == nil:
			prose = line
		case open == "":
			margin, open = m[1], m[2]
			p.blocks = append(p.blocks, block{language: m[3], file: m[4], first: i + 1})
		case m != nil && strings.HasPrefix(m[2], open) && m[3] == "":
			open = ""
		default:
			b := &p.blocks[len(p.blocks)-1]
			b.lines = append(b.lines, strings.TrimPrefix(line, margin))
		}
		p.prose = append(p.prose, prose)
	}
	if open != "" {
		return nil, fmt.Errorf("%s:%d: the block is not closed", name, p.blocks[len(p.blocks)-1].first)
	}
	return p, nil
}

// A step is a file that a page writes, or a command that it runs.
type step struct {
	*block
	command  string   // as it is typed, without "$ "; several lines where it is continued
	want     []string // the lines that it prints
	from, to int      // where want stands among the lines of the block
}

// steps returns what a page does, in its order.
func (p *page) steps() (list []*step) {
	for i := range p.blocks {
		b := &p.blocks[i]
		if b.language != "console" {
			if b.file != "" {
				list = append(list, &step{block: b})
			}
			continue
		}
		for at := 0; at < len(b.lines); {
			command, typed := strings.CutPrefix(b.lines[at], "$ ")
			at++
			if !typed {
				continue
			}
			for strings.HasSuffix(command, "\\") && at < len(b.lines) {
				command += "\n" + b.lines[at]
				at++
			}
			s := &step{block: b, command: command, from: at}
			for at < len(b.lines) && !strings.HasPrefix(b.lines[at], "$ ") {
				at++
			}
			s.to = at
			for s.to > s.from && b.lines[s.to-1] == "" { // it only sets the next command off
				s.to--
			}
			s.want = b.lines[s.from:s.to]
			list = append(list, s)
		}
	}
	return list
}

// place is where a step stands, as file:line.
func (p *page) place(s *step) string {
	return fmt.Sprintf("%s:%d", p.name, s.first+max(s.from, 1))
}

// pattern returns an expression for lines of output in which "…" stands for any
// text, and a line of "…" alone for any lines.
func pattern(want []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for _, line := range want {
		line = strings.TrimRight(line, " ")
		if line == "…" {
			b.WriteString(`(?:.*\n)*`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		b.WriteString(strings.Join(parts, ".*") + `\n`)
	}
	return regexp.MustCompile(b.String() + "$")
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		want, got string
		matches   bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\nb", "a\nb\nc\n", false},
		{"a\nb", "a\n", false},
		{"a … s", "a 0.1 s\n", true},
		{"a … s", "a\nb s\n", false},
		{"a\n…", "a\n", true},
		{"a\n…\nd", "a\nb\nc\nd\n", true},
		{"a.c", "abc\n", false},
		{"", "\n", true},
	} {
		if got := pattern(strings.Split(test.want, "\n")).MatchString(test.got); got != test.matches {
			t.Errorf("%q matches %q: %v, want %v", test.want, test.got, got, test.matches)
		}
	}
}

func TestParsePage(t *testing.T) {
	p, err := parsePage("p.md", "# A\n\n```csv in.csv\nx\n1\n```\n\n  ```console\n  $ one \\\n      --two\n  out\n\n  $ three\n  ```\n")
	if err != nil {
		t.Fatal(err)
	}
	steps := p.steps()
	if len(steps) != 3 {
		t.Fatalf("the page has %d steps, want 3", len(steps))
	}
	if s := steps[0]; s.file != "in.csv" || s.text() != "x\n1\n" {
		t.Errorf("the file is %q with %q", s.file, s.text())
	}
	if s := steps[1]; s.command != "one \\\n    --two" || len(s.want) != 1 || s.want[0] != "out" || p.place(s) != "p.md:10" {
		t.Errorf("at %s the command is %q, and prints %q", p.place(s), s.command, s.want)
	}
	if s := steps[2]; s.command != "three" || len(s.want) != 0 {
		t.Errorf("the command is %q, and prints %q", s.command, s.want)
	}
	if typed := p.blocks[1].typed(); typed != "one \\\n    --two\nthree\n" {
		t.Errorf("what is typed is %q", typed)
	}
	if _, err := parsePage("p.md", "```sh\nx\n"); err == nil {
		t.Error("a block that is not closed is no error")
	}
}

// TestFilesAreNamed holds pages to naming a file before they show what it holds:
// where the page is read, nobody sees the name behind the language.
func TestFilesAreNamed(t *testing.T) {
	for _, p := range pages(t) {
		for i := range p.blocks {
			b := &p.blocks[i]
			if b.file == "" || b.language == "console" || comparedElsewhere[p.name] != "" {
				continue
			}
			from := 0
			for k, line := range p.prose[:b.first] {
				if head.MatchString(line) {
					from = k
				}
			}
			before := strings.Join(p.prose[from:b.first], "\n") + b.lines[0]
			if !strings.Contains(before, b.file) {
				t.Errorf("%s:%d: the text before this block does not say that it is the file %s", p.name, b.first, b.file)
			}
		}
	}
}
