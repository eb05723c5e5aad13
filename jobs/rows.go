package jobs

import (
	"context"
	"iter"
)

// Rows ranges over the rows of the job in input order, each with what became of it. It
// sends nothing and needs no output: a row without a result is pending. Input and journal
// are read anew by each range, some hundred rows at a time, so that memory does not grow with
// their number. The journal is read as it stood when the job was opened, and what this Job
// has asked since. So [View] opens a job for it also while another process runs the job.
//
// An error is the last thing yielded, beside a nil Row: [batch.ErrInterrupted] if ctx ended,
// a [*journal.Damage] if an answer cannot be read, a [*reader.Error] if the input breaks. One
// range must end before another begins, or any other method but Progress is called.
func (j *Job) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		if err := j.openJournal(); err != nil {
			yield(nil, err)
			return
		}
		j.deriver().Rows(ctx)(yield)
	}
}
