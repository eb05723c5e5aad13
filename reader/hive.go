package reader

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader/internal/paths"
)

// This file makes columns of folders that are named for a value, such as year=2026, as Hive,
// Spark and others write tables.
//
// What a name means is what DuckDB takes it for, except in a few places where that loses
// something: a key is decoded as its value is, the text NULL is no null, and an integer is one
// only if it is written as integers are, so that -05 and 0x10 stay as they are. Columns come
// in the order of the folders, as Spark and Arrow have them. Dates stay texts, which is what
// rows have for dates of Parquet, too.

// nullFolder is what stands for null in the name of a folder.
const nullFolder = "__HIVE_DEFAULT_PARTITION__"

// A part is what one folder says about the rows below it.
type part struct {
	folder     string // as it is written
	key, value string
	null       bool
}

// A hive is what folders say about the rows of a file.
type hive struct {
	parts   []part
	columns []batch.Column // of the parts
	values  []any          // parallel to columns
	seen    []string       // names in the first rows of a JSONL file, if there are parts
}

// percentDecoded decodes %2F and the like. A percent sign before anything else is itself.
func percentDecoded(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// newHive returns what folders say, outermost first. Those that are not named for a value say
// nothing.
func newHive(folders []string) (h hive, err error) {
	for _, folder := range folders {
		if !paths.IsPartition(folder) {
			continue
		}
		key, value, _ := strings.Cut(folder, "=")
		p := part{folder: folder, key: percentDecoded(key), value: percentDecoded(value), null: value == nullFolder}
		for _, text := range []string{p.key, p.value} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return h, fmt.Errorf("the folder %q is named for a value that is no UTF-8; rename it", folder)
			}
		}
		if i := slices.IndexFunc(h.parts, func(o part) bool { return o.key == p.key }); i >= 0 {
			return h, fmt.Errorf("the folders %s and %s both say the column %q; rename one of them", h.parts[i].folder, folder, p.key)
		}
		h.parts = append(h.parts, p)
	}
	return h, nil
}

// keys returns the names of the columns.
func (h *hive) keys() (keys []string) {
	for _, p := range h.parts {
		keys = append(keys, p.key)
	}
	return keys
}

// checkKeys returns an error if not all files that one path of the input stands for are in
// folders of the same keys.
func checkKeys(path string, files []*file) error {
	if len(files) == 0 {
		return nil
	}
	first := files[0].hive.keys()
	for _, f := range files[1:] {
		keys := f.hive.keys()
		if len(keys) == len(first) && !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(first, k) }) {
			continue
		}
		return &Error{File: path, Err: fmt.Errorf("the folders of %s name %s, and those of %s %s; give each kind of folder an --input of its own, or name what is meant by a glob",
			files[0].path, columnsNamed(first), f.path, columnsNamed(keys))}
	}
	return nil
}

func columnsNamed(keys []string) string {
	switch len(keys) {
	case 0:
		return "no column"
	case 1:
		return "the column " + strconv.Quote(keys[0])
	}
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = strconv.Quote(k)
	}
	return "the columns " + strings.Join(quoted[:len(keys)-1], ", ") + " and " + quoted[len(keys)-1]
}

// typeHives gives each file the columns and values that its folders say. A column is one of
// integers if all its values are, in all files, so that its type does not depend on the file.
func typeHives(files []*file) {
	isText := make(map[string]bool)
	hasValue := make(map[string]bool)
	for _, f := range files {
		for _, p := range f.hive.parts {
			if !p.null {
				hasValue[p.key] = true
				isText[p.key] = isText[p.key] || !isInteger(p.value)
			}
		}
	}
	var shared []batch.Column // of the file before, mostly
	for _, f := range files {
		h := &f.hive
		for _, p := range h.parts {
			c, v := batch.Column{Name: p.key, Type: batch.String}, any(p.value)
			if hasValue[p.key] && !isText[p.key] {
				c.Type = batch.Int
				v, _ = strconv.ParseInt(p.value, 10, 64)
			}
			if p.null {
				v = nil
			}
			h.columns, h.values = append(h.columns, c), append(h.values, v)
		}
		if slices.Equal(h.columns, shared) {
			h.columns = shared
		}
		shared = h.columns
	}
}

// isInteger reports whether a text is an integer of 64 bits as integers are written, which
// loses nothing if it is read as one.
func isInteger(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

// notes returns what the user may not expect of the columns of a file, of which own are those
// in it.
func (h *hive) notes(own []batch.Column) (notes []string) {
	for _, c := range h.columns {
		if slices.ContainsFunc(own, func(o batch.Column) bool { return o.Name == c.Name }) || slices.Contains(h.seen, c.Name) {
			notes = append(notes, fmt.Sprintf("the column %q stands in the file and in the folders' names, which count", c.Name))
		}
	}
	return notes
}

// see takes note of columns in the first rows of a file.
func (h *hive) see(columns []batch.Column) {
	for _, c := range columns {
		if len(h.parts) > 0 && !slices.Contains(h.seen, c.Name) {
			h.seen = append(h.seen, c.Name)
		}
	}
}

// A joint is the columns of a file joined with those of its folders. A column of both has its
// place in the file, and the type that the folders give it.
type joint struct {
	columns []batch.Column
	at      []int // where each of the folders' columns stands
	inFile  bool  // some of them stands in the file
	plain   bool  // the columns have lost their native form
}

func newJoint(own, added []batch.Column) *joint {
	j := &joint{columns: slices.Grow(slices.Clone(own), len(added))}
	for _, c := range added {
		i := slices.IndexFunc(own, func(o batch.Column) bool { return o.Name == c.Name })
		if i < 0 {
			i = len(j.columns)
			j.columns = append(j.columns, c)
		} else {
			// The native form of a row counts on as many leaves as the file has.
			j.inFile, j.plain = true, j.plain || own[i].Type == batch.JSON && own[i].Native != nil
			j.columns[i] = c
		}
		j.at = append(j.at, i)
	}
	if j.plain {
		for i := range j.columns {
			j.columns[i].Native = nil
		}
	}
	return j
}

// A joiner adds what a file's folders say to its rows.
type joiner struct {
	*hive
	last  []batch.Column // those of the row before
	joint *joint
}

func (j *joiner) join(r *batch.Row) {
	if len(j.columns) == 0 {
		return
	}
	if j.joint == nil || !sameSlice(r.Columns, j.last) {
		j.last, j.joint = r.Columns, newJoint(r.Columns, j.columns)
	}
	values := make([]any, len(j.joint.columns))
	copy(values, r.Values)
	for i, at := range j.joint.at {
		values[at] = j.values[i]
	}
	r.Columns, r.Values = j.joint.columns, values
	if j.joint.plain {
		r.Native = nil
	}
	switch {
	case r.Raw == nil:
	case j.joint.inFile:
		r.Raw = nil
	default:
		r.Beside = len(j.columns)
	}
}
