package layout_test

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/types"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestStartingPoints holds the comment of each package that users import to naming where to
// start: at least two of the package's own names, as links.
func TestStartingPoints(t *testing.T) {
	for _, d := range documented(t) {
		names := make(map[string]bool)
		d.links(d.Doc, func(l *comment.DocLink) {
			if l.ImportPath == "" || l.ImportPath == d.ImportPath {
				names[l.Name] = true
			}
		}, func(string) {})
		if len(names) < 2 && !(len(names) == 1 && len(d.Types)+len(d.Funcs) < 2) {
			t.Errorf("the comment of package %s links to %d of its names: say with which two or three to start", d.Name, len(names))
		}
	}
}

// TestDocLinks holds each link in the doc comments of these packages to a name that is there:
// go doc and pkg.go.dev show a link that leads nowhere as it is written, in brackets.
func TestDocLinks(t *testing.T) {
	for _, d := range documented(t) {
		for name, text := range d.comments() {
			d.links(text, func(l *comment.DocLink) {
				if !d.resolves(t, l) {
					t.Errorf("%s.%s: the link to %s leads nowhere", d.Name, name, l.DefaultURL(""))
				}
			}, func(bracketed string) {
				t.Errorf("%s.%s: %s is no link: no such name is in the package, or its file does not import the other one", d.Name, name, bracketed)
			})
		}
	}
}

// A documentedPackage is one that users import, with its doc comments.
type documentedPackage struct {
	*doc.Package
	types *types.Package
}

func documented(t *testing.T) (list []documentedPackage) {
	t.Helper()
	files := make(map[string][]*ast.File)
	all := sources(t)
	for i := range all {
		files[all[i].pkg] = append(files[all[i].pkg], all[i].syntax)
	}
	for _, p := range importable(t) {
		d, err := doc.NewFromFiles(all[0].set, files[strings.TrimPrefix(p.Path(), module+"/")], p.Path(), doc.PreserveAST)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, documentedPackage{d, p})
	}
	return list
}

// comments returns all doc comments by the name that they are of.
func (d *documentedPackage) comments() map[string]string {
	all := map[string]string{"package comment": d.Doc}
	values := func(list []*doc.Value) {
		for _, v := range list {
			all[strings.Join(v.Names, ", ")] = v.Doc
		}
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			all[strings.Trim(path.Join(f.Orig, f.Name), "/")] = f.Doc
		}
	}
	values(d.Consts)
	values(d.Vars)
	funcs(d.Funcs)
	for _, typ := range d.Types {
		all[typ.Name] = typ.Doc
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		for _, m := range typ.Methods {
			all[typ.Name+"."+m.Name] = m.Doc
		}
	}
	return all
}

// bracketed matches what was meant to be a link: a name in brackets that begins with a
// capital, or stands behind the name of a package.
var bracketed = regexp.MustCompile(`\[\*?(?:[a-z]\w*\.)?[A-Z]\w*(?:\.[A-Z]\w*)?\]`)

// links calls link with each link in a doc comment, and none with each text that was meant to
// be one.
func (d *documentedPackage) links(text string, link func(*comment.DocLink), none func(string)) {
	var walk func(list []comment.Text)
	walk = func(list []comment.Text) {
		for _, x := range list {
			switch x := x.(type) {
			case comment.Plain:
				for _, b := range bracketed.FindAllString(string(x), -1) {
					none(b)
				}
			case *comment.DocLink:
				link(x)
			case *comment.Link:
				walk(x.Text)
			}
		}
	}
	var blocks func(list []comment.Block)
	blocks = func(list []comment.Block) {
		for _, b := range list {
			switch b := b.(type) {
			case *comment.Paragraph:
				walk(b.Text)
			case *comment.Heading:
				walk(b.Text)
			case *comment.List:
				for _, item := range b.Items {
					blocks(item.Content)
				}
			}
		}
	}
	blocks(d.Parser().Parse(text).Content)
}

// resolves reports whether a link leads to a name, which a link to a package alone does.
func (d *documentedPackage) resolves(t *testing.T, l *comment.DocLink) bool {
	t.Helper()
	in := d.types
	if l.ImportPath != "" {
		lib, err := theLibrary()
		if err != nil {
			t.Fatal(err)
		}
		if lib.exports[l.ImportPath] == "" || isInternal(l.ImportPath) && strings.HasPrefix(l.ImportPath, module+"/") {
			return false
		}
		if in, err = lib.Import(l.ImportPath); err != nil {
			t.Fatal(err)
		}
	}
	top := l.Recv
	if top == "" {
		top = l.Name
	}
	if top == "" {
		return true
	}
	object := in.Scope().Lookup(top)
	if object == nil || l.Recv == "" {
		return object != nil
	}
	member, _, _ := types.LookupFieldOrMethod(object.Type(), true, in, l.Name)
	return member != nil
}
