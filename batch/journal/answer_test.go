package journal_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// pack returns the results of the rows from one number to before another, which have shared
// a call, and so its answer.
func pack(from, to int) []*batch.Result {
	rs := results(from, to)
	answer := json.RawMessage(`{"text":[`)
	for n := from; n < to; n++ {
		answer = fmt.Appendf(answer, `{"id":"p%d","answer":"answer %d"},`, n, n)
	}
	answer = append(answer[:len(answer)-1], "]}"...)
	for i, r := range rs {
		r.Part, r.Response = fmt.Sprintf("p%d", r.Row), answer
		r.Spent = []batch.Spend{{At: r.At, Model: "m", Usage: &batch.Usage{TotalTokenCount: 9}, Share: batch.Share{Row: i, Of: len(rs)}}}
	}
	return rs
}

// A plainLine is a line of a journal as its users see it.
type plainLine struct {
	Seq      int64
	Row      int64
	Part     string
	Answer   string
	Blob     string
	Response json.RawMessage
}

// plainRows reads a journal line by line, as the package comment says that anybody can. It returns
// the answers by row. Each answer has to stand in the same segment before the results that
// share it, and only once.
func plainRows(t *testing.T, dir string) map[int64]string {
	t.Helper()
	rows := make(map[int64]string)
	segments, err := filepath.Glob(filepath.Join(dir, "results-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range segments {
		answers := make(map[string]json.RawMessage)
		for text := range bytes.Lines(read(t, path)) {
			var l plainLine
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatalf("%s: %v: %s", path, err, text)
			}
			if l.Blob != "" {
				l.Response = read(t, dir, "blobs", l.Blob)
			}
			switch {
			case l.Seq == 0 && l.Answer != "":
				if answers[l.Answer] != nil {
					t.Errorf("%s has the answer %s twice", path, l.Answer)
				}
				if sum := fmt.Sprintf("%x", sha256.Sum256(l.Response)); l.Answer != sum[:32] {
					t.Errorf("the answer with the sum %s is called %s", sum, l.Answer)
				}
				answers[l.Answer] = l.Response
			case l.Seq > 0 && l.Answer != "":
				if answers[l.Answer] == nil || l.Response != nil || l.Part == "" {
					t.Errorf("%s has the answer %q of row %d, part %q, when it comes to %s", path, answers[l.Answer], l.Row, l.Part, text)
				}
				rows[l.Row] = string(answers[l.Answer])
			case l.Seq > 0:
				rows[l.Row] = string(l.Response)
			}
		}
	}
	return rows
}

// hasPlain checks what plainRows reads.
func hasPlain(t *testing.T, dir string, rs ...*batch.Result) {
	t.Helper()
	rows := plainRows(t, dir)
	for _, r := range rs {
		if got := rows[r.Row]; got != string(r.Response) {
			t.Errorf("line by line, row %d has the answer %s, want %s", r.Row, got, r.Response)
		}
	}
	if len(rows) != len(rs) {
		t.Errorf("line by line there are %d rows, want %d", len(rows), len(rs))
	}
}

// An answer that rows share is written once, however the rows come, and each row has all of it.
func TestSharedAnswers(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir}
	shared, other, late := pack(1, 6), pack(11, 14), pack(21, 24)
	pretty, empty := pack(30, 32), pack(40, 41)
	for _, r := range pretty {
		r.Response = json.RawMessage("{\n\"text\": 1}\n")
	}
	empty[0].Response, empty[0].Status = nil, batch.Failed

	j := open(t, c)
	write(t, j, append(results(0, 1), shared[:2]...)...)
	write(t, j, shared[2:4]...)
	write(t, j, slices.Concat(results(10, 11), other, shared[4:], late[:1])...)
	j.Close()
	j = open(t, c)
	write(t, j, late[1], empty[0])
	write(t, j, pretty[0], late[2], pretty[1])
	for _, r := range pretty {
		r.Response = json.RawMessage(`{"text":1}`)
	}
	all := slices.Concat(results(0, 1), shared, results(10, 11), other, late, pretty, empty)

	for _, readOnly := range []bool{false, true} {
		if readOnly {
			j.Close()
			j = open(t, journal.Config{Dir: dir, ReadOnly: true})
		}
		noDamage(t, j)
		has(t, j, all...)
		if j.Last() != int64(len(all)) {
			t.Errorf("Last is %d, want %d: an answer has no seq", j.Last(), len(all))
		}
		seen := 0
		for r, err := range j.All() {
			i := slices.IndexFunc(all, func(w *batch.Result) bool { return r != nil && w.Row == r.Row })
			if err != nil || !bytes.Equal(r.Response, all[i].Response) || r.Part != all[i].Part {
				t.Errorf("All yields %+v, %v", r, err)
			}
			seen++
		}
		if seen != len(all) {
			t.Errorf("All yields %d results, want %d", seen, len(all))
		}
	}
	hasPlain(t, dir, all...)
	if n := strings.Count(string(read(t, dir, first)), "\n{\"answer\":"); n != 4 {
		t.Errorf("%d answers are written, want 4", n)
	}
}

// The lines are what the package comment says they are.
func TestSharedFormat(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	rs := pack(1, 3)
	write(t, j, rs...)
	sum := fmt.Sprintf("%x", sha256.Sum256(rs[0].Response))[:32]
	want := signed(`{"format":"genbatch-journal","version":1,"first_seq":1`) +
		signed(`{"answer":"`+sum+`","response":{"text":[{"id":"p1","answer":"answer 1"},{"id":"p2","answer":"answer 2"}]}`)
	for n := 1; n < 3; n++ {
		want += signed(fmt.Sprintf(`{"seq":%d,"fingerprint":"%s","occurrence":0,"status":"ok","row":%d,"key":"k%d","endpoint":"sim","model":"m",`+
			`"at":"2026-01-02T03:04:05.00000000%dZ","latency_ms":0,"attempts":1,`+
			`"spent":[{"at":"2026-01-02T03:04:05.00000000%dZ","model":"m","usage":{"totalTokenCount":9},"share":{"row":%d,"of":2}}],`+
			`"part":"p%d","answer":"%s"`, n, fingerprint(n), n, n, n, n, n-1, n, sum))
	}
	if got := string(read(t, dir, first)); got != want {
		t.Errorf("the segment is\n%s, want\n%s", got, want)
	}
}

// The program for jq in the package comment gives each row its whole answer.
func TestSharedJQ(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed; on Debian: apt-get install jq")
	}
	_, program, ok := strings.Cut(string(read(t, "doc.go")), "jq -cn '")
	program, _, end := strings.Cut(program, "' results-*.jsonl")
	program = strings.ReplaceAll(program, "\n//", "\n")
	if !ok || !end {
		t.Fatal("the package comment has no such program")
	}
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, SegmentBytes: 2000, FS: unsynced})
	failed := result(20)
	failed.Status, failed.Response = batch.Failed, nil
	all := slices.Concat(pack(0, 6), results(6, 8), pack(8, 13), []*batch.Result{failed}, pack(13, 16))
	for _, r := range all {
		write(t, j, r)
	}
	if err := j.Prune(byRow(t, 1, 7)); err != nil {
		t.Fatal(err)
	}
	open(t, journal.Config{Dir: dir}).Close() // removes the segments before
	segments, err := filepath.Glob(filepath.Join(dir, "results-*.jsonl"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	out, err := exec.Command("jq", append([]string{"-cn", program}, segments...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(out) {
		var l plainLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(r *batch.Result) bool { return r.Row == l.Row })
		if want := string(all[i].Response); string(l.Response) != cmp.Or(want, "null") || l.Part != all[i].Part {
			t.Errorf("row %d has part %q of %s, want part %q of %s", l.Row, l.Part, l.Response, all[i].Part, want)
		}
		n++
	}
	if n != len(all)-2 {
		t.Errorf("jq prints %d rows, want %d", n, len(all)-2)
	}
}

// Whatever else is named like the reference to an answer, it is none.
func TestLooksShared(t *testing.T) {
	dir := t.TempDir()
	const fake = `,"answer":"00000000000000000000000000000000"`
	j := open(t, journal.Config{Dir: dir})
	var want []*batch.Result
	for i, response := range []string{`{"a":1` + fake + `}`, `"` + strings.ReplaceAll(fake, `"`, `\"`) + `"`, `null`, ""} {
		single, packed := result(2*i), result(2*i+1)
		single.Key, packed.Key = fake, fake
		packed.Part = fake
		if single.Response = nil; response != "" {
			single.Response = json.RawMessage(response)
		}
		packed.Response = single.Response
		want = append(want, single, packed)
	}
	write(t, j, want...)
	has(t, j, want...)
	j.Close()
	j = open(t, journal.Config{Dir: dir})
	noDamage(t, j)
	has(t, j, want...)
	hasPlain(t, dir, want...)
}

// Each segment has the answers of its results, so that the loss of one costs no row of another.
func TestSharedSegments(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, SegmentBytes: 3000, FS: unsynced}
	var want []*batch.Result
	j := open(t, c)
	for from := 0; from < 70; from += 14 {
		a, b := pack(from, from+7), pack(from+7, from+14)
		for i := range a { // one by one, so that segments end between any two of them
			write(t, j, a[i])
			if write(t, j, b[i]); i == 3 {
				j.Close()
				j = open(t, c)
			}
		}
		want = slices.Concat(want, a, b)
	}
	has(t, j, want...)
	hasPlain(t, dir, want...)
	j.Close()
	segments, err := filepath.Glob(filepath.Join(dir, "results-*.jsonl"))
	if err != nil || len(segments) < 6 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	var kept []*batch.Result
	lost := read(t, segments[2])
	for _, r := range want {
		if !bytes.Contains(lost, []byte(r.Fingerprint.String())) {
			kept = append(kept, r)
		}
	}
	if err := os.Remove(segments[2]); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	has(t, j, kept...)
	if d := j.Damage(); len(d) != 1 || d[0].Kind != journal.Gap {
		t.Errorf("damage %s, want the gap alone", kinds(j))
	}
}

// A long answer stands in one blob. What happens to it concerns all its rows.
func TestSharedBlob(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, BlobBytes: 60}
	rs, small := pack(1, 4), pack(8, 9)
	j := open(t, c)
	write(t, j, append(rs[:2:2], small...)...)
	write(t, j, rs[2])
	all := append(rs, small...)
	check := func() {
		t.Helper()
		noDamage(t, j)
		has(t, j, all...)
		hasPlain(t, dir, all...)
	}
	check()
	j.Close()
	j = open(t, c)
	check()
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("blobs %v, %v, want one", blobs, err)
	}
	path := filepath.Join(dir, "blobs", blobs[0].Name())
	data := read(t, path)
	spoilt := bytes.Clone(data)
	spoilt[7] ^= 1
	put(t, spoilt, path)
	for _, r := range rs {
		e, _ := j.Lookup(r.Fingerprint, 0)
		if _, err := j.Read(e); !isDamage(err, journal.Answer, first) || !strings.Contains(err.Error(), blobs[0].Name()) {
			t.Errorf("row %d, whose blob is damaged, reads %v", r.Row, err)
		}
	}
	j.Close()
	for _, what := range []string{"damaged", "missing"} {
		if what == "missing" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		j = open(t, c)
		hasNot(t, j, rs...)
		has(t, j, small...)
		var lines []string
		for _, d := range j.Damage() {
			lines = append(lines, fmt.Sprint(d.Kind, d.Line))
		}
		if want := []string{"blob2", "answer3", "answer4", "answer7"}; !slices.Equal(lines, want) {
			t.Errorf("%s: damage %v, want %v", what, lines, want)
		}
		j.Close()
	}

	// Pruning keeps what a copy of the blob would bring back.
	j = open(t, c)
	if err := j.Prune(byRow(t, 8)); err != nil {
		t.Fatal(err)
	}
	put(t, data, path)
	j = open(t, c)
	noDamage(t, j)
	has(t, j, rs...)
	// The blob goes with the last row that needs it.
	for n := int64(1); n < 4; n++ {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("before row %d is pruned: %v", n, err)
		}
		if err := j.Prune(byRow(t, n)); err != nil {
			t.Fatal(err)
		}
		j = open(t, c)
		noDamage(t, j)
		has(t, j, rs[n:]...)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the blob is left: %v", err)
	}
}

// The same answer, bought again, is there again, also for the rows that had lost it.
func TestSharedBlobAgain(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, BlobBytes: 60}
	rs := pack(1, 4)
	j := open(t, c)
	write(t, j, rs...)
	j.Close()
	if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	write(t, j, rs[1])
	has(t, j, rs[1])
	j.Close()
	j = open(t, c)
	noDamage(t, j)
	has(t, j, rs...)
}

// A Reader hands out the same as Read, and the memory of an answer once.
func TestReaderOfShared(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir(), BlobBytes: 400})
	var all []*batch.Result
	for from := 0; from < 40; from += 10 {
		all = slices.Concat(all, pack(from, from+4), pack(from+4, from+10)) // the larger ones stand in blobs
	}
	write(t, j, all...)
	var entries []journal.Entry
	for _, r := range slices.Backward(all) {
		e, _ := j.Lookup(r.Fingerprint, 0)
		entries = append(entries, e)
	}
	rd := j.NewReader()
	for range 2 {
		memory := make(map[*byte]int)
		rd.Read(entries, func(i int, r *batch.Result, err error) {
			if want := all[len(all)-1-i]; err != nil || !bytes.Equal(r.Response, want.Response) || r.Part != want.Part || r.Row != want.Row {
				t.Errorf("entry %d reads %+v, %v", i, r, err)
				return
			}
			memory[&r.Response[0]]++
		})
		if len(memory) != 8 {
			t.Errorf("%d answers are in memory, want 8", len(memory))
		}
		rd.Release()
	}
}

// An answer stays until the last row that shares it is pruned, in whatever segment that is by then.
func TestPruneShared(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, FS: unsynced}
	a, b := pack(0, 6), pack(6, 12)
	kept := slices.Concat(a, results(20, 21), b)
	j := open(t, c)
	write(t, j, a[:3]...)
	write(t, j, slices.Concat(results(20, 21), b[:3], a[3:4], b[3:4], a[4:5], b[4:], a[5:])...)
	j.Close()
	answers := 2
	for i, rows := range [][]int64{{}, {0, 7}, {1, 3, 4}, {5, 6, 8}, {2}, {20}, {9, 10, 11}} {
		c.SegmentBytes = []int64{0, 2000, 2600}[i%3] // the lines come to stand in others each time
		j = open(t, c)
		if err := j.Prune(byRow(t, rows...)); err != nil {
			t.Fatal(err)
		}
		kept = slices.DeleteFunc(kept, func(r *batch.Result) bool { return slices.Contains(rows, r.Row) })
		if i == 4 || i == 6 { // the last rows of a and of b are gone
			answers--
		}
		j = open(t, c)
		noDamage(t, j)
		handsOut(t, j, kept...)
		hasPlain(t, dir, kept...)
		if j.Last() != 13 {
			t.Errorf("Last is %d, want 13", j.Last())
		}
		j.Close()
		segments, err := filepath.Glob(filepath.Join(dir, "results-*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string]bool)
		for _, path := range segments {
			text := read(t, path)
			for line := range bytes.Lines(text) {
				if id, ok := bytes.CutPrefix(line, []byte(`{"answer":"`)); ok {
					found[string(id[:32])] = true
				}
			}
			if c.SegmentBytes > 0 && int64(len(text)) > c.SegmentBytes {
				t.Errorf("%s has %d bytes, and may have %d", path, len(text), c.SegmentBytes)
			}
		}
		if len(found) != answers {
			t.Errorf("after pruning %v there are %d answers, want %d", rows, len(found), answers)
		}
	}
	// Rows can share what pruning has left.
	c.SegmentBytes = 0
	j = open(t, c)
	write(t, j, a...)
	if err := j.Prune(byRow(t, 0, 1, 2)); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	write(t, j, a[0])
	noDamage(t, j)
	handsOut(t, j, append(a[3:], a[0])...)
	hasPlain(t, dir, append(a[3:], a[0])...)
}

// Pruning keeps damage as it is: it neither hides it nor makes more of it.
func TestPruneDamagedShared(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, FS: unsynced}
	all := slices.Concat(results(0, 2), pack(2, 5), pack(5, 7))
	text := segmentOf(t, all...)
	put(t, bytes.Replace(text, []byte(`"answer 3"`), []byte(`"answer X"`), 1), dir, first)
	j := open(t, c)
	if err := j.Prune(byRow(t, 0, 4)); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	handsOut(t, j, append(results(1, 2), all[5:]...)...)
	var damage []string
	for _, d := range j.Damage() {
		damage = append(damage, fmt.Sprint(d.Kind, d.Line))
	}
	// The lines are the header, a mark, row 1, the answer, rows 2 and 3, a mark, and others.
	if want := []string{"corrupt4", "answer5", "answer6"}; !slices.Equal(damage, want) {
		t.Errorf("damage %v, want %v", damage, want)
	}

	// An answer that is damaged while the journal is open.
	text = read(t, dir, "results-p1-000001.jsonl")
	put(t, bytes.Replace(text, []byte(`"answer 5"`), []byte(`"answer X"`), 1), dir, "results-p1-000001.jsonl")
	if err := j.Prune(byRow(t, 2)); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	handsOut(t, j, results(1, 2)...)
	hasNot(t, j, all[2:]...)
	damage = nil
	for _, d := range j.Damage() {
		damage = append(damage, fmt.Sprint(d.Kind, d.Line))
	}
	if want := []string{"corrupt4", "answer6", "corrupt8", "answer9", "answer10"}; !slices.Equal(damage, want) {
		t.Errorf("damage %v, want %v", damage, want)
	}
}
