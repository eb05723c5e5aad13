package planner

import (
	"iter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/pack"
)

// A former has rows form the calls of a run as they come, so that a plan looks at each row once
// however many ways to run the job it compares.
type former struct {
	row    *batch.Request // the row to take in; nil ends the rows
	err    error
	resume func() (struct{}, bool)
	stop   func()
}

// newFormer returns what forms calls, and hands each to take. Its end must be called.
func newFormer(p *pack.Packer, take func(*batch.Request)) *former {
	f := new(former)
	f.resume, f.stop = iter.Pull(func(wait func(struct{}) bool) {
		rows := func(yield func(*batch.Request, error) bool) {
			for wait(struct{}{}) && f.row != nil && yield(f.row, nil) {
			}
		}
		calls, _ := p.Form(rows, nil)
		for call, err := range calls {
			if err != nil {
				f.err = err
				return
			}
			take(call)
		}
	})
	f.resume() // up to where it waits for the first row
	return f
}

func (f *former) add(r *batch.Request) error {
	f.row = r
	f.resume()
	return f.err
}

// end forms the last calls.
func (f *former) end() error {
	f.row = nil
	f.resume()
	f.stop()
	return f.err
}
