package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

// defaultLease is how long a claim holds without being renewed.
const defaultLease = 8 * time.Second

// The states of a shard.
const (
	held = "held" // a worker asks its rows
	free = "free" // the last worker has handed it back
	done = "done" // every row has a result, and the collector has it
)

// A claim is the record of a shard. A shard without one is free.
type claim struct {
	State   string `json:"state"`
	Attempt string `json:"attempt"` // names the worker's try at the shard, and its spool
	Worker  string `json:"worker"`  // for people
	Beat    int64  `json:"beat"`    // rises with each renewal
	Why     string `json:"why,omitempty"`
	Rows    int64  `json:"rows,omitempty"` // answered in this attempt
	Of      string `json:"of,omitempty"`   // what was done: as in the record of the job
}

// board are the claims of one job.
type board struct {
	keys  *bus.Keys
	job   string
	lease time.Duration
	of    string // a shard that is done for anything else is free
	sightings
}

func newBoard(keys *bus.Keys, job string, lease time.Duration) *board {
	return &board{keys: keys, job: job, lease: lease, sightings: sightings{gap: lease / 2}}
}

func (b *board) key(shard int) string { return b.job + "." + strconv.Itoa(shard) }

// An entry is a claim with its revision, which is 0 if there is none.
type entry struct {
	claim
	revision uint64
}

// entries returns the claims by shard.
func (b *board) entries(ctx context.Context) (map[int]entry, error) {
	list, err := b.keys.List(ctx, b.job+".*")
	if err != nil {
		return nil, err
	}
	entries := make(map[int]entry, len(list))
	for _, r := range list {
		shard, err := strconv.Atoi(strings.TrimPrefix(r.Key, b.job+"."))
		if err != nil {
			return nil, fmt.Errorf("%s is no claim", r.Key)
		}
		e, err := parseEntry(r)
		if err != nil {
			return nil, err
		}
		if e.State == done && e.Of != b.of {
			e.State = free
		}
		entries[shard] = e
	}
	return entries, nil
}

// entry returns the claim of a shard.
func (b *board) entry(ctx context.Context, shard int) (entry, error) {
	r, err := b.keys.Get(ctx, b.key(shard))
	if err != nil || r.Revision == 0 {
		return entry{}, err
	}
	return parseEntry(r)
}

func parseEntry(r bus.Record) (e entry, err error) {
	e.revision = r.Revision
	if json.Unmarshal(r.Value, &e.claim) != nil {
		return e, fmt.Errorf("the claim %s cannot be read", r.Key)
	}
	return e, nil
}

// look looks at the claims, and returns them and the shards that may be claimed now, with the
// revisions of their claims.
func (b *board) look(ctx context.Context, count int) (entries map[int]entry, open map[int]uint64, err error) {
	entries, err = b.entries(ctx)
	if err != nil {
		b.forget()
		return nil, nil, err
	}
	return entries, b.open(time.Now(), entries, count), nil
}

// open returns the shards that may be claimed now. One that is held may be if it was not renewed
// for a lease, during which this process could see it all the time: while the servers are away,
// nobody can renew a claim.
func (b *board) open(now time.Time, entries map[int]entry, count int) map[int]uint64 {
	revisions := make(map[int]uint64, count)
	for shard := 1; shard <= count; shard++ {
		if e := entries[shard]; e.State != done {
			revisions[shard] = e.revision
		}
	}
	open := make(map[int]uint64)
	for shard, age := range b.ages(now, revisions) {
		if entries[shard].State != held || age >= b.lease {
			open[shard] = revisions[shard]
		}
	}
	return open
}

// sightings are since when shards were seen with the claims that they have, or without one.
type sightings struct {
	gap  time.Duration // after a longer time between two looks all is seen anew, since a claim may have been renewed meanwhile; 0 = never
	seen map[int]sighting
	last time.Time
}

type sighting struct {
	revision uint64
	since    time.Time
}

// ages returns for how long shards were seen as they are, all the time.
func (s *sightings) ages(now time.Time, revisions map[int]uint64) map[int]time.Duration {
	if s.gap > 0 && now.Sub(s.last) > s.gap {
		s.forget()
	}
	before := s.seen
	s.last, s.seen = now, make(map[int]sighting, len(revisions))
	ages := make(map[int]time.Duration, len(revisions))
	for shard, revision := range revisions {
		is := sighting{revision, now}
		if was, ok := before[shard]; ok && was.revision == revision {
			is = was
		}
		s.seen[shard] = is
		ages[shard] = now.Sub(is.since)
	}
	return ages
}

func (s *sightings) forget() { s.seen = nil }

// A hold is a claim that this process has.
type hold struct {
	board *board
	shard int

	mu       sync.Mutex
	claim    claim
	revision uint64
	renewed  time.Time // when the last renewal that succeeded was begun
	lost     chan struct{}
	gone     bool // lost is closed
}

// take claims a shard for an attempt. It returns nil if another process came first.
func (b *board) take(ctx context.Context, shard int, before uint64, attempt, worker string) (*hold, error) {
	h := &hold{board: b, shard: shard, claim: claim{State: held, Attempt: attempt, Worker: worker}, lost: make(chan struct{})}
	begun := time.Now()
	err := h.put(ctx, before)
	if errors.Is(err, bus.ErrConflict) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.renewed = begun
	return h, nil
}

// put writes the claim over the revision. If it is not known whether that was done, it looks.
func (h *hold) put(ctx context.Context, before uint64) error {
	text, err := json.Marshal(h.claim)
	if err != nil {
		return err
	}
	revision, err := h.board.keys.Put(ctx, h.board.key(h.shard), text, before)
	if err == nil {
		h.revision = revision
		return nil
	}
	r, failed := h.board.keys.Get(ctx, h.board.key(h.shard))
	if failed != nil {
		return err
	}
	var c claim
	switch {
	case r.Revision == 0 && before > 0:
		// The claims are lost. Whoever is first has the shard, and mostly it is who had it.
		if revision, err = h.board.keys.Put(ctx, h.board.key(h.shard), text, 0); err == nil {
			h.revision = revision
		}
		return err
	case json.Unmarshal(r.Value, &c) != nil || c.Attempt != h.claim.Attempt:
		return bus.ErrConflict
	case c == h.claim: // it was done, and the word of it was lost
		h.revision = r.Revision
		return nil
	case r.Revision > before: // an earlier renewal was done, whose word was lost
		h.revision = r.Revision
	}
	return fmt.Errorf("%w: %v", bus.ErrAway, err) // it is ours all the same
}

// renew renews the claim until ctx ends, or until another process has it.
func (h *hold) renew(ctx context.Context) {
	for wait := h.board.lease / 4; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = h.board.lease / 4
		begun := time.Now()
		h.mu.Lock()
		h.claim.Beat++
		err := h.put(ctx, h.revision)
		if err == nil {
			h.renewed = begun
		}
		h.mu.Unlock()
		switch {
		case errors.Is(err, bus.ErrConflict):
			h.lose()
			return
		case err != nil:
			wait = h.board.lease / 16
		}
	}
}

func (h *hold) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.gone {
		h.gone = true
		close(h.lost)
	}
}

// valid reports whether nobody can have taken the shard over yet. It is looked at just before
// each call.
func (h *hold) valid() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.gone && time.Since(h.renewed) < h.board.lease*3/4
}

// end says what became of the shard: done, or free for another attempt. It tries again until
// ctx ends. The error is bus.ErrConflict if another process has the shard.
func (h *hold) end(ctx context.Context, state, why, of string, rows int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claim.State, h.claim.Why, h.claim.Of, h.claim.Rows = state, why, of, rows
	for {
		err := h.put(ctx, h.revision)
		if err == nil || errors.Is(err, bus.ErrConflict) || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, publishWait); err != nil {
			return err
		}
	}
}
