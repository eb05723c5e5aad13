//go:build unix

package docstest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestConsole runs the commands of each page one after another, in a folder of the
// page's own, and compares what they print.
func TestConsole(t *testing.T) {
	programs := program(t)
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) {
			steps := p.steps()
			if comparedElsewhere[p.name] != "" || !slices.ContainsFunc(steps, func(s *step) bool { return s.command != "" }) {
				return
			}
			t.Parallel()
			done := p.run(t, programs, steps)
			for i, s := range steps {
				switch {
				case s.command == "":
				case done[i] == nil:
					t.Errorf("%s: the page ended before the command: %s", p.place(s), s.command)
				default:
					p.compare(t, s, done[i])
				}
			}
			if *update {
				p.rewrite(t, steps, done)
			}
		})
	}
}

// An ending is what became of a command.
type ending struct {
	output string // with one line feed at its end, unless it is empty
	code   int    // its exit code
}

func (p *page) compare(t *testing.T, s *step, e *ending) {
	if !*update && !pattern(s.want).MatchString(e.output) {
		t.Errorf("%s: the command prints something else. Run go test ./internal/docstest -update, and read the difference.\n  command\n%s  the page has\n%s  it prints\n%s",
			p.place(s), indent(s.command), indent(strings.Join(s.want, "\n")), indent(e.output))
	}
	silent := !slices.ContainsFunc(s.want, func(line string) bool { return strings.Trim(line, " …") != "" })
	if e.code != 0 && silent {
		t.Errorf("%s: the command ends with %d, and the page shows no reason. Show its output, or the exit code with: ; echo $?\n  command\n%s  it prints\n%s",
			p.place(s), e.code, indent(s.command), indent(e.output))
	}
}

// run takes the steps, and returns the ending of each command that ended.
func (p *page) run(t *testing.T, programs string, steps []*step) []*ending {
	// The name has always the same length, since texts with it are wrapped.
	dir := ""
	for err := fs.ErrExist; errors.Is(err, fs.ErrExist); {
		dir = fmt.Sprintf("/tmp/docs%06d", rand.IntN(1_000_000))
		if err = os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	work, home := filepath.Join(dir, "w"), filepath.Join(dir, "h")
	if err := errors.Join(os.Mkdir(work, 0o755), os.Mkdir(home, 0o755), copyExamples(filepath.Join(work, "examples"))); err != nil {
		t.Fatal(err)
	}

	// One shell runs all of it, so that variables, folders and servers stay. After each
	// command it writes a line that no command writes.
	const mark = "\x01end"
	var script strings.Builder
	for i, s := range steps {
		if s.command == "" {
			file := filepath.Join(home, fmt.Sprint("block", i))
			if err := os.WriteFile(file, []byte(s.text()), 0o644); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "mkdir -p '%s'\ncp '%s' '%s'\n", filepath.Dir(filepath.Join(work, s.file)), file, filepath.Join(work, s.file))
			continue
		}
		fmt.Fprintf(&script, "docs_size=$(wc -c <'%s/out')\n%s\ndocs_code=$?\n", home, s.command)
		if strings.HasSuffix(s.command, "&") {
			// A server is there when it has said so.
			fmt.Fprintf(&script, "for docs_try in $(seq 60); do [ \"$(wc -c <'%s/out')\" = \"$docs_size\" ] || break; sleep 0.05; done\n", home)
		}
		fmt.Fprintf(&script, "printf '\\n%s %d %%d\\n' $docs_code\n", mark, i)
	}

	out, err := os.Create(filepath.Join(home, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := os.WriteFile(filepath.Join(home, "script"), []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(ctx, "sh", filepath.Join(home, "script"))
	shell.Dir, shell.Env = work, environment(programs, home)
	shell.Stdout, shell.Stderr = out, out // a file, so that servers left behind hold nothing open
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	_ = shell.Run()                                       // the endings say how far it came
	_ = syscall.Kill(-shell.Process.Pid, syscall.SIGTERM) // servers of the page, if there are any
	if ctx.Err() != nil {
		t.Errorf("%s: its commands take longer than a minute", p.name)
	}

	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	done := make([]*ending, len(steps))
	rest := string(text)
	for _, m := range regexp.MustCompile(`(?s)(.*?)\n\x01end (\d+) (\d+)\n`).FindAllStringSubmatch(rest, -1) {
		i, _ := strconv.Atoi(m[2])
		code, _ := strconv.Atoi(m[3])
		done[i] = &ending{output: tidy(m[1]), code: code}
	}
	return done
}

// tidy removes what a page does not show: blanks at the end of lines, and empty lines
// at the end of all.
func tidy(output string) string {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// draw writes the pictures of sessions, with what their commands printed.
func (p *page) draw(t *testing.T, steps []*step, done []*ending) {
	for _, b := range p.pictured() {
		var lines []string
		for i, s := range steps {
			if s.block != b || done[i] == nil {
				continue
			}
			lines = append(append(lines, "$ "+s.command), shown(s.want, done[i].output)...)
		}
		lines = strings.Split(strings.Join(lines, "\n"), "\n") // of commands that are continued
		if drawn, err := os.ReadFile(p.path(b.file)); err == nil {
			old, err := readPicture(drawn)
			if err == nil && drawPicture(old) == string(drawn) && shows(old, b) {
				continue // only its timings are others
			}
		}
		if err := os.WriteFile(p.path(b.file), []byte(drawPicture(lines)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shown returns the lines of an output as a picture has them. Lines that the page
// leaves out are left out, and the folder of the test looks like a user's.
func shown(want []string, output string) (lines []string) {
	folder := regexp.MustCompile(`/\S*/docs\d+/w\b`)
	got := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	for k, line := range want {
		if line == "…" {
			lines = append(lines, line)
			continue
		}
		// The first line that fits: what stands before it was left out.
		i := slices.IndexFunc(got, func(l string) bool { return pattern(want[k : k+1]).MatchString(l + "\n") })
		if i < 0 {
			return append(lines, got...)
		}
		lines = append(lines, folder.ReplaceAllLiteralString(got[i], "/home/you"))
		got = got[i+1:]
	}
	return lines
}

// copyExamples copies the examples without the outputs that a user left in them.
func copyExamples(to string) error {
	from := filepath.Join(root, "examples")
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if strings.Contains(filepath.ToSlash(name), "/out/") && d.Name() != ".gitignore" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
}

// volatile is what differs from run to run.
var volatile = []struct{ find, put string }{
	{`/\S*/docs\d+/[wh](/|\b)`, `…$1`},
	{`\bin \d[\d.]* (ms|s|min)\b`, `in … $1`},
	{`at least \d[\d.]* (ms|s) at (\d+) calls at once of \d[\d.]* (ms|s) each`, `at least … at $2 calls at once of … each`},
	{`\b\d[\d,.]* rows/s`, `… rows/s`},
	{`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?`, `…`},
}

// rewrite writes into the page what its commands printed, where that is not what the
// page has. Lines that still match stay, with their "…".
func (p *page) rewrite(t *testing.T, steps []*step, done []*ending) {
	lines := slices.Clone(p.lines)
	changed := false
	for i, s := range slices.Backward(steps) {
		if s.command == "" || done[i] == nil || pattern(s.want).MatchString(done[i].output) {
			continue
		}
		changed = true
		var now []string
		for line := range strings.Lines(done[i].output) {
			line = strings.TrimSuffix(line, "\n")
			if k := slices.IndexFunc(s.want, func(old string) bool {
				return old != "…" && strings.Contains(old, "…") && pattern([]string{old}).MatchString(line+"\n")
			}); k >= 0 {
				line = s.want[k]
			} else {
				for _, v := range volatile {
					line = regexp.MustCompile(v.find).ReplaceAllString(line, v.put)
				}
			}
			now = append(now, line)
		}
		if n := len(s.want) - 1; n >= 0 && s.want[n] == "…" && len(now) > n {
			now = append(now[:n:n], "…") // the page shows the beginning alone
		}
		opening := p.lines[s.first-1]
		margin := opening[:strings.Index(opening, "`")]
		for k := range now {
			now[k] = strings.TrimRight(margin+now[k], " ")
		}
		lines = slices.Replace(lines, s.first+s.from, s.first+s.to, now...)
	}
	if changed {
		file := filepath.Join(root, filepath.FromSlash(p.name))
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s is rewritten: read the difference", p.name)
		p = readPage(t, file)
		steps = p.steps()
	}
	p.draw(t, steps, done)
}
