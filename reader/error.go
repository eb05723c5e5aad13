package reader

import "strconv"

// An Error says where an input could not be read, and why. [Open] returns one, a bad
// row has one in its Err, and one ends the sequence of rows if the source breaks.
type Error struct {
	File   string
	Line   int64 // from 1, or 0 for the whole file; in a Parquet file the row
	Column int   // byte in the line, from 1, or 0 for the whole line
	Offset int64 // where the line begins, in bytes of the file, if its number is not known; else 0
	Err    error // the cause, with the remedy if there is one
}

// Error returns "file:line:column: cause", without a line or column that is not known. Where the
// line has no number, it says at which byte it begins.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.FormatInt(e.Line, 10)
		if e.Column > 0 {
			place += ":" + strconv.Itoa(e.Column)
		}
	}
	if e.Offset > 0 {
		place += ": the line at byte " + strconv.FormatInt(e.Offset, 10)
		if e.Column > 0 {
			place += ", column " + strconv.Itoa(e.Column)
		}
	}
	return place + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
