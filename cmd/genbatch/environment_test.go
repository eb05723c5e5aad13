package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/manual"
)

// What the code reads of the environment, apart from calls that say so.
var (
	readsEnv    = []string{"Getenv", "LookupEnv", "env", "Env"}
	likeEnv     = regexp.MustCompile(`^(GENBATCH|GOOGLE|GEMINI|XDG)_[A-Z_]+$|^[A-Z]+_API_KEY$`)
	throughGo   = map[string][]string{"ProxyFromEnvironment": {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}, "CreateTemp": {"TMPDIR"}, "MkdirTemp": {"TMPDIR"}, "TempDir": {"TMPDIR"}, "UserHomeDir": {"HOME", "USERPROFILE"}}
	inText      = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b|^[A-Z]+$|\bUSERPROFILE\b`)
	byLibraries = []string{"GOOGLE_APPLICATION_CREDENTIALS"} // cloud.google.com/go/auth
	ofScripts   = []string{"GENBATCH_COMPLETE"}              // by which the completion of PowerShell hands over a line
)

// The variables that the documentation names are those that the code reads.
func TestEnvironment(t *testing.T) {
	ofFlags := make(map[string]bool)
	for _, c := range testApp().Commands {
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				for _, name := range d.GetEnvVars() {
					ofFlags[name] = true
				}
			}
		}
	}
	read := make(map[string]string) // where it is read
	for _, name := range byLibraries {
		read[name] = "a library"
	}
	for _, room := range []string{"batch", "cmd", "internal/sim", "internal/durable", "internal/terminal", "jobs", "reader", "writer"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				err = variablesIn(path, read)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := make(map[string]bool)
	for _, v := range manual.Variables() {
		for _, name := range append(inText.FindAllString(v.Text, -1), inText.FindAllString(v.Name, -1)...) {
			named[name] = true
		}
	}
	if len(read) < 15 || len(ofFlags) < 60 {
		t.Fatalf("only %d variables and %d of flags were found in the code", len(read), len(ofFlags))
	}
	for name, place := range read {
		if !named[name] && !ofFlags[name] && !slices.Contains(ofScripts, name) {
			t.Errorf("%s reads %s, and cmd/genbatch/internal/manual/facts.go does not name it", place, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if read[name] == "" && !ofFlags[name] {
			t.Errorf("cmd/genbatch/internal/manual/facts.go names %s, which nothing reads", name)
		}
	}
}

// Each flag of run that describes the job is a variable, as the documentation says.
func TestEachSettingHasAVariable(t *testing.T) {
	for _, s := range settings() {
		name := s.flag.Names()[0]
		if d, ok := s.flag.(cli.DocGenerationFlag); !ok || !slices.Equal(d.GetEnvVars(), env(name)) {
			t.Errorf("--%s is not read from %s", name, env(name)[0])
		}
	}
}

// variablesIn notes the variables of the environment that a source file reads.
func variablesIn(path string, read map[string]string) error {
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	text := func(e ast.Expr) string {
		literal, ok := e.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return ""
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			return ""
		}
		return value
	}
	inManual := strings.Contains(filepath.ToSlash(path), "/internal/manual/")
	ast.Inspect(source, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if name := nameOf(n.Fun); slices.Contains(readsEnv, name) && len(n.Args) == 1 {
				// The function env of this package makes GENBATCH_… of a flag's name.
				if v := text(n.Args[0]); v != "" && v == strings.ToUpper(v) {
					read[v] = path
				}
			}
		case *ast.Ident:
			for _, v := range throughGo[n.Name] {
				read[v] = path
			}
		case *ast.BasicLit:
			if v := text(n); !inManual && likeEnv.MatchString(v) {
				read[v] = path
			}
		}
		return true
	})
	return nil
}

// nameOf returns the last name of a function that is called.
func nameOf(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
