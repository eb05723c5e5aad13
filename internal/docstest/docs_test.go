// Package docstest_test holds the documentation to the program: it runs the commands
// that the pages show and compares what they print, checks each flag, column and
// link, and draws the pictures of terminal sessions. CONTRIBUTING.md has the
// conventions of the pages.
package docstest_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/genbatch/genbatch/jobs" // for the test cache, see program
)

var update = flag.Bool("update", false, "write into the pages what their commands print")

// root is the top folder of the repository.
var root = filepath.Join("..", "..")

// comparedElsewhere are pages whose outputs another test compares.
var comparedElsewhere = map[string]string{
	"docs/gateways.md": "TestGatewayPages in cmd/genbatch: its jobs need servers in the gateways' dialects",
}

// pages returns the README, the pages of docs, and the READMEs of the examples.
func pages(t *testing.T) []*page {
	t.Helper()
	var list []*page
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/README.md", "examples/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			list = append(list, readPage(t, file))
		}
	}
	if len(list) < 10 {
		t.Fatalf("there are %d pages only", len(list))
	}
	return list
}

func readPage(t *testing.T, file string) *page {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePage(filepath.ToSlash(name), string(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var built struct {
	sync.Once
	dir string // holds the program
	err error
}

// TestMain removes the program that the tests build.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // what is left behind is in the system's temporary folder
	}
	os.Exit(code)
}

// program builds genbatch, once, and returns its folder. The test cache knows of the
// program's sources only what the test itself imports; hence the import of jobs.
func program(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "genbatch"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", built.dir+string(filepath.Separator), "./cmd/genbatch")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// environment is what the commands of a page find: no key, no settings, a home of
// their own, and genbatch in PATH.
func environment(programs, home string) []string {
	return []string{
		"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + home,
		"LANG=C.UTF-8",
		"TZ=UTC",
		"GORACE=atexit_sleep_ms=0",
	}
}

// indent sets a text off from the message around it.
func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}
