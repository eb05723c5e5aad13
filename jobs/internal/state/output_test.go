package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A run can be killed after each step of writing its output, for the first time or over
// an older one. The next run may replace what is there, finds no manifest that describes
// another file, and can tell that the output was announced.
func TestCrashBetweenSteps(t *testing.T) {
	const first, second = "first\n", "second one\n"
	for steps := 2; steps <= 5; steps++ {
		for _, before := range []string{"", first} {
			f, s := newFolder(t)
			if before != "" {
				finish(t, f, s, before, 5)
			}
			finish(t, f, s, second, steps)

			if err := f.CheckOutput(false); err != nil {
				t.Errorf("after step %d over %q: %v", steps, before, err)
			}
			sum, err := Sum(s.Output)
			if steps == 3 && before != "" && f.Announced(sum) {
				t.Errorf("after step 3 the old output passes for the announced one")
			}
			if steps >= 4 && (err != nil || !f.Announced(sum)) {
				t.Errorf("after step %d over %q: the output is not the announced one: %v", steps, before, err)
			}
			m, err := ReadManifest(f.Dir)
			if before == "" && steps < 5 {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("after step %d there is a manifest: %v", steps, err)
				}
			} else if err != nil || f.outputIs(m) != (steps != 4) {
				t.Errorf("after step %d over %q: the manifest describes the output: %v, %v", steps, before, f.outputIs(m), err)
			}
			if err := f.RemoveTemps(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(s.Output + ".tmp-1"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after step %d the temporary file stays: %v", steps, err)
			}
			finish(t, f, s, second, 5)
			if m, err := ReadManifest(f.Dir); err != nil || !f.outputIs(m) {
				t.Errorf("after step %d and another run: %v", steps, err)
			}
		}
	}
}

// What the job did not write, or somebody has changed since, is replaced only by force.
func TestCheckOutputRefusesWhatIsNotOurs(t *testing.T) {
	f, s := newFolder(t)
	if err := f.CheckOutput(false); err != nil {
		t.Errorf("where nothing is: %v", err)
	}
	write(t, s.Output, "the user's\n")
	jobtest.IsSpecError(t, "a file of the user's", f.CheckOutput(false), "was not written by this job")
	if err := f.CheckOutput(true); err != nil {
		t.Errorf("by force: %v", err)
	}

	finish(t, f, s, "answers\n", 5)
	age(t, s.Output) // a copy back, of the same content
	if err := f.CheckOutput(false); err != nil {
		t.Errorf("the same content with another time: %v", err)
	}
	write(t, s.Output, "answerS\n")
	age(t, s.Output)
	jobtest.IsSpecError(t, "an edited output", f.CheckOutput(false), "is not as this job has written it")

	f.Output = filepath.Join(filepath.Dir(s.Output), "missing", "out.jsonl")
	jobtest.IsSpecError(t, "without a folder", f.CheckPlace(f.Output), "does not exist")
	f.Output = filepath.Dir(s.Output)
	jobtest.IsSpecError(t, "a folder", f.CheckPlace(f.Output), "is a folder")
}

// An announcement that fails leaves the one before, or is there as a whole.
func TestAnnounceFaults(t *testing.T) {
	old := strings.Repeat("0", 64)
	eachFault(t,
		func(f *Folder, _ *spec.Spec) {
			if err := f.Announce(1, old); err != nil {
				t.Fatal(err)
			}
		},
		func(f *Folder, _ *spec.Spec) error { return f.Announce(2, "ff") },
		func(what string, f *Folder, _ *spec.Spec) {
			if f.Announced(old) == f.Announced("ff") {
				t.Errorf("%s: announced are both outputs or none", what)
			}
		})
}

// A manifest that cannot be written leaves the one before. The output in its place is
// known from the announcement, also if the new manifest is there in spite of the error.
func TestRecordFaults(t *testing.T) {
	var sources *Manifest
	eachFault(t,
		func(f *Folder, s *spec.Spec) {
			finish(t, f, s, "old\n", 5)
			finish(t, f, s, "newer\n", 4)
			var err error
			if sources, err = ReadManifest(f.Dir); err != nil {
				t.Fatal(err)
			}
		},
		func(f *Folder, s *spec.Spec) error {
			jl, err := ViewJournal(f.Dir)
			if err != nil {
				t.Fatal(err)
			}
			defer jl.Close()
			sum, err := Sum(s.Output)
			if err != nil {
				t.Fatal(err)
			}
			id, err := Identify(f, sum)
			if err != nil {
				t.Fatal(err)
			}
			return f.Record(sources, &cost.Totals{Rows: 7}, id, "", jl)
		},
		func(what string, f *Folder, s *spec.Spec) {
			m, err := ReadManifest(f.Dir)
			if err != nil || m.Rows != 2 && m.Rows != 7 || f.outputIs(m) != (m.Rows == 7) {
				t.Errorf("%s: the manifest is neither of the two: %+v, %v", what, m, err)
			}
			if err := f.CheckOutput(false); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
}

// Record leaves the manifest of the sources as it was, and names no journal files if the
// journal is damaged: such a job is never up to date.
func TestRecordOfDamagedJournal(t *testing.T) {
	f, s := newFolder(t)
	finish(t, f, s, "answers\n", 5)
	segment := f.Path("results-000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	write(t, segment, strings.Replace(string(text), `"row":1`, `"row":3`, 1))
	jl, err := journal.Open(journal.Config{Dir: f.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer jl.Close()
	sources, err := Sources{Spec: s, Inputs: s.Input, Journal: jl, Media: "before"}.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Record(sources, &cost.Totals{Rows: 1}, FileID{}, "after", jl); err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(f.Dir)
	if err != nil || len(m.Journal) != 0 || len(m.Damage) != 1 || m.Media != "after" {
		t.Errorf("the manifest is %+v, %v", m, err)
	}
	if sources.Media != "before" || sources.Rows != 0 {
		t.Errorf("Record changed the manifest of the sources: %+v", sources)
	}
	if f.UpToDate(Sources{Spec: s, Inputs: s.Input}, nil) != nil {
		t.Error("a job with a damaged journal is up to date")
	}
}
