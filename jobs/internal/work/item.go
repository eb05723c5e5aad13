package work

import (
	"encoding/json"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// A Fate says what is to become of a row in a run. Each row has exactly one, and what
// depends on it is decided here alone.
type Fate uint8

// The fates.
const (
	Bad     Fate = iota // it cannot be read or rendered, or the API is known to refuse it
	Copied              // it shares the call of the first row with the same request, and has no result of its own
	Settled             // the journal has a result that counts
	Again               // the journal has a result, but the row is asked again: it failed, or Retry names its status
	New                 // the journal has no result
)

// Ask reports whether a run asks the row.
func (f Fate) Ask() bool { return f == Again || f == New }

// An Item is one row of the job, with its request and what the journal has for it.
type Item struct {
	Row     *batch.Row
	Request *batch.Request // nil for a bad row
	Err     error          // why the row is bad; nil for every other row
	Fate    Fate

	// Single is the fingerprint of the row's single request, whether it shares its call or not.
	Single batch.Fingerprint

	// Elsewhere counts the answers that the journal has to the row asked in other ways than
	// the list's. See [List.SetPiloted].
	Elsewhere int

	// Entry says where the journal has the row's result. For a copied row it is the
	// result of the row whose call it shares. Without a result it is the zero value.
	Entry journal.Entry
}

// SingleID returns the identity that the row has in every way in which it can be asked. The
// item must have a request.
func (it *Item) SingleID() batch.ID {
	return batch.ID{Fingerprint: it.Single, Occurrence: it.Request.Occurrence}
}

// Bytes estimates how much memory the item and its answer take.
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
