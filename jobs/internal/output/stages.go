package output

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// This file reads what the journal has of the rows, on all processors and in the order
// of the rows. One goroutine reads a chunk of them while others read those around it.
const (
	chunkRows  = 64
	chunkBytes = 256 << 10 // of input, request and answer; a row is never divided
	// chunkRoom is how many times chunkBytes may be under way for each goroutine:
	// of rows that are longer than all of it, one at a time is.
	chunkRoom = 4
)

// A chunk is consecutive rows that pass through the stages together. The stage that
// received it owns it, and the last one keeps it for another use.
type chunk struct {
	rows []fetched
	size int           // in bytes; once it is handed on, of the room that it takes
	done chan struct{} // receives a value when the rows have been fetched

	entries []journal.Entry // of the rows; zero where the journal has nothing
	reader  *journal.Reader
}

// A fetched is an item with what the journal has of it, not counted yet.
type fetched struct {
	work.Item
	reply   *reply
	own     reply           // what reply points to, for a row with a result
	result  *batch.Result   // nil: there is none
	earlier []*batch.Result // those that do not count, but cost something
	err     error           // the journal cannot be read
}

// fetch reads what the journal has of the rows of a chunk. It is safe for concurrent
// use.
func (d *Deriver) fetch(s *chunk) {
	s.entries = s.entries[:0]
	for i := range s.rows {
		s.entries = append(s.entries, s.rows[i].Entry)
	}
	s.reader.Read(s.entries, func(i int, r *batch.Result, err error) { s.rows[i].result, s.rows[i].err = r, err })
	for i := range s.rows {
		d.understand(&s.rows[i])
	}
}

// fetchAll ranges over the rows in input order, with what the journal has of them, each
// valid until the next. An error is the last thing yielded. One goroutine reads and
// renders the input, and others read the journal and parse its answers, which is most
// of what an output takes.
func (d *Deriver) fetchAll(ctx context.Context) iter.Seq2[*fetched, error] {
	return func(yield func(*fetched, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		var stages sync.WaitGroup
		defer stages.Wait()
		defer stop()
		rows, workers := chunkRows, runtime.GOMAXPROCS(0)
		if d.Journal.HasBlobs() {
			rows, workers = 1, 1 // answers of megabytes: as few of them at once as can be
		}
		todo, inOrder := make(chan *chunk), make(chan *chunk, workers)
		room := make(chan struct{}, chunkRoom*workers)
		used := make(chan *chunk, cap(inOrder))
		next := func() *chunk {
			select {
			case s := <-used:
				return s
			default:
				return &chunk{rows: make([]fetched, 0, rows), done: make(chan struct{}, 1), reader: d.Journal.NewReader()}
			}
		}
		var fault error // of the input; known once inOrder is closed
		stages.Go(func() {
			defer close(inOrder)
			defer close(todo)
			fault = d.cutRows(ctx, next, func(s *chunk) bool {
				s.size = min(1+s.size/chunkBytes, cap(room))
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
					d.fetch(s)
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

// cutRows cuts the rows into chunks, as many as they have room for and fewer where they
// are long.
func (d *Deriver) cutRows(ctx context.Context, next func() *chunk, hand func(*chunk) bool) error {
	interrupted := func() error { return fmt.Errorf("%w while the output was written", batch.ErrInterrupted) }
	s := next()
	for it, err := range d.List.Items() {
		if err == nil && ctx.Err() != nil {
			err = interrupted()
		}
		if err != nil {
			return err
		}
		s.rows = append(s.rows, fetched{Item: it})
		s.size += it.Bytes()
		if len(s.rows) == cap(s.rows) || s.size >= chunkBytes {
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
