// Package report shows what a job found: as text for people, and as JSON for programs. Begin
// with [Summary] for a run that has ended, [Progress] for one that goes on, and [Plan].
//
// Each record is a type of its own, such as [Summary] or [Plan]: one of the jobs
// package's records, with what else is needed to show it. String returns the text, and
// MarshalJSON the JSON, so fmt and encoding/json print every record alike. What only a
// command can know, such as how to carry on with the job, is left to the command. [Prices]
// and [ModelPrice] are the basis of the costs. They have a text only. [Limits] and
// [ForgottenLimits] are lists: the JSON of each of their models is a [ModelLimits].
//
// The JSON is a contract with the programs that read it:
//
//   - Each record is one object, and its "type" says which record it is.
//   - An amount is a number of dollars with all its digits. It is null where a part of it
//     is not known, so that nobody takes an unknown cost for a cost of nothing.
//   - The keys of an object that this package makes are sorted. Objects that other packages
//     define, such as an evaluation or a learned limit, keep the order of their fields.
package report
