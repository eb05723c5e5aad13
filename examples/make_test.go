package examples_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// make asks what is new, and nothing else; what fails leaves what there was.
func TestMake(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("make", "--version").Output(); err != nil || !strings.HasPrefix(string(out), "GNU Make") {
		t.Skip("GNU make is not installed; on Debian: apt-get install make")
	}
	dir := copyFolder(t, "make")
	path := func(name string) string { return filepath.Join(dir, name) }
	env := append(cleanEnv(t), "GENBATCH="+program(), "GENBATCH_API_KEY=any")
	run := func(s simulator, args ...string) (int, string) {
		c := exec.Command("make", args...)
		c.Dir, c.Env = dir, append(env, "GENBATCH_ENDPOINT="+s.url)
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(out)
	}
	// good runs make, which must succeed after so many requests in all.
	sim := simulate(t, "--accept-key", "any")
	good := func(requests int, args ...string) string {
		t.Helper()
		code, out := run(sim, args...)
		if code != 0 {
			t.Fatalf("make %q ends with %d: %s", args, code, out)
		}
		if n := sim.stats(t, "requests"); n != requests {
			t.Fatalf("after make %q there were %d requests, want %d: %s", args, n, requests, out)
		}
		return out
	}

	good(0, "plan")
	good(12, "-j2")
	counts := make(map[string]int)
	for _, name := range []string{"a", "b"} {
		for _, row := range readCSV(t, path("out/2026-11"+name+".labels.csv"))[1:] {
			counts[row[1]]++
		}
	}
	total := 0
	for line := range strings.Lines(read(t, path("out/counts.txt"))) {
		var n int
		var label string
		if _, err := fmt.Sscan(line, &n, &label); err != nil || counts[label] != n {
			t.Errorf("counts.txt says %q, and the tables %v", line, counts)
		}
		total += n
	}
	if total != 12 {
		t.Errorf("counts.txt counts %d rows, want 12", total)
	}

	if out := good(12); !strings.Contains(out, "Nothing to be done") {
		t.Errorf("make again has something to do: %s", out)
	}

	// One more row, which has no answer: one table is made again, with one request.
	before := read(t, path("in/2026-11a.csv"))
	write(t, path("in/2026-11a.csv"), before+"1013,2026-11-06,Hm,[[sim:block]]\n")
	if out := good(13); strings.Contains(out, "2026-11b.labels.csv --quiet") {
		t.Errorf("make runs a table that has not changed: %s", out)
	}
	if rows := readCSV(t, path("out/2026-11a.labels.csv")); len(rows) != 1+7 || rows[7][2] != "blocked" {
		t.Errorf("the table with one more row ends in %q", rows[len(rows)-1])
	}

	// An endpoint that refuses leaves the old table, and make tries it again next time.
	labels := read(t, path("out/2026-11b.labels.csv"))
	write(t, path("in/2026-11b.csv"), read(t, path("in/2026-11b.csv"))+"1014,2026-11-06,Refund,Where is it?\n")
	if code, out := run(simulate(t, "--accept-key", "another")); code != 2 || !strings.Contains(out, "Error 4") {
		t.Errorf("refused, make ends with %d, want 2 and a word on exit code 4: %s", code, out)
	}
	if read(t, path("out/2026-11b.labels.csv")) != labels {
		t.Error("a run that was refused changed the table")
	}
	good(14)
	if rows := readCSV(t, path("out/2026-11b.labels.csv")); len(rows) != 1+7 {
		t.Errorf("the table has %d rows, want 7", len(rows)-1)
	}

	// What clean removes is made again without asking.
	good(14, "clean")
	good(14)
	good(14, "status")
}
