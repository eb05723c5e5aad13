// Package batchjob has the rows of a job answered by the batch API of its endpoint. A [Runner]
// sends them, follows the batch jobs that hold them, and brings back the answers. What it has
// done is in a record, of which package batchstate has the rules.
//
// A Runner has three parts. The filler takes rows, and writes the requests of batch jobs. The
// creator has the endpoint create these, each of them once. The collector follows them until
// they have ended, and brings their results into the journal, through the same engine and the
// same checks as the answers of single calls.
//
// All of this is one goroutine's work, however many rows there are. Only the answers of a job
// are checked by a few at a time.
package batchjob
