package state

import (
	"maps"
	"os"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A job is up to date only while every file is what it was when the manifest was
// written, and no row is to be asked again. What is not certain counts as a change.
func TestUpToDate(t *testing.T) {
	retry := map[batch.Status]bool{}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, f *Folder, s *spec.Spec)
		want   bool
	}{
		{"nothing", func(*testing.T, *Folder, *spec.Spec) {}, true},
		{"the folder is named", func(_ *testing.T, f *Folder, s *spec.Spec) { s.State = f.Dir }, true},
		{"force is given", func(_ *testing.T, _ *Folder, s *spec.Spec) { s.Force = true }, true},
		{"an input of another size", func(t *testing.T, _ *Folder, s *spec.Spec) { write(t, s.Input[0], "{}\n"); age(t, s.Input[0]) }, false},
		{"an input of another time", func(t *testing.T, _ *Folder, s *spec.Spec) { touch(t, s.Input[0]) }, false},
		{"an input that is gone", func(t *testing.T, _ *Folder, s *spec.Spec) { remove(t, s.Input[0]) }, false},
		{"another input", func(t *testing.T, _ *Folder, s *spec.Spec) {
			s.Input = append(s.Input, s.Input[0]+"2")
			write(t, s.Input[1], "")
			age(t, s.Input[1])
		}, false},
		{"another prompt", func(_ *testing.T, _ *Folder, s *spec.Spec) { s.Prompt = "?" }, false},
		{"a longer journal", func(t *testing.T, f *Folder, _ *spec.Spec) { write(t, f.Path("results-000002.jsonl"), "") }, false},
		{"a journal of another time", func(t *testing.T, f *Folder, _ *spec.Spec) { touch(t, f.Path("results-000001.jsonl")) }, false},
		{"blobs", func(t *testing.T, f *Folder, _ *spec.Spec) { mkdir(t, f.Path("blobs")) }, false},
		{"another output", func(t *testing.T, _ *Folder, s *spec.Spec) { write(t, s.Output, "another") }, false},
		{"no output", func(t *testing.T, _ *Folder, s *spec.Spec) { remove(t, s.Output) }, false},
		{"no manifest", func(t *testing.T, f *Folder, _ *spec.Spec) { remove(t, f.Path(manifestFile)) }, false},
		{"half a manifest", func(t *testing.T, f *Folder, _ *spec.Spec) { write(t, f.Path(manifestFile), "{") }, false},
		{"a young input", func(t *testing.T, f *Folder, _ *spec.Spec) {
			// The manifest is as old as the input, so that a change of the input after
			// it may have the same time.
			then := time.Now().Add(-time.Hour)
			if err := os.Chtimes(f.Path(manifestFile), then, then); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"retry of the status that a row has", func(*testing.T, *Folder, *spec.Spec) { retry[batch.OK] = true }, false},
		{"retry of one that none has", func(*testing.T, *Folder, *spec.Spec) { retry[batch.Blocked] = true }, true},
		{"a failed row", edit(func(m *Manifest) { m.Summary.Status[batch.Failed] = 1 }), false},
		{"a skipped row", edit(func(m *Manifest) { m.Summary.Status[batch.Skipped] = 1 }), true},
		{"a pending row", edit(func(m *Manifest) { m.Summary.Status[batch.Pending] = 1 }), false},
		{"another version", edit(func(m *Manifest) { m.Genbatch = "v0" }), false},
		{"a damaged journal", edit(func(m *Manifest) { m.Journal = nil }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, s := newFolder(t)
			finish(t, f, s, "answers\n", 5)
			clear(retry)
			tt.change(t, f, s)
			m := f.UpToDate(Sources{Spec: s, Inputs: s.Input}, retry)
			if (m != nil) != tt.want || m != nil && m.Rows != 2 {
				t.Errorf("the manifest is %+v, want one: %v", m, tt.want)
			}
		})
	}
}

// An output is finished if deriving it again could give nothing else. Neither the time of
// the inputs, beside the manifest's, nor the journal's files matter for this, since its
// last number does.
func TestFinished(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, f *Folder, s *spec.Spec)
		now    func(*Manifest)
		want   bool
	}{
		{name: "nothing", want: true},
		{name: "the journal's files", change: func(t *testing.T, f *Folder, _ *spec.Spec) { touch(t, f.Path("results-000001.jsonl")) }, want: true},
		{name: "a failed row", change: edit(func(m *Manifest) { m.Summary.Status[batch.Failed] = 1 }), want: true},
		{name: "a pending row", change: edit(func(m *Manifest) { m.Summary.Status[batch.Pending] = 1 })},
		{name: "the journal's end", now: func(m *Manifest) { m.LastSeq++ }},
		{name: "a pruned journal", now: func(m *Manifest) { m.Pruned++ }},
		{name: "damage", now: func(m *Manifest) { m.Damage = []string{"here"} }},
		{name: "media that one pass saw", now: func(m *Manifest) { m.Media = "seen" }},
		{name: "an input", change: func(t *testing.T, _ *Folder, s *spec.Spec) { touch(t, s.Input[0]) }},
		{name: "the output", change: func(t *testing.T, _ *Folder, s *spec.Spec) { write(t, s.Output, "x") }},
		{name: "no manifest", change: func(t *testing.T, f *Folder, _ *spec.Spec) { remove(t, f.Path(manifestFile)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, s := newFolder(t)
			finish(t, f, s, "answers\n", 5)
			if tt.change != nil {
				tt.change(t, f, s)
			}
			jl, err := ViewJournal(f.Dir)
			if err != nil {
				t.Fatal(err)
			}
			defer jl.Close()
			now, err := Sources{Spec: s, Inputs: s.Input, Journal: jl}.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			if tt.now != nil {
				tt.now(now)
			}
			if m := f.Finished(now); (m != nil) != tt.want {
				t.Errorf("the manifest is %+v, want one: %v", m, tt.want)
			}
		})
	}
}

// A journal that has lost results makes the manifest invalid for good, since other
// results will get their numbers. It stays for what else it says.
func TestInvalidateStale(t *testing.T) {
	f, s := newFolder(t)
	if repaired, err := f.InvalidateStale(0); repaired != nil || err != nil {
		t.Errorf("without a manifest: %q, %v", repaired, err)
	}
	finish(t, f, s, "answers\n", 5)
	edit(func(m *Manifest) { m.LastSeq, m.Damage = 5, []string{"here"} })(t, f, s)
	for _, tt := range []struct{ last, want int64 }{{6, 5}, {5, 5}, {4, -1}, {5, -1}} {
		before := contents(t, f.Dir)
		repaired, err := f.InvalidateStale(tt.last)
		if err != nil || len(repaired) != 1 || repaired[0] != "here" {
			t.Errorf("at %d: the repaired damage is %q, %v", tt.last, repaired, err)
		}
		m, err := ReadManifest(f.Dir)
		if err != nil || m.LastSeq != tt.want || !f.outputIs(m) {
			t.Errorf("at %d: the manifest is %+v, %v", tt.last, m, err)
		}
		if tt.last != 4 && !maps.Equal(before, contents(t, f.Dir)) {
			t.Errorf("at %d: the manifest was written though it counts", tt.last)
		}
	}
}

// A manifest that cannot be marked invalid is reported, so that the run does not go on.
func TestInvalidateStaleFaults(t *testing.T) {
	eachFault(t,
		func(f *Folder, s *spec.Spec) { finish(t, f, s, "answers\n", 5) },
		func(f *Folder, _ *spec.Spec) error { _, err := f.InvalidateStale(0); return err },
		func(what string, f *Folder, _ *spec.Spec) {
			m, err := ReadManifest(f.Dir)
			if err != nil || m.LastSeq != 2 && m.LastSeq != -1 {
				t.Errorf("%s: the manifest is %+v, %v", what, m, err)
			}
			if _, err := f.InvalidateStale(0); err != nil {
				t.Errorf("%s: the next time: %v", what, err)
			}
		})
}

// edit returns a change of the manifest.
func edit(change func(*Manifest)) func(*testing.T, *Folder, *spec.Spec) {
	return func(t *testing.T, f *Folder, _ *spec.Spec) {
		t.Helper()
		m, err := ReadManifest(f.Dir)
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		if err := f.WriteManifest(m); err != nil {
			t.Fatal(err)
		}
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}
