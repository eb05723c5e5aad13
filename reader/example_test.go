package reader_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

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
