package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// fill sets every field under v to something other than its zero value.
func fill(t *testing.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 5, 6, 7, 8, 9, 10, time.UTC)))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{"a":[1,2]}`))
		return
	case batch.Status:
		v.SetString(string(batch.Truncated))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("<text> & \"more\" \u2028 \x01 \n é")
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<40 + 1)
	case reflect.Uint8:
		v.SetUint(0xfe)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("no value for a %v", v.Type())
	}
}

// Every field of a Result comes back, even one that will be added tomorrow.
func TestEveryFieldComesBack(t *testing.T) {
	dir := t.TempDir()
	full, empty := new(batch.Result), &batch.Result{Status: batch.Failed}
	fill(t, reflect.ValueOf(full).Elem())
	j := open(t, journal.Config{Dir: dir})
	write(t, j, full, empty)
	if full.Seq != 1 || empty.Seq != 2 || j.Last() != 2 {
		t.Errorf("Seq are %d and %d, Last %d, want 1, 2, 2", full.Seq, empty.Seq, j.Last())
	}
	has(t, j, full, empty)
	j.Close()

	j = open(t, journal.Config{Dir: dir, ReadOnly: true})
	noDamage(t, j)
	has(t, j, full, empty)
	var got []*batch.Result
	for r, err := range j.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if want := []*batch.Result{full, empty}; !reflect.DeepEqual(got, want) {
		t.Errorf("All yields\n%+v, want\n%+v", got, want)
	}
}

// The file is what the package comment says it is.
func TestFormat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := open(t, journal.Config{Dir: dir})
	write(t, j, result(1), result(2))
	lines := strings.SplitAfter(string(read(t, dir, "results-000001.jsonl")), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Fatalf("segment is %q, want three lines", lines)
	}
	starts := []string{
		`{"format":"genbatch-journal","version":1,"first_seq":1,"crc32c":"`,
		`{"seq":1,"fingerprint":"` + fingerprint(1).String() + `","occurrence":0,"status":"ok","row":1,"key":"k1","endpoint":"sim","model":"m",` +
			`"at":"2026-01-02T03:04:05.000000001Z","latency_ms":0,"attempts":1,"response":{"text":"answer 1"},"crc32c":"`,
		`{"seq":2,`,
	}
	for i, start := range starts {
		isJSON(t, []byte(lines[i]))
		if !strings.HasPrefix(lines[i], start) {
			t.Errorf("line %d is\n%s, want it to start\n%s", i+1, lines[i], start)
		}
		body := lines[i][:strings.LastIndex(lines[i], ",")]
		sum := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
		if want := fmt.Sprintf("%s,\"crc32c\":\"%08x\"}\n", body, sum); lines[i] != want {
			t.Errorf("line %d is\n%s, want\n%s", i+1, lines[i], want)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "results-000001.jsonl"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s is %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// Whatever the answer is, it becomes one line of JSON and comes back.
func TestResponses(t *testing.T) {
	tests := []struct{ name, response, want string }{
		{"none", "", ""},
		{"object", `{"a": 1}`, `{"a": 1}`},
		{"array", `[{"a":1},{"a":2}]`, `[{"a":1},{"a":2}]`},
		{"null", `null`, `null`},
		{"string", `"x"`, `"x"`},
		{"pretty", "{\n  \"a\": [\n 1,\r\n 2]\n}\n", `{"a":[1,2]}`},
		{"blanks around", " {\"a\":1}\r\n", `{"a":1}`},
		{"html", "<html>\n\"x\"</html>", `"\u003chtml\u003e\n\"x\"\u003c/html\u003e"`},
		{"cut", `{"a":`, `"{\"a\":"`},
		{"cut over lines", "{\n\"a\":", `"{\n\"a\":"`},
		{"like our own fields", `{"a":1,"response":{"b":2},"blob":"x","crc32c":"00000000"}`, `{"a":1,"response":{"b":2},"blob":"x","crc32c":"00000000"}`},
		{"like our own lines", `[{"crc32c":"00000000"},{"seq":1}]`, `[{"crc32c":"00000000"},{"seq":1}]`},
		{"like a blob", `{"x":0,"blob":"` + strings.Repeat("0", 64) + `"}`, `{"x":0,"blob":"` + strings.Repeat("0", 64) + `"}`},
	}
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	var want []*batch.Result
	for i, test := range tests {
		for _, key := range []string{"", `k,"response":{},"blob":"`, `","response":0`} {
			r := result(len(want))
			r.Key, r.Error, r.Response = key, key, json.RawMessage(test.response)
			write(t, j, r)
			if test.want == "" {
				r.Response = nil
			} else {
				r.Response = json.RawMessage(tests[i].want)
			}
			want = append(want, r)
		}
	}
	has(t, j, want...)
	j.Close()
	j = open(t, journal.Config{Dir: dir})
	noDamage(t, j)
	has(t, j, want...)
	for line := range bytes.Lines(read(t, dir, "results-000001.jsonl")) {
		isJSON(t, line)
	}
}

func TestLaterResult(t *testing.T) {
	tests := []struct{ earlier, later, want batch.Status }{
		{batch.Failed, batch.OK, batch.OK},
		{batch.OK, batch.Failed, batch.OK},
		{batch.OK, batch.Blocked, batch.Blocked},
		{batch.Blocked, batch.OK, batch.OK},
		{batch.Failed, batch.Pending, batch.Pending},
		{batch.Invalid, batch.Pending, batch.Invalid},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s then %s", test.earlier, test.later), func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, journal.Config{Dir: dir})
			earlier, later, other := result(1), result(1), result(1)
			earlier.Status, earlier.Error = test.earlier, "earlier"
			later.Status, later.Error = test.later, "later"
			other.Occurrence = 1
			want, loser := later, earlier
			if test.want == test.earlier {
				want, loser = earlier, later
			}
			check := func() {
				t.Helper()
				has(t, j, want, other)
				if s := j.Superseded(other.Fingerprint, 1); s != nil {
					t.Errorf("Superseded of a row with one result: %+v", s)
				}
				s := j.Superseded(fingerprint(1), 0)
				if len(s) != 1 || s[0].Status != loser.Status {
					t.Fatalf("Superseded is %+v, want the result %s", s, loser.Error)
				}
				if r, err := j.Read(s[0]); err != nil || r.Error != loser.Error {
					t.Errorf("Superseded reads %+v, %v, want the result %s", r, err, loser.Error)
				}
				rows := map[batch.Status]int64{want.Status: 1}
				rows[other.Status]++
				if got := j.Rows(); !reflect.DeepEqual(got, rows) {
					t.Errorf("Rows is %v, want %v", got, rows)
				}
			}
			write(t, j, earlier, other)
			write(t, j, later)
			check()
			j.Close()
			j = open(t, journal.Config{Dir: dir})
			noDamage(t, j)
			check()
			if rows, _ := all(t, j); len(rows) != 3 {
				t.Errorf("All yields %d results, want all 3", len(rows))
			}
		})
	}
}

func TestSegments(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, SegmentBytes: 2000}
	var want []*batch.Result
	for from := 0; from < 60; from += 5 {
		j := open(t, c) // it is opened anew each time, and continues a segment that has room
		group := results(from, from+5)
		write(t, j, group[:2]...)
		write(t, j, group[2:]...)
		want = append(want, group...)
		has(t, j, want...)
		j.Close()
	}
	j := open(t, c)
	noDamage(t, j)
	has(t, j, want...)
	if rows, _ := all(t, j); len(rows) != 60 || !slices.IsSorted(rows) {
		t.Errorf("All yields rows %v, want 0 to 59", rows)
	}
	if j.Last() != 60 {
		t.Errorf("Last is %d, want 60", j.Last())
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	seq := 1
	for i, path := range segments {
		if want := fmt.Sprintf("results-%06d.jsonl", i+1); filepath.Base(path) != want {
			t.Errorf("file is %s, want %s", filepath.Base(path), want)
		}
		data := read(t, path)
		if len(data) > 2000 || i < len(segments)-1 && len(data) < 1000 {
			t.Errorf("segment %d has %d bytes, want 1000 to 2000", i+1, len(data))
		}
		head := fmt.Sprintf(`{"format":"genbatch-journal","version":1,"first_seq":%d,`, seq)
		if !bytes.HasPrefix(data, []byte(head)) {
			t.Errorf("segment %d begins %.80s, want %s", i+1, data, head)
		}
		seq += bytes.Count(data, []byte("\n")) - 1
	}
	if len(segments) < 8 {
		t.Errorf("%d segments, want several", len(segments))
	}

	// A group that is larger than a segment gets one of its own.
	big := results(100, 130)
	write(t, j, big...)
	has(t, j, big...)
	if n := bytes.Count(read(t, dir, fmt.Sprintf("results-%06d.jsonl", len(segments)+1)), []byte("\n")); n != 31 {
		t.Errorf("the segment after it has %d lines, want 31", n)
	}
}

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, BlobBytes: 100}
	small, big, same := result(1), result(2), result(3)
	small.Response = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 100-len(`{"text":""}`)))
	big.Response = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 101-len(`{"text":""}`)))
	same.Response = big.Response
	j := open(t, c)
	write(t, j, small, big)
	write(t, j, same)
	has(t, j, small, big, same)
	j.Close()

	blobs, err := os.ReadDir(filepath.Join(dir, "blobs"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("blobs are %v, %v, want one", blobs, err)
	}
	name := blobs[0].Name()
	put(t, nil, dir, "blobs", name+".tmp-123") // a killed process leaves such a file
	j = open(t, c)
	noDamage(t, j)
	has(t, j, small, big, same)
	if rows, damage := all(t, j); !slices.Equal(rows, []int64{1, 2, 3}) || damage != nil {
		t.Errorf("All yields rows %v, damage %v", rows, damage)
	}
	if _, err := os.Stat(filepath.Join(dir, "blobs", name+".tmp-123")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished blob is still there: %v", err)
	}

	// Read and All find damage that happens while the journal is open.
	data := read(t, dir, "blobs", name)
	spoilt := bytes.Clone(data)
	spoilt[50] ^= 4
	put(t, spoilt, dir, "blobs", name)
	e, _ := j.Lookup(big.Fingerprint, 0)
	if _, err := j.Read(e); !isDamage(err, journal.Blob, "results-000001.jsonl") {
		t.Errorf("Read of a damaged blob: %v", err)
	}
	rows, damage := all(t, j)
	if !slices.Equal(rows, []int64{1}) || len(damage) != 2 || damage[0].Kind != journal.Blob || damage[0].Line != 3 {
		t.Errorf("All yields rows %v, damage %v, want row 1 and damage at lines 3 and 4", rows, damage)
	}
	j.Close()

	for _, what := range []string{"damaged", "missing"} {
		if what == "missing" {
			if err := os.Remove(filepath.Join(dir, "blobs", name)); err != nil {
				t.Fatal(err)
			}
		}
		j = open(t, c)
		if d := j.Damage(); len(d) != 2 || d[0].Kind != journal.Blob || d[0].Line != 3 || d[1].Line != 4 || !strings.Contains(d[0].Detail, name) {
			t.Errorf("%s: damage is %+v, want the blob's, at lines 3 and 4", what, d)
		}
		has(t, j, small)
		hasNot(t, j, big, same)
		j.Close()
	}

	// The same answer, bought again, repairs the blob.
	j = open(t, c)
	write(t, j, big)
	has(t, j, big)
	j.Close()
	j = open(t, c)
	noDamage(t, j)
	has(t, j, small, big, same)
}

func isDamage(err error, kind journal.DamageKind, segment string) bool {
	d, ok := errors.AsType[*journal.Damage](err)
	return ok && d.Kind == kind && d.Segment == segment
}

func TestRefused(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir()})
	for name, spoil := range map[string]func(*batch.Result){
		"no status":           func(r *batch.Result) { r.Status = "" },
		"unknown status":      func(r *batch.Result) { r.Status = "fine" },
		"negative occurrence": func(r *batch.Result) { r.Occurrence = -1 },
		"time out of range":   func(r *batch.Result) { r.At = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		good, bad := result(1), result(77)
		spoil(bad)
		if err := j.Write([]*batch.Result{good, bad}); err == nil || !strings.Contains(err.Error(), "row 77") {
			t.Errorf("%s: error is %v, want one that names row 77", name, err)
		}
		hasNot(t, j, good, bad)
	}
	if err := j.Write(nil); err != nil {
		t.Errorf("Write of nothing: %v", err)
	}
	write(t, j, result(1))
	has(t, j, result(1))
	if j.Last() != 1 {
		t.Errorf("Last is %d, want 1: what is refused takes no seq", j.Last())
	}
	if _, err := j.Read(journal.Entry{}); err == nil {
		t.Error("Read of the zero Entry succeeds")
	}
}

func TestClose(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir()})
	write(t, j, result(1))
	e, _ := j.Lookup(fingerprint(1), 0)
	for range 2 {
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := j.Write(results(2, 3)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Close: %v, want os.ErrClosed", err)
	}
	if _, err := j.Read(e); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close: %v, want os.ErrClosed", err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	ro := journal.Config{Dir: dir, ReadOnly: true}
	if _, err := journal.Open(ro); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("of a missing folder: %v, want fs.ErrNotExist and the path", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}

	j := open(t, journal.Config{Dir: dir})
	r := open(t, ro) // the journal has no result
	if r.Last() != 0 || r.Write(results(0, 1)) == nil {
		t.Error("an empty journal has a result, or can be written when read-only")
	}
	write(t, j, results(0, 2)...)
	whole := read(t, dir, "results-000001.jsonl")
	write(t, j, result(2))
	after := read(t, dir, "results-000001.jsonl")
	j.Close()

	// A reader may see any state of a write that is under way.
	for n := len(whole); n <= len(after); n++ {
		put(t, after[:n], dir, "results-000001.jsonl")
		r := open(t, ro)
		noDamage(t, r)
		has(t, r, results(0, 2)...)
		wantRows := 2
		if n >= len(after)-1 { // the line lacks its line end at most
			wantRows = 3
			has(t, r, result(2))
		}
		if rows, damage := all(t, r); len(rows) != wantRows || damage != nil {
			t.Fatalf("%d bytes: All yields rows %v, damage %v", n, rows, damage)
		}
		r.Close()
		if got := read(t, dir, "results-000001.jsonl"); !bytes.Equal(got, after[:n]) {
			t.Fatalf("%d bytes: the segment was changed", n)
		}
	}
}

// All kinds of readers run beside the one writer. The race detector is the judge.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	c := journal.Config{Dir: dir, SegmentBytes: 4000, FS: unsynced}
	j := open(t, c)
	const groups, size = 60, 5
	group := func(g int) []*batch.Result {
		if g%2 == 0 {
			return results(g*size, (g+1)*size)
		}
		return pack(g*size, (g+1)*size)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for g := range groups {
			rs := group(g)
			if err := errors.Join(j.Write(rs[:2]), j.Write(rs[2:])); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 3 {
			p := j.Pass()
			for n := range groups * size {
				if occurrence, e, known := p.Next(fingerprint(n)); known {
					if r, err := j.Read(e); err != nil || r.Row != int64(n) || occurrence != 0 {
						t.Errorf("row %d: %+v, %v", n, r, err)
					}
				}
			}
		}
	})
	wg.Go(func() {
		last := int64(0)
		for last < groups*size {
			before := j.Last()
			rows, damage := all(t, j)
			if int64(len(rows)) < before || damage != nil {
				t.Errorf("All yields %d results, damage %v, after Last said %d", len(rows), damage, before)
				return
			}
			other, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
			if err != nil {
				t.Error(err)
				return
			}
			if d := other.Damage(); d != nil || other.Last() < before {
				t.Errorf("another reader finds damage %v and %d results, after Last said %d", d, other.Last(), before)
				return
			}
			other.Close()
			last = before
		}
	})
	wg.Go(func() {
		for j.Last() < groups*size {
			for _, err := range j.Candidates() {
				if err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	wg.Wait()
	for g := range groups {
		has(t, j, group(g)...)
	}
}
