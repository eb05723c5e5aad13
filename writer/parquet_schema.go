package writer

import (
	"bytes"
	"io"
	"reflect"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/genbatch/genbatch/batch"
)

// This file makes the schema of Parquet outputs, such that the library can write it and
// other programs can read it.

// nodeOf returns the node for a column that does not come from Parquet.
func nodeOf(t batch.Type) parquet.Node {
	switch t {
	case batch.Int:
		return parquet.Optional(parquet.Leaf(parquet.Int64Type))
	case batch.Float:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case batch.Bool:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case batch.JSON:
		return parquet.Optional(parquet.JSON())
	case batch.Bytes:
		return parquet.Optional(parquet.Leaf(parquet.ByteArrayType))
	case batch.Money:
		return parquet.Optional(parquet.Decimal(12, 18, parquet.Int64Type))
	}
	return parquet.Optional(parquet.String())
}

func countLeaves(n parquet.Node) int {
	if n.Leaf() {
		return 1
	}
	leaves := 0
	for _, f := range n.Fields() {
		leaves += countLeaves(f)
	}
	return leaves
}

// A leafKind says what is to be seen to when values of a leaf are copied.
type leafKind uint8

const (
	plainLeaf leafKind = iota
	textLeaf           // must be UTF-8, else other programs refuse the file
	jsonLeaf           // must be UTF-8, and must not have half of a character
)

// appendKinds appends the kinds of the leaves of n.
func appendKinds(dst []leafKind, n parquet.Node) []leafKind {
	if !n.Leaf() {
		for _, f := range n.Fields() {
			dst = appendKinds(dst, f)
		}
		return dst
	}
	if lt := n.Type().LogicalType(); lt != nil {
		switch lt.Value.(type) {
		case *format.StringType, *format.EnumType:
			return append(dst, textLeaf)
		case *format.JsonType:
			return append(dst, jsonLeaf)
		}
	}
	return append(dst, plainLeaf)
}

// holdable returns the field of the output that holds the values of n. An error says that
// there is none.
//
// The library cannot write lists and maps of old forms: it expects those of today wherever
// it sees their annotation. All programs know the older annotation as well, which the
// library does not look at, so that such a column gets that one.
func holdable(name string, n parquet.Node) (*node, error) {
	out := newNode(name, n, false)
	if n.Leaf() {
		return out, nil
	}
	err := guard(func() error { return tryNode(out) })
	if err == nil {
		return out, nil
	}
	out = newNode(name, n, true)
	if guard(func() error { return tryNode(out) }) == nil {
		return out, nil
	}
	return nil, err
}

// tryNode makes a writer of one column, which fails or panics if the library cannot write
// it.
func tryNode(n *node) error {
	config, err := parquet.NewWriterConfig(parquet.NewSchema("genbatch", &group{fields: []parquet.Field{n}}))
	if err != nil {
		return err
	}
	return parquet.NewGenericWriter[any](io.Discard, config).Close()
}

// A group is the root of the schema. It keeps the order of the columns, whereas the
// library's own Group sorts its fields by name.
type group struct {
	parquet.Group
	fields []parquet.Field
}

func (g *group) Fields() []parquet.Field { return g.fields }

// A node is a field of the output's schema. It has the type of another node, and the
// output's own encoding and compression.
type node struct {
	parquet.Node
	name   string
	fields []parquet.Field
	old    bool // lists and maps have the older annotation alone
}

func newNode(name string, n parquet.Node, old bool) *node {
	out := &node{Node: n, name: name, old: old}
	for _, f := range n.Fields() {
		out.fields = append(out.fields, newNode(f.Name(), f, old))
	}
	return out
}

func (n *node) Name() string            { return n.name }
func (n *node) Fields() []parquet.Field { return n.fields }

// Type returns the type of the values, in a form that the library can write.
func (n *node) Type() parquet.Type {
	t := n.Node.Type()
	switch {
	case !n.Node.Leaf() && n.old:
		if ct := t.ConvertedType(); ct != nil && *ct == deprecated.Map && len(n.fields) == 1 && len(n.fields[0].Fields()) == 1 {
			return keysGroup{t}
		}
		return oldGroup{t}
	case n.Node.Leaf() && t.Kind() < 0:
		return nullType{parquet.Int32Type}
	}
	return t
}

// GoType is asked for, and the answer not used, for rows that are Go values, which ours
// are not. The library's own panics if a field has a comma in its name.
func (n *node) GoType() reflect.Type {
	if n.old {
		return reflect.TypeFor[any]()
	}
	return n.Node.GoType()
}

// An oldGroup is a type of groups without its logical type. What remains is the converted
// type, which is older.
type oldGroup struct{ parquet.Type }

func (oldGroup) LogicalType() *format.LogicalType { return nil }

// A keysGroup is the type of a map that has no values. It becomes a list of its keys, since
// DuckDB refuses a file with such a map.
type keysGroup struct{ parquet.Type }

func (keysGroup) LogicalType() *format.LogicalType { return nil }
func (keysGroup) ConvertedType() *deprecated.ConvertedType {
	list := deprecated.List
	return &list
}

// A nullType is the type of a column that has no values, as Arrow writes it. That of the
// library has the physical type -1, which nobody reads.
type nullType struct{ parquet.Type }

func (nullType) LogicalType() *format.LogicalType {
	return &format.LogicalType{Value: new(format.NullType)}
}
func (nullType) ConvertedType() *deprecated.ConvertedType { return nil }
func (nullType) String() string                           { return new(format.NullType).String() }

// Value is called only for rows that are Go values, which ours are not.
func (n *node) Value(reflect.Value) reflect.Value { return reflect.Value{} }

// Encoding keeps dictionaries and replaces every other encoding by PLAIN, which every
// reader knows. Booleans have no dictionary: hardly any other program reads that. The one that the input's file names may be that of the column's levels.
func (n *node) Encoding() encoding.Encoding {
	if !n.Leaf() {
		return nil
	}
	if enc := n.Node.Encoding(); enc != nil && n.Node.Type().Kind() != parquet.Boolean {
		switch enc.Encoding() {
		//lint:ignore SA1019 old files have it
		case format.RLEDictionary, format.PlainDictionary:
			return &parquet.RLEDictionary
		}
	}
	return &parquet.Plain
}

// Compression leaves the choice to the configuration of the file.
func (n *node) Compression() compress.Codec { return nil }

// plain reports whether a row holds the values of type t as a Parquet file does. It does
// not for a timestamp, for example, which is text in a row: only copyLeaves writes those.
func plain(t parquet.Type) bool {
	lt := t.LogicalType()
	if lt == nil || lt.Value == nil {
		return t.Kind() != parquet.Int96 && t.Kind() != parquet.FixedLenByteArray
	}
	switch l := lt.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return true
	case *format.IntType:
		return l.IsSigned
	}
	return false
}

// cleanText returns b with what is not UTF-8 replaced. It changes nothing in place.
func cleanText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}

// cleanJSON is like cleanText for JSON. It also replaces escapes that are half of a pair of
// surrogates: they stand for no character, and programs refuse the JSON for them.
func cleanJSON(b []byte) []byte {
	b = cleanText(b)
	out, from := []byte(nil), 0
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			next := bytes.IndexByte(b[i:], '\\')
			if next < 0 {
				break
			}
			i += next
		}
		r := escaped(b[i:])
		switch {
		case r < 0:
			i += 2
		case utf16.IsSurrogate(r) && utf16.DecodeRune(r, escaped(b[min(i+6, len(b)):])) == utf8.RuneError:
			out = append(append(out, b[from:i]...), `\ufffd`...)
			i += 6
			from = i
		case utf16.IsSurrogate(r):
			i += 12
		default:
			i += 6
		}
	}
	if out == nil {
		return b
	}
	return append(out, b[from:]...)
}

// escaped returns the number of the escape with which b begins, such as \ud83d, or -1.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
