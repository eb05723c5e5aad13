package quota

import (
	"math"
	"sort"
	"time"
)

// A callLog remembers the calls of the last minute or so. They stand in blocks, because
// a slice that grows holds them more than twice for a while: at ten thousand a second
// there are 750,000.
type callLog struct {
	base   time.Time // of the first call of all
	blocks [][]call  // all full but the last
	gone   int       // calls of the first block that are too old
	first  uint64    // the grant of the first call that is kept
}

const blockCalls = 1024 // calls in a block

// A call takes 16 bytes and has no pointers.
type call struct {
	at      time.Duration // since callLog.base
	tokens  int32         // estimated; as reported once it is answered
	flight  uint16        // calls in flight before it, or more
	refused bool
}

func (c *call) setTokens(n int64) { c.tokens = int32(min(n, math.MaxInt32)) }

func (l *callLog) time(c *call) time.Time { return l.base.Add(c.at) }

// add logs the call of a grant, and forgets those that are too old.
func (l *callLog) add(now time.Time, seq uint64, tokens int64, flight int) {
	if l.base.IsZero() {
		l.base = now
	}
	at := now.Sub(l.base)
	for l.len() > 0 && at-l.call(0).at > memory {
		l.first++
		if l.gone++; l.gone == blockCalls {
			l.blocks, l.gone = l.blocks[1:], 0
		}
	}
	if l.len() == 0 {
		l.first = seq
	}
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last]) == blockCalls {
		l.blocks = append(l.blocks, make([]call, 0, blockCalls))
		last++
	}
	c := call{at: at, flight: uint16(min(flight, math.MaxUint16))}
	c.setTokens(tokens)
	l.blocks[last] = append(l.blocks[last], c)
}

// len counts the calls.
func (l *callLog) len() int {
	last := len(l.blocks) - 1
	if last < 0 {
		return 0
	}
	return last*blockCalls + len(l.blocks[last]) - l.gone
}

// call returns the i-th call.
func (l *callLog) call(i int) *call {
	i += l.gone
	return &l.blocks[i/blockCalls][i%blockCalls]
}

// since counts the calls from the time on.
func (l *callLog) since(t time.Time) int {
	at := t.Sub(l.base)
	n := l.len()
	return n - sort.Search(n, func(i int) bool { return l.call(i).at >= at })
}

// get returns the call of a grant, or nil if it is forgotten.
func (l *callLog) get(seq uint64) *call {
	if i := seq - l.first; seq >= l.first && i < uint64(l.len()) {
		return l.call(int(i))
	}
	return nil
}

// earliest returns when one more call fits below the limit. Refused calls count too:
// some servers count them.
func (l *callLog) earliest(limit int64) time.Time {
	if i := int64(l.len()) - limit; i >= 0 {
		return l.time(l.call(int(i))).Add(window)
	}
	return time.Time{}
}

// before counts what was accepted in the minute before a refused call. Calls that are
// still in flight count as accepted, because refusals come back sooner than answers.
// together is how many were on their way together with the refused call; calls up to
// since are left out of the burst's sent and lost.
func (l *callLog) before(seq uint64, together int, since time.Time) burst {
	c := l.get(seq)
	if c == nil {
		return burst{}
	}
	b := burst{at: l.time(c), row: int64(c.tokens), flight: max(int(c.flight), together)}
	after := since.Sub(l.base)
	for i := range int(seq - l.first) {
		if o := l.call(i); c.at-o.at < time.Minute {
			if o.at > after {
				b.sent++
			}
			if o.refused {
				if o.at > after {
					b.lost++
				}
				continue
			}
			b.calls++
			b.tokens += int64(o.tokens)
			if int(o.flight) >= b.flight {
				b.busy++
			}
		}
	}
	return b
}

// ledger returns the tokens of the last window as a ledger would have counted them.
func (l *callLog) ledger(now time.Time) ledger {
	var made ledger
	for i := range l.len() {
		if c := l.call(i); !c.refused && now.Sub(l.time(c)) < window {
			made.add(l.time(c), int64(c.tokens))
		}
	}
	return made
}
