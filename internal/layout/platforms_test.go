package layout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// platforms are some of those that a release is built for: each system, and both processors.
// The module has no file for one processor only.
var platforms = []string{"linux/arm64", "darwin/arm64", "windows/amd64"}

// TestPlatforms checks the types of the module and of its tests on platforms other than this
// machine's. To compile them as well would say hardly more, and takes minutes.
func TestPlatforms(t *testing.T) {
	for _, platform := range platforms {
		for _, err := range checkTypes(t, platform, module+"/...") {
			t.Errorf("%s: %v", platform, err)
		}
	}
}

// What is wrong on one system only is found, in the package and in its tests.
func TestPlatformsFound(t *testing.T) {
	const pkg = module + "/internal/layout/testdata/platforms"
	if wrong := checkTypes(t, "linux/arm64", pkg); len(wrong) > 0 {
		t.Errorf("on Linux: %v", wrong)
	}
	text := fmt.Sprint(checkTypes(t, "windows/amd64", pkg))
	for _, want := range []string{`wrong_windows.go:3:18: cannot use Name`, `wrong_windows_test.go:5:25: undefined: missing`} {
		if !strings.Contains(text, want) {
			t.Errorf("on Windows it does not find %q, but: %s", want, text)
		}
	}
}

// A listed is a package as go list tells it, or what a test makes of it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // from the paths in the source to those that are others
	Module     *struct {
		GoVersion string
		Main      bool
	}
}

// checkTypes checks the types of packages and of their tests, as they are on a platform, and
// returns what is wrong with them. It reads all that they import from source, since compiled
// packages are there for this machine's platform only.
func checkTypes(t *testing.T, platform string, patterns ...string) (wrong []error) {
	t.Helper()
	system, arch, _ := strings.Cut(platform, "/")
	c := exec.Command("go", append([]string{"list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Module"}, patterns...)...)
	c.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	set := token.NewFileSet()
	for d := json.NewDecoder(strings.NewReader(string(text))); ; { // what is imported comes first
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return wrong
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // the go command writes the latter
			continue
		}
		config := types.Config{Sizes: types.SizesFor("gc", arch), Error: func(err error) { wrong = append(wrong, err) }}
		config.Importer = importMap(func(path string) (*types.Package, error) {
			if other, ok := p.ImportMap[path]; ok {
				path = other
			}
			if done[path] == nil {
				return nil, fmt.Errorf("go list has not named %s before %s", path, p.ImportPath)
			}
			return done[path], nil
		})
		ours := p.Module != nil && p.Module.Main
		config.IgnoreFuncBodies = !ours
		if p.Module != nil && p.Module.GoVersion != "" {
			config.GoVersion = "go" + p.Module.GoVersion
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return append(wrong, err)
			}
			files = append(files, f)
		}
		path, _, _ := strings.Cut(p.ImportPath, " ") // "a/b [a/b.test]" is a/b with its tests
		done[p.ImportPath], _ = config.Check(path, set, files, nil)
	}
}

// An importMap imports by a function.
type importMap func(path string) (*types.Package, error)

func (f importMap) Import(path string) (*types.Package, error) { return f(path) }
