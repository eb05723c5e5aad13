package disktest

import (
	"context"
	"math/rand/v2"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A forgetful is a file system in memory, mounted through FUSE, that forgets what was not
// synced when the power goes.
type forgetful struct {
	tree *tree

	server *fuse.Server
	cuts   bool  // the power has been cut since it was mounted
	next   *tree // what there is since
}

func (p *forgetful) mount(at string) error {
	p.cuts, p.next = false, nil
	// The kernel keeps locks by itself unless the file system asks for them.
	o := &fs.Options{NullPermissions: true}
	var err error
	p.server, err = serve(at, &entry{tree: p.tree, node: p.tree.root}, o)
	return err
}

func (p *forgetful) cut(r *rand.Rand, l loss, kill func()) {
	defer lockWhen(&p.tree.mu, l, p.tree.unsaved)()
	kill()
	p.next, p.cuts = p.tree.survivor(r, l), true
}

func (p *forgetful) unmount() error {
	if p.server == nil {
		return nil
	}
	err := p.server.Unmount()
	if err == nil {
		p.server.Wait()
		p.server = nil
	}
	if p.cuts {
		p.tree = p.next
	}
	return err
}

// An entry is a node as the kernel knows it.
type entry struct {
	fs.Inode
	tree *tree
	node *node
}

func (e *entry) attr(n *node, out *fuse.Attr) {
	out.Mode, out.Size, out.Ino = n.mode, uint64(len(n.data)), n.number
	out.SetTimes(&n.time, &n.time, &n.time)
}

// child returns the kernel's view of a node in this folder.
func (e *entry) child(ctx context.Context, n *node, out *fuse.EntryOut) *fs.Inode {
	e.attr(n, &out.Attr)
	return e.NewInode(ctx, &entry{tree: e.tree, node: n}, fs.StableAttr{Mode: n.mode & syscall.S_IFMT, Ino: n.number})
}

func (e *entry) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	n := e.node.names[name]
	if n == nil {
		return nil, syscall.ENOENT
	}
	return e.child(ctx, n, out), 0
}

func (e *entry) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	e.attr(e.node, &out.Attr)
	return 0
}

func (e *entry) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		e.node.resize(int(size))
	}
	if mode, ok := in.GetMode(); ok {
		e.node.mode = e.node.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	if mtime, ok := in.GetMTime(); ok {
		e.node.time = mtime
	}
	e.attr(e.node, &out.Attr)
	return 0
}

func (e *entry) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	var list []fuse.DirEntry
	for name, n := range e.node.names {
		list = append(list, fuse.DirEntry{Name: name, Mode: n.mode, Ino: n.number})
	}
	return fs.NewListDirStream(list), 0
}

func (e *entry) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	if e.node.names[name] != nil {
		return nil, syscall.EEXIST
	}
	n := e.tree.node(syscall.S_IFDIR | mode)
	e.node.change(change{name: n})
	return e.child(ctx, n, out), 0
}

func (e *entry) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	if e.node.names[name] != nil {
		return nil, nil, 0, syscall.EEXIST
	}
	n := e.tree.node(syscall.S_IFREG | mode)
	e.node.change(change{name: n})
	return e.child(ctx, n, out), nil, 0, 0
}

func (e *entry) Unlink(_ context.Context, name string) syscall.Errno {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	if e.node.names[name] == nil {
		return syscall.ENOENT
	}
	e.node.change(change{name: nil})
	return 0
}

func (e *entry) Rmdir(ctx context.Context, name string) syscall.Errno {
	e.tree.mu.Lock()
	n := e.node.names[name]
	filled := n != nil && len(n.names) > 0
	e.tree.mu.Unlock()
	if filled {
		return syscall.ENOTEMPTY
	}
	return e.Unlink(ctx, name)
}

// Rename knows a folder only. A rename between folders would be two changes, which a real
// file system makes at once, and genbatch makes none.
func (e *entry) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	n := e.node.names[name]
	switch {
	case parent.(*entry).node != e.node:
		return syscall.EXDEV
	case flags != 0:
		return syscall.EINVAL
	case n == nil:
		return syscall.ENOENT
	}
	e.node.change(change{name: nil, newName: n})
	return 0
}

func (e *entry) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (e *entry) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	n := copy(dest, e.node.data[min(off, int64(len(e.node.data))):])
	return fuse.ReadResultData(dest[:n]), 0
}

func (e *entry) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	e.tree.mu.Lock()
	defer e.tree.mu.Unlock()
	e.node.write(data, int(off))
	return uint32(len(data)), 0
}

// Fsync is that of files and of folders.
func (e *entry) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	e.tree.sync(e.node)
	return 0
}

func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = pageBytes, pageBytes, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<20, 1<<20, 1<<20
	return 0
}
