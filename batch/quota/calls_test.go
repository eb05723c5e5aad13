package quota

import (
	"testing"
	"time"
)

// A callLog forgets calls that are too old, and finds the others by grant and by time,
// also where its blocks begin and end.
func TestCallLog(t *testing.T) {
	var l callLog
	begin := time.Now()
	const n = 10 * blockCalls
	every := memory / (2*blockCalls + blockCalls/2) // so that two and a half blocks are kept
	for i := range n {
		now := begin.Add(time.Duration(i) * every)
		l.add(now, uint64(100+i), int64(i))
		kept := min(i+1, int(memory/every)+1)
		if l.len() != kept {
			t.Fatalf("after call %d there are %d, want %d", i, l.len(), kept)
		}
		if c := l.get(uint64(100 + i)); c == nil || c.tokens != int32(i) || !l.time(c).Equal(now) {
			t.Fatalf("call %d is %+v", i, c)
		}
		oldest := i + 1 - kept
		if c := l.get(uint64(100 + oldest)); c == nil || c.tokens != int32(oldest) {
			t.Fatalf("the oldest of call %d is %+v, want %d", i, c, oldest)
		}
		if l.get(uint64(99+oldest)) != nil || l.get(uint64(101+i)) != nil {
			t.Fatalf("after call %d there are calls that are gone, or were never made", i)
		}
		if k := min(kept, 7); l.since(now.Add(-time.Duration(k-1)*every)) != k {
			t.Fatalf("%d calls since the %d-th last", l.since(now.Add(-time.Duration(k-1)*every)), k)
		}
		// A tail has the calls of less than its time, numbered from 0 in a row.
		for j, span := range []time.Duration{window, time.Minute} {
			of := l.tails()[j]
			calls := min(i+1, int((span+every-1)/every))
			if want := (level{int64(calls), int64(calls) * int64(2*i-calls+1) / 2}); of.level != want {
				t.Fatalf("after call %d the last %v have %+v, want %+v", i, span, of.level, want)
			}
		}
	}
	if len(l.blocks) > 4 {
		t.Errorf("%d blocks for two and a half", len(l.blocks))
	}
	// A long pause forgets all.
	l.add(begin.Add(time.Hour), 100+n, 1)
	if l.len() != 1 || l.get(100+n) == nil || l.get(100+n-1) != nil {
		t.Errorf("after an hour there are %d calls", l.len())
	}
	if want := (level{1, 1}); l.room.level != want || l.minute.level != want {
		t.Errorf("after an hour %+v and %+v are in use, want %+v", l.room.level, l.minute.level, want)
	}
}

// What of a minute is in use are the calls that the server did not refuse, by the tokens
// that it reported, until they leave the minute.
func TestCallLogLevels(t *testing.T) {
	var l callLog
	begin := time.Now()
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	check := func(what string, room, minute level) {
		t.Helper()
		if l.room.level != room || l.minute.level != minute {
			t.Errorf("%s: %+v in the window and %+v in the minute, want %+v and %+v", what, l.room.level, l.minute.level, room, minute)
		}
	}
	both := func(what string, v level) {
		t.Helper()
		check(what, v, v)
	}
	for i := range 5 {
		l.add(at(float64(i)), uint64(1+i), 100)
	}
	both("five in flight", level{5, 500})
	l.end(1, answered)
	both("one is answered", level{5, 500})
	l.setTokens(1, 250)
	both("it had more tokens", level{5, 650})
	l.end(2, refused)
	both("one is refused", level{4, 550})
	l.end(2, explained)
	both("that is explained", level{4, 550})
	l.setTokens(2, 70)
	both("what is refused has no tokens", level{4, 550})
	l.end(3, faulty)
	both("one fails", level{3, 450})
	l.end(3, answered)
	both("it was an answer", level{4, 550})
	l.end(4, unsent)
	both("one was not sent", level{3, 450})
	l.end(99, refused) // never made
	l.setTokens(99, 5)
	both("of others nothing is known", level{3, 450})
	if got, want := l.levelAt(5), (level{2, 350}); got != want {
		t.Errorf("the fifth found %+v in use, want %+v", got, want)
	}
	if got := l.levelAt(1); got != (level{}) {
		t.Errorf("the first found %+v in use, want nothing", got)
	}

	l.forget(at(60))
	check("the first has left the minute", level{3, 450}, level{2, 200})
	l.setTokens(1, 300)
	check("and its tokens count where it still is", level{3, 500}, level{2, 200})
	l.forget(at(60.5))
	both("it has left the window too", level{2, 200})
	l.end(1, refused)
	l.setTokens(1, 1000)
	both("what becomes of it then changes nothing", level{2, 200})
	l.forget(at(64.5))
	both("all have left", level{})
	if l.len() != 5 || l.span(at(64.5)) != 0 {
		t.Errorf("%d calls, %v of the minute; want 5 that are remembered, and none in the minute", l.len(), l.span(at(64.5)))
	}
	l.add(at(70), 6, 7)
	both("a new one", level{1, 7})
	if got := l.span(at(75)); got != 5*time.Second {
		t.Errorf("the last minute has calls of %v, want 5 s", got)
	}
}

// Calls fail in a row in the order in which they were sent, whatever the order in which
// they end.
func TestInRow(t *testing.T) {
	fates := map[rune]fate{'.': inFlight, 'a': answered, 'f': faulty, 'e': explained, 'r': refused, 'u': unsent}
	for _, tt := range []struct {
		calls   string // what became of the grants from 1 on
		seq     uint64 // which one failed
		from    uint64
		n       int
		first   uint64
		limited bool
	}{
		{"r", 1, 1, 1, 1, true},
		{"f", 1, 1, 1, 1, false},
		{"rrr", 1, 1, 3, 1, true},
		{"rrr", 2, 1, 3, 1, true},
		{"rrr", 3, 1, 3, 1, true},
		{"rfr", 3, 1, 3, 1, false},
		{"rrrf", 1, 1, 4, 1, false},
		{"arra", 2, 1, 2, 2, true},
		{"rarr", 4, 1, 2, 3, true},
		{"rarr", 1, 1, 1, 1, true},
		{"r.rr", 4, 1, 2, 3, true},  // it may be answered still
		{"rr.rr", 2, 1, 2, 1, true}, // also after it
		{"reerr", 4, 1, 3, 1, true}, // what is explained does not count, and breaks nothing
		{"eerrr", 4, 1, 3, 3, true}, // and is not the first
		{"rrrue", 1, 1, 3, 1, true}, // nor does what was not sent
		{"fueur", 5, 1, 2, 1, false},
		{"frrrr", 4, 2, 4, 2, true}, // what comes before tells nothing any more
		{"rrrrr", 5, 6, 0, 0, true},
	} {
		var l callLog
		begin := time.Now()
		for i, c := range tt.calls {
			l.add(begin, uint64(1+i), 1)
			l.end(uint64(1+i), fates[c])
		}
		n, first, limited := l.inRow(tt.seq, tt.from)
		if n != tt.n || first != tt.first || limited != tt.limited {
			t.Errorf("%s, %d from %d: %d from %d on, limited %v; want %d, %d, %v", tt.calls, tt.seq, tt.from, n, first, limited, tt.n, tt.first, tt.limited)
		}
	}
}

// Calls that are forgotten do not count.
func TestInRowForgotten(t *testing.T) {
	var l callLog
	begin := time.Now()
	for i := range 6 {
		l.add(begin.Add(time.Duration(i)*memory/4), uint64(1+i), 1)
		l.end(uint64(1+i), refused)
	}
	if n, first, _ := l.inRow(6, 1); n != 5 || first != 2 {
		t.Errorf("%d from %d on, want 5 from 2 on", n, first)
	}
}

func TestCallLogEarliest(t *testing.T) {
	for _, tt := range []struct {
		name            string
		calls           []int64 // tokens of calls a second apart; below 0 = refused
		requests, limit int64
		tokens          int64
		call            int // the call that must leave first; 0 = none
		by              bound
	}{
		{"empty", nil, 1, 1, 100, 0, byNothing},
		{"no limits", []int64{100, 100}, 0, 0, 100, 0, byNothing},
		{"room for one", []int64{1, 1}, 3, 0, 1, 0, byNothing},
		{"full of calls", []int64{1, 1, 1}, 3, 0, 1, 1, byRequests},
		{"more than full", []int64{1, 1, 1}, 2, 0, 1, 2, byRequests},
		{"refused calls take no room", []int64{-1, 1, -1}, 2, 0, 1, 0, byNothing},
		{"refused calls make no room", []int64{-1, 1, -1, 1}, 2, 0, 1, 2, byRequests},
		{"tokens fit", []int64{40, 50}, 0, 100, 10, 0, byNothing},
		{"tokens do not fit", []int64{40, 50}, 0, 100, 11, 1, byTokens},
		{"more tokens do not fit", []int64{40, 50}, 0, 100, 51, 2, byTokens},
		{"a row above the limit waits for all", []int64{40, 50, 1}, 0, 100, 1000, 3, byTokens},
		{"a row above the limit alone", nil, 0, 100, 1000, 0, byNothing},
		{"both, requests last", []int64{90, 1, 1}, 2, 100, 20, 2, byRequests},
		{"both, tokens last", []int64{1, 1, 90}, 3, 100, 20, 3, byTokens},
	} {
		var l callLog
		begin := time.Now()
		now := begin.Add(time.Duration(len(tt.calls)) * time.Second)
		for i, n := range tt.calls {
			l.add(begin.Add(time.Duration(i)*time.Second), uint64(1+i), max(n, -n))
			if n < 0 {
				l.end(uint64(1+i), refused)
			}
		}
		var want time.Time
		if tt.call > 0 {
			want = begin.Add(time.Duration(tt.call-1)*time.Second + window)
		}
		if at, by := l.earliest(now, tt.requests, tt.tokens, tt.limit); !at.Equal(want) || by != tt.by {
			t.Errorf("%s: at %v by %d, want %v by %d", tt.name, at.Sub(begin), by, want.Sub(begin), tt.by)
		}
		// Once all have left there is room.
		if at, by := l.earliest(now.Add(window), tt.requests, tt.tokens, tt.limit); !at.IsZero() || by != byNothing {
			t.Errorf("%s: a window later at %v by %d, want now", tt.name, at, by)
		}
	}
}
