package jobs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The journal's lines, altered in every way, are found, with what to do; the remedy
// works, and then the damage is information.
func TestVerifyFindsDamageOfTheJournal(t *testing.T) {
	for name, change := range map[string]func(lines []string) []string{
		"removed":  func(l []string) []string { return append(l[:2:2], l[3:]...) },
		"repeated": func(l []string) []string { return append(l[:3:3], l[2:]...) },
		"altered":  func(l []string) []string { l[2] = strings.Replace(l[2], "STOP", "STOQ", 1); return l },
		"swapped":  func(l []string) []string { l[2], l[3] = l[3], l[2]; return l },
		"cut off":  func(l []string) []string { return l[:3] },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.input("a", "b", "c", "d", "e")
			f.mustRun()
			f.proven("before", 0)
			path := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
			lines[len(lines)-1] += "\n"
			if err := os.WriteFile(path, []byte(strings.Join(change(lines), "")), 0o600); err != nil {
				t.Fatal(err)
			}
			v := f.verify()
			if len(v.Faults) == 0 || !strings.Contains(v.Faults[0], "run the job again") {
				t.Errorf("faults %q", v.Faults)
			}
			f.e.Requests()
			f.mustRun()
			asked := len(f.e.Requests())
			want := map[string]int{"removed": 1, "altered": 1, "cut off": 3}[name]
			if asked != want {
				t.Errorf("%d rows were asked again, want %d", asked, want)
			}
			jobtest.Equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d", "e e")
			v = f.verify()
			if len(v.Faults) > 0 || (len(v.Notes) == 0) != (name == "cut off") {
				t.Errorf("after the remedy: faults %q, notes %q", v.Faults, v.Notes)
			}
			if s := f.mustRun(); !s.Unchanged {
				t.Error("the output is written again by each run")
			}
			// Damage that was made good goes on to be known after pruning.
			f.input("a", "b", "c", "d")
			f.mustRun()
			if r := f.prune(Pruning{Orphaned: true}); r.Results == 0 {
				t.Errorf("pruned %+v", r)
			}
			if v := f.verify(); len(v.Faults) > 0 {
				t.Errorf("after pruning: %q", v.Faults)
			}
		})
	}
}

// Any change of the output is found, in every format, also when its manifest was made
// to fit.
func TestVerifyFindsChangesOfTheOutput(t *testing.T) {
	for name, change := range map[string]func(lines []string) []string{
		"removed":  func(l []string) []string { return append(l[:2:2], l[3:]...) },
		"repeated": func(l []string) []string { return append(l[:3:3], l[2:]...) },
		"altered":  func(l []string) []string { l[2] = strings.Replace(l[2], "STOP", "STOQ", 1); return l },
		"swapped":  func(l []string) []string { l[2], l[3] = l[3], l[2]; return l },
		"longer":   func(l []string) []string { return append(l, l[len(l)-1]) },
		"shorter":  func(l []string) []string { return l[:len(l)-1] },
	} {
		for _, ext := range []string{".jsonl", ".csv"} {
			t.Run(name+ext, func(t *testing.T) {
				f := newFixture(t)
				f.spec.Output = filepath.Join(f.dir, "out"+ext)
				f.input("a", "b", "c", "d", "e")
				f.mustRun()
				f.proven("before", 0)
				text, err := os.ReadFile(f.spec.Output)
				if err != nil {
					t.Fatal(err)
				}
				lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
				lines[len(lines)-1] += "\n"
				if err := os.WriteFile(f.spec.Output, []byte(strings.Join(change(lines), "")), 0o600); err != nil {
					t.Fatal(err)
				}
				v := f.verify()
				if len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "not as it was written: it differs from byte") || !strings.Contains(v.Faults[0], "genbatch export --force") {
					t.Errorf("faults %q", v.Faults)
				}
				m, err := state.ReadManifest(f.spec.StateDir())
				if err != nil {
					t.Fatal(err)
				}
				if m.Output.SHA256, err = state.Sum(f.spec.Output); err != nil {
					t.Fatal(err)
				}
				if err := (&state.Folder{Dir: f.spec.StateDir()}).WriteManifest(m); err != nil {
					t.Fatal(err)
				}
				v = f.verify()
				if len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "is not what the job derives") {
					t.Errorf("with another manifest: faults %q", v.Faults)
				}
				j, err := View(f.spec, Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				if _, err := j.Export(f.spec.Output, "", nil, true); err != nil {
					t.Fatal(err)
				}
				f.proven("exported", 0)
			})
		}
	}
}

func TestVerifyReadsEveryFormat(t *testing.T) {
	for _, name := range []string{"out.parquet", "out.csv.gz", "out.jsonl.zst", "out.tsv", "out.ndjson"} {
		f := newFixture(t)
		f.spec.Output = filepath.Join(f.dir, name)
		f.spec.RawResponse = true
		f.input("a", "{broken", "line\nbreak", `{"q":"x","more":[1,2]}`)
		f.mustRun()
		f.proven(name, 0)
	}
	// A column of nothing is a row all the same.
	f := newFixture(t)
	f.spec.Output, f.spec.Columns = filepath.Join(f.dir, "out.csv"), spec.List{"error"}
	f.input("a", "b")
	f.mustRun()
	f.proven("one empty column", 0)

	f.input("a", "b", "c")
	f.proven("the input has changed since", 1)
}
