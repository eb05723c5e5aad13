package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/genbatch/genbatch/batch"
)

// A Pass digests what the rows are in one pass over all of them: their fingerprints, in
// which their media count by content. For a job without media it does nothing.
type Pass struct {
	media *Parts
	sum   hash.Hash
}

// NewPass begins a pass.
func (m *Parts) NewPass() Pass { return Pass{m, sha256.New()} }

// LastSeen returns the digest of the last pass that came to its end. It is empty if there
// was none, or if the job has no media.
func (m *Parts) LastSeen() string {
	if m == nil {
		return ""
	}
	return m.lastSeen
}

// Add counts a row with its request, or, if r is nil, with what is wrong with the row.
func (p Pass) Add(r *batch.Request, bad error) {
	switch {
	case p.media == nil:
	case r != nil:
		p.sum.Write(r.Fingerprint[:])
	default:
		fmt.Fprintln(p.sum, bad)
	}
}

// End says that all rows have been added. A pass that ends early has no digest.
func (p Pass) End() {
	if p.media != nil {
		p.media.lastSeen = hex.EncodeToString(p.sum.Sum(nil))
	}
}
