package reader

import "strconv"

// An Error says where an input could not be read, and why. It is what [Open]
// returns, what a bad row carries in its Err, and what ends a sequence of rows
// when the source itself breaks.
type Error struct {
	File   string
	Line   int64 // from 1; in a Parquet file the row; 0 = the file as a whole
	Column int   // byte in the line, from 1; 0 = the line as a whole
	Err    error // the cause, with the remedy where there is one
}

// Error returns "file:line:column: cause"; what is not known is left out.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.FormatInt(e.Line, 10)
		if e.Column > 0 {
			place += ":" + strconv.Itoa(e.Column)
		}
	}
	return place + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
