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
