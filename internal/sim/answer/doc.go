// Package answer makes what a simulated model says. A [Turn] is a request with all that
// its answer depends on; [Turn.Reply] makes the answer by plain rules, and
// [Reply.Responses] puts it into the shape of a dialect. The same turn always gets the
// same answer.
//
// The package knows no server: what goes wrong on purpose comes in as [Edits], and what
// an answer has cost goes out as [Spent].
package answer
