package shells

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/complete"
)

const breaks = " \t\n\"'@><=;|&(:" // as an interactive bash has them

// Words are divided as bash itself does it.
func TestParseBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	for _, line := range []string{
		"genbatch run -i a.csv", `genbatch  run	"a b" 'c d' e\ f`, `genbatch "it's" 'say "so"' a"b c"d`, `genbatch "a\"b\\c\d" 'a\b'`,
		`genbatch --key="a b" --key='c'd`, `genbatch "" '' x`, "genbatch ünï '日本 語'", `genbatch a\"b a\'b a\\b`,
	} {
		words, current := parseBash(line)
		words = append(words, current.text)
		if err != nil {
			continue
		}
		out, err := exec.Command(bash, "-c", "printf '%s\\0' "+line).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(words, want) {
			t.Errorf("%s: %q, and bash has %q", line, words, want)
		}
	}
	if err != nil {
		t.Skip("bash, with which the words are compared, is not installed; on Debian: apt-get install bash")
	}
}

// What takes the place of a word begins where bash takes it to begin, and is quoted as the
// word is.
func TestWriteBash(t *testing.T) {
	for _, tt := range []struct{ line, value, want string }{
		{"g ", "plain", "plain "},
		{"g pl", "plain", "plain "},
		{"g ", "right label", "'right label' "},
		{"g ri", "right label", `right\ label `},
		{"g ", "it's", `it\'s `},
		{"g 'ri", "right label", "right label'"},
		{`g "ri`, "right label", `right label"`},
		{"g 'it", "it's", `it'\''s'`},
		{`g "co`, "cost $5", `cost \$5"`},
		{`g right\ `, "right label", `right\ label `},
		{`g right\`, "right label", `right\ label `},
		{"g --key=", "--key=right label", "'right label' "},
		{"g --key=ri", "--key=right label", `right\ label `},
		{"g price:", "price:usd", "usd "},
		{"g price:u", "price:usd", "usd "},
		{`g "price:u`, "price:usd", `price:usd"`},
		{`g price\:u`, "price:usd", `price\:usd `},
		{"g @fi", "@file", "@file "},
		{"g other", "plain", ""},
		{"g a", "a\nb", ""}, // no line can hold it
		{"g a", "a\x1b[2J", ""},
		{"g di", "dir/", "dir/"},
	} {
		_, current := parseBash(tt.line)
		var b bytes.Buffer
		found := []complete.Candidate{{Value: tt.value, Note: "a note", Open: strings.HasSuffix(tt.value, "/")}}
		writeBash(&b, current, printable(found), bashOptions{breaks: breaks, listing: true, columns: 80})
		if got := strings.TrimSuffix(b.String(), "\n"); got != tt.want {
			t.Errorf("%s with %q: %q, want %q", tt.line, tt.value, got, tt.want)
		}
	}
}

// Notes stand beside several candidates, and never get into the line.
func TestNotes(t *testing.T) {
	find := func([]string, string) []complete.Candidate {
		return []complete.Candidate{{Value: "stop", Note: "end with exit code 5"}, {Value: "stay", Note: strings.Repeat("long ", 50)}}
	}
	answer := func(args ...string) string {
		var b bytes.Buffer
		Answer(&b, args, func(string) string { return "genbatch\nrun\ns" }, find)
		return b.String()
	}
	listed := answer("bash", "genbatch run s", breaks, "63", "60")
	for line := range strings.Lines(listed) {
		if len([]rune(line)) > 60 || !strings.HasPrefix(line, "st") {
			t.Errorf("bash is told %q", line)
		}
	}
	if !strings.Contains(listed, "stop  (end with exit code 5)") {
		t.Errorf("bash is told\n%s", listed)
	}
	if got := answer("bash", "genbatch run s", breaks, "37", "60"); got != "stop \nstay \n" { // one after another
		t.Errorf("for menu-complete bash is told %q", got)
	}
	if got := answer("bash", "genbatch run sto", breaks, "9", "60"); got != "stop \n" {
		t.Errorf("for the only candidate bash is told %q", got)
	}
	if got := answer("zsh", "40", "genbatch", "run", "s"); !strings.HasPrefix(got, "closed\nstop\nstop  -- end with exit code 5\nclosed\nstay\nstay  -- long long") {
		t.Errorf("zsh is told %q", got)
	}
	for _, got := range []string{answer("fish", "genbatch", "run", "s"), answer("powershell")} {
		if !strings.HasPrefix(got, "stop\tend with exit code 5\nstay\tlong ") || strings.Count(got, "\n") != 2 {
			t.Errorf("a shell is told %q", got)
		}
	}
}

// Each shell that can be had finds no fault with its script.
func TestScriptsParse(t *testing.T) {
	for _, name := range Names {
		if !strings.Contains(Script(name), Command) {
			t.Errorf("the script for %s is %q", name, Script(name))
		}
	}
	if Script("tcsh") != "" {
		t.Error("there is a script for tcsh")
	}
	for _, checker := range [][]string{{"bash", "-n"}, {"zsh", "-n"}, {"fish", "--no-execute"}} {
		path, err := exec.LookPath(checker[0])
		if err != nil {
			t.Logf("%s is not installed; on Debian: apt-get install %[1]s", checker[0])
			continue
		}
		c := exec.Command(path, checker[1], "/dev/stdin")
		c.Stdin = strings.NewReader(Script(checker[0]))
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", checker[0], err, out)
		}
	}
}
