// Package objecttest has an object store in memory for tests. [Conform] tests an
// implementation of [objects.Bucket] against its contract.
package objecttest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/objects"
)

// A Bucket is an [objects.Bucket] in memory. It is safe for concurrent use.
type Bucket struct {
	// Fail, if not nil, is asked before each call, by the method's name and the key. The call
	// fails with what it returns. It must be set before the bucket is used.
	Fail func(method, key string) error

	Reads, Bytes atomic.Int64 // calls of ReadAt, and what they have returned

	mu      sync.Mutex
	objects map[string]object
	writes  int
}

type object struct {
	data []byte
	info objects.Info
}

// New makes an empty bucket, and returns the beginning of its addresses. It is gone when the process ends.
func New() (b *Bucket, root string) {
	b = &Bucket{objects: make(map[string]object)}
	scheme := "mem" + strings.ToLower(rand.Text())
	objects.Register(scheme, func(_ context.Context, name string) (objects.Bucket, error) {
		if name != "bucket" {
			return nil, fmt.Errorf("there is no bucket %s: %w", name, fs.ErrNotExist)
		}
		return b, nil
	})
	return b, scheme + "://bucket/"
}

// Put makes an object.
func (b *Bucket) Put(key, content string) {
	if _, err := b.Write(context.Background(), key, strings.NewReader(content), objects.WriteOptions{}); err != nil {
		panic(err) // only Fail fails
	}
}

// Get returns the content of an object, and whether it is there.
func (b *Bucket) Get(key string) (content string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	return string(o.data), ok
}

// Keys returns the keys of all objects, sorted bytewise.
func (b *Bucket) Keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *Bucket) fail(ctx context.Context, method, key string) error {
	if b.Fail != nil {
		if err := b.Fail(method, key); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *Bucket) find(key string) (object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		return o, fmt.Errorf("there is no object %s: %w", key, fs.ErrNotExist)
	}
	return o, nil
}

// Stat implements [objects.Bucket].
func (b *Bucket) Stat(ctx context.Context, key string) (objects.Info, error) {
	if err := b.fail(ctx, "Stat", key); err != nil {
		return objects.Info{}, err
	}
	o, err := b.find(key)
	return o.info, err
}

// ReadAt implements [objects.Bucket].
func (b *Bucket) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	b.Reads.Add(1)
	if err := b.fail(ctx, "ReadAt", key); err != nil {
		return 0, err
	}
	o, err := b.find(key)
	if err != nil {
		return 0, err
	}
	if version != "" && version != o.info.Version {
		return 0, objects.ErrChanged
	}
	n, err := bytes.NewReader(o.data).ReadAt(p, off)
	b.Bytes.Add(int64(n))
	return n, err
}

// List implements [objects.Bucket].
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		if err := b.fail(ctx, "List", prefix); err != nil {
			yield(objects.Info{}, err)
			return
		}
		for _, key := range b.Keys() {
			if o, err := b.find(key); err == nil && strings.HasPrefix(key, prefix) {
				info := o.info
				info.Meta = nil
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// Write implements [objects.Bucket].
func (b *Bucket) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (objects.Info, error) {
	if err := b.fail(ctx, "Write", key); err != nil {
		return objects.Info{}, err
	}
	data, err := io.ReadAll(r)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return objects.Info{}, err
	}
	if o.Size != 0 && o.Size != int64(len(data)) {
		return objects.Info{}, fmt.Errorf("%s was to have %d bytes, and has %d", key, o.Size, len(data))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, there := b.objects[key]; there && (o.New || o.Over != "" && o.Over != old.info.Version) || !there && o.Over != "" {
		return objects.Info{}, fmt.Errorf("there is another object %s: %w", key, fs.ErrExist)
	}
	b.writes++
	info := objects.Info{Key: key, Size: int64(len(data)), ModTime: time.Now(), Version: fmt.Sprintf("v%d", b.writes), Meta: maps.Clone(o.Meta)}
	b.objects[key] = object{data, info}
	return info, nil
}

// Remove implements [objects.Bucket].
func (b *Bucket) Remove(ctx context.Context, key string) error {
	if err := b.fail(ctx, "Remove", key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	return nil
}
