package jobs_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs"
)

// A modelFunc is a Model that answers by itself.
type modelFunc func(context.Context, *batch.Request) batch.Outcome

func (f modelFunc) Attempt(ctx context.Context, r *batch.Request) batch.Outcome { return f(ctx, r) }

// answer is what an endpoint says that answers with a text.
func answer(model, text string) batch.Outcome {
	usage := batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 1, TotalTokenCount: 41}
	response, _ := json.Marshal(map[string]any{ // of such a map it cannot fail
		"candidates": []any{map[string]any{
			"content":      map[string]any{"parts": []any{map[string]any{"text": text}}},
			"finishReason": "STOP",
		}},
		"usageMetadata": usage,
		"modelVersion":  model,
	})
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Response: response,
		FinishReason: "STOP", ModelVersion: model, Usage: &usage,
	}
}

// A moody model answers by what stands in the text of a row.
func moody(_ context.Context, r *batch.Request) batch.Outcome {
	body := string(r.Body)
	switch {
	case strings.Contains(body, "rude"):
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Blocked, Err: &batch.Error{Kind: batch.KindContent, Message: "blocked by a filter"}}
	case strings.Contains(body, "odd"):
		return answer(r.Model, "perhaps")
	case strings.Contains(body, "down"):
		return batch.Outcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindServer, HTTPStatus: 503, Message: "try later"}, Usage: &batch.Usage{PromptTokenCount: 7, TotalTokenCount: 7}}
	case strings.Contains(body, "late"):
		return answer(r.Model, "bad")
	}
	return answer(r.Model, "good")
}

// moodyJob returns a job over rows of every kind.
func moodyJob(t *testing.T) jobs.Spec {
	t.Helper()
	dir := t.TempDir()
	input := filepath.Join(dir, "reviews.csv")
	text := "id,text,known\n" +
		"1,Fits and looks well.,good\n" +
		"2,\"It came late,\n\nand wet.\",good\n" +
		"3,rude words,bad\n" +
		"4,An odd one,bad\n" +
		"5,too,many,fields\n" +
		"6,Fits and looks well.,bad\n" +
		"7,The site was down,\n" +
		"8,,good\n" +
		"9,Fine,bad\n"
	if err := os.WriteFile(input, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return jobs.Spec{
		Input: jobs.List{input}, Output: filepath.Join(dir, "labels.csv"), Model: "gemini-2.5-flash-lite",
		Classify: &jobs.Classify{Text: "{{.text}}", Labels: jobs.Labels{{Name: "good"}, {Name: "bad"}}},
		Expected: jobs.Expected{"": {Column: "known"}}, Dedupe: true, RawResponse: true, MaxAttempts: 1, Concurrency: 2,
	}
}

// ask runs a job.
func ask(t *testing.T, s jobs.Spec, o jobs.Options) error {
	t.Helper()
	if o.Model == nil {
		o.Model = modelFunc(moody)
	}
	j, err := jobs.Open(s, o)
	if err != nil {
		return err
	}
	defer j.Close()
	_, err = j.Run(t.Context())
	return err
}

// look returns the rows of a job.
func look(t *testing.T, s jobs.Spec) []*jobs.Row {
	t.Helper()
	j, err := jobs.View(s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var rows []*jobs.Row
	for row, err := range j.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// cells returns what the output has of rows.
func cells(rows []*jobs.Row, names []string) (table [][]string) {
	for _, row := range rows {
		line := make([]string, len(names))
		for i, name := range names {
			v, _ := row.Value(name)
			switch v := v.(type) {
			case int64:
				line[i] = fmt.Sprint(v)
				if name == "cost_usd" {
					line[i] = strings.TrimRight(fmt.Sprintf("0.%012d", v), "0.")
					line[i] = strings.TrimSuffix("0"+strings.TrimPrefix(line[i], "0"), ".")
				}
			default:
				line[i] = batch.Text(v)
			}
		}
		table = append(table, line)
	}
	return table
}

// TestRowsAreTheOutput compares the rows of the iterator, which were kept until its end, with
// the output as encoding/csv reads it.
func TestRowsAreTheOutput(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(s.Output)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	names := want[0]
	rows := look(t, s)
	got := cells(rows, names)
	if len(got) != len(want)-1 {
		t.Fatalf("%d rows, and the output has %d", len(got), len(want)-1)
	}
	for i, line := range got {
		for k, cell := range line {
			if cell != want[i+1][k] {
				t.Errorf("row %d: %s is %q, and in the output %q", i+1, names[k], cell, want[i+1][k])
			}
		}
	}
	var statuses []batch.Status
	for _, row := range rows {
		statuses = append(statuses, row.Status)
	}
	if want := []batch.Status{"ok", "ok", "blocked", "invalid", "skipped", "ok", "failed", "skipped", "ok"}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
	first, copied, failed, skipped := rows[0], rows[5], rows[6], rows[4]
	if first.Text != "good" || first.Usage.PromptTokenCount != 40 || first.Cost <= 0 || !first.Priced || first.Request == nil || first.Result == nil || first.Input.Line != 2 {
		t.Errorf("the first row is %+v", first)
	}
	if !copied.Copied || copied.Cost != 0 || copied.Usage != nil || copied.Text != "good" || copied.Result.Row != 1 {
		t.Errorf("the copied row is %+v", copied)
	}
	if failed.Text != "" || failed.Cost <= 0 || failed.Error == "" || failed.Usage != nil {
		t.Errorf("the failed row is %+v", failed)
	}
	if skipped.Request != nil || skipped.Result != nil || skipped.Input.Err == nil || skipped.Priced {
		t.Errorf("the skipped row is %+v", skipped)
	}
	if v, ok := first.Value("nothing"); ok || v != nil {
		t.Errorf("a column that is not there has the value %v, %v", v, ok)
	}
}

// TestRowsOfUnfinishedJob looks at a job while another Job of it is open, which holds its
// lock, and which has answered the first rows alone.
func TestRowsOfUnfinishedJob(t *testing.T) {
	s := moodyJob(t)
	if rows := look(t, s); len(rows) != 9 || rows[0].Status != batch.Pending || rows[0].Result != nil {
		t.Errorf("before any run: %d rows, the first %+v", len(rows), rows[0])
	}
	if _, err := os.Stat(s.StateDir()); err == nil {
		t.Error("looking at the rows has made a state folder")
	}
	some := s
	some.Limit = 3
	if err := ask(t, some, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	running, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody)})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	var statuses []batch.Status
	for _, row := range look(t, s) {
		statuses = append(statuses, row.Status)
	}
	if want := []batch.Status{"ok", "ok", "blocked", "pending", "skipped", "ok", "pending", "skipped", "pending"}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
	// The Job that runs may be asked as well, before and after.
	count := func() (n int) {
		for row, err := range running.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Status == batch.Pending {
				n++
			}
		}
		return n
	}
	before := count()
	if _, err := running.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := count(); before != 3 || after != 0 {
		t.Errorf("%d rows are pending before the run and %d after it, want 3 and 0", before, after)
	}
}

func TestRowsEnd(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	j, err := jobs.View(s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	before := runtime.NumGoroutine()
	for range 3 {
		for range j.Rows(t.Context()) {
			break
		}
	}
	after := runtime.NumGoroutine()
	for end := time.Now().Add(10 * time.Second); after > before && time.Now().Before(end); after = runtime.NumGoroutine() {
		time.Sleep(time.Millisecond) // those that have to end get the processor when the machine has one
	}
	if after > before {
		t.Errorf("%d goroutines after ranges that were left, and %d before", after, before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for row, err := range j.Rows(ctx) {
		if n++; n == 1 {
			cancel()
		}
		if last = err; (row == nil) != (err != nil) {
			t.Errorf("row %v with %v", row, err)
		}
	}
	if !errors.Is(last, batch.ErrInterrupted) || !errors.Is(last, context.Canceled) {
		t.Errorf("after a cancel the last of %d pairs has the error %v", n, last)
	}
}

// TestRowsOfDamagedJournal damages an answer after the journal was opened.
func TestRowsOfDamagedJournal(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	j, err := jobs.View(s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	segment := filepath.Join(s.StateDir(), "results-000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, []byte(strings.Replace(string(text), `"perhaps"`, `"perhapz"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range j.Rows(t.Context()) {
		last = err
	}
	if _, ok := errors.AsType[*journal.Damage](last); !ok {
		t.Errorf("the last error is %v, want a *journal.Damage", last)
	}
}

// TestRowsMemory ranges over 24 MB of rows, and looks in the middle how much is held.
func TestRowsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this out: it measures memory, of which the race detector takes much")
	}
	dir := t.TempDir()
	var b strings.Builder
	const rows = 3000
	for i := range rows {
		fmt.Fprintf(&b, "{\"id\":%d,\"text\":%q}\n", i, strings.Repeat("word ", 1600))
	}
	s := jobs.Spec{Input: jobs.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite", Prompt: "{{.id}} {{.text}}"}
	if err := os.WriteFile(s.Input[0], []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	j, err := jobs.View(s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n, most := held(), 0, uint64(0)
	for _, err := range j.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%1000 == 500 {
			most = max(most, held())
		}
	}
	// The bound is on what waits between the stages: 1 MiB for each processor.
	if bound := before + uint64(runtime.GOMAXPROCS(0))*2<<20 + 4<<20; n != rows || most > bound {
		t.Errorf("%d rows, and up to %d KB were held, %d KB before; want less than %d KB", n, most>>10, before>>10, bound>>10)
	}
}

// A Job goes through its rows once at a time, since the numbers of identical rows depend on
// the pass. Mistaken programs get an error, and change nothing.
func TestRowsOneAtATime(t *testing.T) {
	s := moodyJob(t)
	first := func(j *jobs.Job) error {
		for _, err := range j.Rows(t.Context()) {
			return err
		}
		return nil
	}
	var j *jobs.Job
	var during error
	j, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody), Observe: func(*jobs.Row) { during = first(j) }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for range j.Rows(t.Context()) {
		if err := first(j); err == nil || !strings.Contains(err.Error(), "View") {
			t.Errorf("a range in a range: %v", err)
		}
		if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "View") {
			t.Errorf("a run in a range: %v", err)
		}
		break
	}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if during == nil || !strings.Contains(during.Error(), "View") {
		t.Errorf("a range in a run: %v", during)
	}
	if err := first(j); err != nil {
		t.Errorf("after the run: %v", err)
	}
}

func TestObserve(t *testing.T) {
	s := moodyJob(t)
	var seen []string
	costs := make(map[int64]string)
	busy := false
	o := jobs.Options{Observe: func(row *jobs.Row) {
		if busy {
			t.Error("two calls at a time")
		}
		busy = true
		defer func() { busy = false }()
		// What is seen is in the journal already, as another reader of it finds.
		if r := look(t, s)[row.Input.Number-1]; r.Status != row.Status || r.Text != row.Text {
			t.Errorf("%s is observed as %s, and is %s", row.Input.Place(), row.Status, r.Status)
		}
		id, _ := row.Value("id")
		correct, _ := row.Value("correct")
		seen = append(seen, fmt.Sprint(id, " ", row.Status, " ", row.Text, " ", correct))
		v, _ := row.Value("cost_usd")
		costs[row.Input.Number] = fmt.Sprint(v)
	}}
	if err := ask(t, s, o); err != nil {
		t.Fatal(err)
	}
	slices.Sort(seen)
	if want := []string{"1 ok good true", "2 ok bad false", "3 blocked  false", "4 invalid perhaps false", "7 failed  <nil>", "9 ok good false"}; !slices.Equal(seen, want) {
		t.Errorf("seen are %q, want %q", seen, want)
	}
	// The failed row is asked again, alone. Its cost is that of both attempts, as in the
	// output.
	seen = nil
	if err := ask(t, s, o); err != nil {
		t.Fatal(err)
	}
	if want := []string{"7 failed  <nil>"}; !slices.Equal(seen, want) {
		t.Errorf("seen in the second run are %q, want %q", seen, want)
	}
	for _, row := range look(t, s) {
		if got, ok := costs[row.Input.Number]; ok && got != fmt.Sprint(int64(row.Cost)) {
			t.Errorf("%s is observed to cost %s, and costs %d", row.Input.Place(), got, row.Cost)
		}
	}
}
