package media

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/store"
)

const (
	// aheadRows is how many rows are looked at before they are asked for. To look at an object takes
	// two requests one after the other, in which a store is far, and rows are rendered in their order.
	aheadRows = 32
	// aheadLooks is how many of them are looked at at the same time.
	aheadLooks = 16
	// shortCell is how long a cell may be that is taken for the name of objects, or a list of names.
	shortCell = 64 << 10
)

// An expected row is one that was read ahead.
type expected struct {
	row  *batch.Row
	err  error
	look chan error // gives the StoreError of its objects, or nil; nil if it names none
}

// Ahead ranges over rows, and looks at the objects that they name before it yields them, so that
// [Parts.Add] need not wait. Rows without objects it does not read ahead. If a store cannot be read,
// the [StoreError] is the second value, and the last.
func (m *Parts) Ahead(rows iter.Seq2[*batch.Row, error]) iter.Seq2[*batch.Row, error] {
	if m == nil {
		return rows
	}
	return func(yield func(*batch.Row, error) bool) {
		var queue []expected
		var looks sync.WaitGroup
		slots, stop := make(chan struct{}, aheadLooks), make(chan struct{})
		defer looks.Wait()
		defer close(stop)
		next := func() bool {
			x := queue[0]
			queue = queue[1:]
			if x.look != nil {
				if err := <-x.look; err != nil {
					yield(nil, err)
					return false
				}
			}
			return yield(x.row, x.err)
		}
		for row, err := range rows {
			x := expected{row: row, err: err}
			if err == nil && m.namesObjects(row) {
				x.look = make(chan error, 1)
				looks.Go(func() {
					select {
					case slots <- struct{}{}:
						x.look <- m.lookAt(row)
						<-slots
					case <-stop:
					}
				})
			}
			queue = append(queue, x)
			for len(queue) > 0 && (queue[0].look == nil || len(queue) > aheadRows) {
				if !next() {
					return
				}
			}
		}
		for len(queue) > 0 {
			if !next() {
				return
			}
		}
	}
}

// namesObjects reports whether cells of a row may name objects.
func (m *Parts) namesObjects(row *batch.Row) bool {
	inStore := store.IsAddress(m.rootOf(row)) || m.areRows && store.IsAddress(row.Source)
	if !inStore || row.Err != nil {
		return false
	}
	for _, c := range m.columns {
		if v, _ := row.Value(c.Column); isShort(v) {
			return true
		}
	}
	return false
}

// isShort reports whether a cell may hold names, and surely holds no large medium.
func isShort(v any) bool {
	switch v := v.(type) {
	case string:
		return v != "" && len(v) <= shortCell
	case json.RawMessage:
		return len(v) <= shortCell
	}
	return false
}

// lookAt looks at the objects that a row names. It returns a StoreError only: Add tells what else is
// wrong with the row.
func (m *Parts) lookAt(row *batch.Row) error {
	for _, c := range m.columns {
		v, _ := row.Value(c.Column)
		if !isShort(v) {
			continue
		}
		_, err := m.of(row, c, v)
		if _, away := errors.AsType[*StoreError](err); away {
			return fmt.Errorf("%s: %s: %w", row.Place(), c.Column, err)
		}
		if err != nil {
			return nil
		}
	}
	return nil
}
