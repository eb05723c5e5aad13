package work

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// answerAs writes a result under a fingerprint.
func (f *fixture) answerAs(print batch.Fingerprint, occurrence int) {
	f.t.Helper()
	if err := f.journal.Write([]*batch.Result{{Fingerprint: print, Occurrence: occurrence, Row: 1, Status: batch.OK}}); err != nil {
		f.t.Fatal(err)
	}
}

// A list finds the answers of its own way: those of a run, and else those of a pilot with as many
// rows a call. All others are counted, and are orphans only if no pilot is known of.
func TestWays(t *testing.T) {
	f := newFixture(t, "a", "b", "b", "c", "d")
	shared := func(q string) batch.Fingerprint { return f.fingerprint(q).Shared() }
	f.answerAs(f.fingerprint("a"), 0)      // one at a time
	f.answerAs(shared("a").Piloted(10), 0) // the same row in tens
	f.answerAs(shared("b").Piloted(10), 1) // of two identical rows the second
	f.answerAs(shared("c").Piloted(25), 0)
	f.answerAs(shared("d"), 0)
	f.answerAs(shared("d").Piloted(10), 0)
	f.answerAs(shared("gone").Piloted(10), 0)

	orphans := func(l *List) (n int) {
		for range l.journal.Orphans() {
			n++
		}
		return n
	}
	for _, tt := range []struct {
		rows    int
		items   []string
		orphans int // of seven answers, if nothing is known of pilots
	}{
		{1, []string{"a/0 settled ok", "b/0 new", "b/1 new", "c/0 new", "d/0 new"}, 6},
		{10, []string{"a/0 settled ok", "b/0 new", "b/1 settled ok", "c/0 new", "d/0 settled ok"}, 4},
		{25, []string{"a/0 new", "b/0 new", "b/1 new", "c/0 settled ok", "d/0 settled ok"}, 5},
	} {
		f.config.RowsPerCall = tt.rows
		l := f.list()
		jobtest.Equal(t, "rows", f.items(l), tt.items...)
		if n := orphans(l); n != tt.orphans {
			t.Errorf("%d rows a call: %d orphans, want %d", tt.rows, n, tt.orphans)
		}
		l.SetPiloted([]int{1, 10, 25})
		f.items(l)
		if n := orphans(l); n != 1 {
			t.Errorf("%d rows a call, with pilots: %d orphans, want that of the row that is gone", tt.rows, n)
		}
		elsewhere, err := l.CountElsewhere()
		if err != nil || int(elsewhere) != tt.orphans-1 {
			t.Errorf("%d rows a call: %d answers elsewhere, %v, want %d", tt.rows, elsewhere, err, tt.orphans-1)
		}
		// What a list says of another way is what a list of that way says.
		for _, other := range []int{1, 10, 25} {
			f.config.RowsPerCall = other
			var of []string
			for it, err := range l.Items() {
				if err != nil {
					t.Fatal(err)
				}
				it := l.InWay(it, other)
				of = append(of, f.show(&it))
			}
			jobtest.Equal(t, "in another way", of, f.items(f.list())...)
		}
		f.config.RowsPerCall = tt.rows
		// A pilot looks at its own answers alone.
		piloted := map[int]int{1: 1, 10: 3, 25: 1}[tt.rows]
		for it, err := range l.Way(tt.rows).Items() {
			if err != nil {
				t.Fatal(err)
			}
			if it.Fate == Settled {
				piloted--
			}
		}
		if piloted != 0 {
			t.Errorf("a pilot with %d rows a call has %d rows too few", tt.rows, piloted)
		}
	}
}

// The same rows are chosen for a panel whatever was answered, in any way.
func TestPanel(t *testing.T) {
	f := newFixture(t, "a", "bb", "ccc", "dddd", "eeeee", "ffffff")
	chosen := func() (of []string) {
		l, err := f.list().Panel(3)
		if err != nil {
			t.Fatal(err)
		}
		for it, err := range l.Items() {
			if err != nil {
				t.Fatal(err)
			}
			q, _ := it.Row.Value("q")
			of = append(of, q.(string))
		}
		return of
	}
	want := chosen()
	if len(want) != 3 {
		t.Fatalf("chosen: %q", want)
	}
	f.answer(want[0], 0, batch.OK)
	f.answer("a", 0, batch.Failed)
	f.answerAs(f.fingerprint(want[1]).Shared().Piloted(7), 0)
	for _, rows := range []int{1, 7, 30} {
		f.config.RowsPerCall = rows
		jobtest.Equal(t, "chosen", chosen(), want...)
	}
}
