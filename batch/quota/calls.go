package quota

import (
	"math"
	"sort"
	"time"
)

// memory is how long calls are remembered: for the minute before a refusal, and for the
// time that the refusal takes to arrive.
const memory = 75 * time.Second

// A callLog remembers the calls of the last minute or so, in the order in which they
// were sent, and counts those that the server did not refuse. They stand in blocks,
// because a slice that grows holds them more than twice for a while: at ten thousand a
// second there are 750,000.
type callLog struct {
	base   time.Time // of the first call of all
	blocks [][]call  // all full but the last
	gone   int       // calls of the first block that are too old
	first  uint64    // the grant of the first call that is kept

	room   tail // of the last window, in which the next call must find room
	minute tail // of the last minute
}

const blockCalls = 1024 // calls in a block

// A call takes 16 bytes and has no pointers.
type call struct {
	at     time.Duration // since callLog.base
	tokens int32         // estimated; as reported once it is answered
	flight uint16        // calls in flight with it, without those that were refused
	fate   fate
}

// A fate is what became of a call.
type fate uint8

const (
	inFlight  fate = iota
	answered       // the server did its work, whatever the answer was
	faulty         // the server failed, or none was reached
	explained      // refused, and a limit that is known, or suspected, explains it
	refused        // refused otherwise
	unsent
)

// counts reports whether a call counts among what the server accepted. A call in flight
// does, because refusals come back sooner than answers.
func (f fate) counts() bool { return f <= answered }

// A tail counts the calls from a certain one to the last.
type tail struct {
	from uint64 // the grant of its first call
	level
}

// A level is how much of a minute is used.
type level struct{ calls, tokens int64 }

// count adds a call, if it counts, n times. With -1 it takes the call out.
func (v *level) count(c *call, n int64) {
	if c.fate.counts() {
		v.calls += n
		v.tokens += n * int64(c.tokens)
	}
}

func (l *callLog) time(c *call) time.Time { return l.base.Add(c.at) }

// add logs the call of a grant, and forgets those that are too old. Grants are numbered
// without a gap.
func (l *callLog) add(now time.Time, seq uint64, tokens int64) {
	if l.base.IsZero() {
		l.base = now
	}
	if l.len() == 0 {
		l.first, l.room.from, l.minute.from = seq, seq, seq
	}
	l.forget(now)
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last]) == blockCalls {
		l.blocks = append(l.blocks, make([]call, 0, blockCalls))
		last++
	}
	c := call{at: now.Sub(l.base), tokens: int32(min(tokens, math.MaxInt32))}
	l.blocks[last] = append(l.blocks[last], c)
	for _, t := range l.tails() {
		t.count(&c, 1)
	}
}

func (l *callLog) tails() [2]*tail { return [...]*tail{&l.room, &l.minute} }

// forget drops the calls that are too old, from the tails and from the log.
func (l *callLog) forget(now time.Time) {
	at := now.Sub(l.base)
	l.drop(&l.room, at-window)
	l.drop(&l.minute, at-time.Minute)
	for l.len() > 0 && at-l.call(0).at > memory {
		l.first++
		if l.gone++; l.gone == blockCalls {
			l.blocks[0] = nil // the slice would keep it
			l.blocks, l.gone = l.blocks[1:], 0
		}
	}
}

// drop takes the calls out of a tail that were sent until the time.
func (l *callLog) drop(t *tail, until time.Duration) {
	for c := l.get(t.from); c != nil && c.at <= until; c = l.get(t.from) {
		t.count(c, -1)
		t.from++
	}
}

// change changes a call, and what the tails count of it.
func (l *callLog) change(seq uint64, change func(c *call)) {
	c := l.get(seq)
	if c == nil {
		return
	}
	count := func(n int64) {
		for _, t := range l.tails() {
			if t.from <= seq {
				t.count(c, n)
			}
		}
	}
	count(-1)
	change(c)
	count(1)
}

// end notes what became of a call.
func (l *callLog) end(seq uint64, f fate) { l.change(seq, func(c *call) { c.fate = f }) }

// landed notes how many calls were in flight with a call.
func (l *callLog) landed(seq uint64, flight int) {
	if c := l.get(seq); c != nil {
		c.flight = uint16(min(max(flight, 0), math.MaxUint16))
	}
}

// setTokens notes how many tokens a call had.
func (l *callLog) setTokens(seq uint64, n int64) {
	l.change(seq, func(c *call) { c.tokens = int32(min(n, math.MaxInt32)) })
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

// get returns the call of a grant, or nil if it is forgotten.
func (l *callLog) get(seq uint64) *call {
	if i := seq - l.first; seq >= l.first && i < uint64(l.len()) {
		return l.call(int(i))
	}
	return nil
}

// since counts the calls from the time on.
func (l *callLog) since(t time.Time) int {
	at := t.Sub(l.base)
	n := l.len()
	return n - sort.Search(n, func(i int) bool { return l.call(i).at >= at })
}

// span is how much of the last minute has calls.
func (l *callLog) span(now time.Time) time.Duration {
	if c := l.get(l.minute.from); c != nil {
		return now.Sub(l.time(c))
	}
	return 0
}

// levelAt returns what the server had accepted in the minute before a call.
func (l *callLog) levelAt(seq uint64) (v level) {
	c := l.get(seq)
	if c == nil {
		return v
	}
	for i := int(seq-l.first) - 1; i >= 0; i-- {
		o := l.call(i)
		if c.at-o.at >= time.Minute {
			break
		}
		v.count(o, 1)
	}
	return v
}

// inRow counts the calls around one that failed in a row, in the order in which they were
// sent and from a grant on. It returns the first of them, and whether all of them were
// refused.
func (l *callLog) inRow(seq, from uint64) (n int, first uint64, limited bool) {
	limited = true
	count := func(c *call) bool {
		switch c.fate {
		case explained, unsent:
			return true
		case faulty:
			limited = false
		case refused:
		default:
			return false
		}
		n++
		return true
	}
	for s := seq; s >= from; s-- {
		c := l.get(s)
		if c == nil || !count(c) {
			break
		}
		if c.fate == refused || c.fate == faulty {
			first = s
		}
	}
	for s := seq + 1; ; s++ {
		if c := l.get(s); c == nil || !count(c) {
			return n, first, limited
		}
	}
}

// earliest returns when one more call of so many tokens finds room; the zero time is
// now. A limit of 0 does not bind. Where much must leave first, the time is that of a
// part of it.
func (l *callLog) earliest(now time.Time, requests, tokens, limit int64) (at time.Time, by bound) {
	const most = 64 // calls to look at
	l.forget(now)
	left := l.room.level
	for seq := l.room.from; seq < l.room.from+most; seq++ {
		c := l.get(seq)
		if c == nil {
			break
		}
		switch {
		case requests > 0 && left.calls >= requests:
			by = byRequests
		case limit > 0 && left.tokens > 0 && left.tokens+min(tokens, limit) > limit:
			by = byTokens
		default:
			return at, by
		}
		left.count(c, -1)
		at = l.time(c).Add(window)
	}
	return at, by
}
