package examples_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "github.com/genbatch/genbatch/jobs" // for the test cache, see TestMain
)

// TestMain builds the program as a user would, once for all tests. The test cache takes
// no notice of what a test builds, only of what it imports and reads: hence the import of
// jobs, which brings all packages below it, and the look at the command's folder.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "genbatch-examples-")
		if err == nil {
			defer os.RemoveAll(dir)
			_, err = os.ReadDir("../cmd/genbatch")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Setenv("GENBATCH_EXAMPLES_BIN", dir)
		build := exec.Command("go", "build", "-trimpath", "-o", program(), "../cmd/genbatch")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // static, so that it runs in an empty root file system
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// program returns the path of genbatch, in a folder of its own.
func program() string {
	name := "genbatch"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(os.Getenv("GENBATCH_EXAMPLES_BIN"), name)
}

// cleanEnv is the environment of this process without keys and settings of the user's
// own, and with a fresh place for what genbatch learns of quotas.
func cleanEnv(t *testing.T) (env []string) {
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !strings.HasPrefix(name, "GENBATCH_") && !strings.HasSuffix(name, "_API_KEY") {
			env = append(env, kv)
		}
	}
	return append(env, "XDG_STATE_HOME="+t.TempDir())
}

// copyFolder copies an example's folder with all that is below it, but for what runs in
// the repository left in out.
func copyFolder(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(name, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case filepath.Base(filepath.Dir(path)) == "out":
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replace changes a file, which must hold what is replaced.
func replace(t *testing.T, path, old, text string) {
	t.Helper()
	before := read(t, path)
	if !strings.Contains(before, old) {
		t.Fatalf("%s does not hold %q", path, old)
	}
	write(t, path, strings.ReplaceAll(before, old, text))
}

// A simulator is `genbatch simulate` as a process.
type simulator struct{ url string }

var address = regexp.MustCompile(`http://[^ ]+`)

func simulate(t *testing.T, args ...string) simulator {
	t.Helper()
	c := exec.Command(program(), append([]string{"simulate"}, args...)...)
	c.Env = cleanEnv(t)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url := address.FindString(line)
	if err != nil || url == "" {
		t.Fatalf("genbatch simulate says %q: %v", line, err)
	}
	return simulator{url}
}

// stats returns a count that the simulator keeps.
func (s simulator) stats(t *testing.T, name string) int {
	t.Helper()
	answer, err := http.Get(s.url + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var counts map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&counts); err != nil {
		t.Fatal(err)
	}
	n, ok := counts[name].(float64)
	if !ok {
		t.Fatalf("the simulator counts no %s: %v", name, counts)
	}
	return int(n)
}

// await waits until the simulator's count is at least n.
func (s simulator) await(t *testing.T, name string, n int) {
	t.Helper()
	for range 1500 {
		if s.stats(t, name) >= n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the simulator did not count %d of %s in half a minute", n, name)
}
