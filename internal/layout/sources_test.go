package layout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/genbatch/genbatch"

// A source is a Go file of the module.
type source struct {
	pkg    string // path of its package below the module
	name   string // path below the module
	test   bool   // its name ends in _test.go
	lines  int
	set    *token.FileSet
	syntax *ast.File
}

func (f *source) place(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.set.Position(n.Pos()).Line)
}

// imports yields the path of each import, and where it stands.
func (f *source) imports(yield func(imported, place string) bool) {
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser refuses such a file
		}
		if !yield(imported, f.place(spec)) {
			return
		}
	}
}

// sources returns the files of the module that are no tests.
func sources(t *testing.T) []source {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(allFiles(t)), func(f source) bool { return f.test })
}

// allFiles returns the files of the module's packages, tests and files for other
// systems included.
func allFiles(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parsed reads the module once for all tests.
var parsed = sync.OnceValues(parseModule)

func parseModule() ([]source, error) {
	// With -e, an import that closes a circle is told by TestLayers, with the way out.
	c := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []source
	set := token.NewFileSet()
	for d := json.NewDecoder(strings.NewReader(string(text))); ; {
		var p struct {
			Dir, ImportPath                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		// The test cache takes no notice of what go list has read; these folders
		// change with each new file and package.
		for _, dir := range []string{p.Dir, filepath.Dir(p.Dir)} {
			if _, err := os.ReadDir(dir); err != nil {
				return nil, err
			}
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			pkg := strings.TrimPrefix(p.ImportPath, module+"/")
			all = append(all, source{
				pkg: pkg, name: path.Join(pkg, name), test: strings.HasSuffix(name, "_test.go"),
				lines: strings.Count(string(text), "\n"), set: set, syntax: syntax,
			})
		}
	}
	if len(all) < 20 {
		return nil, fmt.Errorf("go list names %d files only", len(all))
	}
	return all, nil
}
