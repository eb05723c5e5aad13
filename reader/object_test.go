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
		root + "in":       root + "in: is a directory; name its files, for example " + root + "in/*.jsonl",
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
