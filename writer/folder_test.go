package writer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/writer"
)

// What folders say of rows is written with them, and the rows are copied as they were.
func TestFoldersNamedForValues(t *testing.T) {
	type record struct {
		A    string
		Tags []int32 `parquet:"Tags,list"`
		Day  string
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []record{{"x", []int32{7, 8}, "old"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"jsonl/n=1/k=a%2Fb/p.jsonl":                                      `{"a": 1.50,  "b":"\u00e4"}` + "\n{ }\n[\n" + `{"k":"own","a":2}` + "\n" + `{"status":"mine"}` + "\n",
		"jsonl/n=2/k=__HIVE_DEFAULT_PARTITION__/p.jsonl":                 `{"a":3}` + "\n",
		"csv/n=5/p.csv":                                                  "a,n\nx,no\n",
		"parquet/Day=2026-01-02/n=3/p.parquet":                           b.String(),
		"parquet/Day=2026-01-03/n=__HIVE_DEFAULT_PARTITION__/p2.parquet": b.String(),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	in := openInput(t, filepath.Join(dir, "jsonl"))
	const ok = `,"status":"a <b> \"c\"\n"}` + "\n"
	want := `{"a": 1.50,  "b":"\u00e4","n":1,"k":"a/b"` + ok + `{"n":1,"k":"a/b"` + ok + `{"n":1,"k":"a/b","status":null}` + "\n" +
		`{"k":"a/b","a":2,"n":1` + ok + `{"n":1,"k":"a/b"` + ok + `{"a":3,"n":2,"k":null` + ok
	if got := text(t, convert(t, in, "o.jsonl", writer.Config{AllInput: true, Columns: results[1:2]})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}

	in = openInput(t, filepath.Join(dir, "csv"))
	if got := text(t, convert(t, in, "o.csv", writer.Config{Columns: in.Columns(), Input: 2})); got != "a,n\nx,5\n" {
		t.Errorf("CSV: %q", got)
	}

	in = openInput(t, filepath.Join(dir, "parquet"))
	path := convert(t, in, "o.parquet", writer.Config{Columns: in.Columns(), Input: len(in.Columns())})
	type written struct {
		A    string
		Tags []int32 `parquet:"Tags,list"`
		Day  *string
		N    *int64 `parquet:"n"`
	}
	rows, err := parquet.ReadFile[written](path)
	if err != nil || len(rows) != 2 {
		t.Fatal(len(rows), err)
	}
	got := ""
	for _, r := range rows {
		n := "null"
		if r.N != nil {
			n = fmt.Sprint(*r.N)
		}
		got += fmt.Sprint(r.A, r.Tags, *r.Day, n, ";")
	}
	if want := "x[7 8]2026-01-023;x[7 8]2026-01-03null;"; got != want {
		t.Errorf("Parquet: %s, want %s", got, want)
	}
}
