package work

import (
	"encoding/json"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// A Fate is what is to become of a row in a run.
type Fate uint8

// The fates.
const (
	Bad     Fate = iota // it cannot be read or rendered, or is known to be refused
	Copied              // it shares the call of the first row with the same request
	Settled             // its result is in the journal, and counts
	Again               // it was asked before, and is asked again: it failed, or its status is named by retry
	New                 // the journal has no result of it
)

// Ask reports whether the row is to be asked.
func (f Fate) Ask() bool { return f == Again || f == New }

// An Item is one row of the job, with the request that it renders to and what the
// journal knows of it.
type Item struct {
	Row     *batch.Row
	Request *batch.Request // nil for a bad row
	Err     error          // why the row is bad
	Fate    Fate

	// Entry is where the journal has the row's result, or, for a copied row, that of
	// the row whose call it shares. Its status is empty where there is none.
	Entry journal.Entry
}

// Bytes is about what an item, and its answer, hold in memory.
func (it *Item) Bytes() int {
	n := len(it.Row.Raw) + it.Entry.Bytes()
	if it.Request != nil {
		n += len(it.Request.Body)
		for i := range it.Request.Media {
			n += len(it.Request.Media[i].Data)
		}
	}
	for _, v := range it.Row.Values {
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
