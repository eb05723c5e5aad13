package batch

import "fmt"

// Type is the type of a column's values.
type Type uint8

// The types, each with the Go type of its values in [Row.Values]. A nil value is null
// in every type.
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

	// Native describes the column in the terms of the format it was read from: a
	// parquet.Node for Parquet, and nil for every other format. A writer of the same
	// format uses it to keep the exact type.
	Native any
}

// A Row is one record of the input. Only the reader that made it may change its
// slices. They stay valid after the next row is read.
type Row struct {
	// Number counts the rows of all inputs, from 1. Bad rows count too.
	Number int64

	// Source is the input's name, as the user gave it or as a glob found it.
	Source string

	// Line is the row's place in Source, from 1: the first line of a text record, or
	// the row of a Parquet file.
	Line int64

	// Offset is where the row's line begins, in bytes of the file, if its number is not known
	// because the reading began in the middle of the file. Line is 0 then; else this is.
	Offset int64

	// Columns and Values are parallel. Rows of one file usually share Columns.
	Columns []Column
	Values  []any

	// Raw is the record as a JSONL file has it: one JSON object, without its line
	// end. It is nil for other formats.
	Raw []byte

	// Beside says how many of the last columns stand beside the record and not in it, so
	// that Raw and Native lack them. They are what the folders of the file say.
	Beside int

	// Native is the record in its format's own form: for Parquet a parquet.Row over
	// the columns' Native nodes, and nil for every other format.
	Native any

	// Err says why this record could not be read. The row still counts, and will be
	// in the output as skipped. The rows after it are read. Columns and Values hold
	// what could be read of the record, which may be nothing.
	Err error
}

// Value returns the value of the column with this name, and whether the row has such a
// column. If a JSON object repeats a name, its last value wins.
func (r *Row) Value(name string) (v any, ok bool) {
	for i := len(r.Columns) - 1; i >= 0; i-- {
		if r.Columns[i].Name == name && i < len(r.Values) {
			return r.Values[i], true
		}
	}
	return nil, false
}

// Place says where the row stands, for messages: "reviews.csv:12", or where its line begins if
// the line's number is not known.
func (r *Row) Place() string {
	if r.Line == 0 && r.Offset > 0 {
		return fmt.Sprintf("%s: the line at byte %d", r.Source, r.Offset)
	}
	return fmt.Sprintf("%s:%d", r.Source, r.Line)
}
