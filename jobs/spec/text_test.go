package spec

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckText(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(*Spec)
		want string
	}{
		"delimiter":         {func(s *Spec) { s.Delimiter = "::" }, "has several characters"},
		"output delimiter":  {func(s *Spec) { s.OutputDelimiter = "x" }, "output_delimiter: the delimiter cannot be"},
		"escape":            {func(s *Spec) { s.Escape = "bs" }, "write backslash"},
		"quotes":            {func(s *Spec) { s.Quotes, s.NoQuotes = true, true }, "contradict each other"},
		"encoding":          {func(s *Spec) { s.Encoding = "shift_jsi" }, "did you mean shift_jis?"},
		"ANSI":              {func(s *Spec) { s.Encoding = "ansi" }, "windows-1252 in western Europe"},
		"null":              {func(s *Spec) { s.Null = List{"ok", `"x"`} }, "null is"},
		"sheet":             {func(s *Spec) { s.Input = List{"https://docs.google.com/spreadsheets/d/e/2PACX-1v/pubhtml?gid=3"} }, "curl -fL -o sheet.csv 'https://docs.google.com/spreadsheets/d/e/2PACX-1v/pub?output=csv&gid=3'"},
		"drive":             {func(s *Spec) { s.Input = List{"https://drive.google.com/file/d/1x-Y/view?usp=sharing"} }, "https://drive.google.com/uc?export=download&id=1x-Y"},
		"page":              {func(s *Spec) { s.Input = List{"https://example.com/"} }, "curl -fL -o table.csv https://example.com/"},
		"bucket":            {func(s *Spec) { s.Input = List{"hdfs://b/a.jsonl"} }, "hdfs dfs -get hdfs://b/a.jsonl a.jsonl"},
		"files of stdin":    {func(s *Spec) { s.InputFormat, s.Input = "Files", List{"a.eml", "-"} }, "stdin is no file"},
		"files with quotes": {func(s *Spec) { s.InputFormat, s.NoQuotes = "files", true }, "--no-quotes says how tables are read"},
		"output":            {func(s *Spec) { s.Output = "ftp://b/a.jsonl" }, "the output ftp://b/a.jsonl is an address of no object store"},
	} {
		s := Spec{Input: List{"a.csv"}, Output: "b.csv", Model: "m", Prompt: "{{.a}}"}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		tt.set(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// What says how the input is read is told apart from what does not.
func TestReads(t *testing.T) {
	a := Spec{Input: List{"a.csv"}, Delimiter: ";", Encoding: "GBK", Null: List{"NULL"}}
	b := a
	b.Output, b.OutputDelimiter, b.BOM, b.Encoding = "x", "tab", true, "gbk"
	if got := Reads(&a, &b); len(got) > 0 {
		t.Errorf("%v read otherwise", got)
	}
	b = Spec{Escape: `\`, Quotes: true, NoQuotes: true, InputFormat: "csv"}
	if got, want := fmt.Sprint(Reads(&a, &b)), "[input_format delimiter encoding escape quotes no_quotes null]"; got != want {
		t.Errorf("%s read otherwise, want %s", got, want)
	}
}
