// Package compare compares two runs over the same rows: which answers changed and how, what
// each run cost, and, where the right answers are known, which of the two is right more often
// than chance explains. It sends nothing.
//
// A [Side] is a run: a job, with its rows as jobs.Job.Rows has them, or a file that a run
// has written. [Run] pairs their rows by a key, or by the input columns that both have, and
// returns a [Comparison]. Package report shows it.
//
// Rows of both sides are read once, in order, however many there are. What stays in memory
// is some 50 bytes a row, and the values of all rows of A are in a temporary file.
package compare
