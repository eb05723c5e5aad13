package media

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/objects"
)

// fileFacts is what is known of a file's content.
type fileFacts struct {
	size   int64
	mtime  time.Time
	sum    [sha256.Size]byte
	kind   string
	extent extent
}

// A fileCache remembers what is known of files, so that each is read once, and not for
// every pass over the rows and every row that names it. It is safe for concurrent use.
type fileCache struct {
	mu    sync.Mutex
	files map[string]fileFacts
	looks map[objectLook]*looking // that are being made

	long sync.Mutex // while a large object is looked at, of which the last blocks are in memory
}

// An objectLook is a look at an object that may have so many bytes, 0 for any number.
type objectLook struct {
	path     string
	maxBytes int64
}

// A looking is a look for which others wait who want the same.
type looking struct {
	done  chan struct{} // closed when facts and err are set
	facts fileFacts
	err   error
}

const (
	// maxKnown bounds the cache. An entry takes some 200 bytes.
	maxKnown = 500_000
	// longBytes is how many bytes an object has that is looked at alone.
	longBytes = 8 << 20
)

// look returns what is known of a file that a cell of a column names. It reads the file unless
// its size and time are those that the cache knows. An object is looked at once only: to ask the
// store about it again for each pass takes a request for each row. What is sent is compared with
// its SHA-256 in any case.
func (c *fileCache) look(root, local string, col column) (fileFacts, error) {
	path := store.Join(root, local)
	if !store.IsAddress(root) {
		return c.read(root, local, path, col)
	}
	key := objectLook{path, col.MaxBytes}
	c.mu.Lock()
	if k, ok := c.files[path]; ok {
		c.mu.Unlock()
		return k, nil
	}
	if other := c.looks[key]; other != nil {
		c.mu.Unlock()
		<-other.done
		return other.facts, other.err
	}
	own := &looking{done: make(chan struct{})}
	if c.looks == nil {
		c.looks = make(map[objectLook]*looking)
	}
	c.looks[key] = own
	c.mu.Unlock()
	own.facts, own.err = c.read(root, local, path, col)
	c.mu.Lock()
	delete(c.looks, key)
	c.mu.Unlock()
	close(own.done)
	return own.facts, own.err
}

// read reads a file, unless it is the one that the cache knows.
func (c *fileCache) read(root, local, path string, col column) (fileFacts, error) {
	f, info, err := openMedia(root, local)
	if err != nil {
		return fileFacts{}, err
	}
	defer f.Close()
	c.mu.Lock()
	k, ok := c.files[path]
	c.mu.Unlock()
	if ok && k.size == info.Size && k.mtime.Equal(info.ModTime) {
		return k, nil
	}
	// What is too large is not fetched to find that out.
	if err := checkSize(col, "", info.Size, extent{}); err != nil {
		return fileFacts{}, fmt.Errorf("%s: %w", local, err)
	}
	isObject := store.IsAddress(root)
	if isObject && info.Size > longBytes {
		c.long.Lock()
		defer c.long.Unlock()
	}

	fail := func(err error) (fileFacts, error) {
		err = fmt.Errorf("%s cannot be read: %w", local, err)
		if isObject && !errors.Is(err, objects.ErrChanged) {
			err = &StoreError{err}
		}
		return fileFacts{}, err
	}
	k = fileFacts{mtime: info.ModTime}
	h := sha256.New()
	if k.size, err = io.Copy(h, f); err != nil {
		return fail(err)
	}
	h.Sum(k.sum[:0])
	head := make([]byte, sniffBytes)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	if k.kind, err = sniff(head[:n]); err != nil {
		return fileFacts{}, fmt.Errorf("%s: %w", local, err)
	}
	k.extent = measure(k.kind, f, k.size)
	// A file that was changed just now can change again and keep its time.
	if isObject || time.Since(k.mtime) > durable.ClockStep {
		c.keep(path, k)
	}
	return k, nil
}

// keep remembers what is known of a file. If the cache is full, it forgets another one, whichever:
// a file was looked at because its row comes soon.
func (c *fileCache) keep(path string, k fileFacts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = make(map[string]fileFacts)
	}
	if len(c.files) >= maxKnown {
		for other := range c.files {
			delete(c.files, other)
			break
		}
	}
	c.files[path] = k
}
