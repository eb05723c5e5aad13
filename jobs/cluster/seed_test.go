package cluster

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// seeded returns how many results of shard 1 the collector passes on to a worker that begins with it.
func seeded(t *testing.T, c *collector) (n int) {
	t.Helper()
	q := question{Shard: 1, Stream: c.id.Created.UnixNano()}
	for {
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		answer := c.seed(text)
		last, length, packet, ok := parseSeed(answer)
		if !ok || len(packet) < length {
			t.Fatalf("%d of %d bytes: %.80q", len(packet), length, answer)
		}
		if length == 0 {
			return n
		}
		rs, err := decodePacket(packet)
		if err != nil {
			t.Fatal(err)
		}
		n += len(rs)
		q.After = last
	}
}

// TestSeedAfterBrokenFetch has a worker be killed while it fetches what is known of a shard. What
// comes meanwhile, from a spool that was left, is passed on to the next worker, too: it would be
// paid for twice.
func TestSeedAfterBrokenFetch(t *testing.T) {
	dir := t.TempDir()
	c, err := newCollector(collectorConfig{log: slog.New(slog.DiscardHandler), dir: dir, folder: func(shard int) string { return filepath.Join(dir, fmt.Sprint(shard)) }, count: func(int, []*batch.Result) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.id.Created = time.Unix(1, 0)
	c.tell()
	known := 0
	collect := func(attempt string, n int) {
		t.Helper()
		var rs []*batch.Result
		for i := range n {
			known++
			rs = append(rs, &batch.Result{
				Seq: int64(i + 1), Row: int64(known), Fingerprint: batch.Fingerprint{byte(known), byte(known >> 8)}, Status: batch.OK,
				At: time.Unix(int64(known), 0), Attempts: 1, Response: []byte(`{}`),
			})
		}
		g := group{shard: 1, attempt: attempt, first: 1, last: int64(n)}
		if err := c.keep(collected{Stream: c.id.Created, Sequence: uint64(known)}, []int{1}, map[int][]fresh{1: {{g, rs}}}); err != nil {
			t.Fatal(err)
		}
	}
	collect("first", packetResults+10)
	ask, err := json.Marshal(question{Shard: 1, Stream: c.id.Created.UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok := parseSeed(c.seed(ask)); !ok { // and nobody asks for the rest
		t.Fatal("the collector does not answer")
	}
	collect("second", 20)
	if n := seeded(t, c); n != known {
		t.Errorf("a worker is told of %d results, and the collector has %d", n, known)
	}
}
