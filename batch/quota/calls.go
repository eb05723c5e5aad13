package quota

import (
	"math"
	"sort"
	"time"
)

// A record holds the calls of the last minute or so. They stand in blocks, since a slice
// that grows holds them more than twice for a while: at ten thousand a second there are
// 750,000.
type record struct {
	base   time.Time // of the first call that ever was
	blocks [][]call  // all full but for the last
	gone   int       // calls of the first block that are too old
	first  uint64    // the grant that the call after these is
}

const blockCalls = 1024 // of a block

// A call takes 16 bytes, and has no pointers.
type call struct {
	at      time.Duration // since record.base
	tokens  int32         // estimated; as reported once it is answered
	flight  uint16        // calls in flight before it, or more
	refused bool
}

func (c *call) setTokens(n int64) { c.tokens = int32(min(n, math.MaxInt32)) }

func (r *record) time(c *call) time.Time { return r.base.Add(c.at) }

func (r *record) add(now time.Time, seq uint64, tokens int64, flight int) {
	if r.base.IsZero() {
		r.base = now
	}
	at := now.Sub(r.base)
	for r.len() > 0 && at-r.call(0).at > memory {
		r.first++
		if r.gone++; r.gone == blockCalls {
			r.blocks, r.gone = r.blocks[1:], 0
		}
	}
	if r.len() == 0 {
		r.first = seq
	}
	last := len(r.blocks) - 1
	if last < 0 || len(r.blocks[last]) == blockCalls {
		r.blocks = append(r.blocks, make([]call, 0, blockCalls))
		last++
	}
	c := call{at: at, flight: uint16(min(flight, math.MaxUint16))}
	c.setTokens(tokens)
	r.blocks[last] = append(r.blocks[last], c)
}

// len counts the calls.
func (r *record) len() int {
	last := len(r.blocks) - 1
	if last < 0 {
		return 0
	}
	return last*blockCalls + len(r.blocks[last]) - r.gone
}

// call returns the i-th call.
func (r *record) call(i int) *call {
	i += r.gone
	return &r.blocks[i/blockCalls][i%blockCalls]
}

// since counts the calls from the time on.
func (r *record) since(t time.Time) int {
	at := t.Sub(r.base)
	n := r.len()
	return n - sort.Search(n, func(i int) bool { return r.call(i).at >= at })
}

// get returns the call of a grant, or nil if that was long ago.
func (r *record) get(seq uint64) *call {
	if i := seq - r.first; seq >= r.first && i < uint64(r.len()) {
		return r.call(int(i))
	}
	return nil
}

// earliest returns when one more call fits below the limit. Refused calls count as
// well: there are servers that count them.
func (r *record) earliest(limit int64) time.Time {
	if i := int64(r.len()) - limit; i >= 0 {
		return r.time(r.call(int(i))).Add(window)
	}
	return time.Time{}
}

// before counts what was accepted in the minute before a refused call. What is
// still in flight counts as accepted: refusals come back sooner than answers. So
// many calls were on their way together with the refused one.
func (r *record) before(seq uint64, together int, since time.Time) burst {
	c := r.get(seq)
	if c == nil {
		return burst{}
	}
	b := burst{at: r.time(c), row: int64(c.tokens), flight: max(int(c.flight), together)}
	after := since.Sub(r.base)
	for i := range int(seq - r.first) {
		if o := r.call(i); c.at-o.at < time.Minute {
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

// ledger returns the tokens of the last window as the ledger would have them.
func (r *record) ledger(now time.Time) ledger {
	var l ledger
	for i := range r.len() {
		if c := r.call(i); !c.refused && now.Sub(r.time(c)) < window {
			l.add(r.time(c), int64(c.tokens))
		}
	}
	return l
}
