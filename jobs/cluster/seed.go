package cluster

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

// This file gives a worker that begins with a shard what the collector has of it, so that
// nothing is asked again that was collected.

// seeds are the packets that are being fetched, and where in their journals they go on.
type seeds struct {
	cursors map[int]*cursor // by shard
}

// A cursor goes through the journal of a shard.
type cursor struct {
	next func() (*batch.Result, error, bool)
	stop func()

	after  int64  // the packet holds what comes after this result
	last   int64  // the last result of the packet
	packet []byte // the packet; empty if there is nothing more
}

func (s *seeds) close() {
	for shard := range s.cursors {
		s.drop(shard)
	}
}

// drop ends the cursor of a shard, if there is one.
func (s *seeds) drop(shard int) {
	if c := s.cursors[shard]; c != nil {
		c.stop()
		delete(s.cursors, shard)
	}
}

// A seed is the answer to a question for one: 8 bytes with the last result of the packet, 8
// with the packet's length, and as much of the packet as a message holds. A length of 0 says that
// there are no more results; the answer to a question that fails is text of another form.
const seedHead = 16

// seed answers with a part of the packet that comes after a result.
func (c *collector) seed(text []byte) []byte {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return []byte("error: " + err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream == "" || q.Stream != c.id.Created.UnixNano() || c.read < q.Least {
		return []byte("error: the collector is not so far yet")
	}
	if q.After == 0 && q.Offset == 0 {
		c.seeds.drop(q.Shard) // another worker's, who has left: more may have come since it began
	}
	cur, err := c.cursorAt(q.Shard, q.After)
	if err != nil {
		return []byte("error: " + err.Error())
	}
	if q.Offset > len(cur.packet) {
		return []byte("error: the packet has changed")
	}
	head := binary.BigEndian.AppendUint64(nil, uint64(cur.last))
	head = binary.BigEndian.AppendUint64(head, uint64(len(cur.packet)))
	rest := cur.packet[q.Offset:]
	return append(head, rest[:min(len(rest), partBytes)]...)
}

// cursorAt returns the cursor of a shard with the packet that comes after a result. mu is held.
func (c *collector) cursorAt(shard int, after int64) (*cursor, error) {
	cur := c.seeds.cursors[shard]
	if cur != nil && cur.after == after && len(cur.packet) > 0 {
		return cur, nil
	}
	if cur == nil || cur.last != after {
		s, err := c.shelf(shard)
		if err != nil {
			return nil, err
		}
		c.seeds.drop(shard)
		cur = &cursor{}
		cur.next, cur.stop = iter.Pull2(journal.Readable(s.journal))
		if c.seeds.cursors == nil {
			c.seeds.cursors = make(map[int]*cursor)
		}
		c.seeds.cursors[shard] = cur
	}
	err := cur.advance(after)
	if err != nil || len(cur.packet) == 0 { // it has come to the end, and more may be written after it
		c.seeds.drop(shard)
	}
	return cur, err
}

// advance makes the packet of what comes after a result.
func (c *cursor) advance(after int64) (err error) {
	c.after, c.last, c.packet = after, after, nil
	var rs []*batch.Result
	for size := 0; len(rs) < packetResults && size < packetBytes; {
		r, err, ok := c.next()
		if !ok {
			break
		}
		if err != nil {
			return err
		}
		if r.Seq > after {
			rs = append(rs, r)
			size += len(r.Response)
			c.last = r.Seq
		}
	}
	if len(rs) > 0 {
		c.packet, err = encodePacket(rs)
	}
	return err
}

// fetchSeed passes on the results of a shard that the collector has, once it has all that the
// stream has by now: the last ones of whoever had the shard before may still be on their way. It
// waits for the collector until ctx ends.
func fetchSeed(ctx context.Context, b *bus.Bus, job string, shard int, write func([]*batch.Result) error) error {
	q := question{Shard: shard}
	var packet []byte
	for first := true; ; {
		if first {
			id, last, err := b.Results(job).End(ctx)
			if err != nil {
				if err := pause(ctx, publishWait); err != nil {
					return err
				}
				continue
			}
			q.Stream, q.Least = id.Created.UnixNano(), last
		}
		q.Offset = len(packet)
		ask, err := json.Marshal(q)
		if err != nil {
			return err
		}
		answer, err := b.Ask(ctx, job, "seed", ask)
		last, length, part, ok := parseSeed(answer)
		if err != nil || !ok {
			packet, first = nil, true
			if err := pause(ctx, publishWait); err != nil {
				return err
			}
			continue
		}
		first = false
		if length == 0 {
			return nil
		}
		if packet = append(packet, part...); len(packet) < length {
			continue
		}
		rs, err := decodePacket(packet)
		if err != nil {
			return fmt.Errorf("what the collector has of shard %d cannot be read: %w", shard, err)
		}
		if err := write(rs); err != nil {
			return err
		}
		packet, q.After = nil, last
	}
}

func parseSeed(answer []byte) (last int64, length int, part []byte, ok bool) {
	if len(answer) < seedHead || string(answer[:6]) == "error:" {
		return 0, 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(answer)), int(binary.BigEndian.Uint64(answer[8:])), answer[seedHead:], true
}
