// Package batch holds the domain types of genbatch and its engine. [Run] asks a [Model] about
// each [Request] of a sequence, as fast as a [Limiter] allows, and hands each [Result] to a
// [Sink]. All three can be a program's own. Package jobs puts them together for files.
//
// # Words
//
// These words are used in the same sense everywhere, in code, messages and
// documentation. Fields of the API keep the API's own camelCase names.
//
//   - A row is one record of the input: a [Row].
//   - A request is the generateContent body that a row renders to: a [Request].
//   - An attempt is one HTTP exchange. What it came to is an [Outcome].
//   - A response is the API's raw answer.
//   - A result is what became of a row: a [Result].
//   - A call is what the engine asks at once: the request of a row, or one that several rows
//     share, as Request.Rows says.
//   - A job is the description of a run (package jobs).
//   - A batch job is one of the endpoint's, which answers many rows together (package
//     batch/gemini/batches).
//   - The journal is the durable record of results (package batch/journal).
//
// A row is settled when its result needs no further attempt. See [Status].
//
// # The way of a row
//
// [Run] is the engine: it feeds requests to workers, retries, and hands results to a
// [Sink], which makes them durable. A row takes seven hops:
//
//	reader/reader.go            reads one record of the input
//	jobs/internal/work          renders its request (with jobs/internal/prompt)
//	batch/run.go, feed          skips the row if the journal has settled it
//	batch/worker.go, attempt    waits for the Limiter, asks the Model, retries
//	batch/gemini/client.go      makes one exchange; classify.go says what it came to
//	batch/journal/journal.go    the commit point: a result counts once it is synced
//	jobs/internal/output        derives the row's output, which writer/writer.go writes
//
// On its way back from the worker, a result passes batch/collect.go, which gathers
// results into groups. The journal makes each group durable with one write.
//
// # The chains around a call
//
// The engine consumes three interfaces, which are defined beside it: [Model],
// [Limiter] and [Sink]. Policy is added by wrapping a Limiter or a Model in another
// one, and jobs/chain.go is the one place that puts them together.
//
// A request passes the limiters in this order, outermost first:
//
//	control   lets nothing pass while the run is paused
//	logprobs  lets calls pass one at a time until the endpoint is known to serve log probabilities
//	tier      chooses the service tier, on which the price and the quota depend
//	budget    reserves the most that the call can cost, for --max-cost
//	quota     waits for a slot (package batch/quota)
//
// A row that is held by the first two takes no other row's slot or money, and its wait is none
// for a tier. A pause also calls back the rows that wait further in. The slot comes last,
// because it must not stay unused while a row waits for a tier or for money. If the quota
// grants none, the money is returned. A tier is chosen again when its wait has taken too long.
//
// A request passes the models in this order, outermost first, and the outcome comes
// back through them in the opposite order:
//
//	tier        cuts the attempt when its tier has no more time; judges whether there was room
//	bound       states the most that an attempt without usage can have cost
//	check       checks the answer, and asks for a corrective attempt if it fails
//	change      changes a request that would only fail again
//	pack        takes the answer of a call that rows share apart; see Outcome.Parts
//	schema      sends the schema in the form that this endpoint knows
//	logprobs    stops the run when the endpoint serves none, if the job needs them
//	provenance  keeps simulated answers apart from real ones
//	media       puts the bytes of media, or their uploads' addresses, into the body
//	client      makes the exchange (package batch/gemini)
//
// The order matters, because each model sees the outcome as those inside it left it:
//
//   - The tier is outermost. When it cuts an attempt, uploads under way end with it,
//     and it judges the outcome that the engine will see.
//   - The bound is outside the media. It counts each byte of the body as a token, and
//     the bytes of an image would count as millions.
//   - The check is outside the change. It looks only at complete answers, which no
//     change would improve.
//   - The pack is inside check and change. These look at whole calls, and leave those alone
//     whose rows have outcomes of their own: an answer is judged row by row where it is taken
//     apart.
//   - The schema is inside the change and the pack. Otherwise a refusal of the schema's form would
//     be taken for a refusal of the change.
//   - The provenance is inside everything that asks again. An answer of the wrong kind must
//     stop the run, and not lead to another call.
//   - The log probabilities are likewise: that they are not served must stop the run.
//   - The media are next to the client. Rows that wait, and bodies that are changed,
//     hold references alone.
//
// # Rows in batch jobs
//
// A row that is answered in a batch job passes these models twice. First a model that keeps
// the request stands in the place of the client. When the job has ended, the engine goes over
// its rows, and a model that answers with their results stands there. No tier and no quota is
// around these, and rows that need another attempt are left to others; see [Config].Later.
package batch
