// Package quota decides when a request may be sent. A [Limiter] keeps four limits for
// each model of an endpoint and key: requests a minute, input tokens a minute, requests
// a day, and calls in flight. The server's limits are described at
// https://ai.google.dev/gemini-api/docs/rate-limits
//
// [New] makes a Limiter by a [Config], [Limiter.State] says why requests wait, and
// [Limiter.Learned] what the server taught.
//
// # Where a limit comes from
//
//   - It is given: [Config] has it. It is never exceeded. A lower number that a refusal
//     names, or a lower estimate, counts while it lasts.
//   - It is named: a refusal carries the number, in batch.Outcome.Limits. It counts at
//     once, and for 24 hours also in other processes and later runs, until a newer number
//     is named or the server accepts more.
//   - It is estimated: the server refused and named nothing. This is a hypothesis, and the
//     rest of this page is about how it is tested.
//
// # What calls teach
//
// Only a call that the server answered, or refused to be asked so much (HTTP 429), is a
// witness of a limit. Server errors, cuts, refused connections and time-outs are none.
//
// A limit of the minute refuses every call until calls have left the minute, whatever is
// tried meanwhile. A fault refuses one here and one there, or every call until it ends. So
// the two are told apart by experiments, of which there are three:
//
//   - One at a time (trouble.go). When calls fail one after the other, nothing is sent but
//     one probe, after half a second, and then after twice as long each time, up to five
//     seconds, or a minute after refusals. The first success ends that, and the old pace is
//     back at once, with half of the calls in flight at first. If all were
//     refusals, what was different when the probe succeeded is the limit: less of the minute
//     was used, or fewer calls were in flight. If the probe found as much used as they did,
//     it was chance.
//   - More (raise.go). What is known of a limit is a ceiling: what was accepted when the
//     server refused. Now and then more is asked for, twice as much, then four times, as
//     long as nothing is refused. So a ceiling that was only trouble is gone within seconds,
//     and a limit that has moved is found. Each raise costs a refusal or two; they are paid
//     from a credit of 0.7 % of all calls.
//   - Less (trial.go). When a share of the calls is refused that no ceiling explains, a
//     little less than what was answered is asked for. If that does not halve the share, it
//     was no limit: the refusals are random, they are expected from then on, and the old
//     pace returns at once.
//
// What counts is how much is answered. A few refusals are a price, and not an alarm: the row
// that was refused waits as long as the server says, and the others go on.
//
// How many failures are too many for chance depends on how many are usual, and that is
// measured all the time. A raise ends as sequential tests do, once a limit is a hundred times
// likelier than chance; a trial ends when ten refusals would have come by chance.
//
// Congestion control has met the same question, since loss on a radio link is no congestion.
// From BBR (Cardwell et al., ACM Queue 14, 2016) come the goal, delivery and not the absence
// of loss, and the cycle of asking for more to find what has changed. CUBIC (RFC 9438) gave
// the return to what was last accepted. What is not taken is to ask for less at each loss: a
// quota does not shrink because it was exceeded.
//
// # How the limits are kept
//
// The limits of the minute are paces: calls are spaced evenly at 98 % of the limit. Idle
// time gives no credit, so no 60 seconds hold more than the limit. Tokens are reserved by
// an estimate, which is corrected by what the server reported so far, and settled when
// the call ends. A row with more tokens than the limit gets a minute of its own. Limits that
// are not given are also kept by what the last minute holds.
//
// The calls in flight are bounded by a window. While no limit of the minute is known it
// starts at four calls and grows with each answer, up to Config.Concurrency.
//
// The requests of a day are counted if the user gave their number, or once the server has
// refused a request for the day. When they are used up the model is parked until midnight
// in Los Angeles: Acquire returns a [*DayError], or waits, see [DayPolicy]. Unless the user
// gave the number, a later run of that day sends its first request all the same, as a
// probe: the quota may have been raised.
//
// # What processes share, and what is kept
//
// With a [Store], processes on one machine that use the same endpoint and key share what
// they know of a model, in two files. The first one is durable: the requests of the day,
// reserved in slices before they are sent, the end of a parked day, and what was learned.
// A crash counts too many requests, never too few. The second one holds the slots of the
// current minute, of given and named limits. Its loss costs no more than a minute.
//
// An estimate is not shared while processes run: it is what the server accepted of one of
// them beside the others. It lets the next run begin with all calls at once, and bounds
// nothing there. [Store.Forget] removes what was learned.
//
// A store that fails or hangs holds up a model's requests for a second or two. The
// Limiter then counts by itself, and tries the store again a minute later.
//
// # Where to look
//
//	limiter.go  Acquire and Release, the two ends of a call
//	model.go    one model: the queue, what may go next, what an outcome means
//	learner.go  what calls teach; ceiling.go, trouble.go, raise.go and trial.go do it
//	calls.go    the calls of the last minute
//	rates.go    the limits of the minute; pace.go has their arithmetic
//	flight.go   the calls in flight and their window
//	day.go      the requests of the day
//	learned.go  what was learned: loading, saving, following other processes
//	link.go     the conversation with the store
//	store.go    the durable file; minute.go the file of the current minute
//	state.go    why a request waits, for people; peek.go what is kept
package quota
