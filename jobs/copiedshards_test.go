package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// runShardOn runs one shard of the job on a machine.
func (f *fleet) runShardOn(machine, shard string) error {
	f.t.Helper()
	s, o := f.on(machine)
	s.Shard = shard
	j, err := Open(s, o)
	if err != nil {
		return err
	}
	_, err = j.Run(f.t.Context())
	return errors.Join(err, j.Close())
}

// mergeOn merges the job on a machine, as its address or its job file names it.
func (f *fleet) mergeOn(machine string) (*Merged, error) {
	f.t.Helper()
	s, o := f.on(machine)
	f.t.Setenv("XDG_STATE_HOME", o.Env("XDG_STATE_HOME"))
	saved, err := LoadState(f.address)
	if err != nil {
		return nil, err
	}
	saved.Output, saved.Force = s.Output, true
	return Merge(f.t.Context(), *saved, o, Merging{})
}

// Shards with their state in an object store are one job on any machine: it shows how far they are,
// merges them, and does not pay again for what they have asked.
func TestCopiedShardsAreOneJob(t *testing.T) {
	f := newFleet(t)
	lines, want := numbered(30)
	f.input(lines...)
	for machine, shard := range map[string]string{"a": "1/3", "b": "2/3"} {
		if err := f.runShardOn(machine, shard); err != nil {
			t.Fatal(err)
		}
	}
	asked := int64(len(f.e.Requests()))
	standing := func(when string) {
		t.Helper()
		s, err := ReadStatus(f.address)
		if err != nil || s.Shards == nil || s.Shards.Count != 3 || s.Shards.Begun != 2 || s.LastSeq != asked || s.Input == nil || s.Input.Left != 30-asked {
			t.Errorf("status %s: %+v, %v", when, s, err)
		}
	}
	whole, o := f.on("c")
	t.Setenv("XDG_STATE_HOME", o.Env("XDG_STATE_HOME"))
	standing("at first")
	if s, err := ReadStatus(f.address + "/shards/2-of-3"); err != nil || s.Shard != "2/3" || !s.Finished {
		t.Errorf("status of a shard: %+v, %v", s, err)
	}
	if job, _, err := LoadFile(whole); err != nil || job.Shard != "" {
		t.Errorf("by the job file: %+v, %v", job, err)
	}

	_, err := f.runOn("c")
	jobtest.IsSpecError(t, "the whole job", err, "the job was begun in 3 shards, whose answers in "+f.address+" would be paid for again")
	err = f.runShardOn("c", "4/5")
	jobtest.IsSpecError(t, "a shard of five", err, "the job was begun in 3 shards and not in 5")
	v, err := View(whole, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Export(filepath.Join(f.dir, "sofar.csv"), "csv", nil, false)
	jobtest.IsSpecError(t, "an export", err, "runs in 3 shards, which are not merged")
	if proof, err := v.Verify(); err != nil || !strings.Contains(fmt.Sprint(proof.Notes), "genbatch merge") {
		t.Errorf("verify: %+v, %v", proof, err)
	}
	v.Close()
	_, err = f.mergeOn("c")
	if unfinished, ok := errors.AsType[*UnfinishedError](err); !ok || fmt.Sprint(unfinished.Missing) != "[3]" {
		t.Errorf("a merge without the third: %v", err)
	}
	standing("after all that was refused")

	if err := f.runShardOn("d", "3/3"); err != nil {
		t.Fatal(err)
	}
	for _, machine := range []string{"c", "a"} {
		m, err := f.mergeOn(machine)
		if err != nil || m.Job.Status[batch.OK] != 30 {
			t.Fatalf("merge on %s: %+v, %v", machine, m, err)
		}
		jobtest.Equal(t, machine, f.outputOf(machine), want...)
	}
	if err := f.runShardOn("b", "2/3"); err != nil {
		t.Errorf("a shard after the merge, with nothing to ask: %v", err)
	}
	if sum := f.mustRunOn("e"); sum.Run.Rows != 0 {
		t.Errorf("after the merge a run asks %d rows", sum.Run.Rows)
	}
	if calls := int64(len(f.e.Requests())); asked+calls != 30 {
		t.Errorf("30 rows took %d calls", asked+calls)
	}
}

// A job that another machine merged is not asked again by a shard, and one that was begun whole is
// not begun in shards.
func TestCopiedShardsAfterTheWhole(t *testing.T) {
	f := newFleet(t)
	f.input("x", "y")
	f.mustRunOn("a")
	err := f.runShardOn("b", "1/2")
	jobtest.IsSpecError(t, "a shard", err, "the job was begun without shards, and its answers in "+f.address)

	f.address += "-2"
	f.e.Reply = troubled
	f.spec.MaxAttempts = 1
	f.input("x", "this fails")
	for _, shard := range []string{"1/2", "2/2"} {
		if err := f.runShardOn("a", shard); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.mergeOn("a"); err != nil {
		t.Fatal(err)
	}
	err = f.runShardOn("b", "1/2")
	jobtest.IsSpecError(t, "a shard after the merge", err, "were merged")
}

// Of a shard that has just begun, other machines know by whom it is run, and none merges or runs
// what it is part of.
func TestCopiedShardsThatRun(t *testing.T) {
	f := newFleet(t)
	f.input("x", "y")
	s, o := f.on("a")
	s.Shard = "1/2"
	j, err := Open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	_, o = f.on("b")
	t.Setenv("XDG_STATE_HOME", o.Env("XDG_STATE_HOME"))
	_, err = LoadState(f.address)
	jobtest.IsSpecError(t, "status", err, fmt.Sprintf("process %d on ", os.Getpid()))
	jobtest.IsSpecError(t, "status", err, "and nothing is copied yet")
	_, err = f.runOn("b")
	if _, ok := errors.AsType[*LeaseError](err); !ok {
		t.Errorf("the whole job: %v", err)
	}
	whole, o := f.on("b")
	_, err = Merge(t.Context(), whole, o, Merging{})
	if _, ok := errors.AsType[*LockedError](err); !ok {
		t.Errorf("a merge: %v", err)
	}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if looked, err := ReadStatus(f.address); err != nil || looked.Shards == nil || len(looked.Shards.Running) != 0 {
		t.Errorf("at its end: %+v, %v", looked, err)
	}

	// And so of a whole job.
	f.address += "-2"
	whole, o = f.on("a")
	if j, err = Open(whole, o); err != nil {
		t.Fatal(err)
	}
	_, err = LoadState(f.address)
	jobtest.IsSpecError(t, "status of a whole job", err, "works on "+f.address)
	if _, _, err := LoadFile(whole); err == nil || !strings.Contains(err.Error(), "nothing is copied yet") {
		t.Errorf("by its file: %v", err)
	}
	if err := f.runShardOn("b", "1/2"); err == nil || !strings.Contains(err.Error(), f.address) {
		t.Errorf("a shard beside it: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = LoadState(f.address + "-none")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no run has left its state in "+f.address+"-none") {
		t.Errorf("nothing: %v", err)
	}
}

// A shard that is refused leaves nothing behind.
func TestShardRefusedLeavesNothing(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c", "d")
	o := f.options()
	f.shards(o, 4)
	_, err := f.shard(o, 3, 5)
	jobtest.IsSpecError(t, "3/5", err, "begun in 4 shards and not in 5")
	refused := filepath.Join(f.spec.StateDir(), "shards", "3-of-5")
	if _, err := os.Stat(refused); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", refused, err)
	}
	// A version before this one has left a lock.
	if err := os.MkdirAll(refused, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(refused, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadStatus(f.spec.StateDir()); err != nil || s.Shards == nil || s.Shards.Count != 4 {
		t.Errorf("status: %+v, %v", s, err)
	}
	v, err := View(f.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Export(filepath.Join(f.dir, "sofar.csv"), "csv", nil, false)
	jobtest.IsSpecError(t, "an export", err, "runs in 4 shards, which are not merged")
	v.Close()
	f.mustMerge()
}

// A state that was begun by a job with another input and another output is warned of, and one whose
// files have only moved is not.
func TestStateOfAnotherJob(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.spec.State = filepath.Join(f.dir, "state")
	f.mustRun()
	warned := func(input, output string) bool {
		t.Helper()
		s, o := f.spec, f.options()
		s.Input, s.Output = []string{input}, output
		var said strings.Builder
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
		j, err := View(s, o)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		return strings.Contains(said.String(), "is the state of another job, whose output is "+f.spec.Output)
	}
	text, err := os.ReadFile(f.spec.Input[0])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, other := filepath.Join(t.TempDir(), filepath.Base(f.spec.Input[0])), filepath.Join(f.dir, "other.jsonl")
	for _, path := range []string{elsewhere, other} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !warned(other, filepath.Join(f.dir, "labels.csv")) {
		t.Error("another job is not told of")
	}
	if warned(elsewhere, filepath.Join(f.dir, "labels.csv")) || warned(other, f.spec.Output) || warned(f.spec.Input[0], f.spec.Output) {
		t.Error("the same job counts as another one")
	}
}
