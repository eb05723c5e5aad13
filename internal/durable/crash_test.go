package durable_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/crashdisk"
	"github.com/genbatch/genbatch/internal/durable"
)

// Whatever a power cut leaves, a file that was written whole is the old one or the new one,
// what an Appender has synced is there, and what an operation has returned from stays.
func TestPowerCut(t *testing.T) {
	cuts := 0
	for seed := range uint64(400) {
		dir := t.TempDir()
		path := func(name string) string { return filepath.Join(dir, name) }
		if err := os.WriteFile(path("whole"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		disk := crashdisk.New(t, dir)
		r := rand.New(rand.NewPCG(seed, 0))
		left := 1 + r.IntN(45)
		var image *crashdisk.Image
		fsys := disk.FS(func(durable.Op, string) (bool, error) {
			if left--; left == 0 {
				image = disk.Cut(r)
			}
			if image != nil {
				return false, os.ErrClosed
			}
			return true, nil
		})
		var did []string // what has returned without an error
		do := func(what string, err error) {
			if err == nil {
				did = append(did, what)
			}
		}
		do("whole", fsys.WriteFile(path("whole"), []byte("new"), 0o600))
		do("folder", fsys.MkdirAll(path("a/b")))
		do("in it", fsys.WriteFile(path("a/b/c"), []byte("c"), 0o600))
		ledger := durable.Ledger[int]{FS: fsys, Path: path("ledger")}
		for n := range 5 {
			do(fmt.Sprintf("line %d", n), ledger.Append(n))
		}
		do("renamed", fsys.Rename(path("whole"), path("other")))
		if image == nil {
			continue
		}
		cuts++
		disk.Start(image)
		has := func(what string) bool { return strings.Contains(strings.Join(did, ";"), what) }
		text, _ := os.ReadFile(path("whole"))
		other, _ := os.ReadFile(path("other"))
		switch got := string(text) + "/" + string(other); {
		case has("renamed") && got != "/new", has("whole") && got != "new/" && got != "/new", got != "old/" && got != "new/" && got != "/new":
			t.Errorf("seed %d: after %q the files hold %q", seed, did, got)
		}
		if c, _ := os.ReadFile(path("a/b/c")); has("in it") && string(c) != "c" || len(c) > 1 {
			t.Errorf("seed %d: after %q the file in the folder holds %q", seed, did, c)
		}
		if has("folder") && !durable.IsDir(path("a/b")) {
			t.Errorf("seed %d: after %q there is no folder", seed, did)
		}
		records, err := (&durable.Ledger[int]{Path: path("ledger")}).Read()
		lines := strings.Count(strings.Join(did, ";"), "line")
		if err != nil || len(records) < lines || len(records) > lines+1 {
			t.Errorf("seed %d: after %q the ledger has %v, %v", seed, did, records, err)
		}
	}
	if cuts < 300 {
		t.Errorf("the power was cut %d times", cuts)
	}
}
