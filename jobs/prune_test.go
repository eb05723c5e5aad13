package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

func (f *fixture) prune(p Pruning) *Pruned {
	f.t.Helper()
	r, err := Prune(f.spec, Options{}, p)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) plan() *Plan {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	p, err := j.Plan()
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) verify() *Verification {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	v, err := j.Verify()
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

// proven checks that verify finds no fault, and as many notes.
func (f *fixture) proven(what string, notes int) {
	f.t.Helper()
	if v := f.verify(); len(v.Faults) > 0 || len(v.Notes) != notes {
		f.t.Errorf("%s: verify finds the faults %q and the notes %q, want %d notes", what, v.Faults, v.Notes, notes)
	}
}

// counts checks a plan in the order rows, new, changed, again, settled, bad, orphaned.
func (f *fixture) counts(what, want string) {
	f.t.Helper()
	p := f.plan()
	if got := fmt.Sprint(p.Rows, p.New, p.Changed, p.Again, p.Settled, p.Bad, p.Orphaned); got != want {
		f.t.Errorf("%s: plan counts %s, want %s (rows, new, changed, again, settled, bad, orphaned)", what, got, want)
	}
}

func TestPlanIdentity(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c")
	f.counts("before", "3 3 0 0 0 0 0")
	f.mustRun()
	f.counts("after", "3 0 0 0 3 0 0")
	f.input("x", "a", "b", "c")
	f.counts("one inserted", "4 1 0 0 3 0 0")
	f.input("c", "b", "a")
	f.counts("reordered", "3 0 0 0 3 0 0")
	f.input("a", "B", "c", "d")
	f.counts("one edited, one appended", "4 1 1 0 2 0 1")
	f.input("a", "c")
	f.counts("one deleted", "2 0 0 0 2 0 1")
	f.input("a", "{broken", "c")
	f.counts("one broken", "3 0 0 0 2 1 1")
	f.input("a", "a", "a", "b", "c")
	f.counts("duplicates", "5 2 0 0 3 0 0")
	f.mustRun()
	f.input("a", "b", "c")
	f.counts("fewer duplicates", "3 0 0 0 3 0 2")
	f.spec.Limit = 2
	f.counts("rows past the limit are not orphaned", "2 0 0 0 2 0 2")
	f.spec.Limit, f.spec.Sample = 0, 1
	f.counts("nor those out of the sample", "1 0 0 0 1 0 2")
	f.spec.Sample = 0
	f.spec.Prompt = "Q: {{.q}}"
	f.counts("another prompt", "3 0 3 0 0 0 5")
	if got := f.e.requests(); len(got) != 5 {
		t.Errorf("asked %q", got)
	}
}

// A key tells changed rows wherever they stand now.
func TestPlanChangedByKey(t *testing.T) {
	f := newFixture(t)
	f.spec.Key = "id"
	f.input(`{"id":1,"q":"a"}`, `{"id":2,"q":"b"}`, `{"id":3,"q":"c"}`)
	f.mustRun()
	f.input(`{"id":9,"q":"x"}`, `{"id":3,"q":"C"}`, `{"id":1,"q":"a"}`, `{"id":8,"q":"y"}`)
	f.counts("by key", "4 2 1 0 1 0 2")
}

func TestPruneOrphaned(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c")
	f.mustRun()
	f.input("a", "c", "d")
	f.mustRun()
	f.proven("before", 0)
	if r := f.prune(Pruning{Orphaned: true, DryRun: true}); r.Results != 1 || r.Kept != 3 {
		t.Errorf("dry run: %+v", r)
	}
	f.counts("a dry run removes nothing", "3 0 0 0 3 0 1")
	stamp := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(f.spec.Output, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	r := f.prune(Pruning{Orphaned: true})
	if cost, _ := r.Removed.CostUSD(); r.Results != 1 || r.Orphaned != 1 || r.Again != 0 || cost.String() != "0.000014" {
		t.Errorf("pruned %+v, cost %s", r, cost)
	}
	f.counts("pruned", "3 0 0 0 3 0 0")
	f.proven("pruned", 0)
	f.e.requests()
	if s := f.mustRun(); !s.Unchanged {
		t.Error("the output was written again although only orphans went")
	}
	equal(t, "asked after pruning", f.e.requests())
	if info, err := os.Stat(f.spec.Output); err != nil || !info.ModTime().Equal(stamp) {
		t.Error("the output was touched")
	}
	// A crash before the manifest follows costs one derivation, and no call.
	m, err := readManifest(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	m.Pruned = 0
	if err := m.write(f.spec.StateDir()); err != nil {
		t.Fatal(err)
	}
	f.proven("after a crash", 1)
	if s := f.mustRun(); s.Unchanged || len(f.e.requests()) > 0 {
		t.Errorf("after a crash: summary %+v", s)
	}
	f.proven("derived again", 0)
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("nothing is left to prune, and %+v was", r)
	}
	f.input("a", "b", "c", "d")
	f.mustRun()
	equal(t, "asked when the row comes back", f.e.requests(), "b")
	equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d")
	f.proven("in the end", 0)
}

// A restricted job keeps the answers of rows outside of its limit.
func TestPruneSeesTheWholeInput(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c", "d")
	f.mustRun()
	f.spec.Limit = 1
	f.mustRun()
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("pruned %+v", r)
	}
	f.spec.Limit, f.spec.Sample = 0, 1
	f.mustRun()
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("pruned %+v", r)
	}
}

func TestPruneSuperseded(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxAttempts = 1
	fail := true
	f.e.reply = func(prompt string, n int) (int, string) {
		if prompt == "b" && fail {
			return 200, strings.Replace(answerBody(""), "STOP", "MALFORMED_RESPONSE", 1)
		}
		return 200, answerBody(prompt)
	}
	f.input("a", "b")
	f.mustRun()
	fail = false
	f.mustRun()
	equal(t, "cost before", f.output("q", "cost_usd"), "a 1.4e-05", "b 2.8e-05")
	if r := f.prune(Pruning{Superseded: true}); r.Results != 1 || r.Superseded != 1 || r.Removed.Attempts != 1 || r.Removed.Rows != 0 {
		t.Errorf("pruned %+v", r)
	}
	f.proven("after", 1) // the output's cost is older than the journal
	f.e.requests()
	f.mustRun()
	equal(t, "asked", f.e.requests())
	equal(t, "cost after", f.output("q", "cost_usd"), "a 1.4e-05", "b 1.4e-05")
	f.proven("in the end", 0)
}

// Answers of rows in the input go only when the user has said yes to paying again.
func TestPruneByAge(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.mustRun()
	time.Sleep(20 * time.Millisecond)
	f.input("a", "b", "c")
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cut := time.Now()
	time.Sleep(20 * time.Millisecond)
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Close()
	older := func() Pruning { return Pruning{OlderThan: time.Since(cut)} }
	_, err = Prune(f.spec, Options{}, older())
	var spec *SpecError
	if !errors.As(err, &spec) || !strings.Contains(err.Error(), "2 rows of the input") || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("error %v", err)
	}
	f.counts("refused", "3 0 0 0 3 0 0")
	p := older()
	p.DryRun = true
	if r := f.prune(p); r.Again != 2 || r.Results != 2 {
		t.Errorf("dry run %+v", r)
	}
	p = older()
	p.Yes = true
	if r := f.prune(p); r.Again != 2 || r.Results != 2 || r.Kept != 1 || r.Removed.Status[batch.OK] != 2 {
		t.Errorf("pruned %+v", r)
	}
	f.counts("pruned", "3 2 0 0 1 0 0")
	f.proven("pruned", 1)
	f.e.requests()
	f.mustRun()
	equal(t, "asked", f.e.requests(), "a", "b")
	f.proven("in the end", 0)

	// Without the input, what is orphaned cannot be told; age can.
	if err := os.Remove(f.spec.Input[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true, Yes: true}); !errors.As(err, &spec) || !strings.Contains(err.Error(), "in.jsonl") {
		t.Errorf("error %v", err)
	}
	if r := f.prune(Pruning{OlderThan: time.Nanosecond}); r.Results != 3 || r.Compared || r.Kept != 0 {
		t.Errorf("pruned %+v", r)
	}
}

// A row that is broken for now does not lose its answer in silence.
func TestPruneAndBrokenRows(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.mustRun()
	f.input("a", "{broken")
	var spec *SpecError
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); !errors.As(err, &spec) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("error %v", err)
	}
	f.input("a", "b")
	f.counts("refused", "2 0 0 0 2 0 0")
}

func TestPruneIsLocked(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); err == nil || !strings.Contains(err.Error(), "no run has left its state") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.StateDir()); err == nil {
		t.Error("prune made a state folder")
	}
	f.mustRun()
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var locked *durable.LockedError
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); !errors.As(err, &locked) {
		t.Errorf("error %v", err)
	}
	f.prune(Pruning{Orphaned: true, DryRun: true}) // only looks
}

// The journal's lines, altered in every way, are found, with what to do; the remedy
// works, and then the damage is information.
func TestVerifyJournal(t *testing.T) {
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
			f.e.requests()
			f.mustRun()
			asked := len(f.e.requests())
			want := map[string]int{"removed": 1, "altered": 1, "cut off": 3}[name]
			if asked != want {
				t.Errorf("%d rows were asked again, want %d", asked, want)
			}
			equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d", "e e")
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
func TestVerifyOutput(t *testing.T) {
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
				m, err := readManifest(f.spec.StateDir())
				if err != nil {
					t.Fatal(err)
				}
				if m.Output.SHA256, err = sumFile(f.spec.Output); err != nil {
					t.Fatal(err)
				}
				if err := m.write(f.spec.StateDir()); err != nil {
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

func TestVerifyFormats(t *testing.T) {
	for _, name := range []string{"out.parquet", "out.csv.gz", "out.jsonl.zst", "out.tsv", "out.json"} {
		f := newFixture(t)
		f.spec.Output = filepath.Join(f.dir, name)
		f.spec.RawResponse = true
		f.input("a", "{broken", "line\nbreak", `{"q":"x","more":[1,2]}`)
		f.mustRun()
		f.proven(name, 0)
	}
	// A column of nothing is a row all the same.
	f := newFixture(t)
	f.spec.Output, f.spec.Columns = filepath.Join(f.dir, "out.csv"), List{"error"}
	f.input("a", "b")
	f.mustRun()
	f.proven("one empty column", 0)

	f.input("a", "b", "c")
	f.proven("the input has changed since", 1)
}

// What is not sent is derived again from the raw answers, for nothing.
func TestExportAsksNothing(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Classify = "", &Classify{Text: "{{.q}}", Labels: Labels{{Name: "x"}, {Name: "y"}}}
	f.e.reply = func(prompt string, n int) (int, string) { return 200, answerBody(`"x"`) }
	f.input("a", "b")
	f.mustRun()
	f.e.requests()
	for name, change := range map[string]func(*Spec){
		"a.csv":     func(s *Spec) { s.Columns = List{"q", "label"} },
		"b.parquet": func(s *Spec) { s.Prefix = "ai_" },
		"c.tsv.gz":  func(s *Spec) { s.RawResponse = true },
		"d.jsonl":   func(s *Spec) { s.CSVSafe = true },
	} {
		spec := f.spec
		change(&spec)
		j, err := View(spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		totals, err := j.Export(filepath.Join(f.dir, name), "", nil, false)
		if err != nil || totals.Status[batch.OK] != 2 || totals.Labels["x"] != 2 {
			t.Errorf("%s: %+v, %v", name, totals, err)
		}
		j.Close()
	}
	equal(t, "asked", f.e.requests())
	f.proven("exports elsewhere leave the output alone", 0)
}

func TestStatusOfRunningJob(t *testing.T) {
	f := newFixture(t)
	release, three := make(chan bool), make(chan bool)
	f.e.reply = func(prompt string, n int) (int, string) {
		if prompt == "d" {
			close(three)
			<-release
		}
		return 200, answerBody(prompt)
	}
	f.spec.Concurrency = 1
	f.input("a", "b", "c", "d", "e", "{broken")
	j, err := Open(f.spec, Options{Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := j.Run(t.Context())
		done <- err
	}()
	<-three
	var s *Status
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // until the third answer is committed
		if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.LastSeq == 3 || time.Now().After(end) {
			break
		}
	}
	if err != nil || s.Running == nil || s.Running.PID != os.Getpid() || s.Finished || s.Rate <= 0 || s.Left < 0 {
		t.Errorf("while it runs: %+v, %v", s, err)
	} else if s.Input == nil || *s.Input != (InputStatus{Rows: 6, Settled: 3, Left: 2, Bad: 1}) {
		t.Errorf("while it runs: input %+v", s.Input)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d", "e e", "<nil> <nil>")
	s, err = ReadStatus(f.spec.StateDir())
	if err != nil || s.Running != nil || !s.Finished || s.Rate != 0 || s.Input == nil || s.Input.Left != 0 {
		t.Errorf("afterwards: %+v, %v", s, err)
	}
	if err := os.Remove(f.spec.Input[0]); err != nil {
		t.Fatal(err)
	}
	if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.Input != nil || s.Status[batch.OK] != 5 {
		t.Errorf("without the input: %+v, %v", s, err)
	}
}
