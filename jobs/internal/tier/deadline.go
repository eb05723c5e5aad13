package tier

import (
	"context"
	"time"

	"github.com/genbatch/genbatch/jobs/record"
)

const (
	// defaultTierWait is the time within which the flex tier aims to answer.
	// https://ai.google.dev/gemini-api/docs/flex-inference
	defaultTierWait = 15 * time.Minute
	// longestTierWait is how long rows wait for a tier at most, however late the
	// deadline is.
	longestTierWait = time.Hour
)

// WithDeadline returns a context that ends at a deadline, with a [*record.DeadlineError] as its
// cause. A zero time is no deadline.
func WithDeadline(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at, &record.DeadlineError{At: at})
}
