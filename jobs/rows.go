package jobs

import (
	"context"
	"iter"
)

// Rows ranges over the rows of the job in input order, each with what became of it. It
// sends nothing and needs no output: a row without a result is pending. Input and journal
// are read anew by each range, some hundred rows at a time. What stays in memory is some 40
// bytes for each row without a result, by which identical rows are told apart. The journal is
// read as it stood when the job was opened, with what this Job has asked since. So [View]
// opens a job for it also while another process runs the job.
//
// An error is the last thing yielded, beside a nil Row: [batch.ErrInterrupted] if ctx ended,
// a [*journal.Damage] if an answer cannot be read, a [*reader.Error] if the input breaks. A
// Job does one thing at a time: during a range no other method but Progress may be called,
// and a second range, or one during a run, yields an error.
func (j *Job) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		done, err := j.progress.use("Rows was called")
		if err == nil {
			defer done()
			err = j.openJournal()
		}
		if err != nil {
			yield(nil, err)
			return
		}
		j.deriver().Rows(ctx)(yield)
	}
}
