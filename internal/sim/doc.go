// Package sim is a simulator of the Gemini API: an HTTP server that answers
// generateContent, streamGenerateContent, countTokens and the list of models in
// the shapes in which Google, Vertex AI and two gateways answer them. It is there
// to try genbatch without a key and to test it against everything that a real
// endpoint does wrong.
//
// Answers are computed by plain rules and are the same each time: a request
// whose schema has an enum of strings is classified by keywords, one that asks to
// summarize gets the first sentences, one with another schema gets an instance of
// it, and every other one hears its last user text again. The modelVersion of
// each answer ends in "-simulated".
//
// # Faults
//
// Faults come by probability ([Config].Faults, [ParseFaults]), decided by the
// seed, the request's body and the number of tries that this body has failed so
// far, so that a run can be repeated and a retry can succeed. Or they are asked
// for by a directive anywhere in a request's text:
//
//	[[sim:block]]       every time
//	[[sim:503x2]]       on the first 2 tries of this body
//	[[sim:slow=2s]]     with a value
//	[[sim:slowx1=2s]]   both
//
// [FaultKinds] lists them all. Where several directives apply to a try, the ones
// that change the answer all do, and the first that replaces it ends the try. A
// body's count of tries starts again once it is answered; rows with equal bodies
// share it.
//
// # What it does not do
//
// No tools are called, no images or sound made, nothing is cached, and files and
// batches do not exist. A quota of tokens is of input tokens, by the same rule of
// four characters a token that the usage is counted by, and a request that is
// larger than the quota by itself is always refused.
package sim
