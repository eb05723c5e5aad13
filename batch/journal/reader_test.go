package journal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// A Reader reads the same as Read: from several segments, in any order, with gaps, repeats,
// long lines and blobs, and whatever its results held before.
func TestReader(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, BlobBytes: 20 << 10, FS: unsynced})
	const rows = 300
	for n := range rows {
		r := result(n)
		switch n % 7 {
		case 1:
			r = typical(n)
		case 2:
			r.Response = []byte(`"` + strings.Repeat("long ", 3000) + `"`)
		case 3:
			r.Response = []byte(`"` + strings.Repeat("blob ", 6000) + `"`)
		case 4:
			r.Status, r.Error, r.Response, r.Spent = batch.Failed, "an \"error\" of é", nil, nil
		}
		write(t, j, r)
	}
	rd := j.NewReader()
	for _, shuffled := range []bool{false, true} {
		for from := 0; from < rows; from += 50 {
			entries := []journal.Entry{{}} // the zero value is passed over
			for n := from; n < from+50; n++ {
				if n%3 == 0 {
					continue
				}
				e, _ := j.Lookup(fingerprint(n), 0)
				entries = append(entries, e)
			}
			if shuffled {
				rand.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
			}
			entries = append(entries, entries[1])
			seen := make([]*batch.Result, len(entries))
			rd.Read(entries, func(i int, r *batch.Result, err error) {
				if err != nil {
					t.Fatal(err)
				}
				seen[i] = r
			})
			for i, e := range entries {
				if e.Status == "" {
					if seen[i] != nil {
						t.Errorf("an empty entry has %+v", seen[i])
					}
					continue
				}
				if want, err := j.Read(e); err != nil || !reflect.DeepEqual(seen[i], want) {
					t.Fatalf("from row %d, entry %d:\n got %+v\nwant %+v, %v", from, i, seen[i], want, err)
				}
			}
		}
	}
}

// Damage concerns one result alone, and not the lines that are read together with it.
func TestReaderDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	var entries []journal.Entry
	for n := range 5 {
		write(t, j, result(n))
		e, _ := j.Lookup(fingerprint(n), 0)
		entries = append(entries, e)
	}
	path := filepath.Join(dir, first)
	text := read(t, dir, first)
	text[bytes.Index(text, []byte(`"k2"`))+1] = 'x'
	end := bytes.LastIndex(text, []byte(`"k4"`)) // the last line is cut
	if err := os.WriteFile(path, text[:end], 0o600); err != nil {
		t.Fatal(err)
	}
	got := 0
	j.NewReader().Read(entries, func(i int, r *batch.Result, err error) {
		got++
		d, damaged := errors.AsType[*journal.Damage](err)
		if want := i == 2 || i == 4; damaged != want || damaged && (d.Segment != first || d.Kind != journal.Corrupt) || !damaged && r.Row != int64(i) {
			t.Errorf("result %d is %+v, %v", i, r, err)
		}
	})
	if got != len(entries) {
		t.Errorf("%d of %d results come", got, len(entries))
	}
}
