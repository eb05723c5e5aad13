package batch

import (
	"encoding/json"
	"fmt"
)

// Type is the type of a column's values.
type Type uint8

// The types, with the Go types that their values in [Row.Values] have. A nil
// value is null in every type.
const (
	String Type = iota // string
	Int                // int64, or json.Number beyond its range
	Float              // float64, or json.Number as the input wrote it
	Bool               // bool
	JSON               // json.RawMessage: an array, an object, or (JSONL) any value
	Bytes              // []byte; base64 in text formats
	Money              // int64 in pico-dollars (1e-12 USD); DECIMAL(18,12) in Parquet
)

// A Column is one column of an input or an output.
type Column struct {
	Name string
	Type Type

	// Native is the column's own description in the format it was read from (a
	// parquet.Node), nil elsewhere. A writer of the same format keeps the exact
	// type by it.
	Native any
}

// A Row is one record of the input. Its slices are read-only for everyone but
// the reader that made it, and stay valid after the next row is read.
type Row struct {
	// Number is the row's place over all inputs, from 1, bad rows included.
	Number int64

	// Source is the input's name as the user gave it (or as a glob found it), and
	// Line the row's place in it, from 1: the first line of a text record, the row
	// of a Parquet file.
	Source string
	Line   int64

	// Columns and Values are parallel. Rows of one file usually share Columns.
	Columns []Column
	Values  []any

	// Raw is the record as it stands in a JSONL file, without its line end: one
	// JSON object. It is nil for other formats.
	Raw []byte

	// Native is the record in its format's own form (a parquet.Row over the
	// columns' Native nodes), nil elsewhere.
	Native any

	// Err is set when this record could not be read. The row still counts (it will
	// be in the output as skipped), and the rows after it are read. What could be
	// read of it stands in Columns and Values, possibly nothing.
	Err error
}

// Value returns the value of the column with this name; ok is false when the row
// has no such column. The last one wins where a JSON object repeats a name.
func (r *Row) Value(name string) (v any, ok bool) {
	for i := len(r.Columns) - 1; i >= 0; i-- {
		if r.Columns[i].Name == name && i < len(r.Values) {
			return r.Values[i], true
		}
	}
	return nil, false
}

// Place says where the row stands, for messages: "reviews.csv:12".
func (r *Row) Place() string { return fmt.Sprintf("%s:%d", r.Source, r.Line) }

// Text returns a value of a row as text; null is empty.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case json.RawMessage:
		if string(v) == "null" {
			return ""
		}
		return string(v)
	}
	return fmt.Sprint(v)
}
