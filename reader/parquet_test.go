package reader

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/genbatch/genbatch/batch"
)

var update = flag.Bool("update", false, "write testdata/types.parquet anew")

// types has a column of each type. The columns are not in the order of their names.
type types struct {
	ID     int64              `parquet:"id"`
	Name   *string            `parquet:"name,optional,dict"`
	I32    int32              `parquet:"i32"`
	U32    uint32             `parquet:"u32"`
	U64    uint64             `parquet:"u64"`
	Bool   bool               `parquet:"bool"`
	F32    float32            `parquet:"f32"`
	F64    *float64           `parquet:"f64,optional"`
	Bytes  []byte             `parquet:"bytes"`
	Enum   string             `parquet:"enum,enum"`
	JSON   []byte             `parquet:"json,json"`
	UUID   [16]byte           `parquet:"uuid,uuid"`
	Date   int32              `parquet:"date,date"`
	TimeMS int32              `parquet:"time_ms,time(millisecond)"`
	TimeNS int64              `parquet:"time_ns,time(nanosecond)"`
	TSms   int64              `parquet:"ts_ms,timestamp(millisecond)"`
	TSus   *int64             `parquet:"ts_us,optional,timestamp(microsecond)"`
	TSns   int64              `parquet:"ts_ns,timestamp(nanosecond)"`
	Local  int64              `parquet:"local,timestamp(microsecond:local)"`
	I96    deprecated.Int96   `parquet:"i96"`
	D32    int32              `parquet:"d32,decimal(2:9)"`
	D64    int64              `parquet:"d64,decimal(6:18)"`
	DFix   [16]byte           `parquet:"dfix,decimal(10:38)"`
	List   []string           `parquet:"list,list"`
	Plain  []int32            `parquet:"plain"`
	Map    map[string]float32 `parquet:"map"`
	Nums   map[int32]string   `parquet:"nums"`
	Struct struct {
		A *int64 `parquet:"a,optional"`
		B []struct {
			C string `parquet:"c"`
		} `parquet:"b,list"`
	} `parquet:"struct"`
}

func typesRows() []types {
	full := types{
		ID: 1, Name: new("ä <b>"), I32: -5, U32: math.MaxUint32, U64: math.MaxUint64, Bool: true,
		F32: 0.1, F64: new(1e-7), Bytes: []byte{0, 0xFF}, Enum: "RED", JSON: []byte("{\n\"k\": 1}"),
		UUID: [16]byte{0x12, 0x34, 15: 0xFF}, Date: -1, TimeMS: 3_600_001, TimeNS: 1,
		TSms: 1_700_000_000_123, TSus: new(int64(-1)), TSns: math.MaxInt64, Local: 1_700_000_000_000_000,
		I96: deprecated.Int96{1_000_000_000, 0, 2_440_589}, D32: -5, D64: 1_234_567_890_123,
		List: []string{"x", "\"y\"\n"}, Plain: []int32{1, 2}, Map: map[string]float32{"k": 1.5}, Nums: map[int32]string{7: "seven"},
	}
	for i := range full.DFix {
		full.DFix[i] = 0xFF // -1
	}
	full.Struct.A = new(int64(3))
	full.Struct.B = []struct {
		C string `parquet:"c"`
	}{{"p"}, {"q"}}
	return []types{full, {ID: 2, JSON: []byte("no JSON"), F32: float32(math.Inf(-1)), F64: new(math.NaN())}}
}

const typesFile = "testdata/types.parquet"

func TestParquetTypes(t *testing.T) {
	if *update {
		f, err := os.Create(typesFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := parquet.Write(f, typesRows()); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	in := open(t, Config{}, typesFile)
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]string{
		{"id", `int64(1) int64(2)`},
		{"name", `string("ä <b>") <nil>(null)`},
		{"i32", `int64(-5) int64(0)`},
		{"u32", `int64(4294967295) int64(0)`},
		{"u64", `Number(18446744073709551615) int64(0)`},
		{"bool", `bool(true) bool(false)`},
		{"f32", `Number(0.1) float64("-Infinity")`},
		{"f64", `float64(1e-7) float64("NaN")`},
		{"bytes", `[]uint8("AP8=") []uint8("")`},
		{"enum", `string("RED") string("")`},
		{"json", "RawMessage({\n\"k\": 1}) " + `RawMessage("no JSON")`},
		{"uuid", `string("12340000-0000-0000-0000-0000000000ff") string("00000000-0000-0000-0000-000000000000")`},
		{"date", `string("1969-12-31") string("1970-01-01")`},
		{"time_ms", `string("01:00:00.001") string("00:00:00")`},
		{"time_ns", `string("00:00:00.000000001") string("00:00:00")`},
		{"ts_ms", `string("2023-11-14T22:13:20.123Z") string("1970-01-01T00:00:00Z")`},
		{"ts_us", `string("1969-12-31T23:59:59.999999Z") <nil>(null)`},
		{"ts_ns", `string("2262-04-11T23:47:16.854775807Z") string("1970-01-01T00:00:00Z")`},
		{"local", `string("2023-11-14T22:13:20") string("1970-01-01T00:00:00")`},
		{"i96", `string("1970-01-02T00:00:01Z") string("-4713-11-24T00:00:00Z")`},
		{"d32", `Number(-0.05) Number(0.00)`},
		{"d64", `Number(1234567.890123) Number(0.000000)`},
		{"dfix", `Number(-0.0000000001) Number(0.0000000000)`},
		{"list", `RawMessage(["x","\"y\"\n"]) RawMessage([])`},
		{"plain", `RawMessage([1,2]) RawMessage([])`},
		{"map", `RawMessage({"k":1.5}) RawMessage({})`},
		{"nums", `RawMessage([[7,"seven"]]) RawMessage([])`},
		{"struct", `RawMessage({"a":3,"b":[{"c":"p"},{"c":"q"}]}) RawMessage({"a":null,"b":[]})`},
	}
	if len(rows) != 2 || len(in.Columns()) != len(want) || !in.KnownColumns() {
		t.Fatalf("%d rows, %d columns", len(rows), len(in.Columns()))
	}
	for i, w := range want {
		if got := in.Columns()[i].Name; got != w[0] {
			t.Errorf("column %d is %s, want %s", i, got, w[0])
		}
		if got := show(rows[0].Values[i]) + " " + show(rows[1].Values[i]); got != w[1] {
			t.Errorf("%s\n got %s\nwant %s", w[0], got, w[1])
		}
	}
	for _, r := range rows {
		if _, ok := r.Native.(parquet.Row); !ok || r.Raw != nil {
			t.Errorf("row %d has Native %T, Raw %q", r.Number, r.Native, r.Raw)
		}
	}
}

// TestParquetFiles reads files that other programs have written, with old lists, INT96,
// decimals in bytes, and maps of maps.
func TestParquetFiles(t *testing.T) {
	tests := []struct {
		file string
		row  int
		want string
	}{
		{"alltypes_plain", 1, `2: id=int64(5) bool_col=bool(false) tinyint_col=int64(1) smallint_col=int64(1) int_col=int64(1) bigint_col=int64(10) float_col=Number(1.1) double_col=float64(10.1) date_string_col=[]uint8("MDMvMDEvMDk=") string_col=[]uint8("MQ==") timestamp_col=string("2009-03-01T00:01:00Z")`},
		{"nested_lists.snappy", 2, `3: a=RawMessage([[["a","b"],["c","d"],["e"]],[null,["f"]]]) b=int64(1)`},
		{"nested_maps.snappy", 0, `1: a=RawMessage({"a":[[1,true],[2,false]]}) b=int64(1) c=float64(1)`},
		{"nullable.impala", 0, `1: id=int64(1) int_array=RawMessage([1,2,3]) int_array_Array=RawMessage([[1,2],[3,4]]) int_map=RawMessage({"k1":1,"k2":100}) int_Map_Array=RawMessage([{"k1":1}]) nested_struct=RawMessage({"A":1,"b":[1],"C":{"d":[[{"E":10,"F":"aaa"},{"E":-10,"F":"bbb"}],[{"E":11,"F":"c"}]]},"g":{"foo":{"H":{"i":[1.1]}}}})`},
		{"fixed_length_decimal_legacy", 23, `24: value=Number(24.00)`},
		{"byte_array_decimal", 0, `1: value=Number(1.00)`},
		{"repeated_no_annotation", 5, `6: id=int64(6) phoneNumbers=RawMessage({"phone":[{"number":1111111111,"kind":"home"},{"number":2222222222,"kind":null},{"number":3333333333,"kind":"mobile"}]})`},
		{"null_columns", 0, `1: name=string("test1") value=<nil>(null)`},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			rows, err := all(open(t, Config{}, "testdata/"+tt.file+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) <= tt.row {
				t.Fatalf("%d rows", len(rows))
			}
			compare(t, lines(rows[tt.row:tt.row+1]), []string{tt.want})
		})
	}
}

func TestParquetDamaged(t *testing.T) {
	in := open(t, Config{}, "testdata/damaged.parquet")
	_, err := all(in)
	var e *Error
	if !errors.As(err, &e) || e.Line != 385 || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}

	// Each byte in turn is damaged. The reader never panics, and it returns as many rows
	// as the footer says, or an error.
	data, err := os.ReadFile("testdata/nullable.impala.parquet")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := all(open(t, Config{}, "testdata/nullable.impala.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	broken := 0
	for i := 4; i < len(data); i += 7 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x55
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(Config{Paths: []string{path}})
		if err != nil {
			broken++
			continue
		}
		got, err := all(in)
		if err != nil {
			broken++
			if !errors.As(err, &e) || e.File != path {
				t.Errorf("byte %d: error without place: %v", i, err)
			}
		} else if len(got) != len(rows) {
			t.Errorf("byte %d: %d rows without an error", i, len(got))
		}
	}
	if broken == 0 {
		t.Error("no damage was noticed")
	}
}

func TestParquetCutShort(t *testing.T) {
	data, err := os.ReadFile(typesFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(Config{Paths: []string{write(t, "a.parquet", string(data[:len(data)/2]))}})
	if err == nil || !strings.Contains(err.Error(), "was cut short") {
		t.Errorf("got %v", err)
	}
}

func TestParquetNotUTF8(t *testing.T) {
	type row struct {
		A string `parquet:"a"`
		B string `parquet:"b"`
	}
	rows, err := all(open(t, Config{}, writeParquet(t, []row{{"x", "\xff"}, {"y", "z"}})))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`1: ERR 1: column "b" is not UTF-8`, `2: a=string("y") b=string("z")`})
	if rows[0].Native == nil {
		t.Error("the bad row lost its Native")
	}
}

func writeParquet[T any](t testing.TB, rows []T, options ...parquet.WriterOption) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := parquet.WriteFile(path, rows, options...); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquetUnion(t *testing.T) {
	type one struct {
		A int64     `parquet:"a"`
		B time.Time `parquet:"b,timestamp(millisecond)"`
		C string    `parquet:"c"`
	}
	type two struct {
		B time.Time `parquet:"b,timestamp(millisecond)"`
		A float64   `parquet:"a"`
	}
	in := open(t, Config{}, writeParquet(t, []one{{}}), writeParquet(t, []two{{}}))
	if len(in.Columns()) != 3 {
		t.Fatalf("columns %v", in.Columns())
	}
	if a := in.Columns()[0]; a.Name != "a" || a.Type != batch.Float || a.Native != nil {
		t.Errorf("a, int64 and double, is %+v", a)
	}
	b, c := in.Columns()[1], in.Columns()[2]
	if n, ok := b.Native.(parquet.Node); !ok || !n.Required() || n.Type().LogicalType() == nil {
		t.Errorf("b, the same in both files, has Native %v", b.Native)
	}
	if n, ok := c.Native.(parquet.Node); !ok || !n.Optional() || c.Type != batch.String {
		t.Errorf("c, missing in the second file, has Native %v", c.Native)
	}
}

// TestParquetMemory reads a file that is far larger than the memory it may use.
func TestParquetMemory(t *testing.T) {
	type row struct {
		N    int64  `parquet:"n"`
		Body string `parquet:"body,plain"`
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](f)
	body := strings.Repeat("x", 1000)
	for i := range 40_000 { // 40 MB
		if _, err := w.Write([]row{{int64(i), body}}); err != nil {
			t.Fatal(err)
		}
		if i%10_000 == 9_999 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak, n := m.HeapAlloc, uint64(0), int64(0)
	for r, err := range open(t, Config{}, path).Rows() {
		if err != nil || r.Values[0] != n {
			t.Fatal(r.Values, err)
		}
		if n++; n%8000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if n != 40_000 {
		t.Errorf("%d rows", n)
	}
	if peak > before+16<<20 {
		t.Errorf("%d MiB are live while reading", (peak-before)>>20)
	}
}

func TestFloat16(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0x0000: 0, 0x3C00: 1, 0xC000: -2, 0x7BFF: 65504, 0x0001: 0x1p-24, 0x03FF: 1023 * 0x1p-24, 0x7C00: math.Inf(1), 0xFC00: math.Inf(-1),
	} {
		if got := float16([]byte{byte(bits), byte(bits >> 8)}); got != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	if got := float16([]byte{1, 0x7C}); !math.IsNaN(got) {
		t.Errorf("0x7c01 is %v, want NaN", got)
	}
}

// A schema can have two columns of one name. Both are read, and the second is renamed, as in
// a CSV header.
func TestParquetDoubledNames(t *testing.T) {
	type row struct {
		ID   string `parquet:"id"`
		Body string `parquet:"bo"`
		Text string `parquet:"te"`
	}
	path := write(t, "a.parquet", "")
	if err := parquet.WriteFile(path, []row{{"1", "a", "x"}, {"2", "b", "y"}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doubled := strings.ReplaceAll(string(content), "\x02te", "\x02bo")
	if doubled == string(content) {
		t.Fatal("the name is not found in the footer")
	}
	in := open(t, Config{}, write(t, "b.parquet", doubled))
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`1: id=string("1") bo=string("a") bo_2=string("x")`, `2: id=string("2") bo=string("b") bo_2=string("y")`})
	if notes := strings.Join(in.Notes(), "\n"); !strings.Contains(notes, `in the schema, column 3 is another "bo" and is called "bo_2"`) {
		t.Errorf("notes %q", notes)
	}
}
