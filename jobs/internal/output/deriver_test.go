package output

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// The same job, input and journal give the same bytes, to a file or elsewhere.
func TestDeriveIsPure(t *testing.T) {
	for _, name := range []string{"out.jsonl", "out.csv", "out.tsv.gz", "out.parquet"} {
		f := newFixture(t, "prompt: '{{.q}}'", "a", `{"q":"b","more":1}`, `{"q":`, "d")
		f.answer(func(q string, _ int64) *answer {
			if q == "d" {
				return nil
			}
			return new(answer)
		})
		totals, sum, err := f.deriver.Derive(t.Context(), Target{Path: f.path(name)})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(f.path(name))
		if err != nil || sum.SHA256 != jobtest.SHA256Of(text) || sum.Size != int64(len(text)) {
			t.Errorf("%s: the sum is %+v, %v", name, sum, err)
		}
		before := f.tree()
		var b bytes.Buffer
		again, againSum, err := f.deriver.Derive(t.Context(), Target{To: &b, Path: f.path(name)})
		if err != nil || !bytes.Equal(b.Bytes(), text) || againSum != sum || !reflect.DeepEqual(again, totals) {
			t.Errorf("%s: derived again it is another output: %v", name, err)
		}
		if !maps.Equal(before, f.tree()) {
			t.Errorf("%s: files were changed by a derivation to elsewhere", name)
		}
		if totals.Rows != 4 || totals.Written != 4 || totals.Status[batch.OK] != 2 || totals.Status[batch.Pending] != 1 || totals.Status[batch.Skipped] != 1 {
			t.Errorf("%s: the totals are %+v", name, totals)
		}
	}
}

// The error of an invalid row keeps what was done about it, and is another one if the row is
// invalid for another reason by now.
func TestErrorOfInvalidRow(t *testing.T) {
	f := newFixture(t, "classify: {text: '{{.q}}', labels: [a, b]}", "x")
	const now = `the answer "c" is none of the labels a, b`
	for stored, want := range map[string]string{
		now + "; asked again with responseSchema": now + "; asked again with responseSchema",
		now:                              now,
		"the check x == 1 does not hold": now,
	} {
		x := reply{result: &batch.Result{Status: batch.Invalid, Error: stored, FinishReason: "STOP", Response: []byte(jobtest.AnswerBody("c"))}}
		f.deriver.answered(&batch.Row{}, &x)
		if x.status != batch.Invalid || x.problem != want {
			t.Errorf("%s: it is %s: %s", stored, x.status, x.problem)
		}
	}
}

// The job's own output is written only whole, and its sum is known before it has its
// name. A refusal at that moment leaves the output before.
func TestWhole(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'", "a", "b")
	path := f.path("out.jsonl")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.answer(func(q string, _ int64) *answer {
		if q == "b" {
			return &answer{status: batch.Pending}
		}
		return new(answer)
	})
	before := f.tree()
	called, refuse := 0, error(nil)
	to := Target{Path: path, Whole: true, BeforeCommit: func(sum writer.Sum) error {
		called++
		if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
			t.Errorf("before the commit the output is %q, %v", text, err)
		}
		temps, err := filepath.Glob(path + ".tmp-*")
		if err != nil || len(temps) != 1 {
			t.Fatalf("temporary files: %q, %v", temps, err)
		}
		if text, err := os.ReadFile(temps[0]); err != nil || jobtest.SHA256Of(text) != sum.SHA256 {
			t.Errorf("before the commit the file is not whole: %v", err)
		}
		return refuse
	}}
	totals, _, err := f.deriver.Derive(t.Context(), to)
	if !errors.Is(err, ErrPending) || called != 0 || totals == nil || totals.Status[batch.Pending] != 1 {
		t.Errorf("a pending row: %v, with totals %+v", err, totals)
	}
	if !maps.Equal(before, f.tree()) {
		t.Error("a pending row changed a file")
	}
	f.answer(func(string, int64) *answer { return new(answer) })
	refuse = errors.New("refused")
	if _, _, err := f.deriver.Derive(t.Context(), to); !errors.Is(err, refuse) || called != 1 || !maps.Equal(before, f.tree()) {
		t.Errorf("a refusal before the commit: %v", err)
	}
	refuse = nil
	if _, sum, err := f.deriver.Derive(t.Context(), to); err != nil || jobtest.SHA256Of([]byte(f.tree()["out.jsonl"])) != sum.SHA256 {
		t.Errorf("the output: %v", err)
	}
}

// Rows with other statuses are left out, and count all the same.
func TestOnly(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'", "a", "b", `{"q":`, "d")
	f.answer(func(q string, _ int64) *answer {
		switch q {
		case "b":
			return &answer{status: batch.Blocked}
		case "d":
			return nil
		}
		return new(answer)
	})
	for _, tt := range []struct {
		only []batch.Status
		want string
	}{
		{nil, "ok blocked skipped pending"},
		{[]batch.Status{batch.Blocked}, "blocked"},
		{[]batch.Status{batch.Pending, batch.OK}, "ok pending"},
		{[]batch.Status{batch.Failed}, ""},
	} {
		totals, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("part.jsonl"), Only: tt.only})
		if err != nil {
			t.Fatal(err)
		}
		var statuses []string
		if text := strings.TrimSuffix(f.tree()["part.jsonl"], "\n"); text != "" {
			statuses = f.values(strings.Split(text, "\n"), "status")
		}
		if got := strings.Join(statuses, " "); got != tt.want || totals.Rows != 4 || totals.Written != int64(len(statuses)) {
			t.Errorf("only %v: %q, want %q, and the totals are %+v", tt.only, got, tt.want, totals)
		}
	}
}

// A row costs what all its attempts did, those of results that do not count included. A
// copy costs nothing. What was in the journal before the run was kept.
func TestCosts(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'\ndedupe: true", "a", "b", "a", "c", "d", "d")
	spent := func(tokens int64) []batch.Spend {
		return []batch.Spend{{At: at, Model: f.spec.Model, Usage: &batch.Usage{PromptTokenCount: tokens, TotalTokenCount: tokens}}}
	}
	result := func(status batch.Status, tokens int64, rows string) func(string, int64) *answer {
		return func(q string, _ int64) *answer {
			if !strings.Contains(rows, q) {
				return nil
			}
			return &answer{status: status, spent: spent(tokens)}
		}
	}
	f.answer(result(batch.Failed, 1_000_000, "a"))
	f.answer(result(batch.OK, 2_000_000, "ab"))
	f.deriver.Since = f.journal.Last()
	f.answer(result(batch.OK, 3_000_000, "c"))
	f.answer(result(batch.Pending, 1_000_000, "d"))
	// $0.10 for a million tokens of input.
	jobtest.Equal(t, "costs", f.mustDerive("q", "status", "cost_usd", "attempts", "prompt_tokens"),
		"a ok 0.3 1 100", "b ok 0.2 1 100", "a ok 0 0 0", "c ok 0.3 1 100", "d pending null null null", "d pending null null null")

	totals, _, err := f.deriver.Derive(t.Context(), Target{To: new(bytes.Buffer), Path: "out.jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := totals.CostUSD()
	if sum != 900_000_000_000 || totals.Bill.Kept != 400_000_000_000 || totals.Copied != 1 || totals.Saved != 200_000_000_000 {
		t.Errorf("cost %d, of it kept %d; %d copied, which saved %d", sum, totals.Bill.Kept, totals.Copied, totals.Saved)
	}

	// Count, item by item, comes to the same.
	var counted cost.Totals
	results := 0
	for it, err := range f.deriver.List.Items() {
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.deriver.Count(&it, &counted)
		if err != nil {
			t.Fatal(err)
		}
		if r != nil {
			results++
		}
	}
	counted.Written = totals.Written
	if !reflect.DeepEqual(&counted, totals) || results != 4 {
		t.Errorf("counted %+v with %d results, derived %+v", counted, results, totals)
	}
	f.damage("b")
	for it := range f.deriver.List.Items() {
		_, err := f.deriver.Count(&it, new(cost.Totals))
		if damaged := it.Row.Number == 2; isDamage(err) != damaged {
			t.Errorf("row %d: %v", it.Row.Number, err)
		}
	}
}

// Labels are compared with those that are known, of rows that have an answer.
func TestCorrect(t *testing.T) {
	const job = "classify: {text: '{{.q}}', labels: [good, bad]}\nexpected: known\n"
	f := newFixture(t, job, `{"q":"a","known":"good"}`, `{"q":"b","known":"bad"}`, `{"q":"c","known":""}`, `{"q":"d","known":"good"}`, `{"q":"e","known":"bad"}`)
	f.answer(func(q string, _ int64) *answer {
		switch q {
		case "d":
			return nil
		case "e":
			return &answer{status: batch.Blocked}
		}
		return &answer{response: jobtest.AnswerBody("good")}
	})
	jobtest.Equal(t, "correct", f.mustDerive("q", "label", "correct"), "a good true", "b good false", "c good null", "d null null", "e null false")
	totals, _, err := f.deriver.Derive(t.Context(), Target{To: new(bytes.Buffer), Path: "out.jsonl"})
	if err != nil || totals.Labels[""]["good"] != 3 || len(totals.Evaluations) != 1 || totals.Evaluations[0].Rows != 3 || totals.Evaluations[0].Correct != 1 {
		t.Errorf("the totals are %+v, %v", totals, err)
	}
}

// Each question has its columns, and its labels are counted by themselves.
func TestQuestions(t *testing.T) {
	const job = "classify: {text: '{{.q}}', confidence: true, questions: {mood: {labels: [good, bad]}, tags: {labels: [good, new], multi: true}}}\n"
	f := newFixture(t, job, `{"q":"a"}`, `{"q":"b"}`, `{"q":"c"}`)
	f.answer(func(q string, _ int64) *answer {
		if q == "c" {
			return &answer{response: jobtest.AnswerBody(`{"mood":"good","mood_confidence":1,"tags":["bad"],"tags_confidence":1}`)}
		}
		return &answer{response: jobtest.AnswerBody(`{"mood":"good","mood_confidence":0.5,"tags":[],"tags_confidence":0.25}`)}
	})
	jobtest.Equal(t, "columns", f.mustDerive("q", "mood", "mood_confidence", "tags", "tags_confidence", "status"),
		"a good 0.5 [] 0.25 ok", "b good 0.5 [] 0.25 ok", "c null null null null invalid")
	totals, _, err := f.deriver.Derive(t.Context(), Target{To: new(bytes.Buffer), Path: "out.jsonl"})
	if err != nil || !reflect.DeepEqual(totals.Labels, cost.LabelCounts{"mood": {"good": 2}, "tags": {"": 2}}) {
		t.Errorf("the totals are %+v, %v", totals, err)
	}
	_, err = newColumns(t, "classify: {text: '{{.q}}', questions: {status: {labels: [good, bad]}}}")
	jobtest.IsSpecError(t, "a question with the name of a result column", err, `a question "status", and the output a result column of that name`)
}

// What is made of an answer can change its status without asking again.
func TestStatusOfAnswers(t *testing.T) {
	f := newFixture(t, "classify: {text: '{{.q}}', labels: [good, bad]}\ncolumns: [q, status, label, response, error, note]", "a", "b", "c", "d", "e")
	f.answer(func(q string, _ int64) *answer {
		return map[string]*answer{
			"a": {response: jobtest.AnswerBody("bad")},
			"b": {response: jobtest.AnswerBody("neither")},
			"c": {response: `"no object"`},
			"d": {status: batch.Truncated, response: jobtest.AnswerBody("ba")},
			"e": {status: batch.Truncated, response: jobtest.AnswerBody("bad\n\n")},
		}[q]
	})
	got := f.mustDerive("q", "status", "label", "response", "error", "note")
	for i, want := range []string{
		"a ok bad bad null", `b invalid null neither the answer \"neither\" is none of the labels good, bad null`, "c invalid null null the journal's answer cannot be read: ",
		`d truncated null ba the answer is \"ba`, `e ok bad bad\n\n null the answer was whole before it was cut at a limit`,
	} {
		if !strings.HasPrefix(got[i], want) {
			t.Errorf("row %d is %q, want %q", i+1, got[i], want)
		}
	}
}

// An input without a header has the columns of its rows, in a format that has one. Of a
// column that no row has, and the job names, the values are empty.
func TestColumnsOfTheInput(t *testing.T) {
	const job = "prompt: '{{.q}}'\ncolumns: [late, status, never]"
	f := newFixture(t, job, "a", `{"q":"b","late":2}`, `{"q":"c","status":"mine"}`)
	f.answer(echo)
	if _, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.csv")}); err != nil {
		t.Fatal(err)
	}
	if got, want := f.tree()["out.csv"], "late,never,status\n,,ok\n2,,ok\n,,skipped\n"; got != want {
		t.Errorf("the output is %q, want %q", got, want)
	}
	f.input("in.csv", "q,late", "a,1")
	if _, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.csv")}); err == nil || !strings.Contains(err.Error(), `columns names "never"`) {
		t.Errorf("a column that a header does not have: %v", err)
	}
	if _, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.xls")}); err == nil {
		t.Error("an unknown format is accepted")
	}
}

// Every write of a derivation fails once, and was carried out or not. The output is the
// old one or the new one, and the next derivation makes all files what they should be.
func TestDeriveFaults(t *testing.T) {
	const old = "old\n"
	var f *fixture
	jobtest.EachFault(t, 15, func(fault *jobtest.Fault) (string, error) {
		f = filesFixture(t, "a", "b")
		for name, text := range map[string]string{"out.jsonl": old, "out_files/000001.png": "stale", "out_files/000009.png": "stale"} {
			jobtest.WriteFile(t, f.dir, name, []byte(text))
		}
		f.deriver.FS = fault.FS()
		_, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.jsonl")})
		if _, ok := errors.AsType[*spec.Error](err); ok {
			t.Errorf("%s: a fault of the disk is taken for the user's: %v", fault, err)
		}
		return f.dir, err
	}, func(fault *jobtest.Fault) {
		tree := f.tree()
		if got := tree["out.jsonl"]; got != old && strings.Count(got, "\n") != 2 {
			t.Errorf("%s: the output is %q", fault, got)
		}
		if got := tree["out_files/000001.png"]; got != "stale" && got != "picture a" {
			t.Errorf("%s: a file holds %q", fault, got)
		}
		f.deriver.FS = jobtest.Unsynced
		if _, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.jsonl")}); err != nil {
			t.Errorf("%s: derived again: %v", fault, err)
		}
		checkPictures(t, fault.String(), f.tree(), "a", "b")
	})
}
