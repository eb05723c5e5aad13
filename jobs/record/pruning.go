package record

import (
	"time"

	"github.com/genbatch/genbatch/jobs/cost"
)

// A Pruning says which results of a journal to remove: those to which one of the first three
// fields applies.
type Pruning struct {
	Orphaned   bool          // no row of the input asks for them
	Superseded bool          // another result of the same row counts
	OlderThan  time.Duration // they are older; if 0, age does not matter

	DryRun bool // say what would be removed, and remove nothing
	Yes    bool // also what rows of the input would have to be asked for, and paid for, again
}

// A Pruned says what a pruning removed, or would remove.
type Pruned struct {
	State      string
	Results    int64 // removed
	Bytes      int64 // that they took in the journal, blobs aside
	Orphaned   int64 // of them
	Elsewhere  int64 // of those, answers to rows of the input in other ways to ask them, such as a pilot's
	Superseded int64 // of them, not orphaned
	Kept       int64 // results that stay
	Damage     int   // damaged places in the journal, which stay too

	// Again counts the rows of the input that have an answer now, and are asked again
	// by the next run. It is meaningful only if Compared is set: the input was there.
	Again    int64
	Compared bool
	Bad      int64 // rows of the input that cannot be read or rendered: what they once got counts as orphaned

	Removed cost.Totals // what the removed results' attempts used and cost; it leaves the job's totals
}
