package work

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/record"
)

// A sample is the rows with the lowest fingerprints, in the order of the input. It is the
// same each time and for each order of the rows, and never a bad row or a copy.
func TestSample(t *testing.T) {
	var rows []string
	for i := range 50 {
		rows = append(rows, fmt.Sprint("row ", i))
	}
	f := newFixture(t, rows...)
	lowest := slices.Clone(rows)
	slices.SortFunc(lowest, func(a, b string) int {
		x, y := f.fingerprint(a), f.fingerprint(b)
		return slices.Compare(x[:], y[:])
	})
	lowest = lowest[:5]
	sampled := func(rows []string) (chosen []string) {
		t.Helper()
		f.input(rows...)
		l, err := f.list().Sample(5)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range f.items(l) {
			q, _, _ := strings.Cut(item, "/")
			chosen = append(chosen, q)
		}
		return chosen
	}
	inOrder := slices.DeleteFunc(slices.Clone(rows), func(q string) bool { return !slices.Contains(lowest, q) })
	jobtest.Equal(t, "sample", sampled(rows), inOrder...)
	slices.Reverse(rows)
	slices.Reverse(inOrder)
	jobtest.Equal(t, "sample of the rows in reverse", sampled(rows), inOrder...)
	f.answer(lowest[0], 0, batch.OK)
	jobtest.Equal(t, "sample after an answer", sampled(rows), inOrder...)
	f.config.Dedupe = true
	bad := append([]string{`{"q":`, `{"r":1}`}, append(slices.Clone(rows), rows...)...)
	jobtest.Equal(t, "sample with bad rows and copies", sampled(bad), inOrder...)
}

// A list of chosen rows leaves the list alone that it was made of, and its rows keep the
// numbers that they have among all rows. Bad rows are no part of it.
func TestChosenRowsKeepTheirNumbers(t *testing.T) {
	f := newFixture(t, "a", "b", "a", `{"q":`, "a")
	l := f.list()
	all := f.items(l)
	part := l.choose(map[batch.ID]bool{{Fingerprint: f.fingerprint("a"), Occurrence: 1}: true, {Fingerprint: f.fingerprint("gone")}: true})
	jobtest.Equal(t, "chosen", f.items(part), "a/1 new")
	jobtest.Equal(t, "all", f.items(l), all...)
	if len(all) != 5 {
		t.Errorf("the list has %d rows, want 5", len(all))
	}
	for list, want := range map[*List]int64{l: 5, part: 2} {
		if n, err := list.Count(t.Context()); n != want || err != nil {
			t.Errorf("a list has %d rows, %v, want %d", n, err, want)
		}
	}
	f.answer("a", 1, batch.OK)
	jobtest.Equal(t, "chosen, after the answer", f.items(part), "a/1 settled ok")
	jobtest.Equal(t, "rows of the job that are to be asked", f.items(mustPilot(t, part, 3)))
}

// A pilot takes one row of each stratum of the lengths, of the rows that are to be asked.
func TestPilotStrata(t *testing.T) {
	var rows []string
	for i := range 40 { // in no order of their lengths
		rows = append(rows, strings.Repeat("x", 100*(1+i*7%40)))
	}
	f := newFixture(t, append(rows, `{"q":`)...)
	for _, q := range rows[:20] {
		f.answer(q, 0, batch.OK)
	}
	f.answer(rows[0], 0, batch.OK)
	var tokens []int
	for it, err := range f.list().Items() {
		if err != nil {
			t.Fatal(err)
		}
		if it.Fate.Ask() {
			tokens = append(tokens, it.Request.InputTokens)
		}
	}
	slices.Sort(tokens)
	const n = 5
	var chosen []int
	for it, err := range mustPilot(t, f.list(), n).Items() {
		if err != nil || !it.Fate.Ask() {
			t.Fatalf("%s, %v", f.show(&it), err)
		}
		chosen = append(chosen, it.Request.InputTokens)
	}
	slices.Sort(chosen)
	if len(chosen) != n || len(tokens) != 20 {
		t.Fatalf("%d of %d rows were chosen, want %d of 20", len(chosen), len(tokens), n)
	}
	for i, got := range chosen {
		if stratum := tokens[i*len(tokens)/n : (i+1)*len(tokens)/n]; !slices.Contains(stratum, got) {
			t.Errorf("stratum %d, %d, has no row of its own among %d", i, stratum, chosen)
		}
	}
	jobtest.Equal(t, "the same pilot again", f.items(mustPilot(t, f.list(), n)), f.items(mustPilot(t, f.list(), n))...)
	if got := f.items(mustPilot(t, f.list(), 100)); len(got) != 20 {
		t.Errorf("a pilot of more rows than there are has %d, want 20", len(got))
	}

	// A pilot of a sample stays within the sample.
	sample, err := f.list().Sample(3)
	if err != nil {
		t.Fatal(err)
	}
	within := f.items(sample)
	for _, item := range f.items(mustPilot(t, sample, 100)) {
		if !slices.Contains(within, item) {
			t.Errorf("%.20s is in the pilot and not in the sample", item)
		}
	}
}

func mustPilot(t *testing.T, l *List, n int) *List {
	t.Helper()
	part, err := l.Pilot(n)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// A status counts each row once: those that failed are neither settled nor left.
func TestStatus(t *testing.T) {
	f := newFixture(t, "ok", "blocked", "failed", "pending", "fresh", "fresh", "ok", `{"q":`)
	for _, status := range []batch.Status{batch.OK, batch.Blocked, batch.Failed, batch.Pending} {
		f.answer(string(status), 0, status)
	}
	later := time.Now().Add(time.Hour)
	if s, _ := f.list().Status(later); s == nil || *s != (record.InputStatus{Rows: 8, Settled: 2, Left: 4, Bad: 1}) {
		t.Errorf("the status is %+v", s)
	}
	f.config.Dedupe = true // the second ok shares the first one's result
	if s, _ := f.list().Status(later); s == nil || *s != (record.InputStatus{Rows: 8, Settled: 3, Left: 3, Bad: 1}) {
		t.Errorf("the status with copies is %+v", s)
	}
	f.input(strings.Fields(strings.Repeat("a ", 2000))...)
	if s, _ := f.list().Status(time.Now()); s != nil {
		t.Errorf("the status after the deadline is %+v", s)
	}
}
