// Package quota decides when a request may be sent. A [Limiter] keeps four limits for
// each model of an endpoint and key: requests a minute, input tokens a minute, requests
// a day, and calls in flight. The server's limits are described at
// https://ai.google.dev/gemini-api/docs/rate-limits
//
// # Where a limit comes from
//
//   - It is given: [Config] has it. Only a refusal that names a lower number replaces it;
//     from then on the newest number that is named counts.
//   - It is named: a refusal carries the number, in batch.Outcome.Limits. It counts at
//     once, and for 24 hours also in other processes and later runs. A newer named number
//     replaces it.
//   - It is inferred: the server refuses and names nothing, and what it accepted before
//     shows what it holds. This is a guess. It is raised from time to time to see whether
//     more is accepted, lowered when it is refused, and replaced by any named number.
//
// [Learned] is a named or an inferred limit. What is neither given nor learned does not
// bind.
//
// # How the limits are kept
//
// The limits of the minute are paces: calls are spaced evenly at 98 % of the limit. Idle
// time gives no credit, so no 60 seconds hold more than the limit. Tokens are reserved by
// an estimate, which is corrected by what the server reported so far, and settled when
// the call ends. A row with more tokens than the limit gets a minute of its own.
//
// The calls in flight are bounded by a window. While no limit of the minute is known it
// starts at four calls and grows with each answer, up to Config.Concurrency; a burst of
// refusals cuts it in half, or makes it known how many calls the server works on at once.
//
// Faults are no limits. A refusal that comes alone among many answers changes nothing.
// Refusals that look like a limit slow the model down, and a pause follows if they go on
// or if the server asks for one.
//
// The requests of a day are counted if the user gave their number, or once the server has
// refused a request for the day. When they are used up the model is parked until midnight
// in Los Angeles: Acquire returns a [*DayError], or waits, see [DayPolicy]. Unless the user
// gave the number, a later run of that day sends its first request all the same, as a
// probe: the quota may have been raised.
//
// # What processes share
//
// With a [Store], processes on one machine that use the same endpoint and key share what
// they know of a model, in two files. The first one is durable: the requests of the day,
// reserved in slices before they are sent, the end of a parked day, and what was learned.
// A crash counts too many requests, never too few. The second one holds the slots of the
// current minute, of given and named limits. Its loss costs no more than a minute.
//
// An inferred limit is not shared while processes run: it is what the server accepted of
// one of them beside the others. It is stored for the next run, as a start.
//
// A store that fails or hangs holds up a model's requests for a second or two. The
// Limiter then counts by itself, and tries the store again a minute later.
//
// # Where to look
//
//	limiter.go  Acquire and Release, the two ends of a call
//	model.go    one model: the queue, what may go next, what an outcome teaches
//	rates.go    the limits of the minute; pace.go has their arithmetic
//	flight.go   the calls in flight and their window
//	day.go      the requests of the day
//	infer.go    limits that no refusal names, from the calls in calls.go
//	learned.go  what was learned: loading, saving, following other processes
//	link.go     the conversation with the store
//	store.go    the durable file; minute.go the file of the current minute
//	state.go    why a request waits, for people; peek.go what a later run would know
package quota
