package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestJournals reads, verifies, exports and carries on with state folders of every version
// there was: testdata/journals/README.md says how they were made. What users have on their
// disks is paid for, and no later version may lose it.
func TestJournals(t *testing.T) {
	t.Parallel()
	own := maps.Clone(commands)
	own["answers"] = sameAnswers
	archives, err := filepath.Glob("testdata/journals/*.tar.gz")
	if err != nil || len(archives) < 5 {
		t.Fatalf("the journals of %d versions are there (%v)", len(archives), err)
	}
	for _, archive := range archives {
		version := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Files:               []string{"testdata/journals/check.txtar"},
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Setup: func(e *testscript.Env) error {
					if err := scriptEnv(e); err != nil {
						return err
					}
					return unpack(archive, version, e.WorkDir)
				},
				Cmds: own,
			})
		})
	}
}

// unpack writes the files of an archive into a folder, without the one folder that holds all.
func unpack(archive, top, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(h.Name, top+"/")
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, h.FileInfo().Mode().Perm()); err != nil {
			return err
		}
	}
}

// sameAnswers checks that two JSONL outputs have the same rows with the same answers, also if
// they have other columns beside.
func sameAnswers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "answers FILE FILE")
	type answer struct {
		ID         int
		Body       string
		Response   string
		Status     string
		ResponseID string  `json:"response_id"`
		Cost       float64 `json:"cost_usd"`
	}
	read := func(file string) (all []answer) {
		for line := range strings.Lines(ts.ReadFile(file)) {
			var a answer
			ts.Check(json.Unmarshal([]byte(line), &a))
			all = append(all, a)
		}
		return all
	}
	a, b := read(args[0]), read(args[1])
	if len(a) == 0 || len(a) != len(b) {
		ts.Fatalf("%s has %d rows, and %s %d", args[0], len(a), args[1], len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			ts.Fatalf("row %d:\n%s: %+v\n%s: %+v", i+1, args[0], a[i], args[1], b[i])
		}
	}
}
