// Package spec describes a job: what a job file holds, and all that can be said about it
// without looking at the input.
//
// [Load] reads a job file into a [Spec]. Its fields are the settings of the job; the kinds
// ([Classify], [Summarize], [Extract], [Raw], or a prompt) say what is asked about each row.
// A Spec then passes through three steps, each of which returns an [*Error] for a mistake
// of the user's:
//
//   - [Spec.Check] finds settings that are missing, impossible or contradict each other.
//   - [Spec.MakePathsAbsolute] lets the job be looked at later from another working folder.
//   - [Spec.ReadFiles] replaces the names of prompts, schemas, labels and examples by what
//     the files hold, so that the job stays what it was when the files change.
//
// Settings that are written as text have a method that reads them, such as
// [Spec.DeadlineFrom] and [Spec.CostLimit]. [Spec.Body] is the part of a request that all
// rows share.
//
// [Errorf] and the functions that check or compare parts of a Spec are for the rooms of
// package jobs, which give their errors the same form.
//
// Nothing here is safe for concurrent changes. A Spec that nobody changes any more may be
// read concurrently.
package spec
