package state

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Addresses are what they are wherever the state folder is.
func TestMoveLeavesAddresses(t *testing.T) {
	_, root := objecttest.New()
	dir := t.TempDir()
	m := move{from: filepath.Join(dir, "old/s"), to: filepath.Join(dir, "new/s")}
	s := &spec.Spec{Input: spec.List{root + "in/*.csv"}, Output: root + "out.csv", Prices: root + "p.json", MediaRoot: root + "images/"}
	want := *s
	m.spec(s)
	if s.Input[0] != want.Input[0] || s.Output != want.Output || s.Prices != want.Prices || s.MediaRoot != want.MediaRoot || s.State != m.to {
		t.Errorf("after a move the job is %+v", s)
	}
	if got := relative(m.from, want.MediaRoot); got != want.MediaRoot {
		t.Errorf("the media root is %s", got)
	}
}

// An output must not be taken for input by the next run, among objects as among files.
func TestCheckPathsOfObjects(t *testing.T) {
	b, root := objecttest.New()
	b.Put("in.csv", "")
	b.Put("odd[1].csv", "")
	dir := filepath.Join(t.TempDir(), "s")
	for _, tt := range []struct{ output, pattern, path, want string }{
		{root + "out/x.csv", root + "*.csv", root + "in.csv", ""},
		{root + "x.csv", root + "*.csv", root + "in.csv", "is one of the files that the input"},
		{root + "x.csv", "/data/*.csv", "/data/in.csv", ""},
		{"/data/x.csv", root + "*.csv", root + "in.csv", ""},
		{root + "in.csv", root + "in.csv", root + "in.csv", "is input and output"},
		{root + "odd1.csv", root + "odd[1].csv", root + "odd[1].csv", ""},
	} {
		f := &Folder{Dir: dir, Output: tt.output}
		err := f.CheckPaths([]string{tt.pattern}, []string{tt.path})
		if tt.want == "" && err != nil {
			t.Errorf("%s to %s: %v", tt.pattern, tt.output, err)
		} else if tt.want != "" {
			jobtest.IsSpecError(t, tt.pattern+" to "+tt.output, err, tt.want)
		}
	}
	f := &Folder{Dir: dir, Output: root + "out.csv"}
	jobtest.IsSpecError(t, "a file over an input", f.CheckOther(root+"in.csv", []string{root + "in.csv"}), "is an input")
	if err := f.CheckOther(root+"other.csv", []string{root + "in.csv"}); err != nil {
		t.Error(err)
	}
}

// An object is known by its version. One that is written again at once, with the same size, is
// another one for a manifest, though no clock would tell.
func TestObjectIdentity(t *testing.T) {
	b, root := objecttest.New()
	b.Put("in.csv", "abc")
	id, err := identify(root + "in.csv")
	if err != nil || id.Version == "" || id.Size != 3 || id.Path != root+"in.csv" {
		t.Fatalf("%+v, %v", id, err)
	}
	again, err := identify(root + "in.csv")
	if err != nil || !id.sameTime(again) {
		t.Errorf("an object is not itself: %v", err)
	}
	again.ModTime = again.ModTime.Add(time.Hour)
	if !id.sameTime(again) {
		t.Error("the time of an object counts")
	}
	b.Put("in.csv", "abd")
	if again, err = identify(root + "in.csv"); err != nil || id.sameTime(again) {
		t.Errorf("an object that was written again is the same: %v", err)
	}
	file := FileID{Path: id.Path, Size: id.Size, ModTime: id.ModTime}
	if id.sameTime(file) || file.sameTime(id) {
		t.Error("an object is the same as a file")
	}
}

// Where a store cannot be asked, nothing is said of the output.
func TestStandingOfUnseenObject(t *testing.T) {
	b, root := objecttest.New()
	f := &Folder{Dir: t.TempDir(), Output: root + "out.csv"}
	if s := StandingOf(f, nil, nil); s != record.Unwritten {
		t.Errorf("an object that is not there is %v", s)
	}
	b.Put("out.csv", "x")
	if s := StandingOf(f, nil, nil); s != record.Foreign {
		t.Errorf("the object of another is %v", s)
	}
	b.Fail = func(string, string) error { return errors.New("the store is away") }
	if s := StandingOf(f, nil, nil); s != record.Unseen {
		t.Errorf("an object in a store that is away is %v", s)
	}
}
