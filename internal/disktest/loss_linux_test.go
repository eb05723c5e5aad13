package disktest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The device keeps what was flushed. Of what was written later it keeps nothing, all, or any
// sectors.
func TestDeviceLosesOnlyWhatWasNotFlushed(t *testing.T) {
	d := &device{image: make([]byte, 24*sectorBytes)}
	write := func(b byte, off, length int) {
		t.Helper()
		if n, errno := d.Write(t.Context(), nil, bytes.Repeat([]byte{b}, length), int64(off)); errno != 0 || n != uint32(length) {
			t.Fatalf("write of %d bytes: %d, %v", length, n, errno)
		}
	}
	write('a', 0, 16*sectorBytes)
	if errno := d.Fsync(t.Context(), nil, 0); errno != 0 {
		t.Fatal(errno)
	}
	flushed := bytes.Clone(d.image)
	write('b', 8*sectorBytes, 16*sectorBytes)
	write('c', 12*sectorBytes+512, 2*sectorBytes)
	written := bytes.Clone(d.image)
	kept := map[string]bool{}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		if got := d.cut(r, loseAll, func() {}); !bytes.Equal(got, flushed) {
			t.Fatal("a cut that loses all leaves something else than what was flushed")
		}
		if got := d.cut(r, loseNone, func() {}); !bytes.Equal(got, written) {
			t.Fatal("a cut that loses nothing leaves something else than what was written")
		}
		got := d.cut(r, loseSome, func() {})
		kept[string(got)] = true
		for at := 0; at < len(got); at += sectorBytes {
			// Either write to a sector may have been kept without the other.
			var allowed []string
			for _, writes := range [][]diskWrite{nil, d.cached[:1], d.cached[1:], d.cached} {
				image := bytes.Clone(flushed)
				for _, w := range writes {
					copy(image[w.off:], w.after)
				}
				allowed = append(allowed, string(image[at:][:sectorBytes]))
			}
			if !slices.Contains(allowed, string(got[at:][:sectorBytes])) {
				t.Fatalf("sector %d is a mixture", at/sectorBytes)
			}
		}
	}
	if len(kept) < 20 {
		t.Errorf("100 seeds leave %d different disks only", len(kept))
	}
}

// The forgetful file system keeps what was synced, each file and each folder for itself.
func TestTreeLosesOnlyWhatWasNotSynced(t *testing.T) {
	tree := newTree(0)
	file := func(name, text string) *node {
		n := tree.node(syscall.S_IFREG | 0o600)
		tree.root.change(change{name: n})
		n.write([]byte(text), 0)
		return n
	}
	safe := file("safe", "synced")
	tree.sync(safe)
	nameless := file("moved", "synced")
	file("empty", "not synced")
	tree.sync(tree.root)
	safe.write([]byte(" and more"), len("synced"))
	tree.sync(nameless)
	tree.root.change(change{"moved": nil, "other": nameless})
	file("new", "text")

	files := func(l loss, seed uint64) map[string]string {
		m := map[string]string{}
		for name, n := range tree.survivor(rand.New(rand.NewPCG(seed, 0)), l).root.names {
			m[name] = string(n.data)
		}
		return m
	}
	if got, want := files(loseAll, 0), (map[string]string{"safe": "synced", "moved": "synced", "empty": ""}); !maps.Equal(got, want) {
		t.Errorf("a cut that loses all leaves %q, want %q", got, want)
	}
	if got, want := files(loseNone, 0), (map[string]string{"safe": "synced and more", "other": "synced", "empty": "not synced", "new": "text"}); !maps.Equal(got, want) {
		t.Errorf("a cut that loses nothing leaves %q, want %q", got, want)
	}
	var moved, lost, renamedAndLost int
	for seed := range uint64(200) {
		got := files(loseSome, seed)
		if text := got["safe"]; len(text) < len("synced") || text[:len("synced")] != "synced" {
			t.Fatalf("seed %d: what was synced is %q", seed, text)
		}
		_, before := got["moved"]
		_, after := got["other"]
		if before == after {
			t.Fatalf("seed %d: a file has both its names or none: %q", seed, got)
		}
		_, isNew := got["new"]
		switch {
		case after && !isNew:
			renamedAndLost++
		case after:
			moved++
		case !isNew:
			lost++
		}
	}
	if moved == 0 || lost == 0 || renamedAndLost == 0 {
		t.Errorf("200 seeds keep both changes %d times, neither %d times, and the rename alone %d times", moved, lost, renamedAndLost)
	}
}

// A sync does not make safe what is written while it lasts, of files and of the disk.
func TestSyncSavesWhatWasThereBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree, d := newTree(flushTime), &device{flush: flushTime, image: make([]byte, 12)}
		n := tree.node(syscall.S_IFREG | 0o600)
		write := func(text string, off int) {
			n.write([]byte(text), off)
			d.Write(t.Context(), nil, []byte(text), int64(off))
		}
		write("before", 0)
		go tree.sync(n)
		go d.Fsync(t.Context(), nil, 0)
		time.Sleep(flushTime / 2)
		if !tree.unsaved() {
			t.Error("nothing is about to become safe during a sync")
		}
		write(" after", 6)
		time.Sleep(flushTime)
		synctest.Wait()
		if got := string(n.survivingData(nil, loseAll)); got != "before" {
			t.Errorf("safe in the file is %q", got)
		}
		if got := string(bytes.TrimRight(d.survivor(nil, loseAll), "\x00")); got != "before" {
			t.Errorf("safe on the disk is %q", got)
		}
	})
}
