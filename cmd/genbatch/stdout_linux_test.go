package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// Parquet is not written to a terminal, which it would only disturb. Nothing is sent for it.
func TestParquetToTerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no pseudo-terminal here (%v): run the test where devpts is mounted", err)
	}
	defer terminal.Close()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.csv", []byte("body\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	args := []string{"genbatch", "run", "-i", "in.csv", "-o", "-", "--output-format", "Parquet", "-m", "gemini-2.5-flash-lite", "--endpoint", "sim", "-p", "{{.body}}"}
	code := run(args, nil, os.Stdin, terminal, &stderr)
	if code != 2 || !strings.Contains(stderr.String(), "a terminal cannot show Parquet, which is no text") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
	if _, err := os.Stat("in.csv.stdout.genbatch"); !os.IsNotExist(err) {
		t.Errorf("something was begun: %v", err)
	}
}
