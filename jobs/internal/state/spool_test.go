package state

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The format of stdin is told from its first bytes, unless the job says it.
func TestSpoolFormats(t *testing.T) {
	for _, tt := range []struct{ name, stdin, format, want string }{
		{"an object", `{"q":1}`, "", "stdin.jsonl"},
		{"an object after blanks", "\n \t{}", "", "stdin.jsonl"},
		{"an object after a byte order mark", "\ufeff{}", "", "stdin.jsonl"},
		{"Parquet", "PAR1....PAR1", "", "stdin.parquet"},
		{"said", "q\n1\n", "csv", "stdin.csv"},
		{"said, of one byte", "q", "tsv", "stdin.tsv"},
		{"said against the bytes", `{"q":1}`, "csv", "stdin.csv"},
	} {
		f, _ := newFolder(t)
		if err := f.Spool(strings.NewReader(tt.stdin), tt.format, nil, nil); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		path, err := f.Spooled()
		if err != nil || path != f.Path(tt.want) {
			t.Errorf("%s: the copy is %s, %v, want %s", tt.name, path, err, tt.want)
		}
		oneOf(t, tt.name, path, tt.stdin)
	}
	f, _ := newFolder(t)
	jobtest.IsSpecError(t, "unknown", f.Spool(strings.NewReader("q,r\n"), "", nil, nil), "the format of stdin is not known")
	jobtest.IsSpecError(t, "gzip", f.Spool(strings.NewReader("\x1f\x8b\x08\x00"), "csv", nil, nil), "stdin is compressed with gzip; unpack it on the way, with: gzip -dc FILE |")
	jobtest.IsSpecError(t, "zstd", f.Spool(strings.NewReader("\x28\xb5\x2f\xfd\x04"), "", nil, nil), "stdin is compressed with zstd")
	if left := contents(t, f.Dir); len(left) != 0 {
		t.Errorf("a refused stdin leaves %v", left)
	}
}

// An empty stdin keeps what an earlier run was given, and is refused without that.
func TestSpoolOfNothing(t *testing.T) {
	f, _ := newFolder(t)
	jobtest.IsSpecError(t, "at first", f.Spool(strings.NewReader(""), "csv", nil, nil), "stdin is empty")
	jobtest.IsSpecError(t, "broken at first", f.Spool(iotest.ErrReader(errors.New("broken")), "csv", nil, nil), "stdin: broken")
	_, err := f.Spooled()
	jobtest.IsSpecError(t, "at first", err, "nothing of stdin is kept in "+f.Dir)
	if err := f.Spool(strings.NewReader("q\n1\n"), "csv", nil, nil); err != nil {
		t.Fatal(err)
	}
	device, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, tt := range []struct {
		name  string
		stdin io.Reader
		want  string // a warning, or nothing
	}{
		{"an empty pipe", strings.NewReader(""), "stdin was empty"},
		{"a pipe that breaks at once", iotest.ErrReader(errors.New("broken")), "could not be read, and the rows kept from before were used: broken"},
		{"a device, which nobody fills", device, ""},
	} {
		warned := ""
		if err := f.Spool(tt.stdin, "jsonl", nil, func(sentence string) { warned += sentence }); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !strings.Contains(warned, tt.want) || tt.want == "" && warned != "" {
			t.Errorf("%s: warned of %q, want %q", tt.name, warned, tt.want)
		}
	}
	oneOf(t, "after an empty stdin", f.Path("stdin.csv"), "q\n1\n")
	if _, err := os.Stat(f.Path("stdin.jsonl")); err == nil {
		t.Error("an empty stdin was copied")
	}
}

// A terminal would wait for somebody to type: it counts as empty.
func TestSpoolOfDevice(t *testing.T) {
	device, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	f, _ := newFolder(t)
	jobtest.IsSpecError(t, "a device", f.Spool(device, "", nil, nil), "stdin is empty")
}

// A stdin that cannot be read to its end leaves the copy of an earlier run.
func TestSpoolOfBrokenStdin(t *testing.T) {
	f, _ := newFolder(t)
	if err := f.Spool(strings.NewReader(`{"q":"old"}`), "", nil, nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, begin := range []string{`{"`, `{"q":"new"}`} {
		err := f.Spool(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken)), "", nil, nil)
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "stdin") {
			t.Errorf("after %s: %v", begin, err)
		}
		oneOf(t, "after "+begin, f.Path("stdin.jsonl"), `{"q":"old"}`)
	}
	if left := contents(t, f.Dir); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}

// A new copy replaces that of another format. If a crash leaves both, the newest counts.
func TestNewestSpoolCounts(t *testing.T) {
	f, _ := newFolder(t)
	if err := f.Spool(strings.NewReader("q\n1\n"), "csv", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Spool(strings.NewReader(`{"q":2}`), "", nil, nil); err != nil {
		t.Fatal(err)
	}
	if left := contents(t, f.Dir); len(left) != 1 {
		t.Errorf("left are %v, want the newest copy", left)
	}
	for _, format := range spoolFormats {
		write(t, f.spoolPath(format), format)
		age(t, f.spoolPath(format))
	}
	touch(t, f.Path("stdin.csv"))
	if path, err := f.Spooled(); err != nil || filepath.Base(path) != "stdin.csv" {
		t.Errorf("the copy is %s, %v, want the newest", path, err)
	}
}

// Whatever fails, the copy that counts is the old one or the new one, as a whole.
func TestSpoolFaults(t *testing.T) {
	const old, fresh = "q\nold\n", `{"q":"new"}`
	eachFault(t,
		func(f *Folder, _ *spec.Spec) {
			if err := f.Spool(strings.NewReader(old), "csv", nil, nil); err != nil {
				t.Fatal(err)
			}
			age(t, f.Path("stdin.csv"))
		},
		func(f *Folder, _ *spec.Spec) error { return f.Spool(strings.NewReader(fresh), "", nil, nil) },
		func(what string, f *Folder, _ *spec.Spec) {
			path, err := f.Spooled()
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			oneOf(t, what, path, old, fresh)
			if err := f.Spool(strings.NewReader(fresh), "", nil, nil); err != nil {
				t.Errorf("%s: the next run: %v", what, err)
			}
			if path, err := f.Spooled(); err != nil || filepath.Base(path) != "stdin.jsonl" || len(contents(t, f.Dir)) != 1 {
				t.Errorf("%s: the next run leaves %v, of which %s counts: %v", what, contents(t, f.Dir), path, err)
			}
		})
}
