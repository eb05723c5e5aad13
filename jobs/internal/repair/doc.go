// Package repair holds models that have a row asked again in another way if the same call
// could only fail again.
//
// They wrap the client of the endpoint. None of them makes a call more: each looks at what
// an attempt came to, and says in Outcome.Next how the next one is to differ. So it is
// the engine alone that waits and counts attempts. A changed request asks the same question,
// and keeps the row's fingerprint.
//
// From the outermost to the innermost, with what each is against:
//
//	Check           an answer that the job cannot use, such as a label that is none
//	Change          thinking that leaves no room, RECITATION, a gateway that cuts a slow call
//	SchemaField     an endpoint that knows a schema only in its older form
//	KeepProvenance  simulated answers among real ones; it has nothing asked again
//
// The order matters. Package batch gives the reasons, with all models of a run.
package repair
