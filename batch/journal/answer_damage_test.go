package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// handsOut checks that all ways to read results yield those of rs, whole, and no others.
func handsOut(t *testing.T, j *journal.Journal, rs ...*batch.Result) {
	t.Helper()
	has(t, j, rs...)
	seen := 0
	for r, err := range j.All() {
		if _, damaged := errors.AsType[*journal.Damage](err); damaged {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(rs, func(w *batch.Result) bool { return w.Row == r.Row })
		if i < 0 {
			t.Errorf("All yields row %d", r.Row)
			continue
		}
		w := *rs[i]
		if w.Seq = r.Seq; !reflect.DeepEqual(r, &w) {
			t.Errorf("All yields\n%+v, want\n%+v", r, &w)
		}
		seen++
	}
	if seen != len(rs) {
		t.Errorf("All yields %d rows, want %d", seen, len(rs))
	}
}

// Each byte of a shared answer and of a row that shares it is damaged in turn, and the line
// end before them. Nothing wrong is handed out, each row that has lost its answer is named with its
// place, and a row that has lost only itself takes no other along.
func TestFlipEveryByteOfShared(t *testing.T) {
	all := slices.Concat(results(0, 1), pack(1, 4), results(5, 6))
	whole := segmentOf(t, all...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	starts := []int{0} // of lines: the header, row 0, the answer, rows 1 to 3, row 5
	for _, l := range lines {
		starts = append(starts, starts[len(starts)-1]+len(l))
	}
	dir := t.TempDir()
	c := journal.Config{Dir: dir, FS: unsynced}
	for n := starts[2] - 1; n < starts[4]; n++ {
		at := 1 // the line that the byte is in, from 0
		for n >= starts[at+1] {
			at++
		}
		for i, bit := range []byte{1 << (n % 8), whole[n] ^ '\n'} {
			spoilt := bytes.Clone(whole)
			if spoilt[n] ^= bit; bit == 0 {
				continue
			}
			put(t, spoilt, dir, first)
			var left []*batch.Result
			want := "" // damage
			switch {
			case n == starts[at+1]-1: // a line end: both lines beside it can be read
				left = all
				want = fmt.Sprintf("corrupt %s:%d@%d+1 ", first, at+1, n)
			case at == 2:
				left = slices.Concat(results(0, 1), results(5, 6))
				want = fmt.Sprintf("corrupt %s:3@%d+%d ", first, starts[2], len(lines[2])-1)
				for i := 3; i < 6; i++ {
					line := i + 1 + bytes.Count(spoilt[starts[2]:starts[3]-1], []byte("\n"))
					want += fmt.Sprintf("answer %s:%d@%d+%d ", first, line, starts[i], len(lines[i])-1)
				}
			default:
				left = slices.Delete(slices.Clone(all), 1, 2)
				want = fmt.Sprintf("corrupt %s:%d@%d+%d ", first, at+1, starts[at], len(lines[at])-1)
			}
			c.ReadOnly = (n+i)%2 == 0
			j := open(t, c)
			handsOut(t, j, left...)
			if got := kinds(j); got != want || j.Last() != 5 || j.Rows()[batch.OK] != int64(len(left)) {
				t.Errorf("byte %d: damage is %s, want %s; Last is %d, rows are %v", n, got, want, j.Last(), j.Rows())
			}
			j.Close()
			if got := read(t, dir, first); !bytes.Equal(got, spoilt) {
				t.Errorf("byte %d: damage in the middle was touched", n)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// An answer that is damaged while the journal is open is not handed out from then on.
func TestSharedDamageWhileOpen(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	all := append(pack(1, 4), pack(5, 7)...)
	write(t, j, all...)
	var entries []journal.Entry
	for _, r := range all {
		e, _ := j.Lookup(r.Fingerprint, 0)
		entries = append(entries, e)
	}
	text := read(t, dir, first)
	text[bytes.Index(text, []byte("answer 2"))] ^= 1
	put(t, text, dir, first)
	handsOut(t, j, all[3:]...)
	named := 0
	j.NewReader().Read(entries, func(i int, r *batch.Result, err error) {
		if d, damaged := errors.AsType[*journal.Damage](err); damaged && d.Kind == journal.Answer && d.Length == int64(entries[i].Bytes()) && i < 3 {
			named++
		} else if err != nil || i < 3 || !bytes.Equal(r.Response, all[i].Response) {
			t.Errorf("entry %d reads %+v, %v", i, r, err)
		}
	})
	if named != 3 {
		t.Errorf("%d rows are named as damaged, want 3", named)
	}

	// An answer that has come to stand where another one was is not handed out either.
	dir = t.TempDir()
	j = open(t, journal.Config{Dir: dir})
	write(t, j, append(pack(1, 3), pack(5, 7)...)...)
	lines := bytes.SplitAfter(read(t, dir, first), []byte("\n"))
	lines[1], lines[4] = lines[4], lines[1]
	put(t, bytes.Join(lines, nil), dir, first)
	handsOut(t, j)
}

// Wherever a crash cuts the journal, or a reader sees it while it grows, whole lines count, and
// more can be written: rows find the answer if the cut has left it.
func TestCutAtEveryByteOfShared(t *testing.T) {
	all := append(pack(1, 3), results(5, 6)...)
	whole := segmentOf(t, all...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for n := len(lines[0]); n <= len(whole); n++ {
		good, end := 0, 0 // lines before the cut, and where they end
		for end < n && end+len(lines[good])-1 <= n {
			end += len(lines[good])
			good++
		}
		rows := max(0, good-2) // without the header and the answer
		if n%7 > 0 && n > end+30 && n < end+len(lines[good])-20 {
			continue // the middle of a line is the same everywhere
		}
		dir := t.TempDir()
		put(t, whole[:n], dir, first)
		r := open(t, journal.Config{Dir: dir, ReadOnly: true})
		noDamage(t, r)
		handsOut(t, r, all[:rows]...)
		r.Close()

		c := journal.Config{Dir: dir, FS: unsynced}
		j := open(t, c)
		handsOut(t, j, all[:rows]...)
		for _, d := range j.Damage() {
			if d.Kind != journal.Torn || d.Offset != int64(end) {
				t.Errorf("cut at %d: damage %v", n, &d)
			}
		}
		write(t, j, all[rows:]...)
		j.Close()
		j = open(t, c)
		noDamage(t, j)
		handsOut(t, j, all...)
		if got := read(t, dir, first); !bytes.Equal(got, whole) {
			t.Errorf("cut at %d: the segment is\n%s, want\n%s", n, got, whole)
		}
		j.Close()
		if t.Failed() {
			return
		}
	}
}

// A journal of shared answers that somebody has changed.
func TestOpenDamagedShared(t *testing.T) {
	all := append(pack(1, 4), pack(5, 7)...)
	lines := strings.SplitAfter(string(segmentOf(t, all...)), "\n")
	h, a, r1, r2, r3, b, r5, r6 := lines[0], lines[1], lines[2], lines[3], lines[4], lines[5], lines[6], lines[7]
	bad := strings.Replace(a, "answer 2", "answer X", 1)
	later := strings.Replace(r1[:strings.LastIndex(r1, ",")], `"seq":1,`, `"seq":6,`, 1)
	for name, test := range map[string]struct {
		segment string
		rows    string
		damage  string // as kinds shows it, without the numbers of bytes
	}{
		"answer missing":                    {h + r1 + r2 + r3 + b + r5 + r6, "56", "answer:2 answer:3 answer:4"},
		"answer twice":                      {h + a + r1 + a + r2 + r3 + b + r5 + r6, "12356", ""},
		"answer too late":                   {h + r1 + a + r2 + r3 + b + r5 + r6, "2356", "answer:2"},
		"answer alone":                      {h + a, "", ""},
		"answers swapped":                   {h + b + r1 + r2 + r3 + a + r5 + r6, "56", "answer:3 answer:4 answer:5"},
		"answer damaged":                    {h + bad + r1 + r2 + r3 + b + r5 + r6, "56", "corrupt:2 answer:3 answer:4 answer:5"},
		"answer damaged, and bought again":  {h + bad + r1 + r2 + r3 + b + r5 + r6 + a + signed(later), "156", "corrupt:2 answer:3 answer:4 answer:5"},
		"answer damaged, and a row missing": {h + bad + r2 + r3 + b + r5 + r6, "56", "corrupt:2 gap:3 answer:3 answer:4"},
		"row missing":                       {h + a + r1 + r3 + b + r5 + r6, "1356", "gap:4"},
		"rows swapped":                      {h + a + r2 + r1 + r3 + b + r5 + r6, "12356", "gap:3 repeat:4"},
		"answer and end before it damaged":  {h + b + r5 + r6[:len(r6)-1] + "x" + bad + r1 + r2, "56", "gap:3 corrupt:4 corrupt:4 repeat:5 answer:5 repeat:6 answer:6"},
		"row cut before an answer":          {h + a + r1 + r2 + r3[:50] + b + r5 + r6, "1256", "corrupt:5"},
		"end of the answer damaged":         {h + bad[:len(bad)-1] + "x" + r1 + r2 + r3 + b + r5 + r6, "56", "corrupt:2 answer:2 answer:3 answer:4"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, []byte(test.segment), dir, first)
			c := journal.Config{Dir: dir, FS: unsynced}
			j := open(t, c)
			var damage []string
			for _, d := range j.Damage() {
				damage = append(damage, fmt.Sprintf("%s:%d", d.Kind, d.Line))
			}
			if got := strings.Join(damage, " "); got != test.damage {
				t.Errorf("damage is %q, want %q", got, test.damage)
			}
			known := ""
			var lost []*batch.Result
			for _, r := range all {
				if _, ok := j.Lookup(r.Fingerprint, 0); ok {
					known += fmt.Sprint(r.Row)
					has(t, j, r)
				} else {
					lost = append(lost, r)
				}
			}
			if known != test.rows {
				t.Errorf("known are the rows %s, want %s", known, test.rows)
			}
			// What is asked again is there again, also if the very same comes back.
			write(t, j, lost...)
			has(t, j, all...)
			j.Close()
			j = open(t, c)
			has(t, j, all...)
		})
	}
}
