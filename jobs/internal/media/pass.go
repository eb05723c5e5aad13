package media

import (
	"crypto/sha256"
	"hash"
)

// A mediaPass sums up what the rows are in one pass over them; of a nil Parts
// it does nothing.
type mediaPass struct {
	media *Parts
	sum   hash.Hash
}

func (m *Parts) NewPass() mediaPass { return mediaPass{m, sha256.New()} }

// LastSeen is what the last whole pass saw; empty: there was none, or the job has
// no media.
func (m *Parts) LastSeen() string {
	if m == nil {
		return ""
	}
	return m.seen
}
