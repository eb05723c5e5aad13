package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A stretch of rows is read from the journal by one goroutine while others read the
// stretches around it.
const (
	stretchRows  = 64
	stretchBytes = 256 << 10 // of input, request and answer; a row is never divided
	// stretchRoom is how many times stretchBytes may be under way for each goroutine:
	// of rows that are longer than all of it, one at a time is.
	stretchRoom = 4
)

// A stretch is what is handed from one stage to the next, and used again after the
// last. It belongs to the stage that has it; done tells that its rows have been fetched.
type stretch struct {
	rows []fetched
	size int // in bytes; once it is handed on, of the room that it takes
	done chan struct{}

	entries []journal.Entry // of the rows; zero where the journal has nothing
	reader  *journal.Reader
}

// A fetched is an item with what the journal has of it, not counted yet.
type fetched struct {
	item
	reply   *reply
	own     reply           // what reply points to, for a row with a result
	result  *batch.Result   // nil: there is none
	earlier []*batch.Result // those that do not count, but cost something
	err     error           // the journal cannot be read
}

// fetch reads what the journal has of the rows of a stretch. It is safe for concurrent
// use.
func (j *Job) fetch(s *stretch) {
	s.entries = s.entries[:0]
	for i := range s.rows {
		s.entries = append(s.entries, s.rows[i].recorded())
	}
	s.reader.Read(s.entries, func(i int, r *batch.Result, err error) { s.rows[i].result, s.rows[i].err = r, err })
	for i := range s.rows {
		j.understand(&s.rows[i])
	}
}

// recorded returns where the journal has an item's result; zero: it has none.
func (it *item) recorded() journal.Entry {
	if it.req == nil || !it.known {
		return journal.Entry{}
	}
	return it.entry
}

// understand makes a reply of what was read.
func (j *Job) understand(f *fetched) {
	switch {
	case f.err != nil:
		return
	case f.req == nil:
		f.reply = &reply{status: batch.Skipped, problem: message.OneLine(f.item.err.Error(), 500)}
		return
	case f.result == nil:
		f.reply = &reply{status: batch.Pending}
		return
	}
	if !f.copied {
		for _, e := range j.journal.Superseded(f.req.Fingerprint, f.req.Occurrence) {
			r, err := j.journal.Read(e)
			if err != nil {
				f.err = err
				return
			}
			f.earlier = append(f.earlier, r)
		}
	}
	if f.result.Status == batch.Pending {
		f.reply = &reply{status: batch.Pending}
	} else {
		f.own = reply{result: f.result}
		f.reply = &f.own
		j.answered(f.reply)
	}
}

// price counts what a row's results used, and says in its reply what they cost.
func (j *Job) price(f *fetched, t *cost.Totals) {
	x := f.reply
	switch {
	case f.result == nil:
	case f.copied:
		if x.status != batch.Pending {
			saved, _ := new(cost.Totals).AddResult(f.result, j.prices)
			t.Copied++
			t.Saved += saved
			x.copied, x.priced = true, true
		}
	default:
		before := t.Bill.Retries.Cost
		cost, priced := t.AddResult(f.result, j.prices)
		if f.result.Seq <= j.progress.since {
			t.Bill.Kept += cost - (t.Bill.Retries.Cost - before)
		}
		for _, r := range f.earlier {
			c, ok := t.AddSpent(r, j.prices, f.result.Status, false)
			cost, priced = cost+c, priced && ok
		}
		if f.result.Status != batch.Pending {
			x.cost, x.priced = cost, priced
		}
	}
}

// fetchAll ranges over the job's rows in input order, with what the journal has of
// them, each valid until the next. An error is the last thing yielded. One goroutine
// reads and renders the input, and others read the journal and parse its answers, which
// is most of what an output takes.
func (j *Job) fetchAll(ctx context.Context) iter.Seq2[*fetched, error] {
	return func(yield func(*fetched, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		var stages sync.WaitGroup
		defer stages.Wait()
		defer stop()
		rows, workers := stretchRows, runtime.GOMAXPROCS(0)
		if j.journal.HasBlobs() {
			rows, workers = 1, 1 // answers of megabytes: as few of them at once as can be
		}
		todo, inOrder := make(chan *stretch), make(chan *stretch, workers)
		room := make(chan struct{}, stretchRoom*workers)
		used := make(chan *stretch, cap(inOrder))
		next := func() *stretch {
			select {
			case s := <-used:
				return s
			default:
				return &stretch{rows: make([]fetched, 0, rows), done: make(chan struct{}, 1), reader: j.journal.NewReader()}
			}
		}
		var fault error // of the input; known once inOrder is closed
		stages.Go(func() {
			defer close(inOrder)
			defer close(todo)
			fault = j.stretches(ctx, next, func(s *stretch) bool {
				s.size = min(1+s.size/stretchBytes, cap(room))
				for range s.size {
					if !send(ctx, room, struct{}{}) {
						return false
					}
				}
				return send(ctx, todo, s) && send(ctx, inOrder, s)
			})
		})
		for range workers {
			stages.Go(func() {
				for s := range todo {
					j.fetch(s)
					s.done <- struct{}{}
				}
			})
		}
		for s := range inOrder {
			<-s.done
			for i := range s.rows {
				f := &s.rows[i]
				if f.err != nil {
					yield(nil, f.err)
					return
				}
				if !yield(f, nil) {
					return
				}
			}
			for range s.size {
				<-room
			}
			clear(s.rows) // long ones are not held
			s.reader.Release()
			s.rows, s.size = s.rows[:0], 0
			select {
			case used <- s:
			default:
			}
		}
		if fault != nil {
			yield(nil, fault)
		}
	}
}

// send reports whether the stage after took v before ctx ended.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// stretches cuts the rows into stretches, as many as they have room for and fewer where
// they are long.
func (j *Job) stretches(ctx context.Context, next func() *stretch, hand func(*stretch) bool) error {
	interrupted := func() error { return fmt.Errorf("%w while the output was written", batch.ErrInterrupted) }
	s := next()
	for it, err := range j.items() {
		if err == nil && ctx.Err() != nil {
			err = interrupted()
		}
		if err != nil {
			return err
		}
		s.rows = append(s.rows, fetched{item: it})
		s.size += it.bytes()
		if len(s.rows) == cap(s.rows) || s.size >= stretchBytes {
			if !hand(s) {
				return interrupted()
			}
			s = next()
		}
	}
	if len(s.rows) > 0 && !hand(s) {
		return interrupted()
	}
	return nil
}

// bytes is about what an item, and its answer, hold in memory.
func (it *item) bytes() int {
	n := len(it.row.Raw) + it.entry.Bytes()
	if it.req != nil {
		n += len(it.req.Body)
		for i := range it.req.Media {
			n += len(it.req.Media[i].Data)
		}
	}
	for _, v := range it.row.Values {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		case json.RawMessage:
			n += len(v)
		}
	}
	return n
}
