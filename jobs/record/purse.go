package record

import (
	"context"

	"github.com/genbatch/genbatch/batch/price"
)

// A Purse holds the cap of a job that several processes ask the rows of. Its methods may be
// called from several goroutines.
type Purse interface {
	// Draw takes at least so much of what is left, to be spent by this process alone, and
	// returns how much it took. If that is 0, others tells whether other processes hold
	// money of which something may come back.
	Draw(ctx context.Context, least price.USD) (drawn price.USD, others bool, err error)

	// Settle says what this process has spent of what it drew. The rest goes back.
	Settle(spent, drawn price.USD) error
}
