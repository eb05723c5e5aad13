package reader

import (
	"bytes"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// A jsonWriter writes the nested values of rows as JSON. It keeps its buffers from
// one value to the next.
type jsonWriter struct {
	buf   []byte
	spans [][]parquet.Value // room for appendItems
}

// text returns the field's value in one record; values are its leaves'.
func (w *jsonWriter) text(f *field, values [][]parquet.Value) []byte {
	const keep = 1 << 20 // one long value must not hold its memory to the end
	w.buf = w.append(w.buf[:0], f, values)
	text := bytes.Clone(w.buf)
	if cap(w.buf) > keep {
		w.buf = nil
	}
	return text
}

// append appends the field's value: an array, a value or null.
func (w *jsonWriter) append(dst []byte, f *field, values [][]parquet.Value) []byte {
	if f.repeated {
		return w.appendItems(dst, f, f, values)
	}
	if f.optional && values[0][0].DefinitionLevel() < f.def {
		return append(dst, "null"...)
	}
	return w.appendPresent(dst, f, values)
}

// appendPresent appends one value of the field that is not null.
func (w *jsonWriter) appendPresent(dst []byte, f *field, values [][]parquet.Value) []byte {
	switch f.kind {
	case leafField:
		return f.leaf.append(dst, values[0][0])
	case listField:
		return w.appendItems(dst, f.fields[0], f.element, values)
	case mapField:
		return w.appendMap(dst, f, values)
	}
	dst = append(dst, '{')
	for i, child := range f.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, child.quoted...), ':')
		dst = w.append(dst, child, values[:child.leaves])
		values = values[child.leaves:]
	}
	return append(dst, '}')
}

// isWrapper reports whether the repeated field of a list only wraps the element,
// as it does in all but the oldest files.
// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#backward-compatibility-rules
func (f *field) isWrapper(list string) bool {
	return f.kind != leafField && len(f.fields) == 1 && f.name != "array" && f.name != list+"_tuple"
}

// appendMap appends a map: an object, or pairs where the keys are no strings.
func (w *jsonWriter) appendMap(dst []byte, f *field, values [][]parquet.Value) []byte {
	from := len(dst)
	dst = w.appendItems(dst, f.fields[0], f, values)
	if f.objectMap() {
		dst[from], dst[len(dst)-1] = '{', '}'
	}
	return dst
}

// objectMap reports whether a map can be an object.
func (f *field) objectMap() bool { return f.fields[0].fields[0].leaf.typ == batch.String }

// appendEntry appends one entry of the map f.
func (w *jsonWriter) appendEntry(dst []byte, f *field, values [][]parquet.Value) []byte {
	item, object := f.fields[0], f.objectMap()
	if !object {
		dst = append(dst, '[')
	}
	dst = w.appendPresent(dst, item.fields[0], values[:1])
	if object {
		dst = append(dst, ':')
	} else {
		dst = append(dst, ',')
	}
	if len(item.fields) == 2 {
		dst = w.append(dst, item.fields[1], values[1:])
	} else {
		dst = append(dst, "null"...)
	}
	if !object {
		dst = append(dst, ']')
	}
	return dst
}

// appendItems appends an array of the items of the repeated field f. An item is
// written as element: f itself, the field that it wraps, or the map that it is of.
func (w *jsonWriter) appendItems(dst []byte, f, element *field, values [][]parquet.Value) []byte {
	dst = append(dst, '[')
	if values[0][0].DefinitionLevel() < f.def {
		return append(dst, ']')
	}
	if element.kind == leafField && (element == f || !element.repeated) {
		for i, v := range values[0] {
			if i > 0 {
				dst = append(dst, ',')
			}
			if element.optional && v.DefinitionLevel() < element.def {
				dst = append(dst, "null"...)
			} else {
				dst = element.leaf.append(dst, v)
			}
		}
		return append(dst, ']')
	}
	// The first item begins with the slot, each further one where a value repeats at
	// this field's own level.
	n, begin := len(values), len(w.spans)
	w.spans = append(append(w.spans, values...), values...)
	rest, item := w.spans[begin:begin+n:begin+n], w.spans[begin+n:begin+2*n:begin+2*n]
	for first := true; len(rest[0]) > 0; first = false {
		for leaf, v := range rest {
			end := 1
			for end < len(v) && v[end].RepetitionLevel() > f.rep {
				end++
			}
			item[leaf], rest[leaf] = v[:end], v[end:]
		}
		if !first {
			dst = append(dst, ',')
		}
		switch {
		case element == f:
			dst = w.appendPresent(dst, f, item)
		case element.kind == mapField && element.fields[0] == f:
			dst = w.appendEntry(dst, element, item)
		default:
			dst = w.append(dst, element, item)
		}
	}
	w.spans = w.spans[:begin]
	return append(dst, ']')
}
