package reader

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/reader/internal/columnname"
	"github.com/genbatch/genbatch/reader/internal/pages"
)

// This file opens Parquet files and knows their schema: which column becomes which type
// of a row, and how a scalar of each type is converted.

// openParquet reads the footer, the schema and, of a file, the headers of all pages, so that
// what cannot be read is known before the first row is.
func (f *file) openParquet() error {
	p, err := openParquet(f.path)
	if err != nil {
		return err
	}
	defer p.Close()
	f.columns = p.columns
	for _, g := range p.groups {
		f.count += g.NumRows
	}
	if p.renamed != "" {
		f.note("in the schema, %s", p.renamed)
	}
	if store.IsAddress(f.path) {
		return nil // the headers stand all over the object, which would be fetched whole
	}
	return p.checkPages(f.maxPage())
}

// maxPage returns how large a page may be, in bytes. A page mostly holds many rows, so
// that a low limit for rows does not hold for it.
func (f *file) maxPage() int64 { return int64(max(f.max, DefaultMaxRowBytes)) }

// A parquetFile is an open Parquet file.
type parquetFile struct {
	store.File
	size    int64
	groups  []format.RowGroup
	columns []batch.Column
	fields  []*field // parallel to columns
	leaves  []*field // of all fields
	nested  bool     // some field is not a scalar
	renamed string   // what was said of names that had to be changed
}

// parquetConfig leaves out the parts of a file that only a search needs.
func parquetConfig() *parquet.FileConfig {
	return &parquet.FileConfig{
		SkipPageIndex:    true,
		SkipBloomFilters: true,
		ReadBufferSize:   32 << 10,
	}
}

// openParquet opens the file at path and describes its columns.
func openParquet(path string) (p *parquetFile, err error) {
	raw, info, err := store.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()
	if err := checkFooter(raw, info.Size); err != nil {
		return nil, err
	}
	p = &parquetFile{File: raw, size: info.Size}
	err = guard(func() error {
		pf, err := parquet.OpenFile(raw, info.Size, parquetConfig())
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
		p.groups = meta.RowGroups
		rows := int64(0)
		for _, g := range p.groups {
			rows += g.NumRows
		}
		if n := pf.NumRows(); n != rows && n != 0 { // some programs write 0
			return fmt.Errorf("it counts %d rows in all, and %d in its row groups", n, rows)
		}
		element := 1 // element 0 is the root
		for _, c := range pf.Root().Columns() {
			fd, err := newField(c, "", meta.Schema, &element)
			if err != nil {
				return fmt.Errorf("column %q: %w", c.Name(), err)
			}
			p.leaves = fd.appendLeaves(p.leaves)
			p.nested = p.nested || !fd.scalar()
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
		p.nameColumns()
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

// nameColumns gives each column a name of its own, which the schema need not do.
func (p *parquetFile) nameColumns() {
	written := make([]string, len(p.columns))
	for i, c := range p.columns {
		written[i] = c.Name
	}
	var unique []string
	unique, p.renamed = columnname.Unique(written)
	for i, name := range unique {
		p.columns[i].Name = name
	}
}

// checkPages reads the headers of all pages, none of which may be larger than limit.
func (p *parquetFile) checkPages(limit int64) error {
	const columns = 4 // how many columns may have pages of the largest size
	return guard(func() error {
		for i := range p.groups {
			chunks, err := p.chunks(i, limit)
			if err != nil {
				return err
			}
			var total int64
			for _, c := range chunks {
				n, err := c.Check()
				if _, large := errors.AsType[*pages.SizeError](err); large {
					return fmt.Errorf("row group %d: %w; --max-row-bytes allows more, or write the file anew with smaller pages, for example with DuckDB: COPY (FROM 'in.parquet') TO 'out.parquet'", i+1, err)
				}
				if err != nil {
					return fmt.Errorf("row group %d: the Parquet data are damaged or not supported: %w", i+1, err)
				}
				total += n
			}
			if total > columns*limit {
				return fmt.Errorf("row group %d: its columns have pages that take %d bytes together, more than the %d that are allowed; "+
					"--max-row-bytes %d allows them, or write the file anew with smaller pages, for example with DuckDB: COPY (FROM 'in.parquet') TO 'out.parquet'",
					i+1, total, columns*limit, (total+columns-1)/columns)
			}
		}
		return nil
	})
}

// chunks returns the values of each leaf in a row group.
func (p *parquetFile) chunks(group int, limit int64) ([]*pages.Chunk, error) {
	columns := p.groups[group].Columns
	if len(columns) != len(p.leaves) {
		return nil, fmt.Errorf("row group %d has %d columns where the schema has %d", group+1, len(columns), len(p.leaves))
	}
	chunks := make([]*pages.Chunk, len(columns))
	for i := range columns {
		if columns[i].FilePath != "" {
			return nil, fmt.Errorf("row group %d: the values of column %q are in another file, %q, which is not supported", group+1, p.leaves[i].page.Name, columns[i].FilePath)
		}
		leaf := p.leaves[i].page
		leaf.Index = i
		c, err := pages.NewChunk(p.File, p.size, leaf, &columns[i].MetaData, limit)
		if err != nil {
			return nil, fmt.Errorf("row group %d: %w; write the file anew, for example with DuckDB: COPY (FROM 'in.parquet') TO 'out.parquet'", group+1, err)
		}
		chunks[i] = c
	}
	return chunks, nil
}

// sameNative reports whether a and b, the Native values of two columns, are the same type.
func sameNative(a, b any) bool {
	na, ok1 := a.(parquet.Node)
	nb, ok2 := b.(parquet.Node)
	return ok1 && ok2 && (a == b || parquet.EqualNodes(na, nb))
}

// optionalNative returns the node native, made optional if it is required.
func optionalNative(native any) any {
	if n, ok := native.(parquet.Node); ok && n.Required() {
		return parquet.Optional(n)
	}
	return native
}

// A field is a node of the schema: a leaf, or a group of fields.
type field struct {
	name     string
	quoted   []byte // the name as a JSON string
	kind     fieldKind
	optional bool
	repeated bool
	rep, def int      // the highest repetition and definition levels at this node
	first    int      // the place of its first leaf among those of the row
	leaves   int      // how many leaves it has
	fields   []*field // of a group
	element  *field   // of a list: the field that one item is written as
	leaf     leaf     // of a leaf
	page     pages.Leaf
}

type fieldKind uint8

const (
	leafField   fieldKind = iota
	structField           // an object
	listField             // LIST: its only field is repeated
	mapField              // MAP: its only field is repeated, and has a key and mostly a value
)

// scalar reports whether the field has one value, or null, in each row.
func (f *field) scalar() bool { return f.kind == leafField && !f.repeated }

// appendLeaves appends the leaves of f to dst, which holds those before it in a row.
func (f *field) appendLeaves(dst []*field) []*field {
	f.first = len(dst)
	if f.kind == leafField {
		return append(dst, f)
	}
	for _, child := range f.fields {
		dst = child.appendLeaves(dst)
	}
	return dst
}

// isWrapper reports whether the repeated field of a list only wraps the element, as in
// all but the oldest files.
// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#backward-compatibility-rules
func (f *field) isWrapper(list string) bool {
	return f.kind != leafField && len(f.fields) == 1 && f.name != "array" && f.name != list+"_tuple"
}

// newField describes c, whose name follows parent in its path. elements is the footer's list of nodes, depth first, in which c
// has the place *at; newField moves that place to the node after c.
func newField(c *parquet.Column, parent string, elements []format.SchemaElement, at *int) (*field, error) {
	element := &elements[*at]
	*at++
	path := parent + c.Name()
	f := &field{
		name: c.Name(), quoted: appendQuoted(nil, c.Name()), optional: c.Optional(), repeated: c.Repeated(),
		rep: c.MaxRepetitionLevel(), def: c.MaxDefinitionLevel(), leaves: 1,
	}
	if c.Leaf() {
		f.page = pages.Leaf{Name: path, Type: element.Type.V, Length: int(element.TypeLength.V), Rep: f.rep, Def: f.def}
		var err error
		f.leaf, err = newLeaf(c.Type(), element)
		return f, err
	}
	f.kind, f.leaves = structField, 0
	for _, child := range c.Columns() {
		field, err := newField(child, path+".", elements, at)
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
			f.kind, f.element = listField, item
			if item.isWrapper(f.name) {
				f.element = item.fields[0]
			}
		case *format.MapType:
			if item.kind != leafField && len(item.fields) <= 2 && !item.fields[0].optional && item.fields[0].scalar() {
				f.kind = mapField
			}
		}
	}
	return f, nil
}

// A leaf is a column of scalars.
type leaf struct {
	typ     batch.Type
	value   func(parquet.Value) any            // converts a value that is not null
	json    func([]byte, parquet.Value) []byte // appends it as JSON; if nil, value is used for that
	widened bool                               // the library cannot write the type, so Native is left out
}

// append appends v, which is not null, as JSON.
func (l *leaf) append(dst []byte, v parquet.Value) []byte {
	if l.json != nil {
		return l.json(dst, v)
	}
	return appendScalar(dst, l.value(v))
}

// newLeaf returns how values of type t are converted for a row.
func newLeaf(t parquet.Type, element *format.SchemaElement) (leaf, error) {
	if err := checkPhysical(t, element); err != nil {
		return leaf{}, err
	}
	if _, ok := element.LogicalType.Value.(*format.Float16Type); ok {
		return leaf{typ: batch.Float, value: func(v parquet.Value) any { return float16(v.ByteArray()) }, widened: true}, nil
	}
	if isInterval(element) {
		return leaf{typ: batch.String, value: func(v parquet.Value) any { return intervalText(v.ByteArray()) }}, nil
	}
	if _, ok := logical(t).(*format.NullType); ok {
		return leaf{typ: batch.String, value: func(parquet.Value) any { return nil }}, nil
	}
	switch lt := logical(t).(type) {
	case *format.StringType, *format.EnumType:
		return leaf{
			typ:   batch.String,
			value: func(v parquet.Value) any { return textOf(v) },
			json:  func(dst []byte, v parquet.Value) []byte { return appendQuoted(dst, textOf(v)) },
		}, nil
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
		return leaf{
			typ:   batch.Int,
			value: func(v parquet.Value) any { return integer(v) },
			json:  func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, integer(v), 10) },
		}, nil
	case parquet.Int96:
		return leaf{typ: batch.String, value: func(v parquet.Value) any {
			n := v.Int96()
			return int96Text(n[2], uint64(n[1])<<32|uint64(n[0]))
		}}, nil
	case parquet.Float:
		return leaf{
			typ:   batch.Float,
			value: func(v parquet.Value) any { return float32Value(v.Float()) },
			json:  func(dst []byte, v parquet.Value) []byte { return appendFloat(dst, float64(v.Float()), 32) },
		}, nil
	case parquet.Double:
		return leaf{
			typ:   batch.Float,
			value: func(v parquet.Value) any { return v.Double() },
			json:  func(dst []byte, v parquet.Value) []byte { return appendFloat(dst, v.Double(), 64) },
		}, nil
	}
	return leaf{typ: batch.Bytes, value: func(v parquet.Value) any { return v.ByteArray() }}, nil
}

// checkPhysical refuses a column whose values cannot be what its annotation says. Taking
// them for that would read what is not there.
func checkPhysical(t parquet.Type, element *format.SchemaElement) error {
	physical := element.Type.V
	if physical < format.Boolean || physical > format.FixedLenByteArray {
		return fmt.Errorf("the physical type %d is none of Parquet's", int(physical))
	}
	length := element.TypeLength.V
	if physical == format.FixedLenByteArray && (!element.TypeLength.Valid || length < 0) {
		return errors.New("FIXED_LEN_BYTE_ARRAY has no length")
	}
	annotation := logical(t)
	if _, ok := element.LogicalType.Value.(*format.Float16Type); ok {
		annotation = element.LogicalType.Value
	}
	fixed := func(n int32) bool { return physical == format.FixedLenByteArray && length == n }
	fits := true
	switch annotation.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType, *format.BsonType:
		fits = physical == format.ByteArray
	case *format.UUIDType:
		fits = fixed(16)
	case *format.Float16Type:
		fits = fixed(2)
	case *format.DateType:
		fits = physical == format.Int32
	case *format.TimeType, *format.TimestampType, *format.IntType:
		fits = physical == format.Int32 || physical == format.Int64
	case *format.DecimalType:
		fits = physical == format.Int32 || physical == format.Int64 || physical == format.ByteArray || physical == format.FixedLenByteArray
	}
	if isInterval(element) {
		fits = fixed(12)
	}
	if !fits {
		return fmt.Errorf("values of the physical type %s are marked as %s, which they cannot be", physical, t)
	}
	return nil
}

// isInterval reports whether a column holds intervals, which have no logical type of the newer
// kind.
func isInterval(element *format.SchemaElement) bool {
	return element.ConvertedType.Valid && element.ConvertedType.V == deprecated.Interval
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

// logical returns the logical type of t, or nil if it has none.
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
