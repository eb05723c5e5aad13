package layout_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"
)

// apiFile lists the exported names of the packages that others can import. Who changes
// one sees it there, and decides by docs/stability.md.
const apiFile = "../../docs/api.txt"

// TestAPI compares the list with what there is. With -update it is written anew.
func TestAPI(t *testing.T) {
	allFiles(t) // so that the test cache takes notice of changes
	got := api(t)
	if *update {
		if err := os.WriteFile(apiFile, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	gone, added := differing(want, got), differing(got, want)
	t.Errorf("the library's exported names are not those of docs/api.txt.\nGone or changed:\n%s\nNew:\n%s\n"+
		"docs/stability.md says how a name may go. If it is meant, tell it in CHANGELOG.md and run\n\tgo test ./internal/layout -run TestAPI -update",
		strings.Join(gone, "\n"), strings.Join(added, "\n"))
}

// differing returns the lines of a that b lacks.
func differing(a, b []byte) []string {
	have := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		have[line] = true
	}
	var lines []string
	for line := range strings.Lines(string(a)) {
		if !have[line] {
			lines = append(lines, "  "+strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// api lists a line for each exported name, as the files below api in Go's own repository do.
func api(t *testing.T) []byte {
	t.Helper()
	packages := importable(t)
	slices.SortFunc(packages, func(a, b *types.Package) int { return cmp.Compare(a.Path(), b.Path()) })
	var b bytes.Buffer
	fmt.Fprintln(&b, "# The exported names of the library. go test ./internal/layout -run TestAPI -update writes this file;\n# stability.md beside it says what may change.")
	for _, pkg := range packages {
		fmt.Fprintln(&b)
		for _, line := range namesOf(pkg) {
			fmt.Fprintf(&b, "%s: %s\n", strings.TrimPrefix(pkg.Path(), module+"/"), line)
		}
	}
	return b.Bytes()
}

// namesOf lists what a package exports.
func namesOf(pkg *types.Package) (lines []string) {
	qualify := func(p *types.Package) string {
		if p == pkg {
			return ""
		}
		return strings.TrimPrefix(p.Path(), module+"/")
	}
	for _, name := range pkg.Scope().Names() {
		o := pkg.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		switch o := o.(type) {
		case *types.Const:
			lines = append(lines, fmt.Sprintf("const %s %s = %s", name, types.TypeString(o.Type(), qualify), o.Val().ExactString()))
		case *types.Var:
			lines = append(lines, fmt.Sprintf("var %s %s", name, types.TypeString(o.Type(), qualify)))
		case *types.Func:
			lines = append(lines, "func "+name+strings.TrimPrefix(types.TypeString(o.Type(), qualify), "func"))
		case *types.TypeName:
			lines = append(lines, namesOfType(o, qualify)...)
		}
	}
	return lines
}

// namesOfType lists a type, its exported fields, and its methods. Of an alias the fields are
// listed only if nobody else lists them: if the type is of an internal package.
func namesOfType(o *types.TypeName, qualify types.Qualifier) (lines []string) {
	name, t := o.Name(), o.Type()
	if o.IsAlias() {
		t = types.Unalias(t)
		lines = append(lines, fmt.Sprintf("type %s = %s", name, types.TypeString(t, qualify)))
		named, ok := t.(*types.Named)
		if !ok || !isInternal(named.Obj().Pkg().Path()) {
			return lines
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		if !o.IsAlias() {
			lines = append(lines, "type "+name+" struct")
		}
		for f := range u.Fields() {
			if f.Exported() {
				lines = append(lines, fmt.Sprintf("type %s struct, %s %s", name, f.Name(), types.TypeString(f.Type(), qualify)))
			}
		}
	case *types.Interface:
		lines = append(lines, fmt.Sprintf("type %s %s", name, types.TypeString(u, qualify)))
	default:
		if !o.IsAlias() {
			lines = append(lines, fmt.Sprintf("type %s %s", name, types.TypeString(u, qualify)))
		}
	}
	if types.IsInterface(t) {
		return lines
	}
	methods := types.NewMethodSet(types.NewPointer(t))
	onValues := types.NewMethodSet(t)
	for m := range methods.Methods() {
		f := m.Obj()
		if !f.Exported() || len(m.Index()) > 1 { // what is embedded is listed with its own type
			continue
		}
		receiver := "*" + name
		if onValues.Lookup(f.Pkg(), f.Name()) != nil {
			receiver = name
		}
		lines = append(lines, fmt.Sprintf("method (%s) %s%s", receiver, f.Name(), strings.TrimPrefix(types.TypeString(f.Type(), qualify), "func")))
	}
	return lines
}
