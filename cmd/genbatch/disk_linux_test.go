package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
)

// A smallDisk is a file system in memory that can be full, or read-only.
type smallDisk struct {
	t   *testing.T
	dir string
}

func newSmallDisk(t *testing.T, bytes int) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprint("size=", bytes)); err != nil {
		t.Skipf("a small file system cannot be mounted (%v): run the tests as root, or with unshare --map-root-user --mount go test ./cmd/genbatch", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, 0); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *smallDisk) remount(flags uintptr, bytes int) {
	d.t.Helper()
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT|flags, fmt.Sprint("size=", bytes)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// names returns what stands directly on the disk.
func (d *smallDisk) names() string {
	d.t.Helper()
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A diskJob is a command line that is run again and again.
type diskJob struct {
	t      *testing.T
	server *sim.Running
	bill   *billtest.Witness
	args   []string
	rows   int
}

// newDiskJob makes an input whose rows have a text of so many bytes that is not
// asked about, only carried over into the output.
func newDiskJob(t *testing.T, output string, rows, carried int) *diskJob {
	t.Helper()
	server, bill := listening(t, filepath.Dir(output), sim.Config{CountAnswers: true})
	t.Setenv("GENBATCH_API_KEY", "key")
	input := filepath.Join(t.TempDir(), "in.csv")
	var b bytes.Buffer
	b.WriteString("body,carried\n")
	for n := range rows {
		fmt.Fprintf(&b, "question %d,%s\n", n, strings.Repeat("x", carried))
	}
	if err := os.WriteFile(input, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &diskJob{t, server, bill, []string{"genbatch", "run", "-i", input, "-o", output, "-m", "gemini-2.5-flash-lite",
		"--endpoint", server.URL, "-p", "{{.body}}", "--concurrency", "8", "--quiet"}, rows}
}

func (j *diskJob) run() (code int, stderr string) {
	var out, errs bytes.Buffer
	code = run(j.args, nil, strings.NewReader(""), &out, &errs)
	return code, errs.String()
}

// breaks runs the job into a fault that names the path.
func (j *diskJob) breaks(path, cause string) {
	j.t.Helper()
	if code, text := j.run(); code != 1 || !strings.Contains(text, path) || !strings.Contains(text, cause) {
		j.t.Errorf("exit code %d, want 1 and %q at %s:\n%s", code, cause, path, text)
	}
}

// completes runs the job to its end and returns how many answers it bought.
func (j *diskJob) completes(output string) (bought int64) {
	j.t.Helper()
	before := j.server.Stats().Answered
	if code, text := j.run(); code != 0 {
		j.t.Errorf("with space again: exit code %d, want 0:\n%s", code, text)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		j.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != j.rows+1 {
		j.t.Errorf("the output has %d lines, want %d and a header", len(lines), j.rows)
	}
	for n, line := range lines[min(1, len(lines)):] {
		if want := fmt.Sprintf("question %d,", n); !strings.HasPrefix(line, want) || !strings.Contains(line, fmt.Sprintf(",question %d,ok,", n)) {
			j.t.Errorf("line %d of the output is %.80q, want row and answer %q", n+2, line, want)
			break
		}
	}
	var out, errs bytes.Buffer
	if code := run([]string{"genbatch", "verify", output}, nil, strings.NewReader(""), &out, &errs); code != 0 {
		j.t.Errorf("verify: exit code %d:\n%s%s", code, out.String(), errs.String())
	}
	return j.server.Stats().Answered - before
}

// The journal fills the disk: what was answered is safe, and with space again only
// what was in flight is asked twice.
func TestDiskFullOfJournal(t *testing.T) {
	d := newSmallDisk(t, 400<<10)
	output := d.path("out.csv")
	j := newDiskJob(t, output, 1500, 0) // about a megabyte of journal
	j.breaks(output+".genbatch/results-000001.jsonl", "no space left on device")
	if got := d.names(); got != "out.csv.genbatch" {
		t.Errorf("on the disk are %s", got)
	}
	first := j.server.Stats().Answered
	if first < 100 || first > 1400 {
		t.Fatalf("%d rows were answered before the disk was full", first)
	}
	// Still full: mostly nothing can be sent, or else a few answers find the room that
	// the cut end of the journal has left.
	const inFlight = 8 + 256
	j.breaks(output+".genbatch", "no space left on device")
	if again := j.server.Stats().Answered - first; again > inFlight {
		t.Errorf("%d answers were bought on a disk that is full", again)
	}

	d.remount(0, 8<<20)
	j.completes(output)
	twice := j.server.Stats().Answered - 1500
	j.bill.MayDie(int(twice) + 2*8) // what found no room, and calls that both runs broke off
	if twice > 2*inFlight {
		t.Errorf("%d answers were bought again, and at most %d were in flight in two runs", twice, 2*inFlight)
	}
	t.Logf("%d answered before the disk was full, %d answered twice", first, twice)
}

// The output fills the disk: the old one stays, there is never half a new one, and
// nothing is asked again.
func TestDiskFullOfOutput(t *testing.T) {
	d := newSmallDisk(t, 4<<20)
	output := d.path("out.csv")
	j := newDiskJob(t, output, 400, 20_000) // 8 MB of output
	for range 2 {
		j.breaks(output, "no space left on device")
		if got := d.names(); got != "out.csv.genbatch" {
			t.Errorf("on the disk are %s", got)
		}
	}
	if got := j.server.Stats().Answered; got != 400 {
		t.Errorf("%d answers were bought, want 400", got)
	}
	d.remount(0, 16<<20)
	if bought := j.completes(output); bought != 0 {
		t.Errorf("%d answers were bought again", bought)
	}
	old, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}

	// A new version that does not fit beside the old one leaves that alone.
	j.args = append(j.args, "--raw")
	d.remount(0, 12<<20)
	j.breaks(output, "no space left on device")
	if now, err := os.ReadFile(output); err != nil || !bytes.Equal(now, old) {
		t.Errorf("the old output has changed (%v)", err)
	}
	d.remount(0, 32<<20)
	if bought := j.completes(output); bought != 0 {
		t.Errorf("%d answers were bought again", bought)
	}
}

// A folder that cannot be written to is a fault before anything is sent.
func TestReadOnlyFolder(t *testing.T) {
	d := newSmallDisk(t, 8<<20)
	output := d.path("out.csv")
	j := newDiskJob(t, output, 50, 0)
	d.remount(syscall.MS_RDONLY, 8<<20)
	j.breaks(output+".genbatch", "read-only file system")
	if got := j.server.Stats().Requests; got != 0 {
		t.Errorf("%d requests were sent", got)
	}
	d.remount(0, 8<<20)
	if bought := j.completes(output); bought != 50 {
		t.Errorf("%d answers were bought, want 50", bought)
	}

	// With the state elsewhere, only the output meets the read-only disk. That is found
	// before anything is sent, too.
	if err := os.Remove(output); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	j.args, j.bill.Dirs = append(j.args, "--state", state), append(j.bill.Dirs, state)
	d.remount(syscall.MS_RDONLY, 8<<20)
	before := j.server.Stats().Requests
	j.breaks(output, "read-only file system")
	if got := j.server.Stats().Requests - before; got != 0 {
		t.Errorf("%d requests were sent", got)
	}
	if _, err := os.Stat(output); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is an output: %v", err)
	}
	d.remount(0, 8<<20)
	bought := j.server.Stats().Answered
	if code, text := j.run(); code != 0 || j.server.Stats().Answered-bought != 50 {
		t.Errorf("exit code %d, and %d answers bought, want 50:\n%s", code, j.server.Stats().Answered-bought, text)
	}
}
