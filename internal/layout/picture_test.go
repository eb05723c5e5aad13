package layout_test

import (
	"flag"
	"fmt"
	"go/doc"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

var update = flag.Bool("update", false, "write the picture of the packages into docs/architecture.md")

// A portrait is what the picture tells of a package.
type portrait struct {
	name    string // as its package clause has it
	comment string // empty: none
	imports []string
}

var packageComment = regexp.MustCompile(`^(Package|Command) `)

// portraits looks at each package of the module. One that is tests only has its
// comment in a test.
func portraits(t *testing.T) map[string]portrait {
	t.Helper()
	all := make(map[string]portrait)
	for _, f := range allFiles(t) {
		p := all[f.pkg]
		if !f.test || p.name == "" {
			p.name = f.syntax.Name.Name
		}
		if text := f.syntax.Doc.Text(); packageComment.MatchString(text) && (!f.test || p.comment == "") {
			p.comment = text
		}
		for imported := range f.imports {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok && !f.test && !slices.Contains(p.imports, own) {
				p.imports = append(p.imports, own)
			}
		}
		all[f.pkg] = p
	}
	return all
}

// opening is how the comment of a package begins.
func (p portrait) opening(pkg string) string {
	if p.name == "main" {
		return "Command " + path.Base(pkg) + " "
	}
	return "Package " + p.name + " "
}

func TestPackageComments(t *testing.T) {
	for pkg, p := range portraits(t) {
		opening := p.opening(pkg)
		if !strings.HasPrefix(p.comment, opening) {
			t.Errorf("%s has no package comment, and it is what a reader looks at first: begin one file of it with \"// %s...\", and say what it holds in one sentence", pkg, opening)
		}
	}
}

// The lines of docs/architecture.md that the picture stands between.
const (
	pictureBegin = "<!-- packages:begin -->\n"
	pictureEnd   = "<!-- packages:end -->\n"
)

// TestPicture compares the picture of the packages in docs/architecture.md with what
// is there. It leaves out what changes with each edit; TestPackageTable counts that.
func TestPicture(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "architecture.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), pictureBegin)
	old, after, ends := strings.Cut(rest, pictureEnd)
	if !ok || !ends {
		t.Fatalf("docs/architecture.md has lost the lines %q and %q, between which the packages are shown", pictureBegin, pictureEnd)
	}
	now := picture(portraits(t))
	if now == old {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+pictureBegin+now+pictureEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was := strings.Split(old, "\n")
	var changed []string
	for line := range strings.Lines(now) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(was, line) {
			changed = append(changed, line)
		}
	}
	t.Errorf("docs/architecture.md shows other packages than there are: run\n\tgo test ./internal/layout -run TestPicture -update\nand look at what it changes; new are\n%s", strings.Join(changed, "\n"))
}

// picture draws the packages from top to bottom: the floors, then a table.
func picture(all map[string]portrait) string {
	var floors, table strings.Builder
	for _, f := range house {
		var names []string
		for _, r := range f.rooms {
			p, built := all[r.pkg]
			if !built {
				continue
			}
			names = append(names, r.pkg)
			holds := strings.TrimPrefix(new(doc.Package).Synopsis(p.comment), p.opening(r.pkg))
			holds = strings.ReplaceAll(strings.TrimSuffix(holds, "."), "|", `\|`)
			imports := strings.Join(slices.Sorted(slices.Values(p.imports)), ", ")
			fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", r.pkg, holds, f.name, imports)
		}
		label := f.name // of the first line of the floor
		for some := range slices.Chunk(names, 4) {
			fmt.Fprintf(&floors, "%-20s%s\n", label, strings.Join(some, "  "))
			label = ""
		}
	}
	return "```text\n" + floors.String() + "```\n\n" +
		"| package | what it does | floor | imports of ours |\n|---|---|---|---|\n" + table.String()
}

// TestPackageTable fails for nothing. With -v it prints the figures of each package.
func TestPackageTable(t *testing.T) {
	packages := measure(t)
	w := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lines\tfiles\texported\tmethods of one type\t package")
	for _, s := range spots() {
		if p, ok := packages[s.pkg]; ok {
			var most string // the type with the most methods
			for _, typ := range slices.Sorted(maps.Keys(p.methods)) {
				if p.methods[typ] > p.methods[most] {
					most = typ
				}
			}
			fmt.Fprintf(w, "%d\t%d\t%d\t%s %d\t %s\n", p.lines, p.files, len(p.exported), most, p.methods[most], s.pkg)
		}
	}
	w.Flush()
}
