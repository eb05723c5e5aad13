package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
	"github.com/genbatch/genbatch/jobs/cluster/internal/node"
)

// connect returns a connection that ends with the test, with all buckets.
func connect(t *testing.T, url string, replicas int) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Config{URL: url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Setup(t.Context(), replicas); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// add adds one to a shared number.
func add(b *bus.Bus) error {
	return b.Ledger.Update(context.Background(), "n", func(record []byte) ([]byte, error) {
		var n int
		if record != nil {
			if err := json.Unmarshal(record, &n); err != nil {
				return nil, err
			}
		}
		return json.Marshal(n + 1)
	})
}

func number(t *testing.T, b *bus.Bus) (n int) {
	t.Helper()
	record, err := b.Ledger.Read(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(record, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUpdateOnce has eight clients count to a number while one server after the other goes down
// and comes back: what was acknowledged counts once, and so does what was cut off and succeeded.
func TestUpdateOnce(t *testing.T) {
	t.Parallel()
	servers := clustertest.Start(t, 3)
	first := connect(t, servers.URL(), 3)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, unsure := 0, 0
	stop := make(chan struct{})
	for range 4 {
		b := connect(t, servers.URL(), 3)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := add(b)
				mu.Lock()
				switch {
				case err == nil:
					made++
				case errors.Is(err, bus.ErrAway):
					unsure++
				default:
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	for i := range 3 {
		servers.Down(i)
		time.Sleep(300 * time.Millisecond)
		servers.Up(i)
		time.Sleep(time.Second)
	}
	close(stop)
	wg.Wait()
	if n := number(t, first); n < made || n > made+unsure {
		t.Errorf("%d changes count, %d were made and of %d it is not known", n, made, unsure)
	}
	t.Logf("%d changes, %d unsure", made, unsure)
}

func TestPutConflict(t *testing.T) {
	t.Parallel()
	b := connect(t, clustertest.Start(t, 1).URL(), 1)
	ctx := t.Context()
	first, err := b.Claims.Put(ctx, "j.1", []byte("a"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Claims.Put(ctx, "j.1", []byte("b"), 0); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("a second creation: %v", err)
	}
	if _, err := b.Claims.Put(ctx, "j.1", []byte("b"), first); err != nil {
		t.Error(err)
	}
	if _, err := b.Claims.Put(ctx, "j.1", []byte("c"), first); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("a change of an older revision: %v", err)
	}
	if _, err := b.Claims.Put(ctx, "k.1", []byte("d"), 0); err != nil {
		t.Error(err)
	}
	list, err := b.Claims.List(ctx, "j.>")
	if err != nil || len(list) != 1 || string(list[0].Value) != "b" {
		t.Errorf("%v, %v", list, err)
	}
	if err := b.Claims.Delete(ctx, "j.1"); err != nil {
		t.Error(err)
	}
	if r, err := b.Claims.Get(ctx, "j.1"); err != nil || r.Revision != 0 {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := b.Claims.Put(ctx, "j.1", []byte("e"), 0); err != nil {
		t.Errorf("after the removal: %v", err)
	}
}

// TestSetupRefuses has a bucket be there that is not as it must be.
func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	servers := clustertest.Start(t, 3)
	connect(t, servers.URL(), 1)
	b, err := bus.Connect(bus.Config{URL: servers.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Setup(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "1 replicas") {
		t.Errorf("%v, want that it has another number of replicas", err)
	}
}

// collect reads a stream until so many messages are there.
func collect(t *testing.T, s *bus.Results, id bus.Identity, after uint64, n int) (list []bus.Message, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	err = s.Read(ctx, id, after, func(more []bus.Message) error {
		if list = append(list, more...); len(list) >= n {
			stop()
		}
		return nil
	})
	return list, err
}

// TestResultsOnce publishes the same results by two clients while servers come and go. Each is
// in the stream once, and is read in one sequence without a gap.
func TestResultsOnce(t *testing.T) {
	t.Parallel()
	servers := clustertest.Start(t, 3)
	b := connect(t, servers.URL(), 3)
	s := b.Results("j")
	id, err := s.Make(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	var wg sync.WaitGroup
	for range 2 {
		own := connect(t, servers.URL(), 3).Results("j")
		wg.Go(func() {
			for i := range n {
				for {
					if err := own.Publish(t.Context(), fmt.Sprint("1.a.", i), []byte(fmt.Sprint(i))); err == nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 3 {
			time.Sleep(200 * time.Millisecond)
			servers.Down(i)
			time.Sleep(200 * time.Millisecond)
			servers.Up(i)
			time.Sleep(time.Second)
		}
	})
	list, err := collect(t, s, id, 0, n)
	wg.Wait()
	seen := make(map[string]bool)
	for i, m := range list {
		if m.Sequence != uint64(i+1) || seen[m.Subject] || m.Subject != "1.a."+string(m.Data) {
			t.Errorf("message %d: %+v", i, m)
		}
		seen[m.Subject] = true
	}
	if len(list) != n {
		t.Errorf("%d messages, want %d: %v", len(list), n, err)
	}
}

// TestResultsPurged reads from a place on, and after what was purged.
func TestResultsPurged(t *testing.T) {
	t.Parallel()
	b := connect(t, clustertest.Start(t, 1).URL(), 1)
	s := b.Results("j")
	id, err := s.Make(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := s.Publish(t.Context(), fmt.Sprint("1.a.", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Purge(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if list, _ := collect(t, s, id, 4, 6); len(list) != 6 || list[0].Sequence != 5 {
		t.Errorf("%v", list)
	}
	if err := s.Publish(t.Context(), "1.a.7", []byte("y")); err != nil {
		t.Errorf("a message that is there: %v", err)
	}
	lost := func(what string, err error, next uint64) {
		t.Helper()
		if e, ok := errors.AsType[*bus.LostError](err); !ok || e.Next != next {
			t.Errorf("%s: %#v, want that it goes on at %d", what, err, next)
		}
	}
	_, err = collect(t, s, id, 2, 1)
	lost("what comes after 2 is purged", err, 5)
	_, err = collect(t, s, id, 12, 1)
	lost("12 was never there: what stands at a place that was passed may be another message", err, 5)
	if err := s.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = collect(t, s, id, 10, 1)
	lost("the stream is removed", err, 0)
	if _, err := s.Make(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_, err = collect(t, s, id, 0, 1)
	lost("the stream is another one", err, 0)
}

// TestStranger has servers want another token. That is said at once, and not waited for.
func TestStranger(t *testing.T) {
	t.Parallel()
	n, err := node.Start(node.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Token: "right"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, c := range []struct{ token, refused string }{{"", "refuses this process"}, {"wrong", "--nats-token-file"}, {"right", ""}} {
		b, err := bus.Connect(bus.Config{URL: n.URL(), Token: c.token})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		err = b.Setup(ctx, 1)
		if waited := b.Await(ctx); (err == nil) != (waited == nil) {
			t.Errorf("token %q: %v and %v", c.token, err, waited)
		}
		if c.refused == "" && err != nil || c.refused != "" && (!errors.Is(err, nats.ErrAuthorization) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("token %q: %v", c.token, err)
		}
		stop()
		b.Close()
	}
}

// TestPartition has a client lose its servers for a while: its questions fail, and then succeed.
func TestPartition(t *testing.T) {
	t.Parallel()
	servers := clustertest.Start(t, 1)
	connect(t, servers.URL(), 1)
	proxy := clustertest.NewProxy(t, servers.Address(0))
	b := connect(t, proxy.URL(), 1)
	if err := add(b); err != nil {
		t.Fatal(err)
	}
	proxy.Cut(true)
	if err := add(b); !errors.Is(err, bus.ErrAway) {
		t.Errorf("cut off: %v", err)
	}
	proxy.Cut(false)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := add(b)
		if err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal(err)
		}
	}
	if ahead := (bus.Quota{Bus: b}).Ahead(); ahead.Abs() > 100*time.Millisecond {
		t.Errorf("the same clock is %v ahead", ahead)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	servers := clustertest.Start(t, 1)
	b := connect(t, servers.URL(), 1)
	if _, err := b.Ask(t.Context(), "j", "seed", nil); !errors.Is(err, bus.ErrAway) {
		t.Errorf("nobody answers: %v", err)
	}
	stop, err := b.Answer("j", "seed", func(q []byte) []byte { return append([]byte("to "), q...) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if a, err := connect(t, servers.URL(), 1).Ask(t.Context(), "j", "seed", []byte("you")); err != nil || string(a) != "to you" {
		t.Errorf("%s, %v", a, err)
	}
}

func TestRedacted(t *testing.T) {
	for _, c := range [][2]string{
		{"nats://user:secret@a:4222,nats://b:4222", "nats://a:4222,nats://b:4222"},
		{"token@a", "nats://a"},
		{"a:4222", "a:4222"},
	} {
		if got := bus.Redacted(c[0]); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}
