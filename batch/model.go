package batch

import (
	"context"
	"encoding/json"
	"time"
)

// A Request is one generateContent call to be made: what a row renders to. It is
// read-only once made.
type Request struct {
	Row   int64  // the row's number
	Key   string // the row's name in messages; may be empty
	Model string // the model that is asked

	Fingerprint Fingerprint // a digest: others make the journal's index slow
	Occurrence  int         // from 0

	Body json.RawMessage // the generateContent body
	// Media are what the body holds by reference; see [Media].
	Media []Media

	// Stream asks for streamGenerateContent also where the model is not set to it.
	Stream bool
	// Changes are those made so far, when this is not the row's own request.
	Changes []Change

	// Tier is the service tier that the attempt asks for: standard, flex, priority;
	// empty: none. It is no part of the row's identity.
	Tier string

	// InputTokens is an estimate, for the quota of tokens a minute.
	InputTokens int
}

// A Model makes attempts. Attempt makes exactly one HTTP exchange and never
// retries; what came of it, an error included, is in the Outcome. Attempt must be
// safe for concurrent use, and must return soon after ctx ends.
type Model interface {
	Attempt(ctx context.Context, r *Request) Outcome
}

// A Limiter says when a request may be sent. Acquire blocks until it may, or
// returns why it never will: ctx's error, or one that ends the run. Each
// successful Acquire is followed by one Release with what came of the attempt,
// from which the limiter learns, or with nil where none was made. What was granted
// before Acquire returned an error to others is still good. Both are safe for
// concurrent use. The request is of that one attempt alone, and Acquire may set its
// Tier.
type Limiter interface {
	Acquire(ctx context.Context, r *Request) error
	Release(r *Request, o *Outcome)
}

// A Sink keeps results. Write returns once all of them are durable; after an
// error none of them counts and the run ends. It is called from one goroutine,
// keeps no reference to the slice, and may set each Result's Seq.
type Sink interface {
	Write(results []*Result) error
}

// Consequence says what follows from an outcome.
type Consequence uint8

// The consequences.
const (
	Retry    Consequence = iota // the same or a changed call may succeed later
	Answered                    // settled with an answer
	Settled                     // settled without one: blocked, rejected
	SlowDown                    // like Retry, and the whole model is to be asked less
	Park                        // the model's quota of the day is used up
	Stop                        // every other row would be refused too
)

// Kind is what went wrong, for the messages and hints that depend on it.
type Kind string

// The kinds.
const (
	KindTransport  Kind = "transport"  // no or half an HTTP answer
	KindTimeout    Kind = "timeout"    // one of our deadlines
	KindServer     Kind = "server"     // 5xx and what is like it
	KindOverload   Kind = "overload"   // the model is busy
	KindQuota      Kind = "quota"      // a quota of the minute
	KindDayQuota   Kind = "day quota"  // a quota of the day
	KindKey        Kind = "key"        // key, token, permission
	KindBilling    Kind = "billing"    // balance, billing, spend cap
	KindModel      Kind = "model"      // unknown, retired or not for this key
	KindRequest    Kind = "request"    // the API refuses the request
	KindContent    Kind = "content"    // a filter
	KindAnswer     Kind = "answer"     // a 200 that is no usable answer
	KindValidation Kind = "validation" // the answer failed our check
	KindConfig     Kind = "config"     // wrong address: HTML instead of an API
)

// An Error is why an attempt gave no answer. Message is one line without
// secrets; HTTPStatus is 0 when there was no HTTP answer.
type Error struct {
	Kind       Kind
	HTTPStatus int
	InBody     int // the status of an error that came inside an HTTP 200; 0 = none
	Message    string
	Hint       string // the remedy, where one is known
}

func (e *Error) Error() string { return e.Message }

// A Limit is a quota that a refusal named, as in google.rpc.QuotaFailure.
type Limit struct {
	ID     string        // quotaId: GenerateRequestsPerMinutePerProjectPerModel-FreeTier
	Metric string        // quotaMetric
	Value  int64         // quotaValue; 0 = not said
	Tokens bool          // counts input tokens, else requests
	Per    time.Duration // time.Minute or 24 * time.Hour; 0 = not said
}

// An Outcome is what one attempt came to.
type Outcome struct {
	Consequence Consequence

	// Status is the row's status when the outcome is final: when it is Answered or
	// Settled, and when it is a Retry or SlowDown after which no attempt is left
	// (the zero value is then Failed).
	Status Status

	Err *Error // nil for a plain answer

	// Response is the raw answer; kept also for statuses other than OK.
	Response     json.RawMessage
	FinishReason string
	ModelVersion string
	ResponseID   string
	Usage        *Usage // nil: not reported
	Tier         string // the tier that served it

	// MaybeBilled marks an attempt that was sent and ended without a report of its
	// usage, such as one that timed out.
	MaybeBilled bool
	Most        *Usage // of such an attempt, the most that it can have used; nil: not known

	// Uncounted marks an attempt that uses up none of the row's MaxAttempts, for
	// instance because the flex tier had no room. The Model that sets it must bound how
	// often it does.
	Uncounted bool

	// RetryAfter is how long the server asks to wait; 0 = it did not say.
	RetryAfter time.Duration
	Limits     []Limit

	// Refusal, when not empty, identifies a refusal that may concern every row as
	// well as this one. Ten of the same in a row, without an answer between, stop
	// the run.
	Refusal string

	// Next, when not nil, says how the attempts that follow differ from this one,
	// where sending the same again could only fail again. MaxRetries, when above 0,
	// bounds the attempts that follow for this reason.
	Next       *Change
	MaxRetries int
}

// A Change is how a row's further attempts differ from the one before. It is no
// part of the row's identity.
type Change struct {
	Why  string // what called for it: MAX_TOKENS; a model may count its changes by it
	Note string // what was done, for people; empty: not worth a word

	Body   json.RawMessage // nil: as it was
	Stream bool

	// Free means that the attempt before counts as none of the row's own: it was
	// refused for how the endpoint speaks, and not for the row.
	Free bool

	// Instead, when not nil, is what the row comes to where the API refuses the
	// changed request.
	Instead *Outcome
}
