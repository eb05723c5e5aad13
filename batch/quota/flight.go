package quota

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

const startWindow = 4 // calls in flight while nothing is known

// A flight is the calls of a model that are in flight, and how many may be: the window.
// It starts slowly. Each answer to a call that was sent after the last cut opens it by
// one, and each burst of refusals that no limit of the minute explains cuts it in half.
type flight struct {
	window int
	cut    uint64 // the last grant before the last cut: refusals up to it belong to a burst that was counted
	bursts int    // bursts of refusals since the last answer to a call after the cut

	seq      uint64 // of the last grant
	grants   map[*batch.Request]grant
	exempted int // grants that the window does not count
}

// A grant is a call in flight.
type grant struct {
	seq    uint64
	at     time.Time
	tokens int64 // reserved; 0 = no limit was known
	entry  int64 // its number in the ledger, if tokens are reserved
	sum    int64 // tokens in the ledger with it

	counted bool // it has one of the day's requests
	exempt  bool // the window does not count it

	booked       int64 // its slot in the store; 0 = it has none
	bookedTokens int64
}

// counted returns how many calls the window counts.
func (f *flight) counted() int { return len(f.grants) - f.exempted }

// full reports whether the window holds no further call.
func (f *flight) full() bool { return f.counted() >= f.window }

// next returns the grant of the next call.
func (f *flight) next(now time.Time, exempt bool) grant {
	f.seq++
	return grant{seq: f.seq, at: now, exempt: exempt}
}

// add puts a call in flight.
func (f *flight) add(r *batch.Request, g grant) {
	f.grants[r] = g
	if g.exempt {
		f.exempted++
	}
}

// land takes out a call that has ended.
func (f *flight) land(r *batch.Request) {
	if f.grants[r].exempt {
		f.exempted--
	}
	delete(f.grants, r)
}

// afterCut reports whether a grant was made after the last cut. Only such calls tell
// about the time since.
func (f *flight) afterCut(g grant) bool { return g.seq > f.cut }

// grow opens the window by one, up to most.
func (f *flight) grow(most int) {
	f.window = min(f.window+1, most)
	f.bursts = 0
}

// endBurst counts a burst of refusals, to which all calls in flight belong. It cuts the
// window in half unless something else is the answer to the burst.
func (f *flight) endBurst(halve bool) {
	f.cut = f.seq
	f.bursts++
	if halve {
		f.window = max(1, f.window/2)
	}
}

// together counts the calls in flight that may have reached the server before one that
// was sent at the time. Those sent a moment later count too, since calls overtake each
// other.
func (f *flight) together(at time.Time) int {
	n := 0
	for _, g := range f.grants {
		if g.at.Sub(at) <= 20*time.Millisecond {
			n++
		}
	}
	return n
}
