// Package draft writes a job file for a table that nobody has described yet.
//
// [Look] reads the first rows of an input and says what its columns seem to hold.
// [Propose] makes a [Draft] of it: which column holds the text, which names the rows, which
// has labels or pictures, what could be asked, and of which model. What the user says comes
// first, and a [Dialogue] asks for it at a terminal. [Draft.YAML] is the job file, with a
// comment on each key.
//
// [Peek] and [ResultColumns] tell the columns of a job that is not complete yet, as shells
// do while its command is being typed.
//
// A draft is a guess that a person reads and changes. So it says what it goes by, and leaves
// out what it cannot know: a key column is commented out if not all rows were looked at.
//
// Cells and names come from files of others. Nothing in them leaves its quotes in the YAML,
// or reaches a terminal as anything but text.
package draft
