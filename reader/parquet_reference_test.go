package reader

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// This file has a simple reader of Parquet: it takes the library's rows, clones each value
// and makes all JSON by encoding/json. What the real reader returns must be the same to
// the byte.

func referenceRows(t *testing.T, path string) []batch.Row {
	t.Helper()
	p, err := openParquet(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pf, err := parquet.OpenFile(p.File, p.size)
	if err != nil {
		t.Fatal(err)
	}
	var rows []batch.Row
	for _, group := range pf.RowGroups() {
		r := group.Rows()
		buf := make([]parquet.Row, 7)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				rows = append(rows, referenceRow(p, row.Clone()))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
	}
	return rows
}

func referenceRow(p *parquetFile, r parquet.Row) batch.Row {
	spans := make([][]parquet.Value, len(p.leaves))
	for _, v := range r {
		spans[v.Column()] = append(spans[v.Column()], v)
	}
	row := batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Native: r}
	for i, fd := range p.fields {
		values := spans[fd.first : fd.first+fd.leaves]
		if !fd.scalar() {
			if text := referenceJSON(fd, values); text != "null" {
				row.Values[i] = json.RawMessage(text)
			}
			for j, leaf := range p.leaves[fd.first : fd.first+fd.leaves] {
				for _, v := range values[j] {
					if leaf.leaf.typ == batch.String && v.Kind() == parquet.ByteArray && !utf8.Valid(v.ByteArray()) && row.Err == nil {
						row.Err = fmt.Errorf("column %q is not UTF-8", fd.name)
					}
				}
			}
		} else if v := values[0][0]; !v.IsNull() {
			row.Values[i] = fd.leaf.value(v)
			if s, ok := row.Values[i].(string); ok && !utf8.ValidString(s) {
				row.Values[i] = nil
				row.Err = fmt.Errorf("column %q is not UTF-8", p.columns[i].Name)
			}
		}
	}
	return row
}

func referenceJSON(f *field, values [][]parquet.Value) string {
	if f.repeated {
		return "[" + strings.Join(referenceItems(f, values, referencePresent), ",") + "]"
	}
	if f.optional && values[0][0].DefinitionLevel() < f.def {
		return "null"
	}
	return referencePresent(f, values)
}

// referenceItems returns each item of the repeated field f, read by element.
func referenceItems(f *field, values [][]parquet.Value, element func(*field, [][]parquet.Value) string) (items []string) {
	if values[0][0].DefinitionLevel() < f.def {
		return nil
	}
	for rest := slices.Clone(values); len(rest[0]) > 0; {
		item := make([][]parquet.Value, len(values))
		for leaf, v := range rest {
			end := slices.IndexFunc(v[1:], func(v parquet.Value) bool { return v.RepetitionLevel() <= f.rep }) + 1
			if end == 0 {
				end = len(v)
			}
			item[leaf], rest[leaf] = v[:end], v[end:]
		}
		items = append(items, element(f, item))
	}
	return items
}

// referencePresent returns one value of f, which is not null.
func referencePresent(f *field, values [][]parquet.Value) string {
	var items []string
	switch f.kind {
	case leafField:
		return referenceScalar(f.leaf.value(values[0][0]))
	case listField:
		items = referenceItems(f.fields[0], values, func(item *field, values [][]parquet.Value) string {
			if item.isWrapper(f.name) {
				return referenceJSON(item.fields[0], values)
			}
			return referencePresent(item, values)
		})
		return "[" + strings.Join(items, ",") + "]"
	case mapField:
		object := f.fields[0].fields[0].leaf.typ == batch.String
		items = referenceItems(f.fields[0], values, func(item *field, values [][]parquet.Value) string {
			key, value := referencePresent(item.fields[0], values[:1]), "null"
			if len(item.fields) == 2 {
				value = referenceJSON(item.fields[1], values[1:])
			}
			if object {
				return key + ":" + value
			}
			return "[" + key + "," + value + "]"
		})
		if !object {
			return "[" + strings.Join(items, ",") + "]"
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	for _, child := range f.fields {
		items = append(items, referenceScalar(child.name)+":"+referenceJSON(child, values[:child.leaves]))
		values = values[child.leaves:]
	}
	return "{" + strings.Join(items, ",") + "}"
}

func referenceScalar(v any) string {
	switch v := v.(type) {
	case json.Number:
		return string(v)
	case json.RawMessage:
		return string(v)
	case float64:
		if math.IsNaN(v) {
			return `"NaN"`
		} else if math.IsInf(v, 0) {
			return strings.Replace(fmt.Sprintf(`"%vinity"`, v), "+", "", 1)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

// Types is types under an exported name, since testing/quick sets only exported fields.
type Types = types

// A wide row has all types, and lists, maps and structs inside of each other.
type wide struct {
	Types
	Lists  [][]string `parquet:"lists,list"`
	Floats []float64  `parquet:"floats,list"`
	Opt    []*int64   `parquet:"opt,list"`
	Deep   []struct {
		A []struct {
			B *string  `parquet:"b,optional,dict"`
			C []uint64 `parquet:"c,list"`
		} `parquet:"a,list"`
		D map[string][]int32 `parquet:"d"`
		E *struct {
			F bool     `parquet:"f"`
			G []byte   `parquet:"g"`
			H [16]byte `parquet:"h,uuid"`
			I int64    `parquet:"i,timestamp(microsecond)"`
		} `parquet:"e,optional"`
	} `parquet:"deep,list"`
	Last string `parquet:"last,delta"`
}

// wideRows returns rows of made-up values, some of them empty or the same.
func wideRows(n int) []wide {
	random := rand.New(rand.NewSource(1))
	rows := make([]wide, n)
	for i := range rows {
		if i%5 == 4 {
			rows[i] = rows[random.Intn(i)]
			continue
		}
		v, ok := quick.Value(reflect.TypeFor[wide](), random)
		if !ok {
			panic("no value of the type")
		}
		rows[i] = v.Interface().(wide)
		r := &rows[i]
		r.JSON, r.Last = []byte(`{"k": [1, "`+strings.Repeat("x", random.Intn(9))+`"]}`), strings.Repeat("last ", random.Intn(9))
		switch i % 7 {
		case 0:
			*r = wide{}
		case 1:
			r.Last = "\xff not UTF-8"
		case 2:
			r.List = []string{"\"quoted\" \\ <html>&\b\f\n\r\t\x00\x1f\x7f", "é 中 \u2028 \u2029 😀", "cut \xe4\xb8", "\xff", ""}
		case 3:
			r.Floats = []float64{0, math.Copysign(0, -1), 1e21, 1e-7, 1e-10, 1e100, math.NaN(), math.Inf(1), math.Inf(-1), 0.1}
		}
	}
	return rows
}

func TestParquetReference(t *testing.T) {
	rows := wideRows(60)
	paths, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(paths) < 5 {
		t.Fatal(paths, err)
	}
	for _, options := range [][]parquet.WriterOption{
		{},
		{parquet.DataPageVersion(1), parquet.PageBufferSize(256), parquet.Compression(&parquet.Snappy)},
		{parquet.DataPageVersion(2), parquet.PageBufferSize(256), parquet.MaxRowsPerRowGroup(23), parquet.Compression(&parquet.Zstd)},
		{parquet.MaxRowsPerRowGroup(1)},
	} {
		paths = append(paths, writeParquet(t, rows, options...))
	}
	for _, path := range paths {
		if filepath.Base(path) == "damaged.parquet" {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			got, err := all(open(t, Config{}, path))
			if err != nil {
				t.Fatal(err)
			}
			sameRows(t, got, referenceRows(t, path))
		})
	}
}

// sameRows compares the values, types, levels and errors of rows.
func sameRows(t *testing.T, got, want []batch.Row) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got, want := fmt.Sprintf("%+v", got[i].Native), fmt.Sprintf("%+v", want[i].Native); got != want {
			t.Errorf("row %d, in Parquet's form\n got %s\nwant %s", i+1, got, want)
		}
		if (got[i].Err == nil) != (want[i].Err == nil) || want[i].Err != nil && !strings.Contains(got[i].Err.Error(), want[i].Err.Error()) {
			t.Errorf("row %d: error %v, want %v", i+1, got[i].Err, want[i].Err)
		}
		for c, v := range want[i].Values {
			// They are compared as text, because NaN is not equal to itself.
			if is, was := fmt.Sprintf("%T %#[1]v", got[i].Values[c]), fmt.Sprintf("%T %#[1]v", v); is != was {
				t.Errorf("row %d, column %s\n got %s\nwant %s", i+1, want[i].Columns[c].Name, is, was)
			}
		}
	}
}

// A smallChunk serves values a few at a time.
type smallChunk struct {
	size   int
	values []parquet.Value
}

func (c *smallChunk) Read(dst []parquet.Value) (int, error) {
	n := copy(dst[:min(c.size, len(dst))], c.values)
	if c.values = c.values[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestParquetRowsAcrossReads reads rows whose values come in several pieces.
func TestParquetRowsAcrossReads(t *testing.T) {
	path := writeParquet(t, wideRows(40), parquet.MaxRowsPerRowGroup(1000), parquet.Compression(&parquet.Uncompressed))
	want := referenceRows(t, path)
	for _, size := range []int{1, 3, 1000} {
		p := openTest(t, path)
		pf, err := parquet.OpenFile(p.File, p.size)
		if err != nil {
			t.Fatal(err)
		}
		var chunks []*smallChunk
		for _, c := range pf.RowGroups()[0].ColumnChunks() {
			small := &smallChunk{size: size}
			r := parquet.NewColumnChunkValueReader(c)
			for buf, err := make([]parquet.Value, 100), error(nil); err == nil; {
				var n int
				n, err = r.ReadValues(buf)
				for _, v := range buf[:n] {
					small.values = append(small.values, v.Clone())
				}
			}
			r.Close()
			chunks = append(chunks, small)
		}
		r := newGroupReader(p, chunks, DefaultMaxRowBytes)
		var got []batch.Row
		for eof := false; !eof; {
			var some []batch.Row
			if some, eof, err = r.read(make([]batch.Row, 0, 8)); err != nil {
				t.Fatal(err)
			}
			got = append(got, some...)
		}
		sameRows(t, got, want)
	}
}

// openTest opens a Parquet file that closes with the test.
func openTest(t *testing.T, path string) *parquetFile {
	t.Helper()
	p, err := openParquet(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestParquetUneven reads chunks that have different numbers of rows.
func TestParquetUneven(t *testing.T) {
	type row struct {
		A int64    `parquet:"a"`
		B []string `parquet:"b,list"`
		C string   `parquet:"c"`
	}
	for short := range 3 {
		p := openTest(t, writeParquet(t, []row{{1, []string{"x", "y"}, "z"}, {2, nil, "z"}, {3, []string{"x"}, "z"}}))
		var chunks []*smallChunk
		for i := range p.leaves {
			small := &smallChunk{size: 2}
			for n := range 3 {
				if i != short || n < 2 {
					small.values = append(small.values, parquet.ByteArrayValue([]byte("v")).Level(0, 0, i))
				}
			}
			chunks = append(chunks, small)
		}
		r := newGroupReader(p, chunks, DefaultMaxRowBytes)
		if rows, _, err := r.read(make([]batch.Row, 0, 8)); err != errUneven {
			t.Errorf("column %d is short: %d rows, %v", short, len(rows), err)
		}
	}
}

// TestParquetRowInList reads a list whose first value claims to continue a row before it.
// If the value were copied to an output, nobody could read that.
func TestParquetRowInList(t *testing.T) {
	type row struct {
		A int64    `parquet:"a"`
		B []string `parquet:"b,list"`
	}
	p := openTest(t, writeParquet(t, []row{{1, []string{"x"}}}))
	var chunks []*smallChunk
	for i := range p.leaves {
		chunks = append(chunks, &smallChunk{size: 2, values: []parquet.Value{parquet.ByteArrayValue([]byte("v")).Level(i, 1, i)}})
	}
	r := newGroupReader(p, chunks, DefaultMaxRowBytes)
	if rows, _, err := r.read(make([]batch.Row, 0, 8)); err == nil || !strings.Contains(err.Error(), "in the middle of a list") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// TestParquetLongRows checks that only a few rows with much text are held at a time.
func TestParquetLongRows(t *testing.T) {
	type row struct {
		A string `parquet:"a"`
	}
	p := openTest(t, writeParquet(t, slices.Repeat([]row{{strings.Repeat("long ", 100_000)}}, 12)))
	chunks, err := p.chunks(0, DefaultMaxRowBytes)
	if err != nil {
		t.Fatal(err)
	}
	r := newGroupReader(p, chunks, DefaultMaxRowBytes)
	if rows, eof, err := r.read(make([]batch.Row, 0, 32)); len(rows) != 3 || eof || err != nil {
		t.Errorf("%d rows of half a megabyte at a time, %v, %v", len(rows), eof, err)
	}
}

func TestAppendQuoted(t *testing.T) {
	check := func(s string) bool { return string(appendQuoted(nil, s)) == referenceScalar(s) }
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	bytes := func(b []byte) bool { return check(string(b)) }
	if err := quick.Check(bytes, nil); err != nil {
		t.Error(err)
	}
	for c := range 256 {
		for at := range 16 {
			if s := strings.Repeat("~", at) + string([]byte{byte(c)}) + strings.Repeat(" ", 16-at); !check(s) {
				t.Errorf("%q is %s, want %s", s, appendQuoted(nil, s), referenceScalar(s))
			}
		}
	}
	for c := range rune(0x3000) { // at each place of eight bytes and behind them
		if s := "0123456789"[:c%11] + string(c) + "0123456789"[c%10:]; !check(s) {
			t.Errorf("%q is %s, want %s", s, appendQuoted(nil, s), referenceScalar(s))
		}
	}
}

func TestAppendFloat(t *testing.T) {
	double := func(f float64) bool { return string(appendFloat(nil, f, 64)) == referenceScalar(f) }
	single := func(f float32) bool { return string(appendFloat(nil, float64(f), 32)) == referenceScalar(f) }
	bits := func(n uint64) bool { // of all magnitudes
		f, g := math.Float64frombits(n), math.Float32frombits(uint32(n))
		return double(f) && (g != g || math.IsInf(float64(g), 0) || single(g))
	}
	for _, check := range []any{double, single, bits} {
		if err := quick.Check(check, &quick.Config{MaxCount: 5000}); err != nil {
			t.Error(err)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1e-6, 9.99e-7, 1e-10, 1e20, 1e21, 1e100, math.Inf(1), math.Inf(-1), math.NaN()} {
		if !double(f) || !math.IsNaN(f) && !math.IsInf(f, 0) && !math.IsInf(float64(float32(f)), 0) && !single(float32(f)) {
			t.Errorf("%v is %s and %s", f, appendFloat(nil, f, 64), appendFloat(nil, f, 32))
		}
	}
}
