package tier

import (
	"context"
	"fmt"
	"time"
)

// A DeadlineError ends a run because its deadline has come. Nothing new is sent then, and
// rows that have no answer stay pending.
type DeadlineError struct {
	At time.Time // the deadline
}

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("the deadline has come: %s", e.At.Local().Format("Mon 2 Jan 15:04:05 MST"))
}

const (
	// defaultTierWait is the time within which the flex tier aims to answer.
	// https://ai.google.dev/gemini-api/docs/flex-inference
	defaultTierWait = 15 * time.Minute
	// longestTierWait is how long rows wait for a tier at most, however late the
	// deadline is.
	longestTierWait = time.Hour
)

// WithDeadline returns a context that ends at a deadline, with a *DeadlineError as its
// cause. A zero time is no deadline.
func WithDeadline(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at, &DeadlineError{At: at})
}
