// Package examples_test runs each example against the simulator, as its README
// says, in a copy of its folder.
package examples_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestExamples(t *testing.T) {
	for name, check := range map[string]func(*testing.T, *example){
		"classify":  classify,
		"questions": questions,
		"summarize": summarize,
		"extract":   extract,
		"captions":  captions,
		"mails":     mails,
		"speech":    speech,
		"raw":       raw,
	} {
		t.Run(name, func(t *testing.T) {
			check(t, copyExample(t, name))
		})
	}
}

func questions(t *testing.T, e *example) {
	tickets := readCSV(t, e.path("tickets.csv"))
	e.finish(16, "out/answers.csv")
	rows := readCSV(t, e.path("out/answers.csv"))
	want := []string{"id", "message", "topic", "urgency", "wishes", "topic_correct", "urgency_correct", "wishes_correct", "status", "error", "cost_usd"}
	if !slices.Equal(rows[0], want) || len(rows) != len(tickets) {
		t.Fatalf("the output has %d rows with the columns %q, want %d with %q", len(rows)-1, rows[0], len(tickets)-1, want)
	}
	right := make(map[string]int)
	for i, row := range rows[1:] {
		known := tickets[i+1]
		var wishes []string
		if row[8] != "ok" || row[2] == "" || row[3] == "" || json.Unmarshal([]byte(row[4]), &wishes) != nil {
			t.Errorf("ticket %s has the answers %q", row[0], row[2:])
		}
		for j, name := range []string{"topic", "urgency"} {
			if known[2+j] == "" {
				if row[5+j] != "" {
					t.Errorf("the %s of ticket %s is compared with nothing", name, row[0])
				}
				continue
			}
			if row[5+j] != fmt.Sprint(row[2+j] == known[2+j]) {
				t.Errorf("ticket %s has the %s %q, known is %q, and correct is %s", row[0], name, row[2+j], known[2+j], row[5+j])
			}
			if row[5+j] == "true" {
				right[name]++
			}
		}
	}
	// The tickets have four topics, and two degrees of urgency.
	if right["topic"] < 12 || right["urgency"] < 8 {
		t.Errorf("right answers: %v", right)
	}
}

func classify(t *testing.T, e *example) {
	packages := readCSV(t, e.path("packages.csv"))
	sections := make(map[string]int)
	for _, p := range packages[1:] {
		sections[p[1]]++
	}
	if n := len(packages) - 1; n != 304 || len(sections) != 10 {
		t.Fatalf("packages.csv has %d packages in %d sections, want 304 in 10", n, len(sections))
	}

	e.finish(304, "out/labels.csv")
	rows := readCSV(t, e.path("out/labels.csv"))
	want := []string{"id", "description", "section", "label", "correct", "status", "error", "total_tokens", "cost_usd"}
	if !slices.Equal(rows[0], want) || len(rows) != len(packages) {
		t.Fatalf("the output has %d rows with the columns %q, want %d with %q", len(rows)-1, rows[0], len(packages)-1, want)
	}
	agree := 0
	for i, row := range rows[1:] {
		in := packages[i+1]
		if row[0] != in[0] || row[1] != in[2] || row[2] != in[1] {
			t.Fatalf("row %d of the output is %q, of the input %q", i+1, row, in)
		}
		if sections[row[3]] == 0 || row[5] != "ok" {
			t.Errorf("%s has the label %q and the status %q", row[0], row[3], row[5])
		}
		if row[3] == row[2] {
			agree++
		}
		if row[4] != fmt.Sprint(row[3] == row[2]) {
			t.Errorf("%s has the label %q, Debian's section is %q, and correct is %s", row[0], row[3], row[2], row[4])
		}
	}
	// Always giving one of the large sections would agree on 33.
	t.Logf("the label agrees with Debian's section on %d of %d packages", agree, len(rows)-1)
	if agree < 180 {
		t.Errorf("the label agrees with Debian's section on %d packages, want at least 180", agree)
	}

	if code, _, text := e.run("export", "job.yaml", "-o", "out/labels.parquet"); code != 0 {
		t.Fatalf("export ends with %d: %s", code, text)
	}
	exported, err := parquet.ReadFile[labelled](e.path("out/labels.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if len(exported) != 304 {
		t.Fatalf("labels.parquet has %d rows, want 304", len(exported))
	}
	for i, p := range exported {
		row := rows[i+1]
		if got := []string{p.ID, p.Description, p.Section, p.Label, fmt.Sprint(p.Correct), p.Status}; !slices.Equal(got, row[:6]) {
			t.Fatalf("row %d of labels.parquet is %q, of labels.csv %q", i+1, got, row[:6])
		}
		if p.TotalTokens == nil || *p.TotalTokens <= 0 || p.Cost == nil || *p.Cost <= 0 {
			t.Fatalf("row %d of labels.parquet has no tokens or no cost: %+v", i+1, p)
		}
	}
}

// labelled is a row of the classification as Parquet has it.
type labelled struct {
	ID          string `parquet:"id,optional"`
	Description string `parquet:"description,optional"`
	Section     string `parquet:"section,optional"`
	Label       string `parquet:"label,optional"`
	Correct     bool   `parquet:"correct,optional"`
	Status      string `parquet:"status,optional"`
	TotalTokens *int64 `parquet:"total_tokens,optional"`
	Cost        *int64 `parquet:"cost_usd,optional,decimal(12:18)"` // pico-dollars
}

func summarize(t *testing.T, e *example) {
	texts := readJSONL(t, e.path("texts.jsonl"))
	e.finish(len(texts), "out/summaries.jsonl")
	summaries := readJSONL(t, e.path("out/summaries.jsonl"))
	if len(summaries) != len(texts) {
		t.Fatalf("there are %d summaries of %d texts", len(summaries), len(texts))
	}
	for i, row := range summaries {
		in := texts[i]
		text, _ := in["text"].(string)
		summary, _ := row["response"].(string)
		if row["id"] != in["id"] || row["title"] != in["title"] || row["status"] != "ok" {
			t.Errorf("row %d of the output is %v", i+1, row)
		}
		if !strings.Contains(text, "\n\n") {
			t.Errorf("%s has one paragraph only", in["id"])
		}
		if summary == "" || len(summary) >= len(text) {
			t.Errorf("%s: %d characters are summarised in %d", in["id"], len(text), len(summary))
		}
		if _, there := row["text"]; there {
			t.Errorf("%s: the text is in the output, which the job's columns leave out", in["id"])
		}
	}
}

// extracted is a row of the extraction as Parquet has it: no column is text that
// the schema has another type for.
type extracted struct {
	Version  string  `parquet:"version,optional"`
	Summary  string  `parquet:"summary,optional"`
	Urgency  string  `parquet:"urgency,optional"`
	Corrects *bool   `parquet:"corrects_dates,optional"`
	Bug      *int64  `parquet:"bug,optional"`
	Releases *string `parquet:"releases,optional,json"`
	Status   string  `parquet:"status,optional"`
}

func extract(t *testing.T, e *example) {
	entries := readCSV(t, e.path("entries.csv"))[1:]
	e.finish(len(entries), "out/changes.parquet")
	rows, err := parquet.ReadFile[extracted](e.path("out/changes.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(entries) {
		t.Fatalf("%d entries give %d rows", len(entries), len(rows))
	}
	for i, row := range rows {
		if row.Version != entries[i][0] || row.Status != "ok" || row.Summary == "" || row.Corrects == nil {
			t.Errorf("row %d is %+v", i+1, row)
		}
		if !slices.Contains([]string{"low", "medium", "high"}, row.Urgency) {
			t.Errorf("row %d has the urgency %q", i+1, row.Urgency)
		}
		var releases []struct{ Distribution, Codename string }
		if row.Releases == nil || json.Unmarshal([]byte(*row.Releases), &releases) != nil || len(releases) > 0 && releases[0].Codename == "" {
			t.Errorf("row %d has the releases %v", i+1, row.Releases)
		}
	}

	if code, _, text := e.run("export", "job.yaml", "-o", "out/changes.csv"); code != 0 {
		t.Fatalf("export ends with %d: %s", code, text)
	}
	want := []string{"version", "summary", "suite", "urgency", "corrects_dates", "bug", "releases", "status", "error", "cost_usd"}
	if table := readCSV(t, e.path("out/changes.csv")); !slices.Equal(table[0], want) || len(table) != len(entries)+1 {
		t.Errorf("the CSV file has %d rows with the columns %q, want %d with %q", len(table)-1, table[0], len(entries), want)
	}
}

func raw(t *testing.T, e *example) {
	requests := readJSONL(t, e.path("requests.jsonl"))
	e.finish(len(requests), "out/answers.jsonl")
	rows := readJSONL(t, e.path("out/answers.jsonl"))
	if len(rows) != len(requests) {
		t.Fatalf("there are %d answers to %d requests", len(rows), len(requests))
	}
	answers := make(map[string]string)
	for i, row := range rows {
		if row["key"] != requests[i]["key"] || row["status"] != "ok" || row["finish_reason"] != "STOP" {
			t.Errorf("row %d of the output is %v, of the input %v", i+1, row, requests[i]["key"])
		}
		answers[fmt.Sprint(row["key"])] = fmt.Sprint(row["response"])
	}

	// Both spellings of the schema reach the model.
	for key, want := range map[string]string{"sort-ticket": "billing", "sort-ticket-snake": "shipping"} {
		if answers[key] != want {
			t.Errorf("%s is answered with %q, want %q", key, answers[key], want)
		}
	}
	var note map[string]any
	if err := json.Unmarshal([]byte(answers["extract"]), &note); err != nil {
		t.Errorf("extract is answered with %q: %v", answers["extract"], err)
	}
	kinds := map[string]reflect.Kind{"caller": reflect.String, "subject": reflect.String, "urgent": reflect.Bool}
	for field, kind := range kinds {
		if reflect.ValueOf(note[field]).Kind() != kind {
			t.Errorf("extract: %s is %#v, want a %v", field, note[field], kind)
		}
	}
}

func captions(t *testing.T, e *example) {
	pictures := readCSV(t, e.path("pictures.csv"))
	e.finish(len(pictures)-1, "out/captions.csv")
	rows := readCSV(t, e.path("out/captions.csv"))
	if len(rows) != len(pictures) {
		t.Fatalf("there are %d captions for %d pictures", len(rows)-1, len(pictures)-1)
	}
	tokens := make(map[string]int)
	for i, row := range rows[1:] {
		if in := pictures[i+1]; row[0] != in[0] || row[1] != in[1] || row[3] == "" || row[4] != "ok" {
			t.Errorf("row %d of the output is %q, of the input %q", i+1, row, in)
		}
		tokens[row[0]], _ = strconv.Atoi(row[6])
	}
	// Two pictures cost more than one of them, whose title is longer.
	if tokens["all"] < tokens["boat"]+50 {
		t.Errorf("two pictures come to %d tokens, and one to %d", tokens["all"], tokens["boat"])
	}

	// A picture that changes is asked about anew, and one that is gone is skipped.
	boat, err := os.ReadFile(e.path("sailboat.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.path("chart.png"), boat, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(e.path("sunset.jpg")); err != nil {
		t.Fatal(err)
	}
	code, s, text := e.run("run", "job.yaml", "--endpoint", "sim", "--json")
	if code != 3 || s.Run.Requests != 1 || s.Job.Status["ok"] != 4 || s.Job.Status["skipped"] != 1 {
		t.Errorf("with one picture changed and one gone, the run ends with %d and %+v: %s", code, s, text)
	}
}

func mails(t *testing.T, e *example) {
	e.finish(6, "out/sorted.csv")
	rows := readCSV(t, e.path("out/sorted.csv"))
	var paths []string
	for _, row := range rows[1:] {
		paths = append(paths, row[0])
		if row[1] != strings.TrimPrefix(filepath.Base(filepath.Dir(row[0])), "to=") || row[2] == "" || row[3] != "ok" {
			t.Errorf("a row is %q", row)
		}
	}
	want, err := filepath.Glob(e.path("inbox/*/*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i] = strings.TrimPrefix(filepath.ToSlash(want[i]), filepath.ToSlash(e.path(""))+"/")
	}
	if !slices.Equal(paths, want) {
		t.Errorf("the paths are %q, want %q", paths, want)
	}

	// A mail that changes is asked about anew, one that is new is asked, and one that is gone is gone.
	write(t, e.path("inbox/to=support/lamp.eml"), "Subject: The lamp\n\nIt works after all, thank you.\n")
	write(t, e.path("inbox/to=office/new.eml"), "Subject: Hello\n\nIs anyone there?\n")
	if err := os.Remove(e.path("inbox/to=office/prize.eml")); err != nil {
		t.Fatal(err)
	}
	code, s, text := e.run("run", "job.yaml", "--endpoint", "sim", "--json")
	if code != 0 || s.Run.Requests != 2 || s.Job.Status["ok"] != 6 {
		t.Errorf("with one mail changed, one new and one gone, the run ends with %d and %+v: %s", code, s, text)
	}
}

// An example is a copy of an example's folder, in which it is run.
type example struct {
	t   *testing.T
	dir string
	env []string
}

func copyExample(t *testing.T, name string) *example {
	t.Helper()
	e := &example{t: t, dir: t.TempDir(), env: cleanEnv(t)}
	files, err := filepath.Glob(filepath.Join(name, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "out" {
			continue // with what a run in the repository left there
		}
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			if err := os.CopyFS(e.path(filepath.Base(file)), os.DirFS(file)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(e.path(filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Git keeps the folder of the outputs for its .gitignore, which ignores all else.
	if _, err := os.Stat(filepath.Join(name, "out", ".gitignore")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(e.path("out"), 0o700); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *example) path(name string) string { return filepath.Join(e.dir, name) }

// A summary is the part of a run's --json summary that is looked at here.
type summary struct {
	Type      string
	Simulated bool
	Unchanged bool
	Settled   int `json:"settled_before"`
	Run       struct{ Requests int }
	Job       struct {
		Rows   int
		Status map[string]int
	}
}

// run runs a command of the program in the example's folder, and returns its exit
// code, the summary that it ends with, if it does, and all it wrote on stderr.
func (e *example) run(args ...string) (code int, s summary, stderr string) {
	e.t.Helper()
	c := exec.CommandContext(e.t.Context(), program(), args...)
	var text bytes.Buffer
	c.Dir, c.Env, c.Stderr = e.dir, e.env, &text
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		e.t.Fatal(err)
	}
	for line := range bytes.Lines(text.Bytes()) {
		// Progress comes first, as lines of another type.
		var last summary
		if json.Unmarshal(line, &last) == nil && last.Type == "summary" {
			s = last
		}
	}
	return c.ProcessState.ExitCode(), s, text.String()
}

// finish runs the example's job to its end, and again.
func (e *example) finish(rows int, output string) {
	t := e.t
	t.Helper()
	code, _, text := e.run("run", "job.yaml")
	if code != 2 || !strings.Contains(text, "API key") {
		t.Fatalf("without a key and --endpoint sim, the run ends with %d, want 2 and a word on the key: %s", code, text)
	}
	if _, err := os.Stat(e.path(output + ".genbatch")); err == nil {
		t.Fatal("a run that was refused left its state folder")
	}

	command := []string{"run", "job.yaml", "--endpoint", "sim", "--json"}
	code, s, text := e.run(command...)
	if code != 0 || !s.Simulated || s.Run.Requests != rows || s.Job.Rows != rows || s.Job.Status["ok"] != rows {
		t.Fatalf("the run ends with %d, want 0 and %d rows that are ok: %s", code, rows, text)
	}
	first, err := os.ReadFile(e.path(output))
	if err != nil {
		t.Fatal(err)
	}

	code, s, text = e.run(command...)
	if code != 0 || s.Run.Requests != 0 || s.Settled != rows || !s.Unchanged {
		t.Fatalf("run again, the job ends with %d and %d requests, want 0 of both: %s", code, s.Run.Requests, text)
	}
	second, err := os.ReadFile(e.path(output))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("%s is another after the second run", output)
	}
	if code, _, text := e.run("verify", "job.yaml"); code != 0 {
		t.Errorf("verify ends with %d: %s", code, text)
	}
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(rows) < 2 {
		t.Fatalf("%s has no rows", path)
	}
	return rows
}

func readJSONL(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for line := range bytes.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: line %d: %v", path, len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no rows", path)
	}
	return rows
}
