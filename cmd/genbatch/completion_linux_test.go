package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const tab = "\t"

// Each line is typed into the real shells, completed by the tabulator, and then run: what a
// program gets is the word that was meant, whatever characters it has. The choice of
// candidates is the same for all shells, and is tested elsewhere.
func TestCompletionInShells(t *testing.T) {
	lines := []struct {
		keys string // what is typed, with tabulators
		want string // the words behind genbatch, with | between; ~ is the home folder
	}{
		{"pla" + tab + "--expec" + tab, "plan|--expected"},
		{"run --endpoint ver" + tab + "--retry blocked,tr" + tab, "run|--endpoint|vertex|--retry|blocked,truncated"},
		{"run --endpoint=ver" + tab + "--retry=blocked,tr" + tab, "run|--endpoint=vertex|--retry=blocked,truncated"},
		{"run -i rev" + tab + "--key ri" + tab + "--strict", "run|-i|reviews.csv|--key|right label|--strict"},
		{"run -i reviews.csv --key pri" + tab + "--strict", "run|-i|reviews.csv|--key|price:usd|--strict"},
		{"run -i reviews.csv --key price:u" + tab + "--strict", "run|-i|reviews.csv|--key|price:usd|--strict"},
		{"run -i reviews.csv --key=pri" + tab + "--strict", "run|-i|reviews.csv|--key=price:usd|--strict"},
		{"run -i reviews.csv --key it" + tab + "--strict", "run|-i|reviews.csv|--key|it's|--strict"},
		{"run -i reviews.csv --key sa" + tab + "--strict", "run|-i|reviews.csv|--key|say \"so\"|--strict"},
		{"run -i reviews.csv --key \"sa" + tab, "run|-i|reviews.csv|--key|say \"so\""},
		{"run -i reviews.csv --key 'it" + tab, "run|-i|reviews.csv|--key|it's"},
		{"run -i reviews.csv --text '{{.bo" + tab, "run|-i|reviews.csv|--text|{{.body}}"},
		{"run -i reviews.csv --prompt \"Sum up: {{.bo" + tab, "run|-i|reviews.csv|--prompt|Sum up: {{.body}}"},
		{"run -i reviews.csv --expected right\\ label --label a" + tab, "run|-i|reviews.csv|--expected|right label|--label|a: b"},
		{"run -i My" + tab + "mo" + tab + "--key he" + tab, "run|-i|My tables/more rows.jsonl|--key|headline"},
		{"run --prompt @My" + tab + "no" + tab, "run|--prompt|@My tables/notes.txt"},
		{"run -i ~/in" + tab + "--strict", "run|-i|~/in home.csv|--strict"},
		{"run -i $HOME/in" + tab + "--strict", "run|-i|~/in home.csv|--strict"},
	}
	for _, sh := range shellsToTest() {
		t.Run(sh.name, func(t *testing.T) {
			t.Parallel()
			dir := completionFiles(t)
			file := filepath.Join(t.TempDir(), "words")
			s := sh.start(t, dir, file)
			home := homeOf(t, s, file)
			if err := os.WriteFile(filepath.Join(home, "in home.csv"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if sh.name == "fish" && strings.Contains(l.keys, "$HOME") {
					continue // fish quotes what it inserts
				}
				got := s.run(t, file, "genbatch "+l.keys)
				want := append([]string{"genbatch"}, strings.Split(strings.ReplaceAll(l.want, "~", home), "|")...)
				if !slices.Equal(got, want) {
					t.Errorf("%q becomes %q, want %q", l.keys, got, want)
				}
			}
			// Several candidates are shown with what they mean.
			s.keys("genbatch run --retry " + tab + tab)
			s.shows("a filter held back the prompt")
		})
	}
}

// run types a line, and puts the program words before it. It returns what words got.
func (s *screen) run(t *testing.T, file, line string) (got []string) {
	t.Helper()
	_ = os.Remove(file)
	s.keys(line)
	s.keys("\x01words \r") // to the beginning of the line
	s.until("the words of "+line, func() bool { _, err := os.Stat(file); return err == nil })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// homeOf returns what the shell takes for the home folder.
func homeOf(t *testing.T, s *screen, file string) string {
	t.Helper()
	return s.run(t, file, "~")[0]
}

// A pipe that nobody writes to is not waited for, nor taken away from who is to read it.
func TestCompletionLeavesPipes(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo("pipe.csv", 0o600); err != nil {
		t.Fatal(err)
	}
	if got := completions([]string{"run", "-i", "pipe.csv", "--key"}, ""); len(got) > 0 {
		t.Errorf("the columns of a pipe are %q", got)
	}
}
