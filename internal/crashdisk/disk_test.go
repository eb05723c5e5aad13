package crashdisk_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/crashdisk"
	"github.com/genbatch/genbatch/internal/durable"
)

// What was synced is there after each cut. What was not is left in all the ways in which it
// can be.
func TestCut(t *testing.T) {
	found := make(map[string]int)
	for seed := range uint64(500) {
		dir := t.TempDir()
		log, other := filepath.Join(dir, "log"), filepath.Join(dir, "other")
		disk := crashdisk.New(t, dir)
		fsys := disk.FS(nil)
		a, err := fsys.OpenAppend(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"synced ", "first ", "second"} {
			if _, err := a.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if text == "synced " {
				if err := a.Sync(); err != nil {
					t.Fatal(err)
				}
				if err := fsys.SyncDir(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		if b, err := fsys.OpenAppend(other); err != nil || b.Sync() != nil || b.Close() != nil {
			t.Fatal("no other file")
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if bypassed := disk.Bypassed(); bypassed != nil {
			t.Fatalf("%q were written past the disk", bypassed)
		}
		disk.Start(disk.Cut(rand.New(rand.NewPCG(seed, 0))))
		text, err := os.ReadFile(log)
		left, ok := strings.CutPrefix(string(text), "synced ")
		if err != nil || !ok {
			t.Fatalf("seed %d: %q, %v", seed, text, err)
		}
		_, err = os.Stat(other)
		for what, is := range map[string]bool{
			"all of it":                  left == "first second",
			"nothing":                    left == "",
			"the first write":            left == "first ",
			"a part of the first write":  left != "" && len(left) < 6 && strings.HasPrefix("first ", left),
			"the second without a first": left == "\x00\x00\x00\x00\x00\x00second" || left == "second",
			"zeros at the end":           strings.HasSuffix(left, "\x00"),
			"the other name":             err == nil,
			"no other name":              err != nil,
		} {
			if is {
				found[what]++
			}
		}
	}
	for _, what := range []string{
		"all of it", "nothing", "the first write", "a part of the first write", "the second without a first", "zeros at the end", "the other name", "no other name",
	} {
		if found[what] == 0 {
			t.Errorf("no cut left %s: %v", what, found)
		}
	}
}

// Of two processes that make the same folders, one may use a folder before the Disk is told that
// the other one has made it. What was synced in it stays so.
func TestFolderOfTwoProcesses(t *testing.T) {
	for seed := range uint64(10) {
		dir := t.TempDir()
		above := filepath.Join(dir, "above")
		below := filepath.Join(above, "below")
		disk := crashdisk.New(t, dir)
		tell := disk.FS(nil).Trace
		if err := os.MkdirAll(below, 0o700); err != nil {
			t.Fatal(err)
		}
		tell(durable.OpMkdir, below, "")
		tell(durable.OpSyncDir, above, "")
		tell(durable.OpMkdir, above, "")
		tell(durable.OpSyncDir, dir, "")
		disk.Start(disk.Cut(rand.New(rand.NewPCG(seed, 0))))
		if _, err := os.Stat(below); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
