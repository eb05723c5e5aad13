package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// This file writes Parquet. It and parquet_schema.go alone know the Parquet library.

// Rows go to the library in batches, and pages to the file in row groups. Both limit
// what is held in memory.
const (
	batchRows     = 64
	batchBytes    = 4 << 20
	groupBytes    = 32 << 20
	groupRows     = 1 << 20
	dictionaryMax = 1 << 20
)

// A parquetEncoder writes a Parquet file.
type parquetEncoder struct {
	w       *parquet.GenericWriter[any]
	columns []parquetColumn
	input   int
	lookup  *lookup
	copies  []leafCopy // parallel to the input columns; valid while lookup finds no change

	rows  []parquet.Row // the batch
	n     int           // how many of rows are used
	bytes int           // how much text they hold

	groupRows  int
	groupStart int64             // size of the file when the row group began
	spans      [][]parquet.Value // the values of each leaf of a row from Parquet
}

// A parquetColumn is one column of the output.
type parquetColumn struct {
	batch.Column
	node   parquet.Node
	first  int // the place of its first leaf
	leaves int // how many it has
	kinds  []leafKind
}

// A leafCopy says how a column's values are copied from rows that come from Parquet.
type leafCopy struct {
	ok    bool // if false, the column is written from Row.Values
	first int  // the place of its first leaf in those rows
	shift int  // definition levels to add: 1 if the column was required in the input
}

func newParquet(w io.Writer, c *Config) (*parquetEncoder, error) {
	e := &parquetEncoder{
		input:  c.Input,
		lookup: newLookup(c.Columns[:c.Input]),
		copies: make([]leafCopy, c.Input),
		rows:   make([]parquet.Row, batchRows),
	}
	root := new(group)
	leaves := 0
	for i, col := range c.Columns {
		if !utf8.ValidString(col.Name) {
			return nil, unholdable(fmt.Errorf("the name of column %q is not UTF-8, as Parquet demands", col.Name))
		}
		pc := parquetColumn{Column: col, first: leaves}
		if node, ok := col.Native.(parquet.Node); ok && i < c.Input {
			pc.node = node
			if node.Required() {
				pc.node = parquet.Optional(node) // a row that cannot be read has no value
			}
		} else {
			pc.node = nodeOf(col.Type)
			pc.Native = nil
		}
		out, err := holdable(col.Name, pc.node)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", col.Name, err)
		}
		pc.kinds = appendKinds(nil, out)
		pc.leaves = len(pc.kinds)
		leaves += pc.leaves
		e.columns = append(e.columns, pc)
		root.fields = append(root.fields, out)
	}
	// The format counts columns in 16 bits with a sign.
	if leaves > math.MaxInt16 {
		return nil, unholdable(fmt.Errorf("a Parquet file holds up to %d columns, nested ones counted, and there are %d; --columns picks some", math.MaxInt16, leaves))
	}
	config, err := parquet.NewWriterConfig(
		parquet.NewSchema("genbatch", root),
		parquet.Compression(&parquet.Zstd),
		parquet.DictionaryMaxBytes(dictionaryMax),
		// With statistics each page header would repeat its longest texts four times,
		// uncompressed. SkipPageBounds besides would be wrong: it leaves a column index of
		// empty bounds, by which other readers drop pages that they should read.
		parquet.DataPageStatistics(false),
		parquet.CreatedBy("genbatch", "", ""),
	)
	if err != nil {
		return nil, err
	}
	e.w = parquet.NewGenericWriter[any](w, config)
	return e, nil
}

func (e *parquetEncoder) write(row *batch.Row, result []any) (err error) {
	out := e.rows[e.n][:0]
	at, changed := e.lookup.find(row)
	native, _ := rowNative(row)
	if changed {
		e.planCopies(row, at)
	}
	if native != nil {
		e.findSpans(native)
	}
	for i, from := range at {
		col := &e.columns[i]
		if c := e.copies[i]; native != nil && c.ok {
			if out, err = e.copyLeaves(out, col, c); err != nil {
				return fmt.Errorf("column %q: %w", col.Name, err)
			}
			continue
		}
		var v any
		if from >= 0 {
			v = row.Values[from]
		}
		if out, err = e.appendValue(out, col, v); err != nil {
			return err
		}
	}
	for i, v := range result {
		if out, err = e.appendValue(out, &e.columns[e.input+i], v); err != nil {
			return err
		}
	}
	e.rows[e.n] = out
	e.n++
	for _, v := range out {
		if k := v.Kind(); k == parquet.ByteArray || k == parquet.FixedLenByteArray {
			e.bytes += len(v.ByteArray())
		}
	}
	if e.n == batchRows || e.bytes >= batchBytes {
		return e.writeBatch()
	}
	return nil
}

func (e *parquetEncoder) close() error {
	if err := e.writeBatch(); err != nil {
		return err
	}
	return diskError(e.w.Close())
}

// diskError leaves out what the library says about its pages when the disk is at fault.
func diskError(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe
	}
	return err
}

// writeBatch gives the batch to the library, and ends the row group if it is large
// enough.
func (e *parquetEncoder) writeBatch() error {
	if e.n == 0 {
		return nil
	}
	if _, err := e.w.WriteRows(e.rows[:e.n]); err != nil {
		return diskError(err)
	}
	for i := range e.rows[:e.n] {
		clear(e.rows[i]) // so that the texts can be collected
	}
	e.groupRows += e.n
	e.n, e.bytes = 0, 0
	if e.groupRows < groupRows && e.w.Size()-e.groupStart < groupBytes {
		return nil
	}
	if err := e.w.Flush(); err != nil {
		return diskError(err)
	}
	e.groupRows, e.groupStart = 0, e.w.Size()
	return nil
}

// appendValue appends v to out. Only null may go to a column with several leaves.
func (e *parquetEncoder) appendValue(out parquet.Row, col *parquetColumn, v any) (parquet.Row, error) {
	if v == nil {
		for leaf := range col.leaves {
			out = append(out, parquet.NullValue().Level(0, 0, col.first+leaf))
		}
		return out, nil
	}
	value, err := col.value(v)
	if err != nil {
		return nil, unholdable(fmt.Errorf("column %q: %w", col.Name, err))
	}
	if col.node.Optional() {
		value.SetDefinitionLevel(1)
	}
	value.SetColumnIndex(col.first)
	return append(out, value), nil
}

// value converts v, which is not null, to the column's physical type.
func (c *parquetColumn) value(v any) (parquet.Value, error) {
	if !c.node.Leaf() || c.node.Repeated() || c.Native != nil && !plain(c.node.Type()) {
		return parquet.Value{}, fmt.Errorf("a row of another file holds a %T, which cannot be written as %s", v, c.node)
	}
	switch kind := c.node.Type().Kind(); kind {
	case parquet.Boolean:
		if b, ok := v.(bool); ok {
			return parquet.BooleanValue(b), nil
		}
	case parquet.Int32, parquet.Int64:
		bits := 64
		if kind == parquet.Int32 {
			bits = 32
		}
		n, ok := v.(int64)
		if number, isNumber := v.(json.Number); isNumber {
			var err error
			if n, err = strconv.ParseInt(string(number), 10, bits); err != nil {
				return parquet.Value{}, fmt.Errorf("%s is no integer of %d bits", number, bits)
			}
			ok = true
		}
		if ok && bits == 64 {
			return parquet.Int64Value(n), nil
		} else if ok && n == int64(int32(n)) {
			return parquet.Int32Value(int32(n)), nil
		}
	case parquet.Float, parquet.Double:
		f, ok := v.(float64)
		if n, isInt := v.(int64); isInt {
			f, ok = float64(n), true
		}
		if number, isNumber := v.(json.Number); isNumber {
			var err error
			if f, err = strconv.ParseFloat(string(number), 64); err != nil {
				return parquet.Value{}, fmt.Errorf("%s is beyond the numbers of a float64", number)
			}
			ok = true
		}
		if ok && kind == parquet.Float {
			return parquet.FloatValue(float32(f)), nil
		} else if ok {
			return parquet.DoubleValue(f), nil
		}
	case parquet.ByteArray:
		if b, ok := v.([]byte); ok && c.Type == batch.Bytes {
			return parquet.ByteArrayValue(b), nil
		}
		if c.Type == batch.JSON {
			text, err := appendJSON(nil, batch.JSON, v)
			return parquet.ByteArrayValue(cleanJSON(text)), err
		}
		if s, ok := v.(string); ok && c.Type == batch.String && utf8.ValidString(s) {
			return parquet.ByteArrayValue(bytesOf(s)), nil
		}
		if c.Type == batch.String {
			text, err := appendText(nil, batch.String, v)
			return parquet.ByteArrayValue(cleanText(text)), err
		}
	}
	return parquet.Value{}, fmt.Errorf("a %T does not fit the column", v)
}

// bytesOf returns the bytes of s without a copy. Nobody may change them. Copying each
// text would cost a tenth of writing Parquet.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// rowNative returns the row in Parquet's own form, if it was read from Parquet.
func rowNative(row *batch.Row) (parquet.Row, bool) {
	if row == nil {
		return nil, false
	}
	native, ok := row.Native.(parquet.Row)
	return native, ok
}

// planCopies finds the columns that can be copied as they are from rows like this one.
// Their type must be that of the output, which may be optional though the row's is
// required.
func (e *parquetEncoder) planCopies(row *batch.Row, at []int) {
	clear(e.copies)
	if row == nil {
		return
	}
	first := make([]int, len(row.Columns))
	leaf := 0
	for i, c := range row.Columns {
		first[i] = leaf
		// A column of Parquet that has no node is one leaf.
		n := 1
		if node, ok := c.Native.(parquet.Node); ok {
			n = countLeaves(node)
		}
		leaf += n
	}
	for i, from := range at {
		if from < 0 || e.columns[i].Native == nil {
			continue
		}
		node, ok := row.Columns[from].Native.(parquet.Node)
		switch out := e.columns[i].node; {
		case !ok:
		case parquet.EqualNodes(node, out):
			e.copies[i] = leafCopy{ok: true, first: first[from]}
		case node.Required() && out.Optional() && parquet.EqualNodes(parquet.Optional(node), out):
			e.copies[i] = leafCopy{ok: true, first: first[from], shift: 1}
		}
	}
}

// findSpans splits a row into the values of each leaf.
func (e *parquetEncoder) findSpans(row parquet.Row) {
	e.spans = e.spans[:0]
	for i := 0; i < len(row); {
		from := i
		for i < len(row) && row[i].Column() == row[from].Column() {
			i++
		}
		e.spans = append(e.spans, row[from:i])
	}
}

// copyLeaves appends the values of a column's leaves unchanged from the row.
func (e *parquetEncoder) copyLeaves(out parquet.Row, col *parquetColumn, c leafCopy) (parquet.Row, error) {
	if c.first+col.leaves > len(e.spans) {
		return nil, fmt.Errorf("the row has %d leaves, fewer than its schema", len(e.spans))
	}
	for leaf := range col.leaves {
		from := len(out)
		out = append(out, e.spans[c.first+leaf]...)
		for i := range out[from:] {
			v := &out[from+i]
			if kind := col.kinds[leaf]; kind != plainLeaf && !v.IsNull() {
				clean := cleanText
				if kind == jsonLeaf {
					clean = cleanJSON
				}
				*v = parquet.ByteArrayValue(clean(v.ByteArray())).Level(v.RepetitionLevel(), v.DefinitionLevel(), v.Column())
			}
			v.SetDefinitionLevel(v.DefinitionLevel() + c.shift)
			v.SetColumnIndex(col.first + leaf)
		}
	}
	return out, nil
}
