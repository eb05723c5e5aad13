package writer_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/batch"
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
