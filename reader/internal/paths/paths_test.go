package paths

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// made makes files in a folder of the test's own, by path with their content, and returns the
// folder.
func made(t testing.TB, files map[string]string) string {
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

// names are what files and folders of random trees are called.
var names = []string{"a", "b", "ab", "b.csv", "x y.csv", "100%.csv", "é.csv", "[1].csv", "a=b=c", "_h", "_h.csv", ".d", ".d.csv", "z.genbatch", "日本.csv", "c.csv"}

// randomTree makes a tree, and returns its files that hold rows.
func randomTree(t *testing.T, r *rand.Rand) (dir string) {
	files := make(map[string]string)
	for range 5 + r.IntN(40) {
		var elements []string
		for range r.IntN(4) {
			elements = append(elements, names[r.IntN(len(names))])
		}
		name := strings.Join(append(elements, names[r.IntN(len(names))]), "/")
		clash := false
		for other := range files {
			clash = clash || strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/")
		}
		if !clash {
			files[name] = []string{row, row, ""}[r.IntN(3)]
		}
	}
	return made(t, files)
}

// byHand returns the files below a folder that the brief's rules choose: by the walk of the
// standard library, and by a pattern that was made into a regular expression.
func byHand(t *testing.T, dir, pattern string) (chosen []string) {
	re := regexp.MustCompile("^" + regexpOf(pattern) + "$")
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		for i, element := range strings.Split(name, "/") {
			hidden := strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_")
			state := strings.HasSuffix(element, ".genbatch") && i < strings.Count(name, "/")
			if hidden || state {
				return nil
			}
		}
		if info.Size() > 0 && re.MatchString(name) {
			chosen = append(chosen, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(chosen)
	return chosen
}

func regexpOf(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch rest := pattern[i:]; {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case rest == "**":
			b.WriteString(".*")
			i++
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
	}
	return b.String()
}

// Folders and globs find in random trees what a walk through all files finds.
func TestRandomTrees(t *testing.T) {
	patterns := []string{"**/*.csv", "*.csv", "*/*.csv", "**/*", "**", "a/**", "a/**/b/**/*.csv", "**/?.csv", "**/a/*", "a*/**/*.csv", "**/**/b.csv", "*/**/*/*.csv"}
	found := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 21))
		dir := randomTree(t, r)
		check := func(path string, want []string) {
			x := &expander{path: filepath.Join(dir, filepath.FromSlash(path))}
			err := x.expand()
			if len(want) == 0 {
				// Nothing but empty files is read as it is, and so are folders that match alone.
				if err == nil && !x.fromFolders && slices.ContainsFunc(x.Files, func(f File) bool { info, err := os.Stat(f.Path); return err != nil || info.Size() > 0 }) {
					t.Errorf("seed %d: %s finds %d files, want none", seed, path, len(x.Files))
				}
				return
			}
			var got []string
			for _, f := range x.Files {
				got = append(got, f.Path)
			}
			if got = below(dir, got); err != nil || !slices.Equal(got, want) {
				t.Errorf("seed %d: %s finds\n%q, %v\nwant\n%q", seed, path, got, err, want)
			}
			found += len(want)
		}
		for _, pattern := range patterns {
			check(pattern, byHand(t, dir, pattern))
		}
		var tables []string
		for _, name := range byHand(t, dir, "**") {
			if path.Ext(name) == ".csv" {
				tables = append(tables, name)
			}
		}
		check(".", tables)
	}
	if found < 1000 {
		t.Errorf("only %d files were to be found", found)
	}
}

// Matches agrees with what is found.
func TestMatches(t *testing.T) {
	for seed := range uint64(20) {
		dir := randomTree(t, rand.New(rand.NewPCG(seed, 7)))
		var files []string
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, p)
			}
			return err
		})
		for _, pattern := range []string{".", "**/*.csv", "*.csv", "*/*", "a/**", "**/_*"} {
			pattern = filepath.Join(dir, filepath.FromSlash(pattern))
			x := &expander{path: pattern, format: "files"}
			err := x.expand()
			if x.fromFolders && pattern != dir || errors.Is(err, ErrNoFile) {
				continue
			}
			for _, f := range files {
				want := slices.ContainsFunc(x.Files, func(o File) bool { return o.Path == f })
				if got := Matches(pattern, f); got != want {
					t.Errorf("seed %d: Matches(%s, %s) = %t, want %t", seed, pattern, f, got, want)
				}
			}
		}
	}
}
