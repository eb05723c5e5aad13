package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/genbatch/genbatch/batch"
)

// A Pass sums up what the rows are in one pass over them; of a nil Parts
// it does nothing.
type Pass struct {
	media *Parts
	sum   hash.Hash
}

// NewPass begins a pass. m may be nil.
func (m *Parts) NewPass() Pass { return Pass{m, sha256.New()} }

// LastSeen is what the last whole pass saw; empty: there was none, or the job has
// no media.
func (m *Parts) LastSeen() string {
	if m == nil {
		return ""
	}
	return m.seen
}

// Add counts a row with its request, or with what is wrong with it.
func (p Pass) Add(r *batch.Request, bad error) {
	switch {
	case p.media == nil:
	case r != nil:
		p.sum.Write(r.Fingerprint[:])
	default:
		fmt.Fprintln(p.sum, bad)
	}
}

// End says that the pass was whole.
func (p Pass) End() {
	if p.media != nil {
		p.media.seen = hex.EncodeToString(p.sum.Sum(nil))
	}
}
