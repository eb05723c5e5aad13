package output

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// This file reads the results of the rows on all processors, and yields them in the order
// of the rows. The rows pass three stages: one goroutine renders them and cuts them into
// chunks, several read the results of a chunk each, and the caller's takes the chunks in
// order.

const (
	chunkRows  = 64
	chunkBytes = 256 << 10 // of input, request and answer; a row is never divided

	// chunkRoom bounds memory: chunkRoom times chunkBytes may be under way for each
	// goroutine that reads. A row that is longer than all of that has it to itself.
	chunkRoom = 4
)

// A chunk is consecutive rows that pass through the stages together. The stage that
// received it owns it; the last one returns it to used.
type chunk struct {
	rows []fetched
	size int           // first in bytes, and once it is handed on in units of room
	done chan struct{} // receives a value when the rows have been fetched

	entries []journal.Entry // those of the rows
	reader  *journal.Reader
}

// A fetched is an item with what the journal has for it, before it is counted.
type fetched struct {
	work.Item
	result  *batch.Result   // nil if there is none; the reply of a pending row does not have it
	earlier []*batch.Result // results that do not count, but whose attempts cost something
	readErr error           // why the journal could not be read
	reply   reply
}

// fetch reads the results of the rows of a chunk. It is safe for concurrent use.
func (d *Deriver) fetch(s *chunk) {
	s.entries = s.entries[:0]
	for i := range s.rows {
		s.entries = append(s.entries, s.rows[i].Entry)
	}
	s.reader.Read(s.entries, func(i int, r *batch.Result, err error) { s.rows[i].result, s.rows[i].readErr = r, err })
	for i := range s.rows {
		d.understand(&s.rows[i])
	}
}

// What becomes of a chunk once its rows were yielded.
const (
	reuseChunks = true  // each row is valid until the next
	keepChunks  = false // rows stay valid, and so do their results
)

// fetchAll ranges over the rows in input order, with what the journal has for them. Each
// is valid until the next if chunks are reused. An error is the last thing yielded. Most of
// the time that an output takes goes into reading the journal and parsing its answers, so
// that several goroutines do it. All have ended when fetchAll returns, however it ends.
func (d *Deriver) fetchAll(ctx context.Context, reuse bool) iter.Seq2[*fetched, error] {
	return func(yield func(*fetched, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		var stages sync.WaitGroup
		defer stages.Wait()
		defer stop()
		rows, workers := chunkRows, runtime.GOMAXPROCS(0)
		if d.Journal.HasBlobs() {
			rows, workers = 1, 1 // answers of megabytes: as few at once as possible
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
		var fault error // why the input ended early; may be read once inOrder is closed
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
				err := f.readErr
				if err == nil && ctx.Err() != nil {
					err = errInterrupted
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(f, nil) {
					return
				}
			}
			for range s.size {
				<-room
			}
			if !reuse {
				continue
			}
			clear(s.rows) // so that long rows can be collected
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

// send sends v to the next stage. It reports whether v was taken before ctx ended.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// cutRows cuts the rows into chunks. next returns an empty chunk, and hand gives a full
// one to the next stage or returns false if ctx has ended. A chunk has fewer rows if they
// are long.
func (d *Deriver) cutRows(ctx context.Context, next func() *chunk, hand func(*chunk) bool) error {
	s := next()
	for it, err := range d.List.Items() {
		if err == nil && ctx.Err() != nil {
			err = errInterrupted
		}
		if err != nil {
			return err
		}
		s.rows = append(s.rows, fetched{Item: it})
		s.size += it.Bytes()
		if len(s.rows) == cap(s.rows) || s.size >= chunkBytes {
			if !hand(s) {
				return errInterrupted
			}
			s = next()
		}
	}
	if len(s.rows) > 0 && !hand(s) {
		return errInterrupted
	}
	return nil
}
