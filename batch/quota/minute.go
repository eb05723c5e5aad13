package quota

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"time"
)

// sliceTime is how much of a minute a process books at a time. It books one request if
// that takes longer. In the minute's file, the tokens of slots within sliceTime are put
// together. That is exact enough: sliceTime and slack together stay below the half second
// by which the window of the tokens is longer than a minute.
const sliceTime = 250 * time.Millisecond

// A minute is what processes must know of each other to keep one limit of the minute:
// until when its slots are given away. It stands in a file beside the day's record. It is
// worth nothing a minute later, so it is written without a sync: a power cut costs no more
// than that minute. Times are in Unix nanoseconds.
type minute struct {
	Version  int        `json:"version"`
	Written  int64      `json:"written"`
	Requests int64      `json:"requests"`       // the next free slot, by the limit of requests
	Tokens   int64      `json:"tokens"`         // the same by the limit of tokens
	Sent     [][2]int64 `json:"sent,omitempty"` // slots of the last window, and the tokens of each
}

// A booking is what a process asks of a minute.
type booking struct {
	requests    pace          // limit 0 = not shared
	tokens      pace          // the same
	limits      [2]int64      // of requests and tokens, shared or not, when the booking was made
	lead        time.Duration // the answer takes so long that an earlier slot is of no use
	slice       time.Duration // of the minute that may be booked at once
	wants       []slot        // afterwards only those that were booked
	corrections []correction
	unused      []gap         // time that is given back
	eased       time.Duration // by which less of the minute's tokens is owed, since their limit was raised
}

// A gap is time that nobody needs any more, in Unix nanoseconds.
type gap struct{ from, to int64 }

// A slot is when a request may be sent.
type slot struct {
	tokens int64
	at     time.Time
	by     bound // what decided the time
	took   int64 // the time that the tokens took when they were booked
	next   int64 // where the next slot began by the limit of requests, when it was booked; 0 = that is not shared
	ahead  bool  // nobody waited for it when it was booked
}

// A correction adds tokens to a slot, or takes some away, once it is known how many are
// used.
type correction struct {
	at, tokens int64
	took       int64 // how much time the tokens took when they were booked; 0 = as they do now
}

// book gives slots to the wants, in their order and to as many as one slice holds.
//
// All processes book in one sequence of slots. A slot is used at its time or at most
// slack after it, or not at all. So what holds for one process (see pace and callLog)
// holds for all of them together: no minute has more requests than the limit, and none
// has more tokens, whatever the size of the rows, as far as the estimates are right. A
// row above the limit counts as all of it. A process that dies or pauses loses what it
// had booked, which is at most one slice and a half.
func (b *booking) book(r *minute, now time.Time) {
	t := now.UnixNano()
	if r.Written > t { // the clock was set back: what is booked stays as far ahead as it was
		back := r.Written - t
		r.Requests -= back
		r.Tokens -= back
		for i := range r.Sent {
			r.Sent[i][0] -= back
		}
	}
	if !r.sound(t + int64(time.Hour)) {
		*r = minute{}
	}
	r.Version, r.Written = recordVersion, t
	for len(r.Sent) > 0 && t-r.Sent[0][0] >= int64(window) {
		r.Sent = r.Sent[1:]
	}
	for _, c := range b.corrections {
		r.correct(c)
		if c.tokens < 0 {
			r.Tokens -= cmp.Or(c.took, int64(b.tokens.cost(-c.tokens)))
		} else {
			r.Tokens += int64(b.tokens.cost(c.tokens))
		}
	}
	for _, g := range slices.Backward(b.unused) {
		if b.requests.limit > 0 && r.Requests == g.to { // nobody has booked after it
			r.Requests = g.from
		}
	}
	r.Tokens = max(r.Tokens-int64(b.eased), min(r.Tokens, t))
	var used int64
	for _, s := range r.Sent {
		used += s[1]
	}
	for i := range b.wants {
		w := &b.wants[i]
		at := t + int64(b.lead)
		later := func(slot int64, by bound) {
			if slot > at {
				at, w.by = slot, by
			}
		}
		if b.requests.limit > 0 {
			later(r.Requests, byRequests)
		}
		if b.tokens.limit > 0 {
			later(r.Tokens, byTokens)
			later(r.room(used+w.tokens-b.tokens.limit), byTokens)
		}
		w.at = now.Add(time.Duration(at - t))
		if i > 0 && w.at.Sub(b.wants[0].at) > b.slice {
			b.wants = b.wants[:i]
			return
		}
		if b.requests.limit > 0 {
			r.Requests = at + int64(b.requests.cost(1))
			w.next = r.Requests
		}
		if b.tokens.limit > 0 {
			from := at
			if w.by == byRequests { // see pace.keep
				from = max(r.Tokens, at-int64(credit))
			}
			w.took = int64(b.tokens.cost(w.tokens))
			r.Tokens = from + w.took
			r.add(at, w.tokens)
			used += w.tokens
		}
	}
}

// sound reports whether the numbers can be true. Nobody books further ahead.
func (r *minute) sound(ahead int64) bool {
	for _, s := range r.Sent {
		if s[0] < 0 || s[0] > ahead || s[1] < 0 {
			return false
		}
	}
	return max(r.Requests, r.Tokens) <= ahead && min(r.Requests, r.Tokens) > -ahead
}

// add counts tokens at the slot. They are put together with those of a slot just before.
func (r *minute) add(at, tokens int64) {
	i := r.after(at)
	if i > 0 && at-r.Sent[i-1][0] <= int64(sliceTime) {
		r.Sent[i-1][1] += tokens
		return
	}
	r.Sent = slices.Insert(r.Sent, i, [2]int64{at, tokens})
}

// after returns the index of the first slot after the time. A correction can free slots
// that lie before others, so slots are not always added at the end.
func (r *minute) after(at int64) int {
	i := len(r.Sent)
	for i > 0 && r.Sent[i-1][0] > at {
		i--
	}
	return i
}

func (r *minute) correct(c correction) {
	if i := r.after(c.at); i > 0 && c.at-r.Sent[i-1][0] <= int64(sliceTime) {
		r.Sent[i-1][1] = max(0, r.Sent[i-1][1]+c.tokens)
	}
}

// room returns when so many tokens have left the window.
func (r *minute) room(over int64) int64 {
	var at int64
	for _, s := range r.Sent {
		if over <= 0 {
			break
		}
		at = s[0] + int64(window)
		over -= s[1]
	}
	return at
}

// book makes a booking in the minute of a model, under its lock.
func (s *Store) book(model string, b *booking) error {
	if s.Ledger != nil {
		return s.bookLedger(model, b)
	}
	path := strings.TrimSuffix(s.path(model), ".json") + ".minute"
	lock, err := s.lock(path)
	if err != nil {
		return err
	}
	return errors.Join(s.bookLocked(path, b), lock.Unlock())
}

func (s *Store) bookLocked(path string, b *booking) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	var r minute
	d := json.NewDecoder(f)
	if d.Decode(&r) != nil || d.More() || r.Version != recordVersion {
		r = minute{} // new, or its writer died in the middle
	}
	b.book(&r, time.Now())
	text, err := json.Marshal(r)
	if err == nil {
		_, err = f.WriteAt(append(text, '\n'), 0)
	}
	if err == nil {
		err = f.Truncate(int64(len(text)) + 1)
	}
	return errors.Join(err, f.Close())
}
