package writer_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// An output has the columns of the input, then those of the results. Its file appears
// under its name only with Commit.
func Example() {
	dir, err := os.MkdirTemp("", "writer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "labels.csv")

	input := []batch.Column{{Name: "id", Type: batch.Int}, {Name: "body"}}
	results := []batch.Column{{Name: "label"}, {Name: "cost_usd", Type: batch.Money}}
	out, err := writer.Create(writer.Config{
		Path:    path,
		Columns: append(input[:len(input):len(input)], results...),
		Input:   len(input),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Abort() // does nothing after Commit

	row := &batch.Row{Columns: input, Values: []any{int64(1), "Fast, and well packed."}}
	if err := out.Write(row, []any{"positive", int64(42_000_000)}); err != nil { // in pico-dollars
		log.Fatal(err)
	}
	row = &batch.Row{Columns: input, Values: []any{int64(2), "Broken"}}
	if err := out.Write(row, []any{nil, nil}); err != nil { // nil is null: an empty cell
		log.Fatal(err)
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		fmt.Println("before Commit there is no file")
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
	// Output:
	// before Commit there is no file
	// id,body,label,cost_usd
	// 1,"Fast, and well packed.",positive,0.000042
	// 2,Broken,,
}

// Parquet has types: amounts are decimals, and arrays and objects are JSON. What was read
// from Parquet keeps the exact type that it had, lists and decimals too, since a row carries
// its file's own form of the record in Native.
func ExampleCreate_parquet() {
	dir, err := os.MkdirTemp("", "writer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	type item struct {
		Name  string   `parquet:"name"`
		Price int64    `parquet:"price,decimal(2:12)"` // in cents
		Tags  []string `parquet:"tags,list"`
	}
	input, output := filepath.Join(dir, "items.parquet"), filepath.Join(dir, "labels.parquet")
	if err := parquet.WriteFile(input, []item{{"lamp", 1999, []string{"oak", "round"}}}); err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(reader.Config{Paths: []string{input}})
	if err != nil {
		log.Fatal(err)
	}
	columns := append(in.Columns(), batch.Column{Name: "cost_usd", Type: batch.Money})
	out, err := writer.Create(writer.Config{Path: output, Columns: columns, Input: len(columns) - 1})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Abort()
	for row, err := range in.Rows() {
		if err != nil {
			log.Fatal(err)
		}
		if err := out.Write(&row, []any{int64(42_000_000)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}

	f, err := os.Open(output)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Schema())
	// Output:
	// message genbatch {
	// 	optional binary name (STRING);
	// 	optional int64 price (DECIMAL(12,2));
	// 	optional group tags (LIST) {
	// 		repeated group list {
	// 			required binary element (STRING);
	// 		}
	// 	}
	// 	optional int64 cost_usd (DECIMAL(18,12));
	// }
}

// With To, what would be in the file goes to a writer. CSVSafe keeps spreadsheets from taking
// a text for a formula.
func ExampleConfig() {
	columns := []batch.Column{{Name: "body"}, {Name: "label"}}
	out, err := writer.Create(writer.Config{To: os.Stdout, Format: "csv", Columns: columns, Input: 1, CSVSafe: true})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Abort()
	row := &batch.Row{Columns: columns[:1], Values: []any{"=HYPERLINK(\"example.com\")"}}
	if err := out.Write(row, []any{"spam"}); err != nil {
		log.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// body,label
	// "'=HYPERLINK(""example.com"")",spam
}

// JSONL lines need not be alike: with AllInput each line keeps what it has, byte for byte,
// and gets the results.
func ExampleConfig_allInput() {
	out, err := writer.Create(writer.Config{To: os.Stdout, Format: "jsonl", AllInput: true, Columns: []batch.Column{{Name: "label"}}})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Abort()
	for _, line := range []string{`{"id": 1, "price": 1.10}`, `{"text": "Fine", "tags": ["a", "b"]}`} {
		if err := out.Write(&batch.Row{Raw: []byte(line)}, []any{"ham"}); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"id": 1, "price": 1.10,"label":"ham"}
	// {"text": "Fine", "tags": ["a", "b"],"label":"ham"}
}
