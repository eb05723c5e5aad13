package filestore

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// A Content is bytes on disk, in a temporary file. It is written at its end by one
// goroutine at a time, and read by any number. It is gone when its last user releases it,
// and where the system allows it, the file has no name from the start, so that nothing is
// left of a process that is killed.
type Content struct {
	file  *os.File
	name  string // of the file, where it still has one
	size  atomic.Int64
	users atomic.Int32
}

// NewContent returns an empty content with one user.
func NewContent() (*Content, error) {
	f, err := os.CreateTemp("", "genbatch-simulated-*")
	if err != nil {
		return nil, err
	}
	c := &Content{file: f}
	c.users.Store(1)
	if os.Remove(f.Name()) != nil { // Windows keeps the name of an open file
		c.name = f.Name()
	}
	return c, nil
}

// Write appends p.
func (c *Content) Write(p []byte) (int, error) {
	n, err := c.file.Write(p)
	c.size.Add(int64(n))
	return n, err
}

// Size returns how many bytes there are.
func (c *Content) Size() int64 { return c.size.Load() }

// Reader returns what reads the bytes that there are now, from the first.
func (c *Content) Reader() *io.SectionReader { return io.NewSectionReader(c.file, 0, c.Size()) }

// ReaderAt returns what reads the bytes that there are now, from an offset.
func (c *Content) ReaderAt(offset int64) *io.SectionReader {
	return io.NewSectionReader(c.file, offset, c.Size()-offset)
}

// Retain adds a user. It reports whether the content was still there.
func (c *Content) Retain() bool {
	if c == nil {
		return false
	}
	for {
		n := c.users.Load()
		if n == 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends a use. A nil content has none.
func (c *Content) Release() error {
	if c == nil || c.users.Add(-1) > 0 {
		return nil
	}
	err := c.file.Close()
	if c.name != "" {
		err = errors.Join(err, os.Remove(c.name))
	}
	return err
}
