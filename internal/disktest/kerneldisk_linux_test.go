package disktest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A kernelDisk is a file system of the kernel on a device.
type kernelDisk struct {
	kind  string // ext4, xfs
	dir   string // of its own, for the device
	image []byte

	device *device
	server *fuse.Server
	loop   string

	at      string // where it is mounted
	mounted bool
	cuts    bool   // the power has been cut since it was mounted
	next    []byte // what the disk has since
}

// imageBytes is the size of a disk. XFS makes none of less than 300 MiB.
const imageBytes = 320 << 20

// makers are the commands that make file systems. They leave out to discard blocks, which
// the disk cannot do, and what the kernel would otherwise do in the background later.
var makers = map[string][]string{
	"ext4":  {"mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"},
	"xfs":   {"mkfs.xfs", "-q", "-K"},
	"btrfs": {"mkfs.btrfs", "-q", "-K"},
}

// checkers are the commands that find faults in file systems and change nothing.
var checkers = map[string][]string{
	"ext4":  {"e2fsck", "-f", "-n"},
	"xfs":   {"xfs_repair", "-n"},
	"btrfs": {"btrfs", "check", "--readonly"},
}

// newImage returns a disk with an empty file system on it.
func newImage(t *testing.T, kind string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, imageBytes); err != nil {
		t.Fatal(err)
	}
	if err := command(append(makers[kind], path)...); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// command runs a command, and returns what it says if it fails.
func command(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (p *kernelDisk) mount(at string) error {
	p.device, p.at, p.cuts, p.next = &device{flush: flushTime, image: p.image}, at, false, nil
	root := &fs.Inode{}
	o := &fs.Options{OnAdd: func(ctx context.Context) {
		root.AddChild("disk", root.NewPersistentInode(ctx, p.device, fs.StableAttr{Mode: syscall.S_IFREG}), false)
	}}
	var err error
	if p.server, err = serve(p.dir, root, o); err != nil {
		return err
	}
	out, err := exec.Command("losetup", "--find", "--show", "--direct-io=on", filepath.Join(p.dir, "disk")).Output()
	if err != nil {
		return fmt.Errorf("losetup: %w", err)
	}
	p.loop = strings.TrimSpace(string(out))
	err = command("mount", "-t", p.kind, p.loop, at)
	p.mounted = err == nil
	return err
}

func (p *kernelDisk) cut(r *rand.Rand, l loss, kill func()) {
	p.next, p.cuts = p.device.cut(r, l, kill), true
}

// unmount ends what mount began, as far as that came. Without a cut it also proves that the
// file system is whole: that a power cut leaves it so is what the file system promises, and
// it can keep that only on a disk that keeps its own promises.
func (p *kernelDisk) unmount() error {
	if p.server == nil {
		return nil
	}
	var err error
	if p.loop != "" {
		if p.mounted {
			err = detach(p.at)
		}
		if err == nil && !p.cuts {
			err = command(append(checkers[p.kind], p.loop)...)
		}
		if e := command("losetup", "-d", p.loop); err == nil {
			err = e
		}
	}
	if e := detach(p.dir); err == nil {
		err = e
	}
	p.server.Wait()
	p.image = p.device.drain()
	if p.cuts {
		p.image = p.next
	}
	p.server, p.loop, p.mounted, p.device, p.next = nil, "", false, nil, nil
	debug.FreeOSMemory() // images would fill the memory of a small machine before they are collected
	return err
}

// detach unmounts a file system. Programs that look around on the machine can keep it busy
// for a moment.
func detach(at string) error {
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := command("umount", at)
		if err == nil || time.Since(begin) > 5*time.Second {
			return err
		}
	}
}
