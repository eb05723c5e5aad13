package paths

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/store"
)

// This file finds what a glob matches. The standard library's Glob takes ** for *, and does
// not say which folders it could not list.

// wildcards are the characters that make a glob of a path at which nothing stands.
const wildcards = `*?[`

// A glob is a pattern that was taken apart.
type glob struct {
	root     string   // "/" or the like of an absolute pattern, scheme and bucket of an address; else empty
	elements []string // between separators; without . and empty ones
}

// anyDepth is the element that matches any number of folders, also none.
const anyDepth = "**"

func newGlob(pattern string) (*glob, error) {
	g := newPath(pattern)
	g.elements = slices.CompactFunc(g.elements, func(a, b string) bool { return a == anyDepth && b == anyDepth })
	for _, element := range g.elements {
		if _, err := filepath.Match(element, ""); err != nil {
			return nil, err
		}
	}
	// Files are matched by name.
	if n := len(g.elements); n > 0 && g.elements[n-1] == anyDepth {
		g.elements = append(g.elements, "*")
	}
	return g, nil
}

// isPattern reports whether an element matches other names than itself.
func isPattern(element string) bool {
	return strings.ContainsAny(element, wildcards) || runtime.GOOS != "windows" && strings.Contains(element, `\`)
}

// fixed returns the part of the pattern before the first element with a wildcard. It is empty
// if that stands in the working folder.
func (g *glob) fixed() string {
	path := g.root
	for _, e := range g.elements[:len(g.elements)-1] {
		if isPattern(e) {
			break
		}
		path = store.Join(path, e)
	}
	return path
}

// A finding is what a glob matches.
type finding struct {
	files   []store.Info
	folders []string
	hidden  string // the first file that a wildcard does not match, because it is hidden
}

// find returns what the glob matches. A folder that cannot be listed is an error.
func (g *glob) find(in tree) (*finding, error) {
	s := &globSearch{finding: new(finding), tree: in, seen: make(map[place]bool)}
	if err := s.match(g.root, g.elements); err != nil {
		return nil, err
	}
	return s.finding, nil
}

// A globSearch walks through folders by a pattern.
type globSearch struct {
	*finding
	tree tree
	seen map[place]bool
}

// A place is a folder, and how many elements of the pattern are still to match in it.
type place struct {
	dir  string
	left int
}

func (s *globSearch) match(dir string, elements []string) error {
	if at := (place{dir, len(elements)}); s.seen[at] {
		return nil
	} else {
		s.seen[at] = true
	}
	element, rest := elements[0], elements[1:]
	if element == anyDepth {
		if err := s.match(dir, rest); err != nil {
			return err
		}
		return s.each(dir, func(c child) error {
			if !c.isFolder || c.isLink || isHidden(c.name) || isState(c.name) {
				return nil
			}
			return s.match(store.Join(dir, c.name), elements)
		})
	}
	if !isPattern(element) {
		path := store.Join(dir, element)
		c, err := s.tree.look(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return &Error{Path: path, Err: plain(err)}
		}
		return s.take(path, c, rest)
	}
	return s.each(dir, func(c child) error {
		if ok, _ := filepath.Match(element, c.name); !ok {
			return nil
		}
		path := store.Join(dir, c.name)
		if !visible(element, c.name) {
			if s.hidden == "" && !c.isFolder && len(rest) == 0 && mayBeData(c.name, c.info.Size) {
				s.hidden = path
			}
			return nil
		}
		if c.isFolder && isState(c.name) && !isState(element) {
			return nil
		}
		return s.take(path, c, rest)
	})
}

// visible reports whether a wildcard may match a name: a hidden one only if the pattern begins
// as the name does.
func visible(element, name string) bool { return !isHidden(name) || element[0] == name[0] }

// each calls do for all that a folder has in it. What is no folder has nothing in it.
func (s *globSearch) each(dir string, do func(child) error) error {
	children, err := s.tree.list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, c := range children {
		if err := do(c); err != nil {
			return err
		}
	}
	return err
}

// take goes on with what matches the elements so far.
func (s *globSearch) take(path string, c child, rest []string) error {
	switch {
	case len(rest) > 0 && c.isFolder:
		return s.match(path, rest)
	case len(rest) > 0:
	case c.isFolder:
		s.folders = append(s.folders, path)
	default:
		s.files = append(s.files, c.info)
	}
	return nil
}

// matches reports whether the glob would match a file at path.
func (g *glob) matches(path string) bool {
	other := newPath(path)
	return other.root == g.root && matchElements(g.elements, other.elements)
}

// newPath takes a path apart.
func newPath(path string) *glob {
	var p glob
	rest := path
	if scheme, after, ok := strings.Cut(path, "://"); ok && store.IsAddress(path) {
		bucket, key, _ := strings.Cut(after, "/")
		p.root, rest = scheme+"://"+bucket, key
	} else {
		p.root = filepath.VolumeName(path)
		if rest = filepath.ToSlash(path[len(p.root):]); strings.HasPrefix(rest, "/") {
			p.root += string(filepath.Separator)
		}
	}
	p.elements = slices.DeleteFunc(strings.Split(rest, "/"), func(e string) bool { return e == "" || e == "." })
	return &p
}

func matchElements(elements, names []string) bool {
	switch {
	case len(elements) == 0 || len(names) == 0:
		return len(elements) == len(names)
	case elements[0] == anyDepth:
		return matchElements(elements[1:], names) || !isHidden(names[0]) && !isState(names[0]) && matchElements(elements, names[1:])
	}
	ok, _ := filepath.Match(elements[0], names[0])
	return ok && visible(elements[0], names[0]) && matchElements(elements[1:], names[1:])
}
