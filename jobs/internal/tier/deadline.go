package tier

import (
	"context"
	"fmt"
	"time"
)

// A DeadlineError ends a run because its deadline came: nothing new is sent after
// it, and rows that have no answer stay pending.
type DeadlineError struct {
	At time.Time
}

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("the deadline has come: %s", e.At.Local().Format("Mon 2 Jan 15:04:05 MST"))
}

const (
	// defaultTierWait is as long as the flex tier aims to answer in.
	// https://ai.google.dev/gemini-api/docs/flex-inference
	defaultTierWait = 15 * time.Minute
	// longestTierWait is the most that rows wait for a tier where a deadline gives
	// them more.
	longestTierWait = time.Hour
)

// WithDeadline returns a context that ends at the deadline with a *DeadlineError.
func WithDeadline(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at, &DeadlineError{At: at})
}
