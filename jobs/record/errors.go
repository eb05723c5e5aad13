package record

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
)

// An Owner is the process that runs a job.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"` // the program's name without its arguments, which may hold secrets
}

// A LockedError says that another process, or another Job of this one, runs the job. Nothing
// was changed. Owner is the zero value if that process has not yet written who it is.
type LockedError struct {
	Path  string // the job's lock file
	Owner Owner
}

// Error names the lock file and its owner.
func (e *LockedError) Error() string {
	return (&durable.LockedError{Path: e.Path, Owner: durable.Owner(e.Owner)}).Error()
}

// An OutputError says that the file at an output's path was left as it is: the job has not
// written it, or has not written it as it is now, or it is read-only. It wraps [fs.ErrExist].
type OutputError struct {
	Path string
	Why  string // what is the matter with the file: "is read-only"
}

// Error names the file and says why it was left.
func (e *OutputError) Error() string { return e.Path + " " + e.Why }

// Unwrap returns [fs.ErrExist].
func (e *OutputError) Unwrap() error { return fs.ErrExist }

// A BudgetError ends a run because the next request might take the cost of the job
// above its max_cost, or because that can no longer be told. Nothing new is sent then.
type BudgetError struct {
	Cap   price.USD
	Spent price.USD // by all runs, as far as it is known
	Next  price.USD // the most that the next request can cost

	Unknown int64     // calls of which nobody says what they used
	Most    price.USD // the most that those can have cost, beside Spent

	// Unpriced is what answered without a known price, so that the cap cannot be held. It is
	// empty if the cap is reached.
	Unpriced string
}

// Error says what was spent, and what the next request may cost.
func (e *BudgetError) Error() string {
	if e.Unpriced != "" {
		return fmt.Sprintf("max_cost cannot be held: %s answered, whose price is not known; give it with --prices FILE, or run without --max-cost", e.Unpriced)
	}
	more := ""
	if e.Unknown > 0 {
		more = fmt.Sprintf(", and up to $%s more for %s whose usage is not known", e.Most.Format(6), message.Plural(int(e.Unknown), "call"))
	}
	return fmt.Sprintf("max_cost of $%s is reached: $%s is spent%s, and the next request may cost $%s", e.Cap, e.Spent.Format(6), more, e.Next.Format(6))
}

// A DeadlineError ends a run because its deadline has come. Nothing new is sent then, and
// rows that have no answer stay pending.
type DeadlineError struct {
	At time.Time // the deadline
}

// Error names the deadline in local time.
func (e *DeadlineError) Error() string {
	return fmt.Sprintf("the deadline has come: %s", e.At.Local().Format("Mon 2 Jan 15:04:05 MST"))
}

// A DetachedError ends a run that leaves its rows to batch jobs at the endpoint. The same
// command collects what is done by then.
type DetachedError struct {
	Jobs int       // that are at work
	Rows int64     // in these jobs
	Next time.Time // when it is worth to come back
}

// Error names the jobs, and when to come back, in local time.
func (e *DetachedError) Error() string {
	return fmt.Sprintf("%s in %s at work; the same command collects them, from about %s on",
		message.Plural(int(e.Rows), "row"), message.Plural(e.Jobs, "batch job"), e.Next.Local().Format("15:04"))
}

// A LeaseError says that the state in an object store is, or may be, worked with by another
// process. It wraps a [*LockedError] if that process is known.
type LeaseError struct {
	Address string
	Holder  Owner         // the zero value if no other process is known
	Seen    time.Duration // how long ago the last sign of life was given
	Lost    bool          // this process had the lease, and was to have it
}

// Error names the process, and says what to do.
func (e *LeaseError) Error() string {
	locked := (&LockedError{Path: e.Address, Owner: e.Holder}).Error()
	switch {
	case !e.Lost:
		return fmt.Sprintf("%s. Its last sign of life is %v old; once it has given none for 90 s, another process may carry on", locked, e.Seen.Round(time.Second))
	case e.Holder.PID != 0:
		return locked + ". It has taken over from this one, which had given no sign of life for too long. Nothing more is sent from here; what was answered is kept here, and the same command, run here once the other has ended, brings it to the rest"
	}
	return fmt.Sprintf("%s could not be reached for %v, so that another process may carry on by now. Nothing more is sent; what was answered is kept here, and the same command carries on", e.Address, e.Seen.Round(time.Second))
}

// Unwrap returns the lock of the other process.
func (e *LeaseError) Unwrap() error {
	if e.Holder.PID == 0 {
		return nil
	}
	return &LockedError{Path: e.Address, Owner: e.Holder}
}

// A NotCopiedError says that what is new in a working folder is not in its copy in an object
// store. Nothing is lost while the folder is there.
type NotCopiedError struct {
	Address string
	Dir     string // the working folder
	Err     error  // why it is not copied
}

// Error says where the state is, and how it comes to the store.
func (e *NotCopiedError) Error() string {
	return fmt.Sprintf("the newest of the state is not copied to %s: %v; it is whole in %s, and the same command, run on this machine, copies it", e.Address, e.Err, e.Dir)
}

// Unwrap returns why it is not copied.
func (e *NotCopiedError) Unwrap() error { return e.Err }
