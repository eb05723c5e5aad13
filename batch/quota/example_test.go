package quota_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
)

// A Limiter with given limits. A batch.Run makes these calls by itself, with the Limiter
// as its batch.Config.Limiter.
func Example() {
	l := quota.New(quota.Config{RPM: 60_000, RPD: 2})
	defer l.Close()

	for {
		r := &batch.Request{Model: "gemini-2.5-flash", InputTokens: 120}
		if err := l.Acquire(context.Background(), r); err != nil {
			if day, ok := errors.AsType[*quota.DayError](err); ok {
				fmt.Println("the quota of the day is used up:", day.RPD, "requests")
			}
			return
		}
		// Send r here. The Limiter learns from its outcome.
		fmt.Println("answered")
		l.Release(r, &batch.Outcome{Consequence: batch.Answered, Usage: &batch.Usage{PromptTokenCount: 118}})
	}

	// Output:
	// answered
	// answered
	// the quota of the day is used up: 2 requests
}

// The server's refusal names its limit, which counts from then on.
func ExampleLimiter_Learned() {
	l := quota.New(quota.Config{})
	r := &batch.Request{Model: "gemini-2.5-flash"}
	if err := l.Acquire(context.Background(), r); err != nil {
		log.Fatal(err)
	}
	l.Release(r, &batch.Outcome{
		Consequence: batch.SlowDown,
		Limits:      []batch.Limit{{Value: 10, Per: time.Minute}},
	})
	for _, learned := range l.Learned() {
		fmt.Printf("%s: %v\n", learned.Model, learned)
	}

	// Output:
	// gemini-2.5-flash: 10 rpm from the server's refusal
}

// A later run, or a plan, sees in the Store what is left of the day.
func ExampleStore_Peek() {
	dir, err := os.MkdirTemp("", "quota")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store := &quota.Store{Dir: dir, Endpoint: "google", KeyID: quota.KeyID("the API key")}

	l := quota.New(quota.Config{RPM: 60_000, RPD: 1000, Store: store})
	for range 3 {
		r := &batch.Request{Model: "gemini-2.5-flash"}
		if err := l.Acquire(context.Background(), r); err != nil {
			log.Fatal(err)
		}
		l.Release(r, &batch.Outcome{Consequence: batch.Answered})
	}
	l.Close() // gives back what was reserved of the day and not sent

	known := store.Peek("gemini-2.5-flash")
	fmt.Println(known.Used, "requests used today; parked:", !known.ParkedUntil.IsZero())

	// Output:
	// 3 requests used today; parked: false
}
