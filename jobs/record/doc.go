// Package record defines what package jobs tells about single rows, files and ends of a job. A
// [Row] says what became of one row, a [Standing] how the output stands, and a [Pruned] what
// left the journal. Its errors are those that programs tell apart: [LockedError],
// [BudgetError], [DeadlineError] and [OutputError].
//
// Package jobs makes the records, and has all of these names too: jobs.Row is [Row].
package record
