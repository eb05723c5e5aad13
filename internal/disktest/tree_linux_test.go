package disktest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A tree is the files of a file system that forgets as much as POSIX lets it when the power
// goes: the bytes of a file since its last fsync, and the names in a folder since the last
// fsync of the folder. An fsync of a file saves none of its names. What was not synced need
// not be lost either, and need not survive in the order in which it was done.
type tree struct {
	flush time.Duration // how long an fsync takes

	mu   sync.Mutex
	last uint64 // number of a node
	root *node

	syncing int // fsyncs of files that go on and have bytes to save
}

// A node is a file or a folder. Its mode and its time are never lost: no promise of
// genbatch hangs on them.
type node struct {
	number uint64
	mode   uint32
	time   time.Time

	data, safe []byte // of a file: what it has, and what it had at its last fsync

	names, safeNames map[string]*node // of a folder
	changes          []change         // of the folder since its last fsync

	syncing sync.Mutex // held during an fsync, so that a later one is done later
}

// A change of a folder is what happens at once, so that a power cut loses all of it or
// nothing. It maps names to what they stand for after it; nil stands for nothing.
type change map[string]*node

func newTree(flush time.Duration) *tree {
	t := &tree{flush: flush}
	t.root = t.node(syscall.S_IFDIR | 0o700)
	return t
}

func (t *tree) node(mode uint32) *node {
	t.last++
	n := &node{number: t.last, mode: mode, time: time.Now()}
	if mode&syscall.S_IFDIR != 0 {
		n.names, n.safeNames = map[string]*node{}, map[string]*node{}
	}
	return n
}

func (n *node) folder() bool { return n.names != nil }

// change changes the names in a folder.
func (n *node) change(c change) {
	apply(n.names, c)
	n.changes = append(n.changes, c)
	n.time = time.Now()
}

func apply(names map[string]*node, c change) {
	for name, child := range c {
		if child == nil {
			delete(names, name)
		} else {
			names[name] = child
		}
	}
}

// resize sets the length of a file.
func (n *node) resize(size int) {
	if size <= len(n.data) {
		clear(n.data[size:]) // it may grow again, and is zero then
		n.data = n.data[:size]
	} else {
		n.data = slices.Grow(n.data, size-len(n.data))[:size]
	}
	n.time = time.Now()
}

// write writes to a file, which has a hole before off if it was shorter.
func (n *node) write(data []byte, off int) {
	if end := off + len(data); end > len(n.data) {
		n.resize(end)
	}
	copy(n.data[off:], data)
	n.time = time.Now()
}

// sync makes safe what a file or a folder has now, and not what it gets until the sync is
// done. That of a folder does nothing for the files and folders in it.
func (t *tree) sync(n *node) {
	n.syncing.Lock()
	defer n.syncing.Unlock()
	t.mu.Lock()
	data, names, changes := bytes.Clone(n.data), maps.Clone(n.names), len(n.changes)
	bytesToSave := !bytes.Equal(data, n.safe)
	if bytesToSave {
		t.syncing++
	}
	t.mu.Unlock()
	time.Sleep(t.flush)
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytesToSave {
		t.syncing--
	}
	n.safe, n.safeNames, n.changes = data, names, n.changes[changes:]
}

// unsaved reports whether a part of a file is about to become safe.
func (t *tree) unsaved() bool { return t.syncing > 0 }

// pageBytes is what a file system writes whole or not at all.
const pageBytes = 4096

// survivor returns what is left of a tree after a power cut. All of that is safe.
func (t *tree) survivor(r *rand.Rand, l loss) *tree {
	s := &tree{flush: t.flush, last: t.last}
	copies := map[*node]*node{}
	s.root = t.root.survivor(r, l, copies)
	return s
}

func (n *node) survivor(r *rand.Rand, l loss, copies map[*node]*node) *node {
	if c := copies[n]; c != nil {
		return c
	}
	c := &node{number: n.number, mode: n.mode, time: n.time}
	copies[n] = c
	if !n.folder() {
		c.data = n.survivingData(r, l)
		c.safe = bytes.Clone(c.data)
		return c
	}
	names := n.survivingNames(r, l)
	c.names = map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(names)) { // in the order of the seed
		c.names[name] = names[name].survivor(r, l, copies)
	}
	c.safeNames = maps.Clone(c.names)
	return c
}

// survivingNames keeps or loses each change on its own. A later one may survive an earlier
// one.
func (n *node) survivingNames(r *rand.Rand, l loss) map[string]*node {
	names := maps.Clone(n.safeNames)
	share := r.Float64()
	for _, c := range n.changes {
		if l == loseNone || l == loseSome && r.Float64() < share {
			apply(names, c)
		}
	}
	return names
}

// survivingData keeps or loses each page on its own, and the length too. Where a page is
// lost that the file did not have before, there are zeros.
func (n *node) survivingData(r *rand.Rand, l loss) []byte {
	switch {
	case l == loseAll:
		return bytes.Clone(n.safe)
	case l == loseNone || bytes.Equal(n.data, n.safe):
		return bytes.Clone(n.data)
	}
	size := []int{len(n.safe), len(n.data), between(r, len(n.safe), len(n.data))}[r.IntN(3)]
	data := make([]byte, size)
	copy(data, n.safe)
	share := r.Float64()
	for at := 0; at < size; at += pageBytes {
		if r.Float64() < share {
			page := data[at:min(at+pageBytes, size)]
			clear(page)
			if at < len(n.data) {
				copy(page, n.data[at:])
			}
		}
	}
	return data
}

func between(r *rand.Rand, a, b int) int { return min(a, b) + r.IntN(max(a, b)-min(a, b)+1) }
