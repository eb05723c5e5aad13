package draft

import (
	"slices"

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
	maxRow    = 64 << 20 // of one row; a longer one counts as bad
)

// A Sample is what a look at an input shows.
type Sample struct {
	Inputs []string // paths and globs, as the user gave them
	Format string   // as the user gave it; empty if the extension says it
	Files  []string // the files that they stand for
	Rows   int      // how many were looked at
	Bad    int      // how many of them cannot be read
	All    bool     // whether these are all rows of the input
	Notes  []string // what the user should know about how the files are read
	Fields []*Field // the columns, and what JSON objects in them hold
}

// Look looks at the first rows of an input: paths or globs, and the format where extensions
// do not say it. Its errors are of type *spec.Error.
func Look(inputs []string, format string) (*Sample, error) {
	if slices.Contains(inputs, "-") {
		return nil, spec.Errorf("save the rows to a file, and draft the job for that; a job then reads stdin with --input -", "stdin can be read only once, and a draft looks at the rows first")
	}
	in, err := reader.Open(reader.Config{Paths: inputs, Format: format, MaxRowBytes: maxRow})
	if err != nil {
		return nil, spec.Errorf("", "%w", err)
	}
	s := &Sample{Inputs: inputs, Format: format, Files: in.Paths(), Notes: in.Notes(), All: true}
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
			s.Bad++
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
