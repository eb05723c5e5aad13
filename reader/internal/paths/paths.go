// Package paths finds the files that the paths of an input stand for: a path is a file, a
// folder whose files are read, or a glob.
//
// Folders and globs pass over what is no data: names that begin with a dot or an underscore,
// as Spark and Hive leave them, state folders of jobs, and empty files. Links to files are
// followed; links to folders only where a glob names them, so that a loop cannot be entered
// and no file is read twice.
package paths

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/store"
)

// A File is a file to read.
type File struct {
	Path  string
	Named bool       // the path is what was asked for, and not found in a folder or by a glob
	Info  store.Info // empty if the file is Named

	// Folders are the names of the folders that may be named for a value of the file's rows,
	// outermost first: those below the folder or glob that was asked for, and before them
	// those in which its fixed part ends, as far as they have the form KEY=VALUE.
	Folders []string
}

// Found is what one path stands for.
type Found struct {
	Files []File   // sorted bytewise by path
	Notes []string // what the user should know about what was passed over
}

// An Error says which path cannot be read, and why.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrNoFile says that a glob matches nothing.
var ErrNoFile = errors.New("no file matches")

// Find returns the files that a path stands for. format is the one that the user gives for all
// files, or empty. Errors are of type [*Error].
func Find(path, format string) (*Found, error) {
	x := &expander{path: path, format: strings.ToLower(format)}
	err := x.expand()
	if err == nil {
		return &x.Found, nil
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		err = &Error{path, plain(err)}
	}
	return nil, err
}

// plain removes the operation and the path from an error of the disk.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// isFolder reports whether there is a folder at path.
func isFolder(path string) bool {
	info, err := store.Stat(path)
	return err == nil && info.Mode.IsDir()
}

// An expander finds the files that one path stands for.
type expander struct {
	Found
	path   string
	format string // in lower case; may be empty
	tree   tree

	fromFolders bool // the files are those of folders
}

func (x *expander) note(format string, args ...any) {
	x.Notes = append(x.Notes, fmt.Sprintf(format, args...))
}

func (x *expander) expand() error {
	if isFolder(x.path) {
		x.tree = treeOf(x.path)
		return x.folders([]string{x.path}, nil)
	}
	if !strings.ContainsAny(x.path, wildcards) || store.Exists(x.path) {
		x.Files = []File{{Path: x.path, Named: true}}
		return nil
	}
	g, err := newGlob(x.path)
	if err != nil {
		return err
	}
	x.tree = treeOf(g.fixed())
	found, err := g.find(x.tree)
	switch {
	case err != nil:
		return err
	case len(found.files) > 0:
		if found.hidden != "" && x.format != fileformat.Files {
			x.noteHidden(found.hidden)
		}
		x.take(withData(found.files, x.format), g)
		return nil
	case len(found.folders) > 0:
		return x.folders(found.folders, g)
	case found.hidden != "":
		return fmt.Errorf("%w: names that begin with a dot or an underscore are passed over, such as %s, unless the pattern begins so", ErrNoFile, found.hidden)
	}
	return ErrNoFile
}

// noteHidden notes that a file was passed over which may well be data.
func (x *expander) noteHidden(path string) {
	x.note("files whose names begin with a dot or an underscore are passed over, such as %s", filepath.Base(path))
}

// withData leaves out files without a byte, unless all are such. Each file that is a row of
// its own counts.
func withData(found []store.Info, format string) []store.Info {
	if format == fileformat.Files {
		return found
	}
	full := slices.DeleteFunc(slices.Clone(found), func(e store.Info) bool { return e.Size == 0 })
	if len(full) == 0 {
		return found
	}
	return full
}

// take takes the files that were found, in order. g is nil for a folder that was asked for.
func (x *expander) take(found []store.Info, g *glob) {
	slices.SortFunc(found, func(a, b store.Info) int { return strings.Compare(filepath.ToSlash(a.Path), filepath.ToSlash(b.Path)) })
	found = slices.CompactFunc(found, func(a, b store.Info) bool { return a.Path == b.Path })
	fixed := x.path
	if g != nil {
		fixed = g.fixed()
	}
	above := foldersEnding(fixed)
	for _, e := range found {
		x.Files = append(x.Files, File{Path: e.Path, Info: e, Folders: slices.Concat(above, foldersBelow(fixed, e.Path))})
	}
}

// foldersEnding returns the names of the folders in which a path ends, as far as each is named
// for a value.
func foldersEnding(path string) (names []string) {
	for path != "" {
		name := filepath.Base(path)
		if !IsPartition(name) {
			break
		}
		names = append(names, name)
		path = filepath.Dir(path)
	}
	slices.Reverse(names)
	return names
}

// IsPartition reports whether a folder has a name of the form KEY=VALUE. An equals sign in
// either is encoded by those who write such names.
func IsPartition(name string) bool {
	return strings.IndexByte(name, '=') > 0 && strings.Count(name, "=") == 1
}

// foldersBelow returns the names of the folders between a folder and a file in it.
func foldersBelow(folder, file string) []string {
	if store.IsAddress(file) {
		names := strings.Split(strings.TrimPrefix(file, strings.TrimSuffix(folder, "/")+"/"), "/")
		return names[:len(names)-1]
	}
	rel, err := filepath.Rel(folder, filepath.Dir(file))
	if folder == "" {
		rel, err = filepath.Dir(file), nil
	}
	if err != nil || rel == "." {
		return nil
	}
	return strings.Split(filepath.ToSlash(rel), "/")
}

// folders takes the files of folders.
func (x *expander) folders(dirs []string, g *glob) error {
	x.fromFolders = true
	w := walk{tree: x.tree, format: x.format}
	for _, dir := range dirs {
		if err := w.folder(dir); err != nil {
			return err
		}
	}
	tables, err := w.tables()
	if err != nil {
		return err
	}
	x.Notes = append(x.Notes, w.notes...)
	if w.hidden != "" {
		x.noteHidden(w.hidden)
	}
	if others := len(w.files) - len(tables); others > 0 {
		i := slices.IndexFunc(w.files, func(e store.Info) bool { return !slices.Contains(tables, e) })
		x.note("%s passed over, such as %s", isOrAre(others, "file that is not read here", "files that are not read here"), filepath.Base(w.files[i].Path))
	}
	x.take(withData(tables, x.format), g)
	return nil
}

func isOrAre(n int, one, many string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return fmt.Sprintf("%d %s are", n, many)
}

// Matches reports whether an input that is named by a path, which may be a folder or a glob,
// would read the file at another path if it were there. Both paths are absolute, or both are
// relative.
func Matches(input, path string) bool {
	if store.IsAddress(input) != store.IsAddress(path) {
		return false // which saves asking the store
	}
	if isFolder(input) {
		return holds(input, path)
	}
	if !strings.ContainsAny(input, wildcards) || store.Exists(input) {
		return false
	}
	g, err := newGlob(input)
	if err != nil {
		return false
	}
	if g.matches(path) {
		return true
	}
	found, err := g.find(treeOf(g.fixed()))
	return err == nil && len(found.files) == 0 && slices.ContainsFunc(found.folders, func(dir string) bool { return holds(dir, path) })
}

// holds reports whether reading a folder would read a file at path.
func holds(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return false
	}
	names := strings.Split(filepath.ToSlash(rel), "/")
	return !slices.ContainsFunc(names, isHidden) && !slices.ContainsFunc(names[:len(names)-1], isState)
}
