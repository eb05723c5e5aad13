package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newObjects returns a job over objects: it reads in.jsonl and writes out.jsonl.
func newObjects(t *testing.T) (f *fixture, b *objecttest.Bucket, root string) {
	t.Helper()
	f = newFixture(t)
	t.Setenv("XDG_STATE_HOME", f.dir)
	b, root = objecttest.New()
	f.spec.Input, f.spec.Output = spec.List{root + "in.jsonl"}, root+"out.jsonl"
	return f, b, root
}

// jsonLines returns lines of JSON, each with a value of q.
func jsonLines(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "{\"q\":%q}\n", v)
	}
	return b.String()
}

// got returns the content of an object.
func got(t *testing.T, b *objecttest.Bucket, key string) string {
	t.Helper()
	content, ok := b.Get(key)
	if !ok {
		t.Fatalf("there is no %s among %q", key, b.Keys())
	}
	return content
}

// standing returns what the output is to the job.
func (f *fixture) standing() Standing {
	f.t.Helper()
	s, err := StatusOf(f.spec)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.Standing
}

// A job from and to objects writes what it would write from and to files, byte for byte, and
// leaves nothing else behind, neither in the bucket nor on the disk.
func TestJobOfObjects(t *testing.T) {
	for _, name := range []string{"out.jsonl", "out.csv.gz", "out.tsv.zst", "out.parquet"} {
		t.Run(name, func(t *testing.T) {
			local := newFixture(t)
			local.input("a", "b", `{"odd":1}`)
			local.spec.Output = filepath.Join(local.dir, name)
			local.spec.Columns = spec.List{"q", "response", "status"}
			local.mustRun()
			want, err := os.ReadFile(local.spec.Output)
			if err != nil {
				t.Fatal(err)
			}

			f, b, root := newObjects(t)
			b.Put("in.jsonl", jsonLines("a", "b")+"{\"odd\":1}\n")
			f.spec.Output, f.spec.Columns = root+"deep/er/"+name, local.spec.Columns
			s := f.mustRun()
			if got(t, b, "deep/er/"+name) != string(want) {
				t.Error("the object is not what the file is")
			}
			jobtest.Equal(t, "objects", b.Keys(), "deep/er/"+name, "in.jsonl")
			if s.Output != f.spec.Output || f.standing() != OutputCurrent {
				t.Errorf("the output is %s, and %v", s.Output, f.standing())
			}
			dir := f.spec.StateDir()
			if !strings.HasPrefix(dir, filepath.Join(f.dir, "genbatch", "objects", name+"-")) {
				t.Errorf("the state is in %s", dir)
			}
			for _, e := range must(os.ReadDir(dir))(t) {
				if strings.HasPrefix(e.Name(), "output") {
					t.Errorf("%s was left in the state folder", e.Name())
				}
			}
			f.proven("after a run", 0)

			// Nothing is to be done again.
			b.Put("in.jsonl.other", "")
			before := versionOf(t, b, "deep/er/"+name)
			if s := f.mustRun(); !s.Unchanged || versionOf(t, b, "deep/er/"+name) != before {
				t.Errorf("a run with nothing to do has written the output again: %v", s.Unchanged)
			}
			jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
		})
	}
}

// must returns a function that fails the test for an error, and returns the value otherwise.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func versionOf(t *testing.T, b *objecttest.Bucket, key string) string {
	t.Helper()
	return must(b.Stat(t.Context(), key))(t).Version
}

// A run that is broken off at any step of its output's way asks nothing again, and the next one
// makes the output whole. An error that came although the object was stored is none.
func TestPublishFaults(t *testing.T) {
	broken := errors.New("the store is away")
	for name, tt := range map[string]struct {
		fail func(b *objecttest.Bucket, f *fixture, o *Options)
		want string // of the first run's error; empty: it ends well
	}{
		"not announced": {func(b *objecttest.Bucket, f *fixture, o *Options) { o.fs = failsAt("next.json") }, "next.json"},
		"not sent":      {func(b *objecttest.Bucket, f *fixture, o *Options) { b.Fail = failing("Write", "out.jsonl", broken) }, "the output cannot be written: the store is away"},
		"not recorded":  {func(b *objecttest.Bucket, f *fixture, o *Options) { o.fs = failsAt("manifest.json") }, "manifest.json"},
		"stored in spite of an error": {func(b *objecttest.Bucket, f *fixture, o *Options) {
			b.Fail = func(method, key string) error {
				if method != "Write" || key != "out.jsonl" {
					return nil
				}
				b.Fail = nil
				b.Put(key, derived)
				return broken
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, b, _ := newObjects(t)
			f.spec.Columns = spec.List{"q", "response", "status"}
			b.Put("in.jsonl", jsonLines("a", "b"))
			o := f.options()
			tt.fail(b, f, &o)
			_, err := f.runWith(o)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the first run: %v, want %q", err, tt.want)
			}
			b.Fail = nil
			f.mustRun()
			if content := got(t, b, "out.jsonl"); content != derived {
				t.Errorf("the output is %s", content)
			}
			jobtest.Equal(t, "objects", b.Keys(), "in.jsonl", "out.jsonl")
			jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
			f.proven("after the second run", 0)
		})
	}
}

// derived is the output of the rows a and b with the columns q, response and status.
const derived = `{"q":"a","response":"a","status":"ok"}` + "\n" + `{"q":"b","response":"b","status":"ok"}` + "\n"

// failsAt returns a disk on which one file cannot get its name.
func failsAt(name string) durable.FS {
	return durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if op == durable.OpRename && filepath.Base(path) == name {
			return false, errors.New(name + " cannot be written")
		}
		return true, nil
	}}
}

func failing(method, key string, err error) func(string, string) error {
	return func(m, k string) error {
		if m == method && k == key {
			return err
		}
		return nil
	}
}

// An output that was stored and not recorded stays the job's own, also if the next run, which
// announces another one, does not get to store that.
func TestOutputOfABrokenRunStaysOwn(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines("a"))
	o := f.options()
	o.fs = failsAt("manifest.json")
	if _, err := f.runWith(o); err == nil {
		t.Fatal("the manifest was written")
	}
	first := got(t, b, "out.jsonl")
	b.Put("in.jsonl", jsonLines("a", "b"))
	b.Fail = failing("Write", "out.jsonl", errors.New("the store is away"))
	if _, err := f.run(); err == nil || got(t, b, "out.jsonl") != first {
		t.Fatalf("the second output was stored: %v", err)
	}
	b.Fail = nil
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
	if content := got(t, b, "out.jsonl"); content == first {
		t.Error("the output is still the first one")
	}
}

// An object that is not the job's is refused before anything is sent, as a file is.
func TestForeignObject(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines("a"))
	b.Put("out.jsonl", "precious")
	_, err := f.run()
	jobtest.IsSpecError(t, "a foreign object", err, "out.jsonl exists and was not written by this job; choose another --output, or replace it with --force")
	jobtest.Equal(t, "asked", f.e.Requests())
	if _, err := os.Stat(f.spec.StateDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a state folder was made: %v", err)
	}
	f.spec.Force = true
	f.mustRun()
	if got(t, b, "out.jsonl") == "precious" {
		t.Error("it was not replaced by force")
	}
	f.spec.Force = false

	// What somebody has written over the job's own is foreign too.
	b.Put("out.jsonl", "precious")
	if s := f.standing(); s != OutputForeign {
		t.Errorf("the output is %v", s)
	}
	b.Put("in.jsonl", jsonLines("a", "b"))
	_, err = f.run()
	jobtest.IsSpecError(t, "a changed object", err, "exists and is not as this job has written it")

	// A copy of the same bytes is the job's own.
	f.spec.Force = true
	f.mustRun()
	f.spec.Force = false
	b.Put("out.jsonl", got(t, b, "out.jsonl"))
	f.proven("a copy", 0)
	b.Put("in.jsonl", jsonLines("a"))
	f.mustRun()
}

// An object that another program writes while the run goes on is left as it is, however late it
// comes.
func TestOutputReplacedDuringTheRun(t *testing.T) {
	for _, before := range []bool{false, true} { // whether the job has an output already
		for _, late := range []bool{false, true} { // whether the object comes at the last moment
			t.Run(fmt.Sprint(before, late), func(t *testing.T) {
				f, b, _ := newObjects(t)
				b.Put("in.jsonl", jsonLines("a"))
				if before {
					f.mustRun()
					b.Put("in.jsonl", jsonLines("a", "b"))
				}
				var put atomic.Bool
				meddle := func(now bool) {
					if now && !put.Swap(true) {
						b.Put("out.jsonl", "precious")
					}
				}
				b.Fail = func(method, key string) error {
					meddle(late && method == "Write" && key == "out.jsonl")
					return nil
				}
				f.e.Reply = func(prompt string, n int) (int, string) {
					meddle(!late)
					return 200, jobtest.AnswerBody(prompt)
				}
				_, err := f.run()
				file, ok := errors.AsType[*OutputError](err)
				if _, mistake := errors.AsType[*SpecError](err); !ok || mistake || file.Path != f.spec.Output {
					t.Errorf("the run ended with %v", err)
				}
				if content := got(t, b, "out.jsonl"); content != "precious" {
					t.Errorf("the object has become %q", content)
				}
				f.spec.Force = true
				f.e.Requests()
				f.mustRun()
				jobtest.Equal(t, "asked again", f.e.Requests())
			})
		}
	}
}

// Rows of an input object that was replaced are asked only where they are new.
func TestInputObjectReplaced(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines("a", "b"))
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
	b.Put("in.jsonl", jsonLines("a", "b"))
	if s := f.standing(); s != OutputTouched {
		t.Errorf("for the same input, written again, the output is %v", s)
	}
	b.Put("in.jsonl", jsonLines("a", "c"))
	if s := f.standing(); s != OutputOutdated && s != OutputTouched {
		t.Errorf("for another input the output is %v", s)
	}
	f.counts("replaced", "2 0 1 0 1 0 1")
	f.mustRun()
	jobtest.Equal(t, "asked for the second input", f.e.Requests(), "c")
	f.proven("after the second run", 0)
}

// Verify reads the object, and says where it is not what the job derives.
func TestVerifyObject(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines("a", "b"))
	f.mustRun()
	content := got(t, b, "out.jsonl")
	b.Put("out.jsonl", strings.Replace(content, `"response":"b"`, `"response":"x"`, 1))
	v := f.verify()
	if len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "in line 2") || !strings.Contains(v.Faults[0], f.spec.Output) {
		t.Errorf("verify finds %q", v.Faults)
	}
	if err := b.Remove(t.Context(), "out.jsonl"); err != nil {
		t.Fatal(err)
	}
	if v := f.verify(); len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "the output cannot be read") {
		t.Errorf("without the object verify finds %q", v.Faults)
	}
	f.mustRun()
	if got(t, b, "out.jsonl") != content {
		t.Error("it was not written again")
	}
}

// Export writes objects, its own and others.
func TestExportObjects(t *testing.T) {
	f, b, root := newObjects(t)
	b.Put("in.jsonl", jsonLines("a", "b"))
	f.mustRun()
	content := got(t, b, "out.jsonl")
	j := must(View(f.spec, Options{}))(t)
	defer j.Close()
	export := func(path string, force bool) error {
		_, err := j.Export(path, "", nil, force)
		return err
	}
	if err := export(root+"other.jsonl", false); err != nil || got(t, b, "other.jsonl") != content {
		t.Errorf("another object: %v", err)
	}
	jobtest.IsSpecError(t, "an object that is there", export(root+"other.jsonl", false), "other.jsonl exists; choose another --output, or replace it with --force")
	if err := export(root+"other.jsonl", true); err != nil {
		t.Error(err)
	}
	jobtest.IsSpecError(t, "the input", export(root+"in.jsonl", true), "is an input")
	jobtest.IsSpecError(t, "a folder", export(root+"new/", true), "is a folder; name an object in it")
	b.Put("out.jsonl", "precious")
	jobtest.IsSpecError(t, "the own output, replaced", export(f.spec.Output, false), "exists")
	if err := export(f.spec.Output, true); err != nil || got(t, b, "out.jsonl") != content {
		t.Errorf("the own output: %v", err)
	}
	local := filepath.Join(f.dir, "local.jsonl")
	if err := export(local, false); err != nil || string(must(os.ReadFile(local))(t)) != content {
		t.Errorf("a file: %v", err)
	}
	f.proven("after exports", 0)
}

// What stands in the way of an output in a bucket is found before anything is sent.
func TestBucketThatCannotBeWritten(t *testing.T) {
	denied := fmt.Errorf("access denied: %w", fs.ErrPermission)
	for name, tt := range map[string]struct {
		output string
		fail   func(method, key string) error
		want   string
	}{
		"no right to write": {"out.jsonl", failing("Write", "out.jsonl.genbatch-trial", denied), "the output {root}out.jsonl cannot be written: access denied: permission denied; give the credentials the right"},
		"no right to read":  {"out.jsonl", failing("Stat", "out.jsonl", denied), "whether the output {root}out.jsonl is there cannot be seen: access denied"},
		"no bucket":         {"../other/out.jsonl", nil, "there is no bucket other"},
		"objects below":     {"all.jsonl", nil, "the output {root}all.jsonl is a folder; name an object in it"},
		"no format":         {"out.doc", nil, "out.doc"},
		"the input":         {"in/rows.jsonl", nil, "is one of the files that the input {root}in/*.jsonl matches"},
	} {
		t.Run(name, func(t *testing.T) {
			f, b, root := newObjects(t)
			b.Put("in/rows.jsonl", jsonLines("a"))
			b.Put("all.jsonl/part-1", "")
			f.spec.Input = spec.List{root + "in/*.jsonl"}
			f.spec.Output = root + tt.output
			if rest, other := strings.CutPrefix(tt.output, "../"); other {
				f.spec.Output = strings.TrimSuffix(root, "bucket/") + rest
			}
			b.Fail = tt.fail
			_, err := f.run()
			if want := strings.ReplaceAll(tt.want, "{root}", root); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			jobtest.Equal(t, "asked", f.e.Requests())
			jobtest.Equal(t, "objects", b.Keys(), "all.jsonl/part-1", "in/rows.jsonl")
		})
	}
}

// A store that may not remove keeps the small object by which the run has seen that it may write.
func TestTrialThatStays(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines("a"))
	b.Fail = func(method, key string) error {
		if method == "Remove" {
			return fs.ErrPermission
		}
		return nil
	}
	f.mustRun()
	if !slices.Equal(b.Keys(), []string{"in.jsonl", "out.jsonl", "out.jsonl.genbatch-trial"}) {
		t.Errorf("the bucket has %q", b.Keys())
	}
}

// A store that goes away while rows are read ends the run as a disk that breaks does.
func TestInputStoreGoesAway(t *testing.T) {
	f, b, _ := newObjects(t)
	b.Put("in.jsonl", jsonLines(lines(40_000)...)) // more than a block
	away := false
	b.Fail = func(method, key string) error {
		if away && method == "ReadAt" {
			return errors.New("the store is away")
		}
		return nil
	}
	j := must(Open(f.spec, f.options()))(t)
	defer j.Close()
	away = true
	_, err := j.Run(t.Context())
	if !errors.Is(err, batch.ErrSource) || !strings.Contains(err.Error(), f.spec.Input[0]) || !strings.Contains(err.Error(), "the store is away") {
		t.Errorf("the run ended with %v", err)
	}
}
