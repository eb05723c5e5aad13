package reader

import (
	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// A jsonWriter writes the nested values of a row as JSON. It walks over the values
// of each leaf once: what repeats at a field's own level is the field's next item,
// and what is null, or a list without items, has one value in each of its leaves.
type jsonWriter struct {
	row    parquet.Row
	at     []int // for each leaf the value of row that comes next
	end    []int // for each leaf the end of its values
	uneven bool  // some leaf had fewer values than the others
}

// append appends the value of f, a field at the top: an array, an object, a value
// or null.
func (w *jsonWriter) append(dst []byte, f *field) ([]byte, error) {
	dst = w.appendField(dst, f)
	for leaf := f.first; leaf < f.first+f.leaves; leaf++ {
		if w.uneven || w.at[leaf] != w.end[leaf] {
			return dst, errUneven
		}
	}
	return dst, nil
}

// peek returns the value of f's first leaf that comes next.
func (w *jsonWriter) peek(f *field) parquet.Value {
	if i := w.at[f.first]; i < w.end[f.first] {
		return w.row[i]
	}
	w.uneven = true
	return parquet.Value{}
}

// skip goes over the one value that each leaf of f has where f is null or empty.
func (w *jsonWriter) skip(f *field) {
	for leaf := f.first; leaf < f.first+f.leaves; leaf++ {
		w.at[leaf]++
	}
}

func (w *jsonWriter) appendField(dst []byte, f *field) []byte {
	if f.repeated {
		return w.appendItems(dst, f, f)
	}
	if f.optional && w.peek(f).DefinitionLevel() < f.def {
		w.skip(f)
		return append(dst, "null"...)
	}
	return w.appendPresent(dst, f)
}

// appendPresent appends one value of the field that is not null.
func (w *jsonWriter) appendPresent(dst []byte, f *field) []byte {
	switch f.kind {
	case leafField:
		v := w.peek(f)
		w.at[f.first]++
		return f.leaf.append(dst, v)
	case listField:
		return w.appendItems(dst, f.fields[0], f.element)
	case mapField:
		from := len(dst)
		dst = w.appendItems(dst, f.fields[0], f)
		if f.objectMap() {
			dst[from], dst[len(dst)-1] = '{', '}'
		}
		return dst
	}
	dst = append(dst, '{')
	for i, child := range f.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, child.quoted...), ':')
		dst = w.appendField(dst, child)
	}
	return append(dst, '}')
}

// appendItems appends an array of the items of the repeated field f. An item is
// written as element: f itself, the field that it wraps, or the map that it is of.
func (w *jsonWriter) appendItems(dst []byte, f, element *field) []byte {
	if w.peek(f).DefinitionLevel() < f.def {
		w.skip(f)
		return append(dst, '[', ']')
	}
	dst = append(dst, '[')
	for {
		switch {
		case element == f:
			dst = w.appendPresent(dst, f)
		case element.kind == mapField && element.fields[0] == f:
			dst = w.appendEntry(dst, element)
		default:
			dst = w.appendField(dst, element)
		}
		i := w.at[f.first]
		if i >= w.end[f.first] || w.row[i].RepetitionLevel() != f.rep {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// objectMap reports whether a map is written as an object, and not as pairs.
func (f *field) objectMap() bool { return f.fields[0].fields[0].leaf.typ == batch.String }

// appendEntry appends one entry of the map f.
func (w *jsonWriter) appendEntry(dst []byte, f *field) []byte {
	item, object := f.fields[0], f.objectMap()
	if !object {
		dst = append(dst, '[')
	}
	dst = w.appendPresent(dst, item.fields[0])
	if object {
		dst = append(dst, ':')
	} else {
		dst = append(dst, ',')
	}
	if len(item.fields) == 2 {
		dst = w.appendField(dst, item.fields[1])
	} else {
		dst = append(dst, "null"...)
	}
	if !object {
		dst = append(dst, ']')
	}
	return dst
}
