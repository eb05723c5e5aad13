package disktest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A loss says what becomes of what was written and not synced when the power goes.
type loss int

const (
	loseAll  loss = iota
	loseNone      // as dm-flakey does, which drops only what is written after the cut
	loseSome      // by chance, for each piece on its own
)

// mostWrite is the length of a write at most. With its header it fits the pipe through which
// the kernel passes it on.
const mostWrite = 512 << 10

// sectorBytes is what a disk writes whole or not at all, as most disks of today do. File
// systems count on it: XFS does not mount after a block of a folder was torn within 4 KiB.
const sectorBytes = 4096

// A device is a disk with a cache that it loses with the power. What was flushed is safe, and
// any part of what was written since may be. It is the only file of a FUSE file system, where
// a loop device makes a block device of it. The loop device passes on each write, and each
// flush as an fsync.
type device struct {
	fs.Inode

	flush time.Duration // how long a flush takes

	mu     sync.Mutex
	image  []byte // with all that was written
	cached []diskWrite
	writes int64
}

// flushTime is how long the disks of the tests take for a flush, as an SSD without a
// protected cache does. Cuts that fall into it find writes in the cache.
const flushTime = 4 * time.Millisecond

// A diskWrite is a write that was not flushed.
type diskWrite struct {
	number        int64 // from 1
	off           int64
	before, after []byte
}

func (d *device) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	out.Mode, out.Size = 0o600, uint64(len(d.image))
	return 0
}

// Open has the kernel keep no copy of the disk, which would hide writes from it.
func (d *device) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (d *device) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := copy(dest, d.image[min(off, int64(len(d.image))):])
	return fuse.ReadResultData(dest[:n]), 0
}

func (d *device) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off+int64(len(data)) > int64(len(d.image)) {
		return 0, syscall.ENOSPC
	}
	place := d.image[off:][:len(data)]
	d.writes++
	d.cached = append(d.cached, diskWrite{d.writes, off, bytes.Clone(place), bytes.Clone(data)})
	copy(place, data)
	return uint32(len(data)), 0
}

// Fsync is a flush of the disk's cache. What is written while it lasts stays in the cache.
func (d *device) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	last := d.writes
	d.mu.Unlock()
	time.Sleep(d.flush)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cached = slices.DeleteFunc(d.cached, func(w diskWrite) bool { return w.number <= last })
	return 0
}

// cut calls kill while the disk answers nothing, and returns what the disk has after a cut at
// this moment. It goes on afterwards with all that was written, so that it can be unmounted.
func (d *device) cut(r *rand.Rand, l loss, kill func()) []byte {
	defer lockWhen(&d.mu, l, func() bool { return len(d.cached) > 0 })()
	kill()
	return d.survivor(r, l)
}

// lockWhen locks mu and returns what unlocks it. If only a part of what is not safe is lost, it
// waits a moment until there is such a part, because that is the case that leaves torn files.
func lockWhen(mu *sync.Mutex, l loss, unsaved func() bool) (unlock func()) {
	for begin := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		mu.Lock()
		if l != loseSome || unsaved() || time.Since(begin) > 50*time.Millisecond {
			return mu.Unlock
		}
		mu.Unlock()
	}
}

// drain returns the image, and leaves an empty device. The FUSE library keeps the device after
// the end of its file system, and an image is large.
func (d *device) drain() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	image := d.image
	d.image, d.cached = nil, nil
	return image
}

// survivor returns the image without what is lost of the cache.
func (d *device) survivor(r *rand.Rand, l loss) []byte {
	image := cloneSparse(d.image)
	if l == loseNone {
		return image
	}
	for i := len(d.cached) - 1; i >= 0; i-- {
		copy(image[d.cached[i].off:], d.cached[i].before)
	}
	if l == loseAll {
		return image
	}
	for _, w := range d.cached {
		share := []float64{0, 1, r.Float64()}[r.IntN(3)] // of its sectors
		for off, after := w.off, w.after; len(after) > 0; {
			n := min(sectorBytes-off%sectorBytes, int64(len(after))) // to the end of the sector
			if r.Float64() < share {
				copy(image[off:], after[:n])
			}
			off, after = off+n, after[n:]
		}
	}
	return image
}

// cloneSparse copies an image, and touches no memory for the parts that are zero, which are
// most of a new file system.
func cloneSparse(image []byte) []byte {
	const block = 64 << 10
	var zero [block]byte
	c := make([]byte, len(image))
	for at := 0; at < len(image); at += block {
		if b := image[at:min(at+block, len(image))]; !bytes.Equal(b, zero[:len(b)]) {
			copy(c[at:], b)
		}
	}
	return c
}

// serve mounts a FUSE file system, which this process serves. No child gets the connection to
// the kernel: that would live on with the child if this process is killed, and whoever waits
// for the file system would wait for ever.
func serve(at string, root fs.InodeEmbedder, o *fs.Options) (*fuse.Server, error) {
	o.DirectMountStrict, o.MaxWrite, o.DisableXAttrs = true, mostWrite, true
	server, err := fs.Mount(at, root, o)
	if err != nil {
		return nil, err
	}
	const open = "/proc/self/fd"
	list, err := os.ReadDir(open)
	for _, e := range list {
		if target, _ := os.Readlink(filepath.Join(open, e.Name())); target != "/dev/fuse" {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			syscall.CloseOnExec(fd)
		}
	}
	if err != nil {
		return nil, errors.Join(err, server.Unmount())
	}
	return server, nil
}
