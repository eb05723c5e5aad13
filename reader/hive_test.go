package reader

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// described returns columns as NAME:TYPE.
func described(columns []batch.Column) (list []string) {
	types := map[batch.Type]string{batch.String: "string", batch.Int: "int", batch.Float: "float", batch.Bool: "bool", batch.JSON: "json", batch.Bytes: "bytes"}
	for _, c := range columns {
		list = append(list, c.Name+":"+types[c.Type])
	}
	return list
}

func TestHive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		files   map[string]string
		path    string // below the folder
		columns string
		rows    []string
	}{
		{"two keys", map[string]string{"year=2026/month=01/p.csv": row, "year=2025/month=12/p.csv": row}, ".", "a:string year:int month:string",
			[]string{`2: a=string("1") year=int64(2025) month=string("12")`, `2: a=string("1") year=int64(2026) month=string("01")`}},
		{"null", map[string]string{"k=3/p.csv": row, "k=__HIVE_DEFAULT_PARTITION__/p.csv": row}, ".", "a:string k:int",
			[]string{`2: a=string("1") k=int64(3)`, `2: a=string("1") k=<nil>(null)`}},
		{"only null", map[string]string{"k=__HIVE_DEFAULT_PARTITION__/p.csv": row}, "**/*.csv", "a:string k:string", []string{`2: a=string("1") k=<nil>(null)`}},
		{"escapes", map[string]string{"a%20b=x%2Fy%25z/p.csv": row}, ".", "a:string a b:string", []string{`2: a=string("1") a b=string("x/y%z")`}},
		{"no escapes", map[string]string{"k=100%/p.csv": row, "k=%zz%4/p.csv": row}, ".", "a:string k:string", []string{`2: a=string("1") k=string("%zz%4")`, `2: a=string("1") k=string("100%")`}},
		{"odd names", map[string]string{"_k=é日/a b [1]/p.csv": row}, ".", "a:string _k:string", []string{`2: a=string("1") _k=string("é日")`}},
		{"no keys", map[string]string{"=1/a=b=c/p.csv": row}, ".", "a:string", []string{`2: a=string("1")`}},
		{"an empty value", map[string]string{"k=/p.csv": row}, ".", "a:string k:string", []string{`2: a=string("1") k=string("")`}},
		{"another order", map[string]string{"x=1/y=2/p.csv": row, "y=3/x=4/p.csv": row}, ".", "a:string x:int y:int",
			[]string{`2: a=string("1") x=int64(1) y=int64(2)`, `2: a=string("1") y=int64(3) x=int64(4)`}},
		{"in the file too", map[string]string{"b=7/p.csv": "a,b,c\n1,2,3\n"}, ".", "a:string b:int c:string", []string{`2: a=string("1") b=int64(7) c=string("3")`}},
		{"in JSONL", map[string]string{"b=7/p.jsonl": "{\"b\":1,\"a\":2}\n{\"c\":null}\n[\n"}, ".", "b:int",
			[]string{`1: b=int64(7) a=Number(2)`, `2: c=<nil>(null) b=int64(7)`, `3: ERR 3:1: not JSON: '[' where an object should stand`}},
		{"a folder in the folder", map[string]string{"year=2026/month=1/p.csv": row}, "year=2026", "a:string year:int month:int", []string{`2: a=string("1") year=int64(2026) month=int64(1)`}},
		{"a glob in a folder", map[string]string{"year=2026/month=1/p.csv": row}, "year=2026/month=1/*.csv", "a:string year:int month:int", []string{`2: a=string("1") year=int64(2026) month=int64(1)`}},
		{"a glob for folders", map[string]string{"year=2026/month=1/p.csv": row, "year=1999/month=1/p.csv": row}, "year=20*", "a:string year:int month:int", []string{`2: a=string("1") year=int64(2026) month=int64(1)`}},
		{"only the folders next to it", map[string]string{"run=1/data/p.csv": row}, "run=1/data", "a:string", []string{`2: a=string("1")`}},
		{"the file itself", map[string]string{"year=2026/p.csv": row}, "year=2026/p.csv", "a:string", []string{`2: a=string("1")`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := open(t, Config{}, filepath.Join(tree(t, tt.files), filepath.FromSlash(tt.path)))
			if got := strings.Join(described(in.Columns()), " "); got != tt.columns {
				t.Errorf("columns %s, want %s", got, tt.columns)
			}
			rows, err := all(in)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), tt.rows)
			for _, r := range rows {
				if r.Raw != nil && (r.Beside != 1 || string(r.Raw) != `{"c":null}`) {
					t.Errorf("the row %s has %d columns beside it", r.Raw, r.Beside)
				}
			}
		})
	}
}

func TestHiveNotes(t *testing.T) {
	dir := tree(t, map[string]string{"b=7/p.csv": "a,b\n1,2\n", "j/b=7/p.jsonl": `{"b":1}`})
	for path, want := range map[string]string{
		"b=7":       `b=7/p.csv: the column "b" stands in the file and in the folders' names, which count`,
		"j":         `j/b=7/p.jsonl: the column "b" stands in the file and in the folders' names, which count`,
		"b=7/p.csv": `b=7/p.csv: its folder's name, b=7, is read as no column, since the file is named itself; a folder as --input makes columns of such names, and so does a glob`,
	} {
		notes := open(t, Config{}, filepath.Join(dir, filepath.FromSlash(path))).Notes()
		if len(notes) != 1 || filepath.ToSlash(strings.TrimPrefix(notes[0], dir)) != "/"+want {
			t.Errorf("%s: %q", path, notes)
		}
	}
}

// Several paths need not have the same keys, and a column has one type in all of them.
func TestHiveOfSeveralInputs(t *testing.T) {
	dir := tree(t, map[string]string{"a/k=1/p.csv": row, "b/k=x/p.csv": row, "c/p.csv": row})
	in := open(t, Config{}, filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"))
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`2: a=string("1") k=string("1")`, `2: a=string("1") k=string("x")`, `2: a=string("1")`})
	if got := described(in.Columns()); !slices.Equal(got, []string{"a:string", "k:string"}) {
		t.Errorf("columns %q", got)
	}
}

// A column of a Parquet file that the folders say, too, leaves the other columns as they are,
// also in their native form.
func TestHiveInParquet(t *testing.T) {
	type inner struct{ X, Y int64 }
	type record struct {
		A      string
		Day    string
		Nested inner
		Z      int64
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[record](&b)
	if _, err := w.Write([]record{{"a", "1999-01-01", inner{1, 2}, 3}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := tree(t, map[string]string{"flat/Day=2026-01-02/more=5/p.parquet": b.String(), "deep/Nested=8/p.parquet": b.String()})
	in := open(t, Config{}, filepath.Join(dir, "flat"))
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`1: A=string("a") Day=string("2026-01-02") Nested=RawMessage({"X":1,"Y":2}) Z=int64(3) more=int64(5)`})
	native, ok := rows[0].Native.(parquet.Row)
	if !ok || len(native) != 5 || rows[0].Columns[1].Native != nil || rows[0].Columns[2].Native == nil {
		t.Errorf("the native row is %v", rows[0].Native)
	}
	if rows, err = all(open(t, Config{}, filepath.Join(dir, "deep"))); err != nil || rows[0].Native != nil {
		t.Errorf("a row whose leaves are not those of its columns has the native form %v, %v", rows[0].Native, err)
	}
	compare(t, lines(rows), []string{`1: A=string("a") Day=string("1999-01-01") Nested=int64(8) Z=int64(3)`})
}

// duckDB returns the rows of a query by DuckDB, as objects.
func duckDB(t *testing.T, dir string, queries ...string) (rows []map[string]any) {
	t.Helper()
	modules := filepath.Join(os.Getenv("GENBATCH_DUCKDB"), "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "@duckdb/node-api")); os.Getenv("GENBATCH_DUCKDB") == "" || err != nil {
		t.Skip("needs DuckDB: `npm install --prefix DIR @duckdb/node-api` and GENBATCH_DUCKDB=DIR, as .ci/run does")
	}
	script, err := filepath.Abs("../examples/testdata/duckdb.js")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("node", script, "-json", ":memory:", "-c", strings.Join(queries, ";\n"))
	c.Dir, c.Env = dir, append(os.Environ(), "NODE_PATH="+modules)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for line := range bytes.Lines(out) {
		var some []map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&some); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, some...)
	}
	return rows
}

// The columns that folders say are those that DuckDB makes of them, with the same values and
// types, but for what is written beside each.
func TestHiveAsDuckDB(t *testing.T) {
	values := []struct {
		values []string
		ours   string // what is ours where it is another: the type, and the values
	}{
		{values: []string{"1", "2"}}, {values: []string{"0", "-5"}}, {values: []string{"2026", "x"}}, {values: []string{"01", "1"}},
		{values: []string{"00"}}, {values: []string{"+5"}}, {values: []string{"1.5"}}, {values: []string{"1e3"}}, {values: []string{"true"}}, {values: []string{""}},
		{values: []string{"1", ""}}, {values: []string{"9223372036854775807"}}, {values: []string{"9223372036854775808"}},
		{values: []string{"-9223372036854775808"}}, {values: []string{"1_000"}}, {values: []string{"1%20"}}, {values: []string{"%205"}}, {values: []string{"é"}}, {values: []string{"%C3%A9"}},
		{values: []string{"a%2Fb%20c"}}, {values: []string{"%41%zz"}}, {values: []string{"a+b"}}, {values: []string{"%e2%82%ac%2b"}}, {values: []string{"a=b"}},
		{values: []string{"__HIVE_DEFAULT_PARTITION__", "3"}}, {values: []string{"__HIVE_DEFAULT_PARTITION__"}}, {values: []string{"%5F_HIVE_DEFAULT_PARTITION__"}},
		{values: []string{"2026-01-02%2003%3A04%3A05"}},

		// DuckDB takes these for dates. Rows have dates as texts, from Parquet as well.
		{[]string{"2026-01-02", "2025-12-31"}, "string [2025-12-31 2026-01-02]"},
		// DuckDB reads integers that lose how they were written.
		{[]string{"-05"}, "string [-05]"}, {[]string{"-0"}, "string [-0]"}, {[]string{"0x10"}, "string [0x10]"}, {[]string{" 5"}, "string [ 5]"},
		// DuckDB writes the text NULL so, and reads null.
		{[]string{"NULL", "null"}, "string [NULL null]"},
		// DuckDB ends a path at a question mark, as in an address, so that this is no column.
		{[]string{"1?"}, "string [1?]"},
	}
	files := make(map[string]string)
	var queries []string
	for i, v := range values {
		for j, value := range v.values {
			files[fmt.Sprintf("t%02d/k=%s/%d.csv", i, value, j)] = row
		}
		queries = append(queries, fmt.Sprintf("SELECT %d AS i, typeof(COLUMNS('^k$')) AS t, CAST(COLUMNS('^k$') AS VARCHAR) AS v FROM (SELECT NULL AS none, * FROM read_csv('t%02d/**/*.csv', hive_partitioning = true, all_varchar = true))", i, i))
	}
	dir := tree(t, files)
	hasColumn := func(v []string) bool { return !slices.Contains(v, "a=b") && !slices.Contains(v, "1?") }
	for i := len(queries) - 1; i >= 0; i-- {
		if !hasColumn(values[i].values) { // COLUMNS of nothing is an error
			queries[i] = fmt.Sprintf("SELECT %d AS i, string_agg(column_name) AS c FROM (DESCRIBE SELECT * FROM read_csv('t%02d/**/*.csv', hive_partitioning = true))", i, i)
		}
	}
	theirs := make([]string, len(values))
	byType := map[string]string{"BIGINT": "int", "VARCHAR": "string", "DATE": "date"}
	got := make(map[int][]string)
	for _, r := range duckDB(t, dir, queries...) {
		var i int
		fmt.Sscan(fmt.Sprint(r["i"]), &i)
		if c, ok := r["c"]; ok {
			theirs[i] = fmt.Sprint("columns ", c)
			continue
		}
		got[i] = append(got[i], fmt.Sprint(r["v"]))
		theirs[i] = byType[fmt.Sprint(r["t"])]
	}
	differ := 0
	for i, v := range values {
		if list := got[i]; len(list) > 0 {
			slices.Sort(list)
			theirs[i] += " " + fmt.Sprint(list)
		}
		in := open(t, Config{}, filepath.Join(dir, fmt.Sprintf("t%02d", i)))
		rows, err := all(in)
		if err != nil {
			t.Fatal(err)
		}
		ours := "columns a"
		if columns := in.Columns(); len(columns) > 1 {
			var list []string
			for _, r := range rows {
				list = append(list, fmt.Sprint(r.Values[1]))
			}
			slices.Sort(list)
			ours = strings.TrimPrefix(described(columns)[1], "k:") + " " + fmt.Sprint(list)
		}
		switch {
		case v.ours == "" && ours != theirs[i]:
			t.Errorf("%q: ours is %s, and DuckDB's %s", v.values, ours, theirs[i])
		case v.ours != "" && (ours != v.ours || ours == theirs[i]):
			t.Errorf("%q: ours is %s, want %s, and DuckDB's is %s", v.values, ours, v.ours, theirs[i])
		case v.ours != "":
			differ++
		}
	}
	if differ != 7 {
		t.Errorf("%d differ", differ)
	}
}

// What DuckDB writes by PARTITION_BY comes back with all its values.
func TestHiveByDuckDB(t *testing.T) {
	dir := t.TempDir()
	const data = `(VALUES (1, 'a/b c', 2026, 'x'), (2, NULL, 2026, 'y'), (3, '', 1, 'z'), (4, 'a=b', -7, 'é'), (5, 'é%?', NULL, NULL), (6, '[*]', 5, '"q"'), (7, '01', 0, 'w')) t(id, "the key", n, v)`
	duckDB(t, dir,
		"COPY (SELECT * FROM "+data+") TO 'csv' (FORMAT csv, PARTITION_BY (\"the key\", n))",
		"COPY (SELECT * FROM "+data+") TO 'parquet' (FORMAT parquet, PARTITION_BY (n, \"the key\"))")
	want := map[string]string{
		"1": `"a/b c" 2026 "x"`, "2": `null 2026 "y"`, "3": `"" 1 "z"`, "4": `"a=b" -7 "é"`, "5": `"é%?" null null`, "6": `"[*]" 5 "\"q\""`, "7": `"01" 0 "w"`,
	}
	for _, format := range []string{"csv", "parquet"} {
		in := open(t, Config{}, filepath.Join(dir, format))
		got := make(map[string]string)
		for r, err := range in.Rows() {
			if err != nil || r.Err != nil {
				t.Fatal(err, r.Err)
			}
			cell := func(name string) string {
				v, ok := r.Value(name)
				if !ok {
					t.Errorf("%s: no column %q", format, name)
				}
				if format == "csv" && v == "" && name == "v" {
					v = nil // which CSV does not tell apart
				}
				return string(appendScalar(nil, v))
			}
			got[strings.Trim(cell("id"), `"`)] = cell("the key") + " " + cell("n") + " " + cell("v")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", format, got, want)
		}
	}
}

func TestMayBeNull(t *testing.T) {
	dir := tree(t, map[string]string{
		"a/k=1/p.csv": row, "b/k=__HIVE_DEFAULT_PARTITION__/p.csv": row, "c/k=1/p.jsonl": `{"a":1}`, "d/a.csv": row, "d/b.csv": "b\n1\n", "e/k=x/m.eml": "x",
	})
	for _, tt := range []struct {
		path, format string
		null         []string
		may, not     string // columns
	}{
		{"a", "", nil, "none", "a k"}, {"a", "", []string{"NULL"}, "a", "k"}, {"b", "", nil, "k", "a"}, {"c", "", nil, "a", "k"},
		{"d", "", nil, "a b", ""}, {"e", "files", nil, "text", "path size k"},
	} {
		in := open(t, Config{Format: tt.format, Null: tt.null}, filepath.Join(dir, tt.path))
		for _, name := range strings.Fields(tt.may) {
			if !in.MayBeNull(name) {
				t.Errorf("%s: %s is said never to be null", tt.path, name)
			}
		}
		for _, name := range strings.Fields(tt.not) {
			if in.MayBeNull(name) {
				t.Errorf("%s: %s is said to be null perhaps", tt.path, name)
			}
		}
	}
}

// To look at the first file takes no look at the others, and knows the columns of their folders.
func TestFirst(t *testing.T) {
	in := open(t, Config{First: true}, tree(t, map[string]string{"k=1/a.csv": row, "k=x/b.csv": "no table \x00"}))
	rows, err := all(in)
	if err != nil || len(in.Paths()) != 1 {
		t.Fatal(in.Paths(), err)
	}
	compare(t, lines(rows), []string{`2: a=string("1") k=string("1")`})
}
