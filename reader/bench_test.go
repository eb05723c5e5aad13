package reader

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type benchRow struct {
	ID    int64    `parquet:"id"`
	Score float64  `parquet:"score"`
	Body  string   `parquet:"body"`
	Tags  []string `parquet:"tags,list"`
}

// BenchmarkFormats reads 10,000 rows of about a kilobyte, beside what the library
// under the reader does when it is asked for the same values. MB/s are of the file;
// of Parquet, whose file is compressed, of the values.
func BenchmarkFormats(b *testing.B) {
	var lines, records bytes.Buffer
	records.WriteString("id,score,body\n")
	rows := make([]benchRow, 10_000)
	values := 0
	for i := range rows {
		body := strings.Repeat("Some words of a review. ", 40)
		fmt.Fprintf(&lines, `{"id":%d,"score":0.%d,"body":"%s\n\"quoted\"","tags":["a","b"],"ok":true}`+"\n", i, i, body)
		fmt.Fprintf(&records, "%d,0.%d,\"%s \"\"quoted\"\"\nnext line\"\n", i, i, body)
		rows[i] = benchRow{int64(i), float64(i) / 7, body, []string{"a", "b"}}
		values += 8 + 8 + len(body) + 2
	}
	for _, f := range []struct {
		name, path string
		bytes      int
		library    func(*os.File) error
	}{
		{"jsonl", write(b, "a.jsonl", lines.String()), lines.Len(), readJSONL},
		{"csv", write(b, "a.csv", records.String()), records.Len(), readCSV},
		{"parquet", writeParquet(b, rows), values, readParquet},
	} {
		b.Run(f.name+"/reader", func(b *testing.B) {
			in := open(b, Config{}, f.path)
			b.SetBytes(int64(f.bytes))
			b.ReportAllocs()
			for b.Loop() {
				for r, err := range in.Rows() {
					if err != nil || r.Err != nil {
						b.Fatal(err, r.Err)
					}
				}
			}
		})
		b.Run(f.name+"/library", func(b *testing.B) {
			b.SetBytes(int64(f.bytes))
			b.ReportAllocs()
			for b.Loop() {
				file, err := os.Open(f.path)
				if err != nil {
					b.Fatal(err)
				}
				if err := f.library(file); err != nil && err != io.EOF {
					b.Fatal(err)
				}
				file.Close()
			}
		})
	}
}

func readJSONL(f *os.File) error {
	for r := bufio.NewReaderSize(f, 64<<10); ; {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return err
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
	}
}

func readCSV(f *os.File) error {
	for r := csv.NewReader(f); ; {
		if _, err := r.Read(); err != nil {
			return err
		}
	}
}

func readParquet(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return err
	}
	buf := make([]parquet.Row, 32)
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for {
			n, err := rows.ReadRows(buf)
			for i := range buf[:n] {
				buf[i] = buf[i].Clone() // as rows that are kept need
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
	}
	return nil
}
