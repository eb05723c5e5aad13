// Package batch holds the words of genbatch and its engine.
//
// A [Row] is one record of the input, a [Request] the generateContent body that
// it renders to, an [Outcome] what one attempt (one HTTP exchange) came to, and
// a [Result] what became of the row. [Run] is the engine: it feeds requests to
// workers, retries, and hands results to a [Sink], which makes them durable.
//
// A row takes seven hops, one package or function each:
//
//	reader            one record of the input
//	jobs (render)     the request
//	batch.feed        skips what the journal has settled already
//	batch.worker      waits for the quota (batch/quota), attempts, retries
//	batch/gemini      one exchange with the endpoint, and its classification
//	batch/journal     the commit point: a result counts once its record is synced
//	writer            the output, derived from input and journal
//
// The three interfaces that the engine consumes, [Model], [Limiter] and [Sink],
// are defined beside it; everything else is a struct.
package batch
