// Package sim is a simulator of the Gemini API. Its HTTP server answers generateContent,
// streamGenerateContent, countTokens, the list of models, the Files API and the batch API,
// in the shapes that Google, Vertex AI and two gateways give them. With it, genbatch can be
// tried without a key, and tested against everything that a real endpoint does wrong.
//
// The package serves: it has the routes, the keys, the faults and the counts. Package wire
// knows the protocol, package answer makes the answers, package quota has the limits,
// package filestore keeps the files, package bill adds up what answers cost, and package
// batches has the jobs of the batch API. A further part of the API becomes a type that
// [Server] holds, with a line for each of its methods in the table of routes.
//
// # Answers
//
// Answers follow plain rules, and are the same each time. A request whose schema has an
// enum of strings is classified by keywords, and one with another schema gets an instance
// of it. A request for a summary gets the first sentences of its text, and any other its
// last text again. A turn that only says what was wrong with the answer before it is
// answered like the turn before that. The modelVersion of every answer ends in
// "-simulated".
//
// # Tools and media
//
// A declared function is called where the text speaks of what its name and description
// say, and always in mode ANY. The arguments fit its parameters. googleSearch finds
// made-up sources for each sentence of the answer. urlContext reports a status for each
// address in the prompt: ERROR where the address contains "missing", PAYWALL and UNSAFE
// where it contains these words. codeExecution computes the first operation in the text,
// or adds up its numbers.
//
// Models with "-image" in their names answer with a PNG of 64 pixels on its longer side.
// It is in the first colour that the prompt names, or a frame around the image that the
// prompt brings. Models with "-tts" answer with a tone of 50 ms for each word, as high as
// the voice. Both cost as many tokens as Google has published. Media in a prompt are
// decoded, compared with their type, and counted by modality.
//
// Google's dialect has the Files API, with uploads that are resumable or multipart. A file belongs to the
// project of its key, and is gone after 48 hours. Each key has a project of its own, but for
// keys that end in the same @name. The display name of an upload may hold directives: those
// below for its first call, and these of its own:
//
//	[[sim:lostchunk]]    half of the first chunk is kept, and answered with 503
//	[[sim:slowfile=2s]]  the file is PROCESSING for so long
//	[[sim:failedfile]]   the file is FAILED after that
//
// # Packs
//
// A request may bring several texts, as lines of JSON with an id and a text, and ask for an
// array of objects with an id and an answer. The simulator knows it by what a model has to go
// by as well: by the lines, and by the schema or by the last part of the instructions. Each text
// gets the answer that it would get alone. [Config].Packs makes some of them wrong; see
// [Packs.ErrorAt]. A directive in one text acts on the whole call where it would in reality,
// such as block, and on that text's answer if it is answer, invalid, badschema or digest. The
// faults leftout, twice, foreign and noarray are of packs alone.
//
// # Batches
//
// Google's dialect has the batch API for files and for rows in the call, and Vertex AI's has
// it for objects of Cloud Storage. A batch takes a second, however many rows it has
// ([Config].Batches), or rather as long as it takes to answer them. A row is answered as a
// call would be, with the directives of its text and the configured faults. What is refused
// is an error of the row. [Stats] has a ledger of the rows that were billed.
//
// # What it bills
//
// The simulator keeps an account of the tokens of every answer that it has made, by model,
// service tier and day; see package bill. It tells apart what the caller cannot have seen. An
// answer that is cut is billed, and lost, and so are rows of a batch whose results nobody
// fetches. Where a stream ends or turns into an error after its first event, the model has
// stopped there, and no more is billed than that event reports. Refusals cost nothing. The
// account has an exclusive or of the hashes of all questions with their answers as well, which
// a reader of an output can compare with its rows.
//
// # Faults
//
// Faults come with a probability ([Config].Faults, [ParseFaults]). The seed, the body of
// the request and the number of tries that it has failed so far decide them, so that a
// run can be repeated and a retry can succeed. Or a directive anywhere in the text of a
// request asks for them:
//
//	[[sim:block]]       each time
//	[[sim:503x2]]       on the first 2 tries of this text, whatever else changes
//	[[sim:slow=2s]]     with a value
//	[[sim:slowx1=2s]]   both
//
// [FaultKinds] lists them all. Batches have faults of their own, of the calls, the jobs and
// the rows ([batches.ParseFaults]). Of several directives, all those apply that change the
// answer, until one replaces it. The count of tries starts again with an answer that no
// passing fault has touched. Requests with equal bodies share a count.
//
// # What it does not do
//
// It caches nothing: a directive can only make it say so. Built-in
// tools other than those above, such as googleMaps and fileSearch, are accepted and do
// nothing. A quota of tokens counts input tokens, by the estimate of four characters a
// token that the usage has too. A request that is larger than the quota is always refused.
package sim
