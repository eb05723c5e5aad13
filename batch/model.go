package batch

import (
	"context"
	"encoding/json"
	"time"
)

// A Request is one generateContent call to be made: what a row renders to.
//
// It is read-only once it has been handed to [Run]. For each attempt the engine makes
// a copy, which is that attempt's alone: a [Limiter] may set the copy's Tier. The
// slices are shared by all copies and stay as they are.
type Request struct {
	Row   int64  // the row's number
	Key   string // the row's name in messages; may be empty
	Model string // the model that is asked

	// Fingerprint and Occurrence identify the row. The fingerprint must be a digest:
	// the journal's index is slow if its bits are not evenly spread.
	Fingerprint Fingerprint
	Occurrence  int // which row of this fingerprint it is, from 0

	Body  json.RawMessage // the generateContent body
	Media []Media         // what the body holds by reference; see [Media]

	// Source is the row that the request was made of, for Models that judge answers by it.
	// It may be nil.
	Source *Row

	// Stream asks for streamGenerateContent even if the model is not set to stream.
	Stream bool

	// Rows are the requests of the rows that share the call, in the order in which it shows
	// them; see Outcome.Parts. The Row, Key, Fingerprint and Occurrence of the call itself are
	// those of the first. It is empty for the call of one row.
	Rows []*Request

	// Changes are the changes made so far. There are none in the row's own request.
	Changes []Change

	// Tier is the service tier that the attempt asks for: standard, flex or priority.
	// Empty means that it asks for none. It is no part of the row's identity.
	Tier string

	// Batch is the batch job in which the attempt was made. It is empty for a call.
	Batch string

	// History is what attempts of the row have come to before, if they were made in the
	// same run; see Config.Later. Nil means that there were none.
	History *History

	// InputTokens is an estimate, for the quota of tokens a minute.
	InputTokens int
}

// A Model makes attempts. Attempt asks the endpoint once, and never retries. What came
// of it is in the Outcome, errors included. Attempt must be safe for concurrent use,
// must not change r, and must return soon after ctx ends.
type Model interface {
	Attempt(ctx context.Context, r *Request) Outcome
}

// A Limiter says when a request may be sent. Acquire blocks until it may, or returns
// why it never will: the error of ctx, or one that ends the run. Such an error does
// not take back what Acquire has granted to other requests.
//
// Each successful Acquire is followed by one Release with the same request. Release
// is given the attempt's outcome, from which the limiter may learn, or nil if no
// attempt was made. Both methods must be safe for concurrent use.
//
// The request is the copy for this one attempt, and Acquire may set its Tier.
type Limiter interface {
	Acquire(ctx context.Context, r *Request) error
	Release(r *Request, o *Outcome)
}

// A Sink keeps results. Write returns once all of them are durable. If it returns an
// error, the run ends, and none of them counts unless it is a [*KeptError]. Write is called
// from one goroutine. It must not keep the slice, and may set each Result's Seq.
type Sink interface {
	Write(results []*Result) error
}

// A KeptError is the error of a Sink that has kept the results, so that they count, and
// cannot take more, because of Err.
type KeptError struct{ Err error }

func (e *KeptError) Error() string { return e.Err.Error() }
func (e *KeptError) Unwrap() error { return e.Err }

// Consequence says what follows from an outcome.
type Consequence uint8

// The consequences.
const (
	Retry    Consequence = iota // the same or a changed call may succeed later
	Answered                    // the row is settled with an answer
	Settled                     // the row is settled without one: blocked, rejected
	SlowDown                    // like Retry; also, the model must be asked less often
	Park                        // the model's quota of the day is used up
	Stop                        // every other row would be refused too
)

// Kind is what went wrong. Messages, hints and some decisions depend on it.
type Kind string

// The kinds.
const (
	KindTransport  Kind = "transport"  // no HTTP answer, or half of one
	KindTimeout    Kind = "timeout"    // a deadline passed
	KindServer     Kind = "server"     // 5xx and the like
	KindOverload   Kind = "overload"   // the model is busy
	KindQuota      Kind = "quota"      // a quota of the minute
	KindDayQuota   Kind = "day quota"  // a quota of the day
	KindKey        Kind = "key"        // key, token, permission
	KindBilling    Kind = "billing"    // balance, billing, spend cap
	KindModel      Kind = "model"      // unknown, retired, or not offered to this key
	KindRequest    Kind = "request"    // the API refuses the request
	KindContent    Kind = "content"    // a filter
	KindAnswer     Kind = "answer"     // a 200 without a usable answer
	KindValidation Kind = "validation" // the answer failed the job's check
	KindConfig     Kind = "config"     // a wrong address: HTML instead of an API
	KindCache      Kind = "cache"      // the context cache that the request names is gone, or another's
)

// An Error is why an attempt gave no answer.
type Error struct {
	Kind       Kind
	HTTPStatus int    // 0 if there was no HTTP answer
	InBody     int    // the status of an error that came inside an HTTP 200; 0 if none did
	Message    string // one line without secrets
	Hint       string // the remedy, if one is known
}

func (e *Error) Error() string { return e.Message }

// A Limit is a quota that a refusal named, as in google.rpc.QuotaFailure.
type Limit struct {
	ID     string        // quotaId: GenerateRequestsPerMinutePerProjectPerModel-FreeTier
	Metric string        // quotaMetric
	Value  int64         // quotaValue; 0 if the refusal does not say
	Tokens bool          // it counts input tokens; otherwise requests
	Per    time.Duration // time.Minute or 24 * time.Hour; 0 if the refusal does not say
}

// An Outcome is what one attempt came to.
type Outcome struct {
	Consequence Consequence

	// Status is the row's status if this outcome is final. It is final if Consequence
	// is Answered or Settled, and also if it is Retry or SlowDown and the row has no
	// attempt left. In that last case the zero value means Failed.
	Status Status

	Err *Error // nil for a plain answer

	// Response is the raw answer. It is kept for other statuses than OK too.
	Response     json.RawMessage
	FinishReason string
	ModelVersion string
	ResponseID   string
	Usage        *Usage // nil if none was reported
	Tier         string // the tier that served the attempt

	// MaybeBilled marks an attempt that was sent and ended without a report of its
	// usage, such as one that timed out. Most is the most that an attempt of unknown
	// cost can have used, this one or one by a model without a price; it is nil if that
	// is not known.
	MaybeBilled bool
	Most        *Usage

	// Uncounted marks an attempt that uses up none of the row's MaxAttempts, for
	// instance because the flex tier had no room. The Model that sets it must bound how
	// often it does.
	Uncounted bool

	// RetryAfter is how long the server asks to wait; 0 if it did not say.
	RetryAfter time.Duration
	Limits     []Limit // the quotas that a refusal named

	// Refusal, if not empty, identifies a refusal that may concern every row as well
	// as this one. Ten identical refusals in a row, without an answer between them,
	// stop the run.
	Refusal string

	// Next, if not nil, says how the next attempts differ from this one. It is set if
	// sending the same request again could only fail again.
	Next *Change

	// MaxRetries, if above 0, bounds the attempts that may follow for this reason.
	MaxRetries int

	// Part names the part of Response that is the row's own answer, if rows share it. Empty
	// means all of it.
	Part string

	// Parts says what became of the rows that have shared the call, each of which stands in
	// one of them. Nil means that the outcome is that of all rows.
	Parts []Part
}

// A Part is what a call that rows have shared came to for one of them, or for several that
// share another call. What the attempt used is no matter of its outcome: it is divided over
// all rows that were in the call.
type Part struct {
	Request *Request // of the row, or of the next call that its rows share
	Outcome Outcome
}

// A Change is how a row's next attempts differ from the one before. It is no part of
// the row's identity.
type Change struct {
	Why  string // what called for it, such as MAX_TOKENS; a Model may count its changes by it
	Note string // what was done, for people; empty if it is not worth a word

	Body   json.RawMessage // the new body; nil if it stays the same
	Stream bool            // whether the next attempts stream

	// Free means that the attempt before uses up none of the row's attempts. It was
	// refused for how this endpoint speaks the API, and not for the row.
	Free bool

	// Instead, if not nil, is the row's outcome if the API refuses the changed request.
	Instead *Outcome
}
