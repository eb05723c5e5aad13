package reader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/genbatch/genbatch/batch"
)

// openParquet reads the footer and the schema.
func (f *file) openParquet() error {
	p, err := openParquet(f.path)
	if err != nil {
		return err
	}
	defer p.Close()
	f.columns = p.columns
	return nil
}

// A parquetFile is an open Parquet file.
type parquetFile struct {
	*os.File
	groups  []parquet.RowGroup
	columns []batch.Column
	fields  []*field // parallel to columns
	leaves  int
}

func openParquet(path string) (p *parquetFile, err error) {
	raw, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()
	info, err := raw.Stat()
	if err != nil {
		return nil, plainPathError(err)
	}
	if err := checkFooter(raw, info.Size()); err != nil {
		return nil, err
	}
	p = &parquetFile{File: raw}
	err = guard(func() error {
		pf, err := parquet.OpenFile(raw, info.Size(), &parquet.FileConfig{
			SkipPageIndex:    true,
			SkipBloomFilters: true,
			ReadBufferSize:   32 << 10,
		})
		if err != nil {
			if strings.Contains(err.Error(), "DecryptionConfig") {
				return errEncrypted
			}
			return err
		}
		meta := pf.Metadata()
		if meta.EncryptionAlgorithm.Value != nil {
			return errEncrypted
		}
		p.groups = pf.RowGroups()
		rows := int64(0)
		for _, g := range p.groups {
			rows += g.NumRows()
		}
		if n := pf.NumRows(); n != rows && n != 0 { // some programs leave it at 0
			return fmt.Errorf("it counts %d rows in all, and %d in its row groups", n, rows)
		}
		element := 1 // the root is the first
		for _, c := range pf.Root().Columns() {
			fd, err := newField(c, meta.Schema, &element)
			if err != nil {
				return fmt.Errorf("column %q: %w", c.Name(), err)
			}
			if slices.ContainsFunc(p.columns, func(other batch.Column) bool { return other.Name == c.Name() }) {
				return fmt.Errorf("two columns are named %q", c.Name())
			}
			fd.first = p.leaves
			p.leaves += fd.leaves
			p.fields = append(p.fields, fd)
			column := batch.Column{Name: c.Name(), Type: batch.JSON, Native: c}
			if fd.scalar() {
				column.Type = fd.leaf.typ
				if fd.leaf.widened {
					column.Native = nil
				}
			}
			p.columns = append(p.columns, column)
		}
		if len(p.columns) == 0 {
			return errors.New("the schema has no columns")
		}
		return nil
	})
	if err == errEncrypted {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("the Parquet footer is damaged or not supported: %w", err)
	}
	return p, nil
}

func (f *file) rowsParquet(yield func(batch.Row) bool) error {
	p, err := openParquet(f.path)
	if err != nil {
		return err
	}
	defer p.Close()
	if !sameColumns(p.columns, f.columns) {
		return errors.New("the schema has changed since the file was opened")
	}
	p.columns = f.columns // shared by the rows of every pass

	// Few rows at a time: one of them may be very long.
	buf := make([]parquet.Row, 32)
	spans := make([][]parquet.Value, p.leaves)
	var done int64 // rows of the groups before
	for _, group := range p.groups {
		rows := group.Rows()
		var n int64 // rows of this group
		for eof := false; !eof; {
			var out []batch.Row
			err := guard(func() error {
				got, err := rows.ReadRows(buf)
				eof = err == io.EOF
				if err != nil && !eof {
					return err
				}
				if got == 0 && !eof {
					return io.ErrNoProgress
				}
				for _, r := range buf[:got] {
					row, err := p.row(r.Clone(), spans)
					if err != nil {
						return err
					}
					out = append(out, row)
				}
				return nil
			})
			if err == nil && eof && n+int64(len(out)) != group.NumRows() {
				err = fmt.Errorf("a row group has %d rows where the footer says %d", n+int64(len(out)), group.NumRows())
			}
			if err != nil {
				guard(rows.Close)
				return &Error{File: f.path, Line: done + n + 1, Err: fmt.Errorf("the Parquet data is damaged at or after this row: %w", err)}
			}
			for _, row := range out {
				n++
				row.Line = done + n
				var bad *Error
				if errors.As(row.Err, &bad) {
					bad.File, bad.Line = f.path, row.Line
				}
				if !yield(row) {
					guard(rows.Close)
					return nil
				}
			}
		}
		done += n
		if err := guard(rows.Close); err != nil {
			return err
		}
	}
	return nil
}

// row turns r, which it keeps, into a row. spans is room for one slice a leaf.
func (p *parquetFile) row(r parquet.Row, spans [][]parquet.Value) (batch.Row, error) {
	i := 0
	for leaf := range spans {
		from := i
		for i < len(r) && r[i].Column() == leaf {
			i++
		}
		if from == i {
			return batch.Row{}, errors.New("a column has fewer rows than the others")
		}
		spans[leaf] = r[from:i]
	}
	row := batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Native: r}
	for i, fd := range p.fields {
		values := spans[fd.first : fd.first+fd.leaves]
		if !fd.scalar() {
			if text := fd.appendJSON(nil, values); string(text) != "null" {
				row.Values[i] = json.RawMessage(text)
			}
			continue
		}
		v := values[0][0]
		if v.IsNull() {
			continue
		}
		row.Values[i] = fd.leaf.value(v)
		if s, ok := row.Values[i].(string); ok && !utf8.ValidString(s) {
			row.Values[i] = nil
			row.Err = &Error{Err: fmt.Errorf("column %q is not UTF-8", p.columns[i].Name)}
		}
	}
	return row, nil
}

// sameNative reports whether two Native values of columns are the same type.
func sameNative(a, b any) bool {
	na, ok1 := a.(parquet.Node)
	nb, ok2 := b.(parquet.Node)
	return ok1 && ok2 && (a == b || parquet.EqualNodes(na, nb))
}

// optionalNative returns the node that can also be null.
func optionalNative(native any) any {
	if n, ok := native.(parquet.Node); ok && n.Required() {
		return parquet.Optional(n)
	}
	return native
}

// A field is a node of the schema: a leaf, or a group of fields.
type field struct {
	name     string
	kind     fieldKind
	optional bool
	repeated bool
	rep, def int      // the highest levels at this node
	first    int      // its first leaf, counted in the row; set at the top only
	leaves   int      // how many leaves it has
	fields   []*field // of a group
	leaf     leaf     // of a leaf
}

type fieldKind uint8

const (
	leafField   fieldKind = iota
	structField           // an object
	listField             // LIST: its only field is repeated
	mapField              // MAP: its only field is repeated, and has a key and mostly a value
)

// scalar reports whether the field has one value a row, or null.
func (f *field) scalar() bool { return f.kind == leafField && !f.repeated }

// newField describes c; elements is the footer's list of nodes, depth first, in
// which c is number *at.
func newField(c *parquet.Column, elements []format.SchemaElement, at *int) (*field, error) {
	element := &elements[*at]
	*at++
	f := &field{
		name: c.Name(), optional: c.Optional(), repeated: c.Repeated(),
		rep: c.MaxRepetitionLevel(), def: c.MaxDefinitionLevel(), leaves: 1,
	}
	if c.Leaf() {
		var err error
		f.leaf, err = newLeaf(c.Type(), element)
		return f, err
	}
	f.kind, f.leaves = structField, 0
	for _, child := range c.Columns() {
		field, err := newField(child, elements, at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", child.Name(), err)
		}
		f.fields = append(f.fields, field)
		f.leaves += field.leaves
	}
	if f.leaves == 0 {
		return nil, errors.New("a group without fields is not supported")
	}
	if len(f.fields) == 1 && f.fields[0].repeated {
		switch item := f.fields[0]; logical(c.Type()).(type) {
		case *format.ListType:
			f.kind = listField
		case *format.MapType:
			if item.kind != leafField && len(item.fields) <= 2 && !item.fields[0].optional && item.fields[0].scalar() {
				f.kind = mapField
			}
		}
	}
	return f, nil
}

// appendJSON appends the field's value in one record; values are its leaves'.
func (f *field) appendJSON(dst []byte, values [][]parquet.Value) []byte {
	if f.repeated {
		return f.appendItems(dst, values, f.appendPresent)
	}
	if f.optional && values[0][0].DefinitionLevel() < f.def {
		return append(dst, "null"...)
	}
	return f.appendPresent(dst, values)
}

// appendPresent appends one value of the field that is not null.
func (f *field) appendPresent(dst []byte, values [][]parquet.Value) []byte {
	switch f.kind {
	case leafField:
		return appendScalar(dst, f.leaf.value(values[0][0]))
	case listField:
		item := f.fields[0]
		element := item.appendPresent
		if item.isWrapper(f.name) {
			element = item.fields[0].appendJSON
		}
		return item.appendItems(dst, values, element)
	case mapField:
		return f.appendMap(dst, values)
	}
	dst = append(dst, '{')
	for i, child := range f.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendScalar(dst, child.name), ':')
		dst = child.appendJSON(dst, values[:child.leaves])
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
func (f *field) appendMap(dst []byte, values [][]parquet.Value) []byte {
	item := f.fields[0]
	key := item.fields[0]
	object := key.leaf.typ == batch.String
	from := len(dst)
	dst = item.appendItems(dst, values, func(dst []byte, values [][]parquet.Value) []byte {
		if !object {
			dst = append(dst, '[')
		}
		dst = key.appendPresent(dst, values[:1])
		if object {
			dst = append(dst, ':')
		} else {
			dst = append(dst, ',')
		}
		if len(item.fields) == 2 {
			dst = item.fields[1].appendJSON(dst, values[1:])
		} else {
			dst = append(dst, "null"...)
		}
		if !object {
			dst = append(dst, ']')
		}
		return dst
	})
	if object {
		dst[from], dst[len(dst)-1] = '{', '}'
	}
	return dst
}

// appendItems appends an array of what element makes of each item of the
// repeated field f.
func (f *field) appendItems(dst []byte, values [][]parquet.Value, element func([]byte, [][]parquet.Value) []byte) []byte {
	dst = append(dst, '[')
	if values[0][0].DefinitionLevel() >= f.def {
		// The first item begins with the slot, each further one where a value
		// repeats at this field's own level.
		rest := slices.Clone(values)
		item := make([][]parquet.Value, len(values))
		for n := 0; len(rest[0]) > 0; n++ {
			for leaf, v := range rest {
				end := 1
				for end < len(v) && v[end].RepetitionLevel() > f.rep {
					end++
				}
				item[leaf], rest[leaf] = v[:end], v[end:]
			}
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = element(dst, item)
		}
	}
	return append(dst, ']')
}

// A leaf is a column of scalars.
type leaf struct {
	typ     batch.Type
	value   func(parquet.Value) any // of a value that is not null
	widened bool                    // the library cannot write the type, so that Native is of no use
}

// newLeaf says what the values of type t become in a row.
func newLeaf(t parquet.Type, element *format.SchemaElement) (leaf, error) {
	if _, ok := element.LogicalType.Value.(*format.Float16Type); ok {
		return leaf{batch.Float, func(v parquet.Value) any { return float16(v.ByteArray()) }, true}, nil
	}
	if t.Kind() < 0 { // the library's type for NULL, and for what it does not know
		if _, ok := element.LogicalType.Value.(*format.NullType); !ok {
			return leaf{}, errors.New("the type is not known")
		}
		return leaf{typ: batch.String, value: func(parquet.Value) any { return nil }}, nil
	}
	switch lt := logical(t).(type) {
	case *format.StringType, *format.EnumType:
		return leaf{typ: batch.String, value: func(v parquet.Value) any { return string(v.ByteArray()) }}, nil
	case *format.JsonType:
		return leaf{typ: batch.JSON, value: func(v parquet.Value) any { return rawJSON(v.ByteArray()) }}, nil
	case *format.UUIDType:
		return leaf{typ: batch.String, value: func(v parquet.Value) any { return uuidText(v.ByteArray()) }}, nil
	case *format.DecimalType:
		return decimalLeaf(t.Kind(), lt)
	case *format.DateType:
		return leaf{typ: batch.String, value: func(v parquet.Value) any { return dateText(v.Int32()) }}, nil
	case *format.TimeType:
		unit, err := timeUnit(lt.Unit.String())
		return leaf{typ: batch.String, value: func(v parquet.Value) any { return timeText(integer(v), unit) }}, err
	case *format.TimestampType:
		unit, err := timeUnit(lt.Unit.String())
		return leaf{typ: batch.String, value: func(v parquet.Value) any {
			return timestampText(integer(v), unit, lt.IsAdjustedToUTC)
		}}, err
	case *format.IntType:
		if !lt.IsSigned {
			return leaf{typ: batch.Int, value: func(v parquet.Value) any {
				if v.Kind() == parquet.Int32 {
					return int64(v.Uint32())
				}
				return uintValue(v.Uint64())
			}}, nil
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return leaf{typ: batch.Bool, value: func(v parquet.Value) any { return v.Boolean() }}, nil
	case parquet.Int32, parquet.Int64:
		return leaf{typ: batch.Int, value: func(v parquet.Value) any { return integer(v) }}, nil
	case parquet.Int96:
		return leaf{typ: batch.String, value: func(v parquet.Value) any {
			n := v.Int96()
			return int96Text(n[2], uint64(n[1])<<32|uint64(n[0]))
		}}, nil
	case parquet.Float:
		return leaf{typ: batch.Float, value: func(v parquet.Value) any { return float32Value(v.Float()) }}, nil
	case parquet.Double:
		return leaf{typ: batch.Float, value: func(v parquet.Value) any { return v.Double() }}, nil
	}
	return leaf{typ: batch.Bytes, value: func(v parquet.Value) any { return v.ByteArray() }}, nil
}

func decimalLeaf(kind parquet.Kind, d *format.DecimalType) (leaf, error) {
	const maxPrecision = 1000 // a damaged footer must not ask for a billion zeros
	scale := int(d.Scale)
	if scale < 0 || scale > int(d.Precision) || d.Precision > maxPrecision {
		return leaf{}, fmt.Errorf("a DECIMAL of precision %d with scale %d is not supported", d.Precision, d.Scale)
	}
	if kind == parquet.Int32 || kind == parquet.Int64 {
		return leaf{typ: batch.Float, value: func(v parquet.Value) any {
			return decimalText(strconv.FormatInt(integer(v), 10), scale)
		}}, nil
	}
	return leaf{typ: batch.Float, value: func(v parquet.Value) any {
		return decimalText(bigEndian(v.ByteArray()).String(), scale)
	}}, nil
}

// logical returns the logical type of t, nil when it has none.
func logical(t parquet.Type) format.LogicalTypeValue {
	if lt := t.LogicalType(); lt != nil {
		return lt.Value
	}
	return nil
}

// integer returns the value of an INT32 or INT64.
func integer(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}
