package reader

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// A tableMaker makes the content of a file of some rows. The names of its columns are k and v.
type tableMaker struct {
	name string
	make func(r *rand.Rand, rows int) []byte
}

// cell returns a text that is hard to divide: it may hold line ends and quotes.
func cell(r *rand.Rand) string {
	parts := []string{"a", "text", "\"", "\n", "\r\n", ",", "\t", "ü", "", strings.Repeat("long ", 60)}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// jsonlOf returns lines in all forms that they come in, bad ones and empty ones among them.
func jsonlOf(r *rand.Rand, rows int) []byte {
	var b bytes.Buffer
	end := []string{"\n", "\r\n"}[r.IntN(2)]
	if r.IntN(3) == 0 {
		b.WriteString("\ufeff")
	}
	for i := range rows {
		switch r.IntN(12) {
		case 0:
			b.WriteString(end)
		case 1:
			b.WriteString("  " + end)
		case 2:
			fmt.Fprintf(&b, "{\"k\": %d, broken%s", i, end)
			continue
		case 3:
			fmt.Fprintf(&b, "{\"k\": %d, \"v\": \"%s\"}%s", i, strings.Repeat("x", 3000), end)
			continue
		}
		fmt.Fprintf(&b, "{\"k\": %d, \"v\": %q}%s", i, "v"+strings.Repeat("é", r.IntN(40)), end)
	}
	return perhapsUnended(r, b.Bytes(), end)
}

// perhapsUnended takes the last line end away every other time.
func perhapsUnended(r *rand.Rand, text []byte, end string) []byte {
	if r.IntN(2) == 0 {
		return bytes.TrimSuffix(text, []byte(end))
	}
	return text
}

func csvOf(comma string) func(r *rand.Rand, rows int) []byte {
	return func(r *rand.Rand, rows int) []byte {
		var b bytes.Buffer
		end := []string{"\n", "\r\n"}[r.IntN(2)]
		if r.IntN(3) == 0 {
			b.WriteString("\ufeff")
		}
		fmt.Fprintf(&b, `"k"%s"v"%s`, comma, end)
		for i := range rows {
			switch r.IntN(12) {
			case 0:
				b.WriteString(end)
			case 1: // too few fields
				fmt.Fprintf(&b, `"%d"%s`, i, end)
				continue
			case 2: // a quote that is never closed, or closed by one of a later record
				fmt.Fprintf(&b, `"%d"%s"open%s`, i, comma, end)
				continue
			case 3: // longer than a row may be
				fmt.Fprintf(&b, `"%d"%s"%s"%s`, i, comma, strings.Repeat("y\n", 2000), end)
				continue
			}
			fmt.Fprintf(&b, `"%d"%s"%s"%s`, i, comma, strings.ReplaceAll(cell(r), `"`, `""`), end)
		}
		return perhapsUnended(r, b.Bytes(), end)
	}
}

func inGzip(make func(*rand.Rand, int) []byte) func(*rand.Rand, int) []byte {
	return func(r *rand.Rand, rows int) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(make(r, rows))
		w.Close()
		return b.Bytes()
	}
}

func zstandard(make func(*rand.Rand, int) []byte) func(*rand.Rand, int) []byte {
	return func(r *rand.Rand, rows int) []byte {
		w, _ := zstd.NewWriter(nil)
		return w.EncodeAll(make(r, rows), nil)
	}
}

func inUTF16(make func(*rand.Rand, int) []byte) func(*rand.Rand, int) []byte {
	return func(r *rand.Rand, rows int) []byte {
		b := []byte{0xFF, 0xFE}
		for _, u := range utf16.Encode([]rune(strings.TrimPrefix(string(make(r, rows)), "\ufeff"))) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	}
}

func parquetOf(r *rand.Rand, rows int) []byte {
	type record struct {
		K int64  `parquet:"k"`
		V string `parquet:"v"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[record](&b, parquet.MaxRowsPerRowGroup(int64(1+r.IntN(60))))
	for i := range rows {
		w.Write([]record{{int64(i), cell(r)}})
	}
	w.Close()
	return b.Bytes()
}

var tableMakers = []tableMaker{
	{"a.jsonl", jsonlOf}, {"a.csv", csvOf(",")}, {"a.tsv", csvOf("\t")}, {"a.parquet", parquetOf},
	{"a.jsonl.gz", inGzip(jsonlOf)}, {"a.csv.gz", inGzip(csvOf(","))}, {"a.jsonl.zst", zstandard(jsonlOf)},
	{"u.csv", inUTF16(csvOf(","))}, {"u.jsonl", inUTF16(jsonlOf)},
}

// tables makes files of a seed in a folder, at least one of which is of the maker.
func tables(t *testing.T, r *rand.Rand, m tableMaker) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range 1 + r.IntN(4) {
		made := m
		if i > 0 {
			made = tableMakers[r.IntN(len(tableMakers))]
		}
		rows := []int{0, 1, r.IntN(10), r.IntN(150), 100 + r.IntN(400)}[r.IntN(5)]
		path := filepath.Join(dir, fmt.Sprintf("%d%s", i, made.name))
		if err := os.WriteFile(path, made.make(r, rows), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// rowText returns all of a row that does not depend on where the reading began.
func rowText(r *batch.Row) string {
	err := ""
	if r.Err != nil {
		e := *r.Err.(*Error)
		e.Line, e.Offset = 0, 0
		err = e.Error()
	}
	return fmt.Sprintf("%s|%q|%v|%s", filepath.Base(r.Source), r.Raw, r.Values, err)
}

// The shards of an input have each of its rows once, in its order, and Placed says which.
func TestShards(t *testing.T) {
	for _, m := range tableMakers {
		t.Run(m.name, func(t *testing.T) {
			for seed := range uint64(2) {
				r := rand.New(rand.NewPCG(seed, 21))
				paths := tables(t, r, m)
				config := Config{Paths: paths, MaxRowBytes: 2500}
				whole, err := Open(config)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				rows, err := all(whole)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				for _, count := range []int{1, 2 + r.IntN(9), 1 + r.IntN(60)} {
					want := make([][]string, count+1)
					n, done := 0, 0
					for p, err := range whole.Placed(count) {
						if err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
						if p.Shard < 1 || p.Shard > count {
							t.Fatalf("seed %d: row %d is in shard %d of %d", seed, n+1, p.Shard, count)
						}
						if p.Shard <= done || p.Done < done {
							t.Fatalf("seed %d: row %d is in shard %d, and the shards up to %d were done before; now those up to %d are", seed, n+1, p.Shard, done, p.Done)
						}
						done = p.Done
						if got, want := rowText(&p.Row), rowText(&rows[n]); got != want || p.Number != rows[n].Number || p.Line != rows[n].Line {
							t.Fatalf("seed %d: the row %s stands in the place of %s", seed, got, want)
						}
						want[p.Shard] = append(want[p.Shard], rowText(&p.Row))
						n++
					}
					if n != len(rows) {
						t.Fatalf("seed %d: %d of %d rows have a shard", seed, n, len(rows))
					}
					for index := 1; index <= count; index++ {
						if len(want[index]) == 0 && index > 8 && r.IntN(20) > 0 {
							continue // hundreds of them are empty
						}
						config.Shard = Shard{Index: index, Count: count}
						in, err := Open(config)
						if err != nil {
							t.Fatal(err)
						}
						part, err := all(in)
						if err != nil {
							t.Fatalf("seed %d: shard %d of %d: %v", seed, index, count, err)
						}
						got := make([]string, len(part))
						for i := range part {
							if got[i] = rowText(&part[i]); part[i].Number != int64(i+1) {
								t.Fatalf("seed %d: shard %d of %d: row %d has the number %d", seed, index, count, i+1, part[i].Number)
							}
						}
						if !slices.Equal(got, want[index]) {
							t.Fatalf("seed %d: shard %d of %d has %d rows, and Placed gives it %d:\n%.300q\n%.300q", seed, index, count, len(got), len(want[index]), got, want[index])
						}
						if index == 1 && !sameNumberOfRows(in.Whole(), len(rows)) {
							t.Fatalf("seed %d: the whole of a shard is not the whole input", seed)
						}
					}
				}
			}
		})
	}
}

func sameNumberOfRows(in *Input, want int) bool {
	rows, err := all(in)
	return err == nil && len(rows) == want
}

// The rule by which rows belong to shards is a promise: shards of different versions may be
// merged. Here it is worked out again, with fractions, from the bytes of the files.
func TestShardRule(t *testing.T) {
	lines := "{\"k\":1}\n\n{\"k\":22}\r\n{\"k\":333}"
	csv := "k,v\n1,\"a\nb\"\n2,c\n3,\"d\"\n"
	var rows []byte
	r := rand.New(rand.NewPCG(1, 2))
	rows = parquetOf(r, 137)
	packed := inGzip(func(*rand.Rand, int) []byte { return []byte(strings.Repeat("{\"k\":1}\n", 450)) })(r, 0)
	dir := t.TempDir()
	total := 0
	var paths []string
	for _, f := range []struct {
		name string
		text []byte
	}{{"a.jsonl", []byte(lines)}, {"b.csv", []byte(csv)}, {"c.parquet", rows}, {"d.jsonl.gz", packed}} {
		paths = append(paths, filepath.Join(dir, f.name))
		if err := os.WriteFile(paths[len(paths)-1], f.text, 0o600); err != nil {
			t.Fatal(err)
		}
		total += len(f.text)
	}
	// The place of each row on the line, as a fraction of all of it.
	fraction := func(num, den int) *big.Rat { return big.NewRat(int64(num), int64(den)) }
	for _, count := range []int{1, 2, 3, 7, 64, 501} {
		shard := func(place *big.Rat) int {
			for i := 1; ; i++ {
				if place.Cmp(fraction(i, count)) < 0 {
					return i
				}
			}
		}
		var want []int
		for _, at := range []int{0, 9, 19} {
			want = append(want, shard(fraction(at, total)))
		}
		begin := len(lines)
		for _, at := range []int{4, 12, 16} {
			want = append(want, shard(fraction(begin+at, total)))
		}
		begin += len(csv)
		for i := range 137 {
			want = append(want, shard(fraction(begin+len(rows)*i/137, total)))
		}
		begin += len(rows)
		first, last := shard(fraction(begin, total)), shard(fraction(total-1, total))
		for i := range 450 {
			want = append(want, first+i/100%(last-first+1))
		}
		var got []int
		for p, err := range open(t, Config{}, paths...).Placed(count) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Shard)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d shards: rows are in\n%v, want\n%v", count, got, want)
		}
	}
}

// A shard does not read row groups that have none of its rows, and enters JSONL in the middle.
func TestShardReadsItsOwn(t *testing.T) {
	path := write(t, "a.parquet", string(parquetOf(rand.New(rand.NewPCG(3, 4)), 600)))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	groups := f.Metadata().RowGroups
	if len(groups) < 8 {
		t.Fatalf("the file has %d row groups, which are too few to leave some out", len(groups))
	}
	config := Config{Paths: []string{path}, Shard: Shard{Index: 2, Count: 4}}
	in, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	before, err := all(in)
	if err != nil || len(before) != 150 {
		t.Fatalf("%d rows, %v", len(before), err)
	}
	// Destroying the values of the first and the last row group changes nothing.
	for _, g := range []int{0, len(groups) - 1} {
		at := groups[g].Columns[1].MetaData.DataPageOffset
		for i := range int64(12) {
			text[at+i] ^= 0x5A
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := all(in.Whole()); err == nil {
		t.Fatal("the damage is not where rows are read")
	}
	after, err := all(in)
	if err != nil || len(after) != len(before) {
		t.Errorf("a shard that needs none of the damaged row groups: %d rows, %v", len(after), err)
	}

	lines := write(t, "a.jsonl", strings.Repeat("{\"k\":1}\n", 100)+"{\"k\":}\n"+strings.Repeat("{\"k\":1}\n", 99))
	rows, err := all(open(t, Config{Shard: Shard{Index: 2, Count: 2}}, lines))
	if err != nil || len(rows) != 100 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := lines + ": the line at byte 800, column 6: "
	if bad := rows[0]; bad.Err == nil || !strings.HasPrefix(bad.Err.Error(), want) || bad.Line != 0 || !strings.HasPrefix(bad.Place(), lines+": the line at byte 800") {
		t.Errorf("line %d, %v, want an error that begins with %s", bad.Line, bad.Err, want)
	}
}

// Files that are rows belong to the shards in which they begin, also empty ones and the last.
func TestShardsOfFiles(t *testing.T) {
	dir := t.TempDir()
	sizes := []int{0, 10, 0, 0, 25, 1, 64, 0}
	for i, n := range sizes {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", i)), bytes.Repeat([]byte("x"), n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, count := range []int{1, 2, 3, 4, 100, 1000} {
		var want, got []string
		for index := 1; index <= count; index++ {
			begin := 0
			for i, n := range sizes {
				if begin*count/100+1 == index || begin == 100 && index == count {
					want = append(want, fmt.Sprintf("%d: %d", index, i))
				}
				begin += n
			}
			in := open(t, Config{Format: "files", Shard: Shard{index, count}}, dir)
			rows, err := all(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				got = append(got, fmt.Sprintf("%d: %s", index, strings.TrimSuffix(filepath.Base(r.Source), ".txt")))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d shards have %q, want %q", count, got, want)
		}
		var placed []string
		for p, err := range open(t, Config{Format: "files"}, dir).Placed(count) {
			if err != nil {
				t.Fatal(err)
			}
			placed = append(placed, fmt.Sprintf("%d: %s", p.Shard, strings.TrimSuffix(filepath.Base(p.Source), ".txt")))
		}
		if !slices.Equal(placed, want) {
			t.Errorf("%d shards are to have %q, want %q", count, placed, want)
		}
	}
}

func TestShardThatIsNone(t *testing.T) {
	path := write(t, "a.jsonl", "{}\n")
	for _, s := range []Shard{{0, 3}, {4, 3}, {-1, 3}, {1, -1}, {1, 0}} {
		if _, err := Open(Config{Paths: []string{path}, Shard: s}); err == nil || !strings.Contains(err.Error(), "there is no shard") {
			t.Errorf("shard %v: %v", s, err)
		}
	}
}
