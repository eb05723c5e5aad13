package objecttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/genbatch/genbatch/objects"
)

// once writes objects that are to be new, and are or are not.
func (c conformance) once(t *testing.T) {
	first := []byte("the first one")
	info := c.write(t, "once", first, objects.WriteOptions{New: true, Meta: map[string]string{"writer": "first"}})
	for _, second := range [][]byte{[]byte("the second one"), Random(20*mib, 3)} {
		for _, size := range []int64{0, int64(len(second))} {
			_, err := c.bucket.Write(t.Context(), info.Key, plain(second), objects.WriteOptions{New: true, Size: size})
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("a second new object of %d bytes is made with the error %v", len(second), err)
			}
		}
	}
	c.holds(t, first, info)
	if err := c.bucket.Remove(t.Context(), info.Key); err != nil {
		t.Fatal(err)
	}
	c.holds(t, first, c.write(t, "once", first, objects.WriteOptions{New: true}))
}

// over replaces objects that are still what they were, or are not.
func (c conformance) over(t *testing.T) {
	first := c.write(t, "over", []byte("the first one"), objects.WriteOptions{})
	second := c.write(t, "over", []byte("the second one"), objects.WriteOptions{Over: first.Version})
	content := Random(20*mib, 4)
	third := c.write(t, "over", content, objects.WriteOptions{Over: second.Version, Size: int64(len(content))})
	for _, other := range [][]byte{[]byte("another one"), Random(20*mib, 5)} {
		if _, err := c.bucket.Write(t.Context(), third.Key, plain(other), objects.WriteOptions{Over: second.Version}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d bytes replace another version than was named, with the error %v", len(other), err)
		}
		if _, err := c.bucket.Write(t.Context(), c.prefix+"over-none", plain(other), objects.WriteOptions{Over: second.Version}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d bytes replace what is not there, with the error %v", len(other), err)
		}
	}
	c.holds(t, content, third)
	if keys := c.keys(t, "over-none"); len(keys) > 0 {
		t.Errorf("there is %q", keys)
	}
}

func (c conformance) racers(t *testing.T)      { c.race(t, 32, 1000) }
func (c conformance) largeRacers(t *testing.T) { c.race(t, 4, 17*mib) }

// race has several writers make the same new object. One of them does, and it holds what that
// one wrote.
func (c conformance) race(t *testing.T, writers, size int) {
	key := fmt.Sprint("race", size)
	var winners atomic.Int32
	var won []byte
	var info objects.Info
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range writers {
		content := Random(size, byte(i))
		group.Go(func() {
			<-start
			made, err := c.bucket.Write(t.Context(), c.prefix+key, plain(content), objects.WriteOptions{New: true})
			switch {
			case err == nil && winners.Add(1) == 1:
				won, info = content, made
			case err != nil && !errors.Is(err, fs.ErrExist):
				t.Errorf("a writer that was late has the error %v", err)
			}
		})
	}
	close(start)
	group.Wait()
	if n := winners.Load(); n != 1 {
		t.Fatalf("%d of %d writers have made the object", n, writers)
	}
	c.holds(t, won, info)
}

// replaced reads an object that another one has replaced. Stores that keep versions may give the
// old bytes.
func (c conformance) replaced(t *testing.T) {
	older, newer := []byte(strings.Repeat("old", 1000)), []byte(strings.Repeat("new", 1000))
	before := c.write(t, "replaced", older, objects.WriteOptions{})
	after := c.write(t, "replaced", newer, objects.WriteOptions{})
	if before.Version == after.Version {
		t.Errorf("both writings have the version %s", after.Version)
	}
	c.holds(t, newer, after)
	p := make([]byte, 3)
	n, err := c.bucket.ReadAt(t.Context(), before.Key, before.Version, p, 30)
	if !errors.Is(err, objects.ErrChanged) && (err != nil || string(p[:n]) != "old") {
		t.Errorf("reading what was replaced gives %q, %v", p[:n], err)
	}
	// A shorter one that replaces it is no shorter end of the old one.
	c.write(t, "replaced", []byte("new"), objects.WriteOptions{})
	n, err = c.bucket.ReadAt(t.Context(), after.Key, after.Version, p, 30)
	if !errors.Is(err, objects.ErrChanged) && (err != nil || string(p[:n]) != "new") {
		t.Errorf("reading beyond what replaced it gives %q, %v", p[:n], err)
	}
	if err := c.bucket.Remove(t.Context(), after.Key); err != nil {
		t.Fatal(err)
	}
	n, err = c.bucket.ReadAt(t.Context(), after.Key, after.Version, p, 30)
	if !errors.Is(err, objects.ErrChanged) && !errors.Is(err, fs.ErrNotExist) && (err != nil || string(p[:n]) != "new") {
		t.Errorf("reading what was removed gives %q, %v", p[:n], err)
	}
}

func (c conformance) missing(t *testing.T) {
	key := c.prefix + "missing"
	if _, err := c.bucket.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), key) {
		t.Errorf("Stat: %v", err)
	}
	if _, err := c.bucket.ReadAt(t.Context(), key, "", make([]byte, 1), 0); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), key) {
		t.Errorf("ReadAt: %v", err)
	}
	if err := c.bucket.Remove(t.Context(), key); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if got := c.keys(t, "missing"); len(got) > 0 {
		t.Errorf("List: %q", got)
	}
}

// aborted writes what cannot be read to its end.
func (c conformance) aborted(t *testing.T) {
	broken := errors.New("the disk is broken")
	old := []byte("what was there before")
	kept := c.write(t, "aborted/kept", old, objects.WriteOptions{})
	for _, n := range []int{0, 1000, 9 * mib, 20 * mib} {
		for _, o := range []objects.WriteOptions{{}, {Size: int64(n) + 1000}} {
			for _, key := range []string{"aborted/kept", "aborted/new"} {
				o.New = key == "aborted/new"
				r := io.MultiReader(plain(Random(n, 4)), iotest.ErrReader(broken))
				if _, err := c.bucket.Write(t.Context(), c.prefix+key, r, o); !errors.Is(err, broken) {
					t.Errorf("a write that is broken off after %d bytes gives %v", n, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				r = io.MultiReader(plain(Random(n, 5)), ending{cancel}, plain(make([]byte, 1000)))
				if _, err := c.bucket.Write(ctx, c.prefix+key, r, o); !errors.Is(err, context.Canceled) {
					t.Errorf("a write whose context ends after %d bytes gives %v", n, err)
				}
				cancel()
			}
		}
	}
	c.holds(t, old, kept)
	if got := c.keys(t, "aborted/"); len(got) != 1 {
		t.Errorf("writes that failed have left %q", got)
	}
}

// An ending is an empty reader that ends a context when it is reached.
type ending struct{ cancel context.CancelFunc }

// Read implements [io.Reader].
func (e ending) Read([]byte) (int, error) {
	e.cancel()
	return 0, io.EOF
}

func (c conformance) wrongSize(t *testing.T) {
	for _, n := range []int{10, 20 * mib} {
		for _, size := range []int{n - 1, n + 1} {
			_, err := c.bucket.Write(t.Context(), c.prefix+"size", plain(Random(n, 6)), objects.WriteOptions{Size: int64(size)})
			if err == nil {
				t.Errorf("%d bytes were written as %d", n, size)
			}
			if got := c.keys(t, "size"); len(got) > 0 {
				t.Errorf("%d bytes that were to be %d are there", n, size)
			}
		}
	}
}

func (c conformance) ended(t *testing.T) {
	info := c.write(t, "ended", []byte("kept"), objects.WriteOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(method string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s gives %v after its context has ended", method, err)
		}
	}
	_, err := c.bucket.Stat(ctx, info.Key)
	check("Stat", err)
	_, err = c.bucket.ReadAt(ctx, info.Key, "", make([]byte, 1), 0)
	check("ReadAt", err)
	_, err = c.bucket.Write(ctx, info.Key, strings.NewReader("other"), objects.WriteOptions{})
	check("Write", err)
	check("Remove", c.bucket.Remove(ctx, info.Key))
	for _, err = range c.bucket.List(ctx, info.Key) {
	}
	check("List", err)
	c.holds(t, []byte("kept"), info)
}
