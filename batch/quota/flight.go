package quota

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

const startWindow = 4 // calls in flight while nothing is known

// A flight is the calls of a model that are in flight, and how many may be: the window.
// It starts slowly, and each answer opens it by one.
type flight struct {
	window  int
	ceiling ceiling // of the calls in flight

	seq      uint64 // of the last grant
	grants   map[*batch.Request]*grant
	exempted int // grants that the window does not count
}

// A grant is a call in flight.
type grant struct {
	seq      uint64
	at       time.Time
	tokens   int64 // reserved; 0 = no limit was known
	estimate int64 // tokens

	// What was in use with it when it was sent. Calls that turn out to be refused do not
	// count.
	level  int   // calls in flight
	minute level // of the last minute

	nth  int  // which call of a raise it is; 0 = it is of none
	fast bool // it was sent sooner than the ceilings allow

	counted bool // it has one of the day's requests
	exempt  bool // the window does not count it

	booked       int64 // its slot in the store; 0 = it has none
	bookedTokens int64
}

// counted returns how many calls the window counts.
func (f *flight) counted() int { return len(f.grants) - f.exempted }

// most returns how many calls may be in flight.
func (f *flight) most() int {
	if f.ceiling.level > 0 {
		return int(min(int64(f.window), f.ceiling.reach))
	}
	return f.window
}

// next returns the grant of the next call.
func (f *flight) next(now time.Time, exempt bool) *grant {
	f.seq++
	g := &grant{seq: f.seq, at: now, exempt: exempt, level: f.counted()}
	if !exempt {
		g.level++
	}
	return g
}

// without returns what was used of the minute before the call.
func (g *grant) without() level {
	return level{g.minute.calls - 1, g.minute.tokens - g.estimate}
}

// add puts a call in flight.
func (f *flight) add(r *batch.Request, g *grant) {
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

// uncount takes a call that was refused out of what the calls sent after it found used.
func (f *flight) uncount(g *grant) {
	for _, o := range f.grants {
		if o.seq < g.seq {
			continue
		}
		if !g.exempt {
			o.level--
		}
		if o.at.Sub(g.at) < time.Minute {
			o.minute.calls--
			o.minute.tokens -= g.estimate
		}
	}
}

// grow opens the window by one, up to most.
func (f *flight) grow(most int) { f.window = min(f.window+1, most) }
