// Package jobs runs jobs: it reads rows, asks a model about each of them, and writes
// every row back with its answer, its tokens and its cost. It is what the genbatch
// command is made of, and the way in for programs that want the same.
//
// A [Spec] describes a job; it is what a job file holds, see [Load]. [Open] makes it
// ready to run, checks all that can be checked without sending anything, and takes the
// job's lock. [Job.Run] runs it:
//
//	j, err := jobs.Open(spec, jobs.Options{})
//	if err != nil {
//		return err // a *jobs.SpecError says what to mend
//	}
//	defer j.Close()
//	summary, err := j.Run(ctx)
//
// # A job's life
//
// [Job.Run] asks what the journal does not have, and writes the output when no row is
// pending. Run again, by the same Job or by another process years later, it asks only
// what is new, changed or failed: an answer is safe, and never paid for again, once it
// is in the journal. [Job.Plan] says beforehand what a run would do and cost;
// [Job.Pilot] asks a few rows for real to say it better. [Job.Export] derives the output
// again without asking. [Job.Verify] proves on the files that every row has one result
// and stands in the output once. [Prune] removes results for good.
//
// # Looking at a job
//
// [View] makes a job ready to be looked at, also while another process runs it.
// [Job.Rows] ranges over its rows with what became of each. [Options.Observe] is called
// with rows while a run goes on, and [Job.Progress] tells at any time how far it is.
// [ReadStatus] tells how a job stands whose state folder is known.
//
// # Errors
//
// What a user is to mend is a [*SpecError], with the remedy; nothing was sent for it. A job
// that another process runs is a [*LockedError]. A run that ends early says why, together
// with the summary of what it came to: [Job.Run] lists the errors. A row's failure is no
// error: it stands in the output, with its status.
//
// # Models of one's own
//
// [Options.Model] takes the place of the endpoint, for tests and for models that are reached
// in another way. Package batch runs the engine without files.
//
// # Where things are
//
// The types of the job file are defined in package spec, figures in packages cost, eval
// and plan, other records and errors in package record; their names stand here too. What
// knows how a request is made, what the state folder holds and how an output is derived is
// behind jobs/internal. Package report shows what a job found, as text and as JSON.
// docs/library.md is the manual, and docs/architecture.md draws the whole.
package jobs
