package reader

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/genbatch/genbatch/batch"
)

// A file is a row, with its text if it holds one.
func TestFilesAsRows(t *testing.T) {
	wide := func(text string) string {
		b := []byte{0xFF, 0xFE}
		for _, u := range utf16.Encode([]rune(text)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	const latin = "Subject: caf\xe9 cr\xe8me, d\xe9j\xe0 vu\n\nSch\xf6ne Gr\xfc\xdfe\n"
	dir := tree(t, map[string]string{
		"a.eml": "Subject: x\r\n\r\nhello\n", "b/c d.txt": "é", "b/mark.txt": "\xef\xbb\xbfmarked", "wide.txt": wide("größer"),
		"image.png": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "doc.pdf": "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "late": strings.Repeat("x", 300_000) + "\x00",
		"old.eml": latin, "none.txt": "", "packed.txt.gz": gzipped("packed"), "broken.txt.gz": "\x1f\x8bnothing", "esc.log": "\x1b[1mbold\x1b[0m\f",
		"bare.txt":  strings.TrimPrefix(wide("ohne Marke, aber lang genug"), "\xff\xfe"),
		"badly.txt": "fine until here " + strings.Repeat("ok ", 100) + "\x80\x81",
		".DS_Store": "mac", "_SUCCESS": "", "lang=de/z.eml": "Hallo",
	})
	in := open(t, Config{Format: "files", Root: dir}, filepath.Join(dir, "*.*"), filepath.Join(dir, "late"), filepath.Join(dir, "b"), filepath.Join(dir, "lang=*"))
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	got := lines(rows)
	for i := range got {
		if len(got[i]) > 300 {
			got[i] = got[i][:40]
		}
	}
	const utf8Hint = `say what it is with --encoding, such as windows-1252, or mend the bytes`
	compare(t, got, []string{
		`1: path=string("a.eml") text=string("Subject: x\r\n\r\nhello\n") size=int64(20)`,
		`1: ERR  the file is not UTF-8; ` + utf8Hint,
		`1: ERR  the file is not UTF-8; it looks like utf-16le: read the file with --encoding utf-16le`,
		`1: ERR  the gzip data ends too early; the file was cut short`,
		`1: path=string("doc.pdf") text=<nil>(null) size=int64(23)`,
		`1: path=string("esc.log") text=string("\u001b[1mbold\u001b[0m\f") size=int64(13)`,
		`1: path=string("image.png") text=<nil>(null) size=int64(16)`,
		`1: path=string("none.txt") text=string("") size=int64(0)`,
		`1: ERR  the file is not UTF-8; it looks like windows-1252: read the file with --encoding windows-1252`,
		`1: path=string("packed.txt.gz") text=string("packed") size=int64(` + fmt.Sprint(len(gzipped("packed"))) + `)`,
		`1: path=string("wide.txt") text=string("größer") size=int64(14)`,
		`1: path=string("late") text=<nil>(null) size=int64(300001)`,
		`1: path=string("b/c d.txt") text=string("é") size=int64(2)`,
		`1: path=string("b/mark.txt") text=string("marked") size=int64(9)`,
		`1: path=string("lang=de/z.eml") text=string("Hallo") size=int64(5) lang=string("de")`,
	})
	if got := described(in.Columns()); !slices.Equal(got, []string{"path:string", "text:string", "size:int", "lang:string"}) || !in.KnownColumns() {
		t.Errorf("columns %q", got)
	}
	for _, r := range rows {
		if v, _ := r.Value("path"); filepath.ToSlash(r.Source) != filepath.ToSlash(dir)+"/"+fmt.Sprint(v) {
			t.Errorf("the row of %s has the path %v", r.Source, v)
		}
	}
	rows, err = all(open(t, Config{Format: "files", Encoding: "windows-1252", Root: filepath.Join(dir, "b")}, filepath.Join(dir, "old.eml")))
	if v, _ := rows[0].Value("text"); err != nil || rows[0].Err != nil || !strings.Contains(fmt.Sprint(v), "Schöne Grüße") {
		t.Errorf("%v, %v", rows, err)
	}
	if v, _ := rows[0].Value("path"); v != filepath.ToSlash(filepath.Join(dir, "old.eml")) {
		t.Errorf("a file that is not below the root has the path %v", v)
	}
}

// Without a root, the path is as it was named.
func TestFilesPath(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"mails/in/a.eml": "x", "mails/b.eml": "x"}))
	for path, want := range map[string]string{"mails/*.eml": "mails/b.eml", "./mails/in": "mails/in/a.eml", "mails/**/a.*": "mails/in/a.eml", "./mails/b.eml": "./mails/b.eml"} {
		rows, err := all(open(t, Config{Format: "files"}, path))
		if err != nil || len(rows) != 1 || rows[0].Values[0] != want {
			t.Errorf("%s: %v, %v, want %s", path, lines(rows), err, want)
		}
	}
}

// A text over the limit is a bad row, and an image over it has no text to be too long.
func TestFilesTooLong(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("a", 1000), "b.txt": strings.Repeat("b", 1001), "c.jpg": strings.Repeat("\x00", 5000), "d.txt.gz": gzipped(strings.Repeat("d", 1_000_000)), "e.txt": "e"})
	rows, err := all(open(t, Config{Format: "files", Root: dir, MaxRowBytes: 1000}, dir))
	if err != nil || len(rows) != 5 {
		t.Fatal(len(rows), err)
	}
	for i, want := range []string{"", "the row is longer than 1000 bytes; raise the limit with --max-row-bytes", "", "the row is longer than 1000 bytes; raise the limit with --max-row-bytes", ""} {
		got := ""
		if rows[i].Err != nil {
			got = strings.TrimPrefix(rows[i].Err.Error(), rows[i].Source+": ")
		}
		if got != want || rows[i].Values[0] != filepath.Base(rows[i].Source) {
			t.Errorf("%v: %s, want %s", rows[i].Values[0], got, want)
		}
	}
}

// Memory is that of one file.
func TestFilesMemory(t *testing.T) {
	const size, n = 8 << 20, 12
	dir := t.TempDir()
	text := strings.Repeat("some text\n", size/10)
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := open(t, Config{Format: "files"}, dir)
	text = ""
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rows := 0
	for r, err := range in.Rows() {
		if err != nil || r.Err != nil {
			t.Fatal(err, r.Err)
		}
		rows++
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2*size {
			t.Fatalf("after %d files of %d bytes, %d are held", rows, size, grown)
		}
	}
	if rows != n {
		t.Errorf("%d rows", rows)
	}
}

// A file that has gone, or may not be read, is a bad row, and the others are read.
func TestFilesGone(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "a", "b.txt": "b", "c.txt": "c"})
	in := open(t, Config{Format: "files", Root: dir}, dir)
	if err := os.Remove(filepath.Join(dir, "b.txt")); err != nil {
		t.Fatal(err)
	}
	rows, err := all(in)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`1: path=string("a.txt") text=string("a") size=int64(1)`, `1: ERR  no such file or directory`, `1: path=string("c.txt") text=string("c") size=int64(1)`})
}

// Each file that is a row belongs to one shard, also an empty one, and what folders say is the
// same in all shards.
func TestFilesInShards(t *testing.T) {
	files := map[string]string{"k=1/packed.txt.gz": gzipped("packed"), "k=x/none.txt": "", "k=1/none.txt": "", "k=2/long.txt": strings.Repeat("long ", 1000)}
	for i := range 30 {
		files[fmt.Sprintf("k=%d/%d.txt", i%3, i)] = strings.Repeat("x", i*i)
	}
	for _, set := range []map[string]string{files, {"a": ""}, {"a": "", "b": ""}} {
		dir := tree(t, set)
		whole, err := all(open(t, Config{Format: "files", Root: dir}, dir))
		if err != nil || len(whole) != len(set) {
			t.Fatal(len(whole), err)
		}
		want := lines(whole)
		for _, count := range []int{1, 2, 3, 7, 50} {
			var got []string
			for i := range count {
				in := open(t, Config{Format: "files", Root: dir, Shard: Shard{i + 1, count}}, dir)
				rows, err := all(in)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, lines(rows)...)
				for p, err := range in.Placed(count) {
					if err != nil {
						t.Fatal(err)
					}
					is := slices.Contains(lines(rows), lines([]batch.Row{p.Row})[0])
					if is != (p.Shard == i+1) {
						t.Errorf("%s is placed in shard %d of %d, and in shard %d: %t", p.Source, p.Shard, count, i+1, is)
					}
				}
			}
			slices.Sort(got)
			sorted := slices.Sorted(slices.Values(want))
			if !slices.Equal(got, sorted) {
				t.Errorf("%d shards have %d rows:\n%q,\nwant\n%q", count, len(got), got, sorted)
			}
		}
	}
}
