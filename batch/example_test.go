package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/genbatch/genbatch/batch"
)

// An upper is a Model that answers each request in capitals, without an endpoint.
type upper struct{}

func (upper) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	answer := fmt.Sprintf(`{"text":%q}`, strings.ToUpper(r.Key))
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(answer)}
}

// A memory is a Sink that only remembers. A real one makes results durable before Write
// returns: see package batch/journal.
type memory struct{ results []*batch.Result }

func (m *memory) Write(results []*batch.Result) error {
	m.results = append(m.results, results...)
	return nil
}

// byRow returns the results in the order of the rows. They come in the order in which rows
// are answered.
func (m *memory) byRow() []*batch.Result {
	return slices.SortedFunc(slices.Values(m.results), func(a, b *batch.Result) int { return int(a.Row - b.Row) })
}

// requests is a source: the requests of some rows, one after the other. It may be of any
// length, since the engine takes no more of it than it has calls under way.
func requests(rows ...string) iter.Seq2[*batch.Request, error] {
	return func(yield func(*batch.Request, error) bool) {
		for i, row := range rows {
			body := fmt.Appendf(nil, `{"contents":[{"parts":[{"text":%q}]}]}`, row)
			fingerprint, err := batch.FingerprintOf("some-model", body)
			r := &batch.Request{Row: int64(i + 1), Key: row, Model: "some-model", Fingerprint: fingerprint, Body: body}
			if !yield(r, err) {
				return
			}
		}
	}
}

// The engine runs over a source, a Model and a Sink of one's own.
func ExampleRun() {
	sink := new(memory)
	err := batch.Run(context.Background(), batch.Config{
		Model: upper{},
		Sink:  sink,
		// A journal would say which requests an earlier run has settled.
		Skip: func(r *batch.Request) bool { return r.Key == "green" },
	}, requests("red", "green", "blue"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range sink.byRow() {
		fmt.Println(r.Row, r.Status, string(r.Response))
	}
	// Output:
	// 1 ok {"text":"RED"}
	// 3 ok {"text":"BLUE"}
}

// A busy endpoint fails the first attempt of each row.
type busy struct {
	batch.Model
	attempts atomic.Int64
}

func (b *busy) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	if b.attempts.Add(1) == 1 {
		return batch.Outcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindServer, HTTPStatus: 503, Message: "try later"}}
	}
	return b.Model.Attempt(ctx, r)
}

// A Model makes one attempt and says what follows from it. The engine does the rest: here it
// waits and tries again. Policy is added by wrapping one Model in another.
func ExampleModel() {
	sink := new(memory)
	err := batch.Run(context.Background(), batch.Config{Model: &busy{Model: upper{}}, Sink: sink}, requests("red"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range sink.results {
		fmt.Printf("%s: %s after %d attempts\n", r.Key, r.Status, r.Attempts)
	}
	// Output:
	// red: ok after 2 attempts
}

// A pace is a Limiter that lets so many requests through in a second, and no more than so
// many in all.
type pace struct {
	*rate.Limiter
	left atomic.Int64
}

var errUsedUp = errors.New("the credit is used up")

func (p *pace) Acquire(ctx context.Context, _ *batch.Request) error {
	if p.left.Add(-1) < 0 {
		return errUsedUp // ends the run
	}
	return p.Wait(ctx)
}

// Release may learn from the outcome, or give back what the attempt did not need.
func (p *pace) Release(_ *batch.Request, o *batch.Outcome) {
	if o == nil {
		p.left.Add(1) // no attempt was made
	}
}

// A Limiter says when a request may be sent, or that none may be sent any more. Package
// batch/quota has one for the limits of the API.
func ExampleLimiter() {
	sink := new(memory)
	limiter := &pace{Limiter: rate.NewLimiter(1000, 1)}
	limiter.left.Store(2)
	err := batch.Run(context.Background(), batch.Config{
		Model: upper{}, Limiter: limiter, Sink: sink, Concurrency: 1,
	}, requests("red", "green", "blue"))
	fmt.Println("ended early:", errors.Is(err, errUsedUp))
	fmt.Println(len(sink.results), "rows are answered, and safe")
	// Output:
	// ended early: true
	// 2 rows are answered, and safe
}

// A Sink keeps results. What it cannot keep was not answered: the run ends, and says why.
func ExampleSink() {
	sink := full{}
	err := batch.Run(context.Background(), batch.Config{Model: upper{}, Sink: sink}, requests("red"))
	fmt.Println(errors.Is(err, batch.ErrSink), err)
	// Output:
	// true the journal cannot be written: no space left
}

// A full sink keeps nothing.
type full struct{}

func (full) Write([]*batch.Result) error { return errors.New("no space left") }

// An endpoint that refuses every request ends the run, with the refusal and a remedy.
func ExampleStopError() {
	refuses := modelFunc(func(*batch.Request) batch.Outcome {
		return batch.Outcome{Consequence: batch.Stop, Err: &batch.Error{
			Kind: batch.KindKey, HTTPStatus: 403, Message: "the API key is not valid", Hint: "make a new one",
		}}
	})
	err := batch.Run(context.Background(), batch.Config{Model: refuses, Sink: new(memory)}, requests("red", "green"))
	if stop, ok := errors.AsType[*batch.StopError](err); ok && stop.Err.Kind == batch.KindKey {
		fmt.Println(stop.Err.HTTPStatus, err)
	}
	// Output:
	// 403 the API key is not valid; make a new one
}

// A modelFunc is a function as a Model.
type modelFunc func(*batch.Request) batch.Outcome

func (f modelFunc) Attempt(_ context.Context, r *batch.Request) batch.Outcome { return f(r) }
