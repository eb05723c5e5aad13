package examples_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const agentsPage = "../docs/agents.md"

// The skill is the page, and has the front matter that readers of skills ask for.
func TestAgentsSkill(t *testing.T) {
	page := read(t, agentsPage)
	if read(t, "agents/SKILL.md") != page {
		t.Error("the skill is not the page: cp docs/agents.md examples/agents/SKILL.md")
	}
	front, _, ok := strings.Cut(strings.TrimPrefix(page, "---\n"), "\n---\n")
	var head struct{ Name, Description string }
	if err := yaml.UnmarshalWithOptions([]byte(front), &head, yaml.Strict()); err != nil || !ok {
		t.Fatalf("the front matter: %v", err)
	}
	if head.Name != "genbatch" || head.Description == "" || len(head.Description) > 1024 {
		t.Errorf("the front matter is %+v", head)
	}
}

// tableRow matches a row of one of the page's tables, with its cells.
var tableRow = regexp.MustCompile(`(?m)^\|(.+)\|$`)

// table returns the cells of the page's table that stands below a heading.
func table(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	_, text, ok := strings.Cut(read(t, agentsPage), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page has no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for _, m := range tableRow.FindAllStringSubmatch(text, -1) {
		cells := strings.Split(m[1], " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("there is no table below %q", heading)
	}
	return rows[2:]
}

func TestAgentsExitCodes(t *testing.T) {
	var codes []string
	for _, row := range table(t, "Exit codes, and what to do") {
		codes = append(codes, row[0])
	}
	if want := strings.Fields("0 1 2 3 4 5 6 7 8 9 130"); !slices.Equal(codes, want) {
		t.Errorf("the page has the exit codes %q, want %q", codes, want)
	}
}

var code = regexp.MustCompile("`([a-z_.]+)`")

// Every field that the page names is in the real output of the command that it names.
func TestAgentsJSON(t *testing.T) {
	t.Parallel()
	dir := copyFolder(t, "cron")
	env := append(cleanEnv(t), "GENBATCH_API_KEY=any")
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(program(), args...)
		c.Dir, c.Env = dir, env
		return c
	}
	records := make(map[string][]map[string]any)
	collect := func(out []byte) {
		for line := range strings.Lines(string(out)) {
			var record map[string]any
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if kind, ok := record["type"].(string); ok {
				records[kind] = append(records[kind], record)
			} else if record["level"] == nil || record["msg"] == nil {
				t.Errorf("a line without a type has no level and msg: %s", line)
			}
		}
	}
	run := func(exitCode int, args ...string) {
		t.Helper()
		c := command(args...)
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := c.ProcessState.ExitCode(); got != exitCode {
			t.Fatalf("%q ends with %d, want %d: %s", args, got, exitCode, out)
		}
		collect(out)
	}

	run(2, "run", "missing.yaml", "--json")
	run(4, "run", "job.yaml", "--json", "--endpoint", simulate(t, "--accept-key", "another").url)
	slow := simulate(t, "--latency", "1s")
	c := command("run", "job.yaml", "--json", "--endpoint", slow.url, "--limit", "6", "--concurrency", "1")
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	slow.await(t, "inFlight", 1)
	run(0, "status", "job.yaml", "--json")
	run(0, "ctl", "job.yaml", "state", "--json")
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	collect([]byte(stderr.String()))
	run(0, "plan", "job.yaml", "--json", "--endpoint", "sim") // after the first answers
	run(0, "plan", "job.yaml", "--json", "--endpoint", "sim", "--tier", "batch", "--output", "batch.csv")
	known := "id,subject,body,want\n1,Refund,My invoice,billing\n2,Parcel,Not here,shipping\n3,Hello,Thanks,other\n"
	if err := os.WriteFile(filepath.Join(dir, "known.csv"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "plan", "job.yaml", "--json", "--endpoint", "sim", "--input", "known.csv", "--output", "ways.csv", "--pilot", "3", "--rows-per-call", "1,2", "--expected", "want")
	run(0, "plan", "job.yaml", "--json", "--endpoint", "yescale", "--base-url", "https://example.com", "--output", "gateway.csv") // it has no tiers
	run(0, "verify", "job.yaml", "--json")
	run(0, "show", "job.yaml", "--json", "--row", "1")
	run(0, "run", "job.yaml", "--json", "--endpoint", "sim", "--limit", "6", "--output", "other.csv")
	run(0, "compare", "job.yaml", "other.csv", "--json", "--expected", "subject")

	kind := ""
	for _, row := range table(t, "JSON") {
		kind = strings.Trim(row[1], "`")
		if len(records[kind]) == 0 {
			t.Errorf("no command prints a record of the type %s", kind)
		}
		for _, m := range code.FindAllStringSubmatch(row[2], -1) {
			name := m[1]
			if name != "null" && !slices.ContainsFunc(records[kind], func(r map[string]any) bool { return has(r, name) }) {
				t.Errorf("no record of the type %s has the field %s", kind, name)
			}
		}
	}

	// What the page's examples with jq read is there.
	last := records["summary"][len(records["summary"])-1]
	for _, name := range []string{"exit_code", "job.rows", "job.status", "job.cost_usd"} {
		if !has(last, name) {
			t.Errorf("the summary has no %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out/labels.csv")); err != nil {
		t.Error(err)
	}
}

// has reports whether a record, or an object in it, has a field, whose name may be a path.
func has(record map[string]any, name string) bool {
	first, rest, nested := strings.Cut(name, ".")
	if value, ok := record[first]; ok {
		inner, isObject := value.(map[string]any)
		return !nested || isObject && has(inner, rest)
	}
	for _, value := range record {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, value := range list {
			if inner, ok := value.(map[string]any); ok && has(inner, name) {
				return true
			}
		}
	}
	return false
}
