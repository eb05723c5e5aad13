package mirror

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/objecttest"
)

// countPieces returns how many pieces a store holds.
func countPieces(b *objecttest.Bucket) (n int) {
	for _, key := range b.Keys() {
		if strings.Contains(key, "/results-") {
			n++
		}
	}
	return n
}

// A copy that grows in a thousand small steps is of few pieces, and another machine has all of it
// whenever the first one dies.
func TestFewPieces(t *testing.T) {
	store, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.segment = 1 << 20
		a.mustOpen()
		const rows = 1000
		most := 0
		for n := range rows {
			a.answer(from(n+1, n+1), 100+n%7)
			time.Sleep(CopyEvery)
			synctest.Wait()
			most = max(most, countPieces(store))
		}
		// Of the sizes 1, 2, 4 to 512 rows each once, and those of the last five minutes.
		if most > 10+11 {
			t.Errorf("up to %d pieces were there", most)
		}
		a.die()
		time.Sleep(staleAfter)
		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, from(1, rows)) {
			t.Errorf("the other machine has %d rows", len(got))
		}
		if n := countPieces(store); n > 10 {
			t.Errorf("%d pieces are there once it has begun", n)
		}
		b.close()
	})
	checkNoRest(t, store)
}

// A job that is begun anew for each few rows is of few pieces too.
func TestFewPiecesOfManyRuns(t *testing.T) {
	store, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.segment, b.segment = 1<<20, 1<<20
		const runs = 100
		for n := range runs {
			m := a
			if n%3 == 2 {
				m = b
			}
			m.mustOpen()
			m.answer(from(n+1, n+1), 100)
			m.close()
		}
		if n := countPieces(store); n > 7 {
			t.Errorf("%d pieces are there", n)
		}
		a.mustOpen()
		if got := a.rows(); !slices.Equal(got, from(1, runs)) {
			t.Errorf("the journal has %v", got)
		}
		a.close()
	})
	checkNoRest(t, store)
}

// Pieces are taken in up to their limit, whatever the steps: a segment of n bytes has at most two of
// them for each limit, and as many as the limit can be halved.
func TestBeginning(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var pieces []piece
		var at, written int64
		step := int64(1) << (2 + r.IntN(22))
		for range 2000 {
			end := at + 1 + r.Int64N(step)
			one := piece{from: beginning(pieces, at, end), to: end}
			if one.size() > pieceBytes {
				t.Fatalf("a piece of %d bytes", one.size())
			}
			written += one.size()
			pieces = append(slices.DeleteFunc(pieces, func(p piece) bool { return p.from >= one.from }), one)
			at = end
			if most := 2*int(at/pieceBytes) + 24; len(pieces) > most {
				t.Fatalf("%d pieces after %d bytes in steps of up to %d", len(pieces), at, step)
			}
		}
		if written > 20*at {
			t.Errorf("%d bytes were written for %d, in steps of up to %d", written, at, step)
		}
		next := int64(0)
		for _, p := range pieces {
			if p.from != next {
				t.Fatalf("a piece begins at %d instead of %d", p.from, next)
			}
			next = p.to
		}
	}
}

// A segment that has ended is copied at once.
func TestEndedSegmentIsCopied(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		time.Sleep(5*time.Second + lookEvery/2)
		a.answer(from(1, 20), 100) // of which one segment is full
		if names, _ := filepath.Glob(filepath.Join(a.dir, "results-*")); len(names) != 2 {
			t.Fatalf("there are %v", names)
		}
		time.Sleep(lookEvery)
		synctest.Wait()
		a.answer(from(21, 22), 100) // which do not fill the second one
		time.Sleep(CopyEvery - 2*lookEvery)
		a.die()
		time.Sleep(staleAfter)
		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, from(1, 20)) {
			t.Errorf("the other machine has %v", got)
		}
		b.close()
	})
}

// A machine that looks at a copy has what was there at one time, also if it reads for long while
// pieces are taken in by others, or is cut off in between.
func TestLookWhilePiecesAreTakenIn(t *testing.T) {
	for _, late := range []time.Duration{4 * time.Minute, 20 * time.Minute} {
		t.Run(late.String(), func(t *testing.T) {
			store, _ := objecttest.New()
			synctest.Test(t, func(t *testing.T) {
				a := newMachine(t, newLine(store, nil).address)
				a.segment = 3000
				a.mustOpen()
				rows := 0
				work := func(d time.Duration) {
					for begin := time.Now(); time.Since(begin) < d; time.Sleep(CopyEvery) {
						rows++
						a.answer(from(rows, rows), 100)
					}
				}
				var once sync.Once // several pieces are asked for at a time
				var lost atomic.Int64
				looker := newLine(store, func(_ int, method, key string) (bool, error) {
					if method == "ReadAt" && strings.Contains(key, "/results-") {
						slow := false
						once.Do(func() { slow = true })
						if slow {
							time.Sleep(late)
						}
						if _, there := store.Get(key); !there {
							lost.Add(1)
						}
					}
					return true, nil
				})
				dir := filepath.Join(t.TempDir(), "look")
				look := func() int {
					got, err := Look(t.Context(), looker.address, Folders{Work: dir + "-none", View: dir})
					if err != nil || got != dir {
						t.Fatalf("%s, %v", got, err)
					}
					seen := rowsIn(t, dir)
					if !slices.Equal(seen, from(1, len(seen))) {
						t.Fatalf("it sees %v", seen)
					}
					return len(seen)
				}
				work(15 * time.Minute)
				before := rows
				done := make(chan int)
				go func() { done <- look() }()
				work(30 * time.Minute)
				if seen := <-done; seen < before-1 {
					t.Errorf("it sees %d rows of %d", seen, before)
				}
				if late < retireAfter && lost.Load() > 0 {
					t.Errorf("%d pieces were gone", lost.Load())
				}
				// The next looks bring what is new, and find that it fits.
				for range 20 {
					work(time.Duration(1+rows%5) * time.Minute)
					synctest.Wait()
					if seen := look(); seen < rows-1 {
						t.Errorf("it sees %d rows of %d", seen, rows)
					}
				}
				a.close()
				if seen := look(); seen != rows {
					t.Errorf("in the end it sees %d rows of %d", seen, rows)
				}
			})
		})
	}
}

// Wherever a machine is killed, or a call fails, while it takes pieces in, and whoever carries on,
// nothing is lost that was copied, and nothing stays that does not count.
func TestKilledWhilePiecesAreTakenIn(t *testing.T) {
	for seed := range uint64(25) {
		store, _ := objecttest.New()
		r := rand.New(rand.NewPCG(seed, 7))
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex // several pieces are asked for at a time
			fail := 0         // the calls until one fails, and all after it if it is a death
			dead := false
			set := func(f int) { mu.Lock(); defer mu.Unlock(); fail, dead = f, false }
			hook := func(int, string, string) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if dead {
					return false, errCut
				}
				if fail--; fail == 0 {
					dead = r.IntN(2) == 0
					return r.IntN(2) == 0, errCut
				}
				return true, nil
			}
			machines := []*machine{newMachine(t, newLine(store, hook).address), newMachine(t, newLine(store, hook).address)}
			rows, copied := 0, 0
			for range 12 {
				m := machines[r.IntN(2)]
				m.segment = 2000 + r.Int64N(20000)
				set(0)
				m.mustOpen()
				got := slices.Compact(m.rows())
				if len(got) < copied || !slices.Equal(got, from(1, len(got))) {
					t.Fatalf("seed %d: %d rows were copied, and there are %v", seed, copied, got)
				}
				rows = len(got)
				set(1 + r.IntN(60))
				for range 1 + r.IntN(10) {
					n := 1 + r.IntN(3)
					m.answer(from(rows+1, rows+n), 50+r.IntN(200))
					rows += n
					if m.copy.Sync(t.Context()) == nil {
						copied = rows
					}
				}
				m.die()
				set(0)
				time.Sleep(staleAfter)
			}
			set(0)
			machines[0].mustOpen()
			got := slices.Compact(machines[0].rows())
			if len(got) < copied {
				t.Errorf("seed %d: %d rows were copied, and there are %v", seed, copied, got)
			}
			machines[0].close()
		})
		checkNoRest(t, store)
	}
}

// A piece that is not as long as its name says is told.
func TestShortPiece(t *testing.T) {
	store, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		a.answer(from(1, 3), 100)
		a.close()
		for _, key := range store.Keys() {
			if strings.Contains(key, "results-") {
				text, _ := store.Get(key)
				store.Put(key, text[:len(text)/2])
			}
		}
		var short *damage
		if err := b.open(); !errors.As(err, &short) || !strings.Contains(err.Error(), "is shorter than its name says") {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "results-000001.jsonl")); err == nil {
			t.Error("a segment was brought")
		}
	})
}

// The name of a piece tells what it holds, and is read back.
func TestPieceName(t *testing.T) {
	p := piece{segment: "results-p3-000012.jsonl", from: 52428, to: 61440, epoch: 2}
	if got, want := p.name(), "results-p3-000012.0000052428-0000061440-000002.jsonl"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, ok := parsePiece(p.name()); !ok || got != p {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, other := range []string{"results-000001.jsonl", "results-000001.0000000005-0000000005-000001.jsonl", fmt.Sprintf("results-000001.%020d-%020d-000001.jsonl", 1, 2)} {
		if p, ok := parsePiece(other); ok {
			t.Errorf("%s is taken for %+v", other, p)
		}
	}
}
