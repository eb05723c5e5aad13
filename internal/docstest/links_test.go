package docstest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	span = regexp.MustCompile("``(.+?)``|`([^`]+)`")
	head = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*$`)
	own  = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
)

// TestLinks holds each relative link of a Markdown file to a file that is there, and
// to a heading of it: documents name many, and a move breaks them in silence.
func TestLinks(t *testing.T) {
	all := make(map[string]*page)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case filepath.Ext(file) == ".md":
			p := readPage(t, file)
			all[p.name] = p
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for i, line := range p.prose {
			for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(line, "`code`"), -1) {
				target := m[1] + m[2]
				if regexp.MustCompile(`^[a-z]+:`).MatchString(target) {
					continue // another site
				}
				file, anchor, anchored := strings.Cut(target, "#")
				name := p.name
				if file != "" {
					name = path.Join(path.Dir(p.name), file)
				}
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
					t.Errorf("%s:%d: the link to %s leads nowhere", p.name, i+1, target)
				} else if to := all[name]; anchored && to != nil && !slices.Contains(to.anchors(), anchor) {
					t.Errorf("%s:%d: the link to %s leads to no heading", p.name, i+1, target)
				}
			}
		}
	}
}

// anchors returns the names that a link can give behind "#", made as GitHub makes
// them of headings.
func (p *page) anchors() (list []string) {
	seen := make(map[string]int)
	for _, line := range p.prose {
		if m := own.FindStringSubmatch(line); m != nil {
			list = append(list, m[1])
		}
		m := head.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		title := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		name := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, title)
		seen[name]++
		if n := seen[name]; n > 1 {
			name = fmt.Sprintf("%s-%d", name, n-1)
		}
		list = append(list, name)
	}
	return list
}

func TestAnchors(t *testing.T) {
	p, err := parsePage("p.md", "# Exit codes\n## `--max-cost`, and more\n## Exit codes\n```sh\n# not this\n```\n## See [the page](p.md)\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"exit-codes", "--max-cost-and-more", "exit-codes-1", "see-the-page"}
	if got := p.anchors(); !slices.Equal(got, want) {
		t.Errorf("the anchors are %q, want %q", got, want)
	}
}

// TestContents holds the table of contents to the pages that there are, and the
// README to a length that is read.
func TestContents(t *testing.T) {
	const most = 8192
	if text, err := os.ReadFile(filepath.Join(root, "README.md")); err != nil {
		t.Fatal(err)
	} else if len(text) > most {
		t.Errorf("README.md has %d bytes, want at most %d: move what few readers need to a page below docs", len(text), most)
	}
	contents := readPage(t, filepath.Join(root, "docs", "README.md"))
	for _, p := range pages(t) {
		name, below := strings.CutPrefix(p.name, "docs/")
		if below && p.name != contents.name && !strings.Contains(strings.Join(contents.prose, "\n"), "]("+name) {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}
