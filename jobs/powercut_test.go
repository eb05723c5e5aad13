package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/crashdisk"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A cutChange is something that genbatch does to files, which a power cut may interrupt.
type cutChange struct {
	name    string
	ops     int                       // at least so many operations of the disk
	fixture func(*testing.T) *fixture // with all that is there before
	change  func(*fixture, durable.FS) error
	after   func(*fixture) // checks what is there in the end
}

// The power goes before each operation on the disk of everything that writes files, and
// leaves whatever it may leave. The same command, run again, completes what it began, and no
// row is asked again whose answer was safe.
func TestPowerCutAtEachOperation(t *testing.T) {
	long(t, "it cuts the power some hundred times")
	for _, c := range cutChanges {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(2)
			switch {
			case c.ops < 20:
				seeds = 10 // a short one leaves more to chance
			case c.ops > 50:
				seeds = 1 // a long one has less left to it
			}
			first, step := pointsOf(t)
			at, again, cuts := 1+first, 0, 0
			for more := true; more; at += step {
				for seed := range seeds {
					var bought int
					bought, more = c.cut(t, at, seed)
					again = max(again, bought)
					cuts++
				}
			}
			if ops := at - step; ops <= c.ops { // the first one that the change has no more
				t.Errorf("there are %d operations at most, want %d", ops-1, c.ops)
			}
			t.Logf("%d power cuts, at most %d rows asked again", cuts, again)
		})
	}
}

// A process is killed before each of its syncs, so that what it wrote is in the page cache
// only. The next one takes it for what it is, and the power goes before each operation of
// that one. Unlike a process that is really killed, this one removes its temporary files.
func TestPowerCutAfterKill(t *testing.T) {
	long(t, "it cuts the power some hundred times")
	for _, c := range cutChanges {
		if c.name != "run" && c.name != "prune" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, step := pointsOf(t)
			cuts := 0
			for kill := 1; ; kill++ {
				killed := false
				for at, more := 1+first, true; more; at += step {
					f := c.fixture(t)
					disk := crashdisk.New(t, f.dir)
					ops, dead, synced := 0, false, false
					_ = c.change(f, disk.FS(func(op durable.Op, _ string) (bool, error) { // it dies, or there is nothing to kill
						ops++
						synced = synced || ops == kill && (op == durable.OpSync || op == durable.OpSyncDir)
						if dead = dead || ops == kill; dead {
							return false, errDead
						}
						return true, nil
					}))
					if killed = dead; !dead || !synced {
						break
					}
					_, more = c.cutOn(t, f, disk, at, uint64(at))
					cuts++
				}
				if !killed {
					break
				}
			}
			if cuts < 50/step {
				t.Errorf("the power was cut %d times", cuts)
			}
		})
	}
}

// cut cuts the power before an operation. more is false if the change has fewer operations.
func (c *cutChange) cut(t *testing.T, at int, seed uint64) (again int, more bool) {
	f := c.fixture(t)
	f.asked = nil
	if f.batches == nil {
		return c.cutOn(t, f, crashdisk.New(t, f.dir), at, seed)
	}
	f.inBubble(func(t *testing.T) { again, more = c.cutOn(t, f, crashdisk.New(t, f.dir), at, seed) })
	return again, more
}

// cutOn does so on a disk that may hold what is not synced.
func (c *cutChange) cutOn(t *testing.T, f *fixture, disk *crashdisk.Disk, at int, seed uint64) (again int, more bool) {
	r := rand.New(rand.NewPCG(uint64(at), seed))
	var image *crashdisk.Image
	ops, what := 0, ""
	err := c.change(f, disk.FS(func(op durable.Op, path string) (bool, error) {
		if ops++; ops == at {
			image, what = disk.Cut(r), fmt.Sprintf("power cut before operation %d, %s %s, seed %d", at, op, filepath.Base(path), seed)
		}
		if image != nil {
			return false, errDead
		}
		return true, nil
	}))
	if image == nil {
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range disk.Bypassed() {
			if !mayBypass(path) {
				t.Errorf("%s was written past the rules of durable files", path)
			}
		}
		c.after(f)
		return 0, false
	}
	if err == nil && !strings.Contains(what, "remove ") {
		t.Errorf("%s: no error", what)
	}
	disk.Start(image)
	if err := c.change(f, disk.FS(nil)); err != nil {
		t.Fatalf("%s: the same again ends with %v", what, err)
	}
	c.after(f)
	for _, path := range jobtest.TempFiles(t, f.dir) {
		if dir := filepath.Dir(path); dir != f.dir && dir != filepath.Join(f.dir, "out_files") && !strings.HasPrefix(path, f.spec.StateDir()) {
			continue // a folder that was set aside is not tidied
		}
		if !strings.HasPrefix(filepath.Base(path), "other.csv") { // an export elsewhere holds no lock, so that nobody else may tidy up after it
			t.Errorf("%s: left behind is %q", what, path)
		}
	}
	f.verified(what)
	if t.Failed() {
		t.Fatal(what)
	}
	return len(f.asked) - len(slices.Compact(slices.Sorted(slices.Values(f.asked)))), true
}

// runWatched runs the job on a disk. It fails the test if a row is asked again whose answer was
// safe.
func (f *fixture) runWatched(d durable.FS, change func(*Options)) error {
	f.t.Helper()
	o := f.options()
	o.fs, o.segmentBytes, o.blobBytes = d, 1500, 400
	if change != nil {
		change(&o)
	}
	var safe []string
	o.Observe = func(r *Row) {
		q, _ := r.Value("q")
		safe = append(safe, fmt.Sprint(q))
	}
	_, err := f.runWith(o)
	asked := f.takeRequests()
	for _, q := range asked {
		if slices.Contains(f.safe, q) && !o.Fresh {
			f.t.Errorf("%q is asked again, and its answer was safe", q)
		}
	}
	f.asked, f.safe = append(f.asked, asked...), append(f.safe, safe...)
	return err
}

// takeRequests returns the prompts that were asked since it was called last.
func (f *fixture) takeRequests() []string {
	if f.gallery == nil {
		var asked []string
		for _, text := range f.e.Requests() {
			for _, r := range rowsOf(text) {
				asked = append(asked, r.text)
			}
		}
		return asked
	}
	asked := f.gallery.Requests()
	for i, q := range asked { // the prompt comes last, behind what stands for the media
		asked[i] = q[strings.LastIndex(q, " ")+1:]
	}
	return asked
}

// prepared runs the job on a disk that nothing happens to.
func (f *fixture) prepared() {
	f.t.Helper()
	if err := f.runWatched(jobtest.Unsynced, nil); err != nil {
		f.t.Fatal(err)
	}
}

// cutRows are the rows of these jobs. One has an answer that stands in a blob.
var cutRows = []string{"a", "b", "c", "a long one" + strings.Repeat(" and so on", 40), "e", "f"}

var cutChanges = []cutChange{
	{"run", 30, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.input(cutRows...)
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, (*fixture).haveAll},

	{"run to Parquet", 30, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.spec.Output = filepath.Join(f.dir, "out.parquet")
		f.input(cutRows...)
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, func(f *fixture) {
		j, err := View(f.spec, Options{})
		if err != nil {
			f.t.Fatal(err)
		}
		defer j.Close()
		path := filepath.Join(f.dir, "compared.jsonl")
		if _, err := j.Export(path, "", nil, true); err != nil {
			f.t.Fatal(err)
		}
		defer os.Remove(path)
		text, err := os.ReadFile(path)
		if err != nil || bytes.Count(text, []byte(`"status":"ok"`)) != len(cutRows) {
			f.t.Errorf("%v, and the rows are %s", err, text)
		}
	}},

	{"run over stdin", 35, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.input(cutRows...)
		f.spec.Input = []string{"-"}
		return f
	}, func(f *fixture, d durable.FS) error {
		return f.runWatched(d, func(o *Options) {
			text, err := os.ReadFile(filepath.Join(f.dir, "in.jsonl"))
			if err != nil {
				f.t.Fatal(err)
			}
			o.Stdin = bytes.NewReader(text)
		})
	}, (*fixture).haveAll},

	{"run of rows that share calls", 30, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.spec.Prompt, f.spec.Summarize, f.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, 3
		f.e.Reply = answerRows
		f.input(cutRows...)
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, (*fixture).haveAll},

	{"run of a batch whose requests rows share", 70, func(t *testing.T) *fixture {
		f, s := newBatchFixture(t, 6, "")
		f.spec.Prompt, f.spec.Summarize, f.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, 3
		f.batches = s
		return f
	}, func(f *fixture, d durable.FS) error {
		return f.runWatched(d, func(o *Options) { o.batchPace = 1 })
	}, func(f *fixture) {
		f.answeredOnce("after the cut", 6)
		stats := f.batches.Stats()
		f.billedOnce("after the cut", 2, &stats)
	}},

	{"run with files of answers", 40, func(t *testing.T) *fixture {
		f := newFilesFixture(t)
		f.input("a", "picture", "speech", "picture and more")
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, func(f *fixture) {
		if got, err := os.ReadFile(filepath.Join(f.dir, "out_files", "000002.png")); err != nil || string(got) != pngBytes {
			f.t.Errorf("the picture of row 2: %q, %v", got, err)
		}
	}},

	{"second run with another row", 25, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.input(cutRows[1:]...)
		f.prepared()
		f.input(cutRows...)
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, (*fixture).haveAll},

	{"fresh run", 30, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.input(cutRows...)
		f.prepared()
		return f
	}, func(f *fixture, d durable.FS) error {
		return f.runWatched(d, func(o *Options) { o.Fresh = true })
	}, func(f *fixture) {
		f.haveAll()
		folders, err := filepath.Glob(filepath.Join(f.dir, "*.genbatch"))
		if err != nil || len(folders) < 2 {
			f.t.Fatalf("the folders are %q, %v", folders, err)
		}
		whole := 0
		for _, dir := range folders {
			if j, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true}); err == nil {
				if len(j.Damage()) == 0 && j.Last() == int64(len(cutRows)) {
					whole++
				}
				j.Close()
			}
		}
		if whole < 2 {
			f.t.Errorf("%d of the folders %q have all answers, want those of before and those of now", whole, folders)
		}
	}},

	{"export", 5, func(t *testing.T) *fixture {
		f := newFixture(t)
		f.input(cutRows...)
		f.prepared()
		return f
	}, func(f *fixture, d durable.FS) error {
		j, err := View(f.spec, Options{seams: seams{fs: d}})
		if err != nil {
			return err
		}
		defer j.Close()
		path := filepath.Join(f.dir, "other.csv")
		before, readErr := os.ReadFile(path)
		if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) || readErr == nil && bytes.Count(before, []byte("\n")) != len(cutRows)+1 {
			f.t.Errorf("half an export was left: %q, %v", before, readErr)
		}
		_, err = j.Export(path, "", nil, true)
		return err
	}, (*fixture).haveAll},

	{"prune", 8, toPrune, pruneOrphaned, func(f *fixture) {
		f.gone("after pruning")
		if p := f.plan(); p.New != 0 || p.Orphaned != 0 || p.Settled != int64(len(cutRows)) {
			f.t.Errorf("after pruning, the plan is %+v", p)
		}
		f.mustRun()
		f.haveAll()
	}},

	{"run with uploads", 30, func(t *testing.T) *fixture {
		f, g := mediaFixture(t)
		f.gallery = g
		f.google(g)
		f.spec.Request = map[string]any{}
		f.write("cat.png", jobtest.Picture(t, 1, 4, 4))
		f.input(`{"q":"x","p":"cat.png"}`, `{"q":"y"}`)
		return f
	}, func(f *fixture, d durable.FS) error { return f.runWatched(d, nil) }, func(f *fixture) {
		if got := f.output("status"); !slices.Equal(got, []string{"ok", "ok"}) || len(f.asked) < 2 {
			f.t.Errorf("the rows are %q, of which %q were asked", got, f.asked)
		}
	}},
}

// toPrune returns a fixture with answers to prune, one of which stands in a blob.
func toPrune(t *testing.T) *fixture {
	f := newFixture(t)
	f.input(append([]string{"secret", "secret at length" + strings.Repeat(" and so on", 40)}, cutRows...)...)
	f.prepared()
	f.input(cutRows...)
	f.prepared()
	return f
}

func pruneOrphaned(f *fixture, d durable.FS) error {
	_, err := Prune(f.spec, Options{seams: seams{fs: d}}, Pruning{Orphaned: true})
	return err
}

// gone fails the test if a file of the state has an answer that was to be pruned.
func (f *fixture) gone(what string) {
	f.t.Helper()
	err := filepath.WalkDir(f.spec.StateDir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("secret")) {
			f.t.Errorf("%s: %s has an answer that was pruned", what, path)
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
}

// What was pruned stays gone for good, also if the power goes when pruning has just ended.
func TestPrunedStaysGone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		f := toPrune(t)
		disk := crashdisk.New(t, f.dir)
		if err := pruneOrphaned(f, disk.FS(nil)); err != nil {
			t.Fatal(err)
		}
		disk.Start(disk.Cut(rand.New(rand.NewPCG(seed, 0))))
		f.gone(fmt.Sprintf("power cut with seed %d", seed))
	}
}

// answerRows answers each text of a request with itself. It leaves out row c where others share
// the request.
func answerRows(prompt string, _ int) (int, string) {
	rows := rowsOf(prompt)
	if len(rows) == 1 && rows[0].id == "" {
		return http.StatusOK, jobtest.AnswerBody(prompt)
	}
	type answer struct {
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}
	answers := []answer{}
	for _, r := range rows {
		if r.text != "c" {
			answers = append(answers, answer{r.id, r.text})
		}
	}
	text, _ := json.Marshal(answers) // strings always encode
	return http.StatusOK, jobtest.AnswerBody(string(text))
}

// haveAll fails the test unless the output has all of cutRows, each with its answer.
func (f *fixture) haveAll() {
	f.t.Helper()
	jobtest.Equal(f.t, "output", f.output("response"), cutRows...)
}
