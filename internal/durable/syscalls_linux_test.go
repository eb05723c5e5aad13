package durable_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

// These name the operation that a traced process does, and its folder.
const (
	tracedEnv    = "GENBATCH_TEST_TRACED"
	tracedDirEnv = "GENBATCH_TEST_DIR"
)

// operations are what the documentation of the package lists, each in a folder with the file
// old and the folder there, and the system calls that change or sync something.
var operations = []struct {
	name  string
	do    func(dir string) error
	calls []string
}{
	{"CreateFile and Commit", func(dir string) error {
		f, err := durable.FS{}.CreateFile(filepath.Join(dir, "new"))
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("text"))
		return errors.Join(err, f.Commit())
	}, []string{"create new.tmp-N", "write new.tmp-N", "fsync new.tmp-N", "rename new.tmp-N new", "fsync ."}},
	{"CreateShared and Commit", func(dir string) error {
		f, err := durable.FS{}.CreateShared(filepath.Join(dir, "old"))
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("text"))
		return errors.Join(err, f.Commit())
	}, []string{"create old.tmp-N", "fchmod old.tmp-N", "write old.tmp-N", "fsync old.tmp-N", "rename old.tmp-N old", "fsync ."}},
	{"WriteFile", func(dir string) error {
		return durable.FS{}.WriteFile(filepath.Join(dir, "old"), []byte("text"), 0o600)
	}, []string{"create old.tmp-N", "write old.tmp-N", "fchmod old.tmp-N", "fsync old.tmp-N", "rename old.tmp-N old", "fsync ."}},
	{"Rename", func(dir string) error {
		return durable.FS{}.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new"))
	}, []string{"rename old new", "fsync ."}},
	{"MkdirAll", func(dir string) error {
		return durable.FS{}.MkdirAll(filepath.Join(dir, "there", "a", "b"))
	}, []string{"fsync .", "mkdir there/a", "fsync there", "mkdir there/a/b", "fsync there/a"}},
	{"MkdirAll of a folder that is there", func(dir string) error {
		return durable.FS{}.MkdirAll(filepath.Join(dir, "there"))
	}, []string{"fsync ."}},
	{"MkdirAll of a relative path", func(dir string) error {
		return errors.Join(os.Chdir(filepath.Join(dir, "there")), durable.FS{}.MkdirAll("a"))
	}, []string{"fsync .", "mkdir there/a", "fsync there"}},
	{"MkdirShared", func(dir string) error {
		return durable.FS{}.MkdirShared(filepath.Join(dir, "new"))
	}, []string{"mkdir new", "fsync ."}},
	{"OpenAppend, Write, Sync, Truncate", func(dir string) error {
		a, err := durable.FS{}.OpenAppend(filepath.Join(dir, "log"))
		if err != nil {
			return err
		}
		_, err = a.Write([]byte("text"))
		return errors.Join(err, a.Sync(), a.Truncate(2), a.Close())
	}, []string{"create log", "write log", "fdatasync log", "truncate log", "fdatasync log"}},
	{"Ledger.Append", func(dir string) error {
		return (&durable.Ledger[int]{Path: filepath.Join(dir, "log")}).Append(1)
	}, []string{"create log", "write log", "fdatasync log", "fsync ."}},
	{"Remove and SyncDir", func(dir string) error {
		return errors.Join(durable.FS{}.Remove(filepath.Join(dir, "old")), durable.FS{}.SyncDir(dir))
	}, []string{"unlink old", "fsync ."}},
	{"Lock", func(dir string) error {
		_, err := durable.FS{}.Lock(filepath.Join(dir, "lock"))
		return err
	}, []string{"create lock", "flock lock", "ftruncate lock", "write lock"}},
}

// The system calls are those that the documentation of the package promises, as strace sees
// them.
func TestSystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not look at processes here: %v %s", err, out)
	}
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.EvalSymlinks(t.TempDir()) // strace shows where files really are
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "there"), 0o700), os.WriteFile(filepath.Join(dir, "old"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", log, os.Args[0], "-test.run=^TestTraced$")
			cmd.Env = append(os.Environ(), tracedEnv+"="+o.name, tracedDirEnv+"="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if got := changesIn(string(text), dir); !slices.Equal(got, o.calls) {
				t.Errorf("the calls are %q, want %q", got, o.calls)
			}
		})
	}
}

// TestTraced is no test, but the process that TestSystemCalls looks at.
func TestTraced(t *testing.T) {
	name := os.Getenv(tracedEnv)
	if name == "" {
		t.Skip("runs only as a process of TestSystemCalls: run that test")
	}
	for _, o := range operations {
		if o.name == name {
			if err := o.do(os.Getenv(tracedDirEnv)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// call matches the beginning of a line about a call that changes or syncs something.
var call = regexp.MustCompile(`(?m)^\d+\s+(openat|mkdirat|mkdir|write|pwrite64|fsync|fdatasync|rename|renameat|renameat2|unlink|unlinkat|truncate|ftruncate|flock|fchmod)\((.*)$`)

// workingFolder is the first argument of calls whose path is relative to it, or absolute.
var workingFolder = regexp.MustCompile(`AT_FDCWD<[^>]*>`)

// digits are those of a temporary name.
var digits = regexp.MustCompile(`\.tmp-\d+`)

// changesIn returns the calls of a log of strace that concern files below a folder.
func changesIn(log, dir string) (calls []string) {
	path := regexp.MustCompile(regexp.QuoteMeta(dir) + `[^">]*`)
	for _, m := range call.FindAllStringSubmatch(log, -1) {
		name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(m[1], "at2"), "at"), "64")
		if m[1] == "openat" {
			if !strings.Contains(m[2], "O_CREAT") {
				continue
			}
			name = "create"
		}
		arguments, _, _ := strings.Cut(m[2], " = ")
		arguments = workingFolder.ReplaceAllString(arguments, "")
		var paths []string
		for _, p := range path.FindAllString(arguments, -1) {
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				continue
			}
			paths = append(paths, digits.ReplaceAllString(filepath.ToSlash(rel), ".tmp-N"))
		}
		if len(paths) > 0 {
			calls = append(calls, fmt.Sprintf("%s %s", strings.TrimPrefix(name, "p"), strings.Join(paths, " ")))
		}
	}
	return calls
}
