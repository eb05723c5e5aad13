package reader

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
)

func TestJSONL(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"values", `{"s":"x","i":12,"n":-0,"f":1.50,"e":1e3,"t":true,"u":false,"z":null,"a":[1, 2],"o":{"k":"v"}}`,
			[]string{`1: s=string("x") i=Number(12) n=Number(-0) f=Number(1.50) e=Number(1e3) t=bool(true) u=bool(false) z=<nil>(null) a=RawMessage([1, 2]) o=RawMessage({"k":"v"})`}},
		{"empty lines count", "\n{\"a\":1}\r\n \t\r\n\n{\"a\":2}", []string{`2: a=Number(1)`, `5: a=Number(2)`}},
		{"space", "  { \"a\" : 1 , \"b\":2 }  \n", []string{`1: a=Number(1) b=Number(2)`}},
		{"empty object", "{}\n{ }", []string{`1:`, `2:`}},
		{"same name twice", `{"a":1,"b":2,"a":"x"}`, []string{`1: a=string("x") b=Number(2)`}},
		{"same name, written otherwise", `{"a":1,"\u0061":2}`, []string{`1: a=Number(2)`}},
		{"escapes", `{"a\n\"":"\u00e4\ud83d\ude00\/\\\t\b\f\r<"}`, []string{`1: a` + "\n" + `"=string("ä😀/\\\t\b\f\r<")`}},
		{"lone surrogates", `{"a":"\ud800","b":"x\udc00y","c":"\ud800A"}`, []string{`1: a=string("` + "\uFFFD" + `") b=string("x` + "\uFFFD" + `y") c=string("` + "\uFFFD" + `A")`}},
		{"nothing", "", nil},

		{"not JSON", "hello\n{}", []string{`1: ERR 1:1: not JSON: 'h' where an object should stand`, `2:`}},
		{"array", `[1]`, []string{`1: ERR 1:1: the line is JSON but not an object: a row is {"name": value, ...}`}},
		{"number", ` 5`, []string{`1: ERR 1:2: the line is JSON but not an object: a row is {"name": value, ...}`}},
		{"text after", `{"a":1} {"a":2}`, []string{`1: ERR 1:9: text after the end of the object; a line holds one row`}},
		{"cut", `{"a":1`, []string{`1: ERR 1:7: the line ends where a comma or } after a member should stand`}},
		{"cut string", `{"a":"x`, []string{`1: ERR 1:8: the line ends where the closing quote of a string should stand`}},
		{"comma at end", `{"a":1,}`, []string{`1: ERR 1:8: a comma stands before }, where JSON has none; remove it`}},
		{"single quotes", `{'a':1}`, []string{`1: ERR 1:2: single quotes are not JSON's; write the line with json.dumps (Python) or JSON.stringify (JavaScript)`}},
		{"NaN", `{"a":NaN}`, []string{`1: ERR 1:6: NaN is no JSON number; write null, or "NaN" as a text (Python: json.dumps(..., allow_nan=False) finds them, and pandas' to_json writes null)`}},
		{"leading zero", `{"a":01}`, []string{`1: ERR 1:7: not JSON: '1' where a comma or } after a member should stand`}},
		{"half number", `{"a":1.}`, []string{`1: ERR 1:8: not JSON: '}' where a digit after the decimal point should stand`}},
		{"bad escape", `{"a":"\x"}`, []string{`1: ERR 1:8: not JSON: 'x' where an escape: one of "\/bfnrtu should stand`}},
		{"bad \\u", `{"a":"\u12g4"}`, []string{`1: ERR 1:11: not JSON: 'g' where four hexadecimal digits after \u should stand`}},
		{"nested fault", `{"a":[1,{"b":tru}]}`, []string{`1: ERR 1:14: not JSON: 't' where a value should stand`}},
		{"control character", "{\"a\":\"x\ty\"}", []string{`1: ERR 1:8: the control character U+0009 stands in a string without an escape`}},
		{"NUL", "{\"a\":\"\x00\"}\n{}", []string{`1: ERR 1:7: the control character U+0000 stands in a string without an escape`, `2:`}},
		{"not UTF-8", "{\"ä\":\"\xff\"}\n{}", []string{`1: ERR 1:8: the line is not UTF-8; it looks like windows-1252: read the file with --encoding windows-1252`, `2:`}},
		{"too deep", `{"a":` + strings.Repeat("[", 1_000_000), []string{`1: ERR 1:10005: more than 10000 arrays and objects inside each other`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := all(open(t, Config{}, write(t, "a.jsonl", tt.in)))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), tt.want)
		})
	}
}

func TestJSONLRaw(t *testing.T) {
	const line = `{"b": 1e2,  "a":"\u00e4", "a":[ ]}`
	rows, err := all(open(t, Config{}, write(t, "a.jsonl", "\t"+line+" \r\n"+`{"x"`)))
	if err != nil {
		t.Fatal(err)
	}
	if string(rows[0].Raw) != line {
		t.Errorf("got %s", rows[0].Raw)
	}
	if rows[1].Raw != nil || rows[1].Err == nil {
		t.Errorf("a bad row has Raw %q, error %v", rows[1].Raw, rows[1].Err)
	}
}

// TestJSONLSharedColumns checks that similar rows share their columns, even if some values
// are null, and that a later row changes none of them.
func TestJSONLSharedColumns(t *testing.T) {
	in := `{"a":1,"b":"x"}
{"a":2,"b":null}
{"a":null,"b":"y"}
{"a":1.5,"b":"y"}
{"a":2.5,"b":"y"}
{"a":2.5}
{"a":2.5,"c":true}
`
	rows, err := all(open(t, Config{}, write(t, "a.jsonl", in)))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 2, 4} {
		if !sameSlice(rows[i].Columns, rows[i-1].Columns) {
			t.Errorf("row %d does not share the columns of the row before", i)
		}
	}
	var types []string
	for _, r := range rows {
		s := ""
		for _, c := range r.Columns {
			s += fmt.Sprint(c.Name, c.Type)
		}
		types = append(types, s)
	}
	compare(t, types, []string{"a1b0", "a1b0", "a1b0", "a2b0", "a2b0", "a2", "a2c3"})
}

func TestJSONLManyNames(t *testing.T) {
	line := "{"
	for i := range 500 {
		line += fmt.Sprintf(`"k%d":%d,`, i%300, i)
	}
	line = strings.TrimSuffix(line, ",") + "}"
	rows, err := all(open(t, Config{}, write(t, "a.jsonl", line+"\n"+line+"\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var want map[string]json.Number
		if err := json.Unmarshal(r.Raw, &want); err != nil {
			t.Fatal(err)
		}
		if len(r.Columns) != 300 {
			t.Fatalf("%d columns, want 300", len(r.Columns))
		}
		for name, w := range want {
			if v, _ := r.Value(name); v != w {
				t.Errorf("%s is %v, want %v", name, v, w)
			}
		}
	}
}

func TestJSONLMaxRowBytes(t *testing.T) {
	exact := `{"a":"` + strings.Repeat("x", 92) + `"}` // 100 bytes
	long := `{"a":"` + strings.Repeat("x", 93) + `"}`
	huge := `{"a":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, eol := range []string{"\n", "\r\n"} {
		in := strings.Join([]string{exact, long, huge, exact, long}, eol)
		rows, err := all(open(t, Config{MaxRowBytes: 100}, write(t, "a.jsonl", in)))
		if err != nil {
			t.Fatal(err)
		}
		const over = "the row is longer than 100 bytes; raise the limit with --max-row-bytes"
		ok := `a=string("` + strings.Repeat("x", 92) + `")`
		compare(t, lines(rows), []string{"1: " + ok, "2: ERR 2: " + over, "3: ERR 3: " + over, "4: " + ok, "5: ERR 5: " + over})
	}
	// A line that is larger than every buffer is read whole if the limit allows it.
	rows, err := all(open(t, Config{}, write(t, "b.jsonl", huge+"\n"+exact)))
	if err != nil || len(rows) != 2 || len(rows[0].Raw) != len(huge) || rows[1].Err != nil {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// TestJSONLMemory reads a file that is far larger than the memory it may use.
func TestJSONLMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(`{"a":"` + strings.Repeat("x", 1000) + `"}` + "\n")
	for range 40_000 { // 40 MB
		f.Write(line)
	}
	// A line of 40 MB is over the limit, and must not be held in memory either.
	f.Write(bytes.Repeat([]byte("x"), 40<<20))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	in := open(t, Config{MaxRowBytes: 1 << 20}, path)
	peak, n := uint64(0), 0
	var m runtime.MemStats
	for r, err := range in.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%8000 == 0 || r.Err != nil {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if n != 40_001 {
		t.Errorf("%d rows", n)
	}
	if peak > 16<<20 {
		t.Errorf("%d MiB are live while reading", peak>>20)
	}
}

// FuzzJSONL compares the reader with encoding/json. They must agree on what is an object
// and on every value in it. Each line that is not empty must be one row.
func FuzzJSONL(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `{"a":"\ud83d\ude00\u0000","b":[1,{"c":null}],"a":-1.5e+9}`, "{}\n\n{\"a\":true}\r\nnull",
		`{"a":1,}`, `{"a"`, "{\"a\":\"\xff\"}", "\ufeff{}", `{"a":"\ud800\u0041\udfff"}`, `[[]]`, "{\"\":\"\"}", "{\"a\":1}\x00",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF) {
			t.Skip("UTF-16")
		}
		path := filepath.Join(dir, "fuzz.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		rows, err := all(open(t, Config{}, path))
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for i, line := range bytes.Split(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), []byte("\n")) {
			line = bytes.Trim(line, " \t\r")
			if len(line) == 0 {
				continue
			}
			if next == len(rows) {
				t.Fatalf("%d rows, too few", len(rows))
			}
			r := rows[next]
			next++
			if r.Line != int64(i+1) {
				t.Fatalf("row %d stands on line %d, want %d", next, r.Line, i+1)
			}
			var want map[string]any
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			good := utf8.Valid(line) && json.Valid(line) && line[0] == '{'
			if good != (r.Err == nil) {
				t.Fatalf("%q: error %v, want one: %t", line, r.Err, !good)
			}
			if !good {
				continue
			}
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if len(want) != len(r.Columns) || !bytes.Equal(r.Raw, line) {
				t.Fatalf("%q: columns %v, raw %q", line, r.Columns, r.Raw)
			}
			for i, c := range r.Columns {
				got := r.Values[i]
				if raw, ok := got.(json.RawMessage); ok {
					d := json.NewDecoder(bytes.NewReader(raw))
					d.UseNumber()
					got = nil
					d.Decode(&got)
				}
				if !reflect.DeepEqual(got, want[c.Name]) {
					t.Fatalf("%q: %q is %#v, want %#v", line, c.Name, got, want[c.Name])
				}
			}
		}
		if next != len(rows) {
			t.Fatalf("%d rows, want %d", len(rows), next)
		}
	})
}

func TestUnion(t *testing.T) {
	tests := []struct {
		name, in string
		want     map[string]batch.Type
		order    string
	}{
		{"order", "{\"b\":1}\n{\"a\":1,\"b\":2}\n{\"c\":1}", nil, "b a c"},
		{"numbers meet", "{\"a\":1}\n{\"a\":1.5}\n{\"a\":2}", map[string]batch.Type{"a": batch.Float}, "a"},
		{"conflict", "{\"a\":1}\n{\"a\":\"x\"}", map[string]batch.Type{"a": batch.JSON}, "a"},
		{"null first", "{\"a\":null}\n{\"a\":null}\n{\"a\":7}", map[string]batch.Type{"a": batch.Int}, "a"},
		{"null first, then text", "{\"a\":null}\n{\"a\":\"x\"}\n{\"a\":7}", map[string]batch.Type{"a": batch.JSON}, "a"},
		{"null between", "{\"a\":7}\n{\"a\":null}\n{\"a\":8}", map[string]batch.Type{"a": batch.Int}, "a"},
		{"only null", "{\"a\":null}", map[string]batch.Type{"a": batch.String}, "a"},
		{"beyond int64", "{\"a\":7}\n{\"a\":9223372036854775808}", map[string]batch.Type{"a": batch.String}, "a"},
		{"the largest int64", "{\"a\":7}\n{\"a\":9223372036854775807}", map[string]batch.Type{"a": batch.Int}, "a"},
		{"beyond float64", "{\"a\":7.5}\n{\"a\":1e999}", map[string]batch.Type{"a": batch.String}, "a"},
		{"nested", "{\"a\":[1]}\n{\"a\":{\"b\":1}}", map[string]batch.Type{"a": batch.JSON}, "a"},
		{"bad rows between", "{\"a\":1}\n{x\n{\"a\":2}", map[string]batch.Type{"a": batch.Int}, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var u Union
			for r, err := range open(t, Config{}, write(t, "a.jsonl", tt.in)).Rows() {
				if err != nil {
					t.Fatal(err)
				}
				u.Add(&r)
			}
			var order []string
			for _, c := range u.Columns() {
				order = append(order, c.Name)
				if want, ok := tt.want[c.Name]; ok && c.Type != want {
					t.Errorf("%s has type %d, want %d", c.Name, c.Type, want)
				}
			}
			if got := strings.Join(order, " "); got != tt.order {
				t.Errorf("columns %s, want %s", got, tt.order)
			}
		})
	}
}

// What other languages write in place of JSON is named, and the row keeps what can be read
// of its columns.
func TestJSONLForeign(t *testing.T) {
	tests := []struct{ line, column, cause, kept string }{
		{`{"id":1,"score":NaN,"body":"x"}`, ":17: ", "NaN is no JSON number; write null", `id=1 score=<nil> body=x`},
		{`{"id":1,"score":-Infinity,"body":"x"}`, ":17: ", "-Infinity is no JSON number", `id=1 score=<nil> body=x`},
		{`{"score": inf , "a":[1,{"b":"}"}],"c":true}`, ":11: ", "inf is no JSON number", `score=<nil> a=[1,{"b":"}"}] c=true`},
		{`{"id":1,"a":{"b":[1,NaN,"]"],"c":2},"body":"x"}`, ":21: ", "NaN is no JSON number", `id=1 a=<nil> body=x`},
		{`{"id":1,"a":None,"b":True,"body":"x"}`, ":13: ", "None is Python's, not JSON's; write the line with json.dumps", `id=1 a=<nil> b=<nil> body=x`},
		{`{"id":1,"a":undefined,"body":"x"}`, ":13: ", "undefined is JavaScript's", `id=1 a=<nil> body=x`},
		{`{"id":1,"a":NULL}`, ":13: ", "NULL is not JSON's null", `id=1 a=<nil>`},
		{`{"id":1,"a":'it, is',"body":"x"}`, ":13: ", "single quotes are not JSON's", `id=1`},
		{`{'id': 1, 'body': 'x'}`, ":2: ", "single quotes are not JSON's", ``},
		{`{"id":1,"a":[1,2,],"body":"x"}`, ":18: ", "a comma stands before ], where JSON has none", `id=1 a=<nil> body=x`},
		{`{"id":1,}`, ":9: ", "a comma stands before }, where JSON has none", `id=1`},
		{`{"id":1, // the first`, ":10: ", "JSON has no comments", `id=1`},
		{`{"id":1 /* the first */}`, ":9: ", "JSON has no comments", `id=1`},
		{`{"id":1 # the first`, ":9: ", "JSON has no comments", `id=1`},
		{`{"id":1,"body":"cut`, ":20: ", "the line ends where the closing quote of a string should stand", `id=1`},
		{`{"id":01}`, ":8: ", "not JSON: '1'", `id=<nil>`},
		{`{"id":1,"a":1.2.3}`, ":16: ", "not JSON: '.'", `id=1 a=<nil>`},
		{`{"id":1,"a":"b" "c":1}`, ":17: ", "not JSON: '\"'", `id=1 a=b`},
	}
	for _, tt := range tests {
		rows, err := all(open(t, Config{}, write(t, "a.jsonl", tt.line+"\n{\"id\":2}\n")))
		if err != nil || len(rows) != 2 || rows[1].Err != nil {
			t.Fatalf("%s: %v, %v", tt.line, rows, err)
		}
		r := rows[0]
		if r.Err == nil || !strings.Contains(r.Err.Error(), tt.column+tt.cause) {
			t.Errorf("%s: error %v, want %s%s", tt.line, r.Err, tt.column, tt.cause)
		}
		var kept []string
		for i, c := range r.Columns {
			kept = append(kept, fmt.Sprintf("%s=%v", c.Name, plainly(r.Values[i])))
		}
		if got := strings.Join(kept, " "); got != tt.kept || r.Raw != nil {
			t.Errorf("%s: kept %s, want %s", tt.line, got, tt.kept)
		}
	}
}

func plainly(v any) any {
	if raw, ok := v.(json.RawMessage); ok {
		return string(raw)
	}
	return v
}
