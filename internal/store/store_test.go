package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/objecttest"
)

// What is known of many objects is what Stat says of each, and a folder of them takes no request for
// each.
func TestStatAll(t *testing.T) {
	b, root := objecttest.New()
	calls := map[string]int{}
	denied := false
	b.Fail = func(method, _ string) error {
		if calls[method]++; denied && method == "List" {
			return fs.ErrPermission
		}
		return nil
	}
	local := filepath.Join(t.TempDir(), "local.csv")
	if err := os.WriteFile(local, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	day := func(n int) string { return fmt.Sprintf("in/2026/%02d/ä.csv", n) }
	for n := range 40 {
		b.Put(day(n), strings.Repeat("x", n))
		b.Put(fmt.Sprintf("in/2026/%02d/other.txt", n), "")
	}
	for n := range 2000 {
		b.Put(fmt.Sprintf("in/zz/%04d", n), "")
	}
	var folder []string
	for n := range 40 {
		folder = append(folder, root+day(n))
	}
	for name, tt := range map[string]struct {
		paths []string
		stats int
	}{
		"a folder":                        {folder, 0},
		"in another order, and one twice": {[]string{folder[9], folder[3], folder[5], folder[3]}, 0},
		"with a file between":             {[]string{folder[9], local, folder[3], folder[5]}, 0},
		"two":                             {folder[:2], 2},
		"with many others between":        {[]string{folder[0], folder[1], folder[2], root + "in/zz/1999"}, 1},
		"none":                            {nil, 0},
	} {
		for _, denied = range []bool{false, true} {
			var want []Info
			for _, path := range tt.paths {
				info, err := Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, info)
			}
			clear(calls)
			got, err := StatAll(tt.paths)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, denied %v: %v, %v, want %v", name, denied, got, err, want)
			}
			if !denied && (calls["Stat"] != tt.stats || calls["List"] > 1) {
				t.Errorf("%s: %v", name, calls)
			}
		}
		denied = false
	}
	if _, err := StatAll(append(folder[:3:3], root+"in/2026/none.csv")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is not there: %v", err)
	}
}
