package reader_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
)

// A record that cannot be read is a row with its Err set, and the rows after it follow.
func Example() {
	dir, err := os.MkdirTemp("", "reader")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "reviews.csv")
	err = os.WriteFile(path, []byte("id,body\n1,\"Fast, and well packed.\"\n2,Broken,again\n3,Fine\n"), 0o600)
	if err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range in.Rows() {
		if err != nil {
			log.Fatal(err) // the file itself broke: no row follows
		}
		if bad, ok := errors.AsType[*reader.Error](row.Err); ok {
			fmt.Printf("line %d is bad: %v\n", bad.Line, bad.Err)
			continue
		}
		body, _ := row.Value("body")
		fmt.Printf("line %d: %v\n", row.Line, body)
	}
	// Output:
	// line 2: Fast, and well packed.
	// line 3 is bad: the row has 3 fields and the header 2; a field with a comma or a line end needs quotes
	// line 4: Fine
}

// The columns of JSONL are known only from the rows. An output in CSV or Parquet needs
// them first: a Union collects them in a pass of its own.
func ExampleUnion() {
	dir, err := os.MkdirTemp("", "reader")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "items.jsonl")
	err = os.WriteFile(path, []byte(`{"name":"lamp","price":20}
{"name":"chair","price":49.5,"tags":["oak"]}
`), 0o600)
	if err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		log.Fatal(err)
	}
	var union reader.Union
	for row, err := range in.Rows() {
		if err != nil {
			log.Fatal(err)
		}
		union.Add(&row)
	}
	types := map[batch.Type]string{batch.String: "text", batch.Float: "number", batch.JSON: "JSON"}
	for _, c := range union.Columns() {
		fmt.Println(c.Name, types[c.Type])
	}
	// Output:
	// name text
	// price number
	// tags JSON
}

// Parquet keeps its types: integers, floats and truths come as such, decimals as their
// digits, lists and groups as JSON. Column.Native is the column's node for package
// parquet-go, so that a writer can keep the exact type.
func ExampleOpen_parquet() {
	dir, err := os.MkdirTemp("", "reader")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "items.parquet")
	type item struct {
		Name  string   `parquet:"name"`
		Stock int64    `parquet:"stock"`
		Price int64    `parquet:"price,decimal(2:12)"` // in cents
		Tags  []string `parquet:"tags,list"`
		Used  *bool    `parquet:"used,optional"`
	}
	err = parquet.WriteFile(path, []item{{"lamp", 3, 1999, []string{"oak", "round"}, nil}})
	if err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range in.Rows() {
		if err != nil {
			log.Fatal(err)
		}
		for i, c := range row.Columns {
			fmt.Printf("%s: %T %s\n", c.Name, row.Values[i], batch.Text(row.Values[i]))
		}
	}
	// Output:
	// name: string lamp
	// stock: int64 3
	// price: json.Number 19.99
	// tags: json.RawMessage ["oak","round"]
	// used: <nil>
}

// Format reads a file whose extension says something else. A record that is too long is a
// bad row, and the rows after it follow.
func ExampleConfig() {
	dir, err := os.MkdirTemp("", "reader")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "export.txt")
	err = os.WriteFile(path, []byte("\"id\"\t\"body\"\n1\t\"a tab\tand a line end\n in quotes\"\n2\t"+strings.Repeat("long ", 20)+"\n3\tFine\n"), 0o600)
	if err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(reader.Config{Paths: []string{path}, Format: "tsv", MaxRowBytes: 80, Quotes: true})
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range in.Rows() {
		if err != nil {
			log.Fatal(err)
		}
		if bad, ok := errors.AsType[*reader.Error](row.Err); ok {
			fmt.Printf("line %d: %v\n", bad.Line, bad.Err)
			continue
		}
		body, _ := row.Value("body")
		fmt.Printf("line %d: %q\n", row.Line, body)
	}
	// Output:
	// line 2: "a tab\tand a line end\n in quotes"
	// line 4: the row is longer than 80 bytes; raise the limit with --max-row-bytes
	// line 5: "Fine"
}

// Open tells what is wrong with an input, and where. Nothing has been read then but headers.
func ExampleError() {
	_, err := reader.Open(reader.Config{Paths: []string{"no-such-file.csv"}})
	if bad, ok := errors.AsType[*reader.Error](err); ok {
		fmt.Println(bad.File, errors.Is(err, fs.ErrNotExist))
	}
	// Output:
	// no-such-file.csv true
}
