package layout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// insiders are the exported names that mention internal types all the same, with the reason.
var insiders = map[string]string{
	"batch/journal.Config": "FS makes writes fail in tests of jobs and its rooms; users leave it zero, as it says",
	"batch/quota.Store":    "likewise",
	"writer.Config":        "likewise",
}

// TestExportedNames holds the packages that users import to types that users can name,
// read about and make: an exported name of theirs mentions no type of an internal package,
// in a signature, in an exported field or method, or as what an alias stands for.
func TestExportedNames(t *testing.T) {
	used := make(map[string]bool)
	for _, p := range importable(t) {
		for _, name := range p.Scope().Names() {
			object := p.Scope().Lookup(name)
			if !object.Exported() {
				continue
			}
			s := search{seen: make(map[types.Type]bool)}
			s.object(object)
			full := strings.TrimPrefix(p.Path(), module+"/") + "." + name
			for _, found := range s.found {
				used[full] = true
				if insiders[full] == "" {
					t.Errorf("%s mentions %s, which users can neither name nor look up: define it where they can import it, or list it in insiders with the reason", full, found)
				}
			}
		}
	}
	for name, why := range insiders {
		if !used[name] {
			t.Errorf("%s is listed among the insiders (%s), and mentions no internal type any more: remove it", name, why)
		}
	}
}

// A search collects the internal types that an exported name mentions.
type search struct {
	seen  map[types.Type]bool
	found []string
}

// object searches what the declaration of an exported name says.
func (s *search) object(o types.Object) {
	name, ok := o.(*types.TypeName)
	if !ok {
		s.typ(o.Type())
		return
	}
	if alias, ok := name.Type().(*types.Alias); ok {
		s.typ(alias.Rhs())
		return
	}
	s.typ(name.Type().Underlying())
	if named, ok := name.Type().(*types.Named); ok {
		for m := range named.Methods() {
			if m.Exported() {
				s.typ(m.Signature())
			}
		}
	}
}

// typ searches a type up to the names in it, whose own declarations are searched where
// they are exported.
func (s *search) typ(t types.Type) {
	if s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		s.name(t.Obj())
		for arg := range t.TypeArgs().Types() {
			s.typ(arg)
		}
	case *types.Alias:
		s.name(t.Obj())
	case *types.Pointer:
		s.typ(t.Elem())
	case *types.Slice:
		s.typ(t.Elem())
	case *types.Array:
		s.typ(t.Elem())
	case *types.Chan:
		s.typ(t.Elem())
	case *types.Map:
		s.typ(t.Key())
		s.typ(t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			s.typ(v.Type())
		}
	case *types.Signature:
		s.typ(t.Params())
		s.typ(t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				s.typ(f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			s.typ(m.Type())
		}
	}
}

// name notes a name that only this module can write.
func (s *search) name(o *types.TypeName) {
	switch p := o.Pkg(); {
	case p == nil: // error
	case strings.HasPrefix(p.Path(), module+"/") && (isInternal(p.Path()) || !o.Exported()):
		if text := strings.TrimPrefix(p.Path(), module+"/") + "." + o.Name(); !slices.Contains(s.found, text) {
			s.found = append(s.found, text)
		}
	}
}

// isInternal reports whether only this module may import a package.
func isInternal(pkg string) bool { return slices.Contains(strings.Split(pkg, "/"), "internal") }

// A library is the packages of the module that others may import, and all that these import,
// as the compiler has them.
type library struct {
	paths   []string // of the packages that others may import
	exports map[string]string
	types.Importer
}

// theLibrary reads the compiled packages once for all tests.
var theLibrary = sync.OnceValues(readLibrary)

func readLibrary() (*library, error) {
	c := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Name", module+"/...")
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	l := &library{exports: make(map[string]string)}
	for d := json.NewDecoder(strings.NewReader(string(text))); ; {
		var p struct{ ImportPath, Export, Name string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		l.exports[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module+"/") && p.Export != "" && p.Name != "main" && !isInternal(p.ImportPath) {
			l.paths = append(l.paths, p.ImportPath)
		}
	}
	if len(l.paths) < 5 {
		return nil, fmt.Errorf("go list names %d packages only that others may import", len(l.paths))
	}
	l.Importer = importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if l.exports[path] == "" {
			return nil, fmt.Errorf("go list names no export data of %s", path)
		}
		return os.Open(l.exports[path])
	})
	return l, nil
}

// importable returns the packages of the module that others may import.
func importable(t *testing.T) (packages []*types.Package) {
	t.Helper()
	l, err := theLibrary()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range l.paths {
		p, err := l.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}
