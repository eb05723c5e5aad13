package reader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tree makes files in a folder of the test's own, by path with their content, and returns the
// folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// below returns paths relative to a folder, with forward slashes.
func below(dir string, paths []string) (names []string) {
	for _, p := range paths {
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			rel = p
		}
		names = append(names, filepath.ToSlash(rel))
	}
	return names
}

const row = "a\n1\n" // a table with one row

// What other programs leave in folders is passed over, and what may be data is not passed over
// in silence.
func TestFolders(t *testing.T) {
	dir := tree(t, map[string]string{
		"b.csv": row, "a.csv": row, "a-1/z.csv": row, "a/z.csv": row, "A.CSV": row, "deep/er/and/deeper.csv.gz": gzipped(row),
		"_SUCCESS": "", "_temporary/0/t.csv": row, ".a.csv.crc": "crc", ".DS_Store": "mac", "._a.csv": "mac", "__MACOSX/a.csv": row,
		".git/x.csv": row, "a/_committed_1": "{}", "_metadata": "m", "x.csv._COPYING_": row,
		"empty.csv": "", "deep/part-00001.csv": "",
		"labels.jsonl.genbatch/results-000001.jsonl": "{}\n", "labels.jsonl.genbatch/other.csv": row,
	})
	in := open(t, Config{}, dir)
	want := []string{"A.CSV", "a-1/z.csv", "a.csv", "a/z.csv", "b.csv", "deep/er/and/deeper.csv.gz"}
	if got := below(dir, in.Paths()); !slices.Equal(got, want) {
		t.Errorf("got  %q,\nwant %q", got, want)
	}
	if rows, err := all(in); err != nil || len(rows) != len(want) {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if notes := in.Notes(); len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
	in = open(t, Config{}, filepath.Join(dir, "**", "*.[cC]*"), filepath.Join(dir, "_temporary", "0", "t.csv"), filepath.Join(dir, "_temp*", "0", "*.csv"))
	for i, p := range below(dir, in.Paths()) {
		if want := append(slices.Clone(want[:5]), "deep/er/and/deeper.csv.gz", "_temporary/0/t.csv", "_temporary/0/t.csv")[i]; p != want {
			t.Errorf("the glob: file %d is %s, want %s", i, p, want)
		}
	}
}

func TestFolderNotes(t *testing.T) {
	dir := tree(t, map[string]string{"a.csv": row, "_final.csv": row, "sub/README.md": "x", "sub/LICENSE": "x"})
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "more")); err != nil {
		t.Skip(err)
	}
	for path, want := range map[string][]string{
		".": {
			": " + filepath.Join(dir, "more") + " leads to another folder, which is not entered; name it with an --input of its own",
			": files whose names begin with a dot or an underscore are passed over, such as _final.csv",
			": 2 files that are not read here are passed over, such as LICENSE",
		},
		"*.csv":      {"*.csv: files whose names begin with a dot or an underscore are passed over, such as _final.csv"},
		"_*.csv":     nil,
		"_final.csv": nil,
		"a.csv":      nil,
	} {
		in := open(t, Config{}, filepath.Join(dir, path))
		var got []string
		for _, note := range in.Notes() {
			got = append(got, strings.TrimPrefix(strings.TrimPrefix(note, dir), string(filepath.Separator)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A format says which files of a folder are meant.
func TestFolderFormat(t *testing.T) {
	dir := tree(t, map[string]string{"a.csv": row, "b.jsonl": `{"a":1}`, "c/d.csv": row, "part-0": row, "part-1": row})
	for format, want := range map[string][]string{
		"csv": {"a.csv", "c/d.csv"}, "JSONL": {"b.jsonl"},
		"files": {"a.csv", "b.jsonl", "c/d.csv", "part-0", "part-1"},
	} {
		if got := below(dir, open(t, Config{Format: format}, dir).Paths()); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
	parts := tree(t, map[string]string{"part-0": row, "part-1": row, "part-2": "", "_SUCCESS": ""})
	if got := below(parts, open(t, Config{Format: "tsv"}, parts).Paths()); !slices.Equal(got, []string{"part-0", "part-1"}) {
		t.Errorf("files whose names say no format: %q", got)
	}
}

func TestFolderErrors(t *testing.T) {
	dir := tree(t, map[string]string{
		"none/_SUCCESS": "", "none/sub/.DS_Store": "x",
		"other/a.avro": "x", "other/b.avro": "x",
		"hidden/_a.csv":  row,
		"several/a.csv":  row,
		"several/b.json": "{}", "several/c.jsonl": "{}",
		"delta/_delta_log/0.json": "{}", "delta/a.parquet": "x",
		"keys/year=1/a.csv": row, "keys/b.csv": row,
		"keys2/year=1/a.csv": row, "keys2/month=1/b.csv": row,
		"twice/x=1/x=2/a.csv": row,
		"nul/x=%00/a.csv":     row,
		"latin/x=%ff/a.csv":   row,
		"glob/_a.csv":         row, "glob/.b.csv": row,
	})
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, tt := range []struct{ path, format, place, want string }{
		{"none", "", "none", "the folder has no files to read: names end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, and in .gz or .zst after that"},
		{"none", "csv", "none", "the folder has no files to read: names end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, and in .gz or .zst after that"},
		{"none", "files", "none", "the folder has no files, other than such as begin with a dot or an underscore"},
		{"other", "", "other", "the folder has no file of a kind that is read: names end in .jsonl, .ndjson, .json, .csv, .tsv or .parquet, and in .gz or .zst after that; what it has, such as a.avro, is read if you say what it is with --input-format"},
		{"hidden", "", "hidden", "the folder has no files but such as are passed over, because their names begin with a dot or an underscore, such as _a.csv; name those themselves"},
		{"several", "", "several", "the folder has files of several formats: 1 of csv, such as a.csv; 2 of jsonl, such as b.json; say which are meant with --input-format, or by a glob such as " + at("several/**/*.csv")},
		{"delta", "", "delta", "is a Delta table, whose folder also has files with rows that were deleted; export it first, for example with DuckDB: COPY (FROM delta_scan('" + at("delta") + "')) TO 'rows.parquet'"},
		{"keys", "", "keys", "the folders of " + at("keys/b.csv") + " name no column, and those of " + at("keys/year=1/a.csv") + ` the column "year"; give each kind of folder an --input of its own, or name what is meant by a glob`},
		{"keys2/**/*.csv", "", "keys2/**/*.csv", "the folders of " + at("keys2/month=1/b.csv") + ` name the column "month", and those of ` + at("keys2/year=1/a.csv") + ` the column "year"; give each kind of folder an --input of its own, or name what is meant by a glob`},
		{"twice", "", "twice/x=1/x=2/a.csv", `the folders x=1 and x=2 both say the column "x"; rename one of them`},
		{"nul", "", "nul/x=%00/a.csv", `the folder "x=%00" is named for a value that is no UTF-8; rename it`},
		{"latin", "", "latin/x=%ff/a.csv", `the folder "x=%ff" is named for a value that is no UTF-8; rename it`},
		{"glob/*.csv", "", "glob/*.csv", "no file matches: names that begin with a dot or an underscore are passed over, such as " + at("glob/.b.csv") + ", unless the pattern begins so"},
		{"no**/*.csv", "", "no**/*.csv", "no file matches"},
	} {
		_, err := Open(Config{Paths: []string{at(tt.path)}, Format: tt.format})
		var e *Error
		if want := at(tt.place) + ": " + tt.want; !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%s %s:\ngot  %v\nwant %s", tt.path, tt.format, err, want)
		}
	}
}

// Rows cannot be missed because a folder cannot be listed.
func TestUnreadableFolder(t *testing.T) {
	if os.Geteuid() <= 0 || runtime.GOOS == "windows" {
		t.Skip("needs a user whom permissions bind")
	}
	dir := tree(t, map[string]string{"a/a.csv": row, "b/b.csv": row})
	locked := filepath.Join(dir, "b")
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(locked, 0o700)
	for _, path := range []string{dir, filepath.Join(dir, "**", "*.csv"), filepath.Join(dir, "*", "*.csv")} {
		_, err := Open(Config{Paths: []string{path}})
		if err == nil || err.Error() != locked+": the folder cannot be listed: permission denied" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLinks(t *testing.T) {
	dir := tree(t, map[string]string{"data/a.csv": row, "data/sub/b.csv": row, "away/c.csv": row})
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for link, to := range map[string]string{
		"data/sub/loop": "data", "data/self": "data/self", "data/out": "away", "data/file.csv": "away/c.csv", "linked": "data",
	} {
		if err := os.Symlink(at(to), at(link)); err != nil {
			t.Skip(err)
		}
	}
	for path, want := range map[string][]string{
		"data":            {"data/a.csv", "data/file.csv", "data/sub/b.csv"},
		"linked":          {"linked/a.csv", "linked/file.csv", "linked/sub/b.csv"},
		"data/**/*.csv":   {"data/a.csv", "data/file.csv", "data/sub/b.csv"},
		"data/*/*.csv":    {"data/out/c.csv", "data/sub/b.csv"},
		"data/*/*/*.csv":  {"data/sub/loop/a.csv", "data/sub/loop/file.csv"},
		"*/a.csv":         {"data/a.csv", "linked/a.csv"},
		"d*":              {"data/a.csv", "data/file.csv", "data/sub/b.csv"}, // folders alone
		"**/loop/a.csv":   {"data/sub/loop/a.csv"},
		"data/sub/l*/sub": {"data/sub/loop/sub/b.csv"},
	} {
		in, err := Open(Config{Paths: []string{at(path)}})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := below(dir, in.Paths()); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// A link that leads nowhere is no reason to leave out a file in silence.
	if err := os.Symlink(at("gone"), at("away/gone.csv")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Paths: []string{at("away")}}); err == nil || !strings.HasPrefix(err.Error(), at("away/gone.csv")+": ") {
		t.Errorf("a link that leads nowhere: %v", err)
	}
}

func TestManyFiles(t *testing.T) {
	const n = 3000
	dir := t.TempDir()
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("day=%d", i%30))
		if i < 30 {
			if err := os.Mkdir(sub, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("%05d.jsonl", i)), fmt.Appendf(nil, `{"n":%d}`, i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := open(t, Config{}, dir)
	rows, err := all(in)
	if err != nil || len(rows) != n {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	seen := make(map[int64]bool)
	for i := range rows {
		v, _ := rows[i].Value("n")
		day, _ := rows[i].Value("day")
		var number int64
		fmt.Sscan(fmt.Sprint(v), &number)
		if day != number%30 || seen[number] {
			t.Fatalf("row %d has the number %d, and the day %v", i, number, day)
		}
		seen[number] = true
	}
}
