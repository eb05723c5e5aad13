package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

const (
	queueBytes  = 32 << 20 // of answers that wait in memory; more are read from the spool
	askEvery    = 100 * time.Millisecond
	askLeast    = time.Second
	publishWait = 200 * time.Millisecond // before what failed is tried again
)

// A publisher sends the results of an attempt, in their order, as soon as the spool has them.
type publisher struct {
	results *bus.Results
	spool   *spool
	mu      sync.Mutex
	sent    func([]*batch.Result) // told of what the servers have; may be nil
	queue   []*batch.Result       // that follow on what was sent; nothing is missing up to its end
	bytes   int
	last    int64         // of the spool, as far as it is known
	rung    chan struct{} // holds one token if last has risen

	next  int64  // the first that was not sent; run alone uses it
	again string // of results that are sent another time: what makes their subjects new
}

func newPublisher(results *bus.Results, s *spool) *publisher {
	return &publisher{results: results, spool: s, rung: make(chan struct{}, 1), next: s.note.Seeded + 1, last: s.note.Seeded}
}

// add takes results that the spool has.
func (p *publisher) add(rs []*batch.Result) {
	p.mu.Lock()
	for _, r := range rs {
		p.last = max(p.last, r.Seq)
		p.bytes += len(r.Response) + 500
	}
	if p.queue = append(p.queue, rs...); p.bytes > queueBytes {
		p.queue, p.bytes = nil, 0 // the servers are away; what the spool has is enough
	}
	p.mu.Unlock()
	p.ring()
}

// tell has sent be told of what the servers have from now on.
func (p *publisher) tell(sent func([]*batch.Result)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = sent
}

func (p *publisher) ring() {
	select {
	case p.rung <- struct{}{}:
	default:
	}
}

// take returns the next results that are in memory, or nil. behind says that those to be sent
// next are not.
func (p *publisher) take() (rs []*batch.Result, behind bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && p.queue[0].Seq < p.next {
		p.drop()
	}
	if len(p.queue) == 0 || p.queue[0].Seq > p.next {
		return nil, p.next <= p.last
	}
	for size := 0; len(p.queue) > 0 && len(rs) < packetResults && size < packetBytes; p.drop() {
		rs = append(rs, p.queue[0])
		size += len(p.queue[0].Response)
	}
	return rs, false
}

// drop removes the first of the queue. mu is held.
func (p *publisher) drop() {
	p.bytes -= len(p.queue[0].Response) + 500
	p.queue[0] = nil
	p.queue = p.queue[1:]
}

// run sends what comes until ctx ends, or until all is sent once close has closed ended.
func (p *publisher) run(ctx context.Context, ended <-chan struct{}) error {
	for {
		rs, behind := p.take()
		switch {
		case len(rs) > 0:
			if err := p.send(ctx, rs); err != nil {
				return err
			}
			continue
		case behind:
			if err := p.sendSpooled(ctx, p.next, 0); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ended:
			if rs, behind := p.take(); len(rs) == 0 && !behind {
				return nil
			}
			p.ring()
		default:
		}
		select {
		case <-p.rung:
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendSpooled sends from the spool what stands there from a number on, up to another one; 0 =
// up to the end.
func (p *publisher) sendSpooled(ctx context.Context, from, to int64) error {
	var rs []*batch.Result
	size := 0
	flush := func() error {
		if len(rs) == 0 {
			return nil
		}
		err := p.send(ctx, rs)
		rs, size = nil, 0
		return err
	}
	p.mu.Lock()
	known := p.last
	p.mu.Unlock()
	enough := errors.New("enough")
	last, err := p.spool.results(from, func(r *batch.Result) error {
		if to > 0 && r.Seq > to {
			return enough
		}
		rs = append(rs, r)
		if size += len(r.Response); len(rs) >= packetResults || size >= packetBytes {
			return flush()
		}
		return nil
	})
	if err == enough {
		err = nil
	}
	if err == nil {
		err = flush()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && to == 0 { // damaged ones are passed over
		p.last = max(p.last, last)
		p.next = max(p.next, last+1, known+1)
	}
	return err
}

// send sends results as one group, and tries until the servers have all of it.
func (p *publisher) send(ctx context.Context, rs []*batch.Result) error {
	packet, err := encodePacket(rs)
	if err != nil {
		return err
	}
	n := p.spool.note
	g := group{shard: n.Shard, attempt: n.Attempt, first: rs[0].Seq, last: rs[len(rs)-1].Seq, again: p.again}
	list := parts(packet, p.results.MaxPayload())
	for i, part := range list {
		for {
			if err := p.results.Publish(ctx, g.subject(i+1, len(list)), part); err == nil {
				break
			}
			if err := pause(ctx, publishWait); err != nil {
				return err
			}
		}
	}
	p.mu.Lock()
	p.next = max(p.next, g.last+1)
	sent := p.sent
	p.mu.Unlock()
	if sent != nil {
		sent(rs)
	}
	return nil
}

// A question asks the collector about an attempt.
type question struct {
	Shard   int    `json:"shard"`
	Attempt string `json:"attempt,omitempty"`
	After   int64  `json:"after,omitempty"`  // of a seed: the last result that is there already
	Offset  int    `json:"offset,omitempty"` // of a seed: how much of the packet is there already
	Stream  int64  `json:"stream,omitempty"` // of a seed: the stream that must be read
	Least   uint64 `json:"least,omitempty"`  // of a seed: how far
}

// A confirmation says what the collector has of an attempt on its disk.
type confirmation struct {
	Has      spans  `json:"has"`
	Stream   string `json:"stream"`   // another one: what it has not must be sent again
	Sequence uint64 `json:"sequence"` // how far it has read the stream
	Error    string `json:"error,omitempty"`
}

// sendAgain sends results that the collector has not met although it has read all that the stream
// had. Those that the stream may hold all the same, at a place which it has passed, must not keep
// them out: so they come under subjects of their own.
func (p *publisher) sendAgain(ctx context.Context, missing spans) error {
	p.again = nuid.Next()
	defer func() { p.again = "" }()
	for _, span := range missing {
		if err := p.sendSpooled(ctx, span[0], span[1]); err != nil {
			return err
		}
	}
	return nil
}

// settle returns once the collector has all of the spool. What the stream has lost on the way
// is sent again.
func (p *publisher) settle(ctx context.Context, b *bus.Bus) error {
	n := p.spool.note
	ask, err := json.Marshal(question{Shard: n.Shard, Attempt: n.Attempt})
	if err != nil {
		return err
	}
	var own spans
	if _, err := p.spool.results(1, func(r *batch.Result) error { own = own.add(r.Seq, r.Seq); return nil }); err != nil {
		return err
	}
	var stream string // of which the end is known
	var end uint64    // everything that was sent before stands up to there, or is lost
	for wait := askEvery / 4; ; wait = min(2*wait, askLeast) {
		var c confirmation
		text, err := b.Ask(ctx, n.Job, "confirmed", ask)
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err == nil && c.Error == "" {
			var missing spans
			for _, span := range own {
				missing = append(missing, c.Has.without(span[0], span[1])...)
			}
			switch {
			case len(missing) == 0:
				return nil
			case c.Stream != stream:
				if _, last, err := p.results.End(ctx); err == nil {
					stream, end = c.Stream, last
				}
			case c.Sequence >= end:
				if err := p.sendAgain(ctx, missing); err != nil {
					return err
				}
				stream = ""
			}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
