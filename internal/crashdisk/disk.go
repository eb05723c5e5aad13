// Package crashdisk simulates what a power cut leaves of files, for tests.
//
// A [Disk] follows the operations of a [durable.FS] on a folder. The folder itself is the
// page cache: whoever reads it sees everything that was written, as on a machine that runs.
// Beside it the Disk keeps in memory what is on the medium for sure, which is the data of
// each file as of its last sync and the names in each folder as of its last sync, and what
// has been done since. [Disk.Cut] draws one of the states in which a power cut could leave
// the medium, and [Disk.Start] makes it the content of the folder, as the machine finds it
// when it runs again.
//
// The rules are those of POSIX and no kinder, since file systems differ in what they give
// beyond them. Until a file is synced, each write to it may be on the medium, be missing, or
// be there in part, and a later one may be there without an earlier one, so that zeros stand
// in the place of that. Until a folder is synced, each name that was made, changed or removed
// in it may be on the medium or not, whatever is in the file: the sync of a file is none of
// its name, and a rename may be there before the data is. Where only the beginning of a write is
// there, the file may have its new length all the same. A rename is one step, which is there
// or not. Pebble's MemFS makes such crash clones as well, of whole blocks
// (https://pkg.go.dev/github.com/cockroachdb/pebble/vfs#MemFS.CrashClone).
package crashdisk

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

// A Disk follows the changes below a folder. It is safe for concurrent use.
type Disk struct {
	t    testing.TB
	root string

	mu  sync.Mutex
	top *node
	off bool // an image was drawn, and is not yet started
}

// A node is a file or a folder.
type node struct {
	data   []byte // of a file, in the page cache
	synced []byte // the same at its last sync
	writes []write

	names   map[string]*node // of a folder, in the page cache; nil for a file
	durable map[string]*node // the same at its last sync
	changes []change
}

// A write is one that is not synced. It cuts the file off at an offset, or extends it so far
// with zeros, and appends.
type write struct {
	at   int
	data []byte
}

// A change of a folder is one that is not synced. It removes one name, and adds another one for
// a node. Either may be empty.
type change struct {
	removed, added string
	node           *node
}

// New follows a folder, whose content counts as synced.
func New(t testing.TB, root string) *Disk {
	d := &Disk{t: t, root: root}
	d.top = d.synced(root)
	return d
}

// synced returns what the folder at path holds, as if it were synced.
func (d *Disk) synced(path string) *node {
	n := newFolder()
	for _, e := range d.entries(path) {
		below := filepath.Join(path, e.Name())
		if e.IsDir() {
			n.names[e.Name()] = d.synced(below)
		} else {
			data := d.read(below)
			n.names[e.Name()] = &node{data: data, synced: data}
		}
	}
	n.durable = maps.Clone(n.names)
	return n
}

func newFolder() *node { return &node{names: map[string]*node{}, durable: map[string]*node{}} }

func (d *Disk) entries(path string) []fs.DirEntry {
	list, err := os.ReadDir(path)
	if err != nil {
		d.t.Error(err)
	}
	return list
}

// read returns what a file holds, which is nothing if it is gone by now.
func (d *Disk) read(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Error(err)
	}
	return data
}

// FS returns a file system whose operations the Disk follows. hook, if not nil, is its
// [durable.FS.Hook].
func (d *Disk) FS(hook func(op durable.Op, path string) (apply bool, err error)) durable.FS {
	if hook == nil {
		hook = func(durable.Op, string) (bool, error) { return true, nil }
	}
	return durable.FS{Trace: d.follow, Hook: hook}
}

// follow takes note of an operation. What the file holds after a write is read from the page
// cache.
func (d *Disk) follow(op durable.Op, path, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return
	}
	if op == durable.OpSyncDir {
		if n := d.folder(path); n != nil {
			n.durable, n.changes = maps.Clone(n.names), nil
		}
		return
	}
	parent, name := d.folder(filepath.Dir(path)), filepath.Base(path)
	if parent == nil {
		return
	}
	n := parent.names[name]
	if n == nil && (op == durable.OpSync || op == durable.OpRename) {
		d.t.Errorf("%s of %s, which the disk was never told of", op, path)
		return
	}
	switch op {
	case durable.OpMkdir:
		if n == nil { // or else another process has used it since, and its word came first
			parent.name(change{added: name, node: newFolder()})
		}
	case durable.OpCreate, durable.OpOpen:
		if n == nil {
			parent.name(change{added: name, node: &node{}})
		}
	case durable.OpWrite, durable.OpTruncate:
		if n == nil {
			n = &node{}
			parent.name(change{added: name, node: n})
		}
		n.written(d.read(path))
	case durable.OpSync:
		n.synced, n.writes = n.data, nil
	case durable.OpRename:
		parent.name(change{removed: name, added: filepath.Base(to), node: n})
	case durable.OpRemove:
		if n != nil {
			parent.name(change{removed: name})
		}
	}
}

// folder returns the node of a folder, or nil if it is not below the root. One that the Disk
// has not been told of is there, but not synced.
func (d *Disk) folder(path string) *node {
	rel, err := filepath.Rel(d.root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return nil
	}
	n := d.top
	for _, name := range strings.Split(filepath.ToSlash(rel), "/") {
		if name == "." {
			break
		}
		next := n.names[name]
		if next == nil {
			next = newFolder()
			n.name(change{added: name, node: next})
		}
		n = next
	}
	return n
}

// name makes a change in a folder.
func (n *node) name(c change) {
	c.apply(n.names)
	n.changes = append(n.changes, c)
}

func (c change) apply(names map[string]*node) {
	if c.removed != "" {
		delete(names, c.removed)
	}
	if c.added != "" {
		names[c.added] = c.node
	}
}

// written takes note of what a file holds now.
func (n *node) written(now []byte) {
	at := 0
	for at < len(n.data) && at < len(now) && n.data[at] == now[at] {
		at++
	}
	if at < len(n.data) || at < len(now) {
		n.writes = append(n.writes, write{at, now[at:]})
	}
	n.data = now
}

// Sync makes durable what is at path and its name, as a program does that has put it there
// and is not followed.
func (d *Disk) Sync(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent, name := d.folder(filepath.Dir(path)), filepath.Base(path)
	data := d.read(path)
	n := &node{data: data, synced: data}
	parent.names[name], parent.durable[name] = n, n
}

// Bypassed returns the paths, below the root, of files and folders that were made or changed
// by other means than a file system of the Disk, or of [Disk.Sync], since it was called last.
// To the Disk such a change is one that is not synced. It must not be called while the files
// are written.
func (d *Disk) Bypassed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.look(d.top, "")
}

// look takes note of what the page cache has in a folder that the Disk was not told of, and
// returns its paths.
func (d *Disk) look(n *node, path string) (bypassed []string) {
	found := map[string]bool{}
	for _, e := range d.entries(filepath.Join(d.root, path)) {
		below, known := filepath.Join(path, e.Name()), n.names[e.Name()]
		found[e.Name()] = true
		if known == nil {
			if known = new(node); e.IsDir() {
				known = newFolder()
			}
			n.name(change{added: e.Name(), node: known})
			bypassed = append(bypassed, below)
		}
		if e.IsDir() {
			bypassed = append(bypassed, d.look(known, below)...)
		} else if data := d.read(filepath.Join(d.root, below)); !bytes.Equal(data, known.data) {
			known.written(data)
			bypassed = append(bypassed, below)
		}
	}
	for name := range n.names {
		if !found[name] {
			n.name(change{removed: name})
		}
	}
	return slices.Compact(bypassed)
}

// An Image is what is on the medium when the machine starts again.
type Image struct {
	files   map[string][]byte // by path below the root
	folders map[string]bool
}

// Cut returns what a power cut at this moment could leave, as r draws it. All that happens
// until [Disk.Start] is without effect.
func (d *Disk) Cut(r *rand.Rand) *Image {
	chances := []float64{0, 1, 0.5, r.Float64()}
	return d.drawn(&lottery{Rand: r, names: chances[r.IntN(len(chances))], data: chances[r.IntN(len(chances))]})
}

// Kill returns what the end of all processes at this moment leaves on a machine that runs on:
// all that was written.
func (d *Disk) Kill() *Image {
	return d.drawn(&lottery{Rand: rand.New(rand.NewPCG(1, 1)), names: 1, data: 1})
}

func (d *Disk) drawn(l *lottery) *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(d.top, "")
	image := &Image{files: map[string][]byte{}, folders: map[string]bool{}}
	l.draw(image, "", d.top)
	d.off = true
	return image
}

// A lottery decides which changes have reached the medium, with a probability each.
type lottery struct {
	*rand.Rand
	names, data float64
}

// draw adds what is left of a folder to the image.
func (l *lottery) draw(image *Image, path string, n *node) {
	left := maps.Clone(n.durable)
	for _, c := range n.changes {
		if l.Float64() < l.names {
			c.apply(left)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		below, n := filepath.Join(path, name), left[name]
		if n.names != nil {
			image.folders[below] = true
			l.draw(image, below, n)
			continue
		}
		image.files[below] = l.content(n)
	}
}

// content returns what is left of a file.
func (l *lottery) content(n *node) []byte {
	left := slices.Clone(n.synced)
	for _, w := range n.writes {
		data := w.data
		if l.Float64() >= l.data {
			begin := l.IntN(len(data) + 1)
			switch l.IntN(3) {
			case 0:
				continue // all of it is lost
			case 1:
				data = data[:begin]
			default: // the file has its length already, and zeros where the data is not
				data = append(slices.Clone(data[:begin]), make([]byte, len(data)-begin)...)
			}
		}
		if w.at <= len(left) {
			left = left[:w.at:w.at]
		} else {
			left = append(left, make([]byte, w.at-len(left))...)
		}
		left = append(left, data...)
	}
	return left
}

// Start makes an image the content of the folder. All of it counts as synced.
func (d *Disk) Start(image *Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear(image, "")
	for path := range image.folders {
		d.check(os.MkdirAll(filepath.Join(d.root, path), 0o700))
	}
	for path, data := range image.files {
		path = filepath.Join(d.root, path)
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, data) {
			continue // it keeps its times
		}
		d.check(os.WriteFile(path, data, 0o600))
	}
	d.top, d.off = d.synced(d.root), false
}

// clear removes what an image does not have.
func (d *Disk) clear(image *Image, path string) {
	for _, e := range d.entries(filepath.Join(d.root, path)) {
		below := filepath.Join(path, e.Name())
		_, file := image.files[below]
		switch {
		case e.IsDir() && image.folders[below]:
			d.clear(image, below)
		case e.IsDir() || !file:
			d.check(os.RemoveAll(filepath.Join(d.root, below)))
		}
	}
}

func (d *Disk) check(err error) {
	if err != nil {
		d.t.Error(err)
	}
}
