// Package sim is a simulator of the Gemini API: an HTTP server that answers
// generateContent, streamGenerateContent, countTokens and the list of models in
// the shapes in which Google, Vertex AI and two gateways answer them. It is there
// to try genbatch without a key and to test it against everything that a real
// endpoint does wrong.
//
// Answers are computed by plain rules and are the same each time: a request
// whose schema has an enum of strings is classified by keywords, one that asks to
// summarize gets the first sentences, one with another schema gets an instance of
// it, and every other one hears its last user text again. A turn that only says
// that the answer before it was wrong is answered like the turn before that. The
// modelVersion of each answer ends in "-simulated".
//
// # Tools and media
//
// A declared function is called where the text speaks of what its name and
// description say, or always in mode ANY, with arguments that fit its parameters.
// googleSearch finds made-up sources for each sentence of the answer. urlContext
// reports a status for each address in the prompt: ERROR where it contains
// "missing", PAYWALL and UNSAFE where it contains these words. codeExecution
// computes the first operation in the text, or adds up its numbers.
//
// Models with "-image" in their names answer with a PNG of 64 pixels on its longer
// side, in the first colour that the prompt names, or around the image that it
// brings; those with "-tts" answer with a tone of 50 ms a word, as high as the
// voice. Both cost the tokens that the published prices are for. Media in a prompt
// are decoded, compared with their type, and counted by modality.
//
// Google's dialect has the Files API, with resumable uploads; a file belongs to
// its key, and is gone after 48 hours. The display name of an upload may hold
// directives, of the faults below for its first request, and of its own:
//
//	[[sim:lostchunk]]    half of the first chunk is kept, and answered with 503
//	[[sim:slowfile=2s]]  PROCESSING for so long
//	[[sim:failedfile]]   FAILED after that
//
// # Faults
//
// Faults come by probability ([Config].Faults, [ParseFaults]), decided by the
// seed, the request's body and the number of tries that this body has failed so
// far, so that a run can be repeated and a retry can succeed. Or they are asked
// for by a directive anywhere in a request's text:
//
//	[[sim:block]]       every time
//	[[sim:503x2]]       on the first 2 tries of this text, whatever else changes
//	[[sim:slow=2s]]     with a value
//	[[sim:slowx1=2s]]   both
//
// [FaultKinds] lists them all. Where several directives apply to a try, the ones
// that change the answer all do, and the first that replaces it ends the try. The
// count of tries starts again once an answer comes that no passing fault has
// touched; rows with equal bodies share it.
//
// # What it does not do
//
// Nothing is cached but what a directive says is, and batches do not exist. The other built-in tools, such as
// googleMaps and fileSearch, are accepted and do nothing. A quota of tokens is of input tokens, by the same rule of
// four characters a token that the usage is counted by, and a request that is
// larger than the quota by itself is always refused.
package sim
