package writer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/writer"
)

// Finish returns the sum of the file, in every format, before the file has its name.
func TestFinish(t *testing.T) {
	for _, name := range []string{"out.jsonl", "out.csv", "out.csv.gz", "out.tsv.zst", "out.parquet"} {
		path := filepath.Join(t.TempDir(), name)
		o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{{Name: "response"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Abort()
		for range 1000 {
			if err := o.Write(nil, []any{"an answer"}); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := o.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: after Finish the file has its name: %v", name, err)
		}
		if err := o.Write(nil, []any{"late"}); err == nil {
			t.Errorf("%s: a row is written after Finish", name)
		}
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := sha256.Sum256(text)
		if want := (writer.Sum{Size: int64(len(text)), SHA256: hex.EncodeToString(got[:])}); sum != want {
			t.Errorf("%s: Finish says %v, and the file is %v", name, sum, want)
		}
	}
}

// Each step of making the output fails once, and is carried out or not. The error names
// the file, and the name stands for the old file or the new one, whole.
func TestCreateFaults(t *testing.T) {
	for _, name := range []string{"out.jsonl", "out.csv.gz", "out.parquet"} {
		path := filepath.Join(t.TempDir(), name)
		steps := 0
		write := func(fail int, apply bool) error {
			steps = 0
			fsys := durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
				if steps++; steps-1 == fail {
					return apply, &fs.PathError{Op: string(op), Path: path, Err: syscall.ENOSPC}
				}
				return true, nil
			}}
			o, err := writer.Create(writer.Config{Path: path, FS: fsys, Columns: []batch.Column{{Name: "response"}}})
			if err != nil {
				return err
			}
			defer o.Abort()
			for range 10 {
				if err := o.Write(nil, []any{"an answer"}); err != nil {
					return err
				}
			}
			return o.Commit()
		}
		if err := write(-1, true); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for fail := range steps {
			for _, apply := range []bool{false, true} {
				if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := write(fail, apply); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%s, step %d: error is %v", name, fail, err)
				}
				got, err := os.ReadFile(path)
				if err != nil || string(got) != "old" && string(got) != string(whole) {
					t.Errorf("%s, step %d, applied %v: the file holds %d bytes (%v), want the old or the new ones", name, fail, apply, len(got), err)
				}
				if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
					t.Errorf("%s, step %d, applied %v: the folder holds %v", name, fail, apply, entries)
				}
			}
		}
	}
}
