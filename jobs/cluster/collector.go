package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

const (
	collectedFile = "collected.jsonl"

	// partsPatience is how long the rest of a packet is waited for. Until then nothing that
	// came after its first part is purged.
	partsPatience = 10 * time.Minute

	purgeEvery = 2 * time.Second
)

// A collector writes what workers send into the journals of the shards, and answers what they
// ask about it. Its own note of what it has is synced before anybody is told.
type collector struct {
	collectorConfig

	note *durable.Ledger[collected]

	mu     sync.Mutex // guards what questions look at too
	shelfs map[int]*shelf
	stream string // names the stream, and how often it has lost something
	at     uint64 // up to here everything of the stream is on the disk
	read   uint64 // up to here it is, but for packets of which parts are missing

	id     bus.Identity
	losses int
	half   map[group]*packet
	purged time.Time
	seeds  seeds
}

// collectorConfig says what a collector collects. All of it is required.
type collectorConfig struct {
	results  *bus.Results
	replicas int
	log      *slog.Logger
	dir      string                              // of its note
	folder   func(shard int) string              // the state folder of a shard
	count    func(shard int, rs []*batch.Result) // of results that the journal of a shard has by now
}

// A shelf is what the collector has of a shard.
type shelf struct {
	journal *journal.Journal
	last    int64            // of the journal, by the note
	has     map[string]spans // by attempt

	// beyond are results that the journal has and the note does not: a crash came between.
	beyond map[print]int
}

// A packet is a group of which some parts have come.
type packet struct {
	parts [][]byte
	got   int
	first uint64 // the place of the first part that came
	since time.Time
}

// collected is a line of the collector's note: what one step has added.
type collected struct {
	Stream   time.Time       `json:"stream"`
	Losses   int             `json:"losses,omitempty"`
	Sequence uint64          `json:"sequence"`
	Shards   []collectedPart `json:"shards,omitempty"`
}

// A collectedPart is what a step has added to a shard.
type collectedPart struct {
	Shard   int              `json:"shard"`
	Last    int64            `json:"last"` // of the shard's journal
	Attempt map[string]spans `json:"attempt,omitempty"`
}

// newCollector reads the note, if there is one, in the folder of all shards. What is after the
// note in a journal is known, too, from the journal.
func newCollector(config collectorConfig) (*collector, error) {
	c := &collector{
		collectorConfig: config, note: &durable.Ledger[collected]{Path: filepath.Join(config.dir, collectedFile)},
		shelfs: make(map[int]*shelf), half: make(map[group]*packet),
	}
	steps, err := c.note.Read()
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		c.id.Created, c.losses, c.at, c.read = s.Stream, s.Losses, s.Sequence, s.Sequence
		for _, p := range s.Shards {
			c.shelfOf(p.Shard).add(p)
		}
	}
	return c, nil
}

// close closes the journals.
func (c *collector) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.shelfs {
		if s.journal != nil {
			errs = append(errs, s.journal.Close())
			s.journal = nil
		}
	}
	c.seeds.close()
	return errors.Join(errs...)
}

// shelfOf returns the shelf of a shard. mu is held.
func (c *collector) shelfOf(shard int) *shelf {
	s := c.shelfs[shard]
	if s == nil {
		s = &shelf{has: make(map[string]spans)}
		c.shelfs[shard] = s
	}
	return s
}

// add counts what a step of the note has added to the shard.
func (s *shelf) add(p collectedPart) {
	s.last = p.Last
	for attempt, has := range p.Attempt {
		for _, o := range has {
			s.has[attempt] = s.has[attempt].add(o[0], o[1])
		}
	}
}

// shelf returns the shelf of a shard with its journal open. mu is held.
func (c *collector) shelf(shard int) (*shelf, error) {
	s := c.shelfOf(shard)
	if s.journal != nil {
		return s, nil
	}
	j, err := journal.Open(journal.Config{Dir: c.folder(shard)})
	if err != nil {
		return nil, err
	}
	for _, d := range j.Damage() {
		c.log.Warn(fmt.Sprintf("the journal of shard %d is damaged: %v; the rows concerned are asked again", shard, &d))
	}
	if s.beyond == nil {
		s.beyond = make(map[print]int)
		if j.Last() > s.last {
			for r, err := range journal.Readable(j) {
				if err != nil {
					return nil, errors.Join(err, j.Close())
				}
				if r.Seq > s.last {
					s.beyond[printOf(r)]++
				}
			}
		}
	}
	s.journal = j
	return s, nil
}

// run collects until ctx ends. What a stream has lost is asked of the workers again, since each
// keeps what is not confirmed.
func (c *collector) run(ctx context.Context) error {
	for {
		id, err := c.results.Make(ctx, c.replicas)
		if err != nil {
			return err
		}
		if !id.Created.Equal(c.id.Created) {
			if err := c.begin(id, 0); err != nil {
				return err
			}
		}
		c.tell()
		err = c.results.Read(ctx, id, c.at, c.take)
		lost, ok := errors.AsType[*bus.LostError](err)
		if !ok {
			return err
		}
		c.log.Warn(lost.Error() + "; the workers send again what is not collected")
		c.losses++
		if lost.Next > 0 {
			if err := c.begin(id, lost.Next-1); err != nil {
				return err
			}
		}
	}
}

// begin goes on at a place of a stream.
func (c *collector) begin(id bus.Identity, at uint64) error {
	clear(c.half)
	c.id = id
	c.mu.Lock()
	c.at, c.read = at, at
	c.mu.Unlock()
	return c.note.Append(collected{Stream: id.Created, Losses: c.losses, Sequence: at})
}

// tell has questions be answered by the stream as it is now.
func (c *collector) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = fmt.Sprintf("%d/%d", c.id.Created.UnixNano(), c.losses)
}

// take writes what has come, group by group: first the journals, then the note of it. After
// that it counts.
func (c *collector) take(list []bus.Message) error {
	whole := make(map[int][]fresh)
	var shards []int
	for _, m := range list {
		g, data, err := c.join(m)
		if err != nil {
			c.log.Warn(fmt.Sprintf("message %d of the results cannot be used: %v", m.Sequence, err))
			continue
		}
		if data == nil {
			continue
		}
		rs, err := decodePacket(data)
		if err != nil {
			c.log.Warn(fmt.Sprintf("results %d to %d of shard %d cannot be read: %v", g.first, g.last, g.shard, err))
			continue
		}
		if whole[g.shard] == nil {
			shards = append(shards, g.shard)
		}
		whole[g.shard] = append(whole[g.shard], fresh{g, rs})
	}
	at := list[len(list)-1].Sequence
	for _, h := range c.half {
		at = min(at, h.first-1)
	}
	step := collected{Stream: c.id.Created, Losses: c.losses, Sequence: at}
	if err := c.keep(step, shards, whole); err != nil {
		return err
	}
	c.mu.Lock()
	c.read = list[len(list)-1].Sequence
	c.mu.Unlock()
	if time.Since(c.purged) > purgeEvery {
		c.purged = time.Now()
		if err := c.results.Purge(context.Background(), at); err != nil {
			c.log.Debug(err.Error()) // the next purge takes it along
		}
	}
	return nil
}

// keep writes results into the journals of their shards, and then the step into the note.
func (c *collector) keep(step collected, shards []int, whole map[int][]fresh) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, shard := range shards {
		p, err := c.write(shard, whole[shard])
		if err != nil {
			return err
		}
		step.Shards = append(step.Shards, p)
	}
	if len(step.Shards) == 0 && step.Sequence == c.at {
		return nil
	}
	if err := c.note.Append(step); err != nil {
		return err
	}
	for _, p := range step.Shards { // now it counts
		c.shelfOf(p.Shard).add(p)
	}
	c.at = step.Sequence
	return nil
}

// fresh are results that have come.
type fresh struct {
	group
	results []*batch.Result
}

// join puts the parts of packets together. It returns the packet if m is the last of its parts.
func (c *collector) join(m bus.Message) (g group, data []byte, err error) {
	g, part, of, err := parseSubject(m.Subject)
	if err != nil || of == 1 {
		return g, m.Data, err
	}
	for g, h := range c.half {
		if time.Since(h.since) > partsPatience {
			delete(c.half, g) // its worker sends all of it again, if it lives
		}
	}
	h := c.half[g]
	if h == nil {
		h = &packet{parts: make([][]byte, of), first: m.Sequence, since: time.Now()}
		c.half[g] = h
	}
	if len(h.parts) != of {
		return g, nil, fmt.Errorf("%s is in %d parts and not in %d", m.Subject, len(h.parts), of)
	}
	if h.parts[part-1] == nil {
		h.parts[part-1] = m.Data
		h.got++
	}
	if h.got < of {
		return g, nil, nil
	}
	delete(c.half, g)
	return g, bytes.Join(h.parts, nil), nil
}

// write writes those of the results into the journal of a shard that it does not have, and
// returns what the note is to say of them. mu is held.
func (c *collector) write(shard int, list []fresh) (collectedPart, error) {
	s, err := c.shelf(shard)
	if err != nil {
		return collectedPart{}, err
	}
	p := collectedPart{Shard: shard, Attempt: make(map[string]spans)}
	var rs []*batch.Result
	for _, f := range list {
		for _, r := range f.results {
			if s.has[f.attempt].has(r.Seq) || p.Attempt[f.attempt].has(r.Seq) {
				continue // sent twice
			}
			p.Attempt[f.attempt] = p.Attempt[f.attempt].add(r.Seq, r.Seq)
			if known := printOf(r); s.beyond[known] > 0 {
				s.beyond[known]--
				continue
			}
			rs = append(rs, r)
		}
	}
	if err := s.journal.Write(rs); err != nil {
		return p, err
	}
	c.count(shard, rs)
	p.Last = s.journal.Last()
	return p, nil
}

// confirm answers what the collector has of an attempt.
func (c *collector) confirm(text []byte) []byte {
	var q question
	a := confirmation{}
	if err := json.Unmarshal(text, &q); err != nil {
		a.Error = err.Error()
	}
	c.mu.Lock()
	if s := c.shelfs[q.Shard]; s != nil {
		a.Has = s.has[q.Attempt]
	}
	a.Stream, a.Sequence = c.stream, c.read
	c.mu.Unlock()
	if a.Stream == "" && a.Error == "" {
		a.Error = "the stream is not there yet"
	}
	answer, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return answer
}

// collected returns how many results a shard has by now.
func (c *collector) collected(shard int) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.shelfs[shard]; s != nil {
		return s.last
	}
	return 0
}
