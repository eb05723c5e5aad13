package pages

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	library "github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// uvarints returns numbers as a page has them.
func uvarints(numbers ...uint64) (b []byte) {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// prefix puts the length of b before it, in four bytes.
func prefix(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// TestStreams decodes pages that were encoded by hand, by the examples and rules of
// https://parquet.apache.org/docs/file-format/data-pages/encodings/.
func TestStreams(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	dict, err := newDictionary(Leaf{Type: format.ByteArray}, join(prefix([]byte("a")), prefix(nil), prefix([]byte("ccc"))), 3)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		encoding format.Encoding
		leaf     Leaf
		data     []byte
		n        int
		want     string // of the values, or part of the error
	}{
		{"a run of true", format.RLE, Leaf{Type: format.Boolean}, prefix(append(uvarints(10<<1), 1)), 10, "true true true true true true true true true true"},
		{"runs and packed", format.RLE, Leaf{Type: format.Boolean}, prefix(join(uvarints(3<<1), []byte{1}, uvarints(1<<1|1), []byte{0b10110010}, uvarints(2<<1), []byte{0})), 13,
			"true true true false true false false true true false true false false"},
		{"a run of false", format.RLE, Leaf{Type: format.Boolean}, prefix(append(uvarints(3<<1), 0)), 3, "false false false"},
		{"booleans, a bit each", format.Plain, Leaf{Type: format.Boolean}, []byte{0b00000101, 1}, 9, "true false true false false false false false true"},
		{"too few booleans", format.RLE, Leaf{Type: format.Boolean}, prefix(append(uvarints(3<<1), 1)), 4, "ends before its last value"},
		{"the levels 0 to 7 of three bits", format.RLEDictionary, Leaf{Type: format.ByteArray}, join([]byte{2}, uvarints(1<<1|1), unhex("1802")), 6, "a ccc  a ccc a"},
		{"beyond the dictionary", format.RLEDictionary, Leaf{Type: format.ByteArray}, join([]byte{2}, uvarints(1<<1), []byte{3}), 1, "value 3 of a dictionary of 3"},
		{"one value, no bits", format.RLEDictionary, Leaf{Type: format.ByteArray}, []byte{0}, 3, "a a a"},
		{"1 to 5 by differences", format.DeltaBinaryPacked, Leaf{Type: format.Int32}, join(uvarints(128, 4, 5, 2, 2), []byte{0, 0, 0, 0}), 5, "1 2 3 4 5"},
		{"7 5 3 1 2 3 4 5", format.DeltaBinaryPacked, Leaf{Type: format.Int64}, join(uvarints(128, 4, 8, 14, 3), []byte{2, 0, 0, 0}, unhex("c03f 000000000000")), 8, "7 5 3 1 2 3 4 5"},
		{"a difference that wraps", format.DeltaBinaryPacked, Leaf{Type: format.Int32}, join(uvarints(128, 4, 2, 2*math.MaxInt32, 2), []byte{0, 0, 0, 0}), 2, "2147483647 -2147483648"},
		{"blocks that cannot be", format.DeltaBinaryPacked, Leaf{Type: format.Int32}, uvarints(1<<40, 1, 5, 2), 1, "cannot be"},
		{"Hello World", format.DeltaLengthByteArray, Leaf{Type: format.ByteArray},
			join(uvarints(128, 4, 2, 10, 0), []byte{0, 0, 0, 0}, []byte("HelloWorld")), 2, "Hello World"},
		{"lengths beyond the page", format.DeltaLengthByteArray, Leaf{Type: format.ByteArray}, join(uvarints(128, 4, 1, 200), []byte("HelloWorld")), 1, "ends before"},
		{"axis axle", format.DeltaByteArray, Leaf{Type: format.ByteArray},
			join(uvarints(128, 4, 2, 0, 4), []byte{0, 0, 0, 0}, uvarints(128, 4, 2, 8, 3), []byte{0, 0, 0, 0}, []byte("axisle")), 2, "axis axle"},
		{"a prefix of nothing", format.DeltaByteArray, Leaf{Type: format.ByteArray}, join(uvarints(128, 4, 1, 4), uvarints(128, 4, 1, 2), []byte("x")), 1, "more than there is"},
		{"ab cd, of two bytes", format.DeltaByteArray, Leaf{Type: format.FixedLenByteArray, Length: 2},
			join(uvarints(128, 4, 2, 0, 0), []byte{0, 0, 0, 0}, uvarints(128, 4, 2, 4, 0), []byte{0, 0, 0, 0}, []byte("abcd")), 2, "ab cd"},
		{"of two bytes, and has three", format.DeltaByteArray, Leaf{Type: format.FixedLenByteArray, Length: 2}, join(uvarints(128, 4, 1, 0), uvarints(128, 4, 1, 6), []byte("abc")), 1, "3 bytes where each has 2"},
		{"split floats", format.ByteStreamSplit, Leaf{Type: format.Float}, unhex("0000 0000 80c0 3fc0"), 2, "1 -6"},
		{"split texts of three bytes", format.ByteStreamSplit, Leaf{Type: format.FixedLenByteArray, Length: 3}, []byte("adbecf"), 2, "abc def"},
		{"half a split value", format.ByteStreamSplit, Leaf{Type: format.Int64}, make([]byte, 12), 1, "no values of 8 bytes"},
		{"INT96", format.Plain, Leaf{Type: format.Int96}, unhex("010000000000000000000000"), 1, "1"},
		{"no dictionary", format.RLEDictionary, Leaf{Type: format.Int32}, []byte{0}, 1, "there is none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d *dictionary
			if tt.leaf.Type == format.ByteArray {
				d = dict
			}
			if !decodes(tt.encoding, tt.leaf.Type) {
				t.Fatal("the encoding is not known")
			}
			var got []string
			s, err := newStream(tt.encoding, tt.leaf, d, tt.data)
			for range tt.n {
				var v parquet.Value
				if err == nil {
					v, _, err = s.next()
				}
				got = append(got, v.String())
			}
			if err != nil && strings.Contains(err.Error(), tt.want) {
				return
			}
			if text := strings.Join(got, " "); err != nil || text != tt.want || s.rest() != 0 {
				t.Errorf("got %q, %v, and %d more; want %q", text, err, s.rest(), tt.want)
			}
		})
	}
}

// TestBitPackedLevels decodes the example of the old encoding, whose bits begin with the
// highest.
func TestBitPackedLevels(t *testing.T) {
	h, rest, err := levelsV1(format.BitPacked, []byte{0x05, 0x39, 0x77, 0xAA}, 7, 8)
	if err != nil || len(rest) != 1 {
		t.Fatal(rest, err)
	}
	got := make([]uint32, 8)
	if err := h.read(got); err != nil || fmt.Sprint(got) != "[0 1 2 3 4 5 6 7]" {
		t.Error(got, err)
	}
}

// compressed returns text in each codec.
func compressed(t *testing.T, text []byte) map[format.CompressionCodec][]byte {
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := make([]byte, lz4.CompressBlockBound(len(text)))
	n, err := lz4.CompressBlock(text, l, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parquet.Brotli.Encode(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return map[format.CompressionCodec][]byte{
		format.Uncompressed: text, format.Gzip: gz.Bytes(), format.Zstd: z.EncodeAll(text, nil),
		format.Snappy: snappy.Encode(nil, text), format.Lz4Raw: l[:n], format.Brotli: b,
	}
}

// TestDecompress checks that a page is of the size that its header says, in every codec,
// however well it was compressed. What is longer is never made.
func TestDecompress(t *testing.T) {
	incompressible := make([]byte, 5000)
	for i := range incompressible {
		incompressible[i] = byte(i*i>>3 + i*7)
	}
	for _, text := range [][]byte{[]byte("short"), incompressible, bytes.Repeat([]byte("again "), 100_000)} {
		for codec, packed := range compressed(t, text) {
			if len(packed) == 0 {
				continue // lz4.CompressBlock does not write what would not be shorter
			}
			d := decompressor{codec: codec}
			if got, err := d.decompress(packed, len(text)); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s of %d bytes: %v", codec, len(text), err)
			}
			for _, size := range []int{0, len(text) - 1, len(text) + 1} {
				if got, err := d.decompress(packed, size); err == nil {
					t.Errorf("%s: %d bytes for a page of %d that is said to have %d", codec, len(got), len(text), size)
				}
			}
		}
	}
}

// pageV1 returns a page of version 1 with its header.
func pageV1(h format.DataPageHeader, size, crc int32, body []byte) []byte {
	b, err := library.Marshal(new(library.CompactProtocol), &format.PageHeader{
		Type: format.DataPage, UncompressedPageSize: size, CompressedPageSize: int32(len(body)), CRC: crc,
		DataPageHeader: library.Null[format.DataPageHeader]{V: h, Valid: true},
	})
	if err != nil {
		panic(err)
	}
	return append(b, body...)
}

func TestChunkRefuses(t *testing.T) {
	leaf := Leaf{Name: "a.b", Type: format.Int32}
	body := []byte{1, 0, 0, 0, 2, 0, 0, 0}
	plain := format.DataPageHeader{NumValues: 2}
	tests := []struct {
		name string
		page []byte
		want string
	}{
		{"fine", pageV1(plain, 8, int32(crc32.ChecksumIEEE(body)), body), ""},
		{"checksum", pageV1(plain, 8, 7, body), "its checksum is wrong"},
		{"size", pageV1(plain, 9, 0, body), "has 8 bytes, and its header says 9"},
		{"negative", pageV1(plain, -1, 0, body), "negative size"},
		{"too large", pageV1(plain, 1<<30, 0, body), "takes 1073741824 bytes uncompressed, more than the 1000000 that are allowed"},
		{"unknown encoding", pageV1(format.DataPageHeader{NumValues: 2, Encoding: 77}, 8, 0, body), "are not supported"},
		{"more values than there are", pageV1(format.DataPageHeader{NumValues: 3}, 8, 0, body), "ends before its last value"},
		{"cut", pageV1(plain, 8, 0, body)[:25], "reaches beyond the end of the file"},
		{"no header", bytes.Repeat([]byte{0x1C}, 500), "nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := append([]byte("PAR1"), tt.page...)
			meta := &format.ColumnMetaData{Type: format.Int32, NumValues: 2, DataPageOffset: 4, TotalCompressedSize: int64(len(tt.page))}
			if tt.name == "more values than there are" {
				meta.NumValues = 3
			}
			c, err := NewChunk(bytes.NewReader(file), int64(len(file)), leaf, meta, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Check()
			got := make([]parquet.Value, 10)
			n := 0
			for err == nil {
				var some int
				some, err = c.Read(got[n:])
				n += some
			}
			if tt.want == "" {
				if err != io.EOF || n != 2 || got[1].Int32() != 2 {
					t.Errorf("%d values, %v", n, err)
				}
			} else if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"a.b"`) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestNewChunkRefuses gives chunks that no page need be read of.
func TestNewChunkRefuses(t *testing.T) {
	for want, meta := range map[string]format.ColumnMetaData{
		"with LZO":                      {Type: format.Int32, Codec: format.LZO, DataPageOffset: 4},
		"LZ4 in its old form":           {Type: format.Int32, Codec: format.Lz4, DataPageOffset: 4},
		"codec 99":                      {Type: format.Int32, Codec: 99, DataPageOffset: 4},
		"INT32 in the schema":           {Type: format.Int64, DataPageOffset: 4},
		"claims -1 values":              {Type: format.Int32, DataPageOffset: 4, NumValues: -1},
		"in 9000000000000000000 bytes":  {Type: format.Int32, DataPageOffset: 4, TotalCompressedSize: 9e18},
		"at offset 9000000000000000000": {Type: format.Int32, DataPageOffset: 9e18},
	} {
		if _, err := NewChunk(bytes.NewReader(nil), 100, Leaf{Name: "a", Type: format.Int32}, &meta, 1000); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestCheckFooter(t *testing.T) {
	schema := func(depth int) []byte {
		m := &format.FileMetaData{Version: 1, CreatedBy: "test"}
		for range depth {
			m.Schema = append(m.Schema, format.SchemaElement{Name: "g", NumChildren: library.Null[int32]{V: 1, Valid: true}})
		}
		m.Schema = append(m.Schema, format.SchemaElement{Name: "leaf", Type: library.Null[format.Type]{Valid: true}})
		b, err := library.Marshal(new(library.CompactProtocol), m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := CheckFooter(schema(5)); err != nil {
		t.Error(err)
	}
	if err := CheckFooter(schema(300)); err == nil || !strings.Contains(err.Error(), "levels deep") {
		t.Error(err)
	}
	// Field 2 is a list of 2^31-1 structs.
	if err := CheckFooter(append([]byte{0x29, 0xFC}, uvarints(math.MaxInt32)...)); !errors.Is(err, errCut) {
		t.Error(err)
	}
	// Lists in lists.
	if err := CheckFooter(append([]byte{0x29}, bytes.Repeat([]byte{0x19}, 100_000)...)); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Error(err)
	}
}
