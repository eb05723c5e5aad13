package reader

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
)

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Objects are read as files are: by name and by pattern, packed or not.
func TestObjects(t *testing.T) {
	type row struct {
		Body string `parquet:"body"`
	}
	contents := map[string]string{
		"in/a.csv":     "body\none\n\"two\nlines\"\n",
		"in/b.jsonl":   "{\"body\":\"three\"}\n",
		"in/c.csv.gz":  gzipped("body\nfour\n"),
		"in/d.parquet": contentOf(t, writeParquet(t, []row{{"five"}, {"six"}})),
	}
	b, root := objecttest.New()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range contents {
		b.Put(name, content)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.Put("other/e.csv", "body\nno\n")
	for _, path := range append(slices.Sorted(maps.Keys(contents)), "in/*.csv", "in/[a-d].*") {
		want, err := all(open(t, Config{}, filepath.Join(dir, path)))
		if err != nil || len(want) == 0 {
			t.Fatal(len(want), err)
		}
		got, err := all(open(t, Config{}, root+path))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, lines(got), lines(want))
	}
	for path, want := range map[string]string{
		root + "in/z.csv": root + "in/z.csv: file does not exist",
		root + "*.csv":    root + "*.csv: no file matches",
		root + "in":       root + "in: the folder has files of several formats: 2 of csv, such as a.csv; 1 of jsonl, such as b.jsonl; 1 of parquet, such as d.parquet; say which are meant with --input-format, or by a glob such as " + root + "in/**/*.csv",
		"s3://b/x.csv":    "s3://b/x.csv: s3:// is left out of this build; a program registers the driver of the package objects/s3",
	} {
		if _, err := Open(Config{Paths: []string{path}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// Of a large Parquet object only a part is fetched until its rows are read.
func TestParquetObjectOpensByParts(t *testing.T) {
	b, root := objecttest.New()
	type row struct {
		Body string `parquet:"body"`
	}
	rows := make([]row, 12*64)
	for i := range rows {
		noise := make([]byte, objects.BlockBytes/128)
		rand.Read(noise) // never fails
		rows[i].Body = hex.EncodeToString(noise)
	}
	content := contentOf(t, writeParquet(t, rows))
	b.Put("big.parquet", content)
	if _, err := Open(Config{Paths: []string{root + "big.parquet"}}); err != nil {
		t.Fatal(err)
	}
	if n := b.Bytes.Load(); n > int64(len(content)/3) {
		t.Errorf("to open an object of %d bytes %d were fetched", len(content), n)
	}
}

// Folders of objects, globs over them and files as rows are what they are on disk.
func TestObjectsInFolders(t *testing.T) {
	contents := map[string]string{
		"lake/year=2026/month=01/a.csv": "body\none\n", "lake/year=2025/month=12/b c.csv.gz": gzipped("body\ntwo\n"),
		"lake/year=2025/month=12/_SUCCESS": "", "lake/_temporary/0/c.csv": "body\nno\n", "lake/year=2026/month=01/empty.csv": "",
		"lake/year=2026/month=01/.d.csv.crc": "x", "mails/a.eml": "hello", "mails/in/b.png": "\x89PNG\x00", "lakeside.csv": "body\nno\n",
		"lake/x.genbatch/y.csv": "body\nno\n",
	}
	b, root := objecttest.New()
	dir := tree(t, contents)
	for name, content := range contents {
		b.Put(name, content)
	}
	for _, tt := range []struct{ path, format string }{
		{"lake", ""}, {"lake/", ""}, {"lake/year=2025", ""}, {"lake/**/*.csv", ""}, {"lake/*/*/*.csv*", ""}, {"lake/year=2026/*/a.csv", ""},
		{"lake/year=*", ""}, {"*/year=2026/month=0?/*", ""}, {"**/[ab]*.csv*", ""}, {"mails", "files"}, {"mails/*", "files"}, {"**/*.eml", "files"},
	} {
		want := open(t, Config{Format: tt.format, Root: dir}, filepath.Join(dir, tt.path))
		got := open(t, Config{Format: tt.format, Root: root}, root+tt.path)
		wantRows, err := all(want)
		if err != nil || len(wantRows) == 0 {
			t.Fatal(tt.path, len(wantRows), err)
		}
		gotRows, err := all(got)
		if err != nil {
			t.Fatal(tt.path, err)
		}
		compare(t, lines(gotRows), lines(wantRows))
		if !slices.Equal(described(got.Columns()), described(want.Columns())) {
			t.Errorf("%s: the columns are %q, want %q", tt.path, described(got.Columns()), described(want.Columns()))
		}
		for i, p := range got.Paths() {
			if p != root+below(dir, want.Paths())[i] {
				t.Errorf("%s: file %d is %s, want that of %s", tt.path, i, p, want.Paths()[i])
			}
		}
	}
	if !Matches(root+"lake", root+"lake/new/z.csv") || Matches(root+"lake", root+"lakeside.csv") || Matches(root+"lake", filepath.Join(dir, "lake", "z.csv")) {
		t.Error("what a folder of objects matches")
	}
}

// A bucket that is not there is no folder without files.
func TestMissingBucket(t *testing.T) {
	_, root := objecttest.New()
	other := strings.Replace(root, "bucket", "other", 1)
	for _, path := range []string{other + "*.csv", other + "a.csv", other + "lake/", strings.TrimSuffix(other, "/")} {
		if _, err := Open(Config{Paths: []string{path}}); err == nil || !strings.Contains(err.Error(), "there is no bucket other") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
