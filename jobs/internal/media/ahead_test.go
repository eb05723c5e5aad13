package media

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A far store answers each call after a while.
type far struct {
	*objecttest.Bucket
	root string

	mu        sync.Mutex
	away      string // the key of which it knows nothing now
	now, most int    // calls at once
	looks     int
}

const latency = 30 * time.Millisecond

func newFar(pictures int) *far {
	b, root := objecttest.New()
	for i := range pictures {
		b.Put(fmt.Sprintf("%d.png", i), "\x89PNG\r\n\x1a\n"+fmt.Sprint(i))
	}
	f := &far{Bucket: b, root: root}
	b.Fail = func(method, key string) error {
		f.mu.Lock()
		f.now++
		f.most = max(f.most, f.now)
		if method == "Stat" {
			f.looks++
		}
		away := key == f.away
		f.mu.Unlock()
		time.Sleep(latency)
		f.mu.Lock()
		f.now--
		f.mu.Unlock()
		if away {
			return errors.New("the store is away")
		}
		return nil
	}
	return f
}

// naming ranges over rows whose cells are given, and counts how many were read.
func naming(read *int, cells ...any) iter.Seq2[*batch.Row, error] {
	return func(yield func(*batch.Row, error) bool) {
		for i, cell := range cells {
			*read++
			row := batch.Row{Number: int64(i + 1), Source: "rows.csv", Line: int64(i + 2), Columns: []batch.Column{{Name: "photo"}}, Values: []any{cell}}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

func newParts(t *testing.T, root string) *Parts {
	t.Helper()
	m, err := New(Config{Columns: []spec.MediaColumn{{Column: "photo"}}, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var question = []byte(`{"contents":[{"role":"user","parts":[{"text":"what is it?"}]}]}`)

// The objects of rows are looked at many at a time, each of them once, and the rows come in their
// order.
func TestAhead(t *testing.T) {
	const pictures, rows = 160, 480
	f := newFar(pictures)
	synctest.Test(t, func(t *testing.T) {
		m := newParts(t, f.root)
		var cells []any
		for i := range rows {
			cells = append(cells, fmt.Sprintf("%d.png", i/2%pictures)) // twice in a row, and half of them later again
		}
		read, n := 0, int64(0)
		begin := time.Now()
		for row, err := range m.Ahead(naming(&read, cells...)) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; row.Number != n {
				t.Fatalf("row %d comes as the %d.", row.Number, n)
			}
			if read > int(n)+aheadRows {
				t.Fatalf("%d rows were read for the %d.", read, n)
			}
			at := time.Now()
			_, media, _, err := m.Add(row, question)
			if err != nil || len(media) != 1 || media[0].Path != cells[n-1] {
				t.Fatalf("row %d: %v, %v", n, media, err)
			}
			if waited := time.Since(at); waited > 0 {
				t.Errorf("row %d is waited for %v", n, waited)
			}
		}
		// Each takes two requests one after the other, and there are two of the same among those that
		// are looked at at once.
		if took, want := time.Since(begin), pictures/(aheadLooks/2)*2*latency; n != rows || took > want {
			t.Errorf("%d rows in %v, want %v", n, took, want)
		}
		if f.looks != pictures || f.most > aheadLooks {
			t.Errorf("%d looks, and %d calls at once", f.looks, f.most)
		}
	})
}

// A store that is away ends the rows where it is met. An object that is not there is for Add to tell.
func TestAheadStoreAway(t *testing.T) {
	f := newFar(60)
	f.away = "50.png"
	synctest.Test(t, func(t *testing.T) {
		m := newParts(t, f.root)
		cells := []any{"none.png"}
		for i := range 60 {
			cells = append(cells, fmt.Sprintf("%d.png", i))
		}
		read, n := 0, 0
		for row, err := range m.Ahead(naming(&read, cells...)) {
			if _, away := errors.AsType[*StoreError](err); away {
				if n != 51 || !strings.Contains(err.Error(), "rows.csv:53: photo: "+f.root+"50.png cannot be read") {
					t.Errorf("after %d rows: %v", n, err)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, _, _, err := m.Add(row, question); (err != nil) != (n == 0) {
				t.Errorf("row %d: %v", n+1, err)
			}
			n++
		}
		if n != 51 {
			t.Errorf("there are %d rows", n)
		}
	})
}

// Who stops early waits for the looks that were begun, and no others are.
func TestAheadStops(t *testing.T) {
	f := newFar(60)
	synctest.Test(t, func(t *testing.T) {
		m := newParts(t, f.root)
		var cells []any
		for i := range 60 {
			cells = append(cells, fmt.Sprintf("%d.png", i))
		}
		read := 0
		for range m.Ahead(naming(&read, cells...)) {
			break
		}
		if read > aheadRows+1 || f.now != 0 {
			t.Errorf("%d rows were read, and %d calls go on", read, f.now)
		}
	})
}

// Rows that name no objects are not read ahead.
func TestAheadReadsNoOthers(t *testing.T) {
	f := newFar(1)
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			root string
			cell any
		}{{"", "0.png"}, {f.root, []byte("\x89PNG\r\n\x1a\n")}, {f.root, nil}, {f.root, strings.Repeat("A", shortCell+1)}} {
			read, n := 0, 0
			for range newParts(t, tt.root).Ahead(naming(&read, tt.cell, tt.cell, tt.cell)) {
				if n++; read != n {
					t.Errorf("%.20v below %q: %d rows were read for the %d.", tt.cell, tt.root, read, n)
				}
			}
		}
		if f.looks > 0 {
			t.Errorf("%d looks", f.looks)
		}
	})
}

// A full cache forgets others than the object that was just looked at.
func TestFullCache(t *testing.T) {
	f := newFar(1)
	m := newParts(t, f.root)
	m.files.files = make(map[string]fileFacts)
	for i := range maxKnown {
		m.files.files[fmt.Sprint(i)] = fileFacts{}
	}
	for range 2 {
		if _, err := m.files.look(f.root, "0.png", m.columns[0]); err != nil {
			t.Fatal(err)
		}
	}
	if f.looks != 1 || len(m.files.files) != maxKnown {
		t.Errorf("%d looks, and %d are known", f.looks, len(m.files.files))
	}
}
