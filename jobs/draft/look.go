package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// How much of an input is looked at. It takes a second, and shows the labels of a file that
// is not sorted by them.
const (
	maxRows   = 10_000
	maxBytes  = 64 << 20 // of cells
	maxFields = 500
	maxFiles  = 500      // for their encoding, where each is a row
	maxRow    = 64 << 20 // of one row; a longer one counts as bad
)

// A Sample is what a look at an input shows.
type Sample struct {
	Reads  spec.Spec // what describes the input: as the user says, and by what the files show
	Files  []string  // the files that paths and globs stand for
	Rows   int       // how many were looked at
	Bad    int       // how many of them cannot be read
	All    bool      // whether these are all rows of the input
	Notes  []string  // what the user should know about how the files are read
	Fields []*Field  // the columns, and what JSON objects in them hold

	finds  []find // the settings that were taken from the files
	badRow string // the error of one that cannot be read
}

// Look looks at the first rows of an input, as a Spec describes it: its paths or globs, their
// format, and how text files are written. What the Spec leaves out of the latter is taken from
// the files, as far as they show it. The errors of Look are of type *spec.Error.
func Look(reads spec.Spec) (*Sample, error) {
	if slices.Contains(reads.Input, "-") {
		return nil, spec.Errorf("save the rows to a file, and draft the job for that; a job then reads stdin with --input -", "stdin can be read only once, and a draft looks at the rows first")
	}
	if err := spec.CheckText(&reads); err != nil {
		return nil, err
	}
	first := &Sample{Reads: reads}
	first.guessEncoding()
	first.findDelimiter()
	s, err := look(first.Reads)
	if err != nil {
		return nil, err
	}
	s.finds = first.finds
	s = s.tryEscape()
	for _, f := range s.finds {
		s.Notes = append(s.Notes, fmt.Sprintf("%s; the job file has %s: %s", f.reason, f.key, s.textSetting(f.key)))
	}
	return s, nil
}

// look reads the first rows of an input, as a Spec describes it.
func look(reads spec.Spec) (*Sample, error) {
	config := spec.ReaderConfig(&reads, reads.Input)
	config.MaxRowBytes = maxRow
	in, err := reader.Open(config)
	if err != nil {
		return nil, spec.Errorf("", "%w", err)
	}
	s := &Sample{Reads: reads, Files: in.Paths(), Notes: in.Notes(), All: true}
	fields := make(map[string]*Field)
	for _, c := range in.Columns() { // of a table without rows, too
		s.add(fields, c.Name, []string{c.Name}, c.Type)
	}
	size := 0
	for row, err := range in.Rows() {
		if err != nil {
			return nil, spec.Errorf("", "%w", err)
		}
		if s.Rows == maxRows || size > maxBytes {
			s.All = false
			break
		}
		s.Rows++
		if row.Err != nil {
			if s.Bad++; s.badRow == "" || strings.Contains(row.Err.Error(), "--escape") {
				s.badRow = row.Err.Error()
			}
			continue
		}
		for i, c := range row.Columns {
			size += s.see(fields, []string{c.Name}, c.Type, row.Values[i])
		}
	}
	return s, nil
}

// add returns the field at a path, which begins with a column.
func (s *Sample) add(fields map[string]*Field, name string, path []string, t batch.Type) *Field {
	id := pathID(path)
	f, ok := fields[id]
	if !ok && len(fields) < maxFields {
		f = newField(name, slices.Clone(path), t)
		fields[id] = f
		s.Fields = append(s.Fields, f)
	}
	return f
}

// Columns returns the names of the input's own columns, as far as they were seen.
func (s *Sample) Columns() (names []string) {
	for _, f := range s.Fields {
		if len(f.path) == 1 {
			names = append(names, f.path[0])
		}
	}
	return names
}

// Field returns the field that a user names: a column by its name, or what an object in a
// column holds by names with points between them.
func (s *Sample) Field(name string) *Field {
	for _, nested := range []bool{false, true} {
		for _, f := range s.Fields {
			if (len(f.path) > 1) == nested && spec.SameText(f.Name, name) {
				return f
			}
		}
	}
	return nil
}

// field returns the field at a path. It is nil if there is none.
func (s *Sample) field(path ...string) *Field {
	i := slices.IndexFunc(s.Fields, func(f *Field) bool { return slices.Equal(f.path, path) })
	if i < 0 {
		return nil
	}
	return s.Fields[i]
}
