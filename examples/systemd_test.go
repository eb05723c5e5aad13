package examples_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// systemd itself reads the units, and finds neither a mistake nor a service that may do
// more than it needs.
func TestSystemdUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed; on Debian: apt-get install systemd")
	}
	dir := copyFolder(t, "systemd")
	service := filepath.Join(dir, "genbatch@tickets.service")
	if err := os.Rename(filepath.Join(dir, "genbatch@.service"), service); err != nil {
		t.Fatal(err)
	}
	timer := filepath.Join(dir, "genbatch@tickets.timer")
	if err := os.Rename(filepath.Join(dir, "genbatch@.timer"), timer); err != nil {
		t.Fatal(err)
	}
	failed := filepath.Join(dir, "genbatch-failed@tickets.service")
	if err := os.Rename(filepath.Join(dir, "genbatch-failed@.service"), failed); err != nil {
		t.Fatal(err)
	}
	if unit := readUnit(t, service); strings.ReplaceAll(unit["OnFailure"], "%i", "tickets") != filepath.Base(failed) {
		t.Errorf("a failure starts %s", unit["OnFailure"])
	}
	// verify looks whether the program is there.
	replace(t, service, "/usr/bin/genbatch", program())
	if out, err := exec.Command(analyze, "verify", service, timer, failed).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// The exposure is at most 2.0 of 10: "OK".
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", service).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// What systemd does after each exit code, by systemd.service(5).
func TestSystemdExitCodes(t *testing.T) {
	unit := readUnit(t, "systemd/genbatch@.service")
	if unit["Restart"] != "on-failure" {
		t.Fatalf("Restart=%s", unit["Restart"])
	}
	good, stay := append(strings.Fields(unit["SuccessExitStatus"]), "0"), strings.Fields(unit["RestartPreventExitStatus"])
	for code, want := range map[int]string{
		0: "success", 1: "restart", 2: "failed", 3: "success", 4: "failed", 5: "success",
		6: "failed", 7: "success", 8: "failed", 130: "success",
	} {
		got := "restart"
		switch {
		case slices.Contains(good, strconv.Itoa(code)):
			got = "success"
		case slices.Contains(stay, strconv.Itoa(code)):
			got = "failed"
		}
		if got != want {
			t.Errorf("after exit code %d the service is: %s, want %s", code, got, want)
		}
	}
}

// The service's command runs with what systemd gives it: the key comes from the
// credentials, and all that is written is in the state directory.
func TestSystemdCommand(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	unit := readUnit(t, "systemd/genbatch@.service")
	etc, lib, credentials := t.TempDir(), t.TempDir(), t.TempDir()
	inPlace := strings.NewReplacer("/etc/genbatch", etc, "/var/lib/genbatch", lib, "/usr/bin/genbatch", program(), "%i", "tickets")
	write(t, filepath.Join(etc, "tickets.yaml"), inPlace.Replace(read(t, "systemd/tickets.yaml")))
	table := read(t, "systemd/tickets.csv")
	write(t, filepath.Join(lib, "tickets.csv"), strings.Replace(table, "Opening hours", "[[sim:block]]", 1))
	write(t, filepath.Join(credentials, "gemini-key"), "key-of-the-service\n")

	run := func(s simulator) (int, string) {
		var words []string
		for _, word := range strings.Fields(inPlace.Replace(unit["ExecStart"])) {
			words = append(words, strings.ReplaceAll(word, "${CREDENTIALS_DIRECTORY}", credentials))
		}
		c := exec.Command(words[0], words[1:]...)
		c.Dir = inPlace.Replace(unit["WorkingDirectory"])
		// No HOME: systemd sets one only for the user's own entry of passwd.
		c.Env = []string{"PATH=/usr/bin:/bin", inPlace.Replace(unit["Environment"]), "GENBATCH_ENDPOINT=" + s.url}
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(out)
	}
	if code, out := run(simulate(t, "--accept-key", "another")); code != 4 {
		t.Errorf("with a wrong key the service ends with %d, want 4: %s", code, out)
	}
	if code, out := run(simulate(t, "--accept-key", "key-of-the-service", "--rpd", "3")); code != 5 {
		t.Errorf("with a quota of 3 a day the service ends with %d, want 5: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(lib, "genbatch")); err != nil {
		t.Errorf("what was learned of quotas is not in the state directory: %v", err)
	}
	right := simulate(t, "--accept-key", "key-of-the-service")
	if code, out := run(right); code != 3 || !strings.Contains(out, "1 blocked") {
		t.Errorf("with one row blocked the service ends with %d, want 3: %s", code, out)
	}
	if rows := readCSV(t, filepath.Join(lib, "labels.csv")); len(rows) != 1+12 {
		t.Errorf("the output has %d rows, want 12", len(rows)-1)
	}
	write(t, filepath.Join(lib, "tickets.csv"), table)
	if code, out := run(right); code != 0 || out != "" {
		t.Errorf("with the row changed the service ends with %d, want 0 and nothing in the journal: %s", code, out)
	}
}

// readUnit returns the settings of a unit; the last one counts.
func readUnit(t *testing.T, path string) map[string]string {
	t.Helper()
	unit := make(map[string]string)
	for line := range strings.Lines(read(t, path)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name[0] != '#' {
			unit[name] = value
		}
	}
	return unit
}
