package writer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// footer opens a Parquet file to look at its schema.
func footer(t testing.TB, path string) *parquet.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsOf(t testing.TB, in *reader.Input) []batch.Row {
	t.Helper()
	var rows []batch.Row
	for r, err := range in.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// TestParquetRoundTrip checks that schema and values come out as they went in, for every
// type and for files of other programs.
func TestParquetRoundTrip(t *testing.T) {
	files, err := filepath.Glob("../reader/testdata/*.parquet")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if filepath.Base(file) == "damaged.parquet" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			in := openInput(t, file)
			n := len(in.Columns())
			path := convert(t, in, "o.parquet", all(in.Columns()))
			was, is := footer(t, file).Schema().Fields(), footer(t, path).Schema().Fields()
			if len(is) != n+len(results) {
				t.Fatalf("%d columns", len(is))
			}
			var shifts []int // for each leaf the definition levels that it gains
			for i := range was {
				// A column must be optional, in case a row cannot be read.
				node, shift := parquet.Node(was[i]), 0
				if node.Required() {
					node, shift = parquet.Optional(node), 1
				}
				shifts = append(shifts, slices.Repeat([]int{shift}, leaves(node))...)
				_, wasText, _ := strings.Cut(node.String(), ": ") // after the name of the root
				if shift == 1 && node.Leaf() {
					wasText = strings.Replace(wasText, "required", "optional", 1)
				}
				_, isText, _ := strings.Cut(is[i].String(), ": ")
				if was[i].Name() != is[i].Name() || !parquet.EqualNodes(node, is[i]) || wasText != isText {
					t.Errorf("column %d\n was %s %s\n is %s %s", i, was[i].Name(), node, is[i].Name(), is[i])
				}
			}
			before, after := rowsOf(t, in), rowsOf(t, openInput(t, path))
			if len(before) != len(after) {
				t.Fatalf("%d rows, were %d", len(after), len(before))
			}
			for i := range before {
				// They are compared as text, because NaN is not equal to itself.
				if got, want := fmt.Sprintf("%q", after[i].Values[:n]), fmt.Sprintf("%q", before[i].Values); got != want {
					t.Errorf("row %d\n got %s\nwant %s", i+1, got, want)
				}
				was := before[i].Native.(parquet.Row)
				for j, v := range was {
					was[j] = v.Level(v.RepetitionLevel(), v.DefinitionLevel()+shifts[v.Column()], v.Column())
				}
				is := after[i].Native.(parquet.Row)[:len(was)]
				if got, want := fmt.Sprintf("%+v", is), fmt.Sprintf("%+v", was); got != want {
					t.Errorf("row %d, with levels\n got %s\nwant %s", i+1, got, want)
				}
			}
		})
	}
}

// TestParquetNullWhereRequired writes a row that could not be read, from a file whose
// column is required.
func TestParquetNullWhereRequired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.parquet")
	col := batch.Column{Name: "a", Type: batch.Int, Native: parquet.Leaf(parquet.Int64Type)}
	o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{col}, Input: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Abort()
	for _, v := range []any{int64(7), nil} {
		if err := o.Write(&batch.Row{Columns: []batch.Column{col}, Values: []any{v}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, openInput(t, path)); len(got) != 2 || got[0].Values[0] != int64(7) || got[1].Values[0] != nil {
		t.Errorf("got %v", got)
	}
}

func leaves(n parquet.Node) int {
	if n.Leaf() {
		return 1
	}
	count := 0
	for _, f := range n.Fields() {
		count += leaves(f)
	}
	return count
}

// TestParquetPicked takes some columns, in another order.
func TestParquetPicked(t *testing.T) {
	in := openInput(t, "../reader/testdata/types.parquet")
	var picked []batch.Column
	for _, name := range []string{"struct", "ts_us", "list", "id"} {
		i := slices.IndexFunc(in.Columns(), func(c batch.Column) bool { return c.Name == name })
		picked = append(picked, in.Columns()[i])
	}
	path := convert(t, in, "o.parquet", all(picked))
	after := rowsOf(t, openInput(t, path))
	for i, r := range rowsOf(t, in) {
		for j, c := range picked {
			want, _ := r.Value(c.Name)
			if !reflect.DeepEqual(after[i].Values[j], want) || after[i].Columns[j].Name != c.Name {
				t.Errorf("row %d: %s is %v, want %v", i+1, c.Name, after[i].Values[j], want)
			}
		}
	}
}

func TestJSONLToParquet(t *testing.T) {
	in := source(t, "a.jsonl", `{"z":1,"s":"x","f":1,"o":{"k":[1]},"m":"text","h":1}`+"\n"+
		`{bad`+"\n"+
		`{"f":2.5,"t":true,"m":{"x":1},"h":18446744073709551616,"z":null}`+"\n")
	path := convert(t, in, "o.parquet", all(columns(t, in)))
	want := map[string]string{
		"z": "INT(64,true)", "s": "STRING", "f": "DOUBLE", "o": "JSON", "m": "JSON", "h": "STRING", "t": "BOOLEAN",
		"response": "STRING", "status": "STRING", "tokens": "INT(64,true)", "cost_usd": "DECIMAL(18,12)",
	}
	var order []string
	for _, f := range footer(t, path).Schema().Fields() {
		order = append(order, f.Name())
		if got := f.Type().String(); got != want[f.Name()] || !f.Optional() {
			t.Errorf("%s is %s, optional %t; want %s", f.Name(), got, f.Optional(), want[f.Name()])
		}
	}
	if got := strings.Join(order, " "); got != "z s f o m h t response status tokens cost_usd" {
		t.Errorf("columns %s", got)
	}
	var got []string
	for _, r := range rowsOf(t, openInput(t, path)) {
		got = append(got, fmt.Sprintf("%q", r.Values))
	}
	wantRows := []string{
		`['\x01' "x" %!q(float64=1) "{\"k\":[1]}" "\"text\"" "1" <nil> "a <b> \"c\"\n" "ok" '\f' "0.000001500000"]`,
		`[<nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> "skipped" <nil> <nil>]`,
		`[<nil> <nil> %!q(float64=2.5) <nil> "{\"x\":1}" "18446744073709551616" %!q(bool=true) "a <b> \"c\"\n" "ok" '\f' "0.000001500000"]`,
	}
	if !slices.Equal(got, wantRows) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantRows, "\n"))
	}
}

// TestParquetFilesThatDiffer joins files with different schemas, and one that is CSV.
func TestParquetFilesThatDiffer(t *testing.T) {
	type one struct {
		A int64   `parquet:"a"`
		B []int32 `parquet:"b,list"`
		C string  `parquet:"c"`
		D int64   `parquet:"d,timestamp(millisecond)"`
	}
	type two struct {
		D int64  `parquet:"d,timestamp(millisecond)"`
		A int32  `parquet:"a"`
		C string `parquet:"c"`
	}
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "1.parquet"), filepath.Join(dir, "2.parquet"), filepath.Join(dir, "3.csv")}
	if err := parquet.WriteFile(paths[0], []one{{1, []int32{7, 8}, "x", 1000}}); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(paths[1], []two{{2000, 2, "y"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths[2], []byte("c\nz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := openInput(t, paths...)
	want := `[[1 [7,8] x 1970-01-01T00:00:01Z] [2 <nil> y 1970-01-01T00:00:02Z] [<nil> <nil> z <nil>]]`
	for _, c := range [][]batch.Column{in.Columns(), columns(t, in)} {
		path := convert(t, in, "o.parquet", writer.Config{Columns: c, Input: len(c)})
		var got []string
		for _, r := range rowsOf(t, openInput(t, path)) {
			got = append(got, fmt.Sprintf("%s", r.Values))
		}
		text := strings.NewReplacer("%!s(int64=", "", ")", "", "%!s(<nil>", "<nil>").Replace(fmt.Sprint(got))
		if text != want {
			t.Errorf("got %s, want %s", text, want)
		}
		fields := footer(t, path).Schema().Fields()
		if d := fields[3]; !d.Optional() || !strings.HasPrefix(d.Type().String(), "TIMESTAMP") {
			t.Errorf("d, in two files of three, is %s", d)
		}
	}
}

func TestParquetErrors(t *testing.T) {
	tests := []struct {
		name string
		col  batch.Column
		in   int
		v    any
		want string
	}{
		{"beyond int64", batch.Column{Name: "a", Type: batch.Int}, 0, json.Number("9223372036854775808"), "no integer of 64 bits"},
		{"text in a number", batch.Column{Name: "a", Type: batch.Float}, 0, "x", "a string does not fit"},
		{"text as timestamp", batch.Column{Name: "a", Native: parquet.Timestamp(parquet.Millisecond)}, 1, "2020-01-01", "cannot be written as"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := writer.Create(writer.Config{Path: filepath.Join(t.TempDir(), "o.parquet"), Columns: []batch.Column{tt.col}, Input: tt.in})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Abort()
			row, result := &batch.Row{Columns: []batch.Column{{Name: "a"}}, Values: []any{tt.v}}, []any(nil)
			if tt.in == 0 {
				row, result = nil, []any{tt.v}
			}
			if err := o.Write(row, result); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"a"`) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestParquetMemory writes far more than the memory it may use, in several row groups.
func TestParquetMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.parquet")
	o, err := writer.Create(writer.Config{Path: path, Columns: results[:2]})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Abort()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, uint64(0)
	noise := make([]byte, 100_000)
	seed := uint32(1)
	for i := range 1200 { // 120 MB that zstd cannot make much smaller
		for j := range noise {
			seed = seed*1664525 + 1013904223
			noise[j] = 0x21 + byte(seed>>24)%0x5D
		}
		if err := o.Write(nil, []any{string(noise), "ok"}); err != nil {
			t.Fatal(err)
		}
		if i%200 == 199 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := len(footer(t, path).RowGroups()); n < 3 {
		t.Errorf("%d row groups", n)
	}
	if peak > before+130<<20 { // 85 to 101 MiB; 163 if row groups were not bounded
		t.Errorf("%d MiB are live while writing", (peak-before)>>20)
	}
}
