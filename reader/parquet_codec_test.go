package reader

import (
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// TestParquetEncodings reads files in every codec, and columns in every encoding, that the
// library can write.
func TestParquetEncodings(t *testing.T) {
	type row struct {
		Plain     string  `parquet:"plain,plain"`
		Dict      string  `parquet:"dict,dict"`
		Delta     int64   `parquet:"delta,delta"`
		DeltaText string  `parquet:"delta_text,delta"`
		Split     float64 `parquet:"split,split"`
		Bool      bool    `parquet:"bool"`
		Null      *string `parquet:"null,optional"`
	}
	var rows []row
	for i := range 500 {
		rows = append(rows, row{fmt.Sprint("p", i), fmt.Sprint("d", i%3), int64(i) * 1_000_003, fmt.Sprint("t", i), float64(i) / 8, i%2 == 0, nil})
		if i%3 == 0 {
			rows[i].Null = &rows[i].Plain
		}
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw} {
		for version := 1; version <= 2; version++ {
			path := writeParquet(t, rows, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(512))
			got, err := all(open(t, Config{}, path))
			if err != nil || len(got) != len(rows) {
				t.Errorf("%v, pages of version %d: %d rows, %v", codec, version, len(got), err)
				continue
			}
			for i, r := range got {
				want := fmt.Sprint([]any{rows[i].Plain, rows[i].Dict, rows[i].Delta, rows[i].DeltaText, rows[i].Split, rows[i].Bool, nil})
				if i%3 == 0 {
					want = fmt.Sprint([]any{rows[i].Plain, rows[i].Dict, rows[i].Delta, rows[i].DeltaText, rows[i].Split, rows[i].Bool, rows[i].Plain})
				}
				if text := fmt.Sprint(r.Values); text != want || r.Err != nil {
					t.Fatalf("%v, pages of version %d, row %d: %s, %v, want %s", codec, version, i+1, text, r.Err, want)
				}
			}
		}
	}
}
