package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cluster"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

const (
	tailShards = 6
	tailRows   = 20 // of a shard
)

// A tail is a world in which the last row of each shard takes until it is let go.
type tail struct {
	*world
	let    chan struct{} // closed: the last rows are answered
	last   atomic.Int64  // calls for last rows
	under  atomic.Int64  // calls under way
	most   atomic.Int64  // of these, at any time
	letGo  func()
	before func(body []byte) // of each call that is not for a last row; may be nil
	shards atomic.Int64      // held at once, at most
}

func newTail(t *testing.T) *tail {
	t.Helper()
	w := &tail{world: newWorld(t, tailShards*tailRows, 1, sim.Config{Latency: 20 * time.Millisecond}), let: make(chan struct{})}
	var text bytes.Buffer
	for i := range w.rows {
		what := "quick"
		if i%tailRows == tailRows-1 {
			what = "later"
		}
		fmt.Fprintf(&text, "{\"text\":\"%s row %03d\"}\n", what, i) // all as long, so that shards have as many
	}
	if err := os.WriteFile(w.spec.Input[0], text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	there, err := url.Parse(w.sim.URL)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(there)
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n := w.under.Add(1)
		defer w.under.Add(-1)
		for most := w.most.Load(); n > most && !w.most.CompareAndSwap(most, n); most = w.most.Load() {
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("later")) {
			w.last.Add(1)
			select {
			case <-w.let:
			case <-r.Context().Done():
				return
			}
		} else if w.before != nil {
			w.before(body)
		}
		behind.ServeHTTP(rw, r)
	}))
	t.Cleanup(proxy.Close)
	w.letGo = sync.OnceFunc(func() { close(w.let) })
	t.Cleanup(w.letGo) // before the proxy closes
	w.spec.BaseURL = proxy.URL
	return w
}

// serve serves the job in shards of which each has a last row.
func (w *tail) serve(ctx context.Context) (check func(extra int64), err error) {
	m, err := w.world.serve(ctx, func(c *cluster.ServeConfig) {
		c.Shards = tailShards
		c.Progress = func(p cluster.Progress) { w.shards.Store(max(w.shards.Load(), int64(p.Held))) }
	})
	return func(extra int64) { w.check(m, err, extra) }, err
}

// await waits until something is so.
func (w *tail) await(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Errorf("%s: not after 30 s: %d last rows are under way, %d rows are answered", what, w.last.Load(), w.sim.Stats().Answered)
			return
		}
	}
}

// threeShards waits until all rows but the last ones of three shards are answered.
func (w *tail) threeShards() {
	w.t.Helper()
	w.await("the rows of three shards are asked beside each other", func() bool {
		return w.last.Load() == 3 && w.sim.Stats().Answered == 3*(tailRows-1)
	})
}

// TestTailOfShard has one worker wait for the last row of each of its shards: it asks those of other
// shards meanwhile, holds no more shards than it may, and makes no more calls at once.
func TestTailOfShard(t *testing.T) {
	t.Parallel()
	w := newTail(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.work(t.Context(), "worker", w.url); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		w.threeShards()
		time.Sleep(time.Second) // in which a fourth shard could be claimed
		w.letGo()
	})
	check, _ := w.serve(t.Context())
	wg.Wait()
	check(0)
	if n := w.shards.Load(); n != 3 {
		t.Errorf("one worker held %d shards at once, want 3", n)
	}
	if n := w.most.Load(); n != int64(w.spec.Concurrency) {
		t.Errorf("%d calls were under way at once, and there may be %d", n, w.spec.Concurrency)
	}
}

// TestNextShardAtPace has the endpoint answer no row of a worker's second shard before six of them are under
// way. A shard that began as if nothing was known would have four.
func TestNextShardAtPace(t *testing.T) {
	t.Parallel()
	w := newTail(t)
	var mu sync.Mutex
	var first, second string // shards
	waiting := 0
	enough := make(chan struct{})
	w.before = func(body []byte) {
		_, row, _ := bytes.Cut(body, []byte("quick row "))
		n, err := strconv.Atoi(string(row[:3]))
		if err != nil {
			t.Error(err)
		}
		shard := fmt.Sprint(n / tailRows)
		mu.Lock()
		if first == "" {
			first = shard
		}
		if second == "" && shard != first {
			second = shard
		}
		wait := shard == second
		if wait {
			if waiting++; waiting == 6 {
				close(enough)
			}
		}
		mu.Unlock()
		if wait {
			select {
			case <-enough:
			case <-w.let:
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.work(t.Context(), "worker", w.url); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		defer w.letGo()
		select {
		case <-enough:
		case <-time.After(30 * time.Second):
			mu.Lock()
			defer mu.Unlock()
			t.Errorf("%d rows of the second shard were under way after 30 s, want 6", waiting)
		}
	})
	check, _ := w.serve(t.Context())
	wg.Wait()
	check(0)
}

// TestHandBackAll interrupts a worker that has three shards in hand. All are handed back.
func TestHandBackAll(t *testing.T) {
	t.Parallel()
	w := newTail(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.work(ctx, "first", w.url); !errors.Is(err, batch.ErrInterrupted) {
			t.Errorf("an interrupted worker ends with %v", err)
		}
		if n := w.sim.Stats().Answered; n != 3*tailRows {
			t.Errorf("%d rows were answered when the worker ended, want all that were begun: %d", n, 3*tailRows)
		}
		if err := w.work(t.Context(), "second", w.url); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		w.threeShards()
		stop()
		w.letGo()
	})
	check, _ := w.serve(t.Context())
	wg.Wait()
	check(0)
}

// TestOneClaimLost has another process take over one of the shards that a worker has in hand, and
// hand it back. The worker keeps the others.
func TestOneClaimLost(t *testing.T) {
	t.Parallel()
	w := newTail(t)
	b, err := bus.Connect(bus.Config{URL: w.url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.work(t.Context(), "worker", w.url); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		defer w.letGo()
		w.threeShards()
		before := w.claims(b)
		if len(before) != 3 {
			t.Errorf("%d claims are there, want 3", len(before))
			return
		}
		var lost string
		for key, c := range before {
			if _, err := b.Claims.Put(t.Context(), key, []byte(`{"state":"free","attempt":"another"}`), c.revision); err != nil {
				continue // it was just renewed
			}
			lost = key
			break
		}
		if lost == "" {
			t.Error("no claim could be taken")
			return
		}
		w.await("the worker keeps its other claims", func() bool {
			now := w.claims(b)
			for key, was := range before {
				if c := now[key]; key != lost && (c.State != "held" || c.Attempt != was.Attempt || c.Beat < was.Beat+3) {
					return false
				}
			}
			return true
		})
	})
	check, _ := w.serve(t.Context())
	wg.Wait()
	check(1) // the last row of the lost shard may be asked twice
}

// TestFailureBesideShard has a worker find another input at its second shard. It hands that one back, and
// ends once the first is done.
func TestFailureBesideShard(t *testing.T) {
	t.Parallel()
	w := newTail(t)
	b, err := bus.Connect(bus.Config{URL: w.url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	serving, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		err := w.work(t.Context(), "worker", w.url)
		if err == nil || !strings.Contains(err.Error(), "handed back: the input is another one here") {
			t.Errorf("the worker ends with %v", err)
		}
		states := make(map[string]int)
		for _, c := range w.claims(b) {
			states[c.State]++
		}
		if states["done"] != 1 || states["free"] != 1 || len(states) != 2 {
			t.Errorf("the worker leaves shards that are %v, want one done and one free", states)
		}
	})
	wg.Go(func() {
		defer w.letGo()
		w.await("the last row of the first shard", func() bool { return w.last.Load() == 1 })
		f, err := os.OpenFile(w.spec.Input[0], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := f.WriteString(`{"text":"one more"}` + "\n"); err != nil {
			t.Error(err)
		}
		f.Close()
		w.await("the second shard is handed back", func() bool {
			free := false
			for _, c := range w.claims(b) {
				free = free || c.State == "free"
			}
			return free
		})
	})
	_, err = w.serve(serving)
	wg.Wait()
	if !errors.Is(err, batch.ErrInterrupted) {
		t.Errorf("serving ends with %v", err)
	}
	if n := w.sim.Stats().Answered; n != tailRows {
		t.Errorf("%d rows were answered, want those of the first shard: %d", n, tailRows)
	}
}

// A claimed is the record of a claim.
type claimed struct {
	State, Attempt, Worker string
	Beat                   int64
	revision               uint64
}

// claims returns the claims of the shards by their keys.
func (w *world) claims(b *bus.Bus) map[string]claimed {
	list, err := b.Claims.List(w.t.Context(), ">")
	if err != nil {
		w.t.Error(err)
	}
	claims := make(map[string]claimed)
	for _, r := range list {
		c := claimed{revision: r.Revision}
		if err := json.Unmarshal(r.Value, &c); err != nil {
			w.t.Error(err)
		}
		claims[r.Key] = c
	}
	return claims
}
