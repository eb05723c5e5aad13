package paths

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/store"
)

// This file collects the files of folders.

// isHidden reports whether a name is one of those that stand for no data, by Spark's rule: a
// folder that is named for a value may begin with an underscore.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") && !strings.Contains(name, "=") || strings.HasSuffix(name, "._COPYING_")
}

// isState reports whether a folder is where a job keeps its state, by its name.
func isState(name string) bool { return strings.HasSuffix(name, ".genbatch") }

// isTable reports whether a file's name says that it is a table, and of which format.
func isTable(path string) (format string, ok bool) {
	kind, err := fileformat.Of(path, "", "--input-format")
	return kind.Format, err == nil
}

// mayBeData reports whether a hidden file could be meant as one of an input. The files that
// macOS leaves beside others have names like theirs.
func mayBeData(name string, size int64) bool {
	_, ok := isTable(name)
	return ok && size > 0 && !strings.HasPrefix(name, "._")
}

// A walk collects the files of folders, and of the folders in them.
type walk struct {
	tree   tree
	format string // as the user gives it; may be empty
	root   string // the first folder
	files  []store.Info
	hidden string // the first hidden file that may be data
	notes  []string
}

func (w *walk) folder(dir string) error {
	if w.root == "" {
		w.root = dir
	}
	children, err := w.tree.list(dir)
	if err != nil {
		return err
	}
	for _, c := range children {
		path := store.Join(dir, c.name)
		switch {
		case c.name == "_delta_log" && c.isFolder && w.format != fileformat.Files:
			return &Error{Path: dir, Err: fmt.Errorf("is a Delta table, whose folder also has files with rows that were deleted; export it first, for example with DuckDB: COPY (FROM delta_scan('%s')) TO 'rows.parquet'", dir)}
		case isHidden(c.name):
			if !c.isFolder && w.hidden == "" && w.format != fileformat.Files && mayBeData(c.name, c.info.Size) {
				w.hidden = path
			}
		case c.isFolder && c.isLink:
			w.notes = append(w.notes, fmt.Sprintf("%s leads to another folder, which is not entered; name it with an --input of its own", path))
		case c.isFolder:
			if !isState(c.name) {
				if err := w.folder(path); err != nil {
					return err
				}
			}
		default:
			w.files = append(w.files, c.info)
		}
	}
	return nil
}

// tables returns the files that are to be read: those whose names say the format that the user
// gives, or if no name does, all of them. If the user gives none, all names that say a format
// must say the same.
func (w *walk) tables() ([]store.Info, error) {
	if w.format == fileformat.Files {
		if len(w.files) == 0 {
			return nil, &Error{Path: w.root, Err: errors.New("the folder has no files, other than such as begin with a dot or an underscore")}
		}
		return w.files, nil
	}
	byFormat := make(map[string][]store.Info)
	var formats []string
	for _, e := range w.files {
		if format, ok := isTable(e.Path); ok {
			if byFormat[format] == nil {
				formats = append(formats, format)
			}
			byFormat[format] = append(byFormat[format], e)
		}
	}
	if w.format != "" {
		if found := byFormat[w.format]; len(found) > 0 {
			return found, nil
		}
		if len(w.files) > 0 {
			return w.files, nil
		}
	}
	switch len(formats) {
	case 0:
		return nil, &Error{Path: w.root, Err: w.nothing()}
	case 1:
		return byFormat[formats[0]], nil
	}
	slices.Sort(formats)
	var each []string
	for _, format := range formats {
		each = append(each, fmt.Sprintf("%d of %s, such as %s", len(byFormat[format]), format, filepath.Base(byFormat[format][0].Path)))
	}
	return nil, &Error{Path: w.root, Err: fmt.Errorf("the folder has files of several formats: %s; say which are meant with --input-format, or by a glob such as %s",
		strings.Join(each, "; "), store.Join(store.Join(w.root, "**"), "*"+filepath.Ext(byFormat[formats[0]][0].Path)))}
}

// nothing says why no file is read.
func (w *walk) nothing() error {
	const known = "names end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, and in .gz or .zst after that"
	switch n := len(w.files); {
	case n > 0:
		return fmt.Errorf("the folder has no file of a kind that is read: %s; what it has, such as %s, is read if you say what it is with --input-format", known, filepath.Base(w.files[0].Path))
	case w.hidden != "":
		return fmt.Errorf("the folder has no files but such as are passed over, because their names begin with a dot or an underscore, such as %s; name those themselves", filepath.Base(w.hidden))
	}
	return errors.New("the folder has no files to read: " + known)
}
