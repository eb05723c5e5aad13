package reader

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// TestParquetLongRow reads rows that are longer than allowed, of text and of many items.
// They are bad rows, and those between them are read.
func TestParquetLongRow(t *testing.T) {
	type row struct {
		A int64    `parquet:"a"`
		B string   `parquet:"b,dict"`
		C []string `parquet:"c,list"`
		D []int32  `parquet:"d"`
	}
	long := strings.Repeat("long ", 1000)
	path := writeParquet(t, []row{
		{A: 1, B: "x"}, {A: 2, B: long}, {A: 3, B: "x", C: []string{"y"}}, {A: 4, C: []string{long}}, {A: 5, D: make([]int32, 500)}, {A: 6, B: long}, {A: 7, D: []int32{1}},
	})
	rows, err := all(open(t, Config{MaxRowBytes: 4000}, path))
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		bad := i%2 == 1 || i == 4
		if bad && (r.Err == nil || !strings.Contains(r.Err.Error(), "--max-row-bytes") || r.Values[0] != nil || r.Native != nil) {
			t.Errorf("row %d: %v, %v", i+1, r.Values, r.Err)
		}
		if !bad && (r.Err != nil || r.Values[0] != int64(i+1)) {
			t.Errorf("row %d: %v, %v", i+1, r.Values, r.Err)
		}
	}
	if string(rows[6].Values[3].(json.RawMessage)) != "[1]" {
		t.Errorf("the last row is %v", rows[6].Values)
	}
}

// claims writes a file of columns whose only pages claim a size and a number of values.
func claims(t *testing.T, columns int, size, values int32) string {
	t.Helper()
	marshal := func(v any) []byte {
		b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	data := []byte("PAR1")
	meta := &format.FileMetaData{Version: 1, NumRows: int64(values), Schema: []format.SchemaElement{{Name: "root", NumChildren: thrift.Null[int32]{V: int32(columns), Valid: true}}}}
	group := format.RowGroup{NumRows: int64(values)}
	for i := range columns {
		name := string(rune('a' + i))
		meta.Schema = append(meta.Schema, format.SchemaElement{Name: name, Type: thrift.Null[format.Type]{V: format.ByteArray, Valid: true}})
		page := append(marshal(&format.PageHeader{
			Type: format.DataPage, UncompressedPageSize: size, CompressedPageSize: 8,
			DataPageHeader: thrift.Null[format.DataPageHeader]{V: format.DataPageHeader{NumValues: values}, Valid: true},
		}), "8 bytes."...)
		group.Columns = append(group.Columns, format.ColumnChunk{MetaData: format.ColumnMetaData{
			Type: format.ByteArray, PathInSchema: []string{name}, Codec: format.Zstd, NumValues: int64(values),
			DataPageOffset: int64(len(data)), TotalCompressedSize: int64(len(page)),
		}})
		data = append(data, page...)
	}
	meta.RowGroups = []format.RowGroup{group}
	footer := marshal(meta)
	data = append(binary.LittleEndian.AppendUint32(append(data, footer...), uint32(len(footer))), "PAR1"...)
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestParquetClaims opens small files whose pages claim to be large. They are refused
// before anything is decompressed.
func TestParquetClaims(t *testing.T) {
	for _, tt := range []struct {
		columns int
		size    int32
		max     int
		want    string
	}{
		{1, 1 << 30, 0, `row group 1: a page of column "a" takes 1073741824 bytes uncompressed, more than the 268435456 that are allowed; --max-row-bytes allows more`},
		{1, 1 << 30, 1000, "more than the 268435456 that are allowed"},
		{1, 1 << 30, 2 << 30, ""},
		{20, 200 << 20, 0, "its columns have pages that take 4194304160 bytes together, more than the 1073741824 that are allowed; --max-row-bytes 1048576040 allows them"},
		{1, 1 << 10, 0, ""},
	} {
		_, err := Open(Config{Paths: []string{claims(t, tt.columns, tt.size, 1<<31-1)}, MaxRowBytes: tt.max})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d columns with pages of %d bytes: %v, want %q", tt.columns, tt.size, err, tt.want)
		}
	}
	_, err := all(open(t, Config{}, claims(t, 1, 1<<20, 1<<31-1)))
	if err == nil || !strings.Contains(err.Error(), `column "a": a page does not decompress`) {
		t.Errorf("got %v", err)
	}
}

// TestParquetMarkedWrongly refuses columns whose values cannot be what their annotation
// says.
func TestParquetMarkedWrongly(t *testing.T) {
	f := func(physical format.Type, length int32, lt format.LogicalTypeValue) *format.SchemaElement {
		return &format.SchemaElement{
			Type: thrift.Null[format.Type]{V: physical, Valid: true}, TypeLength: thrift.Null[int32]{V: length, Valid: physical == format.FixedLenByteArray},
			LogicalType: format.LogicalType{Value: lt},
		}
	}
	for _, tt := range []struct {
		t       parquet.Type
		element *format.SchemaElement
		ok      bool
	}{
		{parquet.String().Type(), f(format.ByteArray, 0, nil), true},
		{parquet.String().Type(), f(format.Int32, 0, nil), false},
		{parquet.UUID().Type(), f(format.FixedLenByteArray, 16, nil), true},
		{parquet.UUID().Type(), f(format.FixedLenByteArray, 10, nil), false},
		{parquet.Date().Type(), f(format.Int64, 0, nil), false},
		{parquet.Timestamp(parquet.Millisecond).Type(), f(format.ByteArray, 0, nil), false},
		{parquet.FixedLenByteArrayType(2), f(format.FixedLenByteArray, 2, new(format.Float16Type)), true},
		{parquet.FixedLenByteArrayType(3), f(format.FixedLenByteArray, 3, new(format.Float16Type)), false},
		{parquet.Int32Type, f(-1, 0, nil), false},
		{parquet.Int32Type, f(8, 0, nil), false},
	} {
		if err := checkPhysical(tt.t, tt.element); (err == nil) != tt.ok {
			t.Errorf("%s as %s: %v", tt.element.Type.V, tt.t, err)
		}
	}
}

// Intervals are texts that a person and a model can read.
func TestIntervalText(t *testing.T) {
	for _, tt := range []struct {
		months, days, millis uint32
		want                 string
	}{
		{0, 3, 0, "P3D"}, {14, 0, 0, "P14M"}, {1, 2, 90_500, "P1M2DT90.5S"}, {0, 0, 1, "PT0.001S"}, {0, 0, 0, "PT0S"},
		{math.MaxUint32, math.MaxUint32, math.MaxUint32, "P4294967295M4294967295DT4294967.295S"},
	} {
		var b [12]byte
		for i, n := range []uint32{tt.months, tt.days, tt.millis} {
			binary.LittleEndian.PutUint32(b[4*i:], n)
		}
		if got := intervalText(b[:]); got != tt.want {
			t.Errorf("%d months, %d days, %d ms are %s, want %s", tt.months, tt.days, tt.millis, got, tt.want)
		}
	}
}
