// Package repair holds models that change a request which could only fail again.
//
// They wrap the client of the endpoint. None of them makes a further call: each looks at
// the outcome of an attempt, and says in Outcome.Next how the next one is to differ. So
// the engine alone waits and counts attempts. A changed request asks the same question, and
// keeps the row's fingerprint.
//
// These are the models, from the outermost to the innermost, and what each is there for:
//
//	Check           an answer that the job cannot use, such as an unknown label
//	Change          thinking that leaves no room, RECITATION, a gateway that cuts slow calls
//	SchemaField     an endpoint that knows schemas only in their older form
//	SharedCache     a context cache that is gone, which stops the run
//	FailIf          a notice in the place of an answer, by the job's patterns
//	KeepProvenance  simulated answers among real ones, which stop the run
//
// The order matters. Package batch gives the reasons, with all models of a run.
package repair
