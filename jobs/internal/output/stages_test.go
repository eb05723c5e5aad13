package output

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// The stages keep the order of the input over many chunks, with rows that are long, bad,
// pending and copied, on any number of processors.
func TestOrderOverManyChunks(t *testing.T) {
	var rows, want []string
	for i := range 5*chunkRows + 7 {
		q := fmt.Sprint("row ", i)
		row, line := q, q+" ok re "+q
		switch {
		case i == 70: // longer than a chunk may be
			q = "long " + strings.Repeat("x", 2*chunkBytes)
			row, line = q, q+" ok re "+q
		case i == 200:
			row, line = `{"q":`, "- skipped -"
		case i%50 == 11:
			line = q + " pending null"
		case i%50 == 12: // as the row before the pending one
			q = rows[i-2]
			row, line = q, q+" ok re "+q
		}
		rows, want = append(rows, row), append(want, line)
	}
	for _, dedupe := range []bool{false, true} {
		f := newFixture(t, fmt.Sprintf("prompt: '{{.q}}'\ndedupe: %v", dedupe), rows...)
		f.answer(func(_ string, row int64) *answer {
			if (row-1)%50 == 11 {
				return nil
			}
			return new(answer)
		})
		for _, procs := range []int{1, 2, 7} {
			func() {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				got := f.mustDerive("q", "status", "response")
				if len(got) != len(want) {
					t.Fatalf("%d rows come out of %d", len(got), len(want))
				}
				for i := range got {
					if got[i] != want[i] && i != 200 {
						t.Errorf("dedupe %v, %d processors, row %d: %.60q, want %.60q", dedupe, procs, i+1, got[i], want[i])
					}
				}
				if status := strings.Fields(got[200])[1]; status != "skipped" {
					t.Errorf("the bad row is %s", status)
				}
			}()
		}
	}
}

// However a derivation ends, its goroutines have ended before it returns: the bubble
// would not, if one were left.
func TestGoroutinesEnd(t *testing.T) {
	var rows []string
	for i := range 20 * chunkRows {
		rows = append(rows, fmt.Sprint("row ", i))
	}
	f := newFixture(t, "prompt: '{{.q}}'", rows...)
	f.answer(echo)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		end  func(cancel func()) error // what the first bytes written lead to
		want error
	}{
		{"whole", func(func()) error { return nil }, nil},
		{"a writer that fails", func(func()) error { return broken }, broken},
		{"an interrupt", func(cancel func()) error { cancel(); return nil }, batch.ErrInterrupted},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			to := writerFunc(func(p []byte) (int, error) { return len(p), tt.end(cancel) })
			if _, _, err := f.deriver.Derive(ctx, Target{To: to, Path: "out.jsonl"}); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		for f, err := range f.deriver.fetchAll(t.Context(), reuseChunks) {
			if err != nil || f.reply.status != batch.OK {
				t.Errorf("the first row is %s, %v", f.reply.status, err)
			}
			break
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.derived(ctx); !errors.Is(err, batch.ErrInterrupted) {
			t.Errorf("interrupted before it began: %v", err)
		}
	})
	f.damage("row 700")
	synctest.Test(t, func(t *testing.T) {
		if _, err := f.derived(t.Context()); !isDamage(err) {
			t.Errorf("a damaged answer: %v", err)
		}
	})
}

// Nothing goes on after a derivation has returned, not even a row that was being rendered
// when it ended.
func TestStagesAreWaitedFor(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'", strings.Fields(strings.Repeat("a ", 3*chunkRows))...)
	synctest.Test(t, func(t *testing.T) {
		var rendered atomic.Int64
		f.deriver.List.Refuse = func(*batch.Request) error {
			time.Sleep(time.Second)
			rendered.Add(1)
			return nil
		}
		for range f.deriver.fetchAll(t.Context(), reuseChunks) {
			break
		}
		before := rendered.Load()
		time.Sleep(time.Hour)
		if after := rendered.Load(); before < chunkRows || after != before {
			t.Errorf("%d rows were rendered before the end, and %d after", before, after-before)
		}
	})
}

// Answers in blobs are read one at a time, in order as well.
func TestBlobs(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'", "a", "b", "c")
	long := strings.Repeat("long ", 1<<18)
	f.answer(func(q string, _ int64) *answer {
		if q == "b" {
			return &answer{response: `{"candidates":[{"content":{"parts":[{"text":"` + long + `"}]},"finishReason":"STOP"}]}`}
		}
		return new(answer)
	})
	if !f.journal.HasBlobs() {
		t.Fatal("no answer stands in a blob")
	}
	got := f.mustDerive("q", "response")
	if len(got) != 3 || got[0] != "a re a" || got[1] != "b "+long || got[2] != "c re c" {
		t.Errorf("the rows come as %.20q", got)
	}
}

// An answer that was damaged after the journal was opened ends the derivation with its
// place, and no file appears.
func TestDamage(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'", "a", "b", "c")
	f.answer(echo)
	f.damage("b")
	_, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.jsonl")})
	if !isDamage(err) {
		t.Errorf("the derivation ends with %v, want the damage", err)
	}
	if tree := f.tree(); len(tree) != 1 {
		t.Errorf("the files are %v, want the input alone", tree)
	}
}

func isDamage(err error) bool {
	d, ok := errors.AsType[*journal.Damage](err)
	return ok && d.Kind == journal.Corrupt
}

// A writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
