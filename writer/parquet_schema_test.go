package writer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// TestParquetHolds writes columns of forms that the library refuses to write, or writes so
// that no other program reads them. The output has their values.
func TestParquetHolds(t *testing.T) {
	str := parquet.String()
	list, maps := parquet.List(str).Type(), parquet.Map(str, str).Type()
	for _, tt := range []struct {
		name string
		node parquet.Node
		row  parquet.Row
		want string
	}{
		{"a list without a wrapper", annotated{parquet.Group{"array": parquet.Repeated(str)}, list},
			parquet.Row{parquet.ValueOf("x").Level(0, 1, 0), parquet.ValueOf("y").Level(1, 1, 0)}, `["x","y"]`},
		{"a list of tuples", annotated{parquet.Group{"l_tuple": parquet.Repeated(parquet.Group{"a": str})}, list},
			parquet.Row{parquet.ValueOf("x").Level(0, 1, 0)}, `[{"a":"x"}]`},
		{"a map without values", annotated{parquet.Group{"key_value": parquet.Repeated(parquet.Group{"key": str})}, maps},
			parquet.Row{parquet.ValueOf("x").Level(0, 1, 0)}, `["x"]`},
		{"a name with a comma", parquet.Group{"a,b": str}, parquet.Row{parquet.ValueOf("x").Level(0, 0, 0)}, `{"a,b":"x"}`},
		{"no values", parquet.Optional(nullNode{parquet.Leaf(parquet.Int32Type)}), parquet.Row{parquet.NullValue().Level(0, 0, 0)}, `<nil>`},
		{"no values in a struct", parquet.Group{"n": parquet.Optional(nullNode{parquet.Leaf(parquet.Int32Type)})}, parquet.Row{parquet.NullValue().Level(0, 0, 0)}, `{"n":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			col := batch.Column{Name: "l", Type: batch.JSON, Native: tt.node}
			path := filepath.Join(t.TempDir(), "o.parquet")
			o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{col, {Name: "status"}}, Input: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Abort()
			row := &batch.Row{Columns: []batch.Column{col}, Values: []any{nil}, Native: tt.row}
			if err := o.Write(row, []any{"ok"}); err != nil {
				t.Fatal(err)
			}
			if err := o.Commit(); err != nil {
				t.Fatal(err)
			}
			got := rowsOf(t, openInput(t, path))
			if len(got) != 1 || fmt.Sprintf("%s", got[0].Values[0]) != strings.Replace(tt.want, "<nil>", "%!s(<nil>)", 1) {
				t.Errorf("got %s, want %s", got[0].Values, tt.want)
			}
			for _, g := range footer(t, path).Metadata().RowGroups {
				for _, c := range g.Columns {
					if c.MetaData.Type < format.Boolean {
						t.Errorf("%s has the physical type %d", c.MetaData.PathInSchema, int(c.MetaData.Type))
					}
				}
			}
		})
	}
}

// An annotated node is a group with the type of a list or map.
type annotated struct {
	parquet.Group
	t parquet.Type
}

func (a annotated) Type() parquet.Type { return a.t }

// A nullNode has the library's type for columns without values, whose kind is -1.
type nullNode struct{ parquet.Node }

func (nullNode) Type() parquet.Type { return nullType{parquet.Int32Type} }

type nullType struct{ parquet.Type }

func (nullType) Kind() parquet.Kind { return -1 }
func (nullType) LogicalType() *format.LogicalType {
	return &format.LogicalType{Value: new(format.NullType)}
}

// TestCheck finds what Parquet cannot hold without making a file.
func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.parquet")
	many := make([]batch.Column, 33_000)
	for i := range many {
		many[i].Name = fmt.Sprint("c", i)
	}
	for want, columns := range map[string][]batch.Column{
		"a Parquet file holds up to 32767 columns": many,
		"is not UTF-8": {{Name: "a\xFF"}},
	} {
		err := writer.Check(writer.Config{Path: path, Columns: columns})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "write another format, such as .jsonl") {
			t.Errorf("got %v, want %q", err, want)
		}
		if err := writer.Check(writer.Config{Path: "o.jsonl", Columns: columns}); err != nil {
			t.Error(err)
		}
	}
	if err := writer.Check(writer.Config{Path: path, Columns: many[:3]}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file")
	}
}

// TestPanicIsAnError gives a value that makes the library panic. Nothing is left behind.
func TestPanicIsAnError(t *testing.T) {
	dir := t.TempDir()
	col := batch.Column{Name: "a", Type: batch.String, Native: parquet.Optional(parquet.String())}
	o, err := writer.Create(writer.Config{Path: filepath.Join(dir, "o.parquet"), Columns: []batch.Column{col}, Input: 1})
	if err != nil {
		t.Fatal(err)
	}
	row := &batch.Row{Columns: []batch.Column{col}, Values: []any{nil}, Native: parquet.Row{parquet.ValueOf("x").Level(0, 255, 0)}}
	for range 100 {
		if err = o.Write(row, nil); err != nil {
			break
		}
	}
	if err == nil {
		_, err = o.Finish()
	}
	if err == nil || !strings.Contains(err.Error(), "write another format") {
		t.Errorf("got %v", err)
	}
	o.Abort()
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

// TestParquetText writes texts that are not UTF-8, and JSON with half of a character. Other
// programs refuse a file for either.
func TestParquetText(t *testing.T) {
	type row struct {
		A string   `parquet:"a"`
		L []string `parquet:"l,list"`
		J []byte   `parquet:"j,json"`
	}
	in := filepath.Join(t.TempDir(), "i.parquet")
	if err := parquet.WriteFile(in, []row{{"x\xff", []string{"y\xfe"}, []byte(`["\ud83d","\ud83d\ude00","\\ud83d","\ude00"]`)}}); err != nil {
		t.Fatal(err)
	}
	input, err := reader.Open(reader.Config{Paths: []string{in}})
	if err != nil {
		t.Fatal(err)
	}
	got := rowsOf(t, openInput(t, convert(t, input, "o.parquet", all(input.Columns()))))
	if text := fmt.Sprintf("%s", got[0].Values[:3]); got[0].Err != nil || text != "[x\uFFFD [\"y\uFFFD\"] "+`["\ufffd","\ud83d\ude00","\\ud83d","\ufffd"]]` {
		t.Errorf("got %s, %v", text, got[0].Err)
	}
	lone := source(t, "a.jsonl", `{"o":{"k":"\udc00"}}`+"\n")
	got = rowsOf(t, openInput(t, convert(t, lone, "p.parquet", all(columns(t, lone)))))
	if text := fmt.Sprintf("%s", got[0].Values[0]); text != `{"k":"\ufffd"}` {
		t.Errorf("got %s", text)
	}
}
