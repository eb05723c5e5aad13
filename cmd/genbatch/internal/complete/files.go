package complete

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
)

const stateFolder = ".genbatch" // the end of the names of state folders

// files returns a kind: the files that are accepted by their names, and the folders that may
// hold some.
func files(accept func(name string) bool) func(*line) []Candidate {
	return func(l *line) []Candidate { return l.list(l.current, accept) }
}

// ending returns a function that accepts names with one of these ends.
func ending(extensions ...string) func(string) bool {
	return func(name string) bool {
		name = strings.ToLower(name)
		return slices.ContainsFunc(extensions, func(e string) bool { return strings.HasSuffix(name, e) })
	}
}

func anyName(string) bool { return true }

func noName(string) bool { return false }

// isTable reports whether a file is a table by its name.
func isTable(name string) bool {
	_, err := fileformat.Of(name, "", "")
	return err == nil
}

// inputs returns the files that can be an input: tables, or any file where each is a row.
func inputs(l *line) []Candidate {
	if given := l.given["input-format"]; len(given) > 0 && strings.EqualFold(given[len(given)-1], fileformat.Files) {
		return l.list(l.current, anyName)
	}
	return l.list(l.current, isTable)
}

// list returns what lies in the folder that a path which is being typed begins with. Names
// that begin with a dot, and state folders, are there only if one begins to type them.
func (l *line) list(path string, accept func(name string) bool) (list []Candidate) {
	dir, base := "", path
	if i := lastSlash(path); i >= 0 {
		dir, base = path[:i+1], path[i+1:]
	}
	if path == "~" {
		return []Candidate{{Value: "~/", Open: true}}
	}
	entries, err := os.ReadDir(l.folder(dir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(l.folder(dir), name))
			isDir = err == nil && info.IsDir()
		}
		switch {
		case isDir && strings.HasSuffix(name, stateFolder) && (base == "" || !strings.HasPrefix(name, base) || len(base) <= len(name)-len(stateFolder)):
		case isDir:
			list = append(list, Candidate{Value: dir + name + "/", Open: true})
		case accept(name):
			list = append(list, Candidate{Value: dir + name})
		}
	}
	return list
}

// lastSlash returns the place of the last separator in a path, or -1.
func lastSlash(path string) int {
	if os.PathSeparator == '\\' {
		return strings.LastIndexAny(path, `/\`)
	}
	return strings.LastIndexByte(path, '/')
}

// folder returns the path of a folder as the system knows it.
func (l *line) folder(dir string) string {
	first, rest, _ := strings.Cut(dir, "/")
	switch name, isVariable := strings.CutPrefix(first, "$"); {
	case dir == "":
		return "."
	case first == "~":
		return filepath.Join(l.Env("HOME"), rest)
	case isVariable && l.Env(name) != "": // as shells read it
		return filepath.Join(l.Env(name), rest)
	}
	return dir
}

// outputs returns the outputs of runs: what a state folder stands beside. The output itself
// is there only when its run has finished.
func (l *line) outputs() (list []Candidate) {
	dir := ""
	if i := lastSlash(l.current); i >= 0 {
		dir = l.current[:i+1]
	}
	entries, _ := os.ReadDir(l.folder(dir))
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), stateFolder); ok && e.IsDir() && name != "" {
			c := Candidate{Value: dir + name, Note: "output of a run"}
			if _, err := os.Stat(filepath.Join(l.folder(dir), name)); err != nil {
				c.Note = "run that is not finished"
			}
			list = append(list, c)
		}
	}
	return list
}

// states returns state folders, and the folders that may hold some.
func (l *line) states() []Candidate {
	list := l.list(l.current, noName)
	for _, c := range l.outputs() {
		list = append(list, Candidate{Value: c.Value + stateFolder, Note: "state folder"})
	}
	return list
}

// fromFile returns a kind for texts that @FILE takes from a file.
func fromFile(accept func(string) bool, otherwise func(*line) []Candidate) func(*line) []Candidate {
	return func(l *line) []Candidate {
		path, ok := strings.CutPrefix(l.current, "@")
		if !ok {
			return otherwise(l)
		}
		list := l.list(path, accept)
		for i := range list {
			list[i].Value = "@" + list[i].Value
		}
		return list
	}
}
