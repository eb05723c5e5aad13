package examples_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// findDuckDB returns the environment in which `duckdb` is the command line of DuckDB: the
// real one, or the one that testdata/duckdb.js plays over the real library.
func findDuckDB(t *testing.T) []string {
	t.Helper()
	bin := filepath.Dir(program())
	if _, err := exec.LookPath("duckdb"); err != nil {
		modules := filepath.Join(os.Getenv("GENBATCH_DUCKDB"), "node_modules")
		if _, err := os.Stat(filepath.Join(modules, "@duckdb/node-api")); os.Getenv("GENBATCH_DUCKDB") == "" || err != nil {
			t.Skip("needs DuckDB: `duckdb` in PATH, or `npm install --prefix DIR @duckdb/node-api` and GENBATCH_DUCKDB=DIR, as .ci/run does")
		}
		script, err := filepath.Abs("testdata/duckdb.js")
		if err != nil {
			t.Fatal(err)
		}
		played := filepath.Join(t.TempDir(), "duckdb")
		write(t, played, fmt.Sprintf("#!/bin/sh\nNODE_PATH='%s' exec node '%s' \"$@\"\n", modules, script))
		if err := os.Chmod(played, 0o700); err != nil {
			t.Fatal(err)
		}
		bin += ":" + filepath.Dir(played)
	}
	return append(cleanEnv(t), "PATH="+bin+":"+os.Getenv("PATH"), "GENBATCH_API_KEY=any")
}

// A warehouse is a database of DuckDB in a copy of the example's folder.
type warehouse struct {
	t   *testing.T
	dir string
	env []string
}

func newWarehouse(t *testing.T) *warehouse {
	w := &warehouse{t: t, env: findDuckDB(t), dir: copyFolder(t, "duckdb")}
	if code, out := w.run("", "duckdb", "tickets.duckdb", "-f", "setup.sql"); code != 0 {
		t.Fatalf("setup.sql: %s", out)
	}
	return w
}

func (w *warehouse) run(endpoint, name string, args ...string) (int, string) {
	w.t.Helper()
	c := exec.Command("/usr/bin/env", append([]string{name}, args...)...) // by the PATH of w.env
	c.Dir, c.Env = w.dir, append(w.env, "GENBATCH_ENDPOINT="+endpoint)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// label runs the example's script, which must end with a code after so many answers.
func (w *warehouse) label(s simulator, code, answers int) string {
	w.t.Helper()
	got, out := w.run(s.url, "./label.sh")
	if n := s.stats(w.t, "answered"); got != code || n != answers {
		w.t.Fatalf("label.sh ends with %d after %d answers, want %d after %d: %s", got, n, code, answers, out)
	}
	return out
}

// rows returns what a query, or a file with one, selects.
func (w *warehouse) rows(how, what string) (rows []map[string]any) {
	w.t.Helper()
	code, out := w.run("", "duckdb", "-json", "tickets.duckdb", how, what)
	if code != 0 || json.Unmarshal([]byte(out), &rows) != nil {
		w.t.Fatalf("%s: duckdb ends with %d: %s", what, code, out)
	}
	return rows
}

// values returns the only value, v, of each of some queries, as text.
func (w *warehouse) values(queries ...string) (values []string) {
	w.t.Helper()
	code, out := w.run("", "duckdb", "-json", "tickets.duckdb", "-c", strings.Join(queries, ";\n"))
	for line := range strings.Lines(out) {
		var rows []map[string]any
		if json.Unmarshal([]byte(line), &rows) != nil || len(rows) != 1 || rows[0]["v"] == nil {
			w.t.Fatalf("duckdb ends with %d: %s", code, out)
		}
		values = append(values, fmt.Sprint(rows[0]["v"]))
	}
	if len(values) == 0 {
		w.t.Fatalf("duckdb ends with %d and no values", code)
	}
	return values
}

// Rows go out of DuckDB through a pipe, and labels come back by key.
func TestDuckDB(t *testing.T) {
	unixOnly(t)
	t.Parallel()
	w := newWarehouse(t)
	sim := simulate(t)
	w.label(sim, 0, 12)
	first := w.values(
		"SELECT count(*) AS v FROM labels JOIN tickets USING (id) WHERE status = 'ok' AND label IS NOT NULL",
		"SELECT typeof(cost_usd) AS v FROM labels LIMIT 1",
		"SELECT sum(cost_usd)::VARCHAR AS v FROM labels",
		"SELECT label AS v FROM labels WHERE id = 1007")
	if first[0] != "12" {
		t.Errorf("%s tickets have labels, want 12", first[0])
	}

	// The cost is exact: the sum of the rows' is that of the job, to the last digit.
	var status struct {
		Cost json.Number `json:"cost_usd"`
	}
	if code, out := w.run("", "genbatch", "status", "out/labels.parquet", "--json"); code != 0 || json.Unmarshal([]byte(out), &status) != nil {
		t.Fatalf("status ends with %d: %s", code, out)
	}
	if first[1] != "DECIMAL(18,12)" {
		t.Errorf("the cost is a %s, want DECIMAL(18,12)", first[1])
	}
	sum, ok := new(big.Rat).SetString(first[2])
	if want, wantOK := new(big.Rat).SetString(status.Cost.String()); !ok || !wantOK || sum.Sign() <= 0 || sum.Cmp(want) != 0 {
		t.Errorf("the rows cost %v, the job %v", sum, status.Cost)
	}

	// Again, nothing is asked, and no row of the table is touched.
	const touched = "SELECT count(*) AS v FROM labels WHERE loaded_at > (SELECT min(loaded_at) FROM labels)"
	w.label(sim, 0, 12)
	// Then one ticket is changed, one is new and without an answer, and the first is gone.
	again := w.values(touched,
		"UPDATE tickets SET body = 'Refund the payment of my invoice.' WHERE id = 1007",
		"INSERT INTO tickets VALUES (1013, '2026-11-06', 'Hm', '[[sim:block]]')",
		"DELETE FROM tickets WHERE id = 1001")
	if again[0] != "0" {
		t.Errorf("loading the same again touched %s rows", again[0])
	}
	w.label(sim, 0, 14)
	changed := w.values(touched,
		"SELECT label AS v FROM labels WHERE id = 1007",
		"SELECT count(*) AS v FROM labels WHERE id = 1013 AND status = 'blocked' AND label IS NULL")
	if changed[0] != "2" {
		t.Errorf("one ticket changed and one new touched %s rows of the table, want 2", changed[0])
	}
	if changed[1] != "billing" || changed[1] == first[3] {
		t.Errorf("the changed ticket has the label %s, and had %s", changed[1], first[3])
	}
	if changed[2] != "1" {
		t.Error("the ticket that is blocked is not in the table with its status")
	}

	// The journal has every answer, that to the ticket's old text too.
	if n := w.rows("-f", "journal.sql"); fmt.Sprint(n) != "[map[answers:1 status:blocked tokens:82] map[answers:13 status:ok tokens:1316]]" {
		t.Errorf("the journal has %v", n)
	}

	// With the output in the pipe as well, into another database: DuckDB lets only one
	// process open one.
	code, out := w.run(sim.url, "bash", "-o", "pipefail", "-c", `duckdb tickets.duckdb -f export.sql |
		genbatch run job.yaml --yes -o - --output-format csv --state out/labels.parquet.genbatch |
		duckdb piped.duckdb -c "CREATE TABLE labels AS FROM read_csv('/dev/stdin', types = {cost_usd: 'DECIMAL(18, 12)'})"`)
	last := w.values(
		"SELECT count(*) AS v FROM answers JOIN labels USING (id) WHERE response->'$.candidates[0].content.parts[0]'->>'$.text' = label",
		"ATTACH 'piped.duckdb'",
		"SELECT count(*) AS v FROM piped.labels JOIN labels USING (id, status, cost_usd)")
	if last[0] != "12" {
		t.Errorf("%s answers are the label of their ticket, want 12", last[0])
	}
	if code != 3 || last[1] != "12" {
		t.Errorf("through two pipes come %s rows, with exit code %d: %s", last[1], code, out)
	}
	if n := sim.stats(t, "requests"); n != 14 {
		t.Errorf("another output asks %d rows again", n-14)
	}
}

// What fails at either end of the pipe loads nothing and loses nothing.
func TestDuckDBFailures(t *testing.T) {
	unixOnly(t)
	t.Parallel()
	w := newWarehouse(t)
	small := simulate(t, "--rpd", "5")
	w.label(small, 5, 5)
	tables := w.values("SELECT count(*) AS v FROM duckdb_tables() WHERE table_name = 'labels'", "ALTER TABLE tickets RENAME TO gone")
	if tables[0] != "0" {
		t.Error("labels are loaded of a run that is not finished")
	}
	sim := simulate(t)
	if code, out := w.run(sim.url, "./label.sh"); code != 1 || !strings.Contains(out, "label.sh: duckdb failed (exit code 1); nothing is loaded") {
		t.Errorf("without the table, label.sh ends with %d: %s", code, out)
	}
	w.run("", "duckdb", "tickets.duckdb", "-c", "ALTER TABLE gone RENAME TO tickets")
	w.label(sim, 0, 7)
	if n := w.values("SELECT count(*) AS v FROM labels WHERE status = 'ok'"); n[0] != "12" {
		t.Errorf("%s tickets have labels, want 12", n[0])
	}
}

// The journal of a job whose rows share calls is read by the same SQL: each ticket gets its own
// part of the answer, and its share of the tokens.
func TestDuckDBSharedAnswers(t *testing.T) {
	unixOnly(t)
	t.Parallel()
	w := newWarehouse(t)
	answer := []byte(`{"candidates":[{"content":{"parts":[{"text":"[{\"id\":\"bcd\",\"answer\":\"billing\"},{\"id\":\"fgh\",\"answer\":\"login\"},{\"id\":\"jkl\",\"answer\":\"other\"}]"}]}}],` +
		`"usageMetadata":{"totalTokenCount":100},"modelVersion":"m"}`)
	alone := []byte(`{"candidates":[{"content":{"parts":[{"text":"shipping"}]}}],"usageMetadata":{"totalTokenCount":40},"modelVersion":"m"}`)
	var results []*batch.Result
	for i, part := range []string{"bcd", "fgh", "jkl", ""} {
		r := &batch.Result{Fingerprint: batch.Fingerprint{byte(i)}, Key: fmt.Sprint(1001 + i), Status: batch.OK, Response: alone, Spent: []batch.Spend{{}}}
		if part != "" {
			r.Part, r.Response, r.Spent[0].Share = part, answer, batch.Share{Row: i, Of: 3}
		}
		results = append(results, r)
	}
	j, err := journal.Open(journal.Config{Dir: filepath.Join(w.dir, "out", "labels.parquet.genbatch"), SegmentBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	// The segments are so small that both have the shared answer.
	if err := errors.Join(j.Write(results[:2]), j.Write(results[2:]), j.Close()); err != nil {
		t.Fatal(err)
	}
	if n := w.rows("-f", "journal.sql"); fmt.Sprint(n) != "[map[answers:4 status:ok tokens:140]]" {
		t.Errorf("the journal has %v", n)
	}
	got := w.rows("-c", "SELECT id, text, total_tokens AS tokens, coalesce(part, 'alone') AS part FROM answers ORDER BY id")
	want := "[map[id:1001 part:bcd text:billing tokens:33] map[id:1002 part:fgh text:login tokens:33] " +
		"map[id:1003 part:jkl text:other tokens:34] map[id:1004 part:alone text:shipping tokens:40]]"
	if fmt.Sprint(got) != want {
		t.Errorf("the tickets have\n%v, want\n%v", got, want)
	}
}

// The query of docs/objects.md counts rows in the pieces of a copied journal as the journal does, also
// where pieces hold the same lines, and a line is not whole.
func TestQueryOfCopiedJournal(t *testing.T) {
	unixOnly(t)
	t.Parallel()
	w := &warehouse{t: t, env: findDuckDB(t), dir: t.TempDir()}
	page, err := os.ReadFile("../docs/objects.md")
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(string(page), "```sql\n")
	query, _, _ = strings.Cut(query, "```")

	dir := filepath.Join(w.dir, "journal")
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i, status := range []batch.Status{batch.OK, batch.Failed, batch.OK, batch.Invalid, batch.OK, batch.Failed, batch.Blocked, batch.OK} {
		row := i % 5 // 5 to 7 are those of 0 to 2 again
		if err := j.Write([]*batch.Result{{Fingerprint: batch.Fingerprint{byte(row)}, Row: int64(row), Status: status, Model: "m", At: time.Now(), Attempts: 1, Response: json.RawMessage(`{"candidates":[]}`)}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "results-000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.Mkdir(filepath.Join(w.dir, "copy"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, piece := range map[string][]string{
		"0000000000-0000000002": lines[:2], "0000000000-0000000004": lines[:4], "0000000002-0000000004": lines[2:4],
		"0000000004-0000000009": append(slices.Clone(lines[4:]), lines[1][:20]),
	} {
		write(t, filepath.Join(w.dir, "copy", "results-000001."+name+"-000001.jsonl"), strings.Join(piece, ""))
	}
	want := make(map[string]int64)
	for status, n := range j.Rows() {
		want[string(status)] = n
	}
	got := make(map[string]int64)
	for _, r := range w.rows("-c", strings.Replace(query, "s3://reviews/runs/labels", filepath.Join(w.dir, "copy"), 1)) {
		n, err := strconv.ParseInt(fmt.Sprint(r["rows"]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(r["status"])] = n
	}
	if !maps.Equal(got, want) || len(want) < 3 {
		t.Errorf("DuckDB counts %v, and the journal %v", got, want)
	}
}
