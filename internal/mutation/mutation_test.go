package mutation

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/overlaytest"
)

// wanted names the environment variable that says which mutants to run.
const wanted = "GENBATCH_MUTANTS"

// root is the folder of the module.
var root, _ = filepath.Abs("../..")

// page is where the results are kept.
var page = filepath.Join(root, "docs", "mutants.md")

// folders are those whose syncs are taken away.
var folders = []string{"batch", "internal/durable", "jobs", "reader", "writer"}

// suites are the tests that may catch a mutant in a folder, the quickest first. Each is what
// follows "go test".
var suites = []struct {
	folder string
	args   []string
}{
	{"internal/durable", []string{"./internal/durable"}},
	{"internal/durable", []string{"-short", "./batch/journal"}},
	{"batch/journal", []string{"-short", "./batch/journal"}},
	{"batch/quota", []string{"-short", "./batch/quota"}},
	{"jobs/internal/mirror", []string{"./jobs/internal/mirror"}},
	{"jobs/internal", []string{"-short", "./jobs/internal/..."}},
	{"jobs/copied.go", []string{"-run", "Copied", "./jobs"}},
	{"jobs/batches.go", []string{"-run", "Copied", "./jobs"}},
	{"jobs/internal/batchjob", []string{"-run", "HalfApplied|PackedBatch", "./jobs"}},
	{"", []string{"-run", "PowerCut|Worlds", "./jobs"}},
	{"", []string{"-short", "./jobs"}},
	{"", []string{"./jobs"}},
}

// A mutant is the module with another text in one file.
type mutant struct {
	name, file string // the file by its path below the root
	text       []byte
}

// mutants returns all of them, sorted by name.
func mutants(t *testing.T) (list []mutant) {
	t.Helper()
	for _, r := range replacements {
		text, err := overlaytest.Replacement{File: r.file, Old: r.from, New: r.to}.Apply(root)
		if err != nil {
			t.Errorf("%s: %v: write the mutant anew", r.name, err)
			continue
		}
		list = append(list, mutant{r.name, r.file, text})
	}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || otherSystem(path) {
				return err
			}
			list = append(list, unsynced(t, path)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(list, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	return list
}

// otherSystem reports whether a file is for a system on which mutants are not run.
func otherSystem(path string) bool {
	return strings.HasSuffix(path, "_windows.go") || strings.HasSuffix(path, "_other.go")
}

// unsynced returns the mutants of a file that lack one of its syncs each.
func unsynced(t *testing.T, path string) (list []mutant) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range f.Decls {
		in, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		times := make(map[string]int)
		ast.Inspect(in, func(x ast.Node) bool {
			call, ok := x.(*ast.CallExpr)
			if !ok || !syncs(call) {
				return true
			}
			from, to := files.Position(call.Pos()).Offset, files.Position(call.End()).Offset
			name := fmt.Sprintf("%s: %s without %s", filepath.ToSlash(rel), in.Name.Name, text[from:to])
			if times[name]++; times[name] > 1 {
				name += fmt.Sprintf(", the %d.", times[name])
			}
			// What the call uses stays in use, so that the mutant can be built.
			nothing := "func(...any) error { return nil }("
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				nothing += string(text[from:files.Position(f.X.End()).Offset]) + ", "
			}
			nothing += string(text[files.Position(call.Lparen).Offset+1 : to])
			list = append(list, mutant{name, rel, slices.Concat(text[:from], []byte(nothing), text[to:])})
			return true
		})
	}
	return list
}

// syncs reports whether a call makes something durable, and returns an error alone.
func syncs(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == "datasync" || f.Name == "syncDir"
	case *ast.SelectorExpr:
		return f.Sel.Name == "Sync" && len(call.Args) == 0 || f.Sel.Name == "SyncDir"
	}
	return false
}

// failed matches the line in which go test says which test has failed, without its subtests.
var failed = regexp.MustCompile(`(?m)^--- FAIL: (Test\S+)`)

// ended matches the line about a package that has failed.
var ended = regexp.MustCompile(`(?m)^FAIL\s+github.com/genbatch/genbatch/(\S+)`)

// run runs the suites on a mutant, and returns the test that fails first. It is empty if none
// does.
func (m *mutant) run(t *testing.T) (caught string) {
	t.Helper()
	overlay := overlaytest.Write(t, root, map[string][]byte{m.file: m.text})
	for _, suite := range suites {
		if !strings.HasPrefix(filepath.ToSlash(m.file), suite.folder) {
			continue
		}
		args := append([]string{"test", "-overlay", overlay, "-failfast", "-vet=off", "-timeout", "20m"}, suite.args...)
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), wanted+"=", "GENBATCH_EVERY_POINT=1")
		out, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		if bytes.Contains(out, []byte("[build failed]")) {
			t.Fatalf("%s cannot be built:\n%s", m.name, out)
		}
		test, in := failed.FindSubmatch(out), ended.FindSubmatch(out)
		if in == nil || bytes.Contains(out, []byte("panic: test timed out")) {
			t.Fatalf("%s: %v\n%s", m.name, err, out)
		}
		if test == nil {
			return fmt.Sprintf("a panic in `%s`", in[1])
		}
		// A machine with too much to do makes tests fail as well, but hardly twice.
		again := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-vet=off", "-run", "^"+string(test[1])+"$", "./"+string(in[1]))
		again.Dir, again.Env = cmd.Dir, cmd.Env
		if err := again.Run(); err != nil {
			return fmt.Sprintf("`%s` in `%s`", test[1], in[1])
		}
		t.Logf("%s: %s in %s fails once, and then no more", m.name, test[1], in[1])
	}
	return ""
}

// Each mutant has its row in docs/mutants.md, and is caught. Without the environment variable
// only the page is compared with the code.
func TestMutants(t *testing.T) {
	known := readPage(t)
	all := mutants(t)
	which := os.Getenv(wanted)
	rows := make(map[string]string)
	for _, m := range all {
		rows[m.name] = known[m.name]
	}
	for _, m := range all {
		if wants(which, m, known) {
			begin := time.Now()
			rows[m.name] = m.run(t)
			t.Logf("%s: %s (%v)", m.name, rows[m.name], time.Since(begin).Round(time.Second))
			writePage(t, all, rows) // after each, since all of them take long
		}
	}
	for _, m := range all {
		if rows[m.name] == "" {
			t.Errorf("%s: no test is known to catch it: run %s='%s' go test ./internal/mutation -v -timeout 1h", m.name, wanted, m.name)
		}
	}
	for name := range known {
		if _, there := rows[name]; !there {
			t.Errorf("docs/mutants.md has %q, which is none any more: remove its row", name)
		}
	}
}

// wants reports whether a mutant is to be run.
func wants(which string, m mutant, known map[string]string) bool {
	switch which {
	case "":
		return false
	case "all":
		return true
	case "missing":
		return known[m.name] == ""
	}
	return strings.Contains(m.name, which)
}

const (
	head = `# What catches a broken rule

Each row is a mutant: the program without one sync, one check, or the order of two steps that matters. Beside it is the test that failed
first when the suite ran on that program. The syncs are found in the code, and a new one without a row fails
[internal/mutation](../internal/mutation), which writes this page:

` + "```sh" + `
GENBATCH_MUTANTS=all go test ./internal/mutation -v -timeout 2h
` + "```" + `

| without it | caught by |
|---|---|
`
)

func readPage(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	_, table, _ := strings.Cut(string(text), "|---|---|\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		if len(cells) == 2 {
			rows[strings.Trim(cells[0], "`")] = cells[1]
		}
	}
	return rows
}

func writePage(t *testing.T, all []mutant, rows map[string]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(head)
	for _, m := range all {
		if rows[m.name] != "" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.name, rows[m.name])
		}
	}
	if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
