package examples_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestLibrary builds and runs the program of the library as somebody does who has copied its
// folder out of the repository.
func TestLibrary(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	e := copyExample(t, "library")
	e.goTool("mod", "edit", "-replace", "github.com/genbatch/genbatch="+root)
	e.goTool("mod", "tidy", "-diff") // go.mod and go.sum are whole
	e.goTool("vet", "./...")
	e.goTool("build", "-o", "reviews.exe", ".")

	readme, err := os.ReadFile("library/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	start := func() string {
		c := exec.CommandContext(t.Context(), e.path("reviews.exe"))
		c.Dir, c.Env = e.dir, e.env
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("the program ends with %v: %s", err, out)
		}
		return string(out)
	}
	if got := start(); got != shown {
		t.Errorf("the program prints\n%s\nand its README shows\n%s", got, shown)
	}
	if got, want := start(), strings.Replace(shown, "0 from before", "5 from before", 1); got != want {
		t.Errorf("the second time it prints\n%s\nwant\n%s", got, want)
	}
	reviews := readCSV(t, e.path("reviews.csv"))[1:]
	type labelled struct {
		ID    string `parquet:"id,optional"`
		Body  string `parquet:"body,optional"`
		Label string `parquet:"label,optional"`
	}
	rows, err := parquet.ReadFile[labelled](e.path("out/labels.parquet"))
	if err != nil || len(rows) != len(reviews) {
		t.Fatalf("the output has %d rows, %v; want %d", len(rows), err, len(reviews))
	}
	for i, row := range rows {
		complains := strings.Contains(shown, "  "+row.ID+" complains: "+row.Body+"\n")
		if row.ID != reviews[i][0] || row.Body != reviews[i][1] || (row.Label == "complaint") != complains {
			t.Errorf("row %d of the output is %+v, the input has %q", i+1, row, reviews[i])
		}
	}
}

// goTool runs the go command in the example's folder.
func (e *example) goTool(args ...string) {
	e.t.Helper()
	c := exec.CommandContext(e.t.Context(), "go", args...)
	c.Dir = e.dir
	if out, err := c.CombinedOutput(); err != nil {
		e.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// goBlock is a block of Go in a page.
var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestLibraryPage holds the Go in docs/library.md to code that is compiled: the program is
// that of the example, and every other block stands in an example that go test runs.
func TestLibraryPage(t *testing.T) {
	page, err := os.ReadFile("../docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("library/main.go")
	if err != nil {
		t.Fatal(err)
	}
	code := []string{trimLines(string(program))}
	for _, dir := range []string{"../jobs", "../jobs/remote", "../batch", "../reader", "../writer"} {
		names, err := fs.Glob(os.DirFS(dir), "example*_test.go")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s has no examples: %v", dir, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			code = append(code, trimLines(string(text)))
		}
	}
	blocks := goBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 5 {
		t.Fatalf("the page has %d blocks of Go only", len(blocks))
	}
	if blocks[0][1] != string(program) {
		t.Error("the program of docs/library.md is not examples/library/main.go: copy it there")
	}
	for _, b := range blocks {
		if text := trimLines(b[1]); !slices.ContainsFunc(code, func(c string) bool { return strings.Contains(c, text) }) {
			t.Errorf("this block of docs/library.md stands in no example:\n%s", b[1])
		}
	}
}

// trimLines removes the indentation of each line.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
