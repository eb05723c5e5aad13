package jobs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// share has the journal say that some rows of the job, by number, have shared a call. Then it
// has the output derived anew.
func (f *fixture) share(rows ...int64) {
	f.t.Helper()
	dir := f.spec.StateDir()
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		f.t.Fatal(err)
	}
	type part struct {
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}
	var results []*batch.Result
	var parts []part
	for r, err := range j.All() {
		if err != nil {
			f.t.Fatal(err)
		}
		if slices.Contains(rows, r.Row) {
			r.Part = string(rune('b'+len(parts))) + "cd"
			parts = append(parts, part{r.Part, "answer of " + r.Part})
		}
		results = append(results, r)
	}
	text, err := json.Marshal(parts)
	if err != nil {
		f.t.Fatal(err)
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range results {
		if r.Part != "" {
			r.Response = json.RawMessage(`{"candidates":[{"content":{"role":"model","parts":[{"text":` + string(quoted) + `}]},"finishReason":"STOP"}]}`)
		}
	}
	// They stand in the order in which they were answered, which is any.
	slices.SortFunc(results, func(a, b *batch.Result) int { return int(a.Row - b.Row) })
	err = errors.Join(j.Close(), os.Remove(filepath.Join(dir, "results-000001.jsonl")), os.Remove(filepath.Join(dir, "manifest.json")), os.Remove(f.spec.Output))
	if err != nil {
		f.t.Fatal(err)
	}
	if j, err = journal.Open(journal.Config{Dir: dir}); err != nil {
		f.t.Fatal(err)
	}
	if err := errors.Join(j.Write(results), j.Close()); err != nil {
		f.t.Fatal(err)
	}
	f.e.Requests()
	f.mustRun()
	if n := len(f.e.Requests()); n > 0 {
		f.t.Fatalf("%d rows were asked again, and have their answers", n)
	}
}

// What happens to an answer that rows share is found for each of them, and the remedy is the
// same as for any other damage.
func TestVerifySharedAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		change func(lines []string) []string
		faults []string // how they begin
		asked  int
	}{
		"whole": {func(l []string) []string { return l }, nil, 0},
		"answer altered": {func(l []string) []string { l[2] = strings.Replace(l[2], "answer of", "answer to", 1); return l },
			[]string{"results-000001.jsonl:3, byte ", "results-000001.jsonl:4, byte ", "results-000001.jsonl:5, byte ", "results-000001.jsonl:6, byte "}, 3},
		"answer removed": {func(l []string) []string { return slices.Delete(l, 2, 3) },
			[]string{"results-000001.jsonl:3, byte ", "results-000001.jsonl:4, byte ", "results-000001.jsonl:5, byte "}, 3},
		"row altered": {func(l []string) []string { l[4] = strings.Replace(l[4], "STOP", "STOQ", 1); return l },
			[]string{"results-000001.jsonl:5, byte "}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.input("a", "b", "c", "d", "e")
			f.mustRun()
			f.share(2, 3, 4)
			f.proven("before", 0)
			path := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
			lines[len(lines)-1] += "\n"
			if len(lines) != 7 || !strings.HasPrefix(lines[2], `{"answer":`) {
				t.Fatalf("the journal is\n%s", text)
			}
			if err := os.WriteFile(path, []byte(strings.Join(test.change(lines), "")), 0o600); err != nil {
				t.Fatal(err)
			}
			v := f.verify()
			for i, begin := range test.faults {
				if i >= len(v.Faults) || !strings.HasPrefix(v.Faults[i], "the journal is damaged: "+begin) || !strings.Contains(v.Faults[i], "run the job again") {
					t.Errorf("faults %q, want %q", v.Faults, test.faults)
					break
				}
			}
			if (len(v.Faults) == 0) != (len(test.faults) == 0) {
				t.Errorf("faults %q, want %q", v.Faults, test.faults)
			}
			f.e.Requests()
			f.mustRun()
			if n := len(f.e.Requests()); n != test.asked {
				t.Errorf("%d rows were asked again, want %d", n, test.asked)
			}
			if v = f.verify(); len(v.Faults) > 0 || len(v.Notes) != len(test.faults) {
				t.Errorf("after the remedy: faults %q, notes %q", v.Faults, v.Notes)
			}
			// Pruning one of the rows leaves the others as they are.
			f.input("a", "b", "d", "e")
			f.mustRun()
			if r := f.prune(Pruning{Orphaned: true}); r.Results == 0 {
				t.Errorf("pruned %+v", r)
			}
			if v := f.verify(); len(v.Faults) > 0 {
				t.Errorf("after pruning: %q", v.Faults)
			}
			f.e.Requests()
			if f.mustRun(); len(f.e.Requests()) > 0 {
				t.Error("rows are asked again after pruning")
			}
		})
	}
}
