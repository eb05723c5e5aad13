package objecttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/objects"
)

// mib is 1 MiB.
const mib = 1 << 20

// Conform tests a bucket against the contract of [objects.Bucket]. It keeps to keys below a
// prefix that is new each time, and removes what it has written there. The subtests named last
// are skipped: those of what a store made for tests cannot do itself.
func Conform(t *testing.T, b objects.Bucket, cannot ...string) {
	c := conformance{b, "conform-" + strings.ToLower(rand.Text()[:8]) + "/"}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"what is written is read", c.whole},
		{"metadata is replaced", c.metadata},
		{"large objects", c.large},
		{"empty objects", c.empty},
		{"listing", c.list},
		{"listing of 2,500", c.longList},
		{"a name that is a folder too", c.folder},
		{"odd keys", c.oddKeys},
		{"concurrent use", c.concurrent},
		{"new objects", c.once},
		{"replacing one version", c.over},
		{"one of 32 wins", c.racers},
		{"one of 4 large ones wins", c.largeRacers},
		{"replaced while it is read", c.replaced},
		{"what is not there", c.missing},
		{"a write that fails leaves nothing", c.aborted},
		{"a wrong size leaves nothing", c.wrongSize},
		{"an ended context", c.ended},
	} {
		if !slices.Contains(cannot, test.name) {
			t.Run(test.name, test.run)
		}
	}
	t.Run("all is removed", c.removed)
}

// A conformance is a bucket that is tested.
type conformance struct {
	bucket objects.Bucket
	prefix string
}

// Random returns n bytes that do not repeat, which are the same for the same seed.
func Random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = mathrand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return b
}

// plain returns a reader of content that has no methods but Read.
func plain(content []byte) io.Reader {
	return struct{ io.Reader }{bytes.NewReader(content)}
}

// write makes an object, which must succeed.
func (c conformance) write(t *testing.T, key string, content []byte, o objects.WriteOptions) objects.Info {
	t.Helper()
	info, err := c.bucket.Write(t.Context(), c.prefix+key, plain(content), o)
	if err != nil {
		t.Fatalf("writing %q: %v", key, err)
	}
	if info.Key != c.prefix+key || info.Size != int64(len(content)) || info.Version == "" || !maps.Equal(info.Meta, o.Meta) {
		t.Errorf("%q of %d bytes was written with %v, and is told of as %+v", key, len(content), o.Meta, info)
	}
	return info
}

// holds checks that an object is there, with that content and what Write told of it.
func (c conformance) holds(t *testing.T, content []byte, want objects.Info) {
	t.Helper()
	got, err := c.bucket.Stat(t.Context(), want.Key)
	if err != nil {
		t.Errorf("Stat of %q: %v", want.Key, err)
		return
	}
	if got.Key != want.Key || got.Size != int64(len(content)) || got.Version != want.Version || !maps.Equal(got.Meta, want.Meta) {
		t.Errorf("Stat tells of %+v, and Write of %+v", got, want)
	}
	if age := time.Since(got.ModTime); age > time.Hour || age < -time.Hour {
		t.Errorf("%q was written at %v, which is not now", want.Key, got.ModTime)
	}
	hash := sha256.New()
	p := make([]byte, objects.BlockBytes)
	for off := int64(0); off < got.Size; off += int64(len(p)) {
		n, err := c.bucket.ReadAt(t.Context(), want.Key, got.Version, p, off)
		if err != nil && err != io.EOF {
			t.Errorf("reading %q at %d: %v", want.Key, off, err)
			return
		}
		hash.Write(p[:n])
	}
	if [sha256.Size]byte(hash.Sum(nil)) != sha256.Sum256(content) {
		t.Errorf("%q of %d bytes does not hold what was written", want.Key, len(content))
	}
}

func (c conformance) whole(t *testing.T) {
	content := Random(100_000, 1)
	meta := map[string]string{"genbatch_job": "7f3a", "owner": "shop 12; run=3"}
	info := c.write(t, "whole", content, objects.WriteOptions{Size: int64(len(content)), Meta: meta})
	c.holds(t, content, info)
	for _, r := range []struct{ off, n int }{
		{0, 1}, {0, len(content)}, {0, len(content) + 1}, {1, 99}, {99_999, 1}, {99_999, 2}, {50_000, 60_000}, {100_000, 1}, {150_000, 10},
	} {
		for _, version := range []string{"", info.Version} {
			p := make([]byte, r.n)
			n, err := c.bucket.ReadAt(t.Context(), info.Key, version, p, int64(r.off))
			end := min(r.off+r.n, len(content))
			if want := content[min(r.off, end):end]; string(p[:n]) != string(want) {
				t.Errorf("ReadAt(%d bytes at %d) gives %d bytes, or others than the %d that are there", r.n, r.off, n, len(want))
			}
			if full := r.off+r.n <= len(content); err != nil && (full || err != io.EOF) || err == nil && !full {
				t.Errorf("ReadAt(%d bytes at %d) of %d: %v", r.n, r.off, len(content), err)
			}
		}
	}
}

func (c conformance) metadata(t *testing.T) {
	for _, meta := range []map[string]string{{"first": "1", "both": "1"}, {"both": "2"}, nil} {
		c.holds(t, []byte("x"), c.write(t, "metadata", []byte("x"), objects.WriteOptions{Meta: meta}))
	}
}

// large has sizes at which stores and drivers change from one request to several.
func (c conformance) large(t *testing.T) {
	content := Random(40*mib+1, 2)
	for _, n := range []int{5 * mib, 8 * mib, 16 * mib, 32 * mib, 40*mib + 1} {
		for _, known := range []bool{true, false} {
			o := objects.WriteOptions{New: known, Meta: map[string]string{"n": fmt.Sprint(n)}}
			if known {
				o.Size = int64(n)
			}
			key := fmt.Sprint("large/", n, known)
			c.holds(t, content[:n], c.write(t, key, content[:n], o))
		}
	}
}

func (c conformance) empty(t *testing.T) {
	for _, o := range []objects.WriteOptions{{}, {New: true, Meta: map[string]string{"empty": "1"}}} {
		key := fmt.Sprint("empty", o.New)
		info := c.write(t, key, nil, o)
		c.holds(t, nil, info)
		if n, err := c.bucket.ReadAt(t.Context(), info.Key, info.Version, make([]byte, 1), 0); n != 0 || err != io.EOF {
			t.Errorf("reading an empty object gives %d, %v", n, err)
		}
	}
}

// listed returns what a listing holds.
func (c conformance) listed(t *testing.T, prefix string) (all []objects.Info) {
	t.Helper()
	for info, err := range c.bucket.List(t.Context(), c.prefix+prefix) {
		if err != nil {
			t.Fatalf("listing %q: %v", prefix, err)
		}
		all = append(all, info)
	}
	return all
}

// keys returns the keys of a listing, without the prefix of the test.
func (c conformance) keys(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	for _, info := range c.listed(t, prefix) {
		keys = append(keys, strings.TrimPrefix(info.Key, c.prefix))
	}
	return keys
}

func (c conformance) list(t *testing.T)     { c.lists(t, "list/", 250) }
func (c conformance) longList(t *testing.T) { c.lists(t, "longlist/", 2500) } // stores list 1,000 at a time, or 5,000

// lists writes many keys, among them some whose order is another one where letters of both
// cases, folders or other alphabets are sorted.
func (c conformance) lists(t *testing.T, root string, many int) {
	keys := make([]string, 0, many+7)
	for i := range many {
		keys = append(keys, fmt.Sprintf("%sday=%d/%04d", root, i%7, i))
	}
	for _, key := range []string{"B", "a-b", "a/b", "a0", "ä", "z", "日本"} {
		keys = append(keys, root+key)
	}
	c.each(keys, func(key string) { c.write(t, key, []byte(key), objects.WriteOptions{}) })
	slices.Sort(keys)
	for _, prefix := range []string{"", "day=3/", "day=3/0", "day=3/0003", "a", "a/", "none"} {
		prefix = root + prefix
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := c.keys(t, prefix); !slices.Equal(got, want) {
			t.Errorf("the listing of %s has %d keys in another order or others than the %d", prefix, len(got), len(want))
		}
	}
	for _, got := range c.listed(t, root+"a") {
		want, err := c.bucket.Stat(t.Context(), got.Key)
		if err != nil || got.Size != want.Size || got.Version != want.Version || got.ModTime.Sub(want.ModTime).Abs() > time.Second {
			t.Errorf("the listing says %+v, and Stat %+v, %v", got, want, err)
		}
	}
	n := 0
	for _, err := range c.bucket.List(t.Context(), c.prefix+root) {
		if n++; n == many/2-50 || err != nil {
			break // in the middle of a page
		}
	}
	if n != many/2-50 {
		t.Errorf("a listing could not be left after %d keys, but after %d", many/2-50, n)
	}
}

// folder has objects below the name of another one, which files cannot have.
func (c conformance) folder(t *testing.T) {
	for _, key := range []string{"folder", "folder/a", "folder/", "folder-1", "folder/a/b"} {
		c.holds(t, []byte(key), c.write(t, key, []byte(key), objects.WriteOptions{}))
	}
	want := []string{"folder", "folder-1", "folder/", "folder/a", "folder/a/b"}
	if got := c.keys(t, "folder"); !slices.Equal(got, want) {
		t.Errorf("the listing has %q, want %q", got, want)
	}
}

// each calls f for all keys, some at a time.
func (c conformance) each(keys []string, f func(key string)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, 16)
	for _, key := range keys {
		slots <- struct{}{}
		group.Go(func() { f(key); <-slots })
	}
	group.Wait()
}

func (c conformance) oddKeys(t *testing.T) {
	keys := []string{
		"odd/a b", "odd/a%20b", "odd/a%2Fb", "odd/a+b", "odd/100%", "odd/ä/ö ü", "odd/a\u0308", "odd/日本.jsonl", "odd/🙂",
		"odd/q?x=1&y=2#z", "odd/semi;colon,comma", "odd/'quote\"", "odd/<a>&amp;", "odd/[x]{y}", "odd/*", "odd/$HOME", "odd/~", "odd/a:b@c=d!e(f)",
		"odd/.hidden", "odd/..more", "odd/a|b^c`d", "odd/year=2026/month=01/x.parquet",
	}
	for _, key := range keys {
		content := []byte("the content of " + key)
		c.holds(t, content, c.write(t, key, content, objects.WriteOptions{New: true}))
	}
	slices.Sort(keys)
	if got := c.keys(t, "odd/"); !slices.Equal(got, keys) {
		t.Errorf("the listing has\n%q, want\n%q", got, keys)
	}
	for _, key := range keys {
		if got := c.keys(t, key); !slices.Contains(got, key) {
			t.Errorf("the listing of %q has %q", key, got)
		}
		if err := c.bucket.Remove(t.Context(), c.prefix+key); err != nil {
			t.Errorf("removing %q: %v", key, err)
		}
	}
	if got := c.keys(t, "odd/"); len(got) > 0 {
		t.Errorf("%q were removed, and are there", got)
	}
}

func (c conformance) concurrent(t *testing.T) {
	var keys []string
	for i := range 64 {
		keys = append(keys, fmt.Sprint("concurrent/", i))
	}
	c.each(keys, func(key string) {
		content := Random(50_000, key[len(key)-1])
		info, err := c.bucket.Write(t.Context(), c.prefix+key, plain(content), objects.WriteOptions{})
		if err != nil {
			t.Errorf("writing %s: %v", key, err)
			return
		}
		c.holds(t, content, info)
	})
}

// removed removes what is left of the test.
func (c conformance) removed(t *testing.T) {
	// The context of a test that was cut short has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	var keys []string
	for info, err := range c.bucket.List(ctx, c.prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	c.each(keys, func(key string) {
		if err := c.bucket.Remove(ctx, key); err != nil {
			t.Errorf("removing %q: %v", key, err)
		}
	})
	if left := c.keys(t, ""); len(left) > 0 {
		t.Errorf("%q were removed, and are there", left)
	}
}
