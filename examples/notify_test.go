package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The crontab's command runs as under cron. A program in the place of mail keeps what it is
// given.
func TestNotify(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	dir, home, bin := copyFolder(t, "notify"), t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".config/genbatch"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, ".config/genbatch/gemini.key"), "key-of-the-example\n")
	kept := filepath.Join(home, "mail")
	if err := os.WriteFile(filepath.Join(bin, "mail"), []byte("#!/bin/sh\n{ echo \"$@\"; cat; } >>"+kept+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	command, path := "", ""
	for line := range strings.Lines(read(t, "notify/crontab")) {
		if m := crontabLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			command = strings.Replace(m[1], "/home/you/tickets", dir, 1)
		}
		if value, ok := strings.CutPrefix(line, "PATH="); ok {
			path = "PATH=" + bin + ":" + filepath.Dir(program()) + ":" + strings.TrimSpace(value)
		}
	}
	// run returns what cron and the example mail.
	run := func(env ...string) (byCron, byUs string) {
		t.Helper()
		_ = os.Remove(kept)
		c := exec.Command("/bin/sh", "-c", command)
		c.Dir, c.Env = home, append([]string{"HOME=" + home, "LOGNAME=you", "SHELL=/bin/sh", path}, env...)
		out, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(kept)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(out), string(text)
	}
	table := read(t, "notify/tickets.csv")
	if c, u := run("GENBATCH_ENDPOINT=" + simulate(t, "--accept-key", "another").url); c != "" || !strings.HasPrefix(u, "-s genbatch: labels.csv: exit code 4 you\n") || !strings.Contains(u, "not finished") || strings.Contains(u, "key-of-the-example") {
		t.Errorf("with a wrong key cron mails %q, and the example %q", c, u)
	}
	if c, u := run("GENBATCH_ENDPOINT=" + simulate(t, "--accept-key", "key-of-the-example", "--rpd", "3").url); c != "" || u != "" {
		t.Errorf("with a quota of 3 a day cron mails %q, and the example %q", c, u)
	}
	write(t, filepath.Join(dir, "tickets.csv"), strings.Replace(table, "Opening hours", "[[sim:block]]", 1))
	right := "GENBATCH_ENDPOINT=" + simulate(t, "--accept-key", "key-of-the-example").url
	if c, u := run(right, "NOTIFY=me@example.com"); c != "" || !strings.HasPrefix(u, "-s genbatch: labels.csv: exit code 3 me@example.com\nThe table is complete.") || !strings.Contains(u, `"type":"summary"`) {
		t.Errorf("with one row blocked cron mails %q, and the example %q", c, u)
	}
	if c, u := run(right); c != "" || u != "" {
		t.Errorf("when nothing has changed since, cron mails %q, and the example %q", c, u)
	}
	write(t, filepath.Join(dir, "tickets.csv"), table)
	if c, u := run(right); c != "" || u != "" {
		t.Errorf("when all is well cron mails %q, and the example %q", c, u)
	}
	replace(t, filepath.Join(dir, "job.yaml"), "key: id", "key: number")
	if c, u := run(right); !strings.Contains(c, `the column "number"`) || u != "" {
		t.Errorf("with a mistake in the job cron mails %q, and the example %q", c, u)
	}
}
