package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

const first = "results-000001.jsonl"

// segmentOf returns the bytes of a segment that has these results.
func segmentOf(t testing.TB, rs ...*batch.Result) []byte {
	t.Helper()
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, FS: unsynced})
	write(t, j, rs...)
	j.Close()
	return read(t, dir, first)
}

// signed returns a line with its sum.
func signed(body string) string {
	return fmt.Sprintf("%s,\"crc32c\":\"%08x\"}\n", body, crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)))
}

// Wherever a crash cuts the journal, the results before the cut are there, the rest is
// kept aside, and more can be written.
func TestCutAtEveryByte(t *testing.T) {
	const rows = 4
	whole := segmentOf(t, results(0, rows)...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for n := range len(whole) + 1 {
		dir := t.TempDir()
		put(t, whole[:n], dir, first)
		c := journal.Config{Dir: dir, FS: unsynced}

		good, end := 0, 0 // lines before the cut, and where they end
		for end < n && end+len(lines[good])-1 <= n {
			end += len(lines[good])
			good++
		}
		rest := whole[min(end, n):n]
		good = max(good, 1) - 1 // the header is not a result

		j := open(t, c)
		has(t, j, results(0, good)...)
		hasNot(t, j, results(good, rows)...)
		if j.Last() != int64(good) {
			t.Errorf("cut at %d: Last is %d, want %d", n, j.Last(), good)
		}
		kept := filepath.Join(dir, fmt.Sprintf("torn-results-000001-%d.bin", end))
		if len(rest) == 0 {
			noDamage(t, j)
		} else {
			if d := j.Damage(); len(d) != 1 || d[0].Kind != journal.Torn || d[0].Offset != int64(end) || d[0].Length != int64(len(rest)) ||
				!strings.Contains(d[0].Error(), filepath.Base(kept)) {
				t.Errorf("cut at %d: damage is %+v, want one torn end at %d", n, d, end)
			}
			if got := read(t, kept); !bytes.Equal(got, rest) {
				t.Errorf("cut at %d: kept aside is %q, want %q", n, got, rest)
			}
		}
		write(t, j, results(good, rows)...)
		j.Close()

		j = open(t, c)
		noDamage(t, j)
		has(t, j, results(0, rows)...)
		if got := read(t, dir, first); !bytes.Equal(got, whole) {
			t.Errorf("cut at %d: the segment is\n%s, want\n%s", n, got, whole)
		}
		j.Close()
		if t.Failed() {
			return
		}
	}
}

// Each byte of a line in the middle is damaged in turn. The damage is reported with its
// place, and costs that result alone.
func TestFlipEveryByte(t *testing.T) {
	whole := segmentOf(t, results(0, 4)...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	start := len(lines[0]) + len(lines[1])
	end := start + len(lines[2])
	others := append(results(0, 1), results(2, 4)...)
	dir := t.TempDir()
	c := journal.Config{Dir: dir, FS: unsynced}
	for n := start; n < end; n++ {
		for _, bit := range []byte{1 << (n % 8), 0x40, 0xff} {
			spoilt := bytes.Clone(whole)
			spoilt[n] ^= bit
			put(t, spoilt, dir, first)
			for _, c.ReadOnly = range []bool{true, false} {
				j := open(t, c)
				has(t, j, others...)
				rows, damage := all(t, j)
				d := j.Damage()
				if n == end-1 { // it is the line end, so both results can be read
					has(t, j, result(1))
					if len(rows) != 4 || len(d) != 1 || d[0].Kind != journal.Corrupt || d[0].Offset != int64(n) || d[0].Line != 3 || d[0].Length != 1 {
						t.Errorf("byte %d: All yields %v, Open finds %s", n, rows, kinds(j))
					}
				} else {
					hasNot(t, j, result(1))
					if !slices.Equal(rows, []int64{0, 2, 3}) || len(damage) == 0 || damage[0].Line != 3 || damage[0].Offset != int64(start) {
						t.Errorf("byte %d: All yields rows %v, damage %v", n, rows, damage)
					}
					if len(d) != 1 || d[0].Kind != journal.Corrupt || d[0].Segment != first || d[0].Line != 3 || d[0].Offset != int64(start) || d[0].Length != int64(end-start-1) {
						t.Errorf("byte %d: Open finds %s, want corrupt %s:3@%d", n, kinds(j), first, start)
					}
				}
				if j.Last() != 4 {
					t.Errorf("byte %d: Last is %d, want 4", n, j.Last())
				}
				j.Close()
			}
			if got := read(t, dir, first); !bytes.Equal(got, spoilt) {
				t.Errorf("byte %d: damage in the middle was touched", n)
			}
			if t.Failed() {
				return
			}
		}
	}
	// Its row is asked again, and its result is then there beside the damage.
	put(t, append(bytes.Clone(whole[:start+20]), append([]byte("#"), whole[start+21:]...)...), dir, first)
	c.ReadOnly = false
	j := open(t, c)
	write(t, j, result(1))
	j.Close()
	j = open(t, c)
	has(t, j, results(0, 4)...)
	if got, want := kinds(j), fmt.Sprintf("corrupt %s:3@%d+%d ", first, start, end-start-1); got != want {
		t.Errorf("damage is %s, want %s", got, want)
	}
}

func TestDamageWhileOpen(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	write(t, j, results(0, 3)...)
	data := read(t, dir, first)
	at := bytes.Index(data, []byte("answer 1"))
	data[at] ^= 1
	put(t, data, dir, first)
	has(t, j, result(0), result(2))
	e, _ := j.Lookup(fingerprint(1), 0)
	if _, err := j.Read(e); !isDamage(err, journal.Corrupt, first) {
		t.Errorf("Read of a damaged line: %v, want damage in %s", err, first)
	}
	put(t, data[:at], dir, first)
	for n := 1; n < 3; n++ {
		e, _ := j.Lookup(fingerprint(n), 0)
		if _, err := j.Read(e); !isDamage(err, journal.Corrupt, first) {
			t.Errorf("Read of row %d, which is cut off: %v, want damage in %s", n, err, first)
		}
	}
}

// Open reads a journal of several segments that somebody has changed.
func TestOpenDamaged(t *testing.T) {
	whole := segmentOf(t, results(0, 3)...)
	lines := strings.SplitAfter(string(whole), "\n")
	h, r1, r2, r3 := lines[0], lines[1], lines[2], lines[3]
	h4 := signed(`{"format":"genbatch-journal","version":1,"first_seq":4`)
	r4 := signed(strings.Replace(strings.Replace(r1[:strings.LastIndex(r1, ",")], `"seq":1,`, `"seq":4,`, 1), fingerprint(0).String(), fingerprint(3).String(), 1))
	bad := strings.Replace(r2, "answer", "Answer", 1)
	nul := strings.Repeat("\x00", 4096)
	tests := []struct {
		name     string
		segments []string
		rows     string // of the four, which are known
		last     int64
		damage   string // as kinds shows it, without the numbers of bytes
	}{
		{"whole", []string{h + r1 + r2 + r3, h4 + r4}, "0123", 4, ""},
		{"empty segment", []string{""}, "", 0, ""},
		{"header alone", []string{h}, "", 0, ""},
		{"header alone after others", []string{h + r1 + r2 + r3, h4}, "012", 3, ""},
		{"no header", []string{r1 + r2}, "01", 2, "header 1:1"},
		{"damaged header", []string{"x" + h + r1}, "0", 1, "header 1:1"},
		{"nothing good", []string{"x" + h + bad + bad}, "", 0, "torn 1:1"},
		{"line missing", []string{h + r1 + r3}, "02", 3, "gap 1:3"},
		{"first missing", []string{h + r2 + r3}, "12", 3, "gap 1:2"},
		{"line twice", []string{h + r1 + r2 + r1 + r3}, "012", 3, "repeat 1:4"},
		{"last lines missing", []string{h + r1, h4 + r4}, "03", 4, "gap 2:1"},
		{"segment missing", []string{h4 + r4}, "3", 4, "gap 1:1"},
		{"damaged line", []string{h + r1 + bad + r3}, "02", 3, "corrupt 1:3"},
		{"damaged line and one missing", []string{h + bad + r3}, "2", 3, "corrupt 1:2 gap 1:3"},
		{"damaged lines side by side", []string{h + bad + bad + r3}, "2", 3, "corrupt 1:2"},
		{"damaged last line", []string{h + r1 + bad}, "0", 1, "torn 1:3"},
		{"damaged last line, others after", []string{h + r1 + r2 + bad, h4 + r4}, "013", 4, "corrupt 1:4"},
		{"torn, others after", []string{h + r1 + r2 + r3[:99], h4 + r4}, "013", 4, "corrupt 1:4"},
		{"no last line end, others after", []string{h + r1 + r2 + r3[:len(r3)-1], h4 + r4}, "0123", 4, ""},
		{"zeroed end", []string{h + r1 + nul}, "0", 1, "torn 1:3"},
		{"zeroed middle", []string{h + r1 + nul + r3}, "02", 3, "corrupt 1:3"},
		{"zeroed over a line end", []string{h + r1[:len(r1)-9] + nul + "\n" + r3}, "2", 3, "corrupt 1:2 gap 1:3"},
		{"damaged line end, one line bad", []string{h + r1[:len(r1)-1] + "x" + bad + r3}, "02", 3, "corrupt 1:2 corrupt 1:2"},
		{"damaged line end, first line bad", []string{h + bad[:len(bad)-1] + "x" + r2 + r3}, "12", 3, "corrupt 1:2"},
		{"damaged end of the header", []string{h[:len(h)-1] + "x" + r1 + r2}, "01", 2, "corrupt 1:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, s := range test.segments {
				put(t, []byte(s), dir, fmt.Sprintf("results-%06d.jsonl", i+1))
			}
			put(t, []byte("not ours"), dir, "results-1.jsonl")
			j := open(t, journal.Config{Dir: dir, FS: unsynced})
			var damage []string
			for _, d := range j.Damage() {
				damage = append(damage, fmt.Sprintf("%s %s:%d", d.Kind, strings.TrimSuffix(strings.TrimPrefix(d.Segment, "results-00000"), ".jsonl"), d.Line))
				if d.Detail == "" || d.Offset < 0 || d.Offset >= int64(len(test.segments[0])+len(h4+r4)) {
					t.Errorf("damage is not told: %+v", d)
				}
			}
			if got := strings.Join(damage, " "); got != test.damage {
				t.Errorf("damage is %q, want %q", got, test.damage)
			}
			known := ""
			for n := range 4 {
				if e, ok := j.Lookup(fingerprint(n), 0); ok {
					known += fmt.Sprint(n)
					if _, err := j.Read(e); err != nil {
						t.Errorf("row %d: %v", n, err)
					}
				}
			}
			if known != test.rows || j.Last() != test.last {
				t.Errorf("known rows are %q, Last %d, want %q, %d", known, j.Last(), test.rows, test.last)
			}
			// More can be written.
			write(t, j, results(10, 12)...)
			if j.Last() != test.last+2 {
				t.Errorf("Last is %d, want %d", j.Last(), test.last+2)
			}
			before := strings.ReplaceAll(kinds(j), "torn", "")
			j.Close()
			j = open(t, journal.Config{Dir: dir, FS: unsynced})
			has(t, j, results(10, 12)...)
			if after := kinds(j); !strings.Contains(test.damage, "torn") && after != before || strings.Contains(after, "torn") {
				t.Errorf("opened again, damage is %q, was %q", after, before)
			}
		})
	}
}

func TestTornTwiceAtOnePlace(t *testing.T) {
	dir := t.TempDir()
	whole := segmentOf(t, result(0))
	for i, want := range []string{"", "-2", "-3"} {
		tail := fmt.Sprintf("crash %d", i)
		put(t, append(bytes.Clone(whole), tail...), dir, first)
		j := open(t, journal.Config{Dir: dir})
		name := fmt.Sprintf("torn-results-000001-%d%s.bin", len(whole), want)
		if got := read(t, dir, name); string(got) != tail {
			t.Errorf("%s holds %q, want %q", name, got, tail)
		}
		j.Close()
	}
}

// A journal that this program does not understand is left alone.
func TestForeignFormat(t *testing.T) {
	whole := string(segmentOf(t, result(0)))
	for name, test := range map[string]struct{ segment, want string }{
		"newer":          {signed(`{"format":"genbatch-journal","version":2,"first_seq":1`) + "{\"torn", "version 2"},
		"other program":  {signed(`{"format":"other","version":1`), `"other"`},
		"no header JSON": {signed(`{"format":[`), "header"},
		"newer line":     {whole + signed(`{"seq":2,"something":"else"`) + "{\"torn", ":3: a line"},
		"newer status":   {whole + signed(`{"seq":2,"fingerprint":"`+fingerprint(1).String()+`","occurrence":0,"status":"new"`), ":3: a line"},
	} {
		for _, readOnly := range []bool{true, false} {
			dir := t.TempDir()
			put(t, []byte(test.segment), dir, first)
			_, err := journal.Open(journal.Config{Dir: dir, ReadOnly: readOnly})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), filepath.Join(dir)) || !strings.Contains(err.Error(), first) {
				t.Errorf("%s: error is %v, want one that names %s, %s and %q", name, err, dir, first, test.want)
			}
			if got := read(t, dir, first); string(got) != test.segment {
				t.Errorf("%s: the segment was changed", name)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, nil, dir, "file")
	if _, err := journal.Open(journal.Config{Dir: filepath.Join(dir, "file")}); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("of a file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, first), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(journal.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("of a segment that is a folder: %v", err)
	}
}

// FuzzRecover opens arbitrary bytes as a journal. Whatever they are, results that are
// written after them are safe.
func FuzzRecover(f *testing.F) {
	whole := segmentOf(f, results(0, 3)...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	shared := segmentOf(f, append(pack(4, 7), result(8))...)
	broken := bytes.Clone(whole)
	broken[len(lines[0])+len(lines[1])-1] = 'x'
	for _, seed := range [][]byte{
		nil, []byte("\n\n\n"), []byte("{"), whole, whole[:len(whole)-1], whole[:len(whole)-100], whole[:10], broken,
		bytes.Join(lines[1:], nil), append(bytes.Clone(lines[0]), lines[3]...), bytes.Repeat(lines[1], 3),
		append(bytes.Clone(whole), make([]byte, 5000)...), bytes.Replace(whole, []byte("answer 1"), []byte("answer 9"), 1),
		[]byte(signed(`{"seq":1`)), []byte(signed(`{"format":`)), []byte(signed(`{"format":"genbatch-journal","version":9`)),
		[]byte(strings.Repeat(strings.TrimSuffix(signed(`{"seq":1`), "\n")+"x", 50)),
		[]byte(signed(`{"seq":999999999999999999,"fingerprint":"00000000000000000000000000000000","occurrence":999999999999999999,"status":"ok"`)),
		[]byte(signed(`{"seq":1,"fingerprint":"00000000000000000000000000000000","occurrence":0,"status":"ok","blob":"` + strings.Repeat("/", 64) + `"`)),
		[]byte(signed(`{"format":"genbatch-journal","version":1,"first_seq":9223372036854775807`)),
		shared, shared[:len(shared)-200], bytes.Replace(shared, []byte("answer 5"), []byte("answer 6"), 1),
		bytes.Join(slices.Delete(bytes.SplitAfter(shared, []byte("\n")), 1, 2), nil), bytes.Replace(shared, []byte("}\n{"), []byte("}x{"), 2),
		[]byte(signed(`{"answer":"00000000000000000000000000000000"`)), []byte(signed(`{"answer":"0`)),
		[]byte(signed(`{"answer":"00000000000000000000000000000000","response":`) + signed(`{"seq":1,"fingerprint":"00000000000000000000000000000000","occurrence":0,"status":"ok","answer":"00000000000000000000000000000000"`)),
		[]byte(signed(`{"answer":"00000000000000000000000000000000","blob":"` + strings.Repeat("0", 64) + `"`)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		put(t, data, dir, first)
		c := journal.Config{Dir: dir, FS: unsynced}
		if r, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true}); err == nil {
			for _, err := range r.All() {
				if _, ok := errors.AsType[*journal.Damage](err); err != nil && !ok {
					break
				}
			}
			r.Close()
		}
		j, err := journal.Open(c)
		if err != nil {
			if got := read(t, dir, first); !bytes.Equal(got, data) {
				t.Fatal("a journal that could not be opened was changed")
			}
			return
		}
		kept := int64(0)
		for _, d := range j.Damage() {
			if d.Kind == journal.Torn {
				kept = d.Length
				if got := read(t, dir, fmt.Sprintf("torn-results-000001-%d.bin", d.Offset)); !bytes.Equal(got, data[d.Offset:]) {
					t.Fatal("what was cut is not what was kept aside")
				}
			}
		}
		if got := read(t, dir, first); !bytes.HasPrefix(got, data[:len(data)-int(kept)]) {
			t.Fatal("bytes were lost that are not kept aside")
		}
		mine := append(pack(5, 7), result(1))
		for i, r := range mine {
			r.Fingerprint = batch.Fingerprint{0: 0xfe, 1: byte(i), 15: 0xfe}
		}
		if err := j.Write(mine); err != nil {
			if j.Last() < 999_999_999_999_999_999-int64(len(mine)) {
				t.Fatal(err)
			}
			return // there is no larger seq
		}
		has(t, j, mine...)
		last := j.Last()
		j.Close()
		j = open(t, c)
		has(t, j, mine...)
		if j.Last() != last {
			t.Fatalf("Last is %d, was %d", j.Last(), last)
		}
		for _, d := range j.Damage() {
			if d.Kind == journal.Torn {
				t.Fatalf("torn again: %v", &d)
			}
		}
	})
}
